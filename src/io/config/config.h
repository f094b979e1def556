// The config: one struct, made from a YAML file, its presets and --set overrides. Keys, ranges and defaults stand in
// config_keys.def. Not here: opening the data, building the net. Fields are named as the keys: train.optimizer.lr is
// config->train.optimizer.lr. Next: config_keys.def, then config_space.c for the `space` section.
#ifndef SN_CONFIG_H
#define SN_CONFIG_H

#include "base/status.h"
#include "space/space.h"
#include "space/words.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int name;
    double lr, momentum;
    bool nesterov;
    double weight_decay;
    bool decay_bn;
    double beta1, beta2, eps;
    int schedule;
    double warmup; // epochs
    int step_epochs;
    double step_factor, lr_min, clip, label_smoothing;
} sn_config_optimizer;

// Texts are owned by the config, never NULL, "" where nothing is given; paths are absolute.
typedef struct sn_config {
    struct {
        char *source;
        int validation, test, images;
        int64_t seed; // fits 32 bits
        int resize, store;
        struct {
            int crop, pad;
            bool flip;
            int cutout;
            bool resized;
        } augment;
        char *cache;    // machine
        int64_t memory; // machine; bytes
    } data;
    struct {
        struct {
            int channels, height, width;
        } input;
        int classes;
        double bn_eps;
        int text;
        char *arch;      // canonical text of the only arch, "" for all
        sn_space *built; // owned; finished, restricted to `arch` if that is given, and known to give a graph
    } space;
    struct {
        int mode;
        char *sampler;
        int epochs, batch;
        int64_t seed; // fits 32 bits
        int init;
        bool use_validation;
        struct {
            char *method;
            int order, data, picks, on_collapse, rollbacks, perturb_steps, cost_form, cost_of;
            double warmup; // epochs
            double cost_reference, cost_exponent;
            double lr, beta1, beta2, weight_decay, deviation, temperature, temperature_end, zero_one, cost, rollback_decay,
                perturb;
        } relax;
        int validate_every, save_every, keep;
        char *extends; // the checkpoint of another run that this training goes on from, "" for none
        sn_config_optimizer optimizer;
        bool recompute, tensorboard; // machine
    } train;
    struct {
        char *strategy;
        int sample;
        char *archs;
        int bn, calibrate, calibrate_batch, images, by;
        int64_t memory;
    } rank;
    struct {
        int epochs, batch;
        int64_t seed; // fits 32 bits
        int init;
        bool use_validation;
        sn_config_optimizer optimizer;
    } retrain;
    struct {
        char *arch;
        int format, bn;
    } export;
    int threads;  // machine
    char *device; // machine
} sn_config;

// Reads a config file of at most 1 MiB. Overrides are texts "a.b=value" in YAML, the last one wins; "--threads=2" is
// named in messages as that option. SN_CONFIG with up to 20 mistakes, one a
// line: `file:line:column: found; allowed; nearest known word`. Relative paths in the file count from its folder, in overrides
// from the current folder. *out is owned by the caller.
sn_status sn_config_load(const char *path, const char *const *overrides, int n_overrides, sn_config **out);
// The same from text (config.yaml of a run, the text in a checkpoint). `name` is the path that messages show and that relative
// paths and presets count from.
sn_status sn_config_parse(const char *text, size_t size, const char *name, const char *const *overrides, int n_overrides,
                          sn_config **out);
void sn_config_free(sn_config *);
// The same from the config in a checkpoint, whoever made that: SN_CONFIG where the text names a file or folder of this machine to
// use (keys of the machine, a preset), which our own never does. Overrides may.
sn_status sn_config_embedded(const char *text, size_t size, const char *name, const char *const *overrides, int n_overrides,
                             sn_config **out);

// The same from config.yaml of a run folder. Like the text in a checkpoint it has every key that there was when it was written:
// a newer key that it lacks means what was done then (data.augment.pad: black, data.seed: as train.seed), not the default.
sn_status sn_config_of_folder(const char *path, const char *const *overrides, int n_overrides, sn_config **out);

// What another value of a key would change. Every key has one (config_keys.def).
typedef enum {
    SN_BINDS_TRAINING = 1,    // the weights, their names, which images they learn
    SN_BINDS_STEPS = 2,       // only the steps to come
    SN_BINDS_SAVING = 4,      // only which checkpoints lie there
    SN_BINDS_SCORES = 8,      // only scores, which are stored with what they depend on
    SN_BINDS_RETRAINING = 16, // only a retraining yet to begin
    SN_BINDS_EXPORT = 32,     // only exported files, and which architecture is the best
    SN_BINDS_PLACE = 64,      // nothing: the data have a fingerprint
    SN_BINDS_MACHINE = 128    // nothing; not held in checkpoints
} sn_binding;
// All that an override, "a.b=value", may change; 0 where it is neither a key, a section, nor below a key.
unsigned sn_config_binds(const char *override);
// The outermost sections and keys that change nothing of `binds`, "a, b.c". Returns out.
const char *sn_config_free_keys(unsigned binds, char *out, size_t size);

// The config with every key written out (YAML; the space itself, not a preset's name). Reads back to an equal config, and that
// one gives the same bytes. Keys of the machine stand last in their section, under a comment. NULL with the message set; free()
// it.
// machine false: without those, as checkpoints hold it.
char *sn_config_resolved(const sn_config *, bool machine);

// What retraining one arch trains: the same config with the space of that arch alone and the keys of `retrain` in place of those
// of `train`. SN_USAGE for an arch that is not of this space.
sn_status sn_config_retrain(const sn_config *, const char *arch, sn_config **out);

typedef struct {
    char key[64]; // "" when the configs are the same
    char first[128], second[128];
} sn_config_change;
// The first key whose values differ, of those that bind any of `binds`; for the networks of the spaces the first differing line.
sn_status sn_config_difference(const sn_config *first, const sn_config *second, unsigned binds, sn_config_change *out);

// The same of one key, or of all in a section: "data.seed", "space".
sn_status sn_config_difference_in(const char *part, const sn_config *first, const sn_config *second, sn_config_change *out);

// Every key with meaning, type, unit, range and default, and the operations of spaces; as Markdown this is docs/config.md
// (`supernet help config --markdown`). NULL with the message set; free() it.
char *sn_config_help(bool markdown);

#endif
