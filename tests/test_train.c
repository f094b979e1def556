// The training loop from inside: it stops after the step in hand, and whatever is not finite is caught before it reaches a
// checkpoint (reliability plan R3, R13). Not here: the program around it (test_reliability.c), whole steps against PyTorch (tests
// of traces).
#include "h5bytes.h"
#include "io/files/checkpoint.h"
#include "io/files/runfolder.h"
#include "processes.h"
#include "supernet/train/train.h"

#include <math.h>

static void train_setup(void) {
    folder_make();
    put_data();
    put_config(at("c.yaml"), "epochs: 1, save_every: 10");
}

// A fresh run in a folder of its own, with overrides ended by NULL.
static sn_run *new_run(const char *name, const char *const *overrides) {
    sn_config *c;
    sn_run *r;
    int n = 0;
    while (overrides && overrides[n]) n++;
    ck_ok(sn_config_load(at("c.yaml"), overrides, n, &c));
    ck_ok(sn_run_create(c, NULL, &r));
    r->folder = sn_strdup(at("%s", name));
    sn_folder *f;
    ck_ok(sn_folder_open(r->folder, &f, NULL));
    sn_folder_close(f);
    return r;
}

// --- events

typedef struct {
    int steps, saved, warnings;
    char warning[1024]; // the last one
    volatile sig_atomic_t stop;
    int stop_at; // set stop when so many steps are done
} listener;

static void on_event(void *arg, const sn_event *e) {
    listener *l = arg;
    l->steps += e->kind == SN_EVENT_STEP;
    l->saved += e->kind == SN_EVENT_SAVED;
    l->warnings += e->kind == SN_EVENT_WARNING;
    if (e->kind == SN_EVENT_WARNING) snprintf(l->warning, sizeof l->warning, "%s", e->text);
    if (l->stop_at && l->steps == l->stop_at) l->stop = 1;
}

static sn_status train(sn_run *r, listener *l) {
    char *log = sn_folder_file(r->folder, "log.jsonl");
    sn_train_watch watch = {.stop = &l->stop, .arg = l, .event = on_event, .log = log};
    sn_status s = sn_train(r, &watch);
    free(log);
    return s;
}

// All steps of the config one by one, as the loop does them, with hooks.
static sn_status train_steps(sn_run *r, sn_train_hooks hooks) {
    sn_trainer *t;
    ck_ok(sn_trainer_create(r, &t));
    t->hooks = hooks;
    sn_status s = SN_OK;
    while (s == SN_OK && r->step < t->steps) s = sn_trainer_step(t);
    sn_trainer_free(t);
    return s;
}

// Saves as the loop would; no file comes of a state that is not finite.
static void ck_not_saved(sn_run *r) {
    ck_assert_int_eq(sn_run_save(r, at("bad.h5")), SN_DIVERGED);
    ck_assert_int_ne(access(at("bad.h5"), F_OK), 0);
}

START_TEST(stops_after_the_step_in_hand) {
    for (int k = 1; k <= STEPS_PER_EPOCH; k += 13) {
        sn_run *r = new_run("run", NULL);
        listener l = {.stop_at = k};
        ck_assert_int_eq(train(r, &l), k < STEPS_PER_EPOCH ? SN_INTERRUPTED : SN_OK); // the last step ends it anyway
        ck_assert_int_eq(r->step, k);
        ck_assert_int_eq(newest(r->folder), k);
        sn_run_free(r);
        remove_tree(at("run"));
    }
}
END_TEST

// --- seeds

// The images of a split in the order in which they score, FNV-1a over their labels and pixels.
static uint64_t images_that_score(const sn_run *r, sn_split split) {
    uint64_t h = 14695981039346656037u;
    sn_view_of_split view;
    sn_source s;
    ck_ok(sn_run_source(r, split, 0, 1, &view, &s));
    for (long i = 0; i < s.count; i++) h = (h ^ sn_dataset_sample_id(r->data, split, view.order[i])) * 1099511628211u;
    sn_run_source_free(&view);
    return h;
}

