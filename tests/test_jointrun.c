// Several runs ranked together as a user does it: means of what each run says alone, what it costs a second time, checkpoints of
// one run, what is refused, a kill in between. Not here: the statistics (test_joint.c). Next: program.h.
#include "program.h"

#include <math.h>

#define TRAIN "\"$S\" train \"$SRC/configs/smoke.yaml\" -q "

static void setup(void) {
    place_make();
    ck_run(0, TRAIN "-o a --set train.epochs=2 && " TRAIN "-o b --set train.epochs=2 --set train.seed=2");
}

static const json_t *best(const json_t *of, size_t i) {
    return json_array_get(json_object_get(of, "best"), i);
}

// A number of an arch in the JSON of a run alone.
static double alone(const char *folder, const char *arch, const char *key) {
    ck_run(0, "\"$S\" rank %s --top 27 --json -q", folder);
    json_t *out = printed_json();
    double x = NAN;
    for (size_t i = 0; i < 27; i++)
        if (!strcmp(json_string_value(json_object_get(best(out, i), "arch")), arch)) x = number(best(out, i), key);
    json_decref(out);
    return x;
}

START_TEST(means_of_two) {
    ck_run(0, "\"$S\" rank a b --top 27 --json --csv both.csv >both.json");
    ck_printed("err", "run 2 of 2: b, step 64");
    ck_run(0, "cat both.json");
    json_t *out = printed_json();
    const json_t *joint = json_object_get(out, "joint"), *runs = json_object_get(joint, "runs");
    ck_assert_ptr_null(json_object_get(out, "step"));
    ck_near(number(out, "scored"), 54, 0, "scored");
    ck_near(number(joint, "left_out"), 0, 0, "left out");
    ck_assert_uint_eq(json_array_size(runs), 2);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(runs, 1), "run")), "b");
    ck_near(number(json_array_get(runs, 1), "weight"), 0.5, 0, "weight");
    long tied = 0;
    for (size_t i = 0; i < 27; i++) {
        const json_t *x = best(joint, i);
        tied += json_is_true(json_object_get(x, "tied"));
        ck_near(number(x, "behind"), number(best(joint, 0), "score") - number(x, "score"), 1e-8, "behind");
        ck_assert(!i || number(best(out, i - 1), "top1") >= number(best(out, i), "top1"));
    }
    ck_near(number(joint, "tied"), (double)tied, 0, "tied");
    for (size_t i = 0; i < 27; i += 13) {
        const char *arch = json_string_value(json_object_get(best(out, i), "arch"));
        double a = alone("a", arch, "top1"), b = alone("b", arch, "top1");
        ck_near(number(best(out, i), "top1"), (a + b) / 2, 1e-8, "mean");
        ck_near(number(best(joint, i), "spread"), fabs(a - b) / sqrt(2), 1e-8, "spread");
        ck_near(number(best(out, i), "loss"), (alone("a", arch, "loss") + alone("b", arch, "loss")) / 2, 1e-8, "loss");
    }
    json_decref(out);
    // stored: nothing is measured a second time, and the same is said
    ck_run(0, "\"$S\" rank a b --top 27 --json --csv again.csv -q >again.json && cmp both.csv again.csv");
    ck_run(0, "sed 's/\"scored\": 27/\"scored\": 0/; s/\"scored\": 54/\"scored\": 0/; s/\"evaluations[a-z_]*\": [0-9]*/x/' "
              "both.json >1");
    ck_run(0, "sed 's/\"evaluations[a-z_]*\": [0-9]*/x/' again.json | cmp - 1");
    ck_run(0, "head -n 1 both.csv && wc -l <both.csv");
    ck_printed("out",
               "arch,top1,top5,loss,macs,params,images,fitted_top1,fitted_loss,spread,behind,margin,tied,top1_1,loss_1,top1_2,");
    ck_printed("out", "28\n");
}
END_TEST

