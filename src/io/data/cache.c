// Reads a cache file; see cache.h.
// Not here: writing (cache_write.c).
// Next: dataset.c.
#include "base/crc32c.h"
#include "io/data/cache_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, MOST_HEADER = 32 << 20, PRINT = 8 * (1 + SN_PARTS) + 1 };

struct sn_cache {
    char *path;
    int fd;
    sn_cache_header head;
    sn_cache_sizes sizes;
    char *text;         // the whole header
    const char **names; // (classes) into text
    int32_t *labels;
    uint8_t *pixels; // all of them, or NULL: then
    uint32_t *sums;  // (images) CRC-32C of each as it was loaded
    char fingerprint[PRINT];
};

void sn_cache_close(sn_cache *c) {
    if (!c) return;
    if (c->fd >= 0) close(c->fd);
    free(c->path);
    free(c->text);
    free(c->names);
    free(c->labels);
    free(c->pixels);
    free(c->sums);
    free(c);
}

const char *sn_cache_key(const sn_cache *c) {
    return c->text + sizeof c->head;
}
sn_cache_shape sn_cache_shape_of(const sn_cache *c) {
    return (sn_cache_shape){(int)c->head.channels, (int)c->head.height, (int)c->head.width, SN_FIT_CROP};
}
uint64_t sn_cache_count(const sn_cache *c, int part) {
    return c->head.count[part];
}
int sn_cache_classes(const sn_cache *c) {
    return (int)c->head.classes;
}
const char *sn_cache_class_name(const sn_cache *c, int label) {
    return c->names[label];
}
const int32_t *sn_cache_labels(const sn_cache *c) {
    return c->labels;
}
size_t sn_cache_image_bytes(const sn_cache *c) {
    return c->sizes.image_bytes;
}
size_t sn_cache_memory(const sn_cache *c) {
    return c->pixels ? c->sizes.images * c->sizes.image_bytes : 0;
}
const char *sn_cache_fingerprint(const sn_cache *c) {
    return c->fingerprint;
}

static sn_status damaged(const sn_cache *c, const char *what) {
    return sn_error(SN_DATA, "%s: %s", c->path, what);
}

