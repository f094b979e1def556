// Which architectures: those of a file, those that a run's config ranks, the one that a text or `best` names.
// Not here: all and random ones of a space, scores (rank.h).
// Next: rank.h.
#ifndef SN_ARCHLIST_H
#define SN_ARCHLIST_H

#include "supernet/rank/rank.h"

enum { SN_MOST_ARCHS = 10000000 }; // that one ranking may hold

// A file of one architecture a line, with empty lines and comments behind #. *archs is the caller's. SN_USAGE naming file and
// line; stop: as in sn_input_read.
sn_status sn_archs_read(const sn_space *, const char *path, const volatile sig_atomic_t *stop, sn_arch **archs, long *n);
// Those of a file, or so many random ones; path NULL and sample 0: as rank.strategy of the config says.
sn_status sn_archs_choose(const sn_run *, const char *path, long sample, const volatile sig_atomic_t *stop, sn_arch **archs,
                          long *n);
// Keeps, in place, those of at most so many MACs and parameters; SN_USAGE when none is.
sn_status sn_archs_limit(const sn_run *, int64_t macs, int64_t params, sn_arch *archs, long *n);
// The architecture that a text names, or the best of the ranking for `best`. NULL: what the config exports, of a retrained net
// its own one.
sn_status sn_arch_named(const sn_run *, const char *text, sn_arch *out);

#endif