START_TEST(options_of_one_run) {
    ck_run(0, "\"$S\" rank a b --by loss --top 3 -q");
    ck_printed("out", "behind");
    ck_printed("out", "means of 2 runs");
    ck_printed("out", "scored now  tau with 1\n");
    ck_printed("out", "margin  tied   run 1   run 2\n");
    ck_printed("out", " are tied: behind the first by no more than the margin (95 % over images, paired, and over runs)");
    ck_run(0, "\"$S\" rank a b --by effects --top 3 --max-macs 250000 -q");
    ck_printed("out", ", in logits)");
    ck_run(0, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --archs all --csv | awk -F, 'NR > 1 {print $0}' | sed 's/,[^\"]*$//' "
              ">names");
    ck_run(0, "echo arch,accuracy >truth.csv && awk '{print $0 \",\" NR / 100}' names >>truth.csv");
    ck_run(0, "\"$S\" rank a b --against truth.csv -q");
    ck_printed("out", "Kendall tau-b");
    write_all("two.txt", "skip,skip,skip\nsep_k5,skip,mb3_k3\n");
    ck_run(0, "\"$S\" rank a b --archs two.txt -q");
    ck_printed("out", "2 architectures, 0 scored now on 500 images each");
    // one run is told as ever
    ck_run(0, "\"$S\" rank a --top 3 -q");
    ck_assert_ptr_null(strstr(read_all("out"), "tied"));
    ck_printed("out", "weights of step 64");
}
END_TEST

// Archs that only one run has scored are left out of what is fitted, and told.
START_TEST(scored_in_one_alone) {
    ck_run(0, "cp -r b c && rm -f c/ranking.h5 a/ranking.h5 && \"$S\" rank a -q");
    ck_run(0, "\"$S\" rank a c --sample 12 --json");
    ck_printed("err", "left out: 15 architectures with a score in some of the runs only");
    json_t *out = printed_json();
    ck_near(number(out, "archs"), 12, 0, "archs");
    ck_near(number(out, "scored"), 12, 0, "scored");
    ck_near(number(json_object_get(out, "joint"), "left_out"), 15, 0, "left out");
    json_decref(out);
    ck_run(0, "rm -r c");
}
END_TEST

// By effects the best of the whole space is scored in every run.
START_TEST(best_of_the_whole_space) {
    ck_run(0, "cp -r a d && cp -r b e && rm -f d/ranking.h5 e/ranking.h5");
    ck_run(0, "\"$S\" rank d e --sample 12 --by effects --json");
    json_t *out = printed_json();
    int scored = (int)number(out, "scored");
    ck_assert(scored >= 24 && scored % 2 == 0);
    json_decref(out);
    ck_run(0, "rm -r d e");
}
END_TEST

START_TEST(checkpoints_of_a_run) {
    ck_run(0, "\"$S\" rank a/checkpoints/*.h5 --top 2");
    ck_printed("out", "a/checkpoints/step-00000032.h5");
    ck_printed("out", "a/checkpoints/step-00000064.h5");
    ck_printed("out", "means of 2 runs");
    ck_run(0, "cd a/checkpoints && \"$S\" rank ../checkpoints/step-00000032.h5 -q");
    ck_printed("out", "27 architectures, 0 scored now");
    ck_printed("out", "weights of step 32");
    ck_run(0, "cd a && \"$S\" rank checkpoints/step-00000064.h5 -q");
    ck_printed("out", "weights of step 64");
    ck_run(0, "\"$S\" rank a/checkpoints/step-00000032.h5 b a -q --top 1");
    ck_printed("out", "means of 3 runs");
    ck_run(2, "cp a/checkpoints/step-00000064.h5 lone.h5 && \"$S\" rank lone.h5");
    ck_printed("err", "`supernet rank` needs a run folder; there is no lone.h5/config.yaml");
}
END_TEST

