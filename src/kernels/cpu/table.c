// The table of fast kernels for one kind of lanes, chosen by SN_LANES_*: for each kernel a list of entries or NULL.
// Not here: the complete list of kernels; what is missing is taken from ref.
// Next: ../backend.c.
#include "kernels/tables.h"

#if defined(SN_LANES_avx512)
const sn_table sn_table_cpu_avx512 = {{NULL}};
#elif defined(SN_LANES_avx2)
const sn_table sn_table_cpu_avx2 = {{NULL}};
#else
const sn_table sn_table_cpu_plain = {{NULL}};
#endif
