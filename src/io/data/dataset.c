// Splits, statistics and reading of a data set; see dataset.h.
// Not here: the cache file and its making (source.c).
// Next: augment.h.
#include "io/data/dataset.h"

#include "base/rng.h"
#include "io/data/source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPLITS = SN_TEST + 1, ORDER = -1 }; // ORDER: not a class; keys the order of the validation split

struct sn_dataset {
    sn_cache *cache;
    sn_cache_shape shape;    // of the pictures kept
    uint32_t *index[SPLITS]; // (count) image numbers
    uint32_t count[SPLITS];
    double mean[SN_MOST_CHANNELS], std[SN_MOST_CHANNELS];
};

void sn_dataset_close(sn_dataset *d) {
    if (!d) return;
    sn_cache_close(d->cache);
    for (int s = 0; s < SPLITS; s++) free(d->index[s]);
    free(d);
}

long sn_dataset_count(const sn_dataset *d, sn_split split) {
    return d->count[split];
}
const char *sn_dataset_cache(const sn_dataset *d) {
    return sn_cache_path(d->cache);
}

int sn_dataset_classes(const sn_dataset *d) {
    return sn_cache_classes(d->cache);
}
const char *sn_dataset_class_name(const sn_dataset *d, int label) {
    return sn_cache_class_name(d->cache, label);
}
int sn_dataset_height(const sn_dataset *d) {
    return d->shape.height;
}
int sn_dataset_width(const sn_dataset *d) {
    return d->shape.width;
}
size_t sn_dataset_memory(const sn_dataset *d) {
    return sn_cache_memory(d->cache);
}
uint32_t sn_dataset_sample_id(const sn_dataset *d, sn_split split, long index) {
    return d->index[split][index];
}
const double *sn_dataset_mean(const sn_dataset *d) {
    return d->mean;
}
const double *sn_dataset_std(const sn_dataset *d) {
    return d->std;
}
const char *sn_dataset_fingerprint(const sn_dataset *d) {
    return sn_cache_fingerprint(d->cache);
}

sn_status sn_dataset_read(const sn_dataset *d, sn_split split, const uint32_t *index, long n, uint8_t *pixels, int32_t *labels) {
    const int32_t *all = sn_cache_labels(d->cache);
    size_t bytes = sn_cache_image_bytes(d->cache);
    for (long i = 0; i < n; i++) {
        if (index[i] >= d->count[split]) return sn_error(SN_FAIL, "image %u of a split of %u", index[i], d->count[split]);
        uint32_t image = d->index[split][index[i]];
        if (labels) labels[i] = all[image];
        if (pixels) SN_TRY(sn_cache_read(d->cache, image, pixels + (size_t)i * bytes));
    }
    return SN_OK;
}

void sn_dataset_expect(const sn_dataset *d, sn_split split, uint32_t index) {
    sn_cache_expect(d->cache, d->index[split][index]);
}

void sn_epoch_order(uint32_t seed, uint32_t epoch, uint32_t n, uint32_t *out) {
    sn_rng r = sn_rng_at(seed, SN_STREAM_SHUFFLE, epoch, 0, 0);
    sn_rng_permutation(&r, n, out);
}

// --- splits

typedef struct {
    uint32_t count;     // training images of the class
    uint32_t held;      // of them, to be held out
    uint64_t remainder; // of held_out * count / images
    uint32_t label;
} share;

static int by_remainder(const void *x, const void *y) {
    const share *a = x, *b = y;
    if (a->remainder != b->remainder) return a->remainder < b->remainder ? 1 : -1;
    return a->label < b->label ? -1 : 1;
}
static int by_label(const void *x, const void *y) {
    const share *a = x, *b = y;
    return a->label < b->label ? -1 : 1;
}

