// HDF5 files as this project writes and reads them all: checkpoints, rankings, traces. Built in memory, checksummed, replaced
// whole. Not here: what the names mean (checkpoint, ranking, trace know). No filters, no times: equal content gives equal bytes.
// Next: atomic.h (how a file reaches the disk), h5image.h (the HDF5 file in memory).
//
// The file is plain HDF5 (h5py, h5dump and h5ls open it) whose 512-byte user block is ours, little-endian:
//   byte 0 "SNH5"   4 u32 version (1)   8 u64 length of the file   16 u32 CRC-32C of bytes 512 to the end   20 u32 CRC-32C of the
//   512 bytes with this field 0   24 to 511 zero
// A reader checks all of it. The checksum finds accidents, no intent: HDF5 1.10 crashes on a hostile file whose checksum is
// right. So the HDF5 library only writes; our own reader (h5walk.h) knows just the structures that it writes with our settings,
// checks every place and size in them, and refuses all others: external data, virtual datasets, links other than hard ones,
// filters. Memory taken is a small multiple of the file's length, time at most proportional to it.
//
// Writing: one thread at a time. Process-wide: HDF5 prints no errors and loads no plugins.
#ifndef SN_H5FILE_H
#define SN_H5FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { SN_F16, SN_F32, SN_F64, SN_U8, SN_I32, SN_I64, SN_U32, SN_U64, SN_H5_TYPES } sn_h5_type;
enum { SN_H5_RANK = 8, SN_H5_TEXT_MAX = 1 << 20 };

size_t sn_h5_type_size(sn_h5_type type);

// --- writing
typedef struct sn_h5w sn_h5w;

// An empty file in memory. expected_bytes: about how large it will be (growing beyond is fine). The caller owns *out.
sn_status sn_h5_create(size_t expected_bytes, sn_h5w **out);
// Adds a dataset "/group/group/name" and the groups above it: row-major, contiguous. ndim 0 = one value; dims may hold 0.
// data is copied. SN_USAGE when the name is taken or malformed.
sn_status sn_h5_put(sn_h5w *w, const char *path, sn_h5_type type, int ndim, const size_t *dims, const void *data);
// Adds an attribute to an object that was put, a group above one, or "/". Text: UTF-8 of at most SN_H5_TEXT_MAX bytes, stored
// with variable length, which h5py reads as `str`; a whole config fits.
sn_status sn_h5_attr_text(sn_h5w *w, const char *path, const char *name, const char *text);
sn_status sn_h5_attr_int(sn_h5w *w, const char *path, const char *name, int64_t value);
sn_status sn_h5_attr_f64(sn_h5w *w, const char *path, const char *name, double value);
// Ends the building and writes the file (sn_atomic_save: all or nothing). After a failure it may be called again, with any path;
// nothing can be added any more. A writer that failed in an earlier call refuses.
sn_status sn_h5_save(sn_h5w *w, const char *path);
void sn_h5w_free(sn_h5w *w);

// --- reading
typedef struct sn_h5r sn_h5r;

// Reads a whole file and checks everything in it, values apart. SN_DATA when it is missing, larger than cap, cut, damaged, or not
// laid out as ours. The caller owns *out.
sn_status sn_h5_open(const char *path, size_t cap, sn_h5r **out);
void sn_h5r_free(sn_h5r *r);

// Copies a dataset of exactly this type and shape to out. SN_DATA, naming the path, what was found and what is expected,
// otherwise.
sn_status sn_h5_read(const sn_h5r *r, const char *path, sn_h5_type type, int ndim, const size_t *dims, void *out);
// The shape of a dataset of exactly this type and rank. Its data lie within the file, so the sizes can be trusted for allocation.
sn_status sn_h5_shape(const sn_h5r *r, const char *path, sn_h5_type type, int ndim, size_t *dims);
// Text attribute of at most `cap` bytes (without the 0), valid UTF-8; *out is the caller's (free).
sn_status sn_h5_attr_text_read(const sn_h5r *r, const char *path, const char *name, size_t cap, char **out);
sn_status sn_h5_attr_int_read(const sn_h5r *r, const char *path, const char *name, int64_t *out);
sn_status sn_h5_attr_f64_read(const sn_h5r *r, const char *path, const char *name, double *out);
// Whether a dataset or group of this name can be reached.
bool sn_h5_has(const sn_h5r *r, const char *path);
// Calls back for each member of a group, in order of their names, until one returns an error, which is passed on.
typedef sn_status sn_h5_member(void *context, const char *name, bool is_group);
sn_status sn_h5_list(const sn_h5r *r, const char *group, sn_h5_member *member, void *context);

typedef struct {
    size_t bytes;      // of the file
    uint32_t checksum; // of its content
    size_t groups, datasets, data_bytes;
} sn_h5_tally;
sn_h5_tally sn_h5_count(const sn_h5r *r);

#endif
