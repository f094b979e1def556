// Amounts in the words of options and tables. Next: amount.c.
#ifndef SN_AMOUNT_H
#define SN_AMOUNT_H

#include <stdint.h>

// Millions with three decimals, "0.134", rounded up: given as a limit, it suffices. Returns text.
const char *sn_millions(int64_t n, char text[32]);

#endif
