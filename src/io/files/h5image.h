// An HDF5 file in memory: a file driver of our own for the HDF5 library, which copies nothing, and our settings of that library.
// Internal to h5write.c and h5read.c.
// Next: h5image.c.
#ifndef SN_H5IMAGE_H
#define SN_H5IMAGE_H

#include "io/files/h5file.h"

#include <hdf5.h>
#include <stdbool.h>

enum { SN_H5_HEADER = 512, SN_H5_TYPES = SN_U64 + 1 }; // bytes of our part of the file, the user block; how many types there are

typedef struct {
    H5FD_t driver; // first: HDF5 knows the image by it
    hid_t driver_id;
    haddr_t eoa;                 // end of what HDF5 has allocated
    unsigned char *bytes;        // writable: grows, owned; else borrowed
    size_t size, capacity;       // size = the file's
    bool writable, out_of_space; // once out_of_space, writes are dropped: HDF5 survives no failed write (see h5image.c)
} sn_h5_image;

// Sets the library up as h5file.h says; repeated calls change nothing. SN_RESOURCE where it would lack memory to open a file.
sn_status sn_h5_setup(void);
// File access properties that lead HDF5 to the image, to be released with sn_h5_image_detach; negative on failure.
hid_t sn_h5_image_attach(sn_h5_image *image);
void sn_h5_image_detach(sn_h5_image *image, hid_t access);
hid_t sn_h5_hdf5_type(sn_h5_type type);
const char *sn_h5_type_name(sn_h5_type type);
// Sets the message to "format: HDF5's own reason". Returns code.
sn_status sn_h5_error(sn_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Whether a name is "/" or "/part/part", each part neither empty nor "." nor "..", at most 1024 bytes in all.
bool sn_h5_path_valid(const char *path);

#endif
