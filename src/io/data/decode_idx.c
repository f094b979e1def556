// IDX files, as of MNIST and Fashion-MNIST: (magic, sizes big-endian, bytes); plain or .gz. Classes are named by their numbers.
// Not here: IDX of other element types or ranks: they hold no pictures.
// Next: decode_cifar.c.
#include "io/data/decode.h"
#include "io/data/gzfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 0x803, LABELS = 0x801 };

static const char *const file_name[2][2] = {{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                                            {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}};

// "name" or "name.gz", whichever is there; NULL when neither. The buffer holds it.
static const char *present(const char *source, const char *name, char buffer[64]) {
    snprintf(buffer, 64, "%s", name);
    if (sn_path_exists(source, buffer)) return buffer;
    snprintf(buffer, 64, "%s.gz", name);
    return sn_path_exists(source, buffer) ? buffer : NULL;
}

static bool found(const char *source) {
    char buffer[64];
    for (int i = 0; i < 4; i++)
        if (present(source, file_name[i / 2][i % 2], buffer)) return true;
    return false;
}

static sn_status list(const char *source, sn_files *files) {
    char buffer[64];
    for (int i = 0; i < 4; i++) {
        const char *name = present(source, file_name[i / 2][i % 2], buffer);
        if (!name) return sn_error(SN_DATA, "%s: no %s or %s.gz in it", source, file_name[i / 2][i % 2], file_name[i / 2][i % 2]);
        SN_TRY(sn_files_add(files, source, name));
    }
    return SN_OK;
}

typedef struct { // one part, train or test
    sn_gzfile images, labels;
    uint64_t count;
    uint32_t height, width;
    uint8_t *label; // (count)
} part;

static void close_part(part *p) {
    sn_gzfile_close(&p->images);
    sn_gzfile_close(&p->labels);
    free(p->label);
}

// Reads the magic number and `ranks` sizes.
static sn_status header(sn_gzfile *f, uint32_t magic, int ranks, uint32_t *size) {
    uint8_t bytes[16];
    uint32_t word[4];
    SN_TRY(sn_gzfile_read(f, bytes, 4 * (size_t)(1 + ranks), "its header"));
    for (int i = 0; i <= ranks; i++) {
        const uint8_t *b = bytes + 4 * i;
        word[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    if (word[0] != magic)
        return sn_error(SN_DATA, "%s: magic number 0x%08x, not 0x%08x: no IDX file of %s", f->path, word[0], magic,
                        magic == IMAGES ? "images" : "labels");
    memcpy(size, word + 1, (size_t)ranks * sizeof *size);
    return SN_OK;
}

static sn_status open_part(part *p, const char *source, char *const path[2]) {
    uint32_t size[3], labels;
    SN_TRY(sn_gzfile_open(&p->images, source, path[0]));
    SN_TRY(sn_gzfile_open(&p->labels, source, path[1]));
    SN_TRY(header(&p->images, IMAGES, 3, size));
    SN_TRY(header(&p->labels, LABELS, 1, &labels));
    p->count = size[0];
    p->height = size[1];
    p->width = size[2];
    if (!p->height || !p->width || p->height > SN_MOST_SIDE || p->width > SN_MOST_SIDE)
        return sn_error(SN_DATA, "%s: images of %ux%u: sides of 1 to %d are allowed", p->images.path, p->height, p->width,
                        SN_MOST_SIDE);
    if (!p->count) return sn_error(SN_DATA, "%s: no images in it", p->images.path);
    if (labels != p->count)
        return sn_error(SN_DATA, "%s has %u labels, but %s has %llu images", p->labels.path, labels, p->images.path,
                        (unsigned long long)p->count);
    SN_TRY(sn_gzfile_expect(&p->images, 16 + p->count * p->height * p->width)); // below 2^32 * 2^24
    SN_TRY(sn_gzfile_expect(&p->labels, 8 + p->count));
    if (!(p->label = sn_new(p->count, 1))) return SN_RESOURCE;
    SN_TRY(sn_gzfile_read(&p->labels, p->label, p->count, "its labels"));
    return sn_gzfile_end(&p->labels);
}

static unsigned most_label(const part *p) {
    unsigned most = 0;
    for (uint64_t i = 0; i < p->count; i++)
        if (p->label[i] > most) most = p->label[i];
    return most;
}

static sn_status put_part(part *p, uint64_t first, sn_cache_writer *w) {
    char what[64];
    size_t n = (size_t)p->height * p->width;
    uint8_t *pixels = sn_new(n, 1);
    sn_status status = pixels ? SN_OK : SN_RESOURCE;
    sn_picture picture = {.pixels = pixels, .channels = 1, .height = (int)p->height, .width = (int)p->width};
    for (uint64_t i = 0; i < p->count && status == SN_OK; i++) {
        snprintf(what, sizeof what, "image %llu of %llu", (unsigned long long)i, (unsigned long long)p->count);
        status = sn_gzfile_read(&p->images, pixels, n, what);
        if (status != SN_OK) break;
        status = sn_cache_put(w, first + i, p->label[i], &picture);
        if (status != SN_OK) status = sn_error_prefix(status, "%s: image %llu", p->images.path, (unsigned long long)i);
    }
    free(pixels);
    return status == SN_OK ? sn_gzfile_end(&p->images) : status;
}

static sn_status decode(const char *source, const sn_files *files, sn_cache_writer *w) {
    part train = {0}, test = {0};
    sn_status status = open_part(&train, source, files->path);
    if (status == SN_OK) status = open_part(&test, source, files->path + 2);
    if (status == SN_OK && most_label(&test) > most_label(&train))
        status = sn_error(SN_DATA, "%s: label %u, but those of training go up to %u", test.labels.path, most_label(&test),
                          most_label(&train));
    if (status == SN_OK) {
        uint64_t count[SN_PARTS] = {train.count, 0, test.count};
        status = sn_cache_begin(w, count, most_label(&train) + 1, NULL);
        if (status != SN_OK) status = sn_error_prefix(status, "%s", source);
    }
    if (status == SN_OK) status = put_part(&train, 0, w);
    if (status == SN_OK) status = put_part(&test, train.count, w);
    close_part(&train);
    close_part(&test);
    return status;
}

const sn_decoder sn_decoder_idx = {"IDX", "folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., plain or .gz",
                                   found, list, decode};
