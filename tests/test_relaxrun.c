// Mode relax as a user meets it: what a search prints and keeps, the likeliest arch in the other commands, halves of the images,
// stopping between epochs, what is refused.
// Not here: gradients (test_gates.c), methods by numbers (test_relax.c), signs of a collapse (test_collapse.c), bytes after a
// kill (test_spaces.c).
#include "datafiles.h"
#include "io/config/config.h"
#include "program.h"
#include "supernet/train/run.h"

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

// What was after an epoch: the alphas and weights of its checkpoint, in each command that takes them; epochs that were not kept
// are told with those that were.
START_TEST(an_earlier_epoch) {
    put_search("method: darts, lr: 0.05");
    ck_run(0, "\"$S\" train c.yaml -o run -q");
    ck_run(0, "\"$S\" alphas run/checkpoints/step-00000020.h5 >alone.txt && \"$S\" alphas run --epoch 2 | cmp - alone.txt");
    ck_run(0, "\"$S\" alphas run | cmp -s - alone.txt; test $? = 1");
    ck_run(0, "\"$S\" eval run/checkpoints/step-00000020.h5 --arch conv,conv,skip --json >alone.txt");
    ck_run(0, "\"$S\" eval run --epoch 2 --arch conv,conv,skip --json | cmp - alone.txt");
    ck_printed("err", "the weights are those of epoch 2, step 20 of 40");
    ck_run(0,
           "\"$S\" export run --epoch 2 --arch conv,conv,skip -o a.onnx && \"$S\" export run/checkpoints/step-00000020.h5 --arch "
           "conv,conv,skip -o b.onnx && cmp a.onnx b.onnx");
    ck_run(
        0,
        "\"$S\" rank run --epoch 2 --sample 3 --csv - >e2.csv && \"$S\" rank run/checkpoints/step-00000020.h5 --sample 3 --csv - "
        "| cmp - e2.csv");
    ck_run(0, "\"$S\" rank run --sample 3 --csv - | cmp -s - e2.csv; test $? = 1");
    ck_run(0, "\"$S\" retrain run --epoch 2 --arch conv,conv,skip --init inherited");
    ck_printed("err", "parameters start from run/checkpoints/step-00000020.h5");
    ck_run(0, "rm run/checkpoints/step-00000030.h5");
    const char *const all[] = {"eval run --arch conv,conv,skip", "export run --arch conv,conv,skip", "rank run", "retrain run",
                               "alphas run"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        ck_run(2, "\"$S\" %s --epoch 3", all[i]);
        ck_printed("err", "run has no checkpoint of epoch 3; there are those of epochs 1, 2, 4");
    }
    ck_run(2, "\"$S\" eval run/checkpoints/step-00000020.h5 --epoch 2 --arch conv,conv,skip");
    ck_printed("err", "a run folder is needed");
    ck_run(2, "\"$S\" rank run/checkpoints/step-00000020.h5 --epoch 2");
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o sampled -q --set train.keep=1");
    ck_run(
        0,
        "\"$S\" eval sampled --epoch 4 --arch skip,skip,skip; \"$S\" eval sampled --epoch 99 --arch skip,skip,skip; test $? = 2");
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
        snprintf(keys, sizeof keys, "method: %s, order: %d, lr: 0.05, warmup: 0.5, perturb_steps: 2", m->name, 1 + i % 2);
        put_search(keys);
        ck_run(0, "\"$S\" train c.yaml -o whole-%s -q --threads 1", m->name);
        for (int k = 1; k <= 3; k++) run("timeout -s TERM 0.%d \"$S\" train c.yaml -o parts-%s -q --threads 2", 2 * k, m->name);
        ck_run(0, "\"$S\" train c.yaml -o parts-%s -q --threads 3", m->name);
        ck_run(0, "cmp whole-%s/checkpoints/step-00000040.h5 parts-%s/checkpoints/step-00000040.h5", m->name, m->name);
    }
}
END_TEST

// Under a cost that outweighs the loss the likeliest is the cheapest, by multiplications or parameters, in either form.
START_TEST(costs) {
    static const char *const keys[] = {"method=darts --set train.relax.cost=100", "method=proxyless --set train.relax.cost=100",
                                       "method=softmax --set train.relax.cost=100 --set train.relax.cost_of=params",
                                       ("method=gdas --set train.relax.cost=1 --set train.relax.cost_form=multiply --set "
                                        "train.relax.cost_exponent=100 --set train.relax.cost_reference=1e5")};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        ck_run(0,
               "\"$S\" train \"$SRC/configs/smoke.yaml\" -o run%zu -q --set train.mode=relax --set train.epochs=2 --set "
               "train.relax.lr=0.05 --set train.relax.%s && \"$S\" alphas run%zu --json",
               i, keys[i], i);
        ck_printed("out", "\"skip,skip,skip\"");
    }
    ck_run(3, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o x --set train.mode=relax --set train.relax.cost=1 --set "
              "train.relax.cost_reference=1");
    ck_printed("err", "train.relax.cost_reference: found 1; allowed are numbers from 3");
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
    tcase_add_test(t, an_earlier_epoch);
    tcase_add_test(t, halves_of_the_images);
    tcase_add_test(t, gone_on_with);
    tcase_add_test(t, costs);
    tcase_add_test(t, alphas_that_diverge);
    tcase_add_test(t, wrong_searches);
    suite_add_tcase(s, t);
    return run_suite(s);
}
