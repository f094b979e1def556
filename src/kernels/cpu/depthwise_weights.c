// Gradient of the weights of a depthwise convolution: dw[tap] += sum over pixels of view(x) at the tap times g.
// Not here: forward and gradient of the input (depthwise.c).
// Next: depthwise.h.
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/depthwise.h"

// Sums in registers at once, each of one tap. Each runs over the pixels of a band in order from 0; bands are added in order.
#if defined(SN_LANES_avx512)
enum { AT_ONCE = 25 };
#else
enum { AT_ONCE = 13 };
#endif

static const sn_conv_size *size_of(const sn_call *call) {
    return &call->as.conv_backward_weights.size;
}

bool LANES(depthwise_weights_supports)(const sn_call *call) {
    return is_depthwise(size_of(call));
}

int64_t LANES(depthwise_weights_tiles)(const sn_call *call) {
    depthwise_tiles t = depthwise_tiles_of(size_of(call));
    return (int64_t)t.channel_groups * t.image_groups;
}

int64_t LANES(depthwise_weights_work)(const sn_call *call) { // (image group, taps, channels)
    const sn_conv_size *s = size_of(call);
    return (int64_t)depthwise_tiles_of(s).image_groups * s->kernel * s->kernel * s->co;
}

typedef struct {
    int64_t *offsets; // of the pixels in a row
    float *x, *g;     // planes
    float *dw;        // (blocks, taps, LANE)
} memory;

static planes output_planes(const sn_conv_size *s, float *data, int row, int rows) {
    return (planes){data, LANE, row, rows, 0, s->wo};
}

static size_t carve_memory(void *scratch, const sn_conv_size *s, memory *m) {
    carving c = {.base = scratch};
    planes x = forward_planes(s, NULL, LANE, 0, forward_band(s)), g = output_planes(s, NULL, 0, forward_band(s));
    m->offsets = carve(&c, s->w, sizeof *m->offsets);
    m->x = carve_floats(&c, planes_floats(&x));
    m->g = carve_floats(&c, planes_floats(&g));
    m->dw = carve_floats(&c, s->kernel * s->kernel * CHANNELS);
    return c.used;
}

size_t LANES(depthwise_weights_scratch)(const sn_call *call) {
    memory mem;
    return carve_memory(NULL, size_of(call), &mem);
}

typedef struct {
    const float *x, *g; // planes of one block
    float *dw;          // (taps, LANE)
    int width;          // of x
    int rows;           // of g
    upcoming *next[2];  // of the tensors that x and g are formed of
} block;

// `count` taps from `first` on of a kernel of k x k with that dilation. All known at compile time, or not.
INLINE void add_taps(int k, int first, int count, int dilation, const sn_conv_size *s, const block *b, int part) {
    reg acc[AT_ONCE];
    int64_t step = s->stride * LANE, down = (int64_t)s->dilation * b->width * LANE, right = dilation * LANE;
    int top = first / k, lines = (first + count - 1) / k - top + 1; // rows of the kernel
    UNROLL
    for (int i = 0; i < count; i++) acc[i] = reg_zero();
    const float *g = b->g + part;
    for (int row = 0; row < b->rows; row++) {
        const float *line[SIDE_MAX];
        UNROLL
        for (int i = 0; i < lines; i++) {
            line[i] = b->x + (int64_t)row * s->stride * b->width * LANE + (top + i) * down + part;
            __asm__("" : "+r"(line[i])); // keep one pointer for each row: one for each tap would not fit in the registers
        }
        upcoming_fetch(b->next[0]);
        upcoming_fetch(b->next[1]);
        int64_t x = 0;
        for (int column = 0; column < s->wo; column++, x += step, g += LANE) {
            reg d = reg_load(g);
            UNROLL
            for (int i = 0; i < count; i++)
                acc[i] = reg_fma(reg_load(line[(first + i) / k - top] + (first + i) % k * right + x), d, acc[i]);
        }
    }
    UNROLL
    for (int i = 0; i < count; i++) {
        float *dw = b->dw + (first + i) * LANE + part;
        reg_store(dw, reg_add(reg_load(dw), acc[i]));
    }
}

