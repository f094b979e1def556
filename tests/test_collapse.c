// The monitor of mode relax: the curvature against a whole Hessian, each sign of a collapse by numbers, and searches on images
// made to collapse, with ten times the published rate of alphas on few images, beside the same whose alphas rest. Not here: what
// a search is otherwise (test_relaxrun.c).
#include "datafiles.h"
#include "io/config/config.h"
#include "io/files/runfolder.h"
#include "program.h"
#include "supernet/train/monitor.h"
#include "supernet/train/rollback.h"

// Options without weights beside one with; a cell once.
static const char space[] = "space:\n"
                            "  input: {channels: 1, height: 28, width: 28}\n"
                            "  classes: 10\n"
                            "  blocks:\n"
                            "    none: {op: zero}\n"
                            "    skip: {op: identity}\n"
                            "    conv: {op: actconv, kernel: 3}\n"
                            "    edge: {choose: [none, skip, conv]}\n"
                            "    cell: {nodes: {a: {edge: input}, b: {sum: [edge: input, edge: a]}}}\n"
                            "  network:\n"
                            "    - {op: conv, kernel: 3, stride: 4, out: 4}\n"
                            "    - {out: 4, block: cell, name: first}\n"
                            "    - {op: classifier}\n";

static void put_search(const char *relax) {
    char text[4096];
    snprintf(text, sizeof text,
             "data: {source: /usr/share/datasets/fashion-mnist, validation: 200, images: 401}\n%s"
             "train: {mode: relax, epochs: 4, batch: 20, keep: 9, relax: {%s}}\n"
             "rank: {images: 100, calibrate: 100}\nretrain: {epochs: 1}\n",
             space, relax);
    write_all("c.yaml", text);
}

static long lines_with(const char *file, const char *key) {
    const char *text = read_all(file);
    long n = 0;
    for (const char *p = text; (p = strstr(p, key)); p++) n++;
    return n;
}

// ---------------------------------------------------------------- curvature
// Of the alphas' loss in alpha, all entries by differences of the gradients that a step makes while nothing moves.
typedef struct {
    double *to;
    int n;
} taken;

static sn_status take_gradient(void *arg, const sn_relax *r) {
    const taken *t = arg;
    memcpy(t->to, r->dalpha, (size_t)t->n * sizeof *t->to);
    return SN_OK;
}

// The largest eigenvalue of a symmetric matrix, by Jacobi's rotations, which leave the eigenvalues on the diagonal.
static double jacobi(double (*m)[9]) {
    for (int sweep = 0; sweep < 50; sweep++)
        for (int p = 0; p < 9; p++)
            for (int q = p + 1; q < 9; q++) {
                double angle = 0.5 * atan2(2 * m[p][q], m[q][q] - m[p][p]), c = cos(angle), s = sin(angle);
                for (int k = 0; k < 9; k++) {
                    double x = m[k][p], y = m[k][q];
                    m[k][p] = c * x - s * y, m[k][q] = s * x + c * y;
                }
                for (int k = 0; k < 9; k++) {
                    double x = m[p][k], y = m[q][k];
                    m[p][k] = c * x - s * y, m[q][k] = s * x + c * y;
                }
            }
    double most = m[0][0];
    for (int k = 1; k < 9; k++) most = fmax(most, m[k][k]);
    return most;
}

START_TEST(curvature) {
    sn_config *c;
    sn_run *r;
    sn_relaxer *x;
    sn_relax_sums sums;
    put_search("method: darts, lr: 0, weight_decay: 0, data: same, deviation: 1");
    ck_run(0, "sed -i 's/actconv, kernel: 3/conv, kernel: 3, activation: linear/' c.yaml"); // kinks have no curvature
    ck_ok(sn_config_load(at(PLACE "/c.yaml"), (const char *const[]){"device=ref64", "threads=1"}, 2, &c));
    ck_ok(sn_run_create(c, NULL, &r));
    ck_ok(sn_relaxer_create(r, &x));
    ck_assert_int_eq(r->alphas->places, 9);
    enum { BATCH = 20 };
    float *images = sn_new(BATCH * sn_run_image(r), sizeof *images);
    int32_t labels[BATCH];
    sn_rng rng = sn_rng_at(5, SN_STREAM_RESAMPLE, 92, 0, 0);
    for (size_t i = 0; i < BATCH * sn_run_image(r); i++) images[i] = (float)sn_rng_normal(&rng);
    for (int i = 0; i < BATCH; i++) labels[i] = i % 10;
    sn_batch batch = {.images = images, .labels = labels};
    double gradient[2][9], hessian[9][9], found;
    for (int i = 0; i < 40; i++) ck_ok(sn_relaxer_step(x, 10, &batch, 0.1, &sums)); // weights that fit the images
    taken t = {gradient[0], 9};
    sn_relaxer_watch(x, &(sn_relax_hooks){.arg = &t, .alphas = take_gradient});
    for (int i = 0; i < 9; i++) {
        double h = 1e-4, kept = r->alphas->alpha[i];
        for (int side = 0; side < 2; side++) {
            r->alphas->alpha[i] = kept + (side ? -h : h);
            t.to = gradient[side];
            ck_ok(sn_relaxer_step(x, 10, &batch, 0, &sums));
        }
        r->alphas->alpha[i] = kept;
        for (int k = 0; k < 9; k++) hessian[i][k] = (gradient[0][k] - gradient[1][k]) / (2 * h);
    }
    for (int i = 0; i < 9; i++)
        for (int k = 0; k < i; k++) hessian[i][k] = hessian[k][i] = (hessian[i][k] + hessian[k][i]) / 2;
    ck_ok(sn_relaxer_eigenvalue(x, &found));
    double exact = jacobi(hessian);
    ck_assert_msg(exact > 1e-3, "a largest eigenvalue of %g says little", exact);
    ck_near(found, exact, 2e-3 * exact, "largest eigenvalue");
    free(images);
    sn_relaxer_free(x);
    sn_run_free(r);
}
END_TEST