// train.seed draws weights, data.seed chooses the images: runs of several seeds can be compared image by image.
START_TEST(seeds_of_weights_and_of_images) {
    static const char *const set[][3] = {{"train.seed=1"}, {"train.seed=2"}, {"train.seed=1", "data.seed=2"}};
    uint64_t weights[3], validation[3], calibration[3];
    for (int i = 0; i < 3; i++) {
        sn_run *r = new_run("run", set[i]);
        ck_assert_int_gt(sn_dataset_count(r->data, SN_VALIDATION), 0);
        ck_ok(sn_supernet_weights_hash(r->net, &weights[i]));
        validation[i] = images_that_score(r, SN_VALIDATION);
        calibration[i] = images_that_score(r, SN_TRAIN);
        sn_run_free(r);
        remove_tree(at("run"));
    }
    ck_assert_uint_ne(weights[0], weights[1]);
    ck_assert_uint_eq(weights[0], weights[2]);
    ck_assert_uint_eq(validation[0], validation[1]);
    ck_assert_uint_ne(validation[0], validation[2]);
    ck_assert_uint_eq(calibration[0], calibration[1]);
    ck_assert_uint_ne(calibration[0], calibration[2]);
}
END_TEST

// --- R13

typedef enum { IMAGE, WEIGHT, GRADIENT } place;

typedef struct {
    place where;
    int param;
    float value;
    int64_t step;
} poison;

static void put(sn_run *r, sn_buffer buffer, int param, float value) {
    int64_t n = r->graph->params.param[param].size;
    float *v = malloc((size_t)n * sizeof *v);
    sn_supernet_get(r->net, buffer, param, v);
    v[n / 2] = value;
    sn_supernet_put(r->net, buffer, param, v);
    free(v);
}

static sn_status poison_begin(void *arg, sn_trainer *t) {
    const poison *p = arg;
    if (t->run->step != p->step) return SN_OK;
    if (p->where == IMAGE) t->in.images[1000] = p->value;
    if (p->where == WEIGHT) put(t->run, SN_BUFFER_WEIGHTS, p->param, p->value);
    return SN_OK;
}

static sn_status poison_update(void *arg, sn_trainer *t) {
    const poison *p = arg;
    if (t->run->step == p->step && p->where == GRADIENT) put(t->run, SN_BUFFER_GRADS, p->param, p->value);
    return SN_OK;
}

// One number anywhere becomes NaN or infinite: the same step says so and names itself and an arch.
START_TEST(poisoned) {
    static const char *const only[] = {"space.arch='mb2_k3,sep_k3,mb2_k3'", NULL}; // every parameter is in use
    static const int64_t steps[] = {0, 1, STEPS_PER_EPOCH / 2, STEPS_PER_EPOCH - 1};
    static const float values[] = {NAN, INFINITY, -INFINITY};
    sn_run *r = new_run("params", only);
    int params = r->graph->params.n;
    sn_run_free(r);
    for (int where = IMAGE; where <= GRADIENT; where++)
        for (int param = 0; param < (where == IMAGE ? 1 : params); param++)
            for (size_t v = 0; v < 3; v++) {
                poison p = {(place)where, param, values[v], steps[((size_t)param + v) % 4]};
                r = new_run("poison", only);
                sn_status s = train_steps(r, (sn_train_hooks){.arg = &p, .begin = poison_begin, .update = poison_update});
                char message[512], text[64];
                snprintf(message, sizeof message, "%s", sn_error_text());
                bool caught = s == SN_DIVERGED && r->step == p.step;
                if (!caught && where == WEIGHT && values[v] == -INFINITY) { // may hide behind a ReLU, for a step
                    ck_not_saved(r);
                    caught = s == SN_OK || (s == SN_DIVERGED && r->step == p.step + 1);
                }
                ck_assert_msg(caught, "place %d, '%s', %g at step %lld: status %d after %lld steps: %s", where,
                              r->graph->params.param[param].name, (double)p.value, (long long)p.step, (int)s, (long long)r->step,
                              message);
                snprintf(text, sizeof text, "step %lld, arch mb2_k3,sep_k3,mb2_k3: ", (long long)r->step + 1);
                ck_assert_msg(s == SN_OK || strstr(message, text), "'%s' lacks '%s'", message, text);
                sn_run_free(r);
                remove_tree(at("poison"));
            }
}
END_TEST

