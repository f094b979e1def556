// supernet eval RUN: loss, top-1, top-5, MACs and params of some archs, from a run or a bare checkpoint.
#include "base/clock.h"
#include "cli.h"
#include "io/files/atomic.h"
#include "io/files/h5file.h"
#include "space/cost.h"
#include "supernet/rank/rank.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"arch", 'a', "A", "an architecture, best (of the ranking) or likeliest (of alphas, mode relax); may be repeated"},
    {"sample", 0, "N", "N random architectures"},
    {"archs", 0, "FILE", "one architecture a line"},
    CLI_LIMITS,
    CLI_EPOCH,
    {"split", 0, "NAME", "validation (default) or test; each use of test is logged in the run"},
    {"images", 0, "N", "score on the first N images of the split's order (default: rank.images)"},
    {"bn", 0, "NAME", "recalibrate, batch or running (default: rank.bn; of a retrained run: running)"},
    {"logits", 0, "FILE", "also write images, labels and logits as HDF5 (at most 16 architectures)"},
    {0}};

static const char *const splits[] = {"validation", "test", NULL};
static const cli_choice choices[] = {{"split", splits}, {"bn", sn_protocol_words}, {0}};

typedef struct {
    const cli *c;
    sn_run *run;
    json_t *list;
    table *table;        // or NULL: --json
    sn_h5w *file;        // of --logits, or NULL
    long n, images;      // archs scored, images of each
    bool test;           // on test images
    long wanted;         // archs to score
    double start, first; // seconds, and archs done then
} evaluation;

static sn_status put_logits(evaluation *e, const sn_score *s) {
    char path[64], text[SN_ARCH_TEXT];
    size_t dims[2] = {(size_t)s->images, (size_t)e->run->space->classes};
    snprintf(path, sizeof path, "/archs/%04ld/logits", e->n);
    SN_TRY(sn_h5_put(e->file, path, SN_F32, 2, dims, s->logits));
    return sn_h5_attr_text(e->file, path, "arch", sn_arch_text(e->run->space, &s->arch, text));
}

static sn_status out_of_memory(void) {
    return sn_error(SN_RESOURCE, "out of memory for the scores as JSON");
}

static table *new_table(const sn_space *s) {
    table *t = table_new();
    table_column(t, TABLE_TEXT, 0, "architecture");
    table_column(t, TABLE_NUMBER, 0, "top-1");
    if (cli_has_top5(s)) table_column(t, TABLE_NUMBER, 2, "top-5");
    table_column(t, TABLE_NUMBER, 1, "loss");
    table_column(t, TABLE_NUMBER, 0, "MMACs");
    table_column(t, TABLE_NUMBER, 1, "params");
    return t;
}

static void add_row(evaluation *e, const sn_score *s, const char *arch, const sn_cost *cost) {
    char text[32];
    table *t = e->table;
    double n = (double)s->images;
    table_cell(t, "%s", arch);
    table_cell(t, "%s", cli_score((double)s->top1 / n, text));
    if (cli_has_top5(e->run->space)) table_cell(t, "%s", cli_score((double)s->top5 / n, text));
    table_cell(t, "%s", cli_score(s->loss, text));
    table_cell(t, "%s", cli_mmacs(cost->macs, text));
    table_cell(t, "%lld", (long long)cost->params);
}

static sn_status add(void *arg, const sn_score *s) {
    evaluation *e = arg;
    char text[SN_ARCH_TEXT];
    double n = (double)s->images;
    sn_cost cost;
    SN_TRY(sn_cost_arch(e->run->graph, &s->arch, &cost));
    sn_arch_text(e->run->space, &s->arch, text);
    if (e->test) SN_TRY(cli_log_test(e->c, e->run, e->c->operand[0], s));
    if (e->file) SN_TRY(put_logits(e, s));
    e->n++;
    e->images = s->images;
    if (e->c->json) {
        return json_array_append_new(e->list, json_pack("{s:s,s:f,s:f,s:o,s:I,s:I}", "arch", text, "top1", (double)s->top1 / n,
                                                        "top5", (double)s->top5 / n, "loss", cli_real(s->loss), "macs",
                                                        (json_int_t)cost.macs, "params", (json_int_t)cost.params))
                   ? out_of_memory()
                   : SN_OK;
    }
    add_row(e, s, text, &cost);
    return SN_OK;
}

