// Cache files with right checksums: refused, or images and names that can all be read.
// Not here: making them (fuzz_data.c does, in passing).
#include "fuzz.h"
#include "io/data/cache_layout.h"

static size_t seed(uint8_t *data, size_t most, uint64_t *random) {
    static const char *const names[] = {"cat", "dog", "eel"};
    const sn_cache_shape shape = {3, 4, 5, SN_FIT_CROP};
    const uint64_t count[SN_PARTS] = {h5_random(random) % 4 + 1, h5_random(random) % 2, 1};
    uint8_t pixels[60] = {1, 2, 3};
    sn_picture picture = {pixels, 3, 4, 5, false};
    sn_cache_writer *w;
    unlink(fuzz_path("seed"));
    sn_status s = sn_cache_create(fuzz_path("seed"), "key", &shape, &w);
    if (s == SN_OK) s = sn_cache_begin(w, count, 3, h5_random(random) % 2 ? names : NULL);
    for (uint64_t i = 0; s == SN_OK && i < count[0] + count[1] + count[2]; i++)
        s = sn_cache_put(w, i, (int64_t)(i % 3), &picture);
    if (s == SN_OK) s = sn_cache_finish(w);
    if (s != SN_OK) abort();
    sn_cache_abandon(w);
    return fuzz_load(fuzz_path("seed"), data, most);
}

static void seal(uint8_t *data, size_t size) {
    sn_cache_header h;
    sn_cache_sizes m;
    memcpy(&h, data, sizeof h);
    if (h.header_bytes <= size && sn_cache_measure(&h, &m) && m.labels_at <= size && m.pixels_at <= size &&
        4 * m.images <= size - m.labels_at) {
        int32_t *labels = malloc(4 * m.images + 4);
        if (!labels) abort();
        memcpy(labels, data + m.labels_at, 4 * m.images);
        h.labels_crc = sn_cache_labels_crc(&h, labels, m.images);
        free(labels);
        uint64_t at = m.pixels_at, n;
        for (int p = 0; p < SN_PARTS; p++, at += n) {
            n = h.count[p] * m.image_bytes;
            if (n > size - at) n = size - at;
            h.pixels_crc[p] = sn_cache_crc(0, data + at, n);
        }
    }
    h.header_crc = 0;
    memcpy(data, &h, sizeof h);
    h.header_crc = sn_cache_crc(0, data, h.header_bytes < size ? h.header_bytes : size);
    memcpy(data, &h, sizeof h);
}

static size_t change(uint8_t *data, size_t size, size_t most, uint64_t *random) {
    if (size < sizeof(sn_cache_header)) return seed(data, most, random);
    size_t n = h5_random(random) % 4 ? sizeof(sn_cache_header) + 32 : size; // the header most of the time
    if (n > size) n = size;
    LLVMFuzzerMutate(data, n, n);
    seal(data, size);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sn_cache *c;
    sn_status s = sn_cache_open(fuzz_file("cache", data, size), "key", &c);
    fuzz_refused(s);
    if (s != SN_OK) return 0;
    fuzz_refused(sn_cache_load(c, size % 2 ? 1 << 20 : 0));
    uint64_t n = 0;
    size_t letters = 0;
    for (int p = 0; p < SN_PARTS; p++) n += sn_cache_count(c, p);
    uint8_t *pixels = malloc(sn_cache_image_bytes(c));
    for (uint64_t i = 0; i < n; i++) fuzz_refused(sn_cache_read(c, i, pixels));
    for (uint64_t i = 0; i < n; i++)
        if (sn_cache_labels(c)[i] < 0 || sn_cache_labels(c)[i] >= sn_cache_classes(c)) abort();
    for (int i = 0; i < sn_cache_classes(c); i++) letters += strlen(sn_cache_class_name(c, i));
    if (letters > size) abort();
    free(pixels);
    sn_cache_close(c);
    return 0;
}
