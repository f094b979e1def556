// supernet retrain RUN: trains one architecture alone, in RUN/retrain/NAME, and scores it on the test split.
#include "supernet/rank/archlist.h"
#include "training.h"

#include <stdio.h>
#include <stdlib.h>

static const cli_option options[] = {
    {"arch", 'a', "A", "the architecture, best (of the ranking; default) or likeliest (of alphas; default in mode relax)"},
    CLI_LIMITS,
    CLI_EPOCH,
    {"init", 0, "NAME", "first weights: scratch or inherited (default: retrain.init)"},
    {"name", 0, "NAME", "folder below RUN/retrain (default: a hash of the architecture)"},
    {0}};

static const cli_choice choices[] = {{"init", sn_start_words}, {0}};

// from: step of the supernet's weights, which chose the arch or were inherited.
static sn_status print(const cli *c, const sn_run *r, const char *arch, int64_t from, const sn_log_score *t) {
    if (c->json)
        return cli_print_json(json_pack("{s:i,s:s,s:s,s:I,s:o,s:o,s:o,s:I}", "schema", 1, "run", r->folder, "arch", arch,
                                        "supernet_step", (json_int_t)from, "test_top1", cli_real(t->top1), "test_top5",
                                        cli_real(t->top5), "test_loss", cli_real(t->loss), "images", (json_int_t)t->images));
    cli_print("%s retrained in %s, from the supernet of step %lld\n", arch, r->folder, (long long)from);
    retrained_print(r->config, t);
    return SN_OK;
}

// What to train and where, from the supernet's run.
static sn_status plan_retrain(const cli *c, const sn_run *r, char arch[SN_ARCH_TEXT], sn_config **config, char **folder) {
    sn_arch a;
    sn_cost most;
    int init;
    const char *text = cli_get(c, "arch"), *name;
    SN_TRY(cli_limits(c, &most));
    SN_TRY(sn_arch_named(r, text ? text : r->alphas ? "likeliest" : "best", most, &a));
    sn_arch_text(r->space, &a, arch);
    SN_TRY(retraining_init(c, r->config, &init));
    SN_TRY(retraining_name(c, &name));
    char *in = sn_folder_file(r->folder, "retrain");
    sn_status s = in ? retraining_of(r->config, arch, init, in, name, config, folder) : SN_RESOURCE;
    free(in);
    return s;
}

static sn_status run(const cli *c) {
    sn_run *supernet, *r = NULL;
    char arch[SN_ARCH_TEXT], *folder = NULL, *from = NULL;
    sn_config *config = NULL;
    cli_watch_signals();
    SN_TRY(cli_open_run(c, c->operand[0], &supernet));
    int64_t step = supernet->step;
    sn_status s = supernet->folder ? SN_OK : sn_error(SN_USAGE, "retrain needs a run folder; %s is a file", c->operand[0]);
    if (s == SN_OK) s = plan_retrain(c, supernet, arch, &config, &folder);
    if (s == SN_OK && config->retrain.init == SN_START_INHERITED) {
        from = sn_folder_checkpoint(supernet->folder, supernet->step);
        if (!from) s = SN_RESOURCE;
    }
    sn_run_free(supernet);
    if (s == SN_OK) {
        cli_say(c, "retraining %s in %s", arch, folder);
        s = train_in_folder(c, config, folder, &(training){.inherit = from}, &r);
        config = NULL;
    }
    sn_log_score test;
    if (s == SN_OK) s = retrained_test(c, r, &test);
    if (s == SN_OK) s = print(c, r, arch, step, &test);
    sn_config_free(config);
    sn_run_free(r);
    free(folder);
    free(from);
    return s;
}

const cli_command cmd_retrain = {
    .name = "retrain",
    .operands = "RUN",
    .summary = "train one architecture alone, then score it on the test split",
    .details = "Uses the keys of `retrain` in the config. The folder below RUN/retrain is a run like any "
               "other; the same command line resumes.",
    .least = 1,
    .most = 1,
    .options = options,
    .choices = choices,
    .run = run,
};
