// Configs: what is read, every kind of mistake with its place, resolved text, presets, overrides, and mutated files.
// Not here: what a space means (test_space.c).
// Next: test_train.c.
#include "base/rng.h"
#include "folder.h"
#include "io/config/config.h"
#include "io/config/yaml.h"
#include "kernels/backend.h"
#include "sampler/method.h"
#include "space/arch.h"
#include "space/cost.h"

#include <time.h>

// The smallest config; SPACE is its last section.
#define SPACE                                                                                                                    \
    "space:\n"                                                                                                                   \
    "  input: {channels: 3, height: 8, width: 8}\n"                                                                              \
    "  classes: 10\n"                                                                                                            \
    "  blocks: {a: {op: identity}, b: {op: mbconv, kernel: 5}}\n"                                                                \
    "  network:\n"                                                                                                               \
    "    - {op: conv, out: 8}\n"                                                                                                 \
    "    - {layers: 2, out: 8, choose: [a, b]}\n"                                                                                \
    "    - {op: classifier}\n"
#define SMALL "data: {source: /d}\n" SPACE

static sn_status parse(const char *text, sn_config **out) {
    *out = NULL;
    return sn_config_parse(text, strlen(text), "t.yaml", NULL, 0, out);
}

static sn_config *good(const char *text) {
    sn_config *c;
    ck_assert_msg(parse(text, &c) == SN_OK, "%s\n%s", text, sn_error_text());
    return c;
}

static sn_config *good_with(const char *text, const char *const *overrides, int n) {
    sn_config *c = NULL;
    ck_ok(sn_config_parse(text, strlen(text), "t.yaml", overrides, n, &c));
    return c;
}

static sn_config *loaded(const char *name) {
    char path[1024];
    sn_config *c = NULL;
    snprintf(path, sizeof path, SN_SOURCE_DIR "/configs/%s", name);
    ck_ok(sn_config_load(path, NULL, 0, &c));
    return c;
}

// --- what is read

START_TEST(defaults) {
    sn_config *c = good(SMALL);
    ck_assert_str_eq(c->data.source, "/d");
    ck_assert_int_eq(c->data.memory, (int64_t)2 << 30);
    ck_assert_str_eq(c->data.cache, "");
    ck_assert_int_eq(c->train.epochs, 20);
    ck_assert_str_eq(c->train.sampler, "uniform");
    ck_assert_double_eq(c->train.optimizer.lr, 0.05);
    ck_assert_double_eq(c->train.optimizer.eps, 1e-8);
    ck_assert(c->train.optimizer.nesterov && c->train.optimizer.decay_bn);
    ck_assert_int_eq(c->train.keep, 3);
    ck_assert_int_eq(c->data.augment.pad, SN_PAD_MEAN);
    ck_assert_int_eq(c->train.init, SN_INIT_FAN_OUT);
    ck_assert_int_eq(c->rank.bn, SN_PROTOCOL_RECALIBRATE);
    ck_assert_int_eq(c->rank.calibrate, 2000);
    ck_assert_int_eq(c->rank.calibrate_batch, 250);
    ck_assert_str_eq(c->export.arch, "best");
    ck_assert_str_eq(c->device, "cpu");
    ck_assert_int_eq(c->space.built->n_decisions, 2);
    sn_config_free(c);
}
END_TEST

START_TEST(values) {
    sn_config *c =
        good("data: {source: /a b/../ü, validation: 7, images: 9, resize: stretch, store: 9, cache: c, memory: 32MiB,\n"
             "       augment: {crop: 0, pad: black, flip: true, cutout: 2, resized: true}}\n"
             "train: {sampler: fair, epochs: 3, batch: 4, seed: 4294967295, validate_every: 0, save_every: 10, keep: 1,\n"
             "        init: torch, optimizer: {name: adam, lr: 3e-4, momentum: 0.5, nesterov: false, weight_decay: 0, decay_bn: "
             "false, beta1: "
             "0.8, beta2: 0.9,\n"
             "                    eps: 1e-6, schedule: step, warmup: 1.5, step_epochs: 2, step_factor: 0.5, lr_min: 1e-5, clip: "
             "2, label_smoothing: 0.1}}\n"
             "rank: {strategy: list, archs: archs.txt, sample: 5, bn: batch, calibrate: 11, calibrate_batch: 12, images: 13}\n"
             "retrain: {epochs: 6, init: inherited, use_validation: true, optimizer: {lr: 0.01, name: adamw}}\n"
             "export: {arch: 'a,b', format: safetensors, bn: keep}\nthreads: 2\ndevice: ref64\n" SPACE);
    char here[1024], expected[1100];
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    ck_assert_str_eq(c->data.source, "/ü");
    ck_assert_int_eq(c->data.resize, SN_RESIZE_STRETCH);
    snprintf(expected, sizeof expected, "%s/c", here);
    ck_assert_str_eq(c->data.cache, expected);
    ck_assert_int_eq(c->data.memory, 32 << 20);
    ck_assert(c->data.augment.flip && c->data.store == 9 && c->data.augment.cutout == 2 && c->data.augment.resized);
    ck_assert_int_eq(c->data.augment.pad, SN_PAD_BLACK);
    ck_assert_int_eq(c->train.init, SN_INIT_TORCH);
    ck_assert_str_eq(c->train.sampler, "fair");
    ck_assert_int_eq(c->train.seed, UINT32_MAX);
    const sn_config_optimizer *o = &c->train.optimizer;
    ck_assert(o->name == SN_OPTIMIZER_ADAM && o->lr == 3e-4 && o->momentum == 0.5 && !o->nesterov && !o->decay_bn &&
              o->weight_decay == 0);
    ck_assert(o->beta1 == 0.8 && o->beta2 == 0.9 && o->eps == 1e-6 && o->schedule == SN_SCHEDULE_STEP && o->warmup == 1.5);
    ck_assert(o->step_epochs == 2 && o->step_factor == 0.5 && o->lr_min == 1e-5 && o->clip == 2 && o->label_smoothing == 0.1);
    snprintf(expected, sizeof expected, "%s/archs.txt", here);
    ck_assert_str_eq(c->rank.archs, expected);
    ck_assert(!strcmp(c->rank.strategy, "list") && c->rank.bn == SN_PROTOCOL_BATCH && c->rank.images == 13);
    ck_assert(c->retrain.epochs == 6 && c->retrain.init == SN_START_INHERITED && c->retrain.use_validation);
    ck_assert_int_eq(c->retrain.batch, 4); // as train
    ck_assert(c->retrain.optimizer.lr == 0.01 && c->retrain.optimizer.name == SN_OPTIMIZER_ADAMW &&
              c->retrain.optimizer.clip == 2);
    ck_assert(c->export.format == SN_FORMAT_SAFETENSORS && c->export.bn == SN_EXPORT_KEEP && c->threads == 2);
    ck_assert_str_eq(c->export.arch, "a,b");
    ck_assert_str_eq(c->device, "ref64");
    sn_config_free(c);
}
END_TEST

START_TEST(names_of_entries) {
    sn_config *c = good("data: {source: /d}\nspace:\n  input: {channels: 3, height: 8, width: 8}\n  classes: 10\n"
                        "  blocks: {\"3x3\": {op: sepconv}, no: {op: pool, kind: avg}}\n  network:\n"
                        "    - {op: conv, out: 8}\n    - {op: pool, out: 8}\n    - {layers: 2, out: 8, choose: [3x3, no]}\n"
                        "    - {op: mbconv, out: 8, name: middle}\n    - {out: 8, choose: [\"no\"]}\n    - {layers: 1, out: 8, "
                        "choose: [no], name: last}\n"
                        "    - {op: conv, kernel: 1, out: 16}\n    - {op: classifier}\n");
    static const char *const names[] = {"stem", "pool2", "stage1", "middle", "stage2", "last", "head", "classifier"};
    ck_assert_int_eq(c->space.built->n_entries, 8);
    for (int i = 0; i < 8; i++) ck_assert_str_eq(c->space.built->entries[i].name, names[i]);
    ck_assert_str_eq(c->space.built->decisions[1].name, "stage1.layer2");
    ck_assert_str_eq(c->space.built->decisions[3].name, "last.layer1");
    sn_config_free(c);
}
END_TEST

