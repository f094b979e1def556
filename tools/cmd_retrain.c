// supernet retrain RUN: trains one architecture alone, in RUN/retrain/NAME, and scores it on the test split.
#include "base/hash.h"
#include "supernet/rank/rank.h"
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {{"arch", 'a', "A", "the architecture, or best of the ranking (default)"},
                                     {"init", 0, "NAME", "first weights: scratch or inherited (default: retrain.init)"},
                                     {"name", 0, "NAME", "folder below RUN/retrain (default: a hash of the architecture)"},
                                     {0}};

static sn_status check_name(const char *name) {
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (!*name || name[good] || name[0] == '.')
        return sn_error(SN_USAGE, "--name: found '%s'; allowed are letters, digits, '-', '_' and '.', not first a '.'", name);
    return SN_OK;
}

typedef struct {
    const cli *c;
    const sn_run *run;
    double top1, top5, loss;
    long images;
} test_score;

static sn_status keep(void *arg, const sn_score *s) {
    test_score *t = arg;
    double n = (double)s->images;
    t->top1 = (double)s->top1 / n, t->top5 = (double)s->top5 / n, t->loss = s->loss, t->images = s->images;
    return cli_log_test(t->c, t->run, t->run->folder, s);
}

// The one use of the test split; it is written down. Data without one leave the score unknown.
static sn_status test(sn_run *r, test_score *t) {
    sn_arch only = sn_arch_first(r->space);
    sn_view_of_split view = {0};
    sn_score_job job = {
        .archs = &only, .n = 1, .protocol = {SN_PROTOCOL_RUNNING, 0, 250}, .arg = t, .scored = keep, .stop = cli_asked_to_stop};
    if (!sn_dataset_count(r->data, SN_TEST)) return SN_OK;
    SN_TRY(sn_run_source(r, SN_TEST, 0, job.protocol.batch, &view, &job.images));
    sn_status s = sn_score_archs(r->net, &job, NULL);
    sn_run_source_free(&view);
    return s;
}

static sn_status print(const cli *c, const sn_run *r, const char *arch, const test_score *t) {
    if (c->json)
        return cli_print_json(json_pack("{s:i,s:s,s:s,s:o,s:o,s:o,s:I}", "schema", 1, "run", r->folder, "arch", arch, "test_top1",
                                        cli_real(t->top1), "test_top5", cli_real(t->top5), "test_loss", cli_real(t->loss),
                                        "images", (json_int_t)t->images));
    printf("%s retrained in %s\n", arch, r->folder);
    if (!t->images) printf("test: %s has no test images\n", r->config->data.source);
    if (t->images) printf("test: top-1 %.4f  top-5 %.4f  loss %.4f on %ld images\n", t->top1, t->top5, t->loss, t->images);
    return SN_OK;
}

// What to train and where, from the supernet's run.
static sn_status plan_retrain(const cli *c, const sn_run *r, char arch[SN_ARCH_TEXT], sn_config **config, char **folder) {
    sn_arch a;
    const char *text = cli_get(c, "arch");
    SN_TRY(cli_arch(r, text ? text : "best", &a));
    sn_arch_text(r->space, &a, arch);
    int start = r->config->retrain.init;
    SN_TRY(cli_word(c, "init", sn_start_words, &start));
    if (cli_get(c, "name")) SN_TRY(check_name(cli_get(c, "name")));
    SN_TRY(sn_config_retrain(r->config, arch, config));
    (*config)->retrain.init = start;
    *folder = cli_get(c, "name") ? sn_format("%s/retrain/%s", r->folder, cli_get(c, "name"))
                                 : sn_format("%s/retrain/%08x", r->folder, sn_hash_name(arch));
    return *folder ? SN_OK : SN_RESOURCE;
}

static sn_status run(const cli *c) {
    sn_run *supernet, *r = NULL;
    char arch[SN_ARCH_TEXT], *folder = NULL, *from = NULL;
    sn_config *config = NULL;
    cli_watch_signals();
    SN_TRY(cli_open_run(c, c->operand[0], &supernet));
    sn_status s = supernet->folder ? SN_OK : sn_error(SN_USAGE, "retrain needs a run folder; %s is a file", c->operand[0]);
    if (s == SN_OK) s = plan_retrain(c, supernet, arch, &config, &folder);
    if (s == SN_OK && config->retrain.init == SN_START_INHERITED) {
        from = sn_folder_checkpoint(supernet->folder, supernet->step);
        if (!from) s = SN_RESOURCE;
    }
    sn_run_free(supernet);
    if (s == SN_OK) {
        cli_say(c, "retraining %s in %s", arch, folder);
        s = train_in_folder(c, config, folder, from, &r);
        config = NULL;
    }
    test_score t = {.c = c, .run = r, .top1 = NAN, .top5 = NAN, .loss = NAN};
    if (s == SN_OK) s = test(r, &t);
    if (s == SN_OK) s = print(c, r, arch, &t);
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
    .run = run,
};
