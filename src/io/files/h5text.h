// Reads a text attribute straight from the bytes of an HDF5 file, without the HDF5 library.
// Internal to h5read.c: HDF5 1.10 copies variable-length text by the length in one place into memory sized by another.
// Next: h5text.c.
#ifndef SN_H5TEXT_H
#define SN_H5TEXT_H

#include "base/status.h"

#include <stdint.h>

// Where the attribute's text lies in the file. base: file position of HDF5's address 0; object: address of the object's header.
// NULL and the text's place, or what is wrong (constant text). Only the form that our writer makes is understood: object header
// version 1, attribute version 1 (ASCII name), one variable-length value.
const char *sn_h5_text_find(const unsigned char *file, size_t size, size_t base, uint64_t object, const char *name,
                            const unsigned char **text, size_t *length);

#endif
