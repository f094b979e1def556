// supernet verify FILE|RUN...: whether checkpoints, rankings, traces and logits are whole, and what they hold.
// Not here: the checks themselves (io/files/h5file.h, and the readers of each kind).
#include "base/utf8.h"
#include "cli.h"
#include "io/files/atomic.h"
#include "io/files/checkpoint.h"
#include "io/files/h5file.h"
#include "io/files/rankstore.h"
#include "space/graph.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// What is said of one file: the members of its JSON object, and its line.
typedef struct {
    const char *path;
    sn_h5_tally tally;
    json_t *json;
    FILE *text;
} report;

// A text as JSON; where it is not UTF-8 (names of files need not be), with ? for what is not ASCII.
static json_t *text_json(const char *text) {
    json_t *out = json_string(text);
    if (out) return out;
    char *copy = sn_strdup(text);
    for (char *p = copy; p && *p; p++)
        if ((unsigned char)*p > 126) *p = '?';
    out = copy ? json_string(copy) : NULL;
    free(copy);
    return out;
}

static sn_status add(report *x, json_t *members) {
    if (!members || json_object_update(x->json, members)) return sn_error(SN_RESOURCE, "out of memory for the report");
    json_decref(members);
    return SN_OK;
}

// ---------------------------------------------------------------- checkpoints
// Room for everything in a checkpoint, so that the reader checks it against the net of its config.
typedef struct {
    sn_config *config;
    sn_graph *graph;
    sn_checkpoint c;
    int64_t *passes;
} contents;

static void free_contents(contents *x) {
    free(x->c.weights);
    free(x->c.slot[0]);
    free(x->c.slot[1]);
    free(x->c.stats);
    free(x->c.updates);
    free(x->passes);
    sn_graph_free(x->graph);
    sn_config_free(x->config);
}

static sn_status make_room(contents *x) {
    const sn_space *s = x->config->space.built;
    const sn_params *p = x->c.params = &x->graph->params;
    x->c.n_option_passes = sn_space_options(s);
    x->c.channels = s->channels;
    x->c.weights = sn_new((size_t)p->total, sizeof *x->c.weights);
    x->c.stats = sn_new((size_t)p->stats_total, sizeof *x->c.stats);
    x->c.updates = sn_new((size_t)p->n_atoms, sizeof *x->c.updates);
    x->passes = sn_new((size_t)x->c.n_option_passes, sizeof *x->passes);
    bool all = x->c.weights && x->c.stats && x->c.updates && x->passes;
    for (int k = 0; k < 2; k++) {
        if (!x->c.slot_name[k]) continue;
        x->c.slot[k] = sn_new((size_t)p->total, sizeof *x->c.slot[k]);
        all = all && x->c.slot[k];
    }
    return all ? SN_OK : SN_RESOURCE;
}

// Before there is room for them: a config may ask for any number of parameters.
static sn_status check_size(const report *r, const contents *x) {
    const sn_params *p = &x->graph->params;
    if ((uint64_t)(p->total + p->stats_total) / 2 <= r->tally.bytes) return SN_OK; // 4 bytes each, and gaps
    return sn_error(SN_DATA, "%s: the net of its config has %lld parameters, which %zu bytes do not hold", r->path,
                    (long long)sn_params_count(p), r->tally.bytes);
}

static sn_status read_contents(const sn_checkpoint_file *file, const report *r, contents *x) {
    enum { MOST_CHANNELS = 16 };
    double mean[MOST_CHANNELS], std[MOST_CHANNELS];
    const char *text = sn_checkpoint_config(file);
    sn_status s = sn_config_embedded(text, strlen(text), "config", NULL, 0, &x->config);
    if (s == SN_OK) s = sn_graph_build(x->config->space.built, &x->graph);
    if (s == SN_CONFIG) return sn_error(SN_DATA, "%s: the config in it is not valid: %s", r->path, sn_error_text());
    if (s == SN_OK) sn_checkpoint_slots(file, &x->graph->params, x->c.slot_name);
    if (s == SN_OK) s = check_size(r, x);
    if (s == SN_OK) s = make_room(x);
    if (s == SN_OK) s = sn_checkpoint_read(file, &x->c, x->passes, mean, std);
    return s;
}

