// More epochs for a finished run; see extend.h.
#include "supernet/train/extend.h"
#include "io/files/checkpoint.h"
#include "io/files/runfolder.h"
#include "supernet/train/train.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sn_extension_free(sn_extension *e) {
    free(e->run);
    free(e->checkpoint);
    *e = (sn_extension){0};
}

static sn_status name_checkpoint(sn_extension *e) {
    sn_checkpoint_file *f;
    SN_TRY(sn_checkpoint_open(e->checkpoint, &f));
    snprintf(e->name, sizeof e->name, "step-%08lld-%08x", (long long)e->step, sn_checkpoint_checksum(f));
    sn_checkpoint_close(f);
    return SN_OK;
}

static sn_status check_finished(const sn_run *r) {
    int64_t steps = sn_run_steps(r);
    if (r->step == steps) return SN_OK;
    return sn_error(SN_USAGE, "%s is not finished: step %lld of %lld%s%s; allowed are finished runs", r->folder,
                    (long long)r->step, (long long)steps, r->passed_over ? "; passed over: " : "",
                    r->passed_over ? r->passed_over : "");
}

sn_status sn_extension_open(const char *run, const volatile sig_atomic_t *stop, sn_extension *out) {
    sn_run *r;
    SN_TRY(sn_run_open(run, NULL, 0, stop, &r));
    sn_status s = check_finished(r);
    if (s == SN_OK) {
        out->step = r->step;
        out->epochs = r->config->train.epochs;
        out->lr = sn_run_lr(r, r->step - 1);
        out->run = realpath(run, NULL);
        out->checkpoint = sn_folder_checkpoint(run, r->step);
        if (!out->run || !out->checkpoint) s = sn_error(SN_RESOURCE, "%s: no memory for its path, or it is gone", run);
    }
    sn_run_free(r);
    return s == SN_OK ? name_checkpoint(out) : s;
}

// ---------------------------------------------------------------- the config
// The state of another rule cannot be gone on from.
static bool same_slots(const sn_config_optimizer *a, const sn_config_optimizer *b) {
    return a->name == b->name && (a->name != SN_OPTIMIZER_SGD || (a->momentum > 0) == (b->momentum > 0));
}

static sn_status check_changes(const sn_config *before, sn_config *made, const char *run) {
    static const char allowed[] =
        "allowed are train.optimizer, but for the rule itself, data.augment, and what does not bind training";
    if (!same_slots(&before->train.optimizer, &made->train.optimizer))
        return sn_error(SN_USAGE, "--extend: another optimiser cannot go on from the state of that of %s; %s", run, allowed);
    sn_config_optimizer optimizer = made->train.optimizer; // all that may differ is made equal for the comparison
    char *extends = made->train.extends;
    int epochs = made->train.epochs;
    made->train.optimizer = before->train.optimizer;
    made->train.extends = before->train.extends;
    made->train.epochs = before->train.epochs;
    sn_config_change change;
    sn_status s = sn_config_difference(before, made, SN_BINDS_TRAINING, &change);
    made->train.optimizer = optimizer;
    made->train.extends = extends;
    made->train.epochs = epochs;
    if (s != SN_OK || !change.key[0]) return s;
    return sn_error(SN_USAGE, "--extend: %s is %s in %s, found %s; %s", change.key, change.first, run, change.second, allowed);
}

static sn_status make_config(const sn_extension *e, const char *path, long more, const char *const *overrides, int n,
                             sn_config **out) {
    const char **all = sn_new((size_t)n + 2, sizeof *all);
    char *epochs = sn_format("train.epochs=%ld", e->epochs + more), *extends = sn_format("train.extends=%s", e->name);
    sn_status s = all && epochs && extends ? SN_OK : SN_RESOURCE;
    for (int i = 0; s == SN_OK && i < n; i++) all[i] = overrides[i];
    if (s == SN_OK) all[n] = epochs, all[n + 1] = extends;
    if (s == SN_OK) s = sn_config_of_folder(path, all, n + 2, out);
    free(all);
    free(epochs);
    free(extends);
    return s;
}

sn_status sn_extension_config(const sn_extension *e, long more, const char *const *overrides, int n, sn_config **out) {
    sn_config *before = NULL, *made = NULL;
    char *path = sn_folder_file(e->run, "config.yaml");
    sn_status s = path ? sn_config_of_folder(path, NULL, 0, &before) : SN_RESOURCE;
    if (s == SN_OK) s = make_config(e, path, more, overrides, n, &made);
    if (s == SN_OK) s = check_changes(before, made, e->run);
    free(path);
    sn_config_free(before);
    if (s == SN_OK)
        *out = made;
    else
        sn_config_free(made);
    return s;
}

// ---------------------------------------------------------------- the first checkpoint
// Before the checkpoint: whoever finds that one also finds the line.
static sn_status write_down(const sn_extension *e, const sn_run *r) {
    json_t *line = json_pack("{s:I,s:s,s:s,s:i,s:i,s:f}", "step", (json_int_t)e->step, "extends", e->run, "checkpoint", e->name,
                             "epochs_before", e->epochs, "epochs", r->config->train.epochs, "next_lr", sn_run_lr(r, e->step));
    char *log = sn_folder_file(r->folder, "log.jsonl"),
         *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    sn_status s = log && text ? sn_log_cut(log, 0) : sn_error(SN_RESOURCE, "%s: no line for the log", r->folder);
    if (s == SN_OK) s = sn_log_append(log, text);
    free(log);
    free(text);
    json_decref(line);
    return s;
}

sn_status sn_extension_begin(const sn_extension *e, sn_run *r) {
    SN_TRY(sn_run_continue(r, e->checkpoint));
    SN_TRY(sn_folder_space(r->folder, sn_run_checkpoint_bytes(r)));
    SN_TRY(write_down(e, r));
    char *path = sn_folder_checkpoint(r->folder, r->step);
    sn_status s = path ? sn_run_save(r, path) : SN_RESOURCE;
    free(path);
    return s;
}
