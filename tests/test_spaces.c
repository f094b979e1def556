// Random small spaces under five properties that hold for every space: a score is that of a whole pass; the forecast covers every
// arch; an arch's text survives retraining and export; an exported file computes the net; work done in pieces, by more threads,
// other lanes and after a kill gives the same bytes. Usage: test_spaces [SEED [COUNT]]; what a seed that fails was made of is
// kept. Next: random_space.h.
#include "base/hash.h"
#include "io/files/runfolder.h"
#include "processes.h"
#include "random_space.h"
#include "supernet/engine/recalibrate.h"
#include "supernet/export/export.h"
#include "supernet/export/onnxrun.h"
#include "supernet/rank/archlist.h"
#include "supernet/train/forecast.h"
#include "supernet/train/train.h"

#include <jansson.h>

#ifdef __SANITIZE_ADDRESS__
enum { SEEDS = 24 };
#else
enum { SEEDS = 200 };
#endif
enum { FEW = 10 }; // archs of a space that are looked at one by one

static char places[200]; // one folder per seed in it

// ---------------------------------------------------------------- archs
typedef struct {
    sn_arch *arch;
    long n;
} archs;

// All of a small space in order; of a large one the first, the last, and random ones.
static archs some_archs(const sn_space *s, long most) {
    archs a = {calloc((size_t)most, sizeof(sn_arch)), 0};
    sn_rng rng = sn_rng_at(1, SN_STREAM_ARCHS, 9, 0, 0);
    ck_assert_ptr_nonnull(a.arch);
    bool all = sn_space_size(s, NULL, 0) <= (double)most;
    sn_arch x = sn_arch_first(s);
    do {
        a.arch[a.n++] = x;
        if (!all) x = sn_arch_random(s, &rng);
    } while (all ? sn_arch_next(s, &x) : a.n < most);
    for (long i = 1; i < a.n; i++) // sorted
        for (long k = i; k && sn_arch_compare(&a.arch[k - 1], &a.arch[k]) > 0; k--) {
            sn_arch t = a.arch[k];
            a.arch[k] = a.arch[k - 1];
            a.arch[k - 1] = t;
        }
    return a;
}

static const char *text_of(const sn_run *r, const sn_arch *a) {
    static char ring[4][SN_ARCH_TEXT];
    static int next;
    return sn_arch_text(r->space, a, ring[next++ % 4]);
}

// ---------------------------------------------------------------- a score is that of a whole pass
typedef struct {
    long images, top1, top5;
    double loss;
    uint64_t hits[64], hash;
    float *logits;
} result;

static result new_result(long images, int classes) {
    result x = {.images = images, .hash = SN_HASH_START};
    x.logits = calloc((size_t)images * (size_t)classes, sizeof(float));
    ck_assert(x.logits && images <= 64 * 64);
    return x;
}

static void free_result(result *x) {
    free(x->logits);
}

// n images through the whole net.
static void pass_images(sn_run *r, const sn_arch *a, const sn_source *source, long first, int n, sn_bn_mode bn, result *x) {
    const sn_pass pass = {.arch = a, .batch = n, .bn = bn, .loss_scale = 1, .target = -1};
    float *images = calloc((size_t)n, sn_run_image(r) * sizeof *images), *losses = calloc((size_t)n, sizeof *losses),
          *ranks = calloc((size_t)n, sizeof *ranks);
    int32_t *labels = calloc((size_t)n, sizeof *labels);
    ck_assert(images && losses && ranks && labels);
    ck_ok(source->read(source->arg, first, n, images, labels));
    ck_ok(sn_supernet_pass(r->net, &pass, images, labels, NULL));
    sn_supernet_losses(r->net, losses, ranks);
    sn_supernet_logits(r->net, x->logits + first * r->space->classes);
    for (int i = 0; i < n; i++) {
        x->loss += (double)losses[i];
        x->top1 += ranks[i] < 1, x->top5 += ranks[i] < 5;
        if (ranks[i] < 1) x->hits[(first + i) / 64] |= UINT64_C(1) << ((first + i) % 64);
    }
    free(images);
    free(losses);
    free(ranks);
    free(labels);
}

