// `supernet summary`: what its layers add up to, in which forms it is printed, what it refuses.
#include "program.h"

#include <math.h>

#define SMOKE "\"$S\" summary \"$SRC/configs/smoke.yaml\" --set data.source=/nope "
#define ARCH "skip,sep_k5,mb3_k3"

static double sum_of(const json_t *out, const char *key) {
    json_t *layer, *list = json_object_get(out, "layers");
    double sum = 0;
    size_t i;
    json_array_foreach(list, i, layer) sum += number(layer, key);
    return sum;
}

static const json_t *layer_named(const json_t *out, const char *name) {
    json_t *layer;
    size_t i;
    json_array_foreach(json_object_get(out, "layers"), i, layer) {
        if (!strcmp(json_string_value(json_object_get(layer, "layer")), name)) return layer;
    }
    ck_abort_msg("no layer %s", name);
}

static void ck_layer(const json_t *out, const char *name, const char *op, const int shape[3], int params, int macs) {
    const json_t *l = layer_named(out, name);
    ck_assert_str_eq(json_string_value(json_object_get(l, "op")), op);
    for (size_t i = 0; i < 3; i++) ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(l, "shape"), i)), shape[i]);
    ck_assert_double_eq(number(l, "params"), params);
    ck_assert_double_eq(number(l, "macs"), macs);
}

START_TEST(layers_add_up) {
    ck_run(0, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --set data.source=/nope --arch " ARCH " --json");
    json_t *described = printed_json(), *asked = json_object_get(described, "arch");
    ck_run(0, SMOKE "--arch " ARCH " --json --steps 2 --batch 16");
    json_t *out = printed_json();
    const char *const keys[] = {"params", "macs"};
    for (int i = 0; i < 2; i++) {
        ck_assert_double_eq(number(out, keys[i]), number(asked, keys[i]));
        ck_assert_double_eq(sum_of(out, keys[i]), number(asked, keys[i]));
    }
    ck_assert(fabs(sum_of(out, "share") + number(out, "update_share") - 1) < 1e-6 && number(out, "update_share") > 0);
    ck_assert(number(layer_named(out, "stage2.layer2.mb3_k3.dw"), "share") > 0 && number(out, "step_seconds") > 0);
    ck_assert_int_eq((int)number(out, "batch"), 16);
    ck_layer(out, "stem", "conv 3x3 /2", (const int[]){8, 14, 14}, 72, 72 * 196);
    ck_layer(out, "stage2.layer1.sep_k5.dw", "conv 5x5 /2 groups 16", (const int[]){16, 7, 7}, 400, 400 * 49);
    ck_layer(out, "stage2.layer1.sep_k5.pw_bn", "bn", (const int[]){24, 7, 7}, 48, 0);
    json_decref(out);
    json_decref(described);
}
END_TEST

START_TEST(forms) {
    ck_run(0, SMOKE "--arch " ARCH " --no-timing");
    ck_printed("out", "in all: 7866 params, 0.355 MMACs\n");
    ck_run(0, SMOKE "--arch " ARCH " --no-timing | tr -s ' '");
    ck_printed("out", "\nstage2.layer2.mb3_k3.dw conv 3x3 groups 72 72 x 7 x 7 648 0.032\n");
    ck_run(0, SMOKE "--arch " ARCH " --steps 1");
    ck_printed("out", "a training step at batch 64: ");
    ck_printed("out", "\nupdate ");
    ck_run(0, SMOKE "--arch " ARCH " --no-timing --csv | cut -d , -f 1,6- | sed -n '1p;/dw,/p'");
    ck_assert_str_eq(read_all("out"),
                     "layer,params,macs,share\nstage2.layer1.sep_k5.dw,400,19600,\nstage2.layer2.mb3_k3.dw,648,31752,\n");
    ck_run(0, SMOKE "--set space.arch=" ARCH " --no-timing"); // the only one
    ck_printed("out", ARCH "\n");
}
END_TEST

START_TEST(refusals) {
    ck_run(2, SMOKE);
    ck_printed("err", "which of the 27 architectures? give --arch A");
    ck_run(2, SMOKE "--arch skip,skip");
    ck_run(2, SMOKE "--arch " ARCH " --csv --json");
    ck_run(2, SMOKE "--arch " ARCH " --no-timing --steps 3");
    ck_run(2, SMOKE "--arch " ARCH " --batch 1");
    ck_printed("err", "--batch: found '1'; allowed are whole numbers from 2");
    ck_run(3, "\"$S\" summary nothing.yaml");
}
END_TEST

// The best of a run's ranking, within limits; a config has none.
START_TEST(best) {
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -q -o run");
    ck_run(2, "\"$S\" summary run --arch best --no-timing");
    ck_printed("err", "nothing is ranked yet with these weights and this protocol: run `supernet rank run` first");
    const char *const limits[] = {"", "--max-macs 0.2M"};
    for (int i = 0; i < 2; i++) {
        ck_run(0, "\"$S\" rank run -q --top 1 %s | sed -n '2s/^ *1  \\([a-z0-9_,]*\\) .*/\\1/p' >first", limits[i]);
        ck_run(0, "test -s first && \"$S\" summary run --arch best --no-timing %s | head -n 1 | cmp - first", limits[i]);
        ck_run(0, "\"$S\" describe run --arch best --no-timing %s | grep \"^asked  *$(cat first): \"", limits[i]);
    }
    ck_run(2, "\"$S\" summary run --arch mb3_k3,mb3_k3,mb3_k3 --max-macs 0.674M --no-timing");
    ck_printed("err", "mb3_k3,mb3_k3,mb3_k3 has 0.675 MMACs and 10354 params, which is not within the limits");
    ck_run(2, "\"$S\" describe run --max-macs 0.2M --no-timing");
    ck_printed("err", "--max-macs is found without --arch");
    const char *const commands[] = {"summary", "describe"};
    for (int i = 0; i < 2; i++) {
        ck_run(2, "\"$S\" %s \"$SRC/configs/smoke.yaml\" --arch best --no-timing", commands[i]);
        ck_printed("err", "/smoke.yaml is a config, which has no ranking; allowed is an architecture, or a run");
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("summary");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, place_make, folder_remove);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, layers_add_up);
    tcase_add_test(t, forms);
    tcase_add_test(t, refusals);
    if (!access("/usr/share/datasets/fashion-mnist", R_OK)) tcase_add_test(t, best);
    suite_add_tcase(s, t);
    return run_suite(s);
}
