// Runs a program of others that is looked for when it is needed, on a text of ours, and gives back what it prints.
// Not here: what is drawn (report_*.c, picture.c). Next: helper.c, gnuplot.h.
#ifndef HELPER_H
#define HELPER_H

#include "base/status.h"

typedef struct {
    const char *program;
    char *const *arguments;      // the program's name first, NULL last
    const char *known, *install; // for messages: which version works, what to install
} helper;

// What it prints for a script on its standard input; *out is the caller's, with a final 0 behind its *got bytes. SN_RESOURCE when
// the program is not installed, fails, is killed, prints too much, or has not ended within a minute; it is killed then. It gets
// none of our files and variables.
sn_status helper_run(const helper *, const char *script, size_t size, char **out, size_t *got);

#endif