// Images as the net saw them, (n, c, h, w), and labels: what another program needs to check the logits.
static sn_status put_images(evaluation *e, const sn_source *source) {
    const sn_space *s = e->run->space;
    size_t plane = (size_t)s->height * (size_t)s->width, channels = (size_t)s->channels, n = (size_t)source->count;
    float *nhwc = sn_new(n, plane * channels * sizeof *nhwc), *nchw = sn_new(n, plane * channels * sizeof *nchw);
    int32_t *labels = sn_new(n, sizeof *labels);
    sn_status status = nhwc && nchw && labels ? SN_OK : SN_RESOURCE;
    for (long i = 0; status == SN_OK && i < source->count; i++)
        status = source->read(source->arg, i, 1, nhwc + (size_t)i * plane * channels, labels + i);
    for (size_t i = 0; status == SN_OK && i < n; i++)
        for (size_t p = 0; p < plane; p++)
            for (size_t k = 0; k < channels; k++) nchw[(i * channels + k) * plane + p] = nhwc[(i * plane + p) * channels + k];
    size_t dims[4] = {n, channels, (size_t)s->height, (size_t)s->width};
    if (status == SN_OK) status = sn_h5_put(e->file, "/images", SN_F32, 4, dims, nchw);
    if (status == SN_OK) status = sn_h5_put(e->file, "/labels", SN_I32, 1, &n, labels);
    free(nhwc);
    free(nchw);
    free(labels);
    return status;
}

// What the file says of itself; see docs/files.md.
static sn_status put_head(const evaluation *e, const char *split, const char *protocol) {
    SN_TRY(sn_h5_attr_text(e->file, "/", "kind", "logits"));
    SN_TRY(sn_h5_attr_int(e->file, "/", "version", 1));
    SN_TRY(sn_h5_attr_text(e->file, "/", "split", split));
    SN_TRY(sn_h5_attr_text(e->file, "/", "protocol", protocol));
    SN_TRY(sn_h5_attr_int(e->file, "/", "images", e->images));
    return sn_h5_attr_int(e->file, "/", "archs", e->n);
}

static sn_status progress(void *arg, double archs) {
    evaluation *e = arg;
    char left[32] = "";
    if (!(e->start > 0)) e->start = sn_now(), e->first = archs;
    if (archs > e->first) cli_duration((sn_now() - e->start) / (archs - e->first) * ((double)e->wanted - archs), left);
    cli_progress(e->c, archs / (double)e->wanted, "%s%s%ld of %ld architecture%s", left, *left ? " left, " : "", (long)archs,
                 e->wanted, cli_plural(e->wanted));
    return SN_OK;
}

static void layout(void *arg, const sn_score_layout *l) {
    const evaluation *e = arg;
    cli_say_layout(e->c, l);
}

static sn_status score(evaluation *e, sn_arch *archs, long n, sn_split split) {
    sn_run *r = e->run;
    sn_view_of_split calibration = {0}, view = {0};
    sn_protocol protocol = sn_run_protocol(r);
    sn_score_job job = {.archs = archs,
                        .n = n,
                        .protocol = protocol,
                        .memory = (size_t)r->config->rank.memory,
                        .want_logits = e->file != NULL,
                        .arg = e,
                        .scored = add,
                        .progress = progress,
                        .layout = layout};
    sn_status s = SN_OK;
    if (protocol.kind == SN_PROTOCOL_RECALIBRATE)
        s = sn_run_source(r, SN_TRAIN, r->config->rank.calibrate, r->config->rank.calibrate_batch, &calibration,
                          &job.calibration);
    if (s == SN_OK) s = sn_run_source(r, split, e->images, protocol.batch, &view, &job.images);
    if (s == SN_OK && e->file) s = put_images(e, &job.images);
    if (s == SN_OK) s = sn_score_archs(r->net, &job, NULL);
    sn_run_source_free(&calibration);
    sn_run_source_free(&view);
    return s;
}

