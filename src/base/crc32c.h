// CRC-32C (Castagnoli, IEEE Trans. Comm. 1993; polynomial 0x1EDC6F41 reflected, as in RFC 3720): finds accidents, not attackers.
// Any damage within 32 adjacent bits is always found, any other with probability 1 - 2^-32.
// Next: h5file.h, which keeps it in every file.
#ifndef SN_CRC32C_H
#define SN_CRC32C_H

#include <stddef.h>
#include <stdint.h>

// The checksum of what had checksum `crc` (0 for nothing) followed by n bytes.
uint32_t sn_crc32c(uint32_t crc, const void *bytes, size_t n);
// The same without the processor's instruction; sn_crc32c falls back to it.
uint32_t sn_crc32c_portable(uint32_t crc, const void *bytes, size_t n);

#endif