static sn_status read_at(const sn_cache *c, uint64_t at, void *data, size_t n) {
    for (char *p = data; n;) {
        ssize_t got = pread(c->fd, p, n, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return damaged(c, got ? strerror(errno) : "cut short");
        p += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return SN_OK;
}

// --- opening

static sn_status read_header(sn_cache *c, const char *key) {
    sn_cache_header *h = &c->head;
    struct stat s;
    if (fstat(c->fd, &s)) return damaged(c, strerror(errno));
    if (!S_ISREG(s.st_mode)) return damaged(c, "not a regular file");
    SN_TRY(read_at(c, 0, h, sizeof *h));
    uint64_t text = sizeof *h + (uint64_t)h->key_bytes + h->names_bytes;
    if (h->magic != SN_CACHE_MAGIC || h->version != SN_CACHE_VERSION) return damaged(c, "not a cache of this version");
    if (h->header_bytes > MOST_HEADER || text > MOST_HEADER || h->header_bytes != sn_cache_page_up(text))
        return damaged(c, "damaged header");
    if (!(c->text = sn_new(h->header_bytes, 1))) return SN_RESOURCE;
    SN_TRY(read_at(c, 0, c->text, h->header_bytes));
    uint32_t crc = h->header_crc;
    memset(c->text + offsetof(sn_cache_header, header_crc), 0, sizeof crc);
    if (sn_cache_crc(0, c->text, h->header_bytes) != crc) return damaged(c, "damaged header");
    if (!h->key_bytes || c->text[sizeof *h + h->key_bytes - 1]) return damaged(c, "damaged header");
    if (key && (h->key_bytes != strlen(key) + 1 || memcmp(sn_cache_key(c), key, h->key_bytes)))
        return damaged(c, "made of something else");
    if (h->classes > SN_MOST_CLASSES || h->channels > SN_MOST_CHANNELS || h->height > SN_MOST_SIDE || h->width > SN_MOST_SIDE ||
        !sn_cache_measure(h, &c->sizes))
        return damaged(c, "damaged header");
    if ((uint64_t)s.st_size != c->sizes.file_bytes) return damaged(c, "wrong length");
    return SN_OK;
}

static sn_status find_names(sn_cache *c) {
    const char *at = c->text + sizeof c->head + c->head.key_bytes, *end = at + c->head.names_bytes;
    if (!(c->names = sn_new(c->head.classes, sizeof *c->names))) return SN_RESOURCE;
    for (uint32_t i = 0; i < c->head.classes; i++) {
        const char *zero = memchr(at, 0, (size_t)(end - at));
        if (!zero) return damaged(c, "damaged header");
        c->names[i] = at;
        at = zero + 1;
    }
    return SN_OK;
}

static sn_status read_labels(sn_cache *c) {
    uint64_t n = c->sizes.images;
    if (!(c->labels = sn_new(n, sizeof *c->labels))) return SN_RESOURCE;
    SN_TRY(read_at(c, c->sizes.labels_at, c->labels, n * sizeof *c->labels));
    if (sn_cache_labels_crc(&c->head, c->labels, n) != c->head.labels_crc) return damaged(c, "damaged labels");
    for (uint64_t i = 0; i < n; i++)
        if (c->labels[i] < 0 || (uint32_t)c->labels[i] >= c->head.classes) return damaged(c, "damaged labels");
    return SN_OK;
}

// Waits for who is about to remove it, which takes no time; a file that was removed, or replaced by an equal one, is read on. A
// file system that cannot lock is no reason to do without a cache.
static void begin_use(const sn_cache *c) {
    while (flock(c->fd, LOCK_SH) && errno == EINTR) continue;
    (void)!futimens(c->fd, (const struct timespec[]){{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}});
}

const char *sn_cache_path(const sn_cache *c) {
    return c->path;
}

sn_status sn_cache_open(const char *path, const char *key, sn_cache **out) {
    sn_cache *c = sn_new(1, sizeof *c);
    if (!c) return SN_RESOURCE;
    c->fd = -1;
    sn_status status = (c->path = sn_strdup(path)) ? SN_OK : SN_RESOURCE;
    if (status == SN_OK && (c->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0) status = damaged(c, strerror(errno));
    if (status == SN_OK) status = read_header(c, key);
    if (status == SN_OK) status = find_names(c);
    if (status == SN_OK) status = read_labels(c);
    if (status == SN_OK && key) begin_use(c);
    if (status != SN_OK) {
        sn_cache_close(c);
        return status;
    }
    const sn_cache_header *h = &c->head;
    snprintf(c->fingerprint, PRINT, "%08x%08x%08x%08x", h->labels_crc, h->pixels_crc[0], h->pixels_crc[1], h->pixels_crc[2]);
    *out = c;
    return SN_OK;
}

// --- pixels

sn_status sn_cache_load(sn_cache *c, size_t memory) {
    uint64_t image = c->sizes.image_bytes, all = c->sizes.images * image, step = BLOCK / image + 1, first = 0;
    bool keep = all <= memory;
    uint8_t *pixels = sn_new(keep ? all : step * image, 1);
    sn_status status = pixels ? SN_OK : SN_RESOURCE;
    if (status == SN_OK && !keep && !(c->sums = sn_new(c->sizes.images, sizeof *c->sums))) status = SN_RESOURCE;
    for (int part = 0; part < SN_PARTS && status == SN_OK; part++) {
        uint32_t crc = 0;
        for (uint64_t left = c->head.count[part]; left && status == SN_OK;) {
            uint64_t n = left < step ? left : step;
            uint8_t *to = keep ? pixels + first * image : pixels;
            status = read_at(c, c->sizes.pixels_at + first * image, to, n * image);
            if (status != SN_OK) break;
            crc = sn_cache_crc(crc, to, n * image);
            for (uint64_t i = 0; c->sums && i < n; i++) c->sums[first + i] = sn_crc32c(0, to + i * image, image);
            first += n;
            left -= n;
        }
        if (status == SN_OK && crc != c->head.pixels_crc[part]) status = damaged(c, "damaged pixels");
    }
    if (status == SN_OK && keep)
        c->pixels = pixels;
    else
        free(pixels);
    return status;
}

sn_status sn_cache_read(const sn_cache *c, uint64_t image, uint8_t *pixels) {
    uint64_t n = c->sizes.image_bytes;
    if (c->pixels) {
        memcpy(pixels, c->pixels + image * n, n);
        return SN_OK;
    }
    SN_TRY(read_at(c, c->sizes.pixels_at + image * n, pixels, n));
    return sn_crc32c(0, pixels, n) == c->sums[image] ? SN_OK : damaged(c, "its pixels were changed while it is in use");
}

void sn_cache_expect(const sn_cache *c, uint64_t image) {
    uint64_t n = c->sizes.image_bytes;
    if (!c->pixels) posix_fadvise(c->fd, (off_t)(c->sizes.pixels_at + image * n), (off_t)n, POSIX_FADV_WILLNEED);
}