// What no step reads - other options, momentum, running statistics - is caught by the next save.
START_TEST(poisoned_at_rest) {
    static const float values[] = {NAN, INFINITY};
    for (int v = 0; v < 2; v++) {
        sn_run *r = new_run("rest", NULL);
        ck_ok(sn_run_save(r, at("good.h5")));
        for (int i = 0; i < r->graph->params.n; i++)
            for (int b = 0; b < 2; b++) {
                put(r, b ? SN_BUFFER_SLOT0 : SN_BUFFER_WEIGHTS, i, values[v]);
                ck_not_saved(r);
                ck_message(r->graph->params.param[i].name);
                put(r, b ? SN_BUFFER_SLOT0 : SN_BUFFER_WEIGHTS, i, 0);
            }
        for (int i = 0; i < r->graph->params.n_stats; i++) {
            int c = r->graph->params.stats[i].c;
            float *mean = calloc((size_t)c, sizeof *mean), *var = calloc((size_t)c, sizeof *var);
            var[c - 1] = values[v];
            sn_supernet_put_stats(r->net, i, mean, var);
            ck_not_saved(r);
            sn_supernet_put_stats(r->net, i, mean, mean);
            free(mean);
            free(var);
        }
        ck_ok(sn_run_save(r, at("good.h5")));
        sn_run_free(r);
        remove_tree(at("rest"));
    }
}
END_TEST

// Learning rates beyond all reason end in SN_DIVERGED within the run, with every checkpoint finite and the last one whole.
START_TEST(huge_learning_rate) {
    static const char *const optimizers[] = {"train.optimizer.name=sgd", "train.optimizer.name=adam",
                                             "train.optimizer.name=adamw"};
    const char *overrides[] = {optimizers[_i], "train.save_every=1", "train.epochs=3", "train.optimizer.schedule=constant", NULL};
    sn_run *r = new_run("huge", overrides);
    r->config->train.optimizer.lr = _i ? 1e38 : 1e9; // more than a config may ask for
    listener l = {0};
    sn_status s = train(r, &l);
    ck_assert_msg(s == SN_DIVERGED, "status %d after step %lld", s, (long long)r->step);
    ck_message("step ");
    ck_message(", arch ");
    long last = newest(r->folder);
    ck_assert_int_eq(l.saved > 0, last >= 0);
    for (long step = 0; step <= last; step++) {
        if (access(checkpoint(r->folder, step), F_OK)) continue;
        ck_ok(sn_run_load(r, checkpoint(r->folder, step)));
        ck_ok(sn_run_save(r, at("finite.h5"))); // refuses what is not finite
    }
    sn_run_free(r);
}
END_TEST

// Images without any contrast: variances of 0 everywhere, in the normalisation too.
START_TEST(constant_images) {
    uint8_t *pixels = calloc(1400, 784), *bytes = malloc(1400 * 784 + 16);
    memset(pixels, 77, 1400 * 784);
    put_file(at("data/train-images-idx3-ubyte"), bytes, idx_images(bytes, 1400, 28, 28, pixels));
    free(pixels);
    free(bytes);
    sn_run *r = new_run("constant", NULL);
    listener l = {0};
    ck_ok(train(r, &l));
    ck_ok(sn_run_save(r, at("finite.h5")));
    sn_run_free(r);
}
END_TEST

