// Which side of its kink every value that an activation read is on; see trace.h.
// Not here: other contents of a pass (trace.c). Next: kernels/ref/ref.h for the arithmetic that is repeated here.
#include "supernet/train/trace_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The tensor that a backward call puts its gradient into, with its shape; NULL for other calls.
static const sn_into *into_of(const sn_call *c, int64_t *rows, int *channels) {
    switch (c->kernel) {
    case SN_CONV_BACKWARD_DATA: {
        const sn_conv_size *s = &c->as.conv_backward_data.size;
        *rows = (int64_t)s->n * s->h * s->w, *channels = s->ci;
        return &c->as.conv_backward_data.into;
    }
    case SN_POOL_BACKWARD: {
        const sn_pool_size *s = &c->as.pool_backward.size;
        *rows = (int64_t)s->n * s->h * s->w, *channels = s->c;
        return &c->as.pool_backward.into;
    }
    case SN_MEAN_BACKWARD: {
        const sn_mean_backward *m = &c->as.mean_backward;
        *rows = (int64_t)m->n * m->pixels, *channels = m->c;
        return &m->into;
    }
    case SN_PLACE_BACKWARD: {
        const sn_place_size *s = &c->as.place_backward.size;
        *rows = (int64_t)s->n * s->h * s->w, *channels = s->c;
        return &c->as.place_backward.into;
    }
    case SN_SUM_BACKWARD:
        *rows = c->as.sum_backward.rows, *channels = c->as.sum_backward.c;
        return &c->as.sum_backward.into;
    case SN_SCALE_BACKWARD: {
        const sn_scale_backward *s = &c->as.scale_backward;
        *rows = (int64_t)s->n * s->pixels, *channels = s->c;
        return &s->into;
    }
    case SN_SCALE_BACKWARD_GAIN:
        *rows = c->as.scale_backward_gain.n, *channels = c->as.scale_backward_gain.c;
        return &c->as.scale_backward_gain.into;
    default:
        return NULL;
    }
}

// The BN that made the vectors of a view: its statistics, or NULL when the view is not a BN's.
static const sn_stats *bn_of(const sn_supernet *net, const sn_plan *plan, const sn_view *v) {
    const sn_params *p = &net->graph->params;
    for (int i = 0; i < plan->n_calls; i++) {
        const sn_call *c = &plan->call[i];
        if (c->kernel != SN_BN_FORWARD || c->as.bn_forward.mode == SN_BN_BIAS || c->as.bn_forward.scale != v->scale) continue;
        for (int k = 0; k < p->n_stats; k++)
            if (p->stats[k].mean == c->as.bn_forward.running_mean) return &p->stats[k];
    }
    return NULL;
}

// u = scale*(x - mean) + shift with the roundings of the implementation that takes the slope: fast kernels use a fused
// multiply-add. The tensor and its vectors as the backend holds them, one after the other: x, mean, scale, shift.
typedef struct {
    sn_act act;
    bool fused, wide; // reals of 8 bytes
    bool plain;       // not behind a BN: u = x
    int64_t elements;
    int channels;
    void *values;
} reader;

static bool inside(const reader *r, int64_t element, int channel) {
    if (r->plain) {
        double x = r->wide ? ((const double *)r->values)[element] : (double)((const float *)r->values)[element];
        return x > 0 && (r->act == SN_RELU || x < 6);
    }
    int64_t mean = r->elements + channel, scale = mean + r->channels, shift = scale + r->channels;
    double u;
    if (r->wide) {
        const double *a = r->values;
        u = a[scale] * (a[element] - a[mean]) + a[shift];
    } else {
        const float *a = r->values;
        float d = a[element] - a[mean], affine = a[scale] * d + a[shift];
        u = (double)(r->fused ? fmaf(a[scale], d, a[shift]) : affine);
    }
    if (r->act == SN_H_SWISH || r->act == SN_H_SIGMOID) return u > -3 && u < 3;
    return u > 0 && (r->act == SN_RELU || u < 6);
}

