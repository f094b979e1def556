// A tensor times one number per image and channel, as squeeze-excite has it; and both gradients. A tile is a few images.
// Not here: where the numbers come from (supernet/engine/plan.h).
// Next: view.h for the shared pieces.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/view.h"

enum { BLOCK = 32, IMAGES = 4 }; // rows at once; images of a tile

static int images_in(int n, int64_t tile) {
    return min_int(n - (int)tile * IMAGES, IMAGES);
}

typedef struct {
    int64_t *rows; // BLOCK: where they begin
    float *z, *g;  // BLOCK rows of one v16
    float *sums;   // 3 vectors
} memory;

static size_t carve_memory(void *scratch, int c, memory *m) {
    carving k = {.base = scratch};
    m->rows = carve(&k, BLOCK, sizeof *m->rows);
    m->z = carve_floats(&k, BLOCK * LANE);
    m->g = carve_floats(&k, BLOCK * LANE);
    m->sums = carve_floats(&k, 3 * tile_vector(c));
    return k.used;
}

// Where the rows of a block begin; returns how many there are.
static int block_rows(const memory *m, int64_t image, int pixels, int first, int c) {
    int rows = min_int(pixels - first, BLOCK);
    for (int i = 0; i < rows; i++) m->rows[i] = (image * pixels + first + i) * c;
    return rows;
}

static v16 gain_of(const source *gain, int64_t image, int c_all, int c, int n) {
    affine a = affine_at(gain->mean != NULL, gain->mean, gain->scale, gain->shift, c, n);
    return source_read(gain, &a, gain->x + image * c_all + c, n);
}

