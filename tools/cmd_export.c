// supernet export RUN: one architecture as a file that other programs open, checked before anyone is told "done".
#include "base/hash.h"
#include "cli.h"
#include "io/files/atomic.h"
#include "io/files/runfolder.h"
#include "supernet/export/export.h"
#include "supernet/rank/archlist.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const cli_option options[] = {
    {"arch", 'a', "A",
     "the architecture, best (of the ranking) or likeliest (of alphas, mode relax); default: export.arch, of a retrained run its "
     "own"},
    CLI_LIMITS,
    CLI_EPOCH,
    {"output", 'o', "FILE", "where to (default: RUN/export/ and a hash of the architecture)"},
    {"format", 0, "NAME", "onnx or safetensors (default: by the ending of FILE, else export.format)"},
    {"bn", 0, "NAME", "fold (normalisations into convolutions) or keep (default: export.bn)"},
    {0}};

static const cli_choice choices[] = {{"format", sn_format_words}, {"bn", sn_export_bn_words}, {0}};

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

// What --format and the ending of the file say must agree with each other.
static sn_status choose_format(const cli *c, int *format) {
    const char *file = cli_get(c, "output"), *name = cli_get(c, "format");
    int ending = -1;
    if (file && ends_with(file, ".onnx")) ending = SN_FORMAT_ONNX;
    if (file && ends_with(file, ".safetensors")) ending = SN_FORMAT_SAFETENSORS;
    const char *name_only = file && strrchr(file, '/') ? strrchr(file, '/') : file, *dot = file ? strrchr(name_only, '.') : NULL;
    if (ending < 0 && dot && !name)
        return sn_error(SN_USAGE, "-o: found the ending '%s' of %s; allowed are .onnx and .safetensors, or any with --format",
                        dot, file);
    if (ending >= 0) *format = ending;
    SN_TRY(cli_word(c, "format", format));
    if (ending >= 0 && *format != ending)
        return sn_error(SN_USAGE, "--format: found %s, but the ending of %s says another; leave one of them out", name, file);
    return SN_OK;
}

static sn_status choose_file(const cli *c, const sn_run *r, const char *arch, int format, char **path) {
    if (cli_get(c, "output")) return (*path = sn_strdup(cli_get(c, "output"))) ? SN_OK : SN_RESOURCE;
    if (!r->folder) return sn_error(SN_USAGE, "where to? give -o FILE: a bare checkpoint has no export folder");
    char *folder = sn_folder_file(r->folder, "export");
    *path = sn_format("%s/export/%08x.%s", r->folder, sn_hash_name(arch), sn_format_words[format]);
    if (folder) mkdir(folder, 0777); // a failure shows when the file is written
    free(folder);
    return folder && *path ? SN_OK : SN_RESOURCE;
}

// The scores that go into the file: what the ranking knows of the arch, or of a retrained net its last test.
typedef struct {
    char text[3][32];
    sn_note note[3];
    int n;
} score_notes;

static void add_score(score_notes *s, const char *key, double value) {
    snprintf(s->text[s->n], sizeof s->text[0], "%.6g", value);
    s->note[s->n] = (sn_note){key, s->text[s->n]};
    s->n++;
}

static sn_status find_test(const sn_run *r, score_notes *s) {
    sn_log_score score;
    bool found;
    char *path = sn_folder_file(r->folder, "log.jsonl");
    sn_status status = path ? sn_log_test(path, r->step, NULL, &score, &found) : SN_RESOURCE;
    free(path);
    if (status != SN_OK || !found) return status;
    add_score(s, "test.top1", score.top1);
    if (!isnan(score.top5)) add_score(s, "test.top5", score.top5); // old logs have none
    add_score(s, "test.loss", score.loss);
    return SN_OK;
}

static sn_status find_scores(const sn_run *r, const sn_arch *a, score_notes *s) {
    sn_ranked ranked;
    bool found = false;
    s->n = 0;
    if (!r->folder) return SN_OK;
    if (r->config->space.arch[0]) return find_test(r, s);
    SN_TRY(sn_rank_find(r, a, &ranked, &found));
    if (!found) return SN_OK;
    add_score(s, "validation.top1", ranked.top1);
    add_score(s, "validation.top5", ranked.top5);
    add_score(s, "validation.loss", ranked.loss);
    return SN_OK;
}

static sn_status print(const cli *c, const sn_run *r, const char *arch, const char *path, const sn_export_result *x) {
    if (c->json) {
        double difference = x->nodes ? x->difference : NAN, largest = x->nodes ? x->largest_logit : NAN; // safetensors: not run
        return cli_print_json(json_pack(
            "{s:i,s:s,s:I,s:s,s:o,s:I,s:I,s:I,s:o,s:o,s:o}", "schema", 1, "file", path, "step", (json_int_t)r->step, "arch", arch,
            "nodes", x->nodes ? json_integer(x->nodes) : json_null(), "tensors", (json_int_t)x->tensors, "params",
            (json_int_t)x->params, "bytes", (json_int_t)x->bytes, "images", x->nodes ? json_integer(x->images) : json_null(),
            "difference", cli_real(difference), "largest_logit", cli_real(largest)));
    }
    cli_print("%s: %s of step %lld, %lld parameters in %d tensors, %lld bytes\n", path, arch, (long long)r->step,
              (long long)x->params, x->tensors, (long long)x->bytes);
    if (x->nodes)
        cli_print("checked: its %d nodes on %d images give our logits to %.2g (largest logit %.3g)\n", x->nodes, x->images,
                  x->difference, x->largest_logit);
    else
        cli_print("checked: every tensor reads back bit-equal\n");
    return SN_OK;
}

static sn_status export_run(const cli *c, sn_run *r, char **path) {
    sn_arch a;
    sn_cost most;
    char arch[SN_ARCH_TEXT];
    score_notes scores;
    sn_export_result result;
    int format = r->config->export.format, bn = r->config->export.bn;
    SN_TRY(choose_format(c, &format));
    SN_TRY(cli_word(c, "bn", &bn));
    if (format == SN_FORMAT_SAFETENSORS && cli_get(c, "bn") && bn == SN_EXPORT_FOLD)
        return sn_error(SN_USAGE, "--bn fold is found beside safetensors, which hold the tensors of training; allowed is keep");
    SN_TRY(cli_limits(c, &most));
    SN_TRY(sn_arch_named(r, cli_get(c, "arch"), most, &a));
    SN_TRY(choose_file(c, r, sn_arch_text(r->space, &a, arch), format, path));
    SN_TRY(sn_file_replaceable(*path));
    SN_TRY(find_scores(r, &a, &scores));
    sn_export_options o = {format, bn == SN_EXPORT_FOLD, scores.note, scores.n};
    SN_TRY(sn_export_arch(r, &a, *path, &o, &result));
    return print(c, r, arch, *path, &result);
}

static sn_status run(const cli *c) {
    sn_run *r;
    char *path = NULL;
    SN_TRY(cli_open_run(c, c->operand[0], &r));
    sn_status s = export_run(c, r, &path);
    free(path);
    sn_run_free(r);
    return s;
}

const cli_command cmd_export = {
    .name = "export",
    .operands = "RUN",
    .summary = "one architecture with its weights as ONNX or safetensors",
    .details = "From a supernet the statistics of the architecture are measured anew first; RUN/retrain/NAME exports the "
               "retrained net.\n"
               "The written file is read back and run against our own forward pass before it takes its name.",
    .least = 1,
    .most = 1,
    .options = options,
    .choices = choices,
    .run = run,
};
