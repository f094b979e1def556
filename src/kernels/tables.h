// The tables of implementations that are linked into the program; backend.c picks among them by name.
// Not here: what a table holds (backend.h).
// Next: ref/table.c, cpu/table.c.
#ifndef SN_TABLES_H
#define SN_TABLES_H

#include "kernels/backend.h"

extern const sn_table sn_table_ref_float, sn_table_ref_double; // complete
// Fast entries only: list[kernel] may be NULL, and where nothing supports a call ref's entry is taken.
extern const sn_table sn_table_cpu_avx512, sn_table_cpu_avx2, sn_table_cpu_plain;

// cpu/peak.c: does `rounds` rounds of independent FMAs with these lanes and returns their flops.
double sn_fma_flops_avx512(int64_t rounds);
double sn_fma_flops_avx2(int64_t rounds);
double sn_fma_flops_plain(int64_t rounds);

#endif
