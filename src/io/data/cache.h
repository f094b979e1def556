// The cache: one file that holds a whole decoded data set as uint8, written once by a decoder and read by training.
// Not here: which sources exist (decode.h), splits and statistics (dataset.h).
// Next: decode.h.
//
// File (one machine's byte order): a header of a multiple of 4096 bytes (counts, shape, checksums, the key, the class names),
// then int32 labels of all images, padded to 4096, then their pixels (image, height, width, channels): train, val, test.
#ifndef SN_CACHE_H
#define SN_CACHE_H

#include "base/status.h"
#include "io/data/picture.h"

#include <stddef.h>
#include <stdint.h>

enum { SN_PARTS = 3 }; // of a source, in the order of the file: train, val, test

// The limits of data sets, all of them.
enum {
    SN_MOST_CLASSES = 65535,
    SN_MOST_CLASS_NAME = 255,      // bytes
    SN_MOST_CLASS_NAMES = 1 << 20, // bytes of all, each with a separator: checkpoints hold them as one text
    SN_MOST_SIDE = 4096,           // pixels
    SN_MOST_CHANNELS = 16,         // of arrays in HDF5 files; pictures have 1 or 3
    SN_MOST_PICTURE_FILE = 64,     // MiB of one JPEG or PNG file
    SN_MOST_CHUNK = 256,           // MiB of one chunk of an HDF5 file
    SN_MOST_DATA = 64,             // GiB of the cache, and of an unpacked tar
    SN_MOST_GZ_RATIO = 1100,       // unpacked / packed; deflate itself ends at 1032
    SN_MOST_FOLDER_DEPTH = 8,      // below train, val, test
    SN_DECODE_MEMORY = 4,          // GiB for the decoding child
    SN_DECODE_SECONDS = 600,       // of processor time for it, and
    SN_DECODE_SECONDS_PER_MIB = 1, // for each MiB of the source
};

typedef struct {
    int channels, height, width;
    sn_fit fit; // for pictures of another size
} sn_cache_shape;

// --- writing (in the decoding child)

typedef struct sn_cache_writer sn_cache_writer;

// Starts a cache in a new file. shape: of all its images. key: text that says what it is made of; both borrowed until close.
sn_status sn_cache_create(const char *path, const char *key, const sn_cache_shape *shape, sn_cache_writer **out);
void sn_cache_abandon(sn_cache_writer *);
// First call of a decoder: images of train, val and test; names of the classes, NULL for "0", "1", ... SN_DATA beyond a limit.
sn_status sn_cache_begin(sn_cache_writer *, const uint64_t count[SN_PARTS], uint64_t classes, const char *const *names);
// Then for each image once, in any order: its position over train, val, test; its label; the picture, brought to the cache's
// shape. Messages do not name the image: the decoder puts the name before them.
sn_status sn_cache_put(sn_cache_writer *, uint64_t position, int64_t label, const sn_picture *picture);
// All images put: checksums, header, fsync. Closes the file; the writer is to be abandoned in any case.
sn_status sn_cache_finish(sn_cache_writer *);

// --- reading

typedef struct sn_cache sn_cache;

// Opens a cache and checks its header, key, length and labels. SN_DATA: absent, of another key, or damaged. Until it is closed it
// is locked as being in use, and the time of its last access says when that began (cachefolder.h). key NULL: only looked at, of
// whatever it is made; no lock, no time.
sn_status sn_cache_open(const char *path, const char *key, sn_cache **out);
const char *sn_cache_key(const sn_cache *);         // borrowed
sn_cache_shape sn_cache_shape_of(const sn_cache *); // fit is in the key alone: SN_FIT_CROP here
const char *sn_cache_path(const sn_cache *);        // borrowed
void sn_cache_close(sn_cache *);
// One pass over all pixels: checks them, and keeps them in memory when they take at most `memory` bytes. SN_DATA: damaged.
sn_status sn_cache_load(sn_cache *, size_t memory);

uint64_t sn_cache_count(const sn_cache *, int part);
int sn_cache_classes(const sn_cache *);
const char *sn_cache_class_name(const sn_cache *, int label); // borrowed
const int32_t *sn_cache_labels(const sn_cache *);             // of all images, borrowed
size_t sn_cache_image_bytes(const sn_cache *);
size_t sn_cache_memory(const sn_cache *); // bytes of pixels kept in memory: all or none
// Hexadecimal checksums of shape, counts and labels, and of the pixels of train, val and test. Says nothing about the source.
const char *sn_cache_fingerprint(const sn_cache *);
// Pixels of one image, from memory or from the file; SN_DATA when the file has other ones than when it was loaded. Safe from
// several threads.
sn_status sn_cache_read(const sn_cache *, uint64_t image, uint8_t *pixels);
// Tells the system that an image will be read soon; returns at once. Nothing when it is in memory.
void sn_cache_expect(const sn_cache *, uint64_t image);

#endif