static sn_status reader_open(reader *r, const sn_supernet *net, const sn_view *v, const char *impl, int64_t rows, int channels) {
    *r = (reader){.act = v->act,
                  .fused = strncmp(impl, "ref", 3) != 0,
                  .wide = net->real == sizeof(double),
                  .plain = v->mean == SN_NONE,
                  .elements = rows * channels,
                  .channels = channels};
    r->values = sn_new((size_t)(r->elements + 3 * channels), net->real);
    if (!r->values) return SN_RESOURCE;
    char *to = r->values;
    sn_memory_read(net->memory, SN_BUFFER_ARENA, v->data, to, (size_t)r->elements * net->real);
    to += (size_t)r->elements * net->real;
    if (r->plain) return SN_OK;
    const sn_off vectors[] = {v->mean, v->scale, v->shift};
    for (int i = 0; i < 3; i++, to += (size_t)channels * net->real)
        sn_memory_read(net->memory, SN_BUFFER_ARENA, vectors[i], to, (size_t)channels * net->real);
    return SN_OK;
}

// Memory order (n, pixel, c) to bits in the order (n, c, pixel).
static void pack(const reader *r, int64_t images, int64_t pixels, int channels, uint8_t *bits) {
    for (int64_t n = 0; n < images; n++)
        for (int64_t p = 0; p < pixels; p++)
            for (int c = 0; c < channels; c++) {
                int64_t to = (n * channels + c) * pixels + p;
                if (inside(r, (n * pixels + p) * channels + c, c)) bits[to / 8] |= (uint8_t)(128 >> to % 8);
            }
}

static sn_status put_sides(sn_h5w *w, const char *group, const reader *r, const char *name, int64_t rows, int channels,
                           int batch) {
    char path[1024];
    size_t bytes = ((size_t)rows * (size_t)channels + 7) / 8;
    uint8_t *bits = sn_new(bytes, 1);
    if (!bits) return SN_RESOURCE;
    pack(r, batch, rows / batch, channels, bits);
    snprintf(path, sizeof path, "%s/inside/%s", group, name);
    sn_status s = sn_h5_put(w, path, SN_U8, 1, &bytes, bits);
    free(bits);
    return s;
}

// The launches before the loss, on a copy of the calls that leaves the running statistics alone.
static sn_status run_forward(sn_supernet *net, const sn_plan *plan, const float *images) {
    sn_call *calls = sn_new((size_t)plan->n_calls, sizeof *calls);
    if (!calls) return SN_RESOURCE;
    memcpy(calls, plan->call, (size_t)plan->n_calls * sizeof *calls);
    int launches = 0;
    while (launches < plan->n_launches && calls[plan->launch[launches].first].kernel != SN_LOSS) launches++;
    for (int i = 0; i < plan->n_calls; i++)
        if (calls[i].kernel == SN_BN_FORWARD) calls[i].as.bn_forward.momentum = 0;
    sn_supernet_put_images(net, plan, images);
    sn_memory_run(net->memory, calls, plan->launch, launches);
    free(calls);
    return SN_OK;
}

// What the sides of a view go by: the BN it is behind, or else the activation that the call's node reads. NULL: there is neither.
static const char *name_of(const sn_supernet *net, const sn_plan *plan, int call, const sn_view *v) {
    const sn_stats *bn = bn_of(net, plan, v);
    if (bn) return bn->name;
    const sn_node *by = &net->graph->node[plan->node[call]];
    const sn_node *read = by->n_in && by->in[0] >= 0 ? &net->graph->node[by->in[0]] : by;
    return v->mean == SN_NONE && read->kind == SN_NODE_ACT ? read->name : NULL;
}

// Several readers take the same sides.
static bool is_listed(const char *const *names, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i], name)) return true;
    return false;
}

static sn_status put_all(sn_h5w *w, const char *group, const sn_supernet *net, const sn_plan *plan, int batch,
                         const char **done) {
    for (int i = 0, n = 0; i < plan->n_calls; i++) {
        int64_t rows;
        int channels;
        const sn_into *into = into_of(&plan->call[i], &rows, &channels);
        const char *name = into && into->view.act != SN_LINEAR ? name_of(net, plan, i, &into->view) : NULL;
        if (!name || is_listed(done, n, name)) continue;
        done[n++] = name;
        reader r;
        sn_status s = reader_open(&r, net, &into->view, plan->call[i].impl->name, rows, channels);
        if (s == SN_OK) s = put_sides(w, group, &r, name, rows, channels, batch);
        free(r.values);
        SN_TRY(s);
    }
    return SN_OK;
}

sn_status sn_trace_sides(sn_h5w *w, const char *group, sn_supernet *net, const sn_plan *plan, const float *images, int batch) {
    SN_TRY(run_forward(net, plan, images));
    const char **done = sn_new((size_t)plan->n_calls, sizeof *done);
    if (!done) return SN_RESOURCE;
    sn_status s = put_all(w, group, net, plan, batch, done);
    free(done);
    return s;
}
