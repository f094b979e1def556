// An HDF5 file that is written in memory: a file driver of our own for the HDF5 library, which copies nothing, and our settings
// of that library.
// Internal to h5write.c.
// Next: h5image.c.
#ifndef SN_H5IMAGE_H
#define SN_H5IMAGE_H

#include "io/files/h5file.h"

#include <hdf5.h>
#include <stdbool.h>

typedef struct {
    H5FD_t driver; // first: HDF5 knows the image by it
    hid_t driver_id;
    haddr_t eoa;           // end of what HDF5 has allocated
    unsigned char *bytes;  // grows
    size_t size, capacity; // size = the file's
    bool out_of_space;     // then writes are dropped: HDF5 survives no failed write (see h5image.c)
} sn_h5_image;

// Sets the library up as h5file.h says; repeated calls change nothing. SN_RESOURCE where it would lack memory to make a file.
sn_status sn_h5_setup(void);
// File access properties that lead HDF5 to the image, to be released with sn_h5_image_detach; negative on failure.
hid_t sn_h5_image_attach(sn_h5_image *image);
void sn_h5_image_detach(sn_h5_image *image, hid_t access);
hid_t sn_h5_hdf5_type(sn_h5_type type);
// Sets the message to "format: HDF5's own reason". Returns code.
sn_status sn_h5_error(sn_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
