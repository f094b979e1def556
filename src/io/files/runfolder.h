// A run folder: config.yaml, log.jsonl, checkpoints/step-NNNNNNNN.h5, ranking.h5, retrain/, export/. Names, the lock of its one
// writer, the log. Not here: what is in a checkpoint (checkpoint.h), when to save (supernet/train/train.c).
#ifndef SN_RUNFOLDER_H
#define SN_RUNFOLDER_H

#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct sn_folder sn_folder;

// Makes the folder and its checkpoints/ if needed and becomes its writer, until close or death. SN_FAIL naming pid and host when
// another process writes it; *warning (may be NULL) is set to a text, borrowed until close, when this file system cannot lock.
// Stale temporary files are removed.
sn_status sn_folder_open(const char *path, sn_folder **out, const char **warning);
void sn_folder_close(sn_folder *);
// Whether the folder under this name is still the one whose writer this is; to be asked before a save. SN_FAIL when it was moved
// or its locks deleted.
sn_status sn_folder_check(const sn_folder *);

// PATH/NAME in new memory, or NULL with the message set.
char *sn_folder_file(const char *path, const char *name);
char *sn_folder_checkpoint(const char *path, int64_t step);
// The step in the last part of such a path, or -1 where it is another name.
int64_t sn_folder_step_of(const char *path);
// Steps of the checkpoint files, newest first; *steps is the caller's. A folder without checkpoints/ has none; one that cannot be
// read is an error.
sn_status sn_folder_steps(const char *path, int64_t **steps, int *n);
// Removes all but the newest `keep` checkpoints and those of the n steps that stay.
sn_status sn_folder_prune(const char *path, int keep, const int64_t *stay, int n);
// Removes those after `step`, the newest first.
sn_status sn_folder_cut(const char *path, int64_t step);
// Adds ".damaged" to the names of checkpoints after `step`, so that they are neither read again nor counted among those to keep.
sn_status sn_folder_set_aside(const char *path, int64_t step);
// SN_RESOURCE when the file system has fewer than `bytes` free.
sn_status sn_folder_space(const char *path, size_t bytes);
// Whole small text file (at most 16 MiB) into new memory; all or nothing writing.
sn_status sn_text_read(const char *path, char **out);
sn_status sn_text_write(const char *path, const char *text);

// log.jsonl: one JSON object a line, each with "step". Opening for training cuts it back to lines of at most `step`; records of
// a use of the test split ("test_split") stay.
sn_status sn_log_cut(const char *path, int64_t step);
// The newest use of the test split after `step` updates that scored one arch; *found says whether there is any. by: the command
// that used it, or NULL for any. Lines that are no JSON are passed over.
typedef struct {
    double top1, top5, loss; // NaN: not in the line
    int64_t images;
} sn_log_score;
sn_status sn_log_test(const char *path, int64_t step, const char *by, sn_log_score *out, bool *found);
// Tells each line, in order; nothing where there is no log.
sn_status sn_log_lines(const char *path, void *arg, void (*tell)(void *arg, const char *line));
// What training wrote: means over the steps since such a line before, or the accuracy of a validation. NaN: not in the line.
typedef struct {
    int64_t step, steps;
    double loss, accuracy, lr, validation;
} sn_log_point;
// Nothing where there is no log. Lines that are no JSON are passed over.
sn_status sn_log_points(const char *path, void *arg, void (*tell)(void *arg, const sn_log_point *));
// Adds one line (without newline) at the end; a partial line is never left behind a whole one.
sn_status sn_log_append(const char *path, const char *line);

#endif
