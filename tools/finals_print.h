// What came out of finals, as text and as JSON.
// Not here: running them (cmd_finals.c).
#ifndef FINALS_PRINT_H
#define FINALS_PRINT_H

#include "cli.h"
#include "supernet/rank/finals.h"

// Finals that are done. run, folder: RUN and RUN/finals/NAME; the config: the supernet's.
sn_status finals_print(const cli *, const sn_finals *, const char *run, const char *folder, const sn_config *);
// "1 epoch"
const char *finals_epochs(int64_t n, char text[32]);

#endif
