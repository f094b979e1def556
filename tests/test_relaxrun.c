// Mode relax as a user meets it: what a search prints and keeps, the likeliest arch in the other commands, halves of the images,
// stopping between epochs, the monitor on a search made to collapse and on one that learns no alphas, what is refused.
// Not here: gradients (test_gates.c), methods by numbers (test_relax.c), bytes after a kill (test_spaces.c).
#include "datafiles.h"
#include "io/config/config.h"
#include "program.h"
#include "supernet/train/monitor.h"

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

START_TEST(a_search_and_after) {
    put_search("method: darts, lr: 0.05");
    ck_run(0, "\"$S\" train c.yaml -o run");
    ck_printed("err", "of the training images 200 train the weights, as many others the alphas");
    ck_printed("err", "the mixture 0.");
    ck_assert_int_eq(lines_with("run/log.jsonl", "\"alphas\""), 4);
    ck_assert_int_eq(lines_with("run/log.jsonl", "\"mixture\""), 4);
    ck_assert_int_eq(lines_with("run/log.jsonl", "\"eigenvalue\""), 4);
    ck_run(0, "\"$S\" alphas run --json --csv all.csv");
    json_t *out = printed_json();
    char *likeliest = sn_strdup(json_string_value(json_object_get(out, "likeliest")));
    ck_assert_int_eq((int)json_array_size(json_object_get(out, "alphas")), 9);
    json_decref(out);
    ck_run(0, "\"$S\" alphas run --notation tuple && tail -n 1 out | grep -Eqx '[(][0-9], [0-9], [0-9][)]'");
    ck_run(0, "wc -l <all.csv | grep -qx 37 && head -1 all.csv | grep -qx step,decision,option,alpha");
    ck_run(0, "\"$S\" eval run --arch likeliest");
    ck_printed("out", likeliest);
    ck_run(0, "\"$S\" rank run --set rank.strategy=likeliest --set rank.sample=3 --csv - | tail -n +2 | wc -l | grep -qx 3");
    ck_run(0, "\"$S\" rank run --set rank.strategy=likeliest --set rank.sample=3 --max-macs 0.01M");
    ck_run(2, "\"$S\" rank run --set rank.strategy=likeliest --max-params 1");
    ck_printed("err", "no architecture is within the limits; the smallest have 0.000 MMACs and 10 params");
    ck_run(0, "\"$S\" retrain run --json");
    out = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(out, "arch")), likeliest);
    json_decref(out);
    ck_run(0, "\"$S\" export run --arch likeliest -o x.onnx");
    ck_run(0, "\"$S\" report run -o x.html && \"$S\" verify run && \"$S\" bench c.yaml --steps 2 --warmup 1");
    ck_run(0, "\"$S\" describe c.yaml");
    free(likeliest);
}
END_TEST

// Two parts of equal size, apart, the same for every train.seed.
START_TEST(halves_of_the_images) {
    sn_run *r[3];
    put_search("");
    const char *const seeds[] = {"train.seed=1", "train.seed=2", "data.seed=2"};
    for (int i = 0; i < 3; i++) {
        sn_config *c;
        const char *overrides[] = {seeds[i], "threads=1"};
        ck_ok(sn_config_load(at(PLACE "/c.yaml"), overrides, 2, &c));
        ck_ok(sn_run_create(c, NULL, &r[i]));
        ck_assert_int_eq(r[i]->images, 200);
    }
    bool seen[401] = {false};
    for (int part = 0; part < 2; part++)
        for (int i = 0; i < 200; i++) {
            uint32_t at = r[0]->part[part][i];
            ck_assert_msg(at < 401 && !seen[at], "image %u is in both parts or none", at);
            seen[at] = true;
        }
    ck_assert(!memcmp(r[0]->part[0], r[1]->part[0], 200 * sizeof(uint32_t)));
    ck_assert(memcmp(r[0]->part[0], r[2]->part[0], 200 * sizeof(uint32_t)));
    for (int i = 0; i < 3; i++) sn_run_free(r[i]);
}
END_TEST