// ---------------------------------------------------------------- signs
// A search whose alphas rest says nothing; one whose skip's grow from epoch to epoch is told of when options without weights
// (none and skip) have shares a fifth larger than conv's, and to go back to where they had a tenth; what it remembers is in the
// checkpoint.
START_TEST(monitor) {
    put_search("method: darts, lr: 0");
    ck_run(0, "\"$S\" train c.yaml -o control");
    ck_assert(!strstr(read_all("err"), "collapse"));
    ck_assert_int_eq(lines_with("control/log.jsonl", "collapse"), 0);
    sn_run *r;
    sn_relaxer *x;
    sn_monitor_report m;
    ck_ok(sn_run_open(at(PLACE "/control"), NULL, 0, NULL, &r));
    ck_ok(sn_relaxer_create(r, &x));
    for (int epoch = 1; epoch <= 9; epoch++) {
        for (int d = 0; d < r->space->n_decisions; d++) r->alphas->alpha[3 * d + 1] = 0.08 * epoch;
        ck_ok(sn_monitor_epoch(r, x, epoch, &m));
        double lean = log((1 + exp(0.08 * epoch)) / 2);
        ck_near(m.lean, lean, 0.01, "lean");
        ck_near(m.free_share, (1 + exp(0.08 * epoch)) / (2 + exp(0.08 * epoch)), 0.01, "share");
        ck_assert_msg(isnan(m.eigenvalue), "an eigenvalue without a batch");
        ck_assert_msg((m.why != NULL) == (lean > 0.2), "epoch %d, lean %g: %s", epoch, lean, m.why ? m.why : "nothing is said");
        if (m.why) ck_assert_int_eq(m.epoch, 2); // 0.083
    }
    ck_ok(sn_run_save(r, at(PLACE "/step-00000040.h5")));
    double kept[SN_MONITOR_EPOCHS][SN_MONITOR_VALUES];
    memcpy(kept, r->alphas->history, sizeof kept);
    memset(r->alphas->history, 0, sizeof kept);
    ck_ok(sn_run_load(r, at(PLACE "/step-00000040.h5")));
    ck_assert(!memcmp(kept, r->alphas->history, sizeof kept));
    sn_relaxer_free(x);
    sn_run_free(r);
}
END_TEST

// With skips that hold all from the start it is told after the first epoch, once; or the search ends there, and goes on when
// asked.
START_TEST(collapse_told_or_stopped) {
    put_search("method: darts, lr: 0.05, weight_decay: 0");
    sn_run *r;
    sn_config *c;
    ck_run(0, "mkdir -p biased/checkpoints");
    ck_ok(sn_config_load(at(PLACE "/c.yaml"), (const char *const[]){"train.relax.on_collapse=stop"}, 1, &c));
    ck_ok(sn_run_create(c, NULL, &r));
    for (int d = 0; d < r->space->n_decisions; d++) r->alphas->alpha[3 * d + 1] = 3;
    ck_ok(sn_run_save(r, at(PLACE "/biased/checkpoints/step-00000000.h5")));
    sn_run_free(r);
    ck_run(6, "\"$S\" train c.yaml -o biased --set train.relax.on_collapse=stop");
    ck_printed("err", "epoch 1: the search may collapse: the mixture leans to options without weights");
    ck_printed("err", "begin anew with a smaller train.relax.lr");
    ck_printed("err", "stopped after step 10");
    ck_run(0, "\"$S\" train c.yaml -o biased --set train.relax.on_collapse=stop");
    ck_assert_int_eq(lines_with("biased/log.jsonl", "may collapse"), 1);
}
END_TEST

