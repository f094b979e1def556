// Which architectures: those of a file, those that a run's config ranks, the one that a text or `best` names.
// Not here: all and random ones of a space, scores (rank.h).
// Next: rank.h.
#ifndef SN_ARCHLIST_H
#define SN_ARCHLIST_H

#include "supernet/rank/rank.h"

enum { SN_MOST_ARCHS = 10000000 }; // that one ranking may hold

// A file of one architecture a line, or on several (sn_notation_end), with empty lines and comments behind #. *archs is the
// caller's. SN_USAGE naming file and line; stop: as in sn_input_read.
sn_status sn_archs_read(const sn_space *, const char *path, const volatile sig_atomic_t *stop, sn_arch **archs, long *n);
// Limits on the costs of an arch; none: SN_NO_LIMIT.
#define SN_NO_LIMIT ((sn_cost){INT64_MAX, INT64_MAX})
// Those of a file, or so many random ones; path NULL and sample 0: as rank.strategy of the config says. Random ones are drawn
// within the limits, fewer where there are not so many; of others those within are kept. SN_USAGE when none is.
sn_status sn_archs_choose(const sn_run *, const char *path, long sample, sn_cost most, const volatile sig_atomic_t *stop,
                          sn_arch **archs, long *n);
// SN_USAGE saying what an arch costs that is beyond the limits.
sn_status sn_arch_within(const sn_graph *, const sn_space *, const sn_arch *, sn_cost most);
// The architecture that a text names, the best of the ranking within the limits for `best`, or what alphas make likeliest for
// `likeliest`. NULL: what the config exports, of a retrained net its own one. SN_USAGE when it is beyond the limits.
sn_status sn_arch_named(const sn_run *, const char *text, sn_cost most, sn_arch *out);

#endif
