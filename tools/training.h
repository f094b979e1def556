// Training a config in a run folder with progress on stderr: what `train`, `retrain` and `finals` share; and of the last two also
// the config of one architecture alone and its scores.
#ifndef TRAINING_H
#define TRAINING_H

#include "cli.h"
#include "supernet/train/extend.h"

typedef struct {
    const char *inherit;           // checkpoint or run whose weights a fresh training starts from, or NULL
    const sn_extension *extension; // what a fresh training goes on from, or NULL
    int epochs;                    // stop after so many, with a checkpoint saved; 0: at the end
    const char *name; // of a training that is one of several, before its progress: the caller says how it went. NULL: alone
} training;

// Takes over the config. Makes or resumes the folder, trains. On SN_OK *out is the trained run (a finished folder says so and
// comes back at once).
sn_status train_in_folder(const cli *, sn_config *, const char *folder, const training *, sn_run **out);

// --init, where it is not given as the config says; --name, NULL where it is not given.
sn_status retraining_init(const cli *, const sn_config *, int *init);
sn_status retraining_name(const cli *, const char **name);
// IN/NAME; name NULL: a hash of the architecture.
char *retraining_folder(const char *in, const char *name, const char *arch);
// What trains one architecture of a supernet's config, and that folder.
sn_status retraining_of(const sn_config *supernet, const char *arch, int init, const char *in, const char *name,
                        sn_config **config, char **folder);
// Scores the one architecture of a retrained run on all images of a split, with its running statistics.
sn_status retrained_score(sn_run *, sn_split, void *arg, sn_status (*scored)(void *arg, const sn_score *));
// The one use of the test split; it is written down, and where this command's is, that is the score: one who was killed after it
// does not use the split again. Data without one leave the score unknown: NAN, 0 images.
sn_status retrained_test(const cli *, sn_run *, sn_log_score *out);
void retrained_print(const sn_config *, const sn_log_score *); // that score

#endif
