// Writes a cache file; see cache.h.
// Not here: temporary names and renaming (dataset.c), reading (cache.c).
// Next: cache.c.
#include "base/utf8.h"
#include "io/data/cache_layout.h"
#include "io/files/h5file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER = 1 << 20 };
_Static_assert((int)SN_MOST_CLASS_NAMES <= (int)SN_H5_TEXT_MAX, "a checkpoint holds the names of the classes");

struct sn_cache_writer {
    const char *path, *key;
    sn_fit fit;
    int fd, begun;
    sn_cache_header head;
    sn_cache_sizes sizes;
    char *names; // each with its zero
    int32_t *labels;
    uint64_t put;    // images so far
    uint8_t *buffer; // pixels of images that follow each other, not yet written
    size_t room;     // of buffer, in bytes: a multiple of an image
    uint64_t first;  // image at the start of buffer
    uint64_t held;   // images in buffer
};

static sn_status write_failed(const sn_cache_writer *w, int why) {
    return sn_error(SN_RESOURCE, "data.cache: writing %s of %llu bytes: %s", w->path, (unsigned long long)w->sizes.file_bytes,
                    strerror(why));
}

static sn_status write_at(const sn_cache_writer *w, uint64_t at, const void *data, size_t n) {
    for (const char *p = data; n;) {
        ssize_t done = pwrite(w->fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return write_failed(w, done ? errno : EIO);
        p += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return SN_OK;
}

sn_status sn_cache_create(const char *path, const char *key, const sn_cache_shape *shape, sn_cache_writer **out) {
    sn_cache_writer *w = sn_new(1, sizeof *w);
    if (!w) return SN_RESOURCE;
    w->path = path;
    w->key = key;
    w->fit = shape->fit;
    w->head = (sn_cache_header){.magic = SN_CACHE_MAGIC,
                                .version = SN_CACHE_VERSION,
                                .channels = (uint32_t)shape->channels,
                                .height = (uint32_t)shape->height,
                                .width = (uint32_t)shape->width,
                                .key_bytes = (uint32_t)strlen(key) + 1};
    w->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (w->fd < 0) {
        int why = errno;
        free(w);
        return sn_error(SN_RESOURCE, "data.cache: %s cannot be made: %s", path, strerror(why));
    }
    *out = w;
    return SN_OK;
}

void sn_cache_abandon(sn_cache_writer *w) {
    if (!w) return;
    if (w->fd >= 0) close(w->fd);
    free(w->names);
    free(w->labels);
    free(w->buffer);
    free(w);
}

// --- begin

static sn_status take_names(sn_cache_writer *w, uint64_t classes, const char *const *names) {
    char *all = NULL, number[24];
    size_t room = 0, used = 0;
    sn_status status = SN_OK;
    for (uint64_t i = 0; i < classes && status == SN_OK; i++) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)i);
        const char *name = names ? names[i] : number;
        size_t n = strlen(name);
        if (!sn_utf8_valid(name))
            status = sn_error(SN_DATA, "the name of class %llu, '%s', is not UTF-8", (unsigned long long)i, name);
        for (size_t k = 0; k < n; k++)
            if ((unsigned char)name[k] < 32 || name[k] == 127)
                status = sn_error(SN_DATA, "the name of class %llu holds control character 0x%02x", (unsigned long long)i,
                                  (unsigned)(unsigned char)name[k]);
        if (!n || n > SN_MOST_CLASS_NAME)
            status = sn_error(SN_DATA, "the name of class %llu has %zu bytes: 1 to %d are allowed", (unsigned long long)i, n,
                              SN_MOST_CLASS_NAME);
        if (status == SN_OK) status = sn_grow(&all, &room, used + n + 1, 1);
        if (status == SN_OK) memcpy(all + used, name, n + 1);
        used += n + 1;
    }
    if (status == SN_OK && used > SN_MOST_CLASS_NAMES)
        status = sn_error(SN_DATA, "the names of the %llu classes have %zu bytes together: at most %d are allowed",
                          (unsigned long long)classes, used, SN_MOST_CLASS_NAMES);
    w->names = all;
    w->head.classes = (uint32_t)classes;
    w->head.names_bytes = (uint32_t)used;
    return status;
}

