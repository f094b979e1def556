// Amounts; see amount.h.
#include "base/amount.h"

#include <stdio.h>

const char *sn_millions(int64_t n, char text[32]) {
    int64_t thousands = n / 1000 + (n % 1000 > 0);
    snprintf(text, 32, "%lld.%03d", (long long)(thousands / 1000), (int)(thousands % 1000));
    return text;
}