// Options without weights that gain in each of eight epochs, by little.
START_TEST(signs_by_numbers) {
    sn_config *c;
    sn_run *r;
    sn_monitor_report m;
    put_search("method: gdas, lr: 0"); // no curvature is taken of gates that are drawn
    ck_ok(sn_config_load(at(PLACE "/c.yaml"), NULL, 0, &c));
    ck_ok(sn_run_create(c, NULL, &r));
    sn_relaxer *x;
    ck_ok(sn_relaxer_create(r, &x));
    for (int epoch = 1; epoch <= 14; epoch++) {
        double skip = -0.2 + 0.02 * (epoch - (epoch > 4)); // epoch 5 is as 4 was
        for (int d = 0; d < r->space->n_decisions; d++) r->alphas->alpha[3 * d + 1] = skip;
        ck_ok(sn_monitor_epoch(r, x, epoch, &m));
        ck_assert_msg((m.why != NULL) == (epoch >= 13), "epoch %d: %s", epoch, m.why ? m.why : "nothing is said");
        if (m.why) ck_assert_int_eq(m.epoch, epoch - 8);
    }
    ck_assert_msg(strstr(m.why, "gain in every epoch") != NULL, "%s", m.why);
    sn_relaxer_free(x);
    sn_run_free(r);
}
END_TEST

// ---------------------------------------------------------------- searches
static const char collapsing[] =
    "data: {source: /usr/share/datasets/fashion-mnist, validation: 100, images: 600}\n"
    "space:\n"
    "  input: {channels: 1, height: 28, width: 28}\n"
    "  classes: 10\n"
    "  blocks:\n"
    "    skip: {op: identity}\n"
    "    conv: {op: actconv, kernel: 3}\n"
    "    conv_k1: {op: actconv, kernel: 1}\n"
    "    edge: {choose: [skip, conv, conv_k1]}\n"
    "    cell:\n"
    "      shared: true\n"
    "      nodes: {a: {edge: input}, b: {sum: [edge: input, edge: a]}, c: {sum: [edge: a, edge: b]}}\n"
    "  network:\n"
    "    - {op: conv, kernel: 3, stride: 4, out: 4, activation: linear}\n"
    "    - {out: 4, block: cell, layers: 3, name: first}\n"
    "    - {op: norm, out: 4}\n"
    "    - {op: classifier}\n"
    "train:\n"
    "  mode: relax\n"
    "  relax: {method: darts, lr: 0.005}\n"
    "  epochs: 40\n"
    "  batch: 20\n"
    "  init: torch\n"
    "  optimizer: {lr: 0.05, lr_min: 0.001, weight_decay: 0.0001}\n";

// The epoch of the warning, and the first after which a skip is likeliest on at least half of the edges; 0: none.
static void read_log(const char *file, int *warned, int *held) {
    int epoch = 0;
    *warned = *held = 0;
    char *text = sn_strdup(read_all(file)), *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        json_t *all = json_loads(line, 0, NULL);
        json_t *edges = json_object_get(json_object_get(json_object_get(all, "monitor"), "likeliest"), "cell");
        const char *told = json_string_value(json_object_get(all, "warning"));
        if (told && strstr(told, "may collapse")) *warned = atoi(told + strlen("epoch "));
        if (edges) epoch++;
        if (!*held && json_number_value(json_object_get(edges, "skip")) >= 2.5) *held = epoch;
        json_decref(all);
    }
    free(text);
}

START_TEST(a_search_that_collapses_and_its_control) {
    int warned, held;
    write_all("c.yaml", collapsing);
    ck_run(0, "\"$S\" train c.yaml -o run -q --set train.validate_every=0");
    read_log("run/log.jsonl", &warned, &held);
    ck_assert_msg(held > 0, "skips do not come to hold half the edges");
    ck_assert_msg(warned > 0 && warned < held, "warned after epoch %d, skips hold half the edges from %d on", warned, held);
    ck_run(0, "\"$S\" train c.yaml -o control -q --set train.validate_every=0 --set train.epochs=20 --set train.relax.lr=0");
    read_log("control/log.jsonl", &warned, &held);
    ck_assert_msg(!warned, "alphas that rest are warned of after epoch %d", warned);
    ck_assert_int_eq(lines_with("control/log.jsonl", "\"eigenvalue\""), 20);
}
END_TEST

