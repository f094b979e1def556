// The kinds of sources that are read: a table of formats, each of which finds its files and decodes them into a cache.
// Not here: running a decoder in a child (source.c); the limits (cache.h).
// Next: decode_idx.c, the shortest of them.
#ifndef SN_DECODE_H
#define SN_DECODE_H

#include "io/data/cache.h"

#include <stdbool.h>

// The files that a source consists of, as far as they are read.
typedef struct {
    char **path; // below the source; "" is the source itself
    size_t count, room;
    uint64_t bytes, stamp; // sizes, and a hash of names, sizes, times of change (mtime, ctime): a changed source gives another
} sn_files;

void sn_files_free(sn_files *);
// Adds a regular file; SN_DATA when it is absent or something else.
sn_status sn_files_add(sn_files *, const char *source, const char *path);

typedef struct {
    const char *name;
    const char *looks;                                 // what it looks like, for the message that nothing was found
    bool (*found)(const char *source);                 // a cheap look
    sn_status (*list)(const char *source, sn_files *); // says which file is missing; parses nothing
    sn_status (*decode)(const char *source, const sn_files *, sn_cache_writer *);
} sn_decoder;

extern const sn_decoder sn_decoder_idx, sn_decoder_cifar10, sn_decoder_cifar100, sn_decoder_folder, sn_decoder_tar,
    sn_decoder_hdf5;

// The format of a source; SN_DATA with all that was looked for.
sn_status sn_decoder_find(const char *source, const sn_decoder **out);

// Folders beside the train folder of a folder of images that are not read, such as "validation": their names, or "". New memory.
char *sn_images_unread(const char *source);

// --- shared by the formats

// source/path, or source when path is "". New memory.
char *sn_path_join(const char *source, const char *path);
bool sn_path_exists(const char *source, const char *path);
// n bytes at an offset of a file, when it is a regular file and has them.
bool sn_file_has(const char *path, size_t offset, const void *bytes, size_t n);

#endif
