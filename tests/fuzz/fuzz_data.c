// Data sets as their decoders see them: IDX, CIFAR-10, CIFAR-100, tar of pictures; plain or packed by gzip. In this process,
// without the child that surrounds them in the program. Not here: HDF5, whose library is known to break (test_hdf5data.c, in a
// child).
//
// Input: a byte that picks the format, then for each of its files 2 bytes length and the content.
#include "fuzz.h"
#include "io/data/decode.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <zlib.h>

enum { FORMATS = 4, MOST_FILES = 7, RECORD = 3073 };

static const struct {
    const sn_decoder *decoder;
    const char *file[MOST_FILES + 1]; // of the folder; none: the source is the file
    int channels, side;
} format[FORMATS] = {
    {&sn_decoder_idx,
     {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
     1,
     4},
    {&sn_decoder_cifar10,
     {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin",
      "batches.meta.txt"},
     3,
     8},
    {&sn_decoder_cifar100, {"train.bin", "test.bin"}, 3, 8},
    {&sn_decoder_tar, {"pictures.tar"}, 3, 8},
};

// --- whole files

typedef struct {
    uint8_t *at, *end;
} place;

static void put(place *p, const void *data, size_t n) {
    if (n > 65535 || (size_t)(p->end - p->at) < n + 2) return;
    *p->at++ = (uint8_t)n;
    *p->at++ = (uint8_t)(n >> 8);
    memcpy(p->at, data, n);
    p->at += n;
}

static void put_packed(place *p, const void *data, size_t n) {
    static uint8_t packed[1 << 16];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)n, .next_out = packed, .avail_out = sizeof packed};
    if (deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK || deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    put(p, packed, z.total_out);
    deflateEnd(&z);
}

static void put_idx(place *p, bool packed) {
    uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 255, 254},
            labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    for (int i = 0; i < 2; i++) {
        (packed ? put_packed : put)(p, images, sizeof images);
        (packed ? put_packed : put)(p, labels, sizeof labels);
    }
}

static void put_records(place *p, int files, size_t record) {
    static uint8_t records[2 * (RECORD + 1)];
    for (int i = 0; i < files; i++) put(p, records, record * (size_t)(1 + i % 2));
}

static const uint8_t png[] = {0x89, 'P',  'N',  'G',  13,  10,  26,  10,   0,    0,    0,    13,  'I',  'H',  'D',  'R',  0,
                              0,    0,    1,    0,    0,   0,   1,   8,    0,    0,    0,    0,   0x3A, 0x7E, 0x9B, 0x55, 0,
                              0,    0,    10,   'I',  'D', 'A', 'T', 0x78, 0x9C, 0x63, 0x60, 0,   0,    0,    2,    0,    1,
                              0x48, 0xAF, 0xA4, 0x71, 0,   0,   0,   0,    'I',  'E',  'N',  'D', 0xAE, 0x42, 0x60, 0x82};

static void put_tar(place *p, bool packed) {
    static uint8_t bytes[1 << 16];
    static const char *const names[] = {"train/a/1.png", "train/b/2.png", "./test/a/3.png", "train/b/x/4.PNG"};
    size_t used = 0;
    struct archive *a = archive_write_new();
    archive_write_set_format_pax_restricted(a);
    archive_write_open_memory(a, bytes, sizeof bytes, &used);
    for (int i = 0; i < 4; i++) {
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, names[i]);
        archive_entry_set_size(e, sizeof png);
        archive_entry_set_filetype(e, AE_IFREG);
        if (archive_write_header(a, e) != ARCHIVE_OK || archive_write_data(a, png, sizeof png) < 0) abort();
        archive_entry_free(e);
    }
    archive_write_close(a);
    archive_write_free(a);
    (packed ? put_packed : put)(p, bytes, used);
}

static size_t seed(uint8_t *data, size_t most, uint64_t *random) {
    uint64_t r = h5_random(random) >> 8;
    bool packed = r & 16;
    place p = {data + 1, data + most};
    *data = (uint8_t)(r % FORMATS);
    if (*data == 0) put_idx(&p, packed);
    if (*data == 1) put_records(&p, 6, RECORD);
    if (*data == 2) put_records(&p, 2, RECORD + 1);
    if (*data == 3) put_tar(&p, packed);
    return (size_t)(p.at - data);
}

static size_t change(uint8_t *data, size_t size, size_t most, uint64_t *random) {
    if (h5_random(random) % 2) { // within a file: the lengths stay
        size_t at = 1 + (size_t)(h5_random(random) % (size - 1)), n = size - at < 16 ? size - at : 16;
        LLVMFuzzerMutate(data + at, n, n);
        return size;
    }
    return LLVMFuzzerMutate(data, size, most);
}

// --- the decoder

static void decode(const sn_decoder *d, const char *source, const sn_cache_shape *shape) {
    sn_files files = {0};
    sn_cache_writer *w = NULL;
    sn_cache *c;
    sn_status s = d->list(source, &files);
    const char *path = fuzz_path("cache");
    unlink(path);
    if (s == SN_OK) s = sn_cache_create(path, "key", shape, &w);
    if (s == SN_OK) s = d->decode(source, &files, w);
    if (s == SN_OK) s = sn_cache_finish(w);
    sn_cache_abandon(w);
    fuzz_refused(s);
    if (s == SN_OK) {
        if (sn_cache_open(path, "key", &c) != SN_OK || sn_cache_load(c, 1 << 20) != SN_OK) abort();
        sn_cache_close(c);
    }
    sn_files_free(&files);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    int k = *data % FORMATS, files = 0;
    char name[64];
    mkdir(fuzz_path("data"), 0777);
    const uint8_t *at = data + 1, *end = data + size;
    for (; format[k].file[files]; files++) {
        snprintf(name, sizeof name, "data/%s", format[k].file[files]);
        if (end - at < 2) {
            unlink(fuzz_path(name));
            continue;
        }
        size_t n = (size_t)at[0] | (size_t)at[1] << 8, left = (size_t)(end - at) - 2;
        if (n > left) n = left;
        fuzz_file(name, at + 2, n);
        at += 2 + n;
    }
    sn_cache_shape shape = {format[k].channels, format[k].side, format[k].side, SN_FIT_CROP};
    snprintf(name, sizeof name, "data/%s", format[k].file[0]);
    decode(format[k].decoder, k == 3 ? fuzz_path(name) : fuzz_path("data"), &shape);
    return 0;
}