// Twice back, each time to an epoch of its own, with three times the decay; stopped and gone on with, the same bytes.
START_TEST(a_search_that_goes_back) {
    static const char keys[] = "--set train.validate_every=0 --set train.epochs=24 --set train.relax.lr=0.01 --set "
                               "train.relax.on_collapse=rollback --set "
                               "train.relax.rollbacks=2 --set train.save_every=11";
    write_all("c.yaml", collapsing);
    ck_run(0, "\"$S\" train c.yaml -o run %s --threads 1", keys);
    ck_printed("err", "it goes back to epoch 10, with weight_decay 0.0003");
    ck_printed("err", "it goes back to epoch 11, with weight_decay 0.0009");
    ck_printed("err", "better is the likeliest of epoch 11: supernet retrain run --epoch 11");
    ck_assert_int_eq(lines_with("run/log.jsonl", "goes back to"), 2);
    ck_assert_int_eq(lines_with("run/log.jsonl", "\"monitor\""), 24); // those of epochs that are not any more are gone
    for (int k = 1; k <= 6; k++)
        run("timeout -s %s 0.%d \"$S\" train c.yaml -o parts -q %s", k % 2 ? "KILL" : "TERM", 3 + k, keys);
    ck_run(0, "\"$S\" train c.yaml -o parts -q %s", keys);
    ck_run(0, "cmp run/checkpoints/step-00000360.h5 parts/checkpoints/step-00000360.h5");
    ck_run(0, "\"$S\" eval run --epoch 16 --arch likeliest");
}
END_TEST

// What going back leaves: the state of that step, how often, its decay, no checkpoint behind it; and what it cannot do.
START_TEST(back_by_hand) {
    sn_run *r;
    int64_t step, *steps;
    int n;
    put_search("method: darts, lr: 0.05, on_collapse: rollback, rollbacks: 2, rollback_decay: 10");
    ck_run(3, "\"$S\" train c.yaml -o x --set train.optimizer.weight_decay=0");
    ck_printed("err", "train.optimizer.weight_decay: found 0, which train.relax.on_collapse: rollback multiplies");
    ck_run(0, "\"$S\" train c.yaml -o run -q --set train.optimizer.weight_decay=0.001");
    ck_run(0, "ls run/checkpoints | grep -c step | grep -qx 5"); // the start too
    ck_ok(sn_run_open(at(PLACE "/run"), NULL, 0, NULL, &r));
    ck_ok(sn_rollback_step(r, 2, &step));
    ck_assert_int_eq(step, 20);
    ck_run(0, "rm run/checkpoints/step-00000020.h5");
    ck_ok(sn_rollback_step(r, 2, &step));
    ck_assert_int_eq(step, 10);
    double alpha[9];
    sn_run *then;
    ck_ok(sn_run_open(at(PLACE "/run/checkpoints/step-00000010.h5"), NULL, 0, NULL, &then));
    memcpy(alpha, then->alphas->alpha, sizeof alpha);
    sn_run_free(then);
    ck_assert(sn_rollback_wanted(r));
    ck_ok(sn_rollback(r, 10));
    ck_assert_int_eq(r->step, 10);
    ck_assert(!memcmp(alpha, r->alphas->alpha, sizeof alpha));
    ck_ok(sn_folder_steps(r->folder, &steps, &n));
    ck_assert(n == 2 && steps[0] == 10 && steps[1] == 0);
    free(steps);
    for (int times = 1; times <= 3; times++) {
        ck_ok(sn_rollback_decay(r));
        ck_near(r->optim->settings.weight_decay, times == 1 ? 0.01 : 0.1, 1e-12, "decay");
        ck_assert(sn_rollback_wanted(r) == (times < 2) && sn_rollback_told(r) == (times == 3));
        if (times == 1) ck_ok(sn_rollback(r, 0));
        if (times == 2) sn_rollback_tell(r, 7);
    }
    ck_run(0, "rm run/checkpoints/*");
    ck_assert_int_eq(sn_rollback_step(r, 2, &step), SN_DIVERGED);
    ck_message("has no checkpoint of epoch 2 or before it to go back to");
    sn_run_free(r);
}
END_TEST

int main(void) {
    Suite *s = suite_create("collapse");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 600);
    tcase_add_checked_fixture(t, place_make, folder_remove);
    tcase_add_test(t, curvature);
    tcase_add_test(t, monitor);
    tcase_add_test(t, signs_by_numbers);
    tcase_add_test(t, collapse_told_or_stopped);
    tcase_add_test(t, a_search_that_collapses_and_its_control);
    tcase_add_test(t, a_search_that_goes_back);
    tcase_add_test(t, back_by_hand);
    suite_add_tcase(s, t);
    return run_suite(s);
}