// How many of each class are held out: `wanted` of n images in all, 0 < wanted < n.
static void divide(share *s, int classes, uint64_t wanted, uint64_t n) {
    uint64_t left = wanted;
    for (int c = 0; c < classes; c++) {
        s[c].label = (uint32_t)c;
        s[c].held = (uint32_t)(wanted * s[c].count / n);
        s[c].remainder = wanted * s[c].count % n;
        left -= s[c].held;
    }
    qsort(s, (size_t)classes, sizeof *s, by_remainder);
    for (uint64_t c = 0; c < left; c++) s[c].held++;
    qsort(s, (size_t)classes, sizeof *s, by_label);
}

// Puts images of training into a split: of each class the first `held` of a random permutation.
static sn_status mark_held(const int32_t *label, uint32_t n, const share *s, int classes, sn_split to, uint32_t seed,
                           uint8_t *of) {
    uint32_t *order = sn_new(n, sizeof *order);   // of the images of one class
    uint32_t *member = sn_new(n, sizeof *member); // images by class
    uint32_t *first = sn_new((size_t)classes + 1, sizeof *first), *fill = sn_new((size_t)classes, sizeof *fill);
    sn_status status = order && member && first && fill ? SN_OK : SN_RESOURCE;
    if (status == SN_OK) {
        for (int c = 0; c < classes; c++) first[c + 1] = first[c] + s[c].count;
        for (uint32_t i = 0; i < n; i++)
            if (of[i] == SN_TRAIN) member[first[label[i]] + fill[label[i]]++] = i;
        for (int c = 0; c < classes; c++) {
            sn_rng r = sn_rng_at(seed, SN_STREAM_SPLIT, (uint32_t)c, to == SN_TEST, 0);
            sn_rng_permutation(&r, s[c].count, order);
            for (uint32_t k = 0; k < s[c].held; k++) of[member[first[c] + order[k]]] = (uint8_t)to;
        }
    }
    free(order);
    free(member);
    free(first);
    free(fill);
    return status;
}

// Moves `wanted` of the images that are still training's, fewer than there are, into a split. of (n): the split of each image.
static sn_status hold_out(const int32_t *label, uint32_t n, int classes, uint32_t wanted, sn_split to, uint32_t seed,
                          uint8_t *of) {
    if (!wanted) return SN_OK;
    share *s = sn_new((size_t)classes, sizeof *s);
    if (!s) return SN_RESOURCE;
    uint32_t left = 0;
    for (uint32_t i = 0; i < n; i++)
        if (of[i] == SN_TRAIN) s[label[i]].count++, left++;
    divide(s, classes, wanted, left);
    sn_status status = mark_held(label, n, s, classes, to, seed, of);
    free(s);
    return status;
}

static sn_status shuffle(uint32_t *item, uint32_t n, uint32_t seed) {
    uint32_t *order = sn_new(n, sizeof *order), *copy = sn_new(n, sizeof *copy);
    sn_status status = order && copy ? SN_OK : SN_RESOURCE;
    if (status == SN_OK) {
        sn_rng r = sn_rng_at(seed, SN_STREAM_SPLIT, (uint32_t)ORDER, 0, 0);
        sn_rng_permutation(&r, n, order);
        memcpy(copy, item, n * sizeof *copy);
        for (uint32_t i = 0; i < n; i++) item[i] = copy[order[i]];
    }
    free(order);
    free(copy);
    return status;
}

// The key that holds images out, how many, the most, and how many images of that kind the source has itself.
static sn_status check_held(const sn_data_options *o, const char *key, long wanted, uint64_t train, const char *part,
                            uint64_t own) {
    if (wanted < 0) return sn_error(SN_CONFIG, "%s: %ld: 0 or more is allowed", key, wanted);
    if (wanted && own)
        return sn_error(SN_CONFIG, "%s: %ld images are to be held out, but %s has a %s part of %llu: 0 is allowed", key, wanted,
                        o->source, part, (unsigned long long)own);
    if ((uint64_t)wanted >= train)
        return sn_error(SN_CONFIG, "%s: %ld images are to be held out, but %s has %llu for training: 0 to %llu are allowed", key,
                        wanted, o->source, (unsigned long long)train, (unsigned long long)train - 1);
    return SN_OK;
}

