// Known accuracies of archs, to hold a ranking against: a CSV or a JSON file read into (arch text, number) pairs.
// Not here: any statistics (supernet/rank/rankquality.h).
// Next: supernet/rank/rankquality.h.
#ifndef SN_TRUTH_H
#define SN_TRUTH_H

#include "space/space.h"

#include <signal.h>

enum { SN_TRUTH_TEXT = 512 };

typedef struct sn_truth sn_truth;

// Reads a table; the caller owns *out and releases it with sn_truth_free. The file says what it is: JSON starts with '{'.
//
// CSV (cells as in io/files/csv.h): the first line names the columns; `arch` (or `arch_str`, or `architecture`) and the column
// named key (NULL: "accuracy") are read, others are skipped. Empty lines, CR LF and a UTF-8 byte order mark are allowed.
//
// JSON: one object, arch -> number, or arch -> value in which key leads to a number: `mean_acc` a member, `test_acc.0` the first
// element of a list, and so on (a member whose name has dots in it is found by its full name first). Without a key each value
// must itself be a number.
//
// stop: as in sn_input_read. SN_USAGE when the file is missing or cannot be read. SN_DATA naming file, line (CSV, JSON syntax) or
// arch (JSON values) for: an empty file, more than 256 MiB, control characters, a missing column or member, a value that is not a
// finite decimal number, an arch given twice or empty.
sn_status sn_truth_read(const char *path, const char *key, const volatile sig_atomic_t *stop, sn_truth **out);
void sn_truth_free(sn_truth *t);

// Names of archs of the space, in any notation, become their canonical texts. *outside: how many are none; first, unless NULL:
// what is said of the first of them, with its file and line. SN_DATA naming both where two names are the same arch.
sn_status sn_truth_match(sn_truth *t, const sn_space *space, const char *path, long *outside, char first[SN_TRUTH_TEXT]);

// Entries in the order of the file; i < sn_truth_count. The text is borrowed.
size_t sn_truth_count(const sn_truth *t);
const char *sn_truth_arch(const sn_truth *t, size_t i);
size_t sn_truth_line(const sn_truth *t, size_t i); // of a CSV, from 1; 0: JSON

// Sets *value and returns 1 when this very text is in the table, else returns 0 and leaves *value alone.
int sn_truth_find(const sn_truth *t, const char *arch, double *value);

#endif