// --- mistakes

static const struct {
    const char *text, *message; // the message starts so (t.yaml: left out), or, after a *, has it in it
} mistakes[] = {
    // of dependencies between files and of YAML
    {"", "1:1: nothing in it"},
    {"# only a comment\n", "1:1: nothing in it"},
    {"5\n", "1:1: found '5'; allowed is a mapping"},
    {"- a\n", "1:1: found a list; allowed is a mapping"},
    {"train: {epochs: [1, 2}\n", "1:22: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence"},
    {"train:\n  epochs: 3\n  batch: 4\n  epochs: 5\n" SMALL, "4:3: key 'epochs' is given twice, first on line 2"},
    {"train:\n  epochs: 3\n  epochs: {a: many}\n  sampelr: fair\n" SMALL, "*t.yaml:4:3: unknown key 'sampelr'"}, // read on
    {"train: {epochs: 3, epochs: &x 4}\n" SMALL, "*t.yaml:1:28: an anchor"},
    {"a: &x 1\n", "1:4: an anchor"},
    {"a: &x {b: 1}\n", "1:4: an anchor"},
    {"a: *x\n", "1:4: an alias"},
    {"a: !!int 3\n", "1:4: a tag"},
    {"a: !x [3]\n", "1:4: a tag"},
    {"%TAG !e! tag:e,2000:\n---\na: 1\n", "1:1: a tag directive"},
    {"<<: {a: 1}\n", "1:1: a merge key"},
    {"? [a, b]\n: 1\n", "1:3: a key that is a list or mapping"},
    {SMALL "---\na: 1\n", "10:1: a second document"},
    {"data: {source: \"/d\\0/etc/passwd\"}\n" SPACE, "1:16: a text with a NUL"},
    {"data: {source: \"/d\\x01\"}\n" SPACE, "1:16: data.source: found \"/d?\"; allowed is UTF-8 text without control"},
    {"data: {source: /d}\nexport: {arch: \xff}\n", "2:16: not valid YAML"},
    // keys and types
    {SMALL "trian: {epochs: 3}\n",
     "10:1: unknown key 'trian'; allowed are data, space, train, rank, retrain, export, threads, device; did you mean 'train'?"},
    {SMALL "train: {epochs: 3,\n  optimzer: {lr: 1}}\n", "11:3: unknown key 'optimzer' in train; allowed are mode, sampler,"},
    {SMALL "train: {optimzer: {lr: 1}}\n", "*did you mean 'optimizer'?"},
    {SMALL "train: {weight_decay: 0}\n", "*did you mean 'train.optimizer.weight_decay'?"},
    {SMALL "train.epochs: 3\n", "10:1: unknown key 'train.epochs'"},
    {SMALL "train: {epochs: three}\n", "10:17: train.epochs: found 'three'; allowed is a whole number from 1 to 100000"},
    {SMALL "train: {epochs: 3x}\n", "10:17: train.epochs: found '3x'; allowed is a whole number"},
    {SMALL "train: {epochs: 010}\n", "10:17: train.epochs: found '010'"},
    {SMALL "train: {epochs: 0x10}\n", "10:17: train.epochs: found '0x10'"},
    {SMALL "train: {epochs: 3.0}\n", "10:17: train.epochs: found '3.0'"},
    {SMALL "train: {epochs: \"3\"}\n", "10:17: train.epochs: found \"3\""},
    {SMALL "train: {epochs: 0}\n", "10:17: train.epochs: found '0'"},
    {SMALL "train: {epochs: -3}\n", "10:17: train.epochs: found '-3'"},
    {SMALL "train: {epochs: 1_000}\n", "10:17: train.epochs: found '1_000'"},
    {SMALL "train: {epochs: 99999999999999999999}\n", "10:17: train.epochs: found '99999999999999999999'"},
    {SMALL "train: {epochs: 4294967297}\n", "10:17: train.epochs: found '4294967297'"},
    {SMALL "train: {epochs: }\n", "10:17: train.epochs: found nothing"},
    {SMALL "train: {epochs: [3]}\n", "10:17: train.epochs: found a list"},
    {SMALL "train: {seed: 4294967296}\n",
     "10:15: train.seed: found '4294967296'; allowed is a whole number from 0 to 4294967295"},
    {SMALL "train: {optimizer: {lr: 0.1abc}}\n",
     "10:25: train.optimizer.lr: found '0.1abc'; allowed is a number from 0 to 1000000"},
    {SMALL "train: {optimizer: {lr: nan}}\n", "10:25: train.optimizer.lr: found 'nan'"},
    {SMALL "train: {optimizer: {lr: .inf}}\n", "10:25: train.optimizer.lr: found '.inf'"},
    {SMALL "train: {optimizer: {lr: 1e400}}\n", "10:25: train.optimizer.lr: found '1e400'"},
    {SMALL "train: {optimizer: {lr: 1e}}\n", "10:25: train.optimizer.lr: found '1e'"},
    {SMALL "train: {optimizer: {lr: 1.}}\n", "10:25: train.optimizer.lr: found '1.'"},
    {SMALL "train: {optimizer: {nesterov: maybe}}\n", "10:31: train.optimizer.nesterov: found 'maybe'; allowed is true or false"},
    {SMALL "train: {optimizer: {nesterov: 2}}\n", "10:31: train.optimizer.nesterov: found '2'"},
    {SMALL "train: {optimizer: {nesterov: yes}}\n", "10:31: train.optimizer.nesterov: found 'yes'"},
    {SMALL "train: {optimizer: {schedule: cosin}}\n",
     "10:31: train.optimizer.schedule: found 'cosin'; allowed are cosine, step, constant; did you mean 'cosine'?"},
    {SMALL "train: {sampler: fiar}\n", "10:18: train.sampler: found 'fiar'; allowed are uniform, fair; did you mean 'fair'?"},
    {SMALL "train: {mode: learn}\n", "10:15: train.mode: found 'learn'; allowed are sample, relax"},
    {SMALL "train: 3\n", "10:8: train: found '3'; allowed is a mapping with the keys mode,"},
    {SMALL "device: gpu\n", "10:9: device: found 'gpu'; allowed are cpu,"},
    {"data: {source: /d, memory: 32}\n" SPACE, "1:28: data.memory: found '32'; allowed is a size from 1MiB to 1TiB"},
    {"data: {source: /d, memory: 32MB}\n" SPACE, "1:28: data.memory: found '32MB'"},
    {"data: {source: /d, memory: 9999999999TiB}\n" SPACE, "1:28: data.memory: found '9999999999TiB'"},
    {"data: {source: \"\"}\n" SPACE, "1:16: data.source: found \"\"; allowed is a path"},
    {"data: {source: nowhere}\n" SPACE, NULL}, // fine: from the current folder
    // missing keys
    {SPACE, "1:1: missing section data"},
    {"data: {validation: 5}\n" SPACE, "1:7: missing key data.source"},
    {"data: {source: /d}\n", "1:1: missing section space"},
    {"data: {source: /d}\nspace: {classes: 10, input: {channels: 3, height: 8}, blocks: {}, network: []}\n",
     "2:29: missing key space.input.width"},
    {"data: {source: /d}\nspace: {classes: 10, input: {channels: 3, height: 8, width: 8}, network: []}\n",
     "2:8: missing key space.blocks"},
    {"data: {source: /d}\nspace: {classes: 10, input: {channels: 3, height: 8, width: 8}, blocks: {}}\n",
     "2:8: missing key space.network"},
    // relations
    {SMALL "train:\n  optimizer: {momentum: 0}\n",
     "11:25: train.optimizer.momentum: found 0; nesterov: true needs a momentum above 0"},
    {SMALL "train: {optimizer: {name: adamw, lr: 4, weight_decay: 0.25}}\n",
     "10:55: train.optimizer.weight_decay: found 0.25; adamw takes lr * weight_decay of a weight off it: allowed is below 0.25"},
    {SMALL "train: {epochs: 2, optimizer: {warmup: 2.5}}\n",
     "10:40: train.optimizer.warmup: found 2.5 epochs; allowed are at most the 2 of train.epochs"},
    {SMALL "train: {optimizer: {lr: 0.1, lr_min: 0.2}}\n",
     "10:38: train.optimizer.lr_min: found 0.2; allowed is at most lr, 0.1"},
    {SMALL "train: {optimizer: {warmup: 2}}\nretrain: {epochs: 1}\n",
     "11:10: retrain.optimizer.warmup: found 2 epochs; allowed are at most the 1 of retrain.epochs"},
    {SMALL "rank: {strategy: list}\n", "10:18: rank.strategy: found 'list', which needs rank.archs"},
    {"data: {source: /d, augment: {cutout: 17}}\n" SPACE,
     "1:38: data.augment.cutout: found 17; allowed is at most twice the image's side, 16"},
    {"data: {source: /d, augment: {crop: 9}}\n" SPACE,
     "1:36: data.augment.crop: found 9; allowed is at most the image's side, 8"},
    {"data: {source: /d, augment: {crop: 1, resized: true}}\n" SPACE,
     "1:48: data.augment.resized: found true beside a crop of 1"},
    {"data: {source: /d, augment: {pad: grey}}\n" SPACE, "1:35: data.augment.pad: found 'grey'; allowed are mean, black"},
    {"data: {source: /d, augment: {pad: 0}}\n" SPACE, "1:35: data.augment.pad: found '0'; allowed are mean, black"},
    {SMALL "train: {init: fan_inn}\n",
     "10:15: train.init: found 'fan_inn'; allowed are fan_out, fan_in, torch; did you mean 'fan_in'?"},
    {"data: {source: /d, store: 7}\n" SPACE, "1:27: data.store: found 7; allowed is 0, or at least the image's shorter side, 8"},
    {SMALL "threads: 1025\n", "10:10: threads: found '1025'; allowed is a whole number from 0 to 1024"},
};