// The score as its definition says, without sharing. Statistics are left as they were.
static result plain_score(sn_run *r, const sn_arch *a, int protocol, int calibrate_batch, const sn_source *calibration,
                          const sn_source *images, int batch) {
    result x = new_result(images->count, r->space->classes);
    void *kept = sn_statistics_keep(r->net);
    ck_assert_ptr_nonnull(kept);
    if (protocol == SN_PROTOCOL_RECALIBRATE) ck_ok(sn_recalibrate(r->net, a, calibration, calibrate_batch));
    if (protocol != SN_PROTOCOL_BATCH) batch = batch % 7 + 1; // of no influence
    for (long first = 0, n; first < images->count; first += n) {
        long left = images->count - first;
        n = left < batch || (protocol == SN_PROTOCOL_BATCH && left == batch + 1) ? left : batch; // one image has no variance
        pass_images(r, a, images, first, (int)n, protocol == SN_PROTOCOL_BATCH ? SN_BN_BATCH : SN_BN_RUNNING, &x);
    }
    sn_statistics_restore(r->net, kept);
    x.loss /= (double)images->count;
    for (long i = 0; i < images->count * r->space->classes; i++) {
        uint32_t bits;
        memcpy(&bits, x.logits + i, sizeof bits);
        x.hash = sn_hash_step(x.hash, bits);
    }
    return x;
}

typedef struct {
    sn_arch arch[FEW];
    result result[FEW];
    int classes;
    long n;
} kept_scores;

// (The passes that it is held against would use the arena that scoring is still using.)
static sn_status keep_score(void *arg, const sn_score *s) {
    kept_scores *k = arg;
    result x = new_result(s->images, k->classes);
    x.top1 = s->top1, x.top5 = s->top5, x.loss = s->loss, x.hash = s->logits_hash;
    memcpy(x.hits, s->hits, (size_t)(s->images + 63) / 64 * sizeof *x.hits);
    memcpy(x.logits, s->logits, (size_t)s->images * (size_t)k->classes * sizeof *x.logits);
    k->arch[k->n] = s->arch;
    k->result[k->n++] = x;
    return SN_OK;
}

static void same_scores(const result *found, const result *expected, int classes, const char *arch, int protocol) {
    size_t n = (size_t)expected->images * sizeof(float);
    const char *word = sn_protocol_words[protocol];
    ck_assert_int_eq(found->images, expected->images);
    ck_assert_msg(!memcmp(found->logits, expected->logits, n * (size_t)classes), "%s, %s: logits of whole passes", arch, word);
    ck_assert_msg(!memcmp(found->hits, expected->hits, sizeof found->hits), "%s, %s: hits of whole passes", arch, word);
    ck_assert_msg(found->top1 == expected->top1 && found->top5 == expected->top5 && found->hash == expected->hash,
                  "%s, %s: counts of whole passes", arch, word);
    ck_assert_msg(!memcmp(&found->loss, &expected->loss, sizeof found->loss), "%s, %s: loss %.17g, of whole passes %.17g", arch,
                  word, found->loss, expected->loss);
}

typedef struct {
    sn_view_of_split calibration_view, image_view;
    sn_source calibration, images;
} sources;

static void open_sources(const sn_run *r, sources *s) {
    ck_ok(sn_run_source(r, SN_TRAIN, r->config->rank.calibrate, 1024, &s->calibration_view, &s->calibration));
    ck_ok(sn_run_source(r, SN_VALIDATION, r->config->rank.images, 1024, &s->image_view, &s->images));
}

static void close_sources(sources *s) {
    sn_run_source_free(&s->calibration_view);
    sn_run_source_free(&s->image_view);
}

static void check_scores(sn_run *r, uint32_t seed) {
    archs a = some_archs(r->space, FEW);
    sources s;
    open_sources(r, &s);
    for (int kind = 0; sn_protocol_words[kind]; kind++) {
        sn_score_job job = {.archs = a.arch,
                            .n = a.n,
                            .protocol = {kind, r->config->rank.calibrate_batch, 2 + (int)(seed + (unsigned)kind) % 11},
                            .calibration = s.calibration,
                            .images = s.images,
                            .memory = (seed + (unsigned)kind) % 2 ? 0 : 1 + seed * 997 % 100000, // much, or little
                            .want_logits = true};
        kept_scores k = {.classes = r->space->classes};
        job.arg = &k, job.scored = keep_score;
        ck_ok(sn_score_archs(r->net, &job, NULL));
        ck_assert_int_eq(k.n, a.n);
        for (long i = 0; i < a.n; i++) {
            ck_assert(sn_arch_equal(&k.arch[i], &a.arch[i]));
            result x =
                plain_score(r, &a.arch[i], kind, job.protocol.calibrate_batch, &s.calibration, &s.images, job.protocol.batch);
            same_scores(&k.result[i], &x, k.classes, text_of(r, &a.arch[i]), kind);
            free_result(&k.result[i]);
            free_result(&x);
        }
    }
    close_sources(&s);
    free(a.arch);
}