// --- the log, the folder

START_TEST(log_cannot_be_written) {
    ck_assert_int_eq(mkdir(at("run"), 0777), 0);
    ck_assert_int_eq(mkdir(at("run/log.jsonl"), 0777), 0);
    sn_run *r = new_run("run", NULL);
    listener l = {0};
    ck_ok(train(r, &l));
    ck_assert_int_eq(l.warnings, 1); // not one a line
    ck_assert_ptr_nonnull(strstr(l.warning, "the log is not complete, training goes on: "));
    ck_assert_ptr_nonnull(strstr(l.warning, "log.jsonl: cannot "));
    sn_run_free(r);
}
END_TEST

static int lines_of(const char *path, const char *with) {
    static char text[1 << 16];
    text[get_file(path, text, sizeof text)] = 0;
    int n = 0;
    for (const char *p = text; (p = strstr(p, with)); p++) n++;
    return n;
}

START_TEST(log_is_cut_back) {
    static const char whole[] = "{\"step\":20,\"loss\":1}\n{\"step\":30,\"test_split\":\"eval\"}\n{\"step\":40,\"loss\":2}\n";
    char text[256];
    for (size_t cut = 0; cut <= 12; cut++) {
        snprintf(text, sizeof text, "%s%.*s", whole, (int)cut, "{\"step\":60}}\n");
        put_text(at("log"), text);
        ck_ok(sn_log_append(at("log"), "{\"step\":25,\"x\":0}")); // behind what a killed process left
        ck_assert_int_eq(lines_of(at("log"), "\n{\"step\":25,\"x\":0}\n"), 1);
        ck_ok(sn_log_cut(at("log"), 25));
        ck_assert_int_eq(lines_of(at("log"), "\n"), 3);
        ck_assert_int_eq(lines_of(at("log"), "{\"step\":20,"), 1);
        ck_assert_int_eq(lines_of(at("log"), "test_split"), 1); // its use is not forgotten
        ck_assert_int_eq(lines_of(at("log"), "{\"step\":25,"), 1);
    }
    ck_ok(sn_log_cut(at("none"), 3));
    ck_assert_int_ne(access(at("none"), F_OK), 0);
}
END_TEST

// A line that does not fit is taken back whole.
START_TEST(log_is_full) {
    char line[200];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    signal(SIGXFSZ, SIG_IGN);
    ck_ok(sn_log_append(at("log"), "{}"));
    limit(RLIMIT_FSIZE, 100);
    ck_assert_int_eq(sn_log_append(at("log"), line), SN_RESOURCE);
    ck_message("log: cannot append a line: ");
    ck_assert_int_eq(lines_of(at("log"), "x"), 0);
    ck_ok(sn_log_append(at("log"), "{}"));
    ck_assert_int_eq(lines_of(at("log"), "{}\n"), 2);
}
END_TEST

static sn_status begin(const char *const *overrides, sn_run **out) {
    sn_config *c;
    int n = 0;
    while (overrides && overrides[n]) n++;
    ck_ok(sn_config_load(at("c.yaml"), overrides, n, &c));
    return sn_run_begin(c, at("run"), NULL, out);
}

// The same file without the line on `key` in its config, as a version without the key would have written it: the line becomes a
// comment.
static void forget_key(const char *path, const char *line) {
    static unsigned char bytes[1 << 20];
    size_t n = get_file(path, bytes, sizeof bytes);
    char *found = memmem(bytes, n, line, strlen(line));
    ck_assert_msg(found != NULL, "%s has no '%s'", path, line);
    found[strspn(line, " ")] = '#';
    if (!memcmp(bytes, "SNH5", 4)) h5_seal(bytes, n);
    put_file(path, bytes, n);
}

