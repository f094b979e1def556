// Reads a plain or .gz file of known length strictly: not a byte less, not a byte more, checksum of gzip included.
// Not here: what the bytes mean.
// Next: decode_idx.c.
#ifndef SN_GZFILE_H
#define SN_GZFILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    char *path;
    void *gz;           // gzFile
    uint64_t bytes, at; // size of the file on disk; unpacked bytes read so far
    bool packed;
} sn_gzfile;

// Opens source/path. Messages of all functions begin with the path. Close in any case.
sn_status sn_gzfile_open(sn_gzfile *, const char *source, const char *path);
void sn_gzfile_close(sn_gzfile *);
// SN_DATA when the file cannot hold n unpacked bytes: before memory is taken for them.
sn_status sn_gzfile_expect(const sn_gzfile *, uint64_t n);
// Exactly n bytes of `what`, which names them in the message of a file that is too short.
sn_status sn_gzfile_read(sn_gzfile *, void *data, size_t n, const char *what);
// SN_DATA when more bytes follow.
sn_status sn_gzfile_end(sn_gzfile *);

#endif
