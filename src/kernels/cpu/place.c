// A piece of a view copied to another place, and its gradient: ranges of rows, 16 channels at a time. Channels that lie side by
// side in both tensors are read as they are, others are gathered.
// Not here: the plain reading of the sizes (../ref/place.c).
// Next: view.h for the shared pieces.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/view.h"

enum { BLOCK = 32, ROWS = 512 }; // rows at once; rows of a tile

// The channels of one tensor that up to 16 of the other are, -1: none; `run`: they lie side by side.
typedef struct {
    int of[LANE], n;
    bool run;
} channels;

static channels channels_begin(int n) {
    channels m = {.n = min_int(n, LANE), .run = true};
    for (int j = m.n; j < LANE; j++) m.of[j] = -1;
    return m;
}

static void channels_put(channels *m, int j, int of) {
    m->of[j] = of;
    m->run = m->run && of >= 0 && of == m->of[0] + j;
}

// Of y's channels from k on in x; of x's from c on in y.
static channels channels_in_x(const sn_place_size *s, int k) {
    channels m = channels_begin(s->count - k);
    for (int j = 0; j < m.n; j++) {
        int c = s->first + k + j;
        channels_put(&m, j, c % s->groups * (s->c / s->groups) + c / s->groups);
    }
    return m;
}

static channels channels_in_y(const sn_place_size *s, int c) {
    channels m = channels_begin(s->c - c);
    int each = s->c / s->groups;
    for (int j = 0; j < m.n; j++) {
        int k = (c + j) % each * s->groups + (c + j) / each - s->first;
        channels_put(&m, j, k >= 0 && k < s->count ? k : -1);
    }
    return m;
}

// The lanes of p that are some channel; the others 0.
INLINE v16 gather(const channels *m, const float *p) {
    float lane[LANE];
    if (m->run) return v_load_to(p + m->of[0], m->n);
    for (int j = 0; j < LANE; j++) lane[j] = m->of[j] < 0 ? 0 : p[m->of[j]];
    return v_load(lane);
}

static int64_t rows_of(int64_t rows, int64_t tile) {
    int64_t left = rows - tile * ROWS;
    return left < ROWS ? left : ROWS;
}

// --- place forward: y and statistics overwritten
static int64_t rows_of_y(const sn_place_size *s) {
    return (int64_t)s->n * s->ho * s->wo;
}