sn_status sn_cache_begin(sn_cache_writer *w, const uint64_t count[SN_PARTS], uint64_t classes, const char *const *names) {
    if (!count[0]) return sn_error(SN_DATA, "no training images");
    if (!classes || classes > SN_MOST_CLASSES)
        return sn_error(SN_DATA, "%llu classes: 1 to %d are allowed", (unsigned long long)classes, SN_MOST_CLASSES);
    SN_TRY(take_names(w, classes, names));
    sn_cache_header *h = &w->head;
    memcpy(h->count, count, sizeof h->count);
    h->header_bytes = sn_cache_page_up(sizeof *h + h->key_bytes + h->names_bytes);
    if (!sn_cache_measure(h, &w->sizes))
        return sn_error(SN_DATA, "%llu + %llu + %llu images of %ux%ux%u bytes: at most %d GiB and 2^31 images are allowed",
                        (unsigned long long)count[0], (unsigned long long)count[1], (unsigned long long)count[2], h->height,
                        h->width, h->channels, SN_MOST_DATA);
    w->room = w->sizes.image_bytes * (BUFFER / w->sizes.image_bytes + 1);
    w->labels = sn_new(w->sizes.images, sizeof *w->labels);
    w->buffer = sn_new(w->room, 1);
    if (!w->labels || !w->buffer) return SN_RESOURCE;
    // A full disk is told now where the file system can promise space, at the write that fails elsewhere.
    if (fallocate(w->fd, 0, 0, (off_t)w->sizes.file_bytes) && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR)
        return write_failed(w, errno);
    w->begun = 1;
    return SN_OK;
}

// --- put

static sn_status flush(sn_cache_writer *w) {
    uint64_t at = w->sizes.pixels_at + w->first * w->sizes.image_bytes;
    SN_TRY(write_at(w, at, w->buffer, w->held * w->sizes.image_bytes));
    w->held = 0;
    return SN_OK;
}

sn_status sn_cache_put(sn_cache_writer *w, uint64_t position, int64_t label, const sn_picture *p) {
    const sn_cache_header *h = &w->head;
    if (!w->begun || position >= w->sizes.images || w->put >= w->sizes.images)
        return sn_error(SN_FAIL, "image %llu of %llu", (unsigned long long)position, (unsigned long long)w->sizes.images);
    if (label < 0 || label >= h->classes)
        return sn_error(SN_DATA, "label %lld where 0 to %u are allowed", (long long)label, h->classes - 1);
    if (p->height < 1 || p->width < 1 || p->height > SN_MOST_SIDE || p->width > SN_MOST_SIDE)
        return sn_error(SN_DATA, "%dx%d pixels: sides of 1 to %d are allowed", p->height, p->width, SN_MOST_SIDE);
    if (w->held && (position != w->first + w->held || (w->held + 1) * w->sizes.image_bytes > w->room)) SN_TRY(flush(w));
    if (!w->held) w->first = position;
    uint8_t *to = w->buffer + w->held * w->sizes.image_bytes;
    SN_TRY(sn_picture_fit(p, w->fit, (int)h->channels, (int)h->height, (int)h->width, to));
    w->held++;
    w->put++;
    w->labels[position] = (int32_t)label;
    return SN_OK;
}

// --- finish

// Checksums of what the file now holds: images may have come in any order.
static sn_status read_back(sn_cache_writer *w) {
    uint64_t at = w->sizes.pixels_at;
    for (int part = 0; part < SN_PARTS; part++) {
        uint64_t left = w->head.count[part] * w->sizes.image_bytes;
        while (left) {
            size_t n = left < w->room ? left : w->room;
            ssize_t got = pread(w->fd, w->buffer, n, (off_t)at);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return write_failed(w, got ? errno : EIO);
            w->head.pixels_crc[part] = sn_cache_crc(w->head.pixels_crc[part], w->buffer, (uint64_t)got);
            at += (uint64_t)got;
            left -= (uint64_t)got;
        }
    }
    return SN_OK;
}

static sn_status write_header(sn_cache_writer *w) {
    sn_cache_header *h = &w->head;
    h->labels_crc = sn_cache_labels_crc(h, w->labels, w->sizes.images);
    char *text = sn_new(h->header_bytes, 1);
    if (!text) return SN_RESOURCE;
    memcpy(text, h, sizeof *h);
    memcpy(text + sizeof *h, w->key, h->key_bytes);
    memcpy(text + sizeof *h + h->key_bytes, w->names, h->names_bytes);
    h->header_crc = sn_cache_crc(0, text, h->header_bytes);
    memcpy(text, h, sizeof *h);
    sn_status status = write_at(w, 0, text, h->header_bytes);
    free(text);
    return status;
}

sn_status sn_cache_finish(sn_cache_writer *w) {
    if (!w->begun || w->put != w->sizes.images)
        return sn_error(SN_FAIL, "%llu images of %llu", (unsigned long long)w->put, (unsigned long long)w->sizes.images);
    SN_TRY(flush(w));
    if (ftruncate(w->fd, (off_t)w->sizes.file_bytes)) return write_failed(w, errno);
    SN_TRY(read_back(w));
    SN_TRY(write_at(w, w->sizes.labels_at, w->labels, 4 * w->sizes.images));
    SN_TRY(write_header(w));
    if (fsync(w->fd)) return write_failed(w, errno);
    int failed = close(w->fd);
    w->fd = -1;
    return failed ? write_failed(w, errno) : SN_OK;
}