static sn_status describe_contents(report *r, const contents *x) {
    const sn_params *p = x->c.params;
    const sn_space *space = x->config->space.built;
    char size[SN_SIZE_TEXT], digits[SN_SIZE_TEXT];
    long long numbers = sn_params_count(p);
    bool one = sn_space_size(space, size, sizeof size) == 1;
    json_t *slots = json_array();
    fprintf(r->text, "checkpoint of step %lld: %lld parameters in %d tensors, slots ", (long long)x->c.step, numbers, p->n);
    for (int k = 0; k < 2 && x->c.slot_name[k]; k++) {
        fprintf(r->text, "%s%s", k ? " and " : "", x->c.slot_name[k]);
        json_array_append_new(slots, json_string(x->c.slot_name[k]));
    }
    fprintf(r->text, "%s; space of %s architecture%s, %d decision%s; config of %d epoch%s, batch %d",
            x->c.slot_name[0] ? "" : "none", size, one ? "" : "s", space->n_decisions, cli_plural(space->n_decisions),
            x->config->train.epochs, cli_plural(x->config->train.epochs), x->config->train.batch);
    return add(r, json_pack("{s:s,s:I,s:I,s:i,s:o,s:s,s:i,s:i,s:i}", "kind", "checkpoint", "step", (json_int_t)x->c.step,
                            "parameters", (json_int_t)numbers, "tensors", p->n, "slots", slots, "space_size",
                            cli_digits(space, digits), "decisions", space->n_decisions, "epochs", x->config->train.epochs,
                            "batch", x->config->train.batch));
}

static sn_status describe_checkpoint(report *r) {
    sn_checkpoint_file *file;
    contents x = {0};
    SN_TRY(sn_checkpoint_open(r->path, &file));
    sn_status s = read_contents(file, r, &x);
    if (s == SN_OK) s = describe_contents(r, &x);
    free_contents(&x);
    sn_checkpoint_close(file);
    return s;
}

// ---------------------------------------------------------------- rankings
static sn_status describe_settings(report *r, const sn_rankstore *store) {
    enum { SHOWN = 4 };
    size_t n = sn_rankstore_settings(store), all = 0;
    json_t *list = json_array();
    for (size_t k = 0; k < n; k++) all += sn_rankstore_count(store, k);
    fprintf(r->text, "ranking of %zu score%s", all, cli_plural((long)all));
    for (size_t k = 0; k < n; k++) {
        sn_rank_setting s = sn_rankstore_get_setting(store, k);
        size_t scores = sn_rankstore_count(store, k);
        if (k < SHOWN)
            fprintf(r->text, "%s %zu (BN %s; %llu images of %s)", k ? "," : ":", scores, s.protocol, (unsigned long long)s.images,
                    s.split);
        json_array_append_new(list, json_pack("{s:I,s:s,s:s,s:I,s:s}", "scores", (json_int_t)scores, "protocol", s.protocol,
                                              "split", s.split, "images", (json_int_t)s.images, "weights", s.weights));
    }
    if (n > SHOWN) fprintf(r->text, ", and %zu more settings", n - SHOWN);
    return add(r, json_pack("{s:s,s:I,s:o}", "kind", "ranking", "scores", (json_int_t)all, "settings", list));
}

static sn_status describe_ranking(report *r) {
    sn_rankstore *store;
    SN_TRY(sn_rankstore_open(r->path, &store));
    sn_status s = describe_settings(r, store);
    sn_rankstore_close(store);
    return s;
}

// ---------------------------------------------------------------- traces
static sn_status describe_trace(report *r, const sn_h5r *file) {
    int64_t first, last, batch, inputs_only;
    char *sampler;
    SN_TRY(sn_h5_attr_int_read(file, "/", "first_step", &first));
    SN_TRY(sn_h5_attr_int_read(file, "/", "last_step", &last));
    SN_TRY(sn_h5_attr_int_read(file, "/", "batch", &batch));
    SN_TRY(sn_h5_attr_int_read(file, "/", "inputs_only", &inputs_only));
    if (first < 0 || last < first || batch < 1)
        return sn_error(SN_DATA, "%s: steps %lld to %lld of batch %lld; allowed are steps from 0 in order, of batches from 1",
                        r->path, (long long)first, (long long)last, (long long)batch);
    SN_TRY(sn_h5_attr_text_read(file, "/", "sampler", 64, &sampler));
    fprintf(r->text, "trace of steps %lld to %lld%s: sampler %s, batch %lld", (long long)first, (long long)last,
            inputs_only ? ", inputs only" : "", sampler, (long long)batch);
    sn_status s =
        add(r, json_pack("{s:s,s:I,s:I,s:s,s:I,s:b}", "kind", "trace", "first", (json_int_t)first, "last", (json_int_t)last,
                         "sampler", sampler, "batch", (json_int_t)batch, "inputs_only", inputs_only != 0));
    free(sampler);
    return s;
}