bool LANES(place_forward_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(place_forward_tiles)(const sn_call *call) {
    return ceil_div(rows_of_y(&call->as.place_forward.size), ROWS);
}

int64_t LANES(place_forward_work)(const sn_call *call) {
    const sn_place_forward *p = &call->as.place_forward;
    return stat_work(&p->stat, ceil_div(rows_of_y(&p->size), ROWS), p->size.count);
}

size_t LANES(place_forward_scratch)(const sn_call *call) {
    return 3 * (size_t)tile_vector(call->as.place_forward.size.count) * sizeof(float);
}

// Where the pixel of x begins that a row of y is; -1: outside.
static int64_t read_by(const sn_place_size *s, int64_t row) {
    if (s->stride == 1 && s->shift == 0 && s->ho == s->h && s->wo == s->w) return row * s->c;
    int64_t j = row % s->wo, i = row / s->wo % s->ho, n = row / s->wo / s->ho;
    int64_t h = i * s->stride + s->shift, w = j * s->stride + s->shift;
    return h < s->h && w < s->w ? ((n * s->h + h) * s->w + w) * s->c : -1;
}

static void place_rows(const sn_place_forward *p, const source *x, const channels *in_x, float *y, const int64_t *from, int m,
                       int n) {
    affine a = {v_zero(), v_zero(), v_zero()};
    if (x->mean) a = (affine){gather(in_x, x->mean), gather(in_x, x->scale), gather(in_x, x->shift)};
    for (int r = 0; r < m; r++) {
        v16 u = v_zero();
        if (from[r] >= 0) u = act_apply(x->act, affine_apply(x->mean != NULL, &a, gather(in_x, x->x + from[r])));
        v_store_to(y + (int64_t)r * p->size.co, u, n);
    }
}

void LANES(place_forward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_place_forward *p = &call->as.place_forward;
    const sn_place_size *s = &p->size;
    bool nothing = p->x.data == SN_NONE;
    source x = nothing ? (source){.act = SN_LINEAR} : source_of(b, &p->x);
    float *y = (float *)b->arena + p->y;
    tile_stat stat = tile_stat_begin(scratch, s->count);
    int rows = (int)rows_of(rows_of_y(s), tile);
    for (int r = 0; r < rows; r += BLOCK) {
        int m = min_int(rows - r, BLOCK);
        int64_t first = tile * ROWS + r, from[BLOCK];
        for (int i = 0; i < m; i++) from[i] = nothing ? -1 : read_by(s, first + i);
        for (int k = 0; k < s->count; k += LANE) {
            channels in_x = channels_in_x(s, k);
            place_rows(p, &x, &in_x, y + first * s->co + k, from, m, in_x.n);
            if (p->stat.mean != SN_NONE) LANES(tile_stat_rows)(&stat, r == 0, y + first * s->co + k, s->co, m, k, in_x.n);
        }
    }
    if (p->stat.mean != SN_NONE) tile_stat_end(&stat, (float *)b->arena + call->work, tile, s->count, 0, s->count, rows);
}

static int64_t place_forward_rows(const sn_call *call, int64_t tile) {
    return rows_of(rows_of_y(&call->as.place_forward.size), tile);
}

void LANES(place_forward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_place_forward *p = &call->as.place_forward;
    LANES(stat_finish)(b, call, &p->stat, ceil_div(rows_of_y(&p->size), ROWS), p->size.count, place_forward_rows);
}

// --- place backward: dy overwritten, sums overwritten
static int64_t rows_of_x(const sn_place_size *s) {
    return (int64_t)s->n * s->h * s->w;
}

typedef struct {
    int64_t *rows, *from; // BLOCK each: where they begin in x; in y, -1: not read
    float *dz;            // BLOCK rows of one v16
    float *sums;          // 2 vectors
} memory;

static size_t carve_memory(void *scratch, int c, memory *m) {
    carving k = {.base = scratch};
    m->rows = carve(&k, BLOCK, sizeof *m->rows);
    m->from = carve(&k, BLOCK, sizeof *m->from);
    m->dz = carve_floats(&k, BLOCK * LANE);
    m->sums = carve_floats(&k, 2 * tile_vector(c));
    return k.used;
}

bool LANES(place_backward_supports)(const sn_call *call) {
    return (void)call, true;
}

int64_t LANES(place_backward_tiles)(const sn_call *call) {
    return ceil_div(rows_of_x(&call->as.place_backward.size), ROWS);
}

int64_t LANES(place_backward_work)(const sn_call *call) {
    const sn_place_backward *p = &call->as.place_backward;
    return sums_work(&p->into, ceil_div(rows_of_x(&p->size), ROWS), p->size.c);
}

size_t LANES(place_backward_scratch)(const sn_call *call) {
    memory m;
    return carve_memory(NULL, call->as.place_backward.size.c, &m);
}

// The pixel of y that pixel x is, of `out`; or -1.
static int64_t pixel(const sn_place_size *s, int64_t x, int out) {
    int64_t from = x - s->shift;
    return from >= 0 && from % s->stride == 0 && from / s->stride < out ? from / s->stride : -1;
}

// Where the pixel of y begins that a row of x is; -1: none.
static int64_t written_to(const sn_place_size *s, int64_t row) {
    if (s->stride == 1 && s->shift == 0 && s->ho == s->h && s->wo == s->w) return row * s->co;
    int64_t j = pixel(s, row % s->w, s->wo), i = pixel(s, row / s->w % s->h, s->ho), n = row / s->w / s->h;
    return i >= 0 && j >= 0 ? ((n * s->ho + i) * s->wo + j) * s->co : -1;
}

static void take_rows(const gradient *g, const channels *in_y, const memory *mem, int m) {
    slopes a = {v_zero(), v_zero(), v_zero(), v_zero()};
    if (g->a) a = (slopes){gather(in_y, g->mean), gather(in_y, g->a), gather(in_y, g->b), gather(in_y, g->c)};
    for (int r = 0; r < m; r++) {
        v16 dz = v_zero();
        if (mem->from[r] >= 0) dz = gather(in_y, g->dy + mem->from[r]);
        if (mem->from[r] >= 0 && g->a) dz = slopes_apply(&a, dz, gather(in_y, g->x + mem->from[r]));
        v_store(mem->dz + r * LANE, dz);
    }
}

void LANES(place_backward_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_place_backward *p = &call->as.place_backward;
    const sn_place_size *s = &p->size;
    memory mem;
    carve_memory(scratch, s->c, &mem);
    gradient g = gradient_of(b, &p->g);
    target into = target_of(b, &p->into, rows_of_x(s), s->c, mem.sums, 0, s->c);
    int rows = (int)rows_of(rows_of_x(s), tile);
    for (int r = 0; r < rows; r += BLOCK) {
        int m = min_int(rows - r, BLOCK);
        for (int i = 0; i < m; i++) {
            int64_t row = tile * ROWS + r + i;
            mem.rows[i] = row * s->c, mem.from[i] = written_to(s, row);
        }
        for (int c = 0; c < s->c; c += LANE) {
            channels in_y = channels_in_y(s, c);
            take_rows(&g, &in_y, &mem, m);
            LANES(target_block)(&into, mem.rows, mem.dz, LANE, m, c, in_y.n);
        }
    }
    target_end(&into, (float *)b->arena + call->work, tile, s->c, 0, s->c);
}

void LANES(place_backward_finish)(const sn_bases *b, const sn_call *call) {
    const sn_place_backward *p = &call->as.place_backward;
    LANES(sums_finish)(b, call, &p->into, ceil_div(rows_of_x(&p->size), ROWS), p->size.c);
}
