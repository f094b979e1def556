// supernet train CONFIG: the main job; and the part of it that retrain shares.
#include "training.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const cli_option options[] = {
    {"output", 'o', "RUN", "run folder (default: runs/ and the config's name; RUN itself)"},
    {"extend", 0, "N", "the operand is a finished run: N more epochs of it, in the folder of --output"},
    {0}};

// A run goes on in its own folder.
static char *default_folder(const char *config) {
    if (cli_is_folder(config)) return sn_strdup(config);
    const char *name = strrchr(config, '/');
    name = name ? name + 1 : config;
    const char *dot = strrchr(name, '.');
    return sn_format("runs/%.*s", (int)(dot && dot > name ? dot - name : (long)strlen(name)), name);
}

// A folder that holds something, but nothing of a run, is somebody's.
static sn_status check_folder(const char *folder) {
    static const char *const own[] = {"config.yaml", "checkpoints", "lock", ".lock", "log.jsonl"};
    char *other = NULL;
    bool is_run = false;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        for (size_t i = 0; i < sizeof own / sizeof *own; i++) is_run = is_run || !strcmp(e->d_name, own[i]);
        if (!other && strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) other = sn_strdup(e->d_name);
    }
    if (d) closedir(d);
    sn_status s = SN_OK;
    if (other && !is_run)
        s = sn_error(SN_USAGE, "-o %s: it holds '%s' and is no run; allowed are a new folder, an empty one, or a run's", folder,
                     other);
    free(other);
    return s;
}

static sn_status print_result(const cli *c, const sn_run *r) {
    if (c->json) {
        json_t *passes = json_object();
        for (int d = 0; d < r->space->n_decisions; d++) {
            json_t *one = json_object();
            for (int n = 0, k; (k = sn_decision_option(&r->space->decisions[d], n)) >= 0; n++)
                json_object_set_new(one, sn_space_option_name(r->space, d, k),
                                    json_integer(r->option_passes[sn_space_option_place(r->space, d, k)]));
            json_object_set_new(passes, r->space->decisions[d].name, one);
        }
        json_t *best = r->best_step ? json_real(r->best) : json_null();
        return cli_print_json(json_pack("{s:i,s:s,s:I,s:o,s:I,s:o}", "schema", 1, "run", r->folder, "step", (json_int_t)r->step,
                                        "best_validation", best, "best_step", (json_int_t)r->best_step, "passes", passes));
    }
    cli_print("trained %lld steps in %s\n", (long long)r->step, r->folder);
    if (r->best_step)
        cli_print("best mean accuracy of the validation paths: %.4f at step %lld\n", r->best, (long long)r->best_step);
    cli_print("passes per option:\n");
    for (int d = 0; d < r->space->n_decisions; d++) {
        cli_print("  %-19s ", r->space->decisions[d].name);
        for (int n = 0, k; (k = sn_decision_option(&r->space->decisions[d], n)) >= 0; n++)
            cli_print(" %s %lld", sn_space_option_name(r->space, d, k),
                      (long long)r->option_passes[sn_space_option_place(r->space, d, k)]);
        cli_print("\n");
    }
    return SN_OK;
}

// ---------------------------------------------------------------- more epochs for a finished run
static sn_status check_extend(const cli *c) {
    const char *run = c->operand[0], *folder = cli_get(c, "output");
    struct stat a, b;
    if (!folder) return sn_error(SN_USAGE, "--extend is found without --output; the folder of the new run is needed");
    if (stat(run, &a) || !S_ISDIR(a.st_mode))
        return sn_error(SN_USAGE, "--extend: found '%s'; allowed is the folder of a finished run", run);
    if (!stat(folder, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return sn_error(SN_USAGE, "--extend: found --output %s, the run itself; allowed is another folder", folder);
    for (int i = 0; i < c->values; i++)
        if (!strcmp(c->name[i], "set") &&
            (!strncmp(c->value[i], "train.epochs=", 13) || !strncmp(c->value[i], "train.extends=", 14)))
            return sn_error(SN_USAGE, "--extend says how many epochs there are: found --set %s beside it", c->value[i]);
    return SN_OK;
}

static sn_status extended_config(const cli *c, sn_extension *e, sn_config **out) {
    long more;
    cli_overrides o;
    SN_TRY(check_extend(c));
    SN_TRY(cli_number(c, "extend", 1, 100000, 1, &more));
    SN_TRY(sn_extension_open(c->operand[0], &cli_stop, e));
    SN_TRY(cli_overrides_of(c, &o));
    sn_status s = sn_extension_config(e, more, (const char *const *)o.text, o.n, out);
    cli_free_overrides(&o);
    return s;
}

static sn_status run_extended(const cli *c) {
    sn_extension e = {0};
    sn_config *config;
    sn_run *r;
    sn_status s = extended_config(c, &e, &config);
    if (s == SN_OK) s = train_in_folder(c, config, cli_get(c, "output"), &(training){.extension = &e}, &r);
    if (s == SN_OK) {
        s = print_result(c, r);
        sn_run_free(r);
    }
    sn_extension_free(&e);
    return s;
}

static sn_status run(const cli *c) {
    cli_watch_signals();
    if (cli_get(c, "extend")) return run_extended(c);
    sn_config *config;
    SN_TRY(cli_config(c, c->operand[0], &config));
    char *folder = cli_get(c, "output") ? sn_strdup(cli_get(c, "output")) : default_folder(c->operand[0]);
    if (!folder) {
        sn_config_free(config);
        return SN_RESOURCE;
    }
    sn_run *r;
    sn_status s = check_folder(folder);
    if (s != SN_OK) sn_config_free(config);
    if (s == SN_OK) s = train_in_folder(c, config, folder, &(training){0}, &r);
    if (s == SN_OK) {
        s = print_result(c, r);
        sn_run_free(r);
    }
    free(folder);
    return s;
}

const cli_command cmd_train = {
    .name = "train",
    .operands = "CONFIG|RUN",
    .summary = "train a supernet; the same command line resumes",
    .details =
        "Trains until the last epoch or a signal (SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2: the step is finished, a checkpoint "
        "saved, exit code 75).\n"
        "The run folder holds config.yaml (resolved), log.jsonl and checkpoints/. A folder of another config is refused.\n"
        "Given a run folder, training goes on in it.\n"
        "Loss and top-1 beside the progress are means over the paths trained since the epoch began.\n"
        "With --extend N the operand is the folder of a finished run. A new run in --output goes on from its last checkpoint, "
        "with the optimiser's state, for N epochs more; the old one stays as it is. The learning rate is that of the config's "
        "schedule over all epochs, old and new: a cosine that had ended rises again to where the longer one is. --set may change "
        "train.optimizer.lr and the like. The same command line resumes.",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};
