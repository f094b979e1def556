// The program as a user meets it: the main job from training to a retrained net, its files, its JSON, its refusals and exit
// codes. Not here: that results are right (the other tests), kills and full disks. Next: program.h.
#include "program.h"

#define SMOKE "\"$S\" train \"$SRC/configs/smoke.yaml\" -o run "

static void setup(void) {
    place_make();
    ck_run(0, SMOKE "--json");
}

// ---------------------------------------------------------------- the command line
START_TEST(usage) {
    ck_run(2, "\"$S\"");
    ck_assert_str_eq(read_all("out"), "");
    ck_run(0, "\"$S\" --help");
    ck_printed("out", "75 interrupted, checkpoint saved");
    ck_run(0, "\"$S\" --version");
    ck_run(2, "\"$S\" trian");
    ck_printed("err", "did you mean train?");
    ck_run(2, "\"$S\" train x.yaml --outptu run");
    ck_printed("err", "--output");
    ck_run(2, "\"$S\" train x.yaml -o");
    ck_run(2, "\"$S\" train");
    ck_run(2, "\"$S\" train x.yaml y.yaml");
    ck_run(2, "\"$S\" help confg");
    ck_printed("err", "help config");
}
END_TEST

START_TEST(help_of_commands) {
    const char *const commands[] = {"train", "rank", "eval", "retrain", "export", "describe", "verify", "trace", "bench"};
    ck_run(0, "\"$S\" help");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        ck_printed("out", commands[i]);
        ck_run(0, "\"$S\" %s --help", commands[i]);
        ck_printed("out", "--threads");
        ck_assert_str_eq(read_all("err"), "");
        ck_run(0, "\"$S\" help");
    }
    ck_run(0, "\"$S\" help config");
    ck_printed("out", "rank.calibrate");
}
END_TEST

START_TEST(wrong_configs) {
    ck_run(3, "\"$S\" train nothing.yaml");
    ck_printed("err", "nothing.yaml");
    ck_run(3, SMOKE "--set train.epoch=3");
    ck_printed("err", "epochs");
    ck_run(3, SMOKE "--device gpu");
    ck_printed("err", "cpu-plain");
    ck_run(3, SMOKE "--threads x");
    write_all("wrong.yaml", "data: {source: x}\ntrain:\n  epochs: many\n  sampelr: fair\n");
    ck_run(3, "\"$S\" train wrong.yaml");
    ck_printed("err", "wrong.yaml:3:11");
    ck_printed("err", "wrong.yaml:4:3");
    ck_printed("err", "sampler");
}
END_TEST

// ---------------------------------------------------------------- training
START_TEST(trained) {
    ck_run(0, "ls run run/checkpoints");
    ck_printed("out", "config.yaml");
    ck_printed("out", "log.jsonl");
    ck_printed("out", "step-00000032.h5");
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o run --json --threads 1"); // machine keys are no other config
    ck_printed("err", "run is finished: 32 steps");
    json_t *out = printed_json();
    ck_assert_int_eq((int)number(out, "step"), 32);
    const char *name, *option;
    json_t *decision, *passes;
    json_object_foreach(json_object_get(out, "passes"), name, decision) {
        int sum = 0;
        json_object_foreach(decision, option, passes) sum += (int)json_integer_value(passes);
        ck_assert_msg(sum == 32, "%s: %d passes", name, sum);
    }
    json_decref(out);
}
END_TEST

START_TEST(folder_of_another_config) {
    ck_run(3, SMOKE "--set train.seed=2");
    ck_printed("err", "train.seed was 1, now 2");
    ck_run(0, "\"$S\" train run/config.yaml -o run"); // the resolved config is the same config
    ck_printed("err", "finished");
}
END_TEST

// ---------------------------------------------------------------- ranking and evaluating
START_TEST(ranked) {
    char best[256];
    ck_run(0, "\"$S\" rank run --json --csv rank.csv --top 3");
    json_t *out = printed_json(), *list = json_object_get(out, "best");
    ck_assert_int_eq((int)number(out, "archs"), 27);
    ck_assert_int_eq((int)number(out, "scored"), 27);
    ck_assert_uint_eq(json_array_size(list), 3);
    ck_assert(number(out, "mean_top1") > 0 && number(out, "mean_top1") < number(json_array_get(list, 0), "top1"));
    ck_assert(number(json_array_get(list, 0), "top1") >= number(json_array_get(list, 1), "top1"));
    snprintf(best, sizeof best, "%s", json_string_value(json_object_get(json_array_get(list, 0), "arch")));
    double top1 = number(json_array_get(list, 0), "top1");
    json_decref(out);
    ck_run(0, "wc -l <rank.csv");
    ck_assert_int_eq(atoi(read_all("out")), 28);

    ck_run(0, "\"$S\" rank run --json"); // nothing is scored twice
    out = printed_json();
    ck_assert_int_eq((int)number(out, "scored"), 0);
    json_decref(out);

    ck_run(0, "\"$S\" eval run --arch best --arch %s --json", best); // the same function, the same score
    out = printed_json();
    list = json_object_get(out, "archs");
    ck_assert_uint_eq(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, i), "arch")), best);
        ck_assert_double_eq(number(json_array_get(list, i), "top1"), top1);
    }
    json_decref(out);

    // scores held against themselves
    ck_run(0, "\"$S\" rank run --json --against rank.csv --key top1");
    out = printed_json();
    json_t *all = json_object_get(json_object_get(json_object_get(out, "against"), "accuracy"), "all");
    ck_assert_double_eq(number(json_object_get(json_object_get(all, "figures"), "tau"), "value"), 1);
    json_decref(out);
}
END_TEST