// A run of a version that padded crops with black and had no key for it: goes on only with black, and is scored as it was made.
START_TEST(run_without_pad) {
    static const char *const black[] = {"data.augment.pad=black", NULL};
    sn_run *r = new_run("run", black);
    sn_run_free(r);
    ck_ok(begin(black, &r));
    listener l = {.stop_at = 3};
    ck_assert_int_eq(train(r, &l), SN_INTERRUPTED);
    sn_run_free(r);
    forget_key(at("run/config.yaml"), "    pad: black\n");
    forget_key(checkpoint(at("run"), 3), "    pad: black\n");
    ck_assert_int_eq(begin(NULL, &r), SN_CONFIG);
    ck_message("was trained with another config: data.augment.pad was black, now mean");
    const char *const made[] = {at("run"), checkpoint(at("run"), 3)};
    for (int i = 0; i < 2; i++) {
        ck_ok(sn_run_open(made[i], NULL, 0, NULL, &r));
        ck_assert_int_eq(r->config->data.augment.pad, SN_PAD_BLACK);
        ck_assert_int_eq(r->config->train.init, SN_INIT_FAN_OUT);
        ck_assert_int_eq(r->step, 3);
        sn_run_free(r);
    }
    ck_ok(begin(black, &r));
    ck_assert_int_eq(r->step, 3);
    sn_run_free(r);
    static char text[1 << 16];
    text[get_file(at("run/config.yaml"), text, sizeof text - 1)] = 0;
    ck_assert_ptr_nonnull(strstr(text, "\n    pad: black\n")); // from now on it says so
}
END_TEST

// --- a loss that climbs

// Images that show their class: stripes as wide as its number.
static void put_stripes(void) {
    uint8_t *pixels = malloc(1400 * 784), *bytes = malloc(1400 * 784 + 16);
    for (size_t i = 0; i < 1400; i++)
        for (size_t p = 0; p < 784; p++)
            pixels[i * 784 + p] = (uint8_t)(p % 28 % 10 <= i * 7 % 10 ? 200 : 40 + idx_pixel(i, p) / 8);
    put_file(at("data/train-images-idx3-ubyte"), bytes, idx_images(bytes, 1400, 28, 28, pixels));
    free(pixels);
    free(bytes);
}

static int climbs_in_log(const char *run) {
    return lines_of(at("%s/log.jsonl", run), "is above it again");
}

// A good training has no warning; one whose rate grows without end has one, in one piece or interrupted.
START_TEST(loss_climbs) {
    static const char *const good_rate[] = {"train.epochs=4", "train.optimizer.lr=0.02", NULL};
    static const char *const growing[] = {"train.epochs=6", "train.optimizer.lr=1", "train.optimizer.warmup=6",
                                          "retrain.epochs=6", NULL};
    put_stripes();
    sn_run *r = new_run("good", good_rate);
    listener l = {0};
    ck_ok(train(r, &l));
    ck_assert_int_eq(l.warnings, 0);
    ck_assert_int_eq(climbs_in_log("good"), 0);
    sn_run_free(r);

    r = new_run("growing", growing);
    sn_status s = train(r, &l);
    ck_assert_msg(s == SN_OK || s == SN_DIVERGED, "%s", sn_error_text());
    ck_assert_int_eq(l.warnings, 1);
    ck_assert_int_eq(climbs_in_log("growing"), 1);
    ck_assert_msg(strstr(l.warning, "guessing among 10 classes (ln 10 = 2.303)") && strstr(l.warning, "step ") &&
                      strstr(l.warning, "at the learning rate ") && strstr(l.warning, "a smaller learning rate"),
                  "%s", l.warning);
    int64_t climbed = strtoll(l.warning + strlen("step "), NULL, 10), end = r->step;
    sn_run_free(r);

    const int64_t stops[] = {climbed - 1, climbed, climbed + 1};
    for (int i = 0; i < 3; i++) {
        if (stops[i] >= end) continue;
        listener before = {.stop_at = (int)stops[i]}, after = {0};
        r = new_run(at("stop%d", i) + strlen(scratch) + 1, growing);
        ck_assert_int_eq(train(r, &before), SN_INTERRUPTED);
        train(r, &after); // as a new process would: all that it knows of before is in the log
        ck_assert_int_eq(before.warnings + after.warnings, 1);
        ck_assert_int_eq(before.warnings, stops[i] >= climbed);
        sn_run_free(r);
    }
}
END_TEST