// --- forward: y and statistics overwritten
bool LANES(scale_forward_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(scale_forward_tiles)(const sn_call *call) {
    return ceil_div(call->as.scale_forward.n, IMAGES);
}

int64_t LANES(scale_forward_work)(const sn_call *call) {
    const sn_scale_forward *p = &call->as.scale_forward;
    return stat_work(&p->stat, ceil_div(p->n, IMAGES), p->c);
}

size_t LANES(scale_forward_scratch)(const sn_call *call) {
    memory m;
    return carve_memory(NULL, call->as.scale_forward.c, &m);
}

void LANES(scale_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_scale_forward *p = &call->as.scale_forward;
    memory mem;
    carve_memory(scratch, p->c, &mem);
    source x = source_of(b, &p->x), gain = source_of(b, &p->gain);
    float *y = (float *)b->arena + p->y;
    tile_stat stat = tile_stat_begin(mem.sums, p->c);
    int64_t first = tile * IMAGES, end = first + images_in(p->n, tile);
    for (int64_t image = first; image < end; image++)
        for (int r = 0; r < p->pixels; r += BLOCK) {
            int m = block_rows(&mem, image, p->pixels, r, p->c);
            for (int c = 0; c < p->c; c += LANE) {
                int n = min_int(p->c - c, LANE);
                v16 factor = gain_of(&gain, image, p->c, c, n);
                LANES(source_block)(&x, mem.rows, m, c, n, (sheet){mem.z, LANE, LANE, 0});
                for (int i = 0; i < m; i++) v_store_to(y + mem.rows[i] + c, v_mul(v_load(mem.z + i * LANE), factor), n);
                if (p->stat.mean != SN_NONE)
                    LANES(tile_stat_rows)(&stat, image == first && !r, y + mem.rows[0] + c, p->c, m, c, n);
            }
        }
    if (p->stat.mean != SN_NONE)
        tile_stat_end(&stat, (float *)b->arena + call->work, tile, p->c, 0, p->c, (end - first) * p->pixels);
}

static int64_t forward_rows(const sn_call *call, int64_t tile) {
    return (int64_t)images_in(call->as.scale_forward.n, tile) * call->as.scale_forward.pixels;
}

void LANES(scale_forward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_scale_forward *p = &call->as.scale_forward;
    LANES(stat_finish)(b, call, &p->stat, ceil_div(p->n, IMAGES), p->c, forward_rows);
}

// --- backward: dy overwritten, sums overwritten
bool LANES(scale_backward_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(scale_backward_tiles)(const sn_call *call) {
    return ceil_div(call->as.scale_backward.n, IMAGES);
}

int64_t LANES(scale_backward_work)(const sn_call *call) {
    const sn_scale_backward *p = &call->as.scale_backward;
    return sums_work(&p->into, ceil_div(p->n, IMAGES), p->c);
}

size_t LANES(scale_backward_scratch)(const sn_call *call) {
    memory m;
    return carve_memory(NULL, call->as.scale_backward.c, &m);
}

void LANES(scale_backward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_scale_backward *p = &call->as.scale_backward;
    memory mem;
    carve_memory(scratch, p->c, &mem);
    gradient g = gradient_of(b, &p->g);
    source gain = source_of(b, &p->gain);
    target into = target_of(b, &p->into, (int64_t)p->n * p->pixels, p->c, mem.sums, 0, p->c);
    for (int64_t image = tile * IMAGES, end = image + images_in(p->n, tile); image < end; image++)
        for (int r = 0; r < p->pixels; r += BLOCK) {
            int m = block_rows(&mem, image, p->pixels, r, p->c);
            for (int c = 0; c < p->c; c += LANE) {
                int n = min_int(p->c - c, LANE);
                v16 factor = gain_of(&gain, image, p->c, c, n);
                LANES(gradient_block)(&g, mem.rows, m, c, n, (sheet){mem.g, LANE, LANE, 0});
                for (int i = 0; i < m; i++) v_store(mem.g + i * LANE, v_mul(v_load(mem.g + i * LANE), factor));
                LANES(target_block)(&into, mem.rows, mem.g, LANE, m, c, n);
            }
        }
    target_end(&into, (float *)b->arena + call->work, tile, p->c, 0, p->c);
}

void LANES(scale_backward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_scale_backward *p = &call->as.scale_backward;
    LANES(sums_finish)(b, call, &p->into, ceil_div(p->n, IMAGES), p->c);
}

// --- backward of the gain: dy overwritten, sums overwritten; pixels in four interleaved sums, block after block
bool LANES(scale_backward_gain_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(scale_backward_gain_tiles)(const sn_call *call) {
    return ceil_div(call->as.scale_backward_gain.n, IMAGES);
}

int64_t LANES(scale_backward_gain_work)(const sn_call *call) {
    const sn_scale_backward_gain *p = &call->as.scale_backward_gain;
    return sums_work(&p->into, ceil_div(p->n, IMAGES), p->c);
}

size_t LANES(scale_backward_gain_scratch)(const sn_call *call) {
    memory m;
    return carve_memory(NULL, call->as.scale_backward_gain.c, &m);
}

// The sum over an image's pixels of g times x, for n channels from c on.
static v16 sum_products(const sn_scale_backward_gain *p, const memory *mem, const gradient *g, const source *x, int64_t image,
                        int c, int n) {
    v16 all = v_zero();
    for (int r = 0; r < p->pixels; r += BLOCK) {
        int m = block_rows(mem, image, p->pixels, r, p->c);
        v16 sum[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
        LANES(gradient_block)(g, mem->rows, m, c, n, (sheet){mem->g, LANE, LANE, 0});
        LANES(source_block)(x, mem->rows, m, c, n, (sheet){mem->z, LANE, LANE, 0});
        for (int i = 0; i < m; i++) sum[i & 3] = v_fma(v_load(mem->g + i * LANE), v_load(mem->z + i * LANE), sum[i & 3]);
        all = v_add(all, v_add(v_add(sum[0], sum[1]), v_add(sum[2], sum[3])));
    }
    return all;
}

void LANES(scale_backward_gain_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_scale_backward_gain *p = &call->as.scale_backward_gain;
    memory mem;
    carve_memory(scratch, p->c, &mem);
    gradient g = gradient_of(b, &p->g);
    source x = source_of(b, &p->x);
    target into = target_of(b, &p->into, p->n, p->c, mem.sums, 0, p->c);
    for (int64_t image = tile * IMAGES, end = image + images_in(p->n, tile); image < end; image++)
        for (int c = 0; c < p->c; c += LANE) {
            int n = min_int(p->c - c, LANE);
            int64_t row = image * p->c;
            v_store(mem.z, sum_products(p, &mem, &g, &x, image, c, n));
            LANES(target_block)(&into, &row, mem.z, LANE, 1, c, n);
        }
    target_end(&into, (float *)b->arena + call->work, tile, p->c, 0, p->c);
}

void LANES(scale_backward_gain_finish)(const sn_bases *b, const sn_call *call) {
    const sn_scale_backward_gain *p = &call->as.scale_backward_gain;
    LANES(sums_finish)(b, call, &p->into, ceil_div(p->n, IMAGES), p->c);
}