// ---------------------------------------------------------------- logits
// Labels and logits of as many images and archs as it says.
static sn_status check_logits(const char *path, const sn_h5r *file, int64_t archs, int64_t images) {
    size_t labels, logits[2];
    char name[64];
    SN_TRY(sn_h5_shape(file, "/labels", SN_I32, 1, &labels));
    if (archs < 0 || images < 1 || labels != (size_t)images)
        return sn_error(SN_DATA, "%s: %lld archs on %lld images, with %zu labels", path, (long long)archs, (long long)images,
                        labels);
    for (int64_t i = 0; i < archs; i++) {
        snprintf(name, sizeof name, "/archs/%04lld/logits", (long long)i);
        SN_TRY(sn_h5_shape(file, name, SN_F32, 2, logits));
        if (logits[0] != labels) return sn_error(SN_DATA, "%s: %s: %zu rows for %zu images", path, name, logits[0], labels);
    }
    return SN_OK;
}

static sn_status describe_logits(report *r, const sn_h5r *file) {
    int64_t archs, images;
    char *split = NULL, *protocol = NULL;
    SN_TRY(sn_h5_attr_int_read(file, "/", "archs", &archs));
    SN_TRY(sn_h5_attr_int_read(file, "/", "images", &images));
    SN_TRY(check_logits(r->path, file, archs, images));
    sn_status s = sn_h5_attr_text_read(file, "/", "split", 64, &split);
    if (s == SN_OK) s = sn_h5_attr_text_read(file, "/", "protocol", 256, &protocol);
    if (s == SN_OK) {
        fprintf(r->text, "logits of %lld architecture%s on %lld image%s of the %s split, BN %s", (long long)archs,
                cli_plural((long)archs), (long long)images, cli_plural((long)images), split, protocol);
        s = add(r, json_pack("{s:s,s:I,s:I,s:s,s:s}", "kind", "logits", "archs", (json_int_t)archs, "images", (json_int_t)images,
                             "split", split, "protocol", protocol));
    }
    free(split);
    free(protocol);
    return s;
}

// ---------------------------------------------------------------- one file
typedef enum { OTHER, CHECKPOINT, RANKING, TRACE, LOGITS } kind;

static bool says(const sn_h5r *file, const char *attribute, const char *word) {
    char *text = NULL;
    bool same = sn_h5_attr_text_read(file, "/", attribute, 64, &text) == SN_OK && !strcmp(text, word);
    free(text);
    return same;
}

static kind kind_of(const sn_h5r *file) {
    if (says(file, "format", "supernet-checkpoint")) return CHECKPOINT;
    if (says(file, "format", "supernet-trace")) return TRACE;
    if (says(file, "kind", "logits")) return LOGITS;
    return says(file, "kind", "ranking") ? RANKING : OTHER;
}

// The readers of checkpoints and rankings open the file themselves; one image of it in memory is enough.
static sn_status describe(report *r) {
    sn_h5r *file;
    SN_TRY(sn_h5_open(r->path, SIZE_MAX, &file));
    r->tally = sn_h5_count(file);
    kind k = kind_of(file);
    sn_status s = SN_OK;
    if (k == TRACE) s = describe_trace(r, file);
    if (s == SN_OK && k == LOGITS) s = describe_logits(r, file);
    sn_h5r_free(file);
    if (s == SN_OK && k == CHECKPOINT) s = describe_checkpoint(r);
    if (s == SN_OK && k == RANKING) s = describe_ranking(r);
    if (k == OTHER)
        s = sn_error(SN_DATA,
                     "%s: whole, but neither a checkpoint nor a ranking, trace or logits: 'format' and 'kind' say otherwise",
                     r->path);
    if (s != SN_OK) return s;
    fprintf(r->text, "; %zu bytes, content checksum %08x", r->tally.bytes, r->tally.checksum);
    return add(r, json_pack("{s:I}", "bytes", (json_int_t)r->tally.bytes));
}

static sn_status add_error(report *r, sn_status s) {
    return add(r, json_pack("{s:o,s:i}", "error", text_json(sn_error_text()), "code", (int)s));
}