START_TEST(other_config_or_data) {
    sn_run *r = new_run("run", NULL);
    listener l = {.stop_at = 3};
    ck_assert_int_eq(train(r, &l), SN_INTERRUPTED);
    sn_run_free(r);
    // no config.yaml: the checkpoint knows
    ck_assert_int_eq(begin((const char *const[]){"train.optimizer.lr=0.01", NULL}, &r), SN_CONFIG);
    ck_message("train.optimizer.lr was 0.05, now 0.01");
    // what does not bind the training may change
    ck_ok(begin((const char *const[]){"threads=3", "data.memory=1MiB", "device=cpu-plain", "rank.images=10", "train.keep=2",
                                      "retrain.epochs=9", NULL},
                &r));
    ck_assert_int_eq(r->step, 3);
    sn_run_free(r);
    uint8_t pixels[784] = {0};
    int fd = open(at("data/train-images-idx3-ubyte"), O_WRONLY);
    ck_assert_int_eq(pwrite(fd, pixels, sizeof pixels, 16 + 784), sizeof pixels);
    close(fd);
    ck_assert_int_eq(begin(NULL, &r), SN_DATA);
    ck_message("trained on other data");
}
END_TEST

// A folder that cannot be listed is no folder without checkpoints: training must not begin anew in it.
START_TEST(checkpoints_cannot_be_listed) {
    int64_t *steps;
    int n;
    ck_assert_int_eq(mkdir(at("run"), 0777), 0);
    ck_ok(sn_folder_steps(at("run"), &steps, &n));
    ck_assert_int_eq(n, 0);
    put_file(at("run/checkpoints"), "", 0);
    ck_assert_int_eq(sn_folder_steps(at("run"), &steps, &n), SN_FAIL);
    ck_message("checkpoints: cannot list");
}
END_TEST

// A killed program's child that lives on, with a copy of all open files, holds no lock.
START_TEST(lock_ends_with_its_process) {
    int wait[2];
    sn_folder *f;
    ck_assert_int_eq(pipe(wait), 0);
    pid_t owner = fork();
    if (!owner) {
        close(wait[1]);
        if (sn_folder_open(at("run"), &f, NULL) != SN_OK) _exit(1);
        if (fork()) _exit(0);
        char byte;
        _exit(read(wait[0], &byte, 1) != 0); // until the test is over
    }
    ck_assert_int_eq(wait_for(owner), 0);
    ck_ok(sn_folder_open(at("run"), &f, NULL));
    pid_t second = fork();
    if (!second) _exit(sn_folder_open(at("run"), &f, NULL) == SN_FAIL && strstr(sn_error_text(), "in use by pid ") ? 0 : 1);
    ck_assert_int_eq(wait_for(second), 0);
    sn_folder_close(f);
    second = fork();
    if (!second) _exit((int)sn_folder_open(at("run"), &f, NULL));
    ck_assert_int_eq(wait_for(second), 0);
    close(wait[1]);
}
END_TEST