static int by_number(const void *x, const void *y) {
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return a < b ? -1 : a > b;
}

// Keeps a random part of the training split, in the source's order.
static sn_status limit_training(sn_dataset *d, const sn_data_options *o) {
    if (o->images < 0 || (uint64_t)o->images > d->count[SN_TRAIN])
        return sn_error(SN_CONFIG, "data.images: %ld images are to be used, but %s has %u for training: 0 to %u are allowed",
                        o->images, o->source, d->count[SN_TRAIN], d->count[SN_TRAIN]);
    if (!o->images) return SN_OK;
    SN_TRY(shuffle(d->index[SN_TRAIN], d->count[SN_TRAIN], o->seed));
    d->count[SN_TRAIN] = (uint32_t)o->images;
    qsort(d->index[SN_TRAIN], d->count[SN_TRAIN], sizeof *d->index[SN_TRAIN], by_number);
    return SN_OK;
}

// The validation split joins the training split, in the source's order.
static sn_status join_validation(sn_dataset *d) {
    uint32_t train = d->count[SN_TRAIN], own = d->count[SN_VALIDATION], *all = sn_new((size_t)train + own, sizeof *all);
    if (!all) return SN_RESOURCE;
    memcpy(all, d->index[SN_TRAIN], train * sizeof *all);
    memcpy(all + train, d->index[SN_VALIDATION], own * sizeof *all);
    qsort(all, (size_t)train + own, sizeof *all, by_number);
    free(d->index[SN_TRAIN]);
    d->index[SN_TRAIN] = all;
    d->count[SN_TRAIN] = train + own;
    d->count[SN_VALIDATION] = 0;
    return SN_OK;
}

// The split of each image of the source, before data.images and use_validation.
static sn_status assign(const sn_dataset *d, const sn_data_options *o, uint8_t *of) {
    uint32_t train = (uint32_t)sn_cache_count(d->cache, 0), own = (uint32_t)sn_cache_count(d->cache, 1);
    const int32_t *label = sn_cache_labels(d->cache);
    int classes = sn_cache_classes(d->cache);
    memset(of, SN_TRAIN, train);
    memset(of + train, SN_VALIDATION, own);
    memset(of + train + own, SN_TEST, sn_cache_count(d->cache, 2));
    SN_TRY(hold_out(label, train, classes, (uint32_t)o->test, SN_TEST, o->seed, of));
    return hold_out(label, train, classes, (uint32_t)o->validation, SN_VALIDATION, o->seed, of);
}

static sn_status split(sn_dataset *d, const sn_data_options *o) {
    uint64_t train = sn_cache_count(d->cache, 0), own = sn_cache_count(d->cache, 1), test = sn_cache_count(d->cache, 2);
    SN_TRY(check_held(o, "data.test", o->test, train, "test", test));
    SN_TRY(check_held(o, "data.validation", o->validation, train - (uint64_t)o->test, "val", own));
    d->count[SN_TRAIN] = (uint32_t)(train - (uint64_t)o->test - (uint64_t)o->validation);
    d->count[SN_VALIDATION] = (uint32_t)(own + (uint64_t)o->validation); // one of them is 0
    d->count[SN_TEST] = (uint32_t)(test + (uint64_t)o->test);            // likewise
    for (int s = 0; s < SPLITS; s++)
        if (!(d->index[s] = sn_new(d->count[s], sizeof *d->index[s]))) return SN_RESOURCE;
    uint8_t *of = sn_new((size_t)(train + own + test), 1);
    sn_status status = of ? assign(d, o, of) : SN_RESOURCE;
    if (status == SN_OK) {
        uint32_t used[SPLITS] = {0};
        for (uint32_t i = 0; i < train + own + test; i++) d->index[of[i]][used[of[i]]++] = i;
        status = shuffle(d->index[SN_VALIDATION], d->count[SN_VALIDATION], o->seed);
        if (status == SN_OK) status = limit_training(d, o);
        if (status == SN_OK && o->use_validation) status = join_validation(d);
    }
    free(of);
    return status;
}