// ---------------------------------------------------------------- the forecast covers every arch
static void check_room(const sn_run *r, const sn_room *room) {
    archs a = some_archs(r->space, 100);
    for (long i = 0; i < a.n; i++) {
        sn_plan plan = {0};
        const sn_pass pass = sn_training_pass(&a.arch[i], r->config->train.batch, 0);
        ck_ok(sn_plan_make(r->graph, r->backend, &pass, &plan));
        ck_assert_msg(plan.arena <= room->arena && plan.scratch <= room->scratch,
                      "%s: a step takes %lld elements and %zu bytes of scratch, reserved are %lld and %zu",
                      text_of(r, &a.arch[i]), (long long)plan.arena, plan.scratch, (long long)room->arena, room->scratch);
        sn_plan_free(&plan);
    }
    free(a.arch);
}

typedef struct {
    const sn_run *run;
    int64_t arena; // elements at the last event
} growth;

static void watch_arena(void *arg, const sn_event *e) {
    growth *g = arg;
    int64_t now = sn_memory_elements(g->run->net->memory, SN_BUFFER_ARENA);
    if (e->kind == SN_EVENT_STEP)
        ck_assert_msg(now == g->arena, "step %lld: the arena grows from %lld to %lld elements", (long long)e->step,
                      (long long)g->arena, (long long)now);
    g->arena = now;
}

// A whole training in `folder`: no step grows, and nothing is larger than was forecast.
static void check_forecast(const char *config, const char *folder) {
    sn_config *c;
    sn_run *r;
    sn_folder *lock;
    sn_forecast f;
    sn_room room;
    ck_ok(sn_config_load(config, (const char *const[]){"threads=2"}, 1, &c));
    ck_ok(sn_run_create(c, NULL, &r));
    ck_ok(sn_forecast_run(r, false, &f));
    ck_ok(sn_trainer_room(r, &room));
    if (!r->alphas) check_room(r, &room); // of mixtures: the arena that does not grow
    ck_ok(sn_folder_open(folder, &lock, NULL));
    r->folder = sn_strdup(folder);
    growth g = {r, room.arena};
    ck_ok(sn_train(r, &(sn_train_watch){.arg = &g, .event = watch_arena}));
    int64_t bytes = (int64_t)room.scratch * sn_backend_threads(r->backend);
    for (int i = 0; i < SN_BUFFERS; i++) bytes += sn_memory_elements(r->net->memory, (sn_buffer)i) * (int64_t)r->net->real;
    ck_assert_msg(bytes <= f.bytes, "training takes %lld bytes, forecast are %lld", (long long)bytes, (long long)f.bytes);
    sn_folder_close(lock);
    sn_run_free(r);
}

// ---------------------------------------------------------------- an exported file computes the net
static void run_onnx(const char *path, const char *arch, const sn_run *r, const sn_source *images, float *logits) {
    const sn_space *s = r->space;
    sn_onnx model = {0};
    ck_ok(sn_onnx_load(path, 1 << 30, &model));
    ck_assert_str_eq(sn_tensors_find_note(&model.tensors, "architecture"), arch);
    float *pixels = calloc((size_t)images->count, sn_run_image(r) * sizeof *pixels);
    int32_t *labels = calloc((size_t)images->count, sizeof *labels);
    ck_assert(pixels && labels);
    ck_ok(images->read(images->arg, 0, images->count, pixels, labels));
    ck_ok(
        sn_onnxrun(&model, &(sn_onnxrun_job){(int)images->count, s->channels, s->height, s->width, s->classes, pixels, logits}));
    free(pixels);
    free(labels);
    sn_onnx_free(&model);
}

static const float *tensor_of(const sn_tensors *f, const char *name, const char *leaf, int *used) {
    char full[600];
    snprintf(full, sizeof full, "%s%s", name, leaf);
    const sn_tensor *t = sn_tensors_find(f, full);
    *used += t != NULL;
    return t ? t->data : NULL;
}