static sn_status print(evaluation *e, const char *split, const char *protocol) {
    if (!e->c->json) {
        table *t = e->table;
        e->table = NULL;
        SN_TRY(table_print(t));
        cli_print("%ld architecture%s with the weights of step %lld\n", e->n, cli_plural(e->n), (long long)e->run->step);
        return SN_OK;
    }
    json_t *list = e->list;
    e->list = NULL;
    return cli_print_json(json_pack("{s:i,s:I,s:s,s:s,s:I,s:o}", "schema", 1, "step", (json_int_t)e->run->step, "split", split,
                                    "protocol", protocol, "images", (json_int_t)e->images, "archs", list));
}

static sn_status evaluate(evaluation *e, sn_arch *archs, long n) {
    const cli *c = e->c;
    sn_run *r = e->run;
    int split = 0;
    long wanted, all;
    char protocol[128];
    SN_TRY(cli_word(c, "split", &split));
    if (r->config->space.arch[0]) r->config->rank.bn = SN_PROTOCOL_RUNNING; // a net of its own has statistics of its own
    SN_TRY(cli_word(c, "bn", &r->config->rank.bn));
    SN_TRY(cli_number(c, "images", 1, 100000000, split ? 0 : r->config->rank.images, &wanted));
    if (cli_get(c, "logits") && n > 16) return sn_error(SN_USAGE, "--logits takes at most 16 architectures; found %ld", n);
    if (cli_get(c, "logits")) SN_TRY(sn_h5_create(1 << 20, &e->file));
    all = sn_dataset_count(r->data, split ? SN_TEST : SN_VALIDATION);
    e->images = wanted && wanted < all ? wanted : all;
    e->test = split;
    e->wanted = n;
    sn_protocol_text(r, e->images, protocol, sizeof protocol);
    cli_say(c, "%ld architecture%s on %ld images of the %s split, BN %s", n, cli_plural(n), e->images, splits[split], protocol);
    SN_TRY(score(e, archs, n, split ? SN_TEST : SN_VALIDATION));
    if (e->file) SN_TRY(put_head(e, splits[split], protocol));
    if (e->file) SN_TRY(sn_h5_save(e->file, cli_get(c, "logits")));
    return print(e, splits[split], protocol);
}

static sn_status run(const cli *c) {
    sn_run *r;
    sn_cost most;
    SN_TRY(cli_limits(c, &most));
    if (cli_get(c, "logits")) SN_TRY(sn_file_replaceable(cli_get(c, "logits")));
    SN_TRY(cli_open_run(c, c->operand[0], &r));
    evaluation e = {.c = c, .run = r, .list = json_array(), .table = c->json ? NULL : new_table(r->space)};
    sn_arch *archs = NULL, only = sn_arch_first(r->space);
    long n = 1;
    bool single = r->config->space.arch[0] && !cli_get(c, "arch") && !cli_get(c, "archs") && !cli_get(c, "sample");
    sn_status s = e.list ? SN_OK : out_of_memory();
    if (s == SN_OK && !single) s = cli_archs(c, r, most, &archs, &n);
    if (s == SN_OK) s = evaluate(&e, single ? &only : archs, n);
    sn_h5w_free(e.file);
    table_free(e.table);
    json_decref(e.list);
    free(archs);
    sn_run_free(r);
    return s;
}

const cli_command cmd_eval = {
    .name = "eval",
    .operands = "RUN",
    .summary = "loss, top-1, top-5, MACs and params of architectures",
    .details = "RUN is a run folder (its newest checkpoint) or a checkpoint file.",
    .least = 1,
    .most = 1,
    .options = options,
    .choices = choices,
    .run = run,
};
