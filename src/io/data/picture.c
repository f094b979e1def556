// Channels and sizes of pictures; see picture.h.
// Not here: file formats.
// Next: picture.h.
#include "io/data/picture.h"

#include "base/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const sn_fit_words[] = {"crop", "stretch", "facts"};

typedef struct {
    int top, left, height, width;
} box;

// The largest centred box of a picture with the ratio height : width, at least one pixel.
static box centre(const sn_picture *p, int height, int width) {
    int64_t h = p->height, w = p->width;
    if (w * height > h * width) {
        int64_t part = (h * width + height / 2) / height;
        w = part < 1 ? 1 : part < w ? part : w;
    } else {
        int64_t part = (w * height + width / 2) / width;
        h = part < 1 ? 1 : part < h ? part : h;
    }
    return (box){(p->height - (int)h) / 2, (p->width - (int)w) / 2, (int)h, (int)w};
}

// --- channels

static uint8_t luma(unsigned r, unsigned g, unsigned b) {
    return (uint8_t)((r * 19595 + g * 38470 + b * 7471 + 32768) >> 16); // 0.299, 0.587, 0.114 times 65536
}

// Copies a box of the picture to out (box height, box width, channels). The pair of channel numbers is 1-3, 3-1 or equal.
static void take(const sn_picture *p, box b, int channels, uint8_t *out) {
    size_t plane = (size_t)p->height * (size_t)p->width, n = (size_t)p->channels;
    size_t pixel = p->planar ? 1 : n, channel = p->planar ? plane : 1; // distances in bytes
    for (int y = 0; y < b.height; y++) {
        const uint8_t *row = p->pixels + ((size_t)(b.top + y) * (size_t)p->width + (size_t)b.left) * pixel;
        if (p->channels == channels && (!p->planar || n == 1)) {
            memcpy(out, row, (size_t)b.width * n);
            out += (size_t)b.width * n;
            continue;
        }
        for (int x = 0; x < b.width; x++, row += pixel) {
            if (p->channels == channels)
                for (size_t c = 0; c < n; c++) *out++ = row[c * channel];
            else if (channels == 1)
                *out++ = luma(row[0], row[channel], row[2 * channel]);
            else
                for (int c = 0; c < channels; c++) *out++ = row[0];
        }
    }
}

// --- sizes

enum { FRACTION = 22 };

typedef struct { // for each output: which inputs, and their weights in units of 2^-FRACTION
    int *first, *count, *weight, most;
} filter;

static void filter_free(filter *f) {
    free(f->first);
    free(f->count);
    free(f->weight);
}

static sn_status filter_make(filter *f, int from, int to) {
    double scale = (double)from / to, wide = scale > 1 ? scale : 1;
    *f = (filter){.most = (int)ceil(wide) * 2 + 1};
    f->first = sn_new((size_t)to, sizeof *f->first);
    f->count = sn_new((size_t)to, sizeof *f->count);
    f->weight = sn_new((size_t)to * (size_t)f->most, sizeof *f->weight);
    double *w = sn_new((size_t)f->most, sizeof *w);
    if (!f->first || !f->count || !f->weight || !w) {
        free(w);
        return SN_RESOURCE;
    }
    for (int i = 0; i < to; i++) {
        double at = (i + 0.5) * scale, sum = 0;
        int low = (int)(at - wide + 0.5), high = (int)(at + wide + 0.5);
        if (low < 0) low = 0;
        if (high > from) high = from;
        for (int k = low; k < high; k++) {
            double away = fabs((k + 0.5 - at) / wide);
            sum += w[k - low] = away < 1 ? 1 - away : 0;
        }
        f->first[i] = low;
        f->count[i] = high - low;
        for (int k = 0; k < high - low; k++) f->weight[i * f->most + k] = (int)(w[k] / sum * (1 << FRACTION) + 0.5);
    }
    free(w);
    return SN_OK;
}

// One output row or column of the filter: sums `count` inputs that lie `step` bytes apart.
static uint8_t weigh(const uint8_t *in, size_t step, const int *weight, int count) {
    int sum = 1 << (FRACTION - 1);
    for (int k = 0; k < count; k++) sum += in[(size_t)k * step] * weight[k];
    sum >>= FRACTION;
    return (uint8_t)(sum > 255 ? 255 : sum);
}