START_TEST(refusals) {
    ck_run(2, "\"$S\" rank a a");
    ck_printed("err", "a and a have the same weights, those of step 64; each may count once");
    ck_run(2, "\"$S\" rank a b a/checkpoints/step-00000064.h5");
    ck_printed("err", "a and a/checkpoints/step-00000064.h5 have the same weights");
    ck_run(0, TRAIN "-o other --set data.seed=2");
    ck_run(2, "\"$S\" rank a other");
    ck_printed("err",
               "other cannot be ranked together with a: data.seed is 2, there 1; allowed are runs that hold out the same images");
    ck_run(0, TRAIN "-o fewer --set data.validation=400");
    ck_run(2, "\"$S\" rank a fewer");
    ck_printed("err", "data.validation is 400, there 500; allowed are runs that hold out the same images");
    ck_run(0, "sed 's/kernel: 5/kernel: 7/' \"$SRC/configs/smoke.yaml\" >space.yaml && \"$S\" train space.yaml -o space -q");
    ck_run(2, "\"$S\" rank a space");
    ck_printed("err", "space cannot be ranked together with a: space is ");
    ck_printed("err", "kernel: 7");
    ck_printed("err", "allowed are runs of one space");
    ck_run(0, "cp -r b few && sed -i '/^rank:/,/^retrain:/s/images: 500/images: 400/' few/config.yaml");
    ck_run(2, "\"$S\" rank a few");
    ck_printed("err", "few cannot be ranked together with a: scored on 400 images, there on 500; allowed is one way of scoring");
    ck_run(0, "\"$S\" rank a few --set rank.images=300 --sample 2 -q");
    ck_run(0, "cp -r b way && sed -i 's/calibrate: 250/calibrate: 125/' way/config.yaml");
    ck_run(2, "\"$S\" rank a way");
    ck_printed("err", "BN is 'recalibrate 125 images, batches of 125', there 'recalibrate 250 images, batches of 125'");
    ck_run(2, "\"$S\" rank a nowhere");
    ck_printed("err", "nowhere/config.yaml");
    ck_run(0, "rm -r other fewer space few way");
}
END_TEST

// Other pictures under the same config: the data's fingerprint tells.
START_TEST(other_pictures) {
    ck_run(0, "mkdir -p p && cp /usr/share/datasets/fashion-mnist/* p/ && gzip -dqf p/*.gz || true; ls p");
    ck_run(0, "f=$(ls p/t10k-images*) && printf 'x' | dd of=$f bs=1 seek=5000 conv=notrunc 2>dd");
    ck_run(0, TRAIN "-o moved --set data.source=p");
    ck_run(2, "\"$S\" rank a moved");
    ck_printed("err", "moved cannot be ranked together with a: its data have the fingerprint ");
    ck_run(0, "rm -r p moved");
}
END_TEST

// Killed in a save of the second run's scores: the same in the end.
START_TEST(killed_in_the_second) {
    ck_run(0, "rm -f a/ranking.h5 b/ranking.h5 && \"$S\" rank a b --csv whole.csv -q");
    ck_run(0, "mkdir -p w && mv a/ranking.h5 w/a.h5 && mv b/ranking.h5 w/b.h5 && ln -sf '" SN_FAULT_LIBRARY "' fault.so");
    ck_run(137, "ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=./fault.so SN_FAULT=1:2:s9 SN_FAULT_FOLDER=b sh -c 'exec "
                "\"$0\" rank a b -q' "
                "\"$S\"");
    ck_run(0, "cmp a/ranking.h5 w/a.h5 && test ! -e b/ranking.h5");
    ck_run(0,
           "\"$S\" rank a b --csv again.csv -q && cmp whole.csv again.csv && cmp b/ranking.h5 w/b.h5 && cmp a/ranking.h5 w/a.h5");
    ck_run(0, "rm -r w");
}
END_TEST

int main(void) {
    Suite *s = suite_create("jointrun");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 240);
    tcase_add_unchecked_fixture(t, setup, folder_remove);
    tcase_add_test(t, means_of_two);
    tcase_add_test(t, options_of_one_run);
    tcase_add_test(t, scored_in_one_alone);
    tcase_add_test(t, best_of_the_whole_space);
    tcase_add_test(t, checkpoints_of_a_run);
    tcase_add_test(t, refusals);
    tcase_add_test(t, other_pictures);
    tcase_add_test(t, killed_in_the_second);
    suite_add_tcase(s, t);
    return run_suite(s);
}