// Of every method: stopped three times, wherever that comes, and gone on with, it ends in the bytes of one that was not.
START_TEST(gone_on_with) {
    const sn_method *m;
    for (int i = 0; (m = sn_method_at(SN_RELAXATION, i)); i++) {
        char keys[160];
        snprintf(keys, sizeof keys, "method: %s, order: %d, lr: 0.05, warmup: 0.5", m->name, 1 + i % 2);
        put_search(keys);
        ck_run(0, "\"$S\" train c.yaml -o whole-%s -q --threads 1", m->name);
        for (int k = 1; k <= 3; k++) run("timeout -s TERM 0.%d \"$S\" train c.yaml -o parts-%s -q --threads 2", 2 * k, m->name);
        ck_run(0, "\"$S\" train c.yaml -o parts-%s -q --threads 3", m->name);
        ck_run(0, "cmp whole-%s/checkpoints/step-00000040.h5 parts-%s/checkpoints/step-00000040.h5", m->name, m->name);
    }
}
END_TEST

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
    ck_run(0, "\"$S\" train c.yaml -o biased --set train.relax.on_collapse=warn");
    ck_assert_int_eq(lines_with("biased/log.jsonl", "may collapse"), 1);
}
END_TEST

// A gradient that is no number moves no alpha.
START_TEST(alphas_that_diverge) {
    sn_config *c;
    sn_alphas *a;
    put_search("");
    ck_ok(sn_config_load(at(PLACE "/c.yaml"), NULL, 0, &c));
    ck_ok(sn_alphas_create(c, &a));
    double before[9], gradient[9] = {1, 1, 1, 1, NAN};
    ck_assert_int_eq(a->places, 9);
    memcpy(before, a->alpha, sizeof before);
    ck_assert_int_eq(sn_alphas_update(a, c, gradient), SN_DIVERGED);
    ck_message("the gradient of the alpha of 'first.b.input', option skip, is not finite");
    ck_assert(!memcmp(before, a->alpha, sizeof before) && !a->counts[SN_ALPHA_UPDATES]);
    gradient[4] = 0;
    ck_ok(sn_alphas_update(a, c, gradient));
    ck_assert(a->alpha[0] < before[0]);
    sn_alphas_free(a);
    sn_config_free(c);
}
END_TEST

START_TEST(wrong_searches) {
    put_search("method: dats");
    ck_run(3, "\"$S\" train c.yaml -o x");
    ck_printed("err", "darts");
    put_search("cost: 1");
    ck_run(3, "\"$S\" train c.yaml -o x");
    ck_printed("err", "train.relax.cost: found 1; only 0 is allowed in a space whose costs do not add up");
    put_search("");
    ck_run(3, "\"$S\" train c.yaml -o x --set train.batch=250");
    ck_printed("err", "200 training images for the weights, half of all");
    ck_run(6,
           "\"$S\" train c.yaml -o x --set train.optimizer.lr=1e6 --set train.optimizer.warmup=0 --set train.optimizer.clip=0");
    ck_printed("err", "step ");
    ck_run(2, "\"$S\" bench c.yaml --batch 4");
    ck_printed("err", "--batch: found with train.mode: relax");
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o sampled -q");
    ck_run(2, "\"$S\" alphas sampled");
    ck_printed("err", "its train.mode is sample; allowed is relax");
    ck_run(2, "\"$S\" eval sampled --arch likeliest");
    ck_printed("err", "allowed with runs of train.mode: relax");
    ck_run(2, "\"$S\" rank sampled --set rank.strategy=likeliest");
}
END_TEST

int main(void) {
    Suite *s = suite_create("relaxrun");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 600);
    tcase_add_checked_fixture(t, place_make, folder_remove);
    tcase_add_test(t, a_search_and_after);
    tcase_add_test(t, halves_of_the_images);
    tcase_add_test(t, gone_on_with);
    tcase_add_test(t, monitor);
    tcase_add_test(t, collapse_told_or_stopped);
    tcase_add_test(t, alphas_that_diverge);
    tcase_add_test(t, wrong_searches);
    suite_add_tcase(s, t);
    return run_suite(s);
}