// Into a net of this arch alone, whose own weights are others.
static void load_safetensors(const char *path, const char *arch, sn_supernet *net) {
    sn_tensors f = {0};
    ck_ok(sn_safetensors_load(path, 1 << 30, &f));
    ck_assert_str_eq(sn_tensors_find_note(&f, "architecture"), arch);
    const sn_params *p = &net->graph->params;
    int used = 0;
    for (int i = 0; i < p->n; i++) {
        const float *data = tensor_of(&f, p->param[i].name, "", &used);
        if (!data) continue;
        float *memory = calloc((size_t)p->param[i].size, sizeof *memory);
        sn_param_from_file(&p->param[i], data, memory);
        sn_supernet_put(net, SN_BUFFER_WEIGHTS, i, memory);
        free(memory);
    }
    for (int i = 0; i < p->n_stats; i++) {
        const float *mean = tensor_of(&f, p->stats[i].name, ".running_mean", &used),
                    *var = tensor_of(&f, p->stats[i].name, ".running_var", &used);
        if (mean && var) sn_supernet_put_stats(net, i, mean, var);
    }
    ck_assert_int_eq(used, (int)f.n);
    sn_tensors_free(&f);
}

// A run of one arch by the config of the run, with first weights of another seed.
static sn_run *alone(const sn_run *r, const char *arch) {
    sn_config *c;
    sn_run *one;
    ck_ok(sn_config_retrain(r->config, arch, &c));
    c->threads = 1;
    ck_ok(sn_run_create(c, NULL, &one));
    sn_supernet *other;
    ck_ok(sn_supernet_create(one->graph, one->backend, 0, SN_INIT_FAN_OUT, 77, &other));
    sn_supernet_free(one->net);
    one->net = other;
    return one;
}

// What the file computes of the images is what the net does: from safetensors the very bits.
static void check_file(const char *path, const sn_run *r, const char *arch, const sn_source *images, const result *expected) {
    bool onnx = strstr(path, ".onnx") != NULL;
    double largest = 0, tolerance = 0;
    result x = new_result(images->count, r->space->classes);
    if (onnx) {
        run_onnx(path, arch, r, images, x.logits);
    } else {
        sn_arch only;
        sn_run *one = alone(r, arch);
        free_result(&x);
        load_safetensors(path, arch, one->net);
        ck_ok(sn_arch_parse(one->space, arch, &only));
        ck_assert_str_eq(text_of(one, &only), arch);
        x = plain_score(one, &only, SN_PROTOCOL_RUNNING, 0, NULL, images, 3);
        sn_run_free(one);
    }
    for (long i = 0; i < images->count * r->space->classes; i++) {
        double logit = fabs((double)expected->logits[i]);
        if (logit > largest) largest = logit, tolerance = onnx ? SN_EXPORT_TOLERANCE * largest : 0;
    }
    for (long i = 0; i < images->count * r->space->classes; i++)
        ck_assert_msg(fabs((double)x.logits[i] - (double)expected->logits[i]) <= tolerance,
                      "%s of %s: logit %ld is %.9g, not %.9g", path, arch, i, (double)x.logits[i], (double)expected->logits[i]);
    free_result(&x);
}

// Nets of small numbers that cancel out: float misses double by a good part of an export's bound, so no export can keep it.
static bool ill_conditioned(const char *folder, const sn_arch *a, bool recalibrated) {
    static const char *const overrides[] = {"threads=2", "device=ref64"};
    result x[2];
    double largest = 0, error = 0;
    for (int i = 0; i < 2; i++) {
        sn_run *r;
        sources s;
        ck_ok(sn_run_open(folder, overrides, 1 + i, NULL, &r));
        open_sources(r, &s);
        x[i] = plain_score(r, a, recalibrated ? SN_PROTOCOL_RECALIBRATE : SN_PROTOCOL_RUNNING, r->config->rank.calibrate_batch,
                           &s.calibration, &s.images, 5);
        for (long k = 0; k < x[i].images * r->space->classes; k++) {
            largest = fmax(largest, fabs((double)x[i].logits[k]));
            if (i) error = fmax(error, fabs((double)x[1].logits[k] - (double)x[0].logits[k]));
        }
        close_sources(&s);
        sn_run_free(r);
    }
    free_result(&x[0]);
    free_result(&x[1]);
    return error > SN_EXPORT_TOLERANCE / 4 * largest;
}