START_TEST(every_mistake) {
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        sn_config *c;
        sn_status status = parse(mistakes[i].text, &c);
        const char *expected = mistakes[i].message, *found = sn_error_text();
        if (!expected) {
            ck_assert_msg(status == SN_OK, "%s\n%s", mistakes[i].text, found);
            sn_config_free(c);
            continue;
        }
        ck_assert_msg(status == SN_CONFIG && !c, "accepted:\n%s", mistakes[i].text);
        ck_assert_msg(!strncmp(found, "t.yaml:", 7), "%s", found);
        bool same = *expected == '*' ? strstr(found, expected + 1) != NULL : !strncmp(found + 7, expected, strlen(expected));
        ck_assert_msg(same, "%s\nfound:    %s\nexpected: %s", mistakes[i].text, found, expected);
    }
}
END_TEST

// Of the space; B is the list of blocks, on line 5, N the network, from line 6.
#define SPACE_OF(B, N)                                                                                                           \
    "data: {source: /d}\nspace:\n  input: {channels: 3, height: 8, width: 8}\n  classes: 10\n  blocks: " B "\n  network:\n" N
#define STEM "    - {op: conv, out: 8}\n"
#define CHOICE "    - {out: 8, choose: [a]}\n"
#define LAST "    - {op: classifier}\n"

static const struct {
    const char *text, *message;
} space_mistakes[] = {
    {SPACE_OF("{a: {op: mbcnv}}", CHOICE LAST),
     "5:20: op: found 'mbcnv'; allowed are conv, mbconv, sepconv, pool, identity, zero, actconv, norm, shortcut, "
     "actsepconv, factorized_reduce, shuffle, classifier; did you mean 'mbconv'?"},
    {SPACE_OF("{a: {kernel: 3}}", CHOICE LAST), "5:15: block 'a': found none of op, choose, nodes; allowed is one of them"},
    {SPACE_OF("{a: 3}", CHOICE LAST), "5:15: block 'a': found '3'; allowed is {op: OPERATION"},
    {SPACE_OF("[a]", CHOICE LAST), "5:11: space.blocks: found a list; allowed is a mapping"},
    {SPACE_OF("{a: {op: mbconv, kernal: 3}}", CHOICE LAST),
     "5:28: unknown key 'kernal' in mbconv; allowed are op, shared, transform, bn, expand, kernel, activation, residual, se; "
     "did you mean 'kernel'?"},
    {SPACE_OF("{a: {op: mbconv, kernel: 4}}", CHOICE LAST),
     "5:36: kernel of mbconv: found '4'; allowed is an odd whole number from 1 to 11"},
    {SPACE_OF("{a: {op: mbconv, expand: 33}}", CHOICE LAST),
     "5:36: expand of mbconv: found '33'; allowed is a whole number from 1 to 32"},
    {SPACE_OF("{a: {op: mbconv, residual: 1}}", CHOICE LAST), "5:38: residual of mbconv: found '1'; allowed is true or false"},
    {SPACE_OF("{a: {op: conv, activation: relu7}}", CHOICE LAST),
     "5:38: activation of conv: found 'relu7'; allowed are linear, relu, relu6, h_swish, h_sigmoid; did you mean 'relu'?"},
    {SPACE_OF("{\"a,b\": {op: conv}}", CHOICE LAST), "5:12: name of a block: found 'a,b'; allowed are 1 to 48 letters"},
    {SPACE_OF("{-: {op: conv}}", CHOICE LAST), "5:12: "},
    {SPACE_OF("{a: {op: identity}}", "    - {op: conv}\n" CHOICE LAST), "7:7: missing key out: a whole number from 1 to 16384"},
    {SPACE_OF("{a: {op: identity}}", "    - {op: conv, out: 8, stride: 0}\n" CHOICE LAST),
     "7:34: stride: found '0'; allowed is a whole number from 1 to 8"},
    {SPACE_OF("{a: {op: identity}}", "    - {op: conv, out: 8, strid: 2}\n" CHOICE LAST),
     "7:26: unknown key 'strid' in conv; allowed are op, out, stride, name, transform, bn, kernel,"},
    {SPACE_OF("{a: {op: identity}}", "    - {op: conv, out: 8, name: a.b}\n" CHOICE LAST),
     "7:32: name: found 'a.b'; allowed are 1 to 48"},
    {SPACE_OF("{a: {op: identity}}", STEM "    - {out: 8, choose: [b]}\n" LAST), "8:25: choose: found 'b'; allowed is a"},
    {SPACE_OF("{a: {op: identity}}", STEM "    - {out: 8, choose: [a, a]}\n" LAST), "8:28: choose: block 'a' stands here twice"},
    {SPACE_OF("{a: {op: identity}}", STEM "    - {out: 8, choose: []}\n" LAST), "8:24: choose: found an empty list"},
    {SPACE_OF("{a: {op: identity}}", STEM "    - {out: 8, choose: a}\n" LAST),
     "8:24: choose: found 'a'; allowed is a list of blocks [NAME, ...] out of a"},
    {SPACE_OF("{a: {op: identity}}", STEM "    - {out: 8, choose: [a], layer: 2}\n" LAST),
     "8:29: unknown key 'layer' in a choice; allowed are layers,"},
    {SPACE_OF("{a: {op: identity}}", STEM "    - {out: 8, choose: [a], layers: 257}\n" LAST),
     "8:37: layers: found '257'; allowed is a whole number from 1 to 256"},
    {SPACE_OF("{a: {op: identity}}", STEM "    - {out: 8, choose: [a], shared: 2}\n" LAST),
     "8:37: shared: found '2'; allowed is true or false"},
    {SPACE_OF("{a: {op: classifier}}", STEM CHOICE LAST), "8:25: choose: block 'a' is a classifier, which cannot be an option"},
    {SPACE_OF("{a: {op: identity}}", STEM "    - {foo: 3}\n" CHOICE LAST),
     "8:7: an entry of space.network with none of op, choose and block"},
    {SPACE_OF("{a: {op: identity}}", STEM "    - a\n" CHOICE LAST), "8:7: entry of space.network: found 'a'"},
    {SPACE_OF("{a: {op: identity}}", "    {a: 1}\n"), "7:5: space.network: found a mapping; allowed is a list"},
    {SPACE_OF("{a: {op: identity}}", "    - {op: conv, out: 8, name: stage1}\n" CHOICE LAST),
     "8:7: two entries of `network` have the name 'stage1'"},
    {SPACE_OF("{a: {op: identity}}", STEM CHOICE), "7:5: space.network: the last entry of `network` must be {op: classifier}"},
    {SPACE_OF("{a: {op: identity}}", STEM LAST CHOICE LAST), "10:7: two entries of `network` have the name 'classifier'"},
    {SPACE_OF("{a: {op: identity}}", STEM LAST), "7:5: space.network: the space has nothing to choose"},
    {SPACE_OF("{a: {op: identity}}", STEM CHOICE "    - {op: classifier, out: 3}\n"),
     "9:24: unknown key 'out' in classifier; allowed are op, name"},
    {SPACE_OF("{a: {op: conv, groups: 7}}", STEM CHOICE LAST),
     "8:7: space.network: entry 'stage1' of `network`: conv 'stage1.layer1.a': 8 input and 8 output channels"},
    {SPACE_OF("{a: {op: identity}}", STEM "    - {layers: 256, out: 8, choose: [a]}\n" CHOICE LAST),
     "7:5: space.network: more than 256 decisions"},
    {SPACE_OF("{a: {op: identity}}", STEM CHOICE LAST) "  arch: b\n",
     "10:9: space.arch: arch 'b', column 1 (stage1.layer1): found 'b'; allowed are a"},
    {SPACE_OF("{a: {op: identity}}", STEM CHOICE LAST) "  text: digit\n",
     "10:9: space.text: found 'digit'; allowed are names, digits; did you mean 'digits'?"},
    {SPACE_OF("{a: {op: identity}}", STEM CHOICE LAST) "  clases: 3\n", "10:3: unknown key 'clases' in space"},
};

