// Draws and applies augmentation; see augment.h.
// Not here: batches (the caller loops, in parallel if it likes).
// Next: augment.h.
#include "io/data/augment.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { STEP_CROP, STEP_FLIP, STEP_CUTOUT }; // the `step` of each kind's sequence
enum { TRIES = 10 };                        // of a random-resized crop

sn_status sn_augment_init(sn_augment *a, const sn_augment_options *o, int channels, int from_height, int from_width, int height,
                          int width, const double *mean, const double *std) {
    int side = height < width ? height : width;
    if (channels < 1 || channels > SN_AUGMENT_CHANNELS)
        return sn_error(SN_CONFIG, "data: %d channels: 1 to %d are allowed", channels, SN_AUGMENT_CHANNELS);
    if (height < 1 || width < 1 || height > from_height || width > from_width)
        return sn_error(SN_CONFIG, "data: %dx%d cannot be cropped from pictures of %dx%d", height, width, from_height,
                        from_width);
    if (o->padding < 0 || o->padding > side)
        return sn_error(SN_CONFIG, "data.augment.crop: %d: 0 to %d are allowed", o->padding, side);
    if (o->cutout < 0 || o->cutout > 2 * side)
        return sn_error(SN_CONFIG, "data.augment.cutout: %d: 0 to %d are allowed", o->cutout, 2 * side);
    *a = (sn_augment){.options = *o,
                      .channels = channels,
                      .from_height = from_height,
                      .from_width = from_width,
                      .height = height,
                      .width = width};
    for (int c = 0; c < channels; c++) {
        for (int v = 0; v < 256; v++) a->table[c][v] = (float)((v / 255.0 - mean[c]) / (std[c] > 0 ? std[c] : 1));
        a->outside[c] = o->black ? a->table[c][0] : 0;
    }
    return SN_OK;
}

// --- draws

static sn_draw centre(const sn_augment *a) {
    return (sn_draw){
        .dy = (a->from_height - a->height) / 2, .dx = (a->from_width - a->width) / 2, .height = a->height, .width = a->width};
}

static int below(sn_rng *r, int n) {
    return (int)sn_rng_below(r, (uint32_t)n);
}

static void draw_shift(const sn_augment *a, sn_rng *r, sn_draw *d) {
    int pad = a->options.padding;
    d->dy = below(r, a->from_height - a->height + 2 * pad + 1) - pad;
    d->dx = below(r, a->from_width - a->width + 2 * pad + 1) - pad;
}

// Area uniform in 0.08..1, ratio log-uniform in 3/4..4/3, tried until the box fits; else the largest centred box of such a ratio.
static void draw_box(const sn_augment *a, sn_rng *r, sn_draw *d) {
    double h = a->from_height, w = a->from_width, range = log(4.0 / 3);
    for (int i = 0; i < TRIES; i++) {
        double area = h * w * (0.08 + 0.92 * sn_rng_unit(r)), ratio = exp(range * (2 * sn_rng_unit(r) - 1));
        double bh = floor(sqrt(area / ratio) + 0.5), bw = floor(sqrt(area * ratio) + 0.5);
        if (bh < 1 || bw < 1 || bh > h || bw > w) continue;
        d->height = (int)bh;
        d->width = (int)bw;
        d->dy = below(r, a->from_height - d->height + 1);
        d->dx = below(r, a->from_width - d->width + 1);
        return;
    }
    d->height = (int)fmax(1, fmin(h, floor(w * 4 / 3 + 0.5)));
    d->width = (int)fmax(1, fmin(w, floor(h * 4 / 3 + 0.5)));
    d->dy = (a->from_height - d->height) / 2;
    d->dx = (a->from_width - d->width) / 2;
}

sn_draw sn_augment_draw(const sn_augment *a, uint32_t seed, uint32_t epoch, uint32_t sample_id) {
    sn_draw d = centre(a);
    sn_rng r = sn_rng_at(seed, SN_STREAM_AUGMENT, epoch, STEP_CROP, sample_id);
    if (a->options.crop == SN_CROP_SHIFT)
        draw_shift(a, &r, &d);
    else
        draw_box(a, &r, &d);
    r = sn_rng_at(seed, SN_STREAM_AUGMENT, epoch, STEP_FLIP, sample_id);
    d.flip = a->options.flip && (sn_rng_u32(&r) & 1);
    if (a->options.cutout) {
        r = sn_rng_at(seed, SN_STREAM_AUGMENT, epoch, STEP_CUTOUT, sample_id);
        d.cut_y = below(&r, a->height);
        d.cut_x = below(&r, a->width);
    }
    return d;
}