#if defined(SN_COMPACT)
static void add_block(const sn_conv_size *s, const block *b) {
    for (int part = 0; part < LANE; part += REG)
        for (int tap = 0; tap < s->kernel * s->kernel; tap++) add_taps(s->kernel, tap, 1, s->dilation, s, b, part);
}
#else
INLINE void add_3(int dilation, const sn_conv_size *s, const block *b, int part) {
    add_taps(3, 0, 9, dilation, s, b, part);
}

INLINE void add_5(int dilation, const sn_conv_size *s, const block *b, int part) {
    add_taps(5, 0, AT_ONCE, dilation, s, b, part);
    if (AT_ONCE < 25) add_taps(5, 13, 12, dilation, s, b, part);
}

static void add_7(const sn_conv_size *s, const block *b, int part) {
    add_taps(7, 0, 13, 1, s, b, part);
    add_taps(7, 13, 12, 1, s, b, part);
    add_taps(7, 25, 12, 1, s, b, part);
    add_taps(7, 37, 12, 1, s, b, part);
}

static void add_block(const sn_conv_size *s, const block *b) {
    for (int part = 0; part < LANE; part += REG) switch (s->kernel * 10 + min_int(s->dilation, 9)) {
        case 31:
            add_3(1, s, b, part);
            break;
        case 32:
            add_3(2, s, b, part);
            break;
        case 51:
            add_5(1, s, b, part);
            break;
        case 52:
            add_5(2, s, b, part);
            break;
        case 71:
            add_7(s, b, part);
            break;
        default:
            for (int tap = 0; tap < s->kernel * s->kernel; tap++) add_taps(s->kernel, tap, 1, s->dilation, s, b, part);
        }
}
#endif

void LANES(depthwise_weights_tile)(const sn_bases *b, const sn_call *call, int64_t tile, void *scratch) {
    const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
    const sn_conv_size *s = &p->size;
    depthwise_tile t = depthwise_tile_at(s, tile);
    memory mem;
    carve_memory(scratch, s, &mem);
    source view = source_of(b, &p->x);
    gradient dy = gradient_of(b, &p->g);
    int band = forward_band(s), taps = s->kernel * s->kernel;
    memset(mem.dw, 0, (size_t)(taps * CHANNELS) * sizeof *mem.dw);
    for (int image = t.image; image < t.image + t.images; image++)
        for (int row = 0; row < s->ho; row += band) {
            int rows = min_int(band, s->ho - row);
            planes x = forward_planes(s, mem.x, LANE, row, rows), g = output_planes(s, mem.g, row, rows);
            planes_fill(&x, &view, NULL, image, s->h, s->w, s->ci, &t, mem.offsets);
            planes_fill(&g, NULL, &dy, image, s->ho, s->wo, s->co, &t, mem.offsets);
            int times = (int)ceil_div(t.channels, LANE) * rows;
            int64_t at = image - t.image, x_end = (at * s->h + (row + rows) * s->stride) * s->w,
                    g_end = (at * s->ho + row + rows) * s->wo;
            upcoming next_x =
                upcoming_band(view.x, NULL, s->ci, &t, (int64_t)s->h * s->w, x_end, (int64_t)rows * s->stride * s->w, times);
            upcoming next_g =
                upcoming_band(dy.dy, dy.a ? dy.x : NULL, s->co, &t, (int64_t)s->ho * s->wo, g_end, (int64_t)rows * s->wo, times);
            for (int j = 0; j < t.channels; j += LANE)
                add_block(s, &(block){.x = x.data + j / LANE * plane_size(&x),
                                      .g = g.data + j / LANE * plane_size(&g),
                                      .dw = mem.dw + j * taps,
                                      .width = x.width,
                                      .rows = rows,
                                      .next = {&next_x, &next_g}});
        }
    float *out = (float *)b->arena + call->work + (int64_t)t.group * taps * s->co + t.c;
    for (int j = 0; j < t.channels; j += LANE)
        for (int i = 0; i < taps; i++)
            v_store_to(out + (int64_t)i * s->co + j, v_load(mem.dw + (j / LANE * taps + i) * LANE), t.channels - j);
}

void LANES(depthwise_weights_finish)(const sn_bases *b, const sn_call *call) { // dw accumulated
    const sn_conv_backward_weights *p = &call->as.conv_backward_weights;
    const sn_conv_size *s = &p->size;
    LANES(parts_finish)
    ((float *)b->grads + p->dw, (const float *)b->arena + call->work, depthwise_tiles_of(s).image_groups,
     (int64_t)s->kernel * s->kernel * s->co);
}