START_TEST(every_space_mistake) {
    for (size_t i = 0; i < sizeof space_mistakes / sizeof *space_mistakes; i++) {
        sn_config *c;
        ck_assert_msg(parse(space_mistakes[i].text, &c) == SN_CONFIG, "accepted:\n%s", space_mistakes[i].text);
        const char *expected = space_mistakes[i].message, *found = sn_error_text() + strlen("t.yaml:");
        ck_assert_msg(!strncmp(found, expected, strlen(expected)), "%s\nfound:    %s\nexpected: %s", space_mistakes[i].text,
                      found, expected);
    }
}
END_TEST

START_TEST(many_mistakes_at_once) {
    char text[4096] = SMALL "train:\n";
    for (int i = 0; i < 23; i++) {
        char line[64];
        snprintf(line, sizeof line, "  wrong%d: 1\n", i);
        strcat(text, line);
    }
    strcat(text, "threads: x\n");
    sn_config *c;
    ck_assert_int_eq(parse(text, &c), SN_CONFIG);
    int lines = 1;
    for (const char *p = sn_error_text(); *p; p++) lines += *p == '\n';
    ck_assert_int_eq(lines, 21);
    ck_message("t.yaml:30:3: unknown key 'wrong19'");
    ck_message("\nand 4 more");
    // several kinds in one file, in the order of their lines
    ck_assert_int_eq(parse("threads: x\ndata: {source: /d, memory: 3}\n" SPACE "trian: 4\n", &c), SN_CONFIG);
    const char *first = strstr(sn_error_text(), "t.yaml:1:10: threads"),
               *second = strstr(sn_error_text(), "\nt.yaml:2:28: data.memory"),
               *third = strstr(sn_error_text(), "\nt.yaml:11:1: unknown key 'trian'");
    ck_assert(first && second && third && first < second && second < third);
}
END_TEST

START_TEST(limits) {
    static char big[SN_YAML_BYTES + 16];
    sn_config *c;
    memset(big, '#', sizeof big);
    ck_assert_int_eq(sn_config_parse(big, SN_YAML_BYTES + 1, "t.yaml", NULL, 0, &c), SN_CONFIG);
    ck_message("larger than 1 MiB");
    memcpy(big, SMALL, strlen(SMALL));
    ck_assert_int_eq(sn_config_parse(big, SN_YAML_BYTES, "t.yaml", NULL, 0, &c), SN_OK);
    sn_config_free(c);
    // nesting: 64 levels are read (and then found wrong), the 65th is not
    for (int levels = 64; levels <= 65; levels++) {
        char text[256] = "";
        for (int i = 0; i < levels; i++) strcat(text, "[");
        for (int i = 0; i < levels; i++) strcat(text, "]");
        ck_assert_int_eq(parse(text, &c), SN_CONFIG);
        ck_assert_str_eq(sn_error_text() + 7,
                         levels == 64 ? "1:1: found a list; allowed is a mapping with the keys data, space, train, rank, "
                                        "retrain, export, threads, device"
                                      : "1:65: more than 64 levels of lists and mappings; a config has at most that many");
    }
    clock_t before = clock();
    memset(big, '[', SN_YAML_BYTES);
    ck_assert_int_eq(sn_config_parse(big, SN_YAML_BYTES, "t.yaml", NULL, 0, &c), SN_CONFIG);
    memset(big, '-', SN_YAML_BYTES);
    for (int i = 1; i < SN_YAML_BYTES; i += 2) big[i] = ' ';
    ck_assert_int_eq(sn_config_parse(big, SN_YAML_BYTES, "t.yaml", NULL, 0, &c), SN_CONFIG);
    ck_assert_int_lt((int)((clock() - before) * 1000 / CLOCKS_PER_SEC), 1000);
    size_t used = 0;
    for (int i = 0; i < 4097; i++) used += (size_t)sprintf(big + used, "k%d: 1\n", i);
    ck_assert_int_eq(sn_config_parse(big, used, "t.yaml", NULL, 0, &c), SN_CONFIG);
    ck_assert_str_eq(sn_error_text(), "t.yaml:4097:1: more than 4096 keys; a config has at most that many");
    used = (size_t)sprintf(big, "[");
    for (int i = 0; i < 16385; i++) used += (size_t)sprintf(big + used, "1,");
    ck_assert_int_eq(sn_config_parse(big, used, "t.yaml", NULL, 0, &c), SN_CONFIG);
    ck_message("more than 16384 list items");
    ck_assert_int_eq(sn_config_parse("a: 1\0b", 6, "t.yaml", NULL, 0, &c), SN_CONFIG);
    ck_assert_str_eq(sn_error_text(), "t.yaml:1:1: a NUL character at byte 4; a config is text");
}
END_TEST