// --- statistics

static sn_status measure(sn_dataset *d) {
    size_t c = (size_t)d->shape.channels, bytes = sn_cache_image_bytes(d->cache);
    uint64_t sum[SN_MOST_CHANNELS] = {0}, squares[SN_MOST_CHANNELS] = {0};
    uint8_t *pixels = sn_new(bytes, 1);
    sn_status status = pixels ? SN_OK : SN_RESOURCE;
    for (uint32_t i = 0; i < d->count[SN_TRAIN] && status == SN_OK; i++) {
        status = sn_cache_read(d->cache, d->index[SN_TRAIN][i], pixels);
        for (size_t k = 0; k < c; k++) {
            uint64_t s = 0, q = 0;
            for (size_t p = k; p < bytes; p += c) {
                s += pixels[p];
                q += (uint32_t)pixels[p] * pixels[p];
            }
            sum[k] += s;
            squares[k] += q;
        }
    }
    free(pixels);
    unsigned __int128 n = d->count[SN_TRAIN] * (uint64_t)(bytes / c); // pixels of a channel, below 2^37
    for (size_t k = 0; k < c && status == SN_OK; k++) {
        d->mean[k] = (double)sum[k] / (255 * (double)n);
        d->std[k] =
            sqrt((double)(n * squares[k] - (unsigned __int128)sum[k] * sum[k])) / (255 * (double)n); // n^2 variance, exactly
    }
    return status;
}

// --- opening

static sn_status check(const sn_data_options *o, sn_data_source *s) {
    if (o->channels < 1 || o->channels > SN_MOST_CHANNELS)
        return sn_error(SN_CONFIG, "data: pictures of %d channels: 1 to %d are allowed", o->channels, SN_MOST_CHANNELS);
    if (o->height < 1 || o->width < 1 || o->height > SN_MOST_SIDE || o->width > SN_MOST_SIDE)
        return sn_error(SN_CONFIG, "data: pictures of %dx%d: sides of 1 to %d are allowed", o->height, o->width, SN_MOST_SIDE);
    int shorter = o->height < o->width ? o->height : o->width;
    if (o->store && (o->store < shorter || o->store > SN_MOST_SIDE))
        return sn_error(SN_CONFIG, "data.store: %d: 0, or from the shorter side of the pictures, %d, to %d is allowed", o->store,
                        shorter, SN_MOST_SIDE);
    double scale = o->store ? (double)o->store / shorter : 1;
    double height = o->height * scale + 0.5, width = o->width * scale + 0.5;
    if (height > SN_MOST_SIDE || width > SN_MOST_SIDE)
        return sn_error(SN_CONFIG, "data.store: %d: the longer side becomes more than %d", o->store, SN_MOST_SIDE);
    *s = (sn_data_source){.source = o->source,
                          .cache_dir = o->cache_dir,
                          .shape = {o->channels, (int)height, (int)width, o->fit},
                          .memory = o->memory,
                          .stop = o->stop};
    return SN_OK;
}

sn_status sn_dataset_open(const sn_data_options *o, sn_dataset **out) {
    sn_data_source source;
    SN_TRY(check(o, &source));
    sn_dataset *d = sn_new(1, sizeof *d);
    if (!d) return SN_RESOURCE;
    d->shape = source.shape;
    sn_status status = sn_data_source_open(&source, &d->cache);
    if (status == SN_OK) status = split(d, o);
    if (status == SN_OK) status = measure(d);
    if (status == SN_OK)
        *out = d;
    else
        sn_dataset_close(d);
    return status;
}
