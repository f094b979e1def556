// Mistakes found in a text that a user wrote, collected with their places, so that one run shows up to 20 of them.
// Not here: what counts as a mistake (yaml.h, config.h).
// Next: yaml.h.
#ifndef SN_PROBLEMS_H
#define SN_PROBLEMS_H

#include "base/status.h"
#include <stdbool.h>

enum { SN_MAX_PROBLEMS = 20, SN_SHOWN = 64 };

// Where something stands: file:line:column, both from 1; line 0 where source alone says it (`--set a.b=c`). source is borrowed.
typedef struct {
    const char *source;
    int line, column;
} sn_place;

typedef struct {
    char *text[SN_MAX_PROBLEMS]; // "file:line:col: what"; owned
    sn_place place[SN_MAX_PROBLEMS];
    int n;
    int more;    // found beyond the 20
    bool memory; // a text could not be kept
} sn_problems;

// Starts from {0}. Adds a mistake; the text says what was found, what is allowed and the nearest known word.
void sn_problem(sn_problems *, sn_place, const char *format, ...) __attribute__((format(printf, 3, 4)));
// Adds the thread's last error, "PREFIXtext"; one of lacking memory makes the report one.
void sn_problem_error(sn_problems *, sn_place, const char *prefix);
// Any at all?
bool sn_problems_any(const sn_problems *);
// SN_OK when none; else SN_CONFIG with the message: one line each in the order of the places, or SN_RESOURCE.
// Empties the list in every case.
sn_status sn_problems_report(sn_problems *);

// Copy of `text` fit for a message: at most 63 bytes (longer ones end in ...), control characters as ?. Returns out.
const char *sn_show(const char *text, char out[SN_SHOWN]);

#endif