// Prints the line of a whole file, and puts every file into the list. *found: what is wrong with it.
static sn_status verify(const cli *c, const char *path, json_t *list, sn_status *found) {
    char *line = NULL;
    size_t size;
    report r = {.path = path, .json = json_pack("{s:o}", "file", text_json(path)), .text = open_memstream(&line, &size)};
    sn_status s = r.json && r.text ? SN_OK : sn_error(SN_RESOURCE, "out of memory for the report on %s", path);
    if (s == SN_OK) *found = describe(&r);
    if (s == SN_OK) s = add(&r, json_pack("{s:b}", "whole", *found == SN_OK));
    if (s == SN_OK && *found != SN_OK) s = add_error(&r, *found);
    if (r.text && fclose(r.text) && s == SN_OK) s = sn_error(SN_RESOURCE, "out of memory for the report on %s", path);
    if (s == SN_OK && *found == SN_OK && !c->json) cli_print("%s: whole: %s\n", path, sn_utf8_printable(line, ""));
    if (s == SN_OK && json_array_append(list, r.json)) s = sn_error(SN_RESOURCE, "out of memory for the report on %s", path);
    json_decref(r.json);
    free(line);
    return s;
}

// ---------------------------------------------------------------- run folders
typedef struct {
    char **path;
    size_t n, capacity;
} files;

static void free_files(files *f) {
    for (size_t i = 0; i < f->n; i++) free(f->path[i]);
    free(f->path);
}

static bool is_folder(const char *path) {
    struct stat st;
    return !lstat(path, &st) && S_ISDIR(st.st_mode);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static sn_status collect(files *f, const char *path, int depth);

// The HDF5 files below, those in checkpoints/ of retrained nets too, by name.
static sn_status collect_below(files *f, const char *folder, int depth) {
    enum { DEEPEST = 5 };
    DIR *d = depth < DEEPEST ? opendir(folder) : NULL;
    sn_status s = SN_OK;
    if (!d) return depth < DEEPEST ? sn_file_failed(folder, "read", SN_USAGE) : SN_OK;
    for (struct dirent *e; s == SN_OK && (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (e->d_name[0] == '.') continue;
        char *path = sn_folder_file(folder, e->d_name);
        if (!path) s = SN_RESOURCE;
        if (path && (is_folder(path) || (n > 3 && !strcmp(e->d_name + n - 3, ".h5")))) s = collect(f, path, depth + 1);
        free(path);
    }
    closedir(d);
    return s;
}

static sn_status collect(files *f, const char *path, int depth) {
    if (is_folder(path)) return collect_below(f, path, depth);
    SN_TRY(sn_grow(&f->path, &f->capacity, f->n + 1, sizeof *f->path));
    if (!(f->path[f->n] = sn_strdup(path))) return SN_RESOURCE;
    f->n++;
    return SN_OK;
}

static sn_status collect_all(const cli *c, files *f) {
    for (int i = 0; i < c->operands; i++) {
        size_t before = f->n;
        SN_TRY(collect(f, c->operand[i], 0));
        if (f->n > before && is_folder(c->operand[i])) qsort(f->path + before, f->n - before, sizeof *f->path, by_name);
        if (f->n == before) return sn_error(SN_USAGE, "%s: there is no .h5 file in it", c->operand[i]);
    }
    return SN_OK;
}

// ---------------------------------------------------------------- the command
// One bad file is told by the program's own last message; of several, each is told here.
static sn_status verify_all(const cli *c, const files *f, json_t *list) {
    sn_status first = SN_OK, found = SN_OK;
    size_t bad = 0;
    for (size_t i = 0; i < f->n; i++) {
        SN_TRY(verify(c, f->path[i], list, &found));
        if (found == SN_OK) continue;
        if (!bad++) first = found;
        if (f->n == 1) return found;
        fflush(stdout);
        cli_fail("%s", sn_error_text());
    }
    return bad ? sn_error(first, "not whole: %zu of %zu files", bad, f->n) : SN_OK;
}

static sn_status run(const cli *c) {
    files f = {0};
    json_t *list = json_array();
    if (!list) return sn_error(SN_RESOURCE, "out of memory for the report");
    sn_status s = collect_all(c, &f), printed = SN_OK;
    if (s == SN_OK) {
        s = verify_all(c, &f, list);
        if (c->json) printed = cli_print_json(json_pack("{s:i,s:O}", "schema", 1, "files", list));
    }
    free_files(&f);
    json_decref(list);
    return s == SN_OK ? printed : s;
}

const cli_command cmd_verify = {
    .name = "verify",
    .operands = "FILE|RUN...",
    .summary = "whether checkpoints, rankings, traces and logits are whole, and what they hold",
    .details = "Every file is checked and told of, also after a bad one; the exit code is that of the first bad one. Of a run "
               "folder: all its .h5 files, retrained nets included.",
    .least = 1,
    .most = CLI_OPERANDS,
    .without = CLI_SET,
    .run = run,
};
