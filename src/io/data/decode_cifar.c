// CIFAR-10 and CIFAR-100, binary version: records of label bytes and 3 planes of 32x32 (Krizhevsky, 2009).
// Not here: the Python version of the files (pickles run code when read).
// Next: decode_images.c.
#include "io/data/decode.h"
#include "io/data/gzfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 32, PIXELS = 3 * SIDE * SIDE, MOST_LABELS = 2, MOST_NAMES = 64 << 10 };

typedef struct {
    const char *const *file;                 // training files, then the one of the test
    int files, labels, classes[MOST_LABELS]; // label bytes before each image: the last is used
    const char *names;                       // file of class names, one a line; may be absent
} kind;

static const char *const file10[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                     "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
static const char *const file100[] = {"train.bin", "test.bin"};
static const kind cifar10 = {file10, 6, 1, {10}, "batches.meta.txt"};
static const kind cifar100 = {file100, 2, 2, {20, 100}, "fine_label_names.txt"};

static bool found(const kind *k, const char *source) {
    for (int i = 0; i < k->files; i++)
        if (sn_path_exists(source, k->file[i])) return true;
    return false;
}

static sn_status list(const kind *k, const char *source, sn_files *files) {
    for (int i = 0; i < k->files; i++) {
        if (!sn_path_exists(source, k->file[i])) return sn_error(SN_DATA, "%s: no %s in it", source, k->file[i]);
        SN_TRY(sn_files_add(files, source, k->file[i]));
    }
    return sn_path_exists(source, k->names) ? sn_files_add(files, source, k->names) : SN_OK;
}

// Records of a file: its size must be a multiple of theirs.
static sn_status count_records(const kind *k, const char *source, const char *name, uint64_t *count) {
    struct stat s;
    char *path = sn_path_join(source, name);
    if (!path) return SN_RESOURCE;
    uint64_t record = (uint64_t)k->labels + PIXELS, size = stat(path, &s) ? 0 : (uint64_t)s.st_size;
    sn_status status = SN_OK;
    if (!size || size % record)
        status = sn_error(SN_DATA, "%s: %llu bytes: a multiple of %llu is needed, one image each", path, (unsigned long long)size,
                          (unsigned long long)record);
    *count += size / record;
    free(path);
    return status;
}

static sn_status put_file(const kind *k, const char *source, const char *name, uint64_t *position, sn_cache_writer *w) {
    uint8_t record[MOST_LABELS + PIXELS];
    sn_picture picture = {.pixels = record + k->labels, .channels = 3, .height = SIDE, .width = SIDE, .planar = true};
    sn_gzfile f;
    uint64_t count = 0;
    sn_status status = count_records(k, source, name, &count);
    if (status != SN_OK) return status;
    status = sn_gzfile_open(&f, source, name);
    for (uint64_t i = 0; i < count && status == SN_OK; i++) {
        status = sn_gzfile_read(&f, record, (size_t)k->labels + PIXELS, "an image");
        for (int j = 0; j < k->labels && status == SN_OK; j++)
            if (record[j] >= k->classes[j])
                status = sn_error(SN_DATA, "%s: image %llu: label %d where 0 to %d are allowed", f.path, (unsigned long long)i,
                                  record[j], k->classes[j] - 1);
        if (status == SN_OK) status = sn_cache_put(w, (*position)++, record[k->labels - 1], &picture);
    }
    sn_gzfile_close(&f);
    return status;
}

// Splits text into exactly n lines, in place; lines beyond them must be empty.
static sn_status cut_lines(const char *path, char *text, int n, const char **line) {
    int lines = 0;
    char *rest;
    for (char *p = strtok_r(text, "\r\n", &rest); p; p = strtok_r(NULL, "\r\n", &rest), lines++)
        if (lines < n) line[lines] = p;
    return lines == n ? SN_OK : sn_error(SN_DATA, "%s: %d names of classes, not %d", path, lines, n);
}

static sn_status begin(const kind *k, const char *source, const uint64_t *count, sn_cache_writer *w) {
    int classes = k->classes[k->labels - 1];
    if (!sn_path_exists(source, k->names)) return sn_cache_begin(w, count, (uint64_t)classes, NULL);
    char *text = sn_new(MOST_NAMES + 1, 1);
    const char **line = sn_new((size_t)classes, sizeof *line);
    sn_gzfile f = {0};
    sn_status status = text && line ? sn_gzfile_open(&f, source, k->names) : SN_RESOURCE;
    if (status == SN_OK && f.bytes > MOST_NAMES)
        status =
            sn_error(SN_DATA, "%s: %llu bytes of names: at most %d are allowed", f.path, (unsigned long long)f.bytes, MOST_NAMES);
    if (status == SN_OK) status = sn_gzfile_read(&f, text, f.bytes, "the names");
    if (status == SN_OK) status = cut_lines(f.path, text, classes, line);
    if (status == SN_OK) status = sn_cache_begin(w, count, (uint64_t)classes, line);
    sn_gzfile_close(&f);
    free(text);
    free(line);
    return status;
}

static sn_status decode(const kind *k, const char *source, sn_cache_writer *w) {
    uint64_t count[SN_PARTS] = {0}, position = 0;
    for (int i = 0; i < k->files; i++) SN_TRY(count_records(k, source, k->file[i], &count[i == k->files - 1 ? 2 : 0]));
    SN_TRY(begin(k, source, count, w));
    for (int i = 0; i < k->files; i++) SN_TRY(put_file(k, source, k->file[i], &position, w));
    return SN_OK;
}

static bool found10(const char *source) {
    return found(&cifar10, source);
}
static sn_status list10(const char *source, sn_files *files) {
    return list(&cifar10, source, files);
}
static sn_status decode10(const char *source, const sn_files *files, sn_cache_writer *w) {
    (void)files;
    return decode(&cifar10, source, w);
}
static bool found100(const char *source) {
    return found(&cifar100, source);
}
static sn_status list100(const char *source, sn_files *files) {
    return list(&cifar100, source, files);
}
static sn_status decode100(const char *source, const sn_files *files, sn_cache_writer *w) {
    (void)files;
    return decode(&cifar100, source, w);
}

const sn_decoder sn_decoder_cifar10 = {"CIFAR-10", "folder with data_batch_1.bin to data_batch_5.bin, test_batch.bin", found10,
                                       list10, decode10};
const sn_decoder sn_decoder_cifar100 = {"CIFAR-100", "folder with train.bin, test.bin", found100, list100, decode100};