START_TEST(part_of_a_space) {
    write_all("archs.txt", "# two of 27\nskip,skip,skip\n\n  mb3_k3,skip,sep_k5\n");
    ck_run(0, "\"$S\" rank run --archs archs.txt --json");
    json_t *out = printed_json();
    ck_assert_int_eq((int)number(out, "archs"), 2);
    json_decref(out);
    ck_run(0, "\"$S\" rank run --sample 5 --json");
    out = printed_json();
    ck_assert_int_eq((int)number(out, "archs"), 5);
    json_decref(out);
    ck_run(0, "\"$S\" rank run --max-macs 200000 --json");
    out = printed_json();
    ck_assert(number(out, "archs") > 0 && number(out, "archs") < 27);
    json_decref(out);
    ck_run(2, "\"$S\" rank run --max-macs 10");
    ck_printed("err", "smallest");
    write_all("archs.txt", "skip,skip,skip\nskip,skip,mb3_k4\n");
    ck_run(2, "\"$S\" rank run --archs archs.txt");
    ck_printed("err", "archs.txt:2");
    ck_printed("err", "mb3_k3");
}
END_TEST

START_TEST(evaluated) {
    ck_run(0, "\"$S\" eval run/checkpoints/step-00000032.h5 --arch skip,skip,skip"); // a bare checkpoint
    ck_printed("out", "skip,skip,skip");
    ck_run(0, "\"$S\" eval run --sample 3 --json --bn batch --images 100");
    json_t *out = printed_json();
    ck_assert_uint_eq(json_array_size(json_object_get(out, "archs")), 3);
    json_decref(out);
    ck_run(2, "\"$S\" eval run");
    ck_printed("err", "--arch");
    ck_run(2, "\"$S\" eval run --arch skip,skip,mb3_k4");
    ck_printed("err", "mb3_k3");
    ck_run(2, "\"$S\" eval run --arch skip,skip");
    ck_run(2, "\"$S\" eval run --arch skip,skip,skip --split tst");
    ck_printed("err", "validation, test");
    ck_run(1, "grep test_split run/log.jsonl"); // not yet used,
    ck_run(0, "\"$S\" eval run --arch skip,skip,skip --split test --images 100");
    ck_run(0, "grep test_split run/log.jsonl"); // now it is written down
}
END_TEST

// ---------------------------------------------------------------- retraining, describing, verifying
START_TEST(retrained) {
    ck_run(0, "\"$S\" retrain run --arch mb3_k3,skip,sep_k5 --init inherited --name one --json");
    json_t *out = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(out, "run")), "run/retrain/one");
    ck_assert_int_eq((int)number(out, "images"), 10000);
    double top1 = number(out, "test_top1");
    json_decref(out);
    ck_printed("err", "parameters start from");
    ck_run(0, "\"$S\" retrain run --arch mb3_k3,skip,sep_k5 --init inherited --name one --json");
    ck_printed("err", "finished");
    out = printed_json();
    ck_assert_double_eq(number(out, "test_top1"), top1);
    json_decref(out);
    ck_run(0, "grep -c test_split run/retrain/one/log.jsonl");
    ck_assert_int_eq(atoi(read_all("out")), 2);
    ck_run(0, "\"$S\" eval run/retrain/one --split test --json"); // a run like any other
    out = printed_json();
    ck_assert_double_eq(number(json_array_get(json_object_get(out, "archs"), 0), "top1"), top1);
    json_decref(out);
    ck_run(0, "\"$S\" eval run/retrain/one --arch best");
    ck_run(3, "\"$S\" eval run/retrain/one --set train.seed=2"); // would score images that it has learned
    ck_run(3, "\"$S\" rank run --set data.validation=1000");
    ck_run(3, "\"$S\" rank run --set space.text=digits");
    ck_run(1, "mkfifo pipe && \"$S\" export run --arch skip,skip,skip -o pipe");
    ck_run(0, "test -p pipe");
    ck_run(1, "\"$S\" eval run --arch skip,skip,skip --logits pipe");
    ck_run(1, "ln -s nowhere link && \"$S\" export run --arch skip,skip,skip -o link");
    ck_run(0, "test -L link");
    ck_run(4, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o early --set data.source=/nope"); // and claims no folder
    ck_run(0, "test ! -e early/config.yaml");
    ck_run(2, "\"$S\" retrain run --name ../two --arch skip,skip,skip");
    ck_run(2, "\"$S\" retrain run --init nothing --arch skip,skip,skip");
}
END_TEST