// False where the net is ill-conditioned.
static bool check_export(sn_run *r, const sn_arch *a) {
    static const struct {
        const char *name;
        sn_export_options options;
    } files[] = {{"fold.onnx", {SN_FORMAT_ONNX, true, NULL, 0}},
                 {"keep.onnx", {SN_FORMAT_ONNX, false, NULL, 0}},
                 {"x.safetensors", {SN_FORMAT_SAFETENSORS, false, NULL, 0}}};
    sources s;
    size_t exported = 0;
    open_sources(r, &s);
    result x = plain_score(r, a, SN_PROTOCOL_RECALIBRATE, r->config->rank.calibrate_batch, &s.calibration, &s.images, 5);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        sn_export_result done;
        sn_status status = sn_export_arch(r, a, at("%s", files[i].name), &files[i].options, &done);
        if (status == SN_FAIL && strstr(sn_error_text(), "differs from ours") && ill_conditioned(at("one"), a, true)) break;
        ck_ok(status);
        exported++;
        check_file(at("%s", files[i].name), r, text_of(r, a), &s.images, &x);
    }
    free_result(&x);
    close_sources(&s);
    return exported == sizeof files / sizeof *files;
}

// ---------------------------------------------------------------- an arch's text survives
// Whatever a choice stands for has one shape.
static void check_shapes(const sn_space *s) {
    sn_graph *g;
    ck_ok(sn_graph_build(s, &g));
    for (int d = 0; d < g->n_choices; d++)
        for (int k = 0; k < g->node[g->choice[d]].n_in; k++) {
            const sn_node *choice = &g->node[g->choice[d]], *x = &g->node[choice->in[k]];
            ck_assert_msg(x->c == choice->c && x->h == choice->h && x->w == choice->w, "%s: option %d has another shape",
                          choice->name, k);
        }
    sn_graph_free(g);
}

static void check_texts(const char *path) {
    sn_config *c, *again;
    ck_ok(sn_config_load(path, NULL, 0, &c));
    char *resolved = sn_config_resolved(c, true), text[SN_ARCH_TEXT];
    ck_ok(sn_config_parse(resolved, strlen(resolved), path, NULL, 0, &again));
    char *twice = sn_config_resolved(again, true);
    ck_assert_str_eq(twice, resolved);
    check_shapes(again->space.built);
    archs a = some_archs(c->space.built, 100);
    for (long i = 0; i < a.n; i++) {
        sn_arch parsed;
        ck_ok(sn_arch_parse(again->space.built, sn_arch_text(c->space.built, &a.arch[i], text), &parsed));
        ck_assert(sn_arch_equal(&parsed, &a.arch[i]));
    }
    free(a.arch);
    free(resolved);
    free(twice);
    sn_config_free(c);
    sn_config_free(again);
}

static json_t *told(const char *key) {
    json_error_t error;
    json_t *all = json_loads(printed, 0, &error);
    ck_assert_msg(all != NULL, "no JSON: %s%s", printed, said);
    json_t *x = json_incref(json_object_get(all, key));
    ck_assert_msg(x != NULL, "no %s: %s", key, printed);
    json_decref(all);
    return x;
}

static void ck_told(const char *key, const char *expected) {
    json_t *x = told(key);
    ck_assert_str_eq(json_string_value(x), expected);
    json_decref(x);
}

// Retrained, opened, exported under the name that it has in the space.
static void check_retrained(const sn_run *supernet, const char *run, const char *arch, bool onnx) {
    static const char *const overrides[] = {"threads=1", "rank.bn=batch"};
    char folder[600], file[700], line[SN_ARCH_TEXT + 32];
    const char *format = onnx ? "onnx" : "safetensors";
    snprintf(folder, sizeof folder, "%s/retrain/%08x", run, sn_hash_name(arch));
    snprintf(file, sizeof file, "%s/export/%08x.%s", folder, sn_hash_name(arch), format);
    ck_code(0, RUN(PLAIN, "retrain", run, "--arch", arch, "--json", "--threads", "1"));
    ck_told("arch", arch);
    ck_told("run", folder);
    ck_code(0, RUN(PLAIN, "export", folder, "--arch", arch, "--format", format, "--json", "--threads", "1"));
    ck_told("arch", arch);
    ck_told("file", file);
    size_t n;
    char *log = load_file(at("many/retrain/%08x/log.jsonl", sn_hash_name(arch)), &n);
    snprintf(line, sizeof line, "\"arch\":\"%s\"", arch);
    ck_assert_msg(!strstr(log, "test_split") || strstr(log, line), "the log lacks %s: %s", line, log);
    free(log);
    sn_run *r;
    sn_arch only;
    sources s;
    ck_ok(sn_run_open(folder, overrides, 2, NULL, &r));
    ck_assert_str_eq(r->config->space.arch, arch);
    ck_ok(sn_arch_parse(r->space, arch, &only));
    ck_assert_str_eq(text_of(r, &only), arch);
    open_sources(r, &s);
    result x = plain_score(r, &only, SN_PROTOCOL_RUNNING, 0, NULL, &s.images, 4);
    check_file(file, supernet, arch, &s.images, &x);
    free_result(&x);
    close_sources(&s);
    sn_run_free(r);
}

