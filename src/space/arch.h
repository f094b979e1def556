// An architecture: one option per decision. A value, copied freely, with one canonical text.
// Next: graph.h (what an arch reaches), sampler/method.h (who draws them).
#ifndef SN_ARCH_H
#define SN_ARCH_H

#include "base/rng.h"
#include "space/space.h"

enum { SN_ABSENT = 255 };      // option of a decision that does not exist in the arch; printed as -
enum { SN_ARCH_TEXT = 16384 }; // bytes of the longest text with its zero, wherever it is kept; sn_space_finish checks the space

typedef struct sn_arch {
    int n;
    uint8_t option[SN_MAX_DECISIONS];
} sn_arch;

// Canonical text: option names joined by commas, or digits: numbers of options, restricted or not. out holds at least
// SN_ARCH_TEXT bytes; returns out.
char *sn_arch_text(const sn_space *, const sn_arch *, char *out);
// By names, or by digits, whichever the space's own are.
char *sn_arch_text_as(const sn_space *, const sn_arch *, bool digits, char *out);
// The reverse, of a text in any notation (notation.h). SN_USAGE: where in the text, what was found, what is allowed there, the
// nearest known word.
sn_status sn_arch_parse(const sn_space *, const char *text, sn_arch *out);
// Whether a decision exists: the option that it stands in is taken.
bool sn_arch_has(const sn_space *, const sn_arch *, int decision);
// Makes the options an arch after some were set: absent where they do not exist, the first allowed where they newly do.
void sn_arch_settle(const sn_space *, sn_arch *);
// Every allowed arch equally likely.
sn_arch sn_arch_random(const sn_space *, sn_rng *);
// n different ones, at most as many as there are, every set equally likely; in order.
sn_status sn_arch_sample(const sn_space *, sn_rng *, long n, sn_arch *out);
// The same of what `draw` draws; it says false where that does not count. SN_RESOURCE after a great many draws in vain.
sn_status sn_arch_draw_different(void *arg, bool (*draw)(void *arg, sn_arch *), long n, sn_arch *out);
// All allowed archs in the order of option indices, last decision fastest: the first, and from each the next. False after the
// last one.
sn_arch sn_arch_first(const sn_space *);
bool sn_arch_next(const sn_space *, sn_arch *);
bool sn_arch_equal(const sn_arch *, const sn_arch *);
int sn_arch_compare(const sn_arch *, const sn_arch *); // order of option indices

// The word of a list nearest to `text` (edit distance at most 2, or a third of its length), or NULL. get(i) gives word i or NULL
// at the end.
const char *sn_nearest(const char *text, const char *(*get)(const void *list, int i), const void *list);

#endif