START_TEST(names_of_checkpoints) {
    static const char *const others[] = {"step-7.h5",        "step-0000000a.h5", "step-00000007.h5~",        "xstep-00000007.h5",
                                         "step--0000007.h5", "step-+0000007.h5", "step-00000005.h5.damaged", "step-00000009.H5"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) put_file(at("run/checkpoints/%s", others[i]), "", 0);
    const long good[] = {3, 12, 123456789012, 0, 99999999};
    for (size_t i = 0; i < 5; i++) put_file(checkpoint(at("run"), good[i]), "", 0);
    int64_t *steps;
    int n;
    ck_ok(sn_folder_steps(at("run"), &steps, &n));
    ck_assert_int_eq(n, 5);
    ck_assert(steps[0] == 123456789012 && steps[1] == 99999999 && steps[2] == 12 && steps[3] == 3 && steps[4] == 0);
    free(steps);
    ck_ok(sn_folder_set_aside(at("run"), 99999998));
    ck_ok(sn_folder_prune(at("run"), 1, (int64_t[]){0}, 1));
    ck_ok(sn_folder_steps(at("run"), &steps, &n));
    ck_assert(n == 2 && steps[0] == 12 && steps[1] == 0);
    free(steps);
    ck_assert_int_eq(count_files(at("run/checkpoints")), 2 + 2 + 8);
}
END_TEST

// --- batches without statistics

// A BN that sees one number per channel: 28 pixels halved five times, and one image.
START_TEST(one_number_per_channel) {
    char text[2048];
    snprintf(text, sizeof text,
             "data: {source: %s/data, cache: %s/cache, validation: 60, images: 320}\n"
             "space:\n"
             "  input: {channels: 1, height: 28, width: 28}\n"
             "  classes: 10\n"
             "  blocks: {conv: {op: conv}, sep: {op: sepconv}}\n"
             "  network:\n"
             "    - {op: conv, stride: 2, out: 4}\n"
             "    - {op: conv, stride: 2, out: 4}\n"
             "    - {op: conv, stride: 2, out: 4}\n"
             "    - {op: conv, stride: 2, out: 4}\n"
             "    - {layers: 1, name: small, out: 4, stride: 2, choose: [conv, sep]}\n"
             "    - {op: classifier}\n"
             "train: {batch: 2, epochs: 1}\n",
             scratch, scratch);
    put_text(at("c.yaml"), text);
    sn_trainer *t = NULL;
    sn_run *r = new_run("one", (const char *const[]){"train.batch=1", NULL});
    ck_assert_int_eq(sn_trainer_create(r, &t), SN_CONFIG);
    ck_message("a training batch of 1 image: node 'small.layer1.conv_bn' normalises");
    ck_message("at least 2 images are needed");
    sn_run_free(r);
    r = new_run("two", NULL);
    ck_ok(sn_trainer_create(r, &t));
    sn_trainer_free(t);
    sn_run_free(r);
    put_config(at("c.yaml"), "epochs: 1, save_every: 10");
    r = new_run("three", (const char *const[]){"train.batch=1", NULL}); // maps of 4 x 4 are enough
    ck_ok(sn_trainer_create(r, &t));
    sn_trainer_free(t);
    sn_run_free(r);
}
END_TEST

int main(void) {
    Suite *s = suite_create("train");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, train_setup, folder_remove);
    tcase_set_timeout(t, 240);
    tcase_add_test(t, stops_after_the_step_in_hand);
    tcase_add_test(t, seeds_of_weights_and_of_images);
    tcase_add_test(t, one_number_per_channel);
    tcase_add_test(t, poisoned);
    tcase_add_test(t, poisoned_at_rest);
    tcase_add_loop_test(t, huge_learning_rate, 0, 3);
    tcase_add_test(t, constant_images);
    tcase_add_test(t, log_cannot_be_written);
    tcase_add_test(t, log_is_cut_back);
    tcase_add_test(t, log_is_full);
    tcase_add_test(t, other_config_or_data);
    tcase_add_test(t, run_without_pad);
    tcase_add_test(t, loss_climbs);
    tcase_add_test(t, checkpoints_cannot_be_listed);
    tcase_add_test(t, lock_ends_with_its_process);
    tcase_add_test(t, names_of_checkpoints);
    suite_add_tcase(s, t);
    return run_suite(s);
}