// ---------------------------------------------------------------- in one process or in many
static char *last_checkpoint(const char *run) {
    static char ring[2][600];
    static int turn;
    long step = newest(run);
    ck_assert_int_gt(step, 0);
    snprintf(ring[turn = !turn], sizeof ring[0], "%s", checkpoint(run, step));
    return ring[turn];
}

// The same training, killed in a save and gone on with by other threads and lanes.
static void train_twice(const char *one, const char *many, uint32_t seed) {
    char fault[32];
    const char *device = seed % 4 ? "cpu" : "cpu-plain"; // (which is slow)
    snprintf(fault, sizeof fault, "%u:%u:s9", 1 + seed % 3, seed / 3 % 8);
    ck_code(0, RUN(PLAIN, "train", at("space.yaml"), "-o", one, "--threads", "1"));
    int code =
        RUN(((how){.fault = fault, .folder = "many/checkpoints"}), "train", at("space.yaml"), "-o", many, "--threads", "2");
    ck_assert_msg(code == 0 || code == SIGNALLED + SIGKILL, "exit %d: %s", code, said);
    ck_code(0, RUN(PLAIN, "train", at("space.yaml"), "-o", many, "--threads", "3", "--device", device));
    ck_assert_msg(same_files(last_checkpoint(one), last_checkpoint(many)), "the same training in pieces: %s %s",
                  last_checkpoint(one), last_checkpoint(many));
    ck_assert_msg(same_files(last_checkpoint(one), last_checkpoint(at("here"))), "the same training called from a program");
}

static void put_archs(const char *path, const sn_run *r, const archs *a, long step) {
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    for (long i = 0; i < a->n; i += step) fprintf(f, "%s\n", text_of(r, &a->arch[a->n - 1 - i]));
    ck_assert_int_eq(fclose(f), 0);
}

static void same_rankings(const char *one, const char *many) {
    sn_rankstore *a, *b;
    ck_ok(sn_rankstore_open(one, &a));
    ck_ok(sn_rankstore_open(many, &b));
    ck_assert_uint_eq(sn_rankstore_settings(a), 1);
    ck_assert_uint_eq(sn_rankstore_settings(b), 1);
    ck_assert_uint_eq(sn_rankstore_count(a, 0), sn_rankstore_count(b, 0));
    size_t words = (size_t)(sn_rankstore_get_setting(a, 0).images + 63) / 64;
    for (size_t i = 0; i < sn_rankstore_count(a, 0); i++) {
        sn_rank_row x = sn_rankstore_row(a, 0, i);
        ptrdiff_t at_row = sn_rankstore_find(b, 0, x.arch);
        ck_assert_msg(at_row >= 0, "%s is ranked in one process only", x.arch);
        sn_rank_row y = sn_rankstore_row(b, 0, (size_t)at_row);
        ck_assert_msg(!memcmp(&x.loss, &y.loss, sizeof x.loss) && x.top1 == y.top1 && x.top5 == y.top5 && x.macs == y.macs &&
                          x.params == y.params && x.logits == y.logits && !memcmp(x.hits, y.hits, words * sizeof *x.hits),
                      "%s: ranked in one process and in many", x.arch);
    }
    sn_rankstore_close(a);
    sn_rankstore_close(b);
}

