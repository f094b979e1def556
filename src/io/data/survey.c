// Counts over the facts of a source's pictures; see survey.h.
// Not here: reading pictures (decode.h), the facts of one (picture.c).
// Next: picture.c.
#include "io/data/survey.h"

#include "io/data/decode.h"
#include "io/data/source.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY = 1 << 30 };

void sn_survey_free(sn_survey *s) {
    if (!s) return;
    for (int i = 0; s->name && i < s->classes; i++) free(s->name[i]);
    free(s->name);
    free(s->each);
    free(s);
}

// --- sizes

static int compare_int(const void *x, const void *y) {
    int a = *(const int *)x, b = *(const int *)y;
    return (a > b) - (a < b);
}

// Sorts the n values, at least one.
static sn_spread spread(int *value, size_t n) {
    qsort(value, n, sizeof *value, compare_int);
    return (sn_spread){value[0], value[(n - 1) / 2], value[n - 1]};
}

static sn_status measure(const sn_facts *f, size_t n, sn_survey *s) {
    int *value = sn_new(3 * n, sizeof *value);
    if (!value) return SN_RESOURCE;
    s->grey = s->one_size = true;
    for (size_t i = 0; i < n; i++) {
        value[i] = f[i].height;
        value[n + i] = f[i].width;
        value[2 * n + i] = f[i].height < f[i].width ? f[i].height : f[i].width;
        if (f[i].channels > s->channels) s->channels = f[i].channels;
        s->grey = s->grey && f[i].grey;
        s->one_size = s->one_size && f[i].height == f->height && f[i].width == f->width;
    }
    s->height = spread(value, n);
    s->width = spread(value + n, n);
    s->shorter = spread(value + 2 * n, n);
    free(value);
    return SN_OK;
}

// --- copies

typedef struct {
    uint64_t hash;
    int32_t label;
    int part;
} sighting;

static int compare_sighting(const void *x, const void *y) {
    const sighting *a = x, *b = y;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    return a->part != b->part ? a->part - b->part : (a->label > b->label) - (a->label < b->label);
}

// `first` of its pixels is known to come earlier or to be `one` itself.
static void count_copy(const sighting *first, const sighting *one, sn_survey *s) {
    if (first == one || first->hash != one->hash || first->part) return;
    if (one->part)
        s->copies++;
    else if (one->label == first->label)
        s->twice++;
    else
        s->torn++;
}

static sn_status count_copies(const sn_facts *f, const int32_t *label, size_t n, sn_survey *s) {
    sighting *all = sn_new(n, sizeof *all);
    if (!all) return SN_RESOURCE;
    for (size_t i = 0; i < n; i++) {
        int part = i < s->count[0] ? 0 : i < s->count[0] + s->count[1] ? 1 : 2;
        all[i] = (sighting){f[i].hash, label[i], part};
    }
    qsort(all, n, sizeof *all, compare_sighting);
    for (size_t i = 0, first = 0; i < n; i++) {
        if (all[i].hash != all[first].hash) first = i;
        count_copy(&all[first], &all[i], s);
    }
    free(all);
    return SN_OK;
}

// --- all

static sn_status take_classes(const sn_cache *c, sn_survey *s) {
    s->classes = sn_cache_classes(c);
    s->name = sn_new((size_t)s->classes, sizeof *s->name);
    s->each = sn_new((size_t)s->classes, sizeof *s->each);
    if (!s->name || !s->each) return SN_RESOURCE;
    for (int i = 0; i < s->classes; i++)
        if (!(s->name[i] = sn_strdup(sn_cache_class_name(c, i)))) return SN_RESOURCE;
    for (int p = 0; p < SN_PARTS; p++) s->count[p] = sn_cache_count(c, p);
    for (uint64_t i = 0; i < s->count[0]; i++) s->each[sn_cache_labels(c)[i]]++;
    return SN_OK;
}

static sn_status fill(const sn_cache *c, sn_survey *s) {
    SN_TRY(take_classes(c, s));
    size_t n = (size_t)(s->count[0] + s->count[1] + s->count[2]);
    sn_facts *f = sn_new(n, sizeof *f);
    sn_status status = f ? SN_OK : SN_RESOURCE;
    for (size_t i = 0; i < n && status == SN_OK; i++) {
        uint8_t bytes[SN_FACTS];
        status = sn_cache_read(c, i, bytes);
        if (status == SN_OK) sn_facts_read(bytes, &f[i]);
    }
    if (status == SN_OK) status = measure(f, n, s);
    if (status == SN_OK) status = count_copies(f, sn_cache_labels(c), n, s);
    free(f);
    return status;
}

sn_status sn_survey_make(const char *source, const char *cache_dir, const volatile sig_atomic_t *stop, sn_survey **out) {
    const sn_decoder *format;
    sn_cache *c;
    SN_TRY(sn_decoder_find(source, &format));
    sn_data_source what = {source, cache_dir, {1, 1, SN_FACTS, SN_FIT_FACTS}, MEMORY, stop};
    SN_TRY(sn_data_source_open(&what, &c));
    sn_survey *s = sn_new(1, sizeof *s);
    sn_status status = s ? SN_OK : SN_RESOURCE;
    if (status == SN_OK) s->format = format->name;
    if (status == SN_OK) status = fill(c, s);
    sn_cache_close(c);
    if (status == SN_OK)
        *out = s;
    else
        sn_survey_free(s);
    return status;
}