START_TEST(files) {
    sn_config *c;
    ck_assert_int_eq(sn_config_load("/nowhere/c.yaml", NULL, 0, &c), SN_CONFIG);
    ck_assert_str_eq(sn_error_text(), "/nowhere/c.yaml: cannot be opened: No such file or directory");
    ck_assert_int_eq(sn_config_load("/", NULL, 0, &c), SN_CONFIG);
    ck_message("not a regular file");
    ck_ok(parse("\xEF\xBB\xBF" SMALL, &c)); // a byte order mark
    sn_config_free(c);
    ck_assert_int_eq(parse("\xEF\xBB\xBF"
                           "x: 1\n" SMALL,
                           &c),
                     SN_CONFIG);
    ck_message("t.yaml:1:1: unknown key 'x'");
    static const char *const utf16[] = {"\xFF\xFE"
                                        "d\0a\0",
                                        "\xFE\xFF\0d\0a"};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(sn_config_parse(utf16[i], 6, "t.yaml", NULL, 0, &c), SN_CONFIG);
        ck_assert_str_eq(sn_error_text(), "t.yaml:1:1: text in UTF-16, as its first two bytes say; a config is UTF-8");
    }
}
END_TEST

// --- overrides

START_TEST(overrides) {
    static const char *const set[] = {
        "train.epochs=3",    "train.optimizer.lr=0.5", "train.epochs=4",     "data.augment={flip: true}",
        "data.memory=64MiB", "space.arch=b,a",         "data.source=x/../y", "threads=3"};
    sn_config *c = good_with("data: {source: /d, augment: {crop: 3}}\ntrain: {epochs: 9}\n" SPACE, set, 8);
    char here[1024], expected[1100];
    ck_assert_int_eq(c->train.epochs, 4);
    ck_assert_int_eq(c->retrain.epochs, 4);
    ck_assert_double_eq(c->train.optimizer.lr, 0.5);
    ck_assert(c->data.augment.flip && c->data.augment.crop == 0); // a mapping replaces a mapping
    ck_assert_int_eq(c->data.memory, 64 << 20);
    ck_assert_str_eq(c->space.arch, "b,a");
    ck_assert_int_eq(sn_decision_count(&c->space.built->decisions[0]), 1);
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    snprintf(expected, sizeof expected, "%s/y", here);
    ck_assert_str_eq(c->data.source, expected);
    sn_config_free(c);
}
END_TEST

static const char *const wrong_overrides[][2] = {
    {"train.epohs=3", "--set train.epohs=3: unknown key 'epohs' in train; allowed are mode,"},
    {"train.epochs=x", "--set train.epochs=x: train.epochs: found 'x'; allowed is a whole number"},
    {"train.epochs=", "--set train.epochs=: train.epochs: found nothing"},
    {"train.epochs", "--set train.epochs: no '='; allowed is KEY=VALUE"},
    {"--threads=x", "--threads x: threads: found 'x'; allowed is a whole number"},
    {"--device=", "--device : device: found nothing"},
    {"=3", "--set =3: an empty word before or after a '.'"},
    {"train..epochs=3", "--set train..epochs=3: an empty word"},
    {"train.epochs.x=3", "--set train.epochs.x=3: train.epochs: found a mapping"},
    {"train=3", "--set train=3: train: found '3'; allowed is a mapping with the keys"},
    {"train.epochs=[", "--set train.epochs=[: not valid YAML"},
    {"train.epochs=&a 3", "--set train.epochs=&a 3: an anchor"},
    {"train.epochs=\"3", "--set train.epochs=\"3: not valid YAML"},
    {"space.arch=a", "--set space.arch=a: space.arch: arch 'a' ends after 1 options"},
};

START_TEST(overrides_refused) {
    for (size_t i = 0; i < sizeof wrong_overrides / sizeof *wrong_overrides; i++) {
        sn_config *c;
        ck_assert_msg(sn_config_parse(SMALL, strlen(SMALL), "t.yaml", wrong_overrides[i], 1, &c) == SN_CONFIG, "%s",
                      wrong_overrides[i][0]);
        ck_assert_msg(!strncmp(sn_error_text(), wrong_overrides[i][1], strlen(wrong_overrides[i][1])), "%s\n%s",
                      wrong_overrides[i][1], sn_error_text());
    }
}
END_TEST

// --- presets and the configs of the repository

START_TEST(macro_preset) {
    sn_config *c = loaded("nasbench-macro-cifar10.yaml");
    const sn_space *s = c->space.built;
    char text[64];
    sn_arch a;
    sn_graph *g = NULL;
    sn_space_size(s, text, sizeof text);
    ck_assert_str_eq(text, "6,561");
    ck_assert_int_eq(sn_graph_build(s, &g), SN_OK);
    ck_assert_int_eq(sn_arch_parse(s, "22212220", &a), SN_OK); // a row of the published table
    sn_cost cost;
    ck_ok(sn_cost_arch(g, &a, &cost));
    ck_assert_int_eq(cost.params, 1985514);
    ck_assert_int_eq(cost.macs, 85164544);
    ck_assert_str_eq(s->decisions[2].name, "stage2.layer1");
    ck_assert_str_eq(c->data.source, SN_SOURCE_DIR "/data/cifar10");
    ck_assert_int_eq(c->data.validation, 5000);
    ck_assert_double_eq(c->train.optimizer.warmup, 1.4);
    sn_graph_free(g);
    sn_config_free(c);
}
END_TEST

START_TEST(preset_with_changes) {
    static const char text[] =
        "data: {source: /d}\nspace: {preset: nasbench-macro, input: {channels: 1}, classes: 7, blocks: {mb3_k3: {kernel: 7}}}\n";
    sn_config *c = good(text); // found from the program's folder: ../configs/spaces
    ck_assert_int_eq(c->space.built->channels, 1);
    ck_assert_int_eq(c->space.built->height, 32);
    ck_assert_int_eq(c->space.built->classes, 7);
    ck_assert_int_eq(c->space.built->blocks[1].attr[1], 7);
    ck_assert(c->space.built->digits);
    char *resolved = sn_config_resolved(c, true);
    ck_assert_ptr_nonnull(resolved);
    ck_assert_ptr_null(strstr(resolved, "preset"));
    free(resolved);
    sn_config_free(c);
}
END_TEST

START_TEST(preset_files) {
    char path[300], expected[700];
    sn_config *c;
    folder_make();
    put_text(at("spaces/mine.yaml"), SPACE);
    put_text(at("chain.yaml"), "space: {preset: mine}\n");
    put_text(at("other.yaml"), SMALL);
    put_text(at("broken.yaml"), "space: [\n");
    put_text(at("c.yaml"), "data: {source: pictures}\nspace: {preset: mine}\n");
    snprintf(path, sizeof path, "%s/c.yaml", scratch);
    ck_ok(sn_config_load(path, NULL, 0, &c));
    snprintf(expected, sizeof expected, "%s/pictures", scratch); // from the config's folder
    ck_assert_str_eq(c->data.source, expected);
    ck_assert_int_eq(c->space.built->n_decisions, 2);
    sn_config_free(c);
    put_text(at("c.yaml"), "data: {source: pictures}\nspace: {preset: spaces/mine.yaml}\n");
    ck_ok(sn_config_load(path, NULL, 0, &c));
    sn_config_free(c);

    static const char *const wrong[][2] = {
        {"space.preset=chain", "chain.yaml:1:9: a preset in a preset"},
        {"space.preset=other", "other.yaml:1:1: a space's file holds the section `space` and nothing else"},
        {"space.preset=broken", "broken.yaml:2:1: not valid YAML"},
        {"space.preset=none", "found 'none'; allowed are "},
        {"space.preset=[mine]", "space.preset: found a list; allowed is the name of a space"},
        {"space.preset=spaces/mine.yaml", "there is no file spaces/mine.yaml"}, // an override counts from the current folder
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(sn_config_load(path, wrong[i], 1, &c) == SN_CONFIG, "%s", wrong[i][0]);
        ck_assert_msg(strstr(sn_error_text(), wrong[i][1]) != NULL, "%s\n%s", wrong[i][1], sn_error_text());
        ck_assert_msg(!strstr(sn_error_text(), "missing"), "%s", sn_error_text()); // what the preset would have brought
    }
    sn_config_load(path, wrong[3], 1, &c);
    ck_message("mine"); // by name, from all places
    ck_message(", or the path of a file");
    folder_remove();
}
END_TEST