// --- application

// The box has the wanted size: pixels are looked up.
static void shifted(const sn_augment *a, const sn_draw *d, const uint8_t *picture, float *out) {
    int channels = a->channels, step = d->flip ? -channels : channels;
    int low = d->dx < 0 ? -d->dx : 0,
        high = a->from_width - d->dx < a->width ? a->from_width - d->dx : a->width; // columns inside
    for (int y = 0; y < a->height; y++, out += (size_t)a->width * (size_t)channels) {
        int row = y + d->dy;
        bool inside = row >= 0 && row < a->from_height;
        const uint8_t *from =
            picture + ((size_t)(inside ? row : 0) * (size_t)a->from_width + (size_t)(low + d->dx)) * (size_t)channels;
        for (int c = 0; c < channels; c++) {
            const float *table = a->table[c], outside = a->outside[c];
            float *to = out + (d->flip ? (a->width - 1) * channels : 0) + c; // of column 0 of the box
            const uint8_t *p = from + c;
            int x = 0;
            for (; x < (inside ? low : a->width); x++, to += step) *to = outside;
            for (; x < high; x++, to += step, p += channels) *to = table[*p];
            for (; x < a->width; x++, to += step) *to = outside;
        }
    }
}

enum { FRACTION = 11 };

typedef struct { // where one output row or column lies between two of the box, in units of 2^-FRACTION
    int low, high, part;
} between;

// Pixel centres of `to` outputs spread over `from` inputs; the border's pixels are repeated.
static between spread(int i, int from, int to) {
    int64_t at = ((int64_t)(2 * i + 1) * from * (1 << FRACTION) / to - (1 << FRACTION)) / 2;
    if (at < 0) at = 0;
    int low = (int)(at >> FRACTION), part = (int)(at & ((1 << FRACTION) - 1));
    if (low >= from - 1) return (between){from - 1, from - 1, 0};
    return (between){low, low + 1, part};
}

// The box, which lies inside the picture, is resized to the wanted size; values are rounded to 8 bits as a picture's.
static void resized(const sn_augment *a, const sn_draw *d, const uint8_t *picture, float *out) {
    size_t channels = (size_t)a->channels, stride = (size_t)a->from_width * channels;
    const uint8_t *box = picture + (size_t)d->dy * stride + (size_t)d->dx * channels;
    for (int y = 0; y < a->height; y++) {
        between v = spread(y, d->height, a->height);
        const uint8_t *above = box + (size_t)v.low * stride, *under = box + (size_t)v.high * stride;
        for (int x = 0; x < a->width; x++) {
            between h = spread(d->flip ? a->width - 1 - x : x, d->width, a->width);
            size_t left = (size_t)h.low * channels, right = (size_t)h.high * channels;
            for (size_t c = 0; c < channels; c++) {
                int one = 1 << FRACTION;
                int upper = above[left + c] * (one - h.part) + above[right + c] * h.part;
                int lower = under[left + c] * (one - h.part) + under[right + c] * h.part;
                int64_t sum = (int64_t)upper * (one - v.part) + (int64_t)lower * v.part;
                *out++ = a->table[c][(sum + (1 << (2 * FRACTION - 1))) >> (2 * FRACTION)];
            }
        }
    }
}

static void cut_out(const sn_augment *a, const sn_draw *d, float *out) {
    int side = a->options.cutout, top = d->cut_y - side / 2, left = d->cut_x - side / 2;
    int bottom = top + side < a->height ? top + side : a->height, right = left + side < a->width ? left + side : a->width;
    if (top < 0) top = 0;
    if (left < 0) left = 0;
    for (int y = top; y < bottom; y++)
        memset(out + ((size_t)y * (size_t)a->width + (size_t)left) * (size_t)a->channels, 0,
               (size_t)(right - left) * (size_t)a->channels * sizeof *out);
}

void sn_augment_image(const sn_augment *a, const sn_draw *draw, const uint8_t *picture, float *out) {
    sn_draw d = draw ? *draw : centre(a);
    if (d.height == a->height && d.width == a->width)
        shifted(a, &d, picture, out);
    else
        resized(a, &d, picture, out);
    if (draw && a->options.cutout) cut_out(a, &d, out);
}