START_TEST(exported) {
    ck_run(0, "\"$S\" export run --arch skip,mb3_k3,skip -o shared.onnx --json");
    json_t *out = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(out, "arch")), "skip,mb3_k3,skip");
    ck_assert_int_eq((int)number(out, "images"), 16);
    ck_assert(number(out, "difference") <= 1e-4 * number(out, "largest_logit"));
    json_decref(out);
    ck_run(0, "\"$S\" export run --arch skip,mb3_k3,skip -o shared.safetensors");
    ck_printed("out", "bit-equal");
    ck_run(0, "\"$S\" retrain run --arch skip,skip,skip --name small && \"$S\" export run/retrain/small -o small.onnx --bn keep");
    ck_run(0, "ls small.onnx shared.onnx shared.safetensors");
    ck_run(2, "\"$S\" export run --arch skip,skip,mb3_k4 -o wrong.onnx");
    ck_run(2, "\"$S\" export run --arch skip,skip,skip -o wrong.onnx --bn folded");
    ck_run(2, "\"$S\" export run --arch skip,skip,skip -o wrong.onnx --format safetensors");
    ck_run(2, "ls wrong.onnx"); // none was written
}
END_TEST

START_TEST(traced) {
    ck_run(0, "\"$S\" trace \"$SRC/configs/smoke.yaml\" --steps 1:2 -o steps.h5 && \"$S\" verify steps.h5");
    ck_printed("out", "steps.h5: whole");
    ck_run(2, "\"$S\" trace \"$SRC/configs/smoke.yaml\" --steps 2:1 -o wrong.h5");
    ck_printed("err", "2:1");
    ck_run(2, "\"$S\" trace run --steps 1:2 -o wrong.h5"); // the run is past them
}
END_TEST

START_TEST(described) {
    ck_run(0, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --no-timing --json --arch skip,skip,skip");
    json_t *out = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(out, "size")), "27");
    ck_assert_double_eq(number(json_object_get(out, "arch"), "macs"), number(json_object_get(out, "smallest"), "macs"));
    ck_assert(number(out, "memory_bytes") > 0);
    json_decref(out);
    ck_run(0, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --archs all --csv | sort -u | wc -l");
    ck_assert_int_eq(atoi(read_all("out")), 28);
    ck_run(2, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --csv");
}
END_TEST

START_TEST(verified) {
    ck_run(0, "\"$S\" rank run --sample 2 && \"$S\" verify run/checkpoints/step-00000032.h5 run/ranking.h5");
    ck_printed("out", "whole");
    ck_run(0, "cp run/checkpoints/step-00000032.h5 cut.h5 && truncate -s -1 cut.h5");
    ck_run(4, "\"$S\" verify cut.h5");
    ck_printed("err", "cut.h5");
    ck_run(0, "cp run/checkpoints/step-00000032.h5 flipped.h5 && printf '\\377' | dd of=flipped.h5 bs=1 seek=5001 conv=notrunc");
    ck_run(4, "\"$S\" verify flipped.h5");
    ck_run(4, "\"$S\" eval flipped.h5 --arch skip,skip,skip");
    ck_run(4, "\"$S\" verify \"$SRC/LICENSE\"");
    ck_run(2, "\"$S\" rank nothing");
}
END_TEST

int main(void) {
    if (access("/usr/share/datasets/fashion-mnist", R_OK)) {
        printf("skipped: no Fashion-MNIST (package dataset-fashion-mnist)\n");
        return 0;
    }
    Suite *s = suite_create("program");
    TCase *c = tcase_create("program");
    tcase_set_timeout(c, 300);
    tcase_add_unchecked_fixture(c, setup, folder_remove);
    tcase_add_test(c, usage);
    tcase_add_test(c, help_of_commands);
    tcase_add_test(c, wrong_configs);
    tcase_add_test(c, trained);
    tcase_add_test(c, folder_of_another_config);
    tcase_add_test(c, evaluated);
    tcase_add_test(c, ranked);
    tcase_add_test(c, part_of_a_space);
    tcase_add_test(c, retrained);
    tcase_add_test(c, exported);
    tcase_add_test(c, traced);
    tcase_add_test(c, described);
    tcase_add_test(c, verified);
    suite_add_tcase(s, c);
    return run_suite(s);
}