START_TEST(sizes_of_configs) {
    sn_config *c = loaded("quickstart.yaml");
    char text[64];
    ck_assert_double_ge(sn_space_size(c->space.built, text, sizeof text), 243);
    sn_config_free(c);
    c = loaded("smoke.yaml");
    ck_assert_double_ge(sn_space_size(c->space.built, text, sizeof text), 27);
    sn_config_free(c);
}
END_TEST

// --- resolved text

// Reads back to an equal config and the same bytes.
static void check_round_trip(const sn_config *c) {
    char *text = sn_config_resolved(c, true);
    ck_assert_ptr_nonnull(text);
    sn_config *again = NULL;
    ck_assert_msg(sn_config_parse(text, strlen(text), "resolved", NULL, 0, &again) == SN_OK, "%s\n%s", text, sn_error_text());
    sn_config_change change;
    ck_ok(sn_config_difference(c, again, ~0u, &change));
    ck_assert_msg(!*change.key, "%s: %s, %s", change.key, change.first, change.second);
    char *twice = sn_config_resolved(again, true);
    ck_assert_ptr_nonnull(twice);
    ck_assert_str_eq(text, twice);
    free(text);
    free(twice);
    sn_config_free(again);
}

START_TEST(shared_layers) {
    sn_config *c = good("data: {source: /d}\nspace:\n  input: {channels: 3, height: 8, width: 8}\n  classes: 10\n"
                        "  blocks: {a: {op: sepconv}, b: {op: pool}}\n  network:\n"
                        "    - {layers: 3, out: 8, stride: 2, choose: [a, b], shared: true}\n"
                        "    - {layers: 2, out: 8, choose: [a, b], shared: false}\n    - {op: classifier}\n");
    static const char *const names[] = {"stage1", "stage2.layer1", "stage2.layer2"};
    ck_assert_int_eq(c->space.built->n_decisions, 3);
    for (int i = 0; i < 3; i++) ck_assert_str_eq(c->space.built->decisions[i].name, names[i]);
    check_round_trip(c);
    sn_config *r = NULL;
    ck_ok(sn_config_retrain(c, "b,a,b", &r));
    ck_assert_double_eq(sn_space_size(r->space.built, NULL, 0), 1);
    check_round_trip(r);
    sn_config_free(r);
    sn_config_free(c);
}
END_TEST

// The longest arch that a config can name survives retraining.
START_TEST(longest_arch) {
    char name[49] = "", text[1024], arch[SN_ARCH_TEXT], again[SN_ARCH_TEXT];
    memset(name, 'n', 48);
    snprintf(text, sizeof text,
             "data: {source: /d}\nspace:\n  input: {channels: 3, height: 8, width: 8}\n  classes: 10\n  blocks: {%s: {op: "
             "identity}, b: "
             "{op: identity}}\n  network:\n    - {layers: 256, out: 3, choose: [%s, b]}\n    - {op: classifier}\n",
             name, name);
    sn_config *c = good(text), *r = NULL;
    sn_arch a = sn_arch_first(c->space.built);
    ck_assert_uint_eq(strlen(sn_arch_text(c->space.built, &a, arch)), 256 * 49 - 1);
    ck_ok(sn_config_retrain(c, arch, &r));
    a = sn_arch_first(r->space.built);
    ck_assert_str_eq(sn_arch_text(r->space.built, &a, again), arch);
    check_round_trip(r);
    sn_config_free(r);
    sn_config_free(c);
}
END_TEST

START_TEST(round_trips) {
    static const char *const names[] = {"quickstart.yaml", "smoke.yaml", "nasbench-macro-cifar10.yaml"};
    for (int i = 0; i < 3; i++) {
        sn_config *c = loaded(names[i]);
        check_round_trip(c);
        sn_config_free(c);
    }
    static const char *const set[] = {"data.source=\"/a b \\\"\\u00e9\\U0001F600: #\"",
                                      "train.optimizer.lr=0.1000000000000000055",
                                      "train.optimizer.eps=1e-7",
                                      "train.optimizer.weight_decay=0.30000000000000004",
                                      "export.arch=null",
                                      "space.arch=a,b",
                                      "threads=7"};
    sn_config *c = good_with(SMALL, set, 7);
    ck_assert_str_eq(c->data.source, "/a b \"é😀: #");
    check_round_trip(c);
    char *text = sn_config_resolved(c, true);
    ck_assert_ptr_nonnull(strstr(text, "export:\n  arch: \"null\"\n"));
    ck_assert_ptr_nonnull(strstr(text, "    lr: 0.1\n"));
    ck_assert_ptr_nonnull(strstr(text, "    weight_decay: 0.30000000000000004\n"));
    ck_assert_ptr_nonnull(strstr(text, "    eps: 1.0e-07\n"));
    const char *comment = strstr(text, "\n# of the machine"), *threads = strstr(text, "\nthreads: 7\ndevice: cpu\n");
    ck_assert(comment && threads && threads > comment && threads[strlen("\nthreads: 7\ndevice: cpu\n")] == 0);
    free(text);
    sn_config_free(c);
}
END_TEST

START_TEST(differences) {
    static const struct {
        const char *set, *key, *first, *second;
    } row[] = {
        {"train.epochs=21", "train.epochs", "20", "21"},
        {"train.sampler=fair", "train.sampler", "uniform", "fair"},
        {"data.augment.crop=1", "data.augment.crop", "0", "1"},
        {"data.augment.pad=black", "data.augment.pad", "mean", "black"},
        {"train.init=torch", "train.init", "fan_out", "torch"},
        {"train.optimizer.lr=1e-9", "train.optimizer.lr", "0.05", "1.0e-09"},
        {"space.classes=11", "space.classes", "10", "11"},
        {"space.arch=a,b", "space.arch", "\"\"", "\"a,b\""},
        {"space.blocks.b.expand=2", "space", "b: {op: mbconv, expand: 6, kernel: 5, activation: relu, residual: true, se: 0}",
         "b: {op: mbconv, expand: 2, kernel: 5, activation: relu, residual: true, se: 0}"},
        {"data.source=/e", "", "", ""},
        {"train.keep=9", "", "", ""},
        {"rank.images=100", "", "", ""},
        {"retrain.epochs=7", "", "", ""},
        {"export.bn=keep", "", "", ""},
        {"threads=5", "", "", ""},
        {"device=ref", "", "", ""},
        {"data.cache=/c", "", "", ""},
        {"data.memory=1GiB", "", "", ""},
    };
    sn_config *a = good(SMALL);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sn_config *b = good_with(SMALL, &row[i].set, 1);
        sn_config_change change;
        ck_ok(sn_config_difference(a, b, SN_BINDS_TRAINING | SN_BINDS_STEPS, &change));
        ck_assert_str_eq(change.key, row[i].key);
        ck_assert_str_eq(change.first, row[i].first);
        ck_assert_str_eq(change.second, row[i].second);
        sn_config_free(b);
    }
    sn_config_free(a);
}
END_TEST