// in (rows, from, c) -> out (rows, to, c)
static void across(const filter *f, const uint8_t *in, int rows, int from, int to, int c, uint8_t *out) {
    for (int y = 0; y < rows; y++, in += (size_t)from * (size_t)c)
        for (int x = 0; x < to; x++)
            for (int k = 0; k < c; k++)
                *out++ = weigh(in + (size_t)f->first[x] * (size_t)c + k, (size_t)c, f->weight + (size_t)x * (size_t)f->most,
                               f->count[x]);
}

// in (from, row bytes) -> out (to, row bytes)
static void down(const filter *f, const uint8_t *in, int to, size_t row, uint8_t *out) {
    for (int y = 0; y < to; y++)
        for (size_t i = 0; i < row; i++)
            *out++ = weigh(in + (size_t)f->first[y] * row + i, row, f->weight + (size_t)y * (size_t)f->most, f->count[y]);
}

static sn_status resize(const sn_picture *p, box b, int c, int height, int width, uint8_t *out) {
    filter fx = {0}, fy = {0};
    uint8_t *part = sn_new((size_t)b.height * (size_t)b.width * (size_t)c, 1);
    uint8_t *narrow = sn_new((size_t)b.height * (size_t)width * (size_t)c, 1);
    sn_status status = part && narrow ? SN_OK : SN_RESOURCE;
    if (status == SN_OK) status = filter_make(&fx, b.width, width);
    if (status == SN_OK) status = filter_make(&fy, b.height, height);
    if (status == SN_OK) {
        take(p, b, c, part);
        across(&fx, part, b.height, b.width, width, c, narrow);
        down(&fy, narrow, height, (size_t)width * (size_t)c, out);
    }
    filter_free(&fx);
    filter_free(&fy);
    free(part);
    free(narrow);
    return status;
}

// --- facts

static bool is_grey(const sn_picture *p) {
    if (p->channels != 3) return p->channels == 1;
    size_t n = (size_t)p->height * (size_t)p->width, next = p->planar ? n : 1, step = p->planar ? 1 : 3;
    for (const uint8_t *at = p->pixels; n; n--, at += step)
        if (at[0] != at[next] || at[0] != at[2 * next]) return false;
    return true;
}

static uint64_t hash(const sn_picture *p) {
    uint64_t h = SN_HASH_START, word;
    h = sn_hash_mix(sn_hash_mix(sn_hash_mix(h, (uint64_t)p->channels), (uint64_t)p->height), (uint64_t)p->width);
    size_t n = (size_t)p->height * (size_t)p->width * (size_t)p->channels;
    for (const uint8_t *at = p->pixels; n; at += sizeof word) {
        size_t part = n < sizeof word ? n : sizeof word;
        word = 0;
        memcpy(&word, at, part);
        h = sn_hash_mix(h, word);
        n -= part;
    }
    return h;
}

static void facts_write(const sn_picture *p, uint8_t out[SN_FACTS]) {
    uint16_t side[2] = {(uint16_t)p->height, (uint16_t)p->width};
    uint64_t h = hash(p);
    memset(out, 0, SN_FACTS);
    out[0] = (uint8_t)p->channels;
    out[1] = is_grey(p);
    memcpy(out + 2, side, sizeof side);
    memcpy(out + 8, &h, sizeof h);
}

void sn_facts_read(const uint8_t bytes[SN_FACTS], sn_facts *out) {
    uint16_t side[2];
    memcpy(side, bytes + 2, sizeof side);
    *out = (sn_facts){.channels = bytes[0], .grey = bytes[1], .height = side[0], .width = side[1]};
    memcpy(&out->hash, bytes + 8, sizeof out->hash);
}

sn_status sn_picture_fit(const sn_picture *p, sn_fit fit, int channels, int height, int width, uint8_t *out) {
    if (fit == SN_FIT_FACTS) {
        facts_write(p, out);
        return SN_OK;
    }
    int known = p->channels == channels || (p->channels == 1 && channels == 3) || (p->channels == 3 && channels == 1);
    if (!known)
        return sn_error(SN_DATA, "%d channels where %d are wanted: only grey (1) and RGB (3) are converted", p->channels,
                        channels);
    box b = fit == SN_FIT_CROP ? centre(p, height, width) : (box){0, 0, p->height, p->width};
    if (b.height != height || b.width != width) return resize(p, b, channels, height, width, out);
    take(p, b, channels, out);
    return SN_OK;
}
