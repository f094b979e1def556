// The bytes of an HDF5 file as our writer lays them out, walked without the HDF5 library, which hostile bytes corrupt: superblock
// version 0, object headers version 1, groups of B-tree, symbol nodes and local heap, contiguous datasets, attributes of one
// value, texts in global heaps. Anything else is refused. Internal to h5read.c; h5write.c shares the first words. Next: h5walk.c.
//
// The functions with a walk check each place against the file before it looks there, returns NULL or what is wrong (constant
// text), and counts its steps: a file that leads in circles runs out of them.
#ifndef SN_H5WALK_H
#define SN_H5WALK_H

#include "io/files/h5file.h"

enum { SN_H5_HEADER = 512 }; // bytes of our part of the file, the user block

const char *sn_h5_type_name(sn_h5_type type);
// Whether a name is "/" or "/part/part", each part neither empty nor "." nor "..", at most 1024 bytes in all.
bool sn_h5_path_valid(const char *path);

typedef struct {
    const unsigned char *bytes; // from HDF5's address 0 on
    size_t size;
    size_t steps; // left
} sn_h5_walk;

// An object header. A group: where its members and their names are. A dataset: its type, shape and place.
typedef struct {
    bool is_group;
    uint64_t tree, names;
    int type, ndim; // sn_h5_type
    size_t dims[SN_H5_RANK], at, bytes;
} sn_h5_head;

// One value: 8 bytes of a number, or a text of `size` bytes without a final 0.
typedef enum { SN_H5_INT, SN_H5_FLOAT, SN_H5_TEXT } sn_h5_kind;
typedef struct {
    sn_h5_kind kind;
    const unsigned char *bytes;
    size_t size;
} sn_h5_value;

// Where the root group's header is.
const char *sn_h5_root(sn_h5_walk *, uint64_t *header);
// Reads a header and checks every message in it, attributes with their values too.
const char *sn_h5_head_read(sn_h5_walk *, uint64_t header, sn_h5_head *out);
// The value of an attribute; *found false: there is none of this name.
const char *sn_h5_attribute(sn_h5_walk *, uint64_t header, const char *name, sn_h5_value *out, bool *found);
// Calls back for each member of a group with its name (in the file) and header, in the order of the file, until told what is
// wrong.
const char *sn_h5_members(sn_h5_walk *, const sn_h5_head *group,
                          const char *(*member)(void *context, const char *name, uint64_t header), void *context);

#endif