// What an override may change is what its key, or the keys of its section, bind.
START_TEST(bindings) {
    static const struct {
        const char *set;
        unsigned binds;
    } row[] = {
        {"train.seed=2", SN_BINDS_TRAINING},
        {"space.blocks.a.op=conv", SN_BINDS_TRAINING},
        {"space.preset=x", SN_BINDS_TRAINING},
        {"train.optimizer={}", SN_BINDS_TRAINING},
        {"train={}", SN_BINDS_TRAINING | SN_BINDS_SAVING | SN_BINDS_MACHINE},
        {"data={}", SN_BINDS_TRAINING | SN_BINDS_STEPS | SN_BINDS_PLACE | SN_BINDS_MACHINE},
        {"data.augment={}", SN_BINDS_STEPS},
        {"data.source=/x", SN_BINDS_PLACE},
        {"rank.images=3", SN_BINDS_SCORES},
        {"rank.by=loss", SN_BINDS_EXPORT},
        {"rank=3", SN_BINDS_SCORES | SN_BINDS_EXPORT | SN_BINDS_MACHINE},
        {"retrain.optimizer.lr=1", SN_BINDS_RETRAINING},
        {"export.bn=fold", SN_BINDS_EXPORT},
        {"threads=1", SN_BINDS_MACHINE},
        {"rnak.bn=x", 0},
        {"ran=x", 0},
        {"--threads=2", 0},
        {"=", 0},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        ck_assert_msg(sn_config_binds(row[i].set) == row[i].binds, "%s: %x", row[i].set, sn_config_binds(row[i].set));
    char keys[256];
    ck_assert_str_eq(sn_config_free_keys(SN_BINDS_TRAINING, keys, sizeof keys),
                     "data.source, data.augment, data.cache, data.memory, train.save_every, train.keep, train.recompute, "
                     "train.tensorboard, "
                     "rank, retrain, export, "
                     "threads, device");
}
END_TEST

// The config in a checkpoint may be a stranger's: it must not choose what is written or opened here, but overrides may.
START_TEST(embedded) {
    static const struct {
        const char *text, *message;
    } row[] = {
        {"data: {source: /d, cache: /c}\n" SPACE, "e.h5:1:20: data.cache: a key of the machine; allowed are"},
        {"data: {source: /d, memory: 1GiB}\n" SPACE, "data.memory: a key of the machine"},
        {"data: {source: /d}\nthreads: 3\n" SPACE, "e.h5:2:1: threads: a key of the machine"},
        {"data: {source: /d}\nspace: {preset: /etc/passwd}\n", "e.h5:2:9: space.preset: the name of a file; allowed is a space"},
    };
    const char *const set[] = {"data.cache=/own", "--threads=2"};
    sn_config *c = NULL;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ck_assert_int_eq(sn_config_embedded(row[i].text, strlen(row[i].text), "e.h5", NULL, 0, &c), SN_CONFIG);
        ck_message(row[i].message);
    }
    ck_ok(sn_config_embedded(SMALL, strlen(SMALL), "e.h5", set, 2, &c));
    ck_assert_str_eq(c->data.cache, "/own");
    char *text = sn_config_resolved(c, false); // what our own checkpoints hold
    sn_config_free(c);
    ck_ok(sn_config_embedded(text, strlen(text), "e.h5", NULL, 0, &c));
    ck_assert_str_eq(c->data.cache, "");
    sn_config_free(c);
    free(text);
}
END_TEST

// The text of a version without data.augment.pad, which padded with black, means that; a config that a user writes does not.
START_TEST(text_without_pad) {
    static const struct {
        const char *augment, *set;
        int pad;
    } row[] = {
        {"{crop: 2}", NULL, SN_PAD_BLACK},
        {"{crop: 2}", "data.augment.pad=mean", SN_PAD_MEAN},
        {"{crop: 2}", "data.augment={crop: 1}", SN_PAD_BLACK},
        {"{flip: true}", NULL, SN_PAD_MEAN}, // nothing is padded
        {"{crop: 2, pad: mean}", NULL, SN_PAD_MEAN},
        {"{crop: 2, pad: black}", "data.augment={crop: 1}", SN_PAD_MEAN},
    };
    folder_make();
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[1024];
        sn_config *c;
        int n = row[i].set != NULL;
        snprintf(text, sizeof text, "data: {source: /d, augment: %s}\n" SPACE, row[i].augment);
        put_text(at("config.yaml"), text);
        ck_ok(sn_config_embedded(text, strlen(text), "e.h5", &row[i].set, n, &c));
        ck_assert_int_eq(c->data.augment.pad, row[i].pad);
        sn_config_free(c);
        ck_ok(sn_config_of_folder(at("config.yaml"), &row[i].set, n, &c));
        ck_assert_int_eq(c->data.augment.pad, row[i].pad);
        sn_config_free(c);
        ck_ok(sn_config_load(at("config.yaml"), &row[i].set, n, &c));
        ck_assert_int_eq(c->data.augment.pad, SN_PAD_MEAN); // a user's: the default
        sn_config_free(c);
    }
    folder_remove();
}
END_TEST

// Before data.seed one seed chose images and all else; a config that a user writes has the default.
START_TEST(text_without_data_seed) {
    static const struct {
        const char *data, *set;
        int64_t seed;
    } row[] = {
        {"", NULL, 5}, {"", "train.seed=6", 6}, {"", "data.seed=7", 7}, {", seed: 3", NULL, 3}, {", seed: 3", "train.seed=6", 3},
    };
    folder_make();
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[1024];
        sn_config *c;
        int n = row[i].set != NULL;
        snprintf(text, sizeof text, "data: {source: /d%s}\ntrain: {seed: 5}\n" SPACE, row[i].data);
        put_text(at("config.yaml"), text);
        ck_ok(sn_config_embedded(text, strlen(text), "e.h5", &row[i].set, n, &c));
        ck_assert_int_eq(c->data.seed, row[i].seed);
        sn_config_free(c);
        ck_ok(sn_config_of_folder(at("config.yaml"), &row[i].set, n, &c));
        ck_assert_int_eq(c->data.seed, row[i].seed);
        sn_config_free(c);
    }
    sn_config *c;
    ck_ok(sn_config_load(at("config.yaml"), NULL, 0, &c)); // the last row, as a user's
    ck_assert_int_eq(c->data.seed, 3);
    sn_config_free(c);
    c = good("data: {source: /d}\ntrain: {seed: 5}\n" SPACE);
    ck_assert_int_eq(c->data.seed, 1);
    sn_config_free(c);
    folder_remove();
}
END_TEST

// A seed of its own for retraining leaves the images as they are.
START_TEST(retraining_with_another_seed) {
    static const struct {
        const char *keys;
        int64_t seed;
    } row[] = {{"train: {seed: 4}\n", 4}, {"train: {seed: 4}\nretrain: {seed: 9}\n", 9}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[1024];
        snprintf(text, sizeof text, "data: {source: /d, seed: 2}\n%s" SPACE, row[i].keys);
        sn_config *c = good(text), *r = NULL;
        ck_ok(sn_config_retrain(c, "b,a", &r));
        ck_assert_int_eq(r->train.seed, row[i].seed);
        ck_assert_int_eq(r->data.seed, 2);
        sn_config_free(c);
        sn_config_free(r);
    }
}
END_TEST

// retrain.init is no counterpart of train.init.
START_TEST(retraining_keeps_initial_weights) {
    sn_config *c = good(
                  "data: {source: /d, augment: {crop: 1, pad: black}}\ntrain: {init: torch}\nretrain: {init: inherited}\n" SPACE),
              *r = NULL;
    ck_ok(sn_config_retrain(c, "b,a", &r));
    ck_assert_int_eq(r->train.init, SN_INIT_TORCH);
    ck_assert_int_eq(r->retrain.init, SN_START_INHERITED);
    ck_assert_int_eq(r->data.augment.pad, SN_PAD_BLACK);
    sn_config_free(r);
    sn_config_free(c);
}
END_TEST

