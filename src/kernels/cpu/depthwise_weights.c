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
} block;

// `count` taps from `tap` on.
INLINE void add_taps(int count, const sn_conv_size *s, const block *b, int tap, int part) {
    reg acc[AT_ONCE];
    const float *at[AT_ONCE];
    UNROLL
    for (int i = 0; i < count; i++) {
        acc[i] = reg_zero();
        at[i] = b->x + ((int64_t)((tap + i) / s->kernel) * b->width + (tap + i) % s->kernel) * s->dilation * LANE + part;
    }
    int64_t step = s->stride * LANE;
    const float *g = b->g + part;
    for (int row = 0; row < b->rows; row++) {
        int64_t x = (int64_t)row * s->stride * b->width * LANE;
        for (int column = 0; column < s->wo; column++, x += step, g += LANE) {
            reg d = reg_load(g);
            UNROLL
            for (int i = 0; i < count; i++) acc[i] = reg_fma(reg_load(at[i] + x), d, acc[i]);
        }
    }
    UNROLL
    for (int i = 0; i < count; i++) {
        float *dw = b->dw + (tap + i) * LANE + part;
        reg_store(dw, reg_add(reg_load(dw), acc[i]));
    }
}

static void add_block(const sn_conv_size *s, const block *b) {
    int taps = s->kernel * s->kernel;
    for (int part = 0; part < LANE; part += REG) {
        int tap = 0;
#if !defined(SN_COMPACT)
        // the usual kernels' taps are known at compile time: 25 = 13 + 12 or 25; 49 = 3*13 + 9 + 1 or 25 + 12 + 12; 9
        for (; taps - tap >= AT_ONCE; tap += AT_ONCE) add_taps(AT_ONCE, s, b, tap, part);
        for (; taps - tap >= 12; tap += 12) add_taps(12, s, b, tap, part);
        for (; taps - tap >= 9; tap += 9) add_taps(9, s, b, tap, part);
#endif
        for (; tap < taps; tap++) add_taps(1, s, b, tap, part);
    }
}

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
            for (int j = 0; j < t.channels; j += LANE)
                add_block(s, &(block){.x = x.data + j / LANE * plane_size(&x),
                                      .g = g.data + j / LANE * plane_size(&g),
                                      .dw = mem.dw + j * taps,
                                      .width = x.width,
                                      .rows = rows});
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
