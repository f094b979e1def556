// What the machine has left. Next: supernet/engine/exec.h.
#ifndef SN_MEMORY_H
#define SN_MEMORY_H

#include <stddef.h>

// Bytes the machine can still give, or SIZE_MAX when it does not say.
size_t sn_memory_free(void);

#endif