START_TEST(retraining) {
    sn_config *c = good("data: {source: /d}\ntrain: {epochs: 3, batch: 16, optimizer: {lr: 0.5}}\n"
                        "retrain: {epochs: 9, init: inherited, optimizer: {lr: 0.25, label_smoothing: 0.1}}\n" SPACE),
              *r = NULL;
    ck_assert_int_eq(sn_config_retrain(c, "b,c", &r), SN_USAGE);
    ck_assert_ptr_null(r);
    ck_ok(sn_config_retrain(c, "b,a", &r));
    ck_assert(r->train.epochs == 9 && r->train.batch == 16 && r->train.optimizer.lr == 0.25 &&
              r->train.optimizer.label_smoothing == 0.1);
    ck_assert_int_eq(r->retrain.init, SN_START_INHERITED);
    ck_assert_str_eq(r->space.arch, "b,a");
    ck_assert_int_eq(sn_decision_count(&r->space.built->decisions[0]), 1);
    ck_assert_str_eq(sn_space_option_name(r->space.built, 0, 1), "b");
    check_round_trip(r);
    sn_config_free(r);
    sn_config_free(c);
}
END_TEST

// --- agreement of tables

START_TEST(docs_are_the_table) {
    size_t size;
    char *file = load_file(SN_SOURCE_DIR "/docs/config.md", &size), *made = sn_config_help(true);
    ck_assert_ptr_nonnull(made);
    ck_assert_msg(!strcmp(file, made),
                  "docs/config.md is not what the tables say: make it with `supernet help config --markdown > docs/config.md`");
    free(file);
    free(made);
    char *plain = sn_config_help(false);
    ck_assert_ptr_nonnull(strstr(plain, "  train.epochs: a whole number from 1 to 100000, epochs; default 20\n"));
    ck_assert_ptr_nonnull(strstr(plain, "  train.sampler: one of uniform, fair; default uniform\n"));
    ck_assert_ptr_nonnull(strstr(plain, "  retrain.optimizer.lr: a number from 0 to 1000000; as train.optimizer.lr\n"));
    ck_assert_ptr_nonnull(strstr(plain, "      expand: a whole number from 1 to 32, or a list of them; default 6\n"));
    free(plain);
}
END_TEST

// Every device that a config may name is one the backends know (it may be missing on this processor).
START_TEST(devices_are_backends) {
    static const char *const devices[] = {"cpu", "cpu-avx512", "cpu-avx2", "cpu-plain", "cpu-guarded", "ref", "ref64"};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        char set[64];
        const char *list[] = {set};
        snprintf(set, sizeof set, "device=%s", devices[i]);
        sn_config_free(good_with(SMALL, list, 1));
        sn_backend *b = NULL;
        if (sn_backend_open(devices[i], 1, &b) != SN_OK) ck_message("this processor lacks");
        sn_backend_close(b);
    }
}
END_TEST

// --- hostile files

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Read or refused with a message, in less than 100 ms of processor time; what is read comes back from its resolved text.
static bool try_bytes(const char *text, size_t n) {
    sn_config *c = NULL;
    double before = seconds();
    sn_status status = sn_config_parse(text, n, "fuzz.yaml", NULL, 0, &c);
    ck_assert_msg(seconds() - before < 0.1, "%.0f ms:\n%.*s", (seconds() - before) * 1000, (int)n, text);
    ck_assert_msg(status == SN_OK || (status == SN_CONFIG && *sn_error_text()), "status %d: %s", (int)status, sn_error_text());
    if (status == SN_OK) check_round_trip(c);
    sn_config_free(c);
    return status == SN_OK;
}

START_TEST(cut_at_every_byte) {
    size_t size;
    char *text = load_file(SN_SOURCE_DIR "/configs/smoke.yaml", &size);
    int good_ones = 0;
    for (size_t n = 0; n <= size; n++) {
        char *exact = malloc(n + 1); // so that a sanitizer sees a read past the end
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, text, n);
        exact = realloc(exact, n ? n : 1);
        good_ones += try_bytes(exact, n);
        free(exact);
    }
    ck_assert_int_ge(good_ones, 1); // the whole
    free(text);
}
END_TEST

static void mutate(char *text, size_t *n, size_t room, sn_rng *r) {
    static const char *const pieces[] = {
        "[",  "]",     "{",   "}",    ": ",   "- ",           "\n",    "  ",  "&a ",  "*a",       "!!str ",
        "\"", "'",     "\\0", "|\n",  "? ",   "<<: ",         "---\n", "%",   "\t",   "0",        "99999999999999999999",
        "-1", "1e999", "nan", "\xff", "\xc3", "\xef\xbb\xbf", "#",     "256", "4096", "preset: x"};
    size_t at = sn_rng_below(r, (uint32_t)(*n + 1)), length = 1 + sn_rng_below(r, 40);
    if (length > *n - at) length = *n - at;
    switch (sn_rng_below(r, 5)) {
    case 0:
        if (at < *n) text[at] = (char)(text[at] ^ (1 << sn_rng_below(r, 8)));
        break;
    case 1:
        if (at < *n) text[at] = (char)sn_rng_below(r, 256);
        break;
    case 2:
        memmove(text + at, text + at + length, *n - at - length);
        *n -= length;
        break;
    case 3: // the piece twice
        if (*n + length > room) break;
        memmove(text + at + length, text + at, *n - at);
        *n += length;
        break;
    default: {
        const char *piece = pieces[sn_rng_below(r, sizeof pieces / sizeof *pieces)];
        size_t k = strlen(piece);
        if (*n + k > room) break;
        memmove(text + at + k, text + at, *n - at);
        memcpy(text + at, piece, k);
        *n += k;
    }
    }
}

START_TEST(mutated) {
    enum { CASES = 20000, ROOM = 8192 };
    size_t size;
    char *text = load_file(SN_SOURCE_DIR "/configs/smoke.yaml", &size);
    int good_ones = 0;
    for (int i = 0; i < CASES; i++) {
        char copy[ROOM];
        size_t n = size;
        sn_rng r = sn_rng_at(1, SN_STREAM_ARCHS, 0, 0, (uint32_t)i);
        memcpy(copy, text, size);
        for (uint32_t k = 1 + sn_rng_below(&r, 6); k; k--) mutate(copy, &n, ROOM, &r);
        good_ones += try_bytes(copy, n);
    }
    ck_assert_int_ge(good_ones, CASES / 200); // some live: the rest of the reader is reached
    ck_assert_int_le(good_ones, CASES / 2);
    free(text);
}
END_TEST

int main(void) {
    Suite *s = suite_create("config");
    TCase *t = tcase_create("config");
    tcase_add_test(t, defaults);
    tcase_add_test(t, values);
    tcase_add_test(t, names_of_entries);
    tcase_add_test(t, shared_layers);
    tcase_add_test(t, longest_arch);
    tcase_add_test(t, every_mistake);
    tcase_add_test(t, every_space_mistake);
    tcase_add_test(t, many_mistakes_at_once);
    tcase_add_test(t, limits);
    tcase_add_test(t, files);
    tcase_add_test(t, overrides);
    tcase_add_test(t, overrides_refused);
    tcase_add_test(t, macro_preset);
    tcase_add_test(t, preset_with_changes);
    tcase_add_test(t, preset_files);
    tcase_add_test(t, sizes_of_configs);
    tcase_add_test(t, round_trips);
    tcase_add_test(t, differences);
    tcase_add_test(t, bindings);
    tcase_add_test(t, embedded);
    tcase_add_test(t, retraining);
    tcase_add_test(t, retraining_keeps_initial_weights);
    tcase_add_test(t, text_without_pad);
    tcase_add_test(t, text_without_data_seed);
    tcase_add_test(t, retraining_with_another_seed);
    tcase_add_test(t, retraining_with_another_seed);
    tcase_add_test(t, docs_are_the_table);
    tcase_add_test(t, devices_are_backends);
    suite_add_tcase(s, t);
    TCase *f = tcase_create("hostile");
    tcase_set_timeout(f, 300);
    tcase_add_test(f, cut_at_every_byte);
    tcase_add_test(f, mutated);
    suite_add_tcase(s, f);
    return run_suite(s);
}
