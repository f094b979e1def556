// What the machine has left. Next: kernels/memory.h.
#ifndef SN_AVAILABLE_H
#define SN_AVAILABLE_H

#include <stddef.h>

// Bytes the machine can still give, or SIZE_MAX when it does not say.
size_t sn_available_memory(void);

#endif
