// Helpers of the data tests: data sets written, opened, or refused with an exact message.
// Not here: files as such (folder.h), anything about one format beyond IDX.
// Next: test_dataset.c.
#ifndef SN_TEST_DATAFILES_H
#define SN_TEST_DATAFILES_H

#include "folder.h"
#include "io/data/dataset.h"

#include <zlib.h>

#define MAYBE __attribute__((unused)) static

MAYBE void put_gz(const char *path, const void *data, size_t n) {
    make_parents(path);
    gzFile f = gzopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(gzwrite(f, data, (unsigned)n), (int)n);
    ck_assert_int_eq(gzclose(f), Z_OK);
}

// --- data sets

MAYBE sn_data_options options(const char *source, int channels, int height, int width) {
    static char cache[300], kept[8][512]; // of source, beyond the life of at()
    static int next;
    char *copy = kept[next++ % 8];
    snprintf(copy, sizeof kept[0], "%s", source);
    snprintf(cache, sizeof cache, "%s/cache", scratch);
    return (sn_data_options){
        .source = copy, .cache_dir = cache, .channels = channels, .height = height, .width = width, .memory = 1 << 30, .seed = 1};
}

MAYBE sn_dataset *good(const sn_data_options *o) {
    sn_dataset *d = NULL;
    sn_status status = sn_dataset_open(o, &d);
    ck_assert_msg(status == SN_OK, "%s: %d: %s", o->source, status, sn_error_text());
    return d;
}

// The source is refused with exactly this message.
__attribute__((format(printf, 3, 4))) MAYBE void refused(const sn_data_options *o, sn_status expected, const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sn_dataset *d = NULL;
    sn_status status = sn_dataset_open(o, &d);
    ck_assert_msg(status != SN_OK, "accepted where this was expected: %s", text);
    ck_assert_str_eq(sn_error_text(), text);
    ck_assert_int_eq(status, expected);
    ck_assert_ptr_null(d);
}

// Opened, or refused with SN_DATA or SN_RESOURCE: never worse. Returns whether it was opened.
MAYBE bool survives(const sn_data_options *o) {
    sn_dataset *d = NULL;
    sn_status status = sn_dataset_open(o, &d);
    ck_assert_msg(status == SN_OK || status == SN_DATA || status == SN_RESOURCE, "%d: %s", status, sn_error_text());
    ck_assert(status == SN_OK || *sn_error_text());
    sn_dataset_close(d);
    return status == SN_OK;
}

// One image of a split.
MAYBE int32_t read_one(const sn_dataset *d, sn_split split, uint32_t i, uint8_t *pixels) {
    int32_t label = -1;
    ck_assert_int_eq(sn_dataset_read(d, split, &i, 1, pixels, &label), SN_OK);
    return label;
}

// --- IDX

MAYBE size_t word(uint8_t *to, uint32_t v) {
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(v >> (24 - 8 * i));
    return 4;
}

// Both return the length of the file's bytes.
MAYBE size_t idx_images(uint8_t *to, uint32_t n, uint32_t h, uint32_t w, const uint8_t *pixels) {
    size_t at_byte = word(to, 0x803);
    at_byte += word(to + at_byte, n);
    at_byte += word(to + at_byte, h);
    at_byte += word(to + at_byte, w);
    memcpy(to + at_byte, pixels, (size_t)n * h * w);
    return at_byte + (size_t)n * h * w;
}
MAYBE size_t idx_labels(uint8_t *to, uint32_t n, const uint8_t *labels) {
    size_t at_byte = word(to, 0x801);
    at_byte += word(to + at_byte, n);
    memcpy(to + at_byte, labels, n);
    return at_byte + n;
}

// Images of h x w whose pixel p of image i is (7 i + 13 p) mod 251; train, then test.
MAYBE uint8_t idx_pixel(size_t i, size_t p) {
    return (uint8_t)((7 * i + 13 * p) % 251);
}

MAYBE void put_idx(const char *folder, uint32_t train, uint32_t test, uint32_t h, uint32_t w, const uint8_t *labels) {
    size_t image = (size_t)h * w, room = (train + test) * image + 16;
    uint8_t *pixels = malloc(room), *bytes = malloc(room + train + test);
    ck_assert(pixels && bytes);
    char path[512];
    for (size_t i = 0; i < (size_t)train + test; i++)
        for (size_t p = 0; p < image; p++) pixels[i * image + p] = idx_pixel(i, p);
    snprintf(path, sizeof path, "%s/train-images-idx3-ubyte", folder);
    put_file(path, bytes, idx_images(bytes, train, h, w, pixels));
    snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte", folder);
    put_file(path, bytes, idx_images(bytes, test, h, w, pixels + train * image));
    snprintf(path, sizeof path, "%s/train-labels-idx1-ubyte", folder);
    put_file(path, bytes, idx_labels(bytes, train, labels));
    snprintf(path, sizeof path, "%s/t10k-labels-idx1-ubyte", folder);
    put_file(path, bytes, idx_labels(bytes, test, labels + train));
    free(pixels);
    free(bytes);
}

#endif