// Ranks all archs, or rank.sample of them, at once; the other run in pieces; and holds some against whole passes.
static void check_ranking(sn_run *r, const char *many, uint32_t seed) {
    enum { ALL = 40 };
    archs a = {0};
    bool all = sn_space_size(r->space, NULL, 0) <= ALL;
    char fault[32], sample[16], folder[600];
    sn_ranking k;
    sources s;
    open_sources(r, &s);
    snprintf(sample, sizeof sample, "%d", r->config->rank.sample);
    ck_ok(sn_archs_choose(r, NULL, all ? 0 : r->config->rank.sample, SN_NO_LIMIT, NULL, &a.arch, &a.n));
    ck_ok(sn_rank(r, a.arch, a.n, &(sn_rank_watch){0}, &k));
    sn_protocol p = sn_run_protocol(r);
    for (long i = 0; i < k.n; i += 1 + k.n / 3) {
        result x = plain_score(r, &k.item[i].arch, p.kind, p.calibrate_batch, &s.calibration, &s.images, p.batch);
        ck_assert_msg(k.item[i].logits == x.hash && !memcmp(&k.item[i].loss, &x.loss, sizeof x.loss) &&
                          !memcmp(k.item[i].hits, x.hits, (size_t)(x.images + 63) / 64 * sizeof *x.hits),
                      "%s: ranked and by whole passes", text_of(r, &k.item[i].arch));
        free_result(&x);
    }
    sn_ranking_free(&k);
    close_sources(&s);
    put_archs(at("some"), r, &a, 2);
    free(a.arch);
    snprintf(fault, sizeof fault, "1:%u:s9", seed / 2 % 8);
    snprintf(folder, sizeof folder, "%s", strrchr(many, '/'));
    bool killed = seed % 2;
    ck_code(killed ? SIGNALLED + SIGKILL : 0,
            RUN(((how){.fault = killed ? fault : NULL, .folder = folder}), "rank", many, "--archs", at("some"), "--threads", "2",
                "--device", seed % 8 < 2 ? "cpu-plain" : "cpu"));
    if (all)
        ck_code(0, RUN(PLAIN, "rank", many, "--threads", "3"));
    else
        ck_code(0, RUN(PLAIN, "rank", many, "--sample", sample, "--threads", "3"));
    same_rankings(at("one/ranking.h5"), at("many/ranking.h5"));
}

// ---------------------------------------------------------------- one space
START_TEST(space) {
    uint32_t seed = (uint32_t)_i;
    snprintf(scratch, sizeof scratch, "%s/%d", places, _i);
    ck_assert_int_eq(mkdir(scratch, 0777), 0);
    put_random_space(seed, small_measure);
    const char *one = lasting(at("one")), *many = lasting(at("many"));
    sn_run *r;
    check_texts(at("space.yaml"));
    check_forecast(at("space.yaml"), lasting(at("here")));
    train_twice(one, many, seed);
    ck_ok(sn_run_open(one, (const char *const[]){"threads=2"}, 1, NULL, &r));
    check_scores(r, seed);
    archs a = some_archs(r->space, FEW);
    const sn_arch *chosen = &a.arch[seed % (unsigned)a.n];
    bool exact = check_export(r, chosen);
    check_ranking(r, many, seed);
    if (exact) check_retrained(r, many, text_of(r, chosen), seed % 2);
    free(a.arch);
    sn_run_free(r);
    folder_remove();
}
END_TEST

// ---------------------------------------------------------------- all
static int kept_places(const char *program) {
    int n = 0;
    DIR *d = opendir(places);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        n++;
        printf("seed %s failed; its config is kept: %s/%s/space.yaml; again: %s %s\n", e->d_name, places, e->d_name, program,
               e->d_name);
    }
    if (d) closedir(d);
    if (!n) remove_tree(places);
    return n;
}

static int run_spaces(int first, int count) {
    Suite *s = suite_create("spaces");
    TCase *t = tcase_create("random");
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, space, first, first + count);
    suite_add_tcase(s, t);
    return run_suite(s);
}

// Two at a time.
int main(int argc, char **argv) {
    const char *base = getenv("TMPDIR");
    int first = argc > 1 ? atoi(argv[1]) : 1, count = argc > 2 ? atoi(argv[2]) : argc > 1 ? 1 : SEEDS, state = 0;
    snprintf(places, sizeof places, "%s/sn_spaces_XXXXXX", base && strlen(base) < 150 ? base : "/tmp");
    if (!mkdtemp(places)) return 1;
    pid_t other = count > 1 ? fork() : 0;
    if (count > 1 && !other) return run_spaces(first, count / 2);
    int failed = run_spaces(first + count / 2, count - count / 2);
    if (other && (waitpid(other, &state, 0) != other || state)) failed = 1;
    return kept_places(argv[0]) || failed;
}
