// The program as a user meets it: the main job from training to a retrained net, its files, its JSON, its refusals and exit
// codes. Not here: that results are right (the other tests), kills and full disks. Next: program.h.
#include "io/files/h5file.h"
#include "program.h"

#include <sys/resource.h>

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
    ck_printed("out", "75 interrupted");
    ck_run(0, "\"$S\" --version");
    ck_run(2, "\"$S\" trian");
    ck_printed("err", "did you mean train?");
    ck_run(2, "\"$S\" train x.yaml --outptu run");
    ck_printed("err", "--output");
    ck_run(2, "\"$S\" train x.yaml --epochs 5");
    ck_printed("err", "a key of the config is set with --set train.epochs=5");
    ck_run(2, "\"$S\" rank x --images=100");
    ck_printed("err", "--set rank.images=100");
    ck_run(0, "\"$S\" version >one && \"$S\" -V >two && \"$S\" --version | cmp - one && cmp one two");
    ck_run(2, "\"$S\" train x.yaml -o");
    ck_run(2, "\"$S\" train");
    ck_run(2, "\"$S\" train x.yaml y.yaml");
    const struct {
        const char *line, *first, *second;
    } pairs[] = {{"describe x.yaml --archs all", "--archs", "--csv"},
                 {"describe x.yaml --csv", "--csv", "--archs"},
                 {"describe x.yaml --csv --archs all --json", "--csv", "--json"},
                 {"describe x.yaml --csv --archs all --arch a", "--csv", "--arch"},
                 {"rank run --sample 3 --archs list", "--sample", "--archs"},
                 {"rank run --key a", "--key", "--against"},
                 {"rank run --notation tuple", "--notation", "--csv"},
                 {"bench x.yaml --paths list --steps 2", "--steps", "--paths"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ck_run(2, "\"$S\" %s", pairs[i].line);
        ck_printed("err", pairs[i].first);
        ck_printed("err", pairs[i].second);
    }
    ck_run(2, "\"$S\" help confg");
    ck_printed("err", "no help on 'confg'; allowed are config and the commands");
    ck_printed("err", "; did you mean 'config'?");
    ck_run(2, "\"$S\" help tran");
    ck_printed("err", "; did you mean 'train'?");
    ck_run(2, "\"$S\" cache lst");
    ck_printed("err", "cache: found 'lst'; allowed are list, clean; did you mean 'list'?");
    ck_run(2, "\"$S\" rank run --by efects");
    ck_printed("err", "--by: found 'efects'; allowed are accuracy, loss, effects; did you mean 'effects'?");
}
END_TEST

START_TEST(help_of_commands) {
    const char *const commands[] = {"train",    "rank",   "effects", "eval",  "retrain", "finals", "export",
                                    "describe", "verify", "trace",   "bench", "summary", "cache",  "alphas"};
    ck_run(0, "\"$S\" help");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        ck_printed("out", commands[i]);
        ck_run(0, "\"$S\" %s --help", commands[i]);
        ck_printed("out", "--json");
        ck_assert_str_eq(read_all("err"), "");
        ck_run(0, "\"$S\" help");
    }
    ck_run(0, "\"$S\" help config");
    ck_printed("out", "rank.calibrate");
    ck_run(0, "\"$S\" rank --help >one && \"$S\" help rank >two && cmp one two");
    ck_run(2, "\"$S\" help rank --markdown");
    // --set and --json only where they do something, the other shared options everywhere
    ck_run(1, "\"$S\" verify --help | grep -e --set");
    ck_run(1, "\"$S\" help --help | grep -e --set -e --json");
    ck_run(2, "\"$S\" verify x.h5 --set threads=2");
    ck_printed("err", "unknown option '--set' of `supernet verify`");
    ck_run(0, "\"$S\" help --quiet >one && \"$S\" help >two && cmp one two");
    ck_run(0, "\"$S\" help rank -q --threads 2 --device cpu >one && \"$S\" help rank >two && cmp one two");
    ck_run(0, "\"$S\" help config --quiet >one && \"$S\" help config >two && cmp one two");
    ck_run(2, "\"$S\" help --markdown");
    ck_printed("err", "--markdown is found without config");
    ck_run(0, "\"$S\" help --as man | awk '/^[.]PP/ { text = 1; next } /^[.]/ { text = 0 } text && !/[.:]$/' | grep .; test $? = "
              "1"); // where a line of what a command does ends, a sentence does
    ck_run(2, "\"$S\" help config --json");
    ck_printed("err", "--json");
}
END_TEST

// A full disk behind stdout is told, whatever was to be printed; a reader that left is not.
START_TEST(lost_output) {
    const char *const lines[] = {"help",
                                 "--help",
                                 "--version",
                                 "help train",
                                 "train --help",
                                 "help config",
                                 "help config --markdown",
                                 "verify run/checkpoints/step-00000032.h5 --json",
                                 "describe \"$SRC/configs/quickstart.yaml\" --archs all --csv"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        ck_run(5, "\"$S\" %s >/dev/full", lines[i]);
        ck_assert_str_eq(read_all("err"), "supernet: stdout: cannot write: No space left on device (ENOSPC)\n");
        ck_run(0, "{ \"$S\" %s ; echo $? >code ; } | true", lines[i]);
        ck_assert_str_eq(read_all("err"), "");
    }
}
END_TEST

// Closed streams: results that cannot be printed are told, and nothing is written into files that got their numbers, nor are
// healthy data blamed.
START_TEST(closed_streams) {
    ck_run(1, "\"$S\" --version >&-");
    ck_printed("err", "stdout: cannot write: Bad file descriptor (EBADF)");
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o mute 2>&-");
    ck_run(0, "grep -c '^pid [0-9]* on ' mute/lock && test $(wc -l <mute/lock) = 1");
    ck_run(1, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o closed --set data.cache=cold <&- >&- 2>&-"); // the result is lost
    ck_run(0, "cmp closed/checkpoints/step-00000032.h5 run/checkpoints/step-00000032.h5");
    ck_run(0, "rm -r mute closed cold");
}
END_TEST

// Lists and tables may come through pipes; one that nobody writes to is refused at once, not waited for.
START_TEST(pipes) {
    ck_run(0, "mkfifo idle.pipe && printf 'skip,skip,skip\nmb3_k3,skip,skip\n' >two.txt");
    const char *const lines[] = {"eval run --archs idle.pipe", "rank run --archs idle.pipe",
                                 "rank run --sample 2 --against idle.pipe",
                                 "describe \"$SRC/configs/smoke.yaml\" --csv --archs idle.pipe"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        ck_run(2, "timeout 60 \"$S\" %s", lines[i]);
        ck_printed("err", "idle.pipe: a pipe that nobody writes to; start the writer first");
    }
    ck_run(3, "timeout 60 \"$S\" describe idle.pipe");
    // a slow writer is waited for, as of a process substitution
    ck_run(0, "{ sleep 0.3; cat two.txt; sleep 0.3; } | \"$S\" eval run --archs /dev/stdin -q");
    ck_printed("out", "\n2 architectures");
    ck_run(0, "cat two.txt >idle.pipe & \"$S\" eval run --archs two.txt -q"); // its writer stands ready
    ck_run(0, "cat two.txt >idle.pipe & sleep 0.3; \"$S\" eval run --archs idle.pipe -q");
    // stopped while it waits
    ck_run(75, "sleep 20 | timeout -s TERM 1 \"$S\" rank run --archs /dev/stdin; test $? = 124 && exit 75");
}
END_TEST

START_TEST(wrong_configs) {
    ck_run(3, "\"$S\" train nothing.yaml");
    ck_printed("err", "nothing.yaml");
    ck_run(3, SMOKE "--set train.epoch=3");
    ck_printed("err", "epochs");
    ck_run(3, SMOKE "--device gpu");
    ck_printed("err", "supernet: --device gpu: device: found 'gpu'; allowed");
    ck_printed("err", "cpu-plain");
    ck_run(3, SMOKE "--threads=x");
    ck_printed("err", "supernet: --threads x: threads: found 'x'; allowed");
    ck_run(3, "\"$S\" rank run --threads x");
    ck_printed("err", "supernet: --threads x: threads: found 'x'; allowed");
    ck_run(2, SMOKE "--set --threads=2");
    ck_printed("err", "--set: found '--threads=2'");
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
    ck_run(0, "grep '\"split\":\"training\",\"images\":' run/log.jsonl");            // which images fed the steps
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

// config.yaml of a run is held against what its weights were trained with: with another seed, training images would score.
START_TEST(edited_config) {
    const char *const on_runs[] = {"eval edited --sample 1", "rank edited", "export edited --arch skip,skip,skip",
                                   "retrain edited --arch skip,skip,skip", "trace edited --steps 1:2 -o x.h5"};
    static const char *const section[] = {"data", "train"};
    ck_run(0, "cp -r run edited");
    for (int k = 0; k < 2; k++) {
        char text[128];
        ck_run(0, "sed '/^%s:/,/seed/s/  seed: 1/  seed: 2/' run/config.yaml >edited/config.yaml", section[k]);
        snprintf(text, sizeof text,
                 "edited/config.yaml was changed: %s.seed is 2, but edited/checkpoints/step-00000032.h5 was trained "
                 "with 1; write that back",
                 section[k]);
        for (size_t i = 0; i < sizeof on_runs / sizeof *on_runs; i++) {
            ck_run(3, "\"$S\" %s", on_runs[i]);
            ck_printed("err", text);
        }
    }
    ck_run(0, "sed 's/sep_k5/sep_k7/' run/config.yaml >edited/config.yaml");
    ck_run(3, "\"$S\" eval edited --sample 1");
    ck_printed("err", "space is ");
    ck_run(0, "sed 's/images: 0/images: 100/; s/threads: 0/threads: 1/' run/config.yaml >edited/config.yaml"); // binds no weights
    ck_run(0, "\"$S\" eval edited --sample 1 --set data.augment.crop=1 -q");
    ck_run(0, "rm -r edited");
}
END_TEST

START_TEST(folder_of_another_config) {
    ck_run(2, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o ''");
    ck_printed("err", "empty");
    ck_run(3, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o large --set train.batch=4096"); // more than there are images
    ck_printed("err", "train.batch is 4096");
    ck_run(1, "ls large | grep config.yaml");
    ck_run(3, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --set train.batch=4096");
    ck_run(0, "mkdir free && sed 's/batch: 64/batch: 32/' run/config.yaml >free/config.yaml"); // no checkpoint binds it yet
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o free");
    ck_run(3, SMOKE "--set train.seed=2");
    ck_printed("err", "train.seed was 1, now 2");
    ck_run(0, "cp -r run free2 && ln -s /usr/share/datasets/fashion-mnist images && \"$S\" train run/config.yaml -o free2 "
              "--set rank.images=100 --set train.keep=4 --set data.source=images && grep 'images: 100' free2/config.yaml");
    ck_run(0, "\"$S\" train run/config.yaml -o run"); // the resolved config is the same config
    ck_printed("err", "finished");
    ck_run(0, "\"$S\" train run"); // and a run folder goes on in itself
    ck_printed("err", "finished");
    ck_run(0, "\"$S\" describe run --no-timing > a && \"$S\" describe run/config.yaml --no-timing > b && cmp a b");
    ck_run(2, "mkdir none && \"$S\" train none");
    ck_printed("err", "`supernet train` needs a run folder; there is no none/config.yaml");
}
END_TEST

// Training, ranking, scoring, retraining, export and tracing with memory that is closed to all but the backend's verbs: whoever
// reached into it would be killed. The results are those of the open one.
START_TEST(guarded) {
#define GUARDED "--device cpu-guarded --threads 2 --quiet"
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o guarded " GUARDED);
    ck_run(0, "cmp run/checkpoints/step-00000032.h5 guarded/checkpoints/step-00000032.h5");
    ck_run(0, "\"$S\" rank guarded --csv guarded.csv " GUARDED);
    ck_run(0, "\"$S\" rank run --csv open.csv && cmp open.csv guarded.csv");
    ck_run(0, "\"$S\" eval guarded --arch skip,skip,skip " GUARDED);
    ck_run(0, "\"$S\" export guarded --arch mb3_k3,sep_k5,skip -o guarded.onnx " GUARDED);
    ck_run(0, "\"$S\" export run --arch mb3_k3,sep_k5,skip -o open.onnx && cmp open.onnx guarded.onnx && rm run/ranking.h5");
    ck_run(0, "\"$S\" retrain guarded --arch mb3_k3,sep_k5,skip --init inherited " GUARDED);
    ck_run(0, "\"$S\" trace \"$SRC/configs/smoke.yaml\" --steps 2:3 -o guarded.h5 " GUARDED);
    ck_run(0, "\"$S\" bench \"$SRC/configs/smoke.yaml\" --steps 2 --profile " GUARDED);
}
END_TEST

// ---------------------------------------------------------------- ranking and evaluating
START_TEST(ranked) {
    ck_run(2, "\"$S\" rank run --sample 7 --against nothing.csv"); // asked before anything is scored
    ck_run(1, "\"$S\" rank run --sample 7 --csv nowhere/x.csv");
    ck_run(2, "\"$S\" rank run --sample 7 --top x");
    ck_run(1, "ls run | grep ranking");
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
    // some without a truth: each figure says over how many it is
    ck_run(0, "\"$S\" rank run --json");
    out = printed_json();
    double tau = number(out, "half_split_tau");
    json_decref(out);
    ck_run(0, "head -20 rank.csv >some.csv && \"$S\" rank run --json --against some.csv --key top1");
    out = printed_json();
    ck_assert_double_eq(number(out, "half_split_tau"), tau); // over all 27, as without truths
    ck_assert_int_eq((int)number(json_object_get(out, "against"), "truths"), 19);
    ck_assert_int_eq((int)number(json_object_get(out, "against"), "missing"), 8);
    ck_assert_int_eq((int)number(json_object_get(out, "against"), "outside"), 0);
    json_decref(out);
    ck_run(0, "\"$S\" rank run --against some.csv --key top1");
    ck_printed("out", "on two halves of the images, over 27: tau ");
    ck_printed("out", "\narchitectures: 19, ");
    // in another notation
    ck_run(0, "\"$S\" rank run --csv - --notation tuple >tuples.csv && grep '\"(2, 0, 1)\",0' tuples.csv");
    ck_run(0, "\"$S\" rank run --json --against tuples.csv --key top1");
    out = printed_json();
    ck_assert_int_eq((int)number(json_object_get(out, "against"), "truths"), 27);
    ck_assert_int_eq((int)number(json_object_get(out, "against"), "outside"), 0);
    json_decref(out);
    ck_run(2, "\"$S\" rank run --csv - --notation mmrazor");
    ck_printed("err", "--notation mmrazor: its texts are many lines, which a CSV cannot hold");
    ck_run(2, "\"$S\" rank run --csv - --notation nasbench201");
    ck_printed("err", "--notation: archs of this space cannot be written as nasbench201");
    write_all("twice.csv", "arch,accuracy\n\"skip,skip,skip\",0.5\n\"(0, 0, 0)\",0.6\n");
    ck_run(4, "\"$S\" rank run --against twice.csv");
    ck_printed("err", "twice.csv:3: arch skip,skip,skip is given twice, first on line 2");
    // names of another space say which and where
    write_all("other.csv", "arch,accuracy\n\n\"skip,mb9_k9,skip\",0.5\n\"skip,skip,skip\",0.6\n\"mb3_k3,skip,skip\",0.7\n");
    ck_run(0, "\"$S\" rank run --against other.csv");
    ck_printed("err",
               "warning: 1 of 3 names are no architectures of this space, the first: other.csv:3: arch 'skip,mb9_k9,skip'");
    write_all("other.csv", "arch,accuracy\nskip,0.5\n000,0.6\n");
    ck_run(4, "\"$S\" rank run --against other.csv");
    ck_printed("err",
               "only 0 of 27 ranked architectures have a true accuracy; at least 2 are needed; 2 names are no architectures of "
               "this space, the first: other.csv:2: arch 'skip' ");
    ck_run(0, "\"$S\" rank run --sample 2 --set rank.calibrate=100000 --json"); // what was done is stored, not what was asked
    json_t *few = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(few, "protocol")),
                     "recalibrate 2048 images, batches of 125, the last of 48");
    json_decref(few);
}
END_TEST

// By main effects: order, picks, `best`; by accuracy where there are none.
START_TEST(ranked_by) {
    ck_run(0, "\"$S\" rank run --by effects --json --top 27 --csv by.csv");
    json_t *out = printed_json(), *list = json_object_get(out, "best"),
           *pick = json_object_get(json_object_get(out, "picks"), "effects");
    ck_assert_str_eq(json_string_value(json_object_get(out, "by")), "effects");
    for (size_t i = 1; i < 27; i++)
        ck_assert(number(json_array_get(list, i - 1), "fitted_top1") >= number(json_array_get(list, i), "fitted_top1"));
    char *best = sn_strdup(json_string_value(json_object_get(json_array_get(list, 0), "arch")));
    ck_assert_str_eq(json_string_value(json_object_get(pick, "arch")), best);
    json_decref(out);
    ck_run(0, "grep -c ',0[.][0-9]*,2[.][0-9]*$' by.csv"); // fitted top-1 and loss
    ck_assert_int_ge(atoi(read_all("out")), 27);
    ck_run(0, "\"$S\" eval run --arch best --set rank.by=effects --json");
    out = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(out, "archs"), 0), "arch")), best);
    json_decref(out);
    ck_run(0, "\"$S\" rank run --by loss --json --top 2");
    out = printed_json(), list = json_object_get(out, "best");
    ck_assert(number(json_array_get(list, 0), "loss") <= number(json_array_get(list, 1), "loss"));
    json_decref(out);
    ck_run(0,
           "head -n 28 by.csv >own.csv && \"$S\" rank run --against own.csv --key fitted_top1 --json"); // others are not fitted
    out = printed_json();
    json_t *all = json_object_get(json_object_get(json_object_get(out, "against"), "effects"), "all");
    ck_assert_double_eq(number(json_object_get(json_object_get(all, "figures"), "tau"), "value"), 1);
    json_decref(out);
    // halves agree by what is ranked by
    const char *const by[] = {"accuracy", "loss", "effects"};
    double tau[3];
    for (int i = 0; i < 3; i++) {
        ck_run(0, "\"$S\" rank run --by %s --json", by[i]);
        out = printed_json();
        tau[i] = number(out, "half_split_tau");
        json_decref(out);
    }
    ck_assert(tau[0] != tau[1] && tau[1] != tau[2] && tau[0] != tau[2]);
    ck_run(0, "\"$S\" rank run --by loss");
    ck_printed("out", "agreement of the rankings by loss on two halves of the images, over 27: tau ");
    // what another ranking would begin with, ties included
    ck_run(0, "\"$S\" rank run --by accuracy --json --set rank.images=10 --top 1");
    out = printed_json();
    char *first = sn_strdup(json_string_value(json_object_get(json_array_get(json_object_get(out, "best"), 0), "arch")));
    json_decref(out);
    ck_run(0, "\"$S\" rank run --by effects --json --set rank.images=10");
    out = printed_json(), pick = json_object_get(json_object_get(out, "picks"), "accuracy");
    ck_assert_str_eq(json_string_value(json_object_get(pick, "arch")), first);
    json_decref(out);
    free(first);
    // too few
    ck_run(0, "\"$S\" rank run --by effects --sample 3 --set rank.calibrate=350");
    ck_printed("err", "warning: ranked by accuracy: no main effects: ");
    ck_printed("err", " scored architectures, found are 3: score ");
    ck_run(2, "\"$S\" eval run --arch best --set rank.by=effects --set rank.calibrate=350");
    ck_printed("err", "best by effects: ");
    ck_run(0, "\"$S\" eval run --arch best --set rank.calibrate=350");
    ck_run(2, "\"$S\" rank run --by size");
    ck_printed("err", "--by: found 'size'; allowed are accuracy, loss, effects");
    free(best);
}
END_TEST

// A list that lacks the best of the space by effects: it is scored too, and the same command says the same again.
START_TEST(best_of_the_whole_space) {
    char first[256];
    ck_run(0, "for a in skip mb3_k3 sep_k5; do for b in skip mb3_k3 sep_k5; do for c in skip mb3_k3 sep_k5; do echo $a,$b,$c; "
              "done; done; done | grep -v ',skip,sep_k5' >part");
    for (int again = 0; again < 2; again++) {
        ck_run(0, "\"$S\" rank run --archs part --by effects --json --top 1 --set rank.calibrate=375");
        json_t *out = printed_json(), *whole = json_object_get(out, "whole_space");
        ck_assert_ptr_nonnull(whole);
        const char *arch = json_string_value(json_object_get(whole, "arch"));
        ck_assert_msg(strstr(arch, ",skip,sep_k5") != NULL, "%s", arch);
        if (again)
            ck_assert_str_eq(arch, first);
        else
            snprintf(first, sizeof first, "%s", arch);
        ck_assert_int_eq(json_integer_value(json_object_get(out, "archs")), 24);
        ck_assert(again ? !json_integer_value(json_object_get(out, "scored"))
                        : json_integer_value(json_object_get(out, "scored")) > 24);
        ck_assert(number(whole, "fitted_top1") > number(json_array_get(json_object_get(out, "best"), 0), "fitted_top1"));
        json_decref(out);
    }
    ck_run(0, "\"$S\" rank run --archs part --by effects --max-macs 200000 --set rank.calibrate=375");
    ck_printed("out", "best by effects of the whole space, scored beside the others: skip,skip,sep_k5 (0.");
    ck_run(0, "\"$S\" rank run --archs part --set rank.calibrate=375"); // by accuracy: what was asked for
    ck_assert_ptr_null(strstr(read_all("out"), "whole space"));
}
END_TEST

START_TEST(effects) {
    ck_run(2, "\"$S\" effects run --set rank.calibrate=380");
    ck_printed("err", "nothing is ranked yet with these weights and this protocol");
    ck_run(0, "\"$S\" rank run");
    ck_run(0, "\"$S\" effects run --json --csv effects.csv --arch skip,skip,skip");
    json_t *out = printed_json(), *decisions = json_object_get(out, "decisions"), *x;
    size_t d, k;
    double shares = 0;
    ck_assert_int_eq((int)number(out, "archs"), 27);
    ck_assert_uint_eq(json_array_size(decisions), 3);
    json_array_foreach(decisions, d, x) {
        json_t *options = json_object_get(x, "options"), *o;
        double points = 0;
        shares += number(x, "share");
        json_array_foreach(options, k, o) {
            points += number(o, "points");
            json_t *over = json_object_get(o, "over_images");
            ck_assert(json_number_value(json_array_get(over, 0)) < json_number_value(json_array_get(over, 1)));
        }
        ck_near(points, 0, 1e-6, "every option was scored 9 times");
    }
    ck_near(number(json_object_get(out, "main_effects"), "share"), shares, 1e-6, "sum of shares");
    ck_assert(shares > 0 && shares + number(json_object_get(out, "interactions"), "share") <= 1 + 1e-6);
    ck_assert(json_is_false(json_object_get(out, "shares_overlap")));
    ck_assert_uint_eq(json_array_size(json_object_get(out, "pairs")), 3);
    x = json_array_get(json_object_get(out, "fitted"), 0);
    ck_assert(json_is_false(json_object_get(x, "predicted")) && number(x, "top1") > 0 && number(x, "fitted_top1") > 0);
    json_decref(out);
    ck_run(0, "wc -l <effects.csv");
    ck_assert_int_eq(atoi(read_all("out")), 10);
    ck_run(0, "\"$S\" effects run --pairs 1");
    ck_printed("out", "\nstage2.layer2\n  skip ");
    ck_printed("out", "points beyond their effects\nWhat pairs do with shared weights need not hold");
    // what two options cost that always go together cannot be told of either
    ck_run(0, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --archs all --csv | tail -n +2 | cut -d '\"' -f 2 >all.txt");
    ck_run(0, "grep -E '^([a-z0-9_]*),.*,\\1$' all.txt >tied.txt; \"$S\" rank run -q --archs tied.txt --set rank.calibrate=395 "
              ">ranked && "
              "\"$S\" effects run --json --set rank.calibrate=395");
    out = printed_json(), decisions = json_object_get(out, "decisions");
    json_array_foreach(decisions, d, x) for (k = 0; k < 3; k++) {
        json_t *o = json_array_get(json_object_get(x, "options"), k);
        ck_assert_int_eq(json_is_number(json_object_get(o, "mmacs")), d == 1);
        ck_assert_int_eq(json_is_number(json_object_get(o, "points_per_mmac")), d == 1 && k > 0);
    }
    ck_assert(json_is_true(json_object_get(out, "shares_overlap")));
    json_decref(out);
    // archs that were not scored
    ck_run(0, "grep -v ^sep_k5 all.txt | head -n 16 >some.txt; \"$S\" rank run --archs some.txt --set rank.calibrate=385");
    ck_run(0, "\"$S\" effects run --set rank.calibrate=385 --archs all.txt >text");
    ck_printed("err", "1 option was never scored; architectures with such an option have no");
    ck_run(0, "grep -c ': fitted top-1 .*; scored top-1' text");
    ck_assert_int_ge(atoi(read_all("out")), 16); // and perhaps the best of the space
    ck_run(0, "grep -c ': predicted top-1 .*; not scored$' text");
    ck_assert_int_ge(atoi(read_all("out")), 2);
    ck_run(0, "grep -c '^sep_k5,.*: nothing is fitted: it has an option that was never scored$' text");
    ck_assert_int_eq(atoi(read_all("out")), 9);
    // too few, or none
    ck_run(0, "head -n 3 all.txt >three.txt; \"$S\" rank run --archs three.txt --set rank.calibrate=390 -q");
    ck_run(2, "\"$S\" effects run --set rank.calibrate=390");
    ck_printed("err", "run: no main effects: 2 effects need at least 5 scored architectures, found are 3: score at least 2 more");
    ck_run(2, "\"$S\" effects run/checkpoints/step-00000032.h5");
    ck_printed("err", "a bare checkpoint has no ranking; name the run folder");
}
END_TEST

// The CSV is replaced whole or not at all, and takes the place of nothing but a file. It begins with the best.
START_TEST(ranked_to_csv) {
    ck_run(0, "\"$S\" rank run --csv - -q >rank.csv && \"$S\" rank run --csv same.csv -q && cmp rank.csv same.csv");
    ck_run(0, "test \"$(\"$S\" rank run --top 1 | sed -n '2s/^ *1  \\([a-z0-9_,]*\\) .*/\\1/p')\" = \"$(sed -n "
              "'2s/^1,\"\\([^\"]*\\)\",.*/\\1/p' "
              "rank.csv)\"");
    ck_run(0, "\"$S\" effects run --csv - | head -n 1");
    ck_printed("out", "decision,option,archs,");
    ck_run(2, "\"$S\" rank run --csv - --json");
    ck_run(0, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --archs all --csv | head -n 1 | grep '^arch,macs,params$'");
    ck_run(0, "\"$S\" rank run --csv table.csv && cp table.csv whole.csv");
    ck_run(5, "ulimit -f 4; \"$S\" rank run --csv table.csv --json --top 1");
    ck_printed("err", "table.csv: cannot write");
    ck_run(0, "cmp table.csv whole.csv && test -z \"$(ls -A | grep tmp)\"");
    ck_run(1, "ln -s table.csv linked.csv && \"$S\" rank run --csv linked.csv");
    ck_printed("err", "linked.csv: cannot write: there is a symbolic link of that name");
    ck_run(1, "mkfifo csv.pipe && \"$S\" rank run --csv csv.pipe");
    ck_run(1, "\"$S\" rank run --csv nowhere/table.csv");
    ck_printed("err", "nowhere/table.csv");
}
END_TEST

START_TEST(ranking_as_text) {
    write_all("one.txt", "skip,skip,skip\n");
    ck_run(0, "\"$S\" rank run --archs one.txt");
    ck_printed("out", "\n1 architecture, ");
    ck_printed("out", "two halves of the images, over 1: tau -\n");
    ck_printed("err", "ranking 1 architecture;");
    // one column for all archs, however long
    ck_run(0, "sed s/sep_k5/a_block_with_a_rather_long_name/ \"$SRC/configs/smoke.yaml\" >long.yaml && "
              "\"$S\" train long.yaml -o long -q && \"$S\" rank long --top 27 >table");
    ck_run(0, "grep -c 'long_name,a_block_with_a_rather_long_name' table");
    ck_run(0, "grep -E '^(place| *[0-9]+  [a-z])' table | awk '{print length}' | sort -u | wc -l");
    ck_assert_int_eq(atoi(read_all("out")), 1);
    // a run without images to rank on
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -q -o blind --set data.validation=0 --set data.images=64");
    ck_run(2, "\"$S\" rank blind");
    ck_printed("err", "blind was made without validation images, which a ranking needs; train one with data.validation above 0");
    // a damaged store says what to do
    ck_run(0, "printf x | dd of=long/ranking.h5 bs=1 seek=3000 conv=notrunc");
    ck_run(4, "\"$S\" rank long");
    ck_printed("err", "move long/ranking.h5 away and rank again");
    ck_run(0, "mv long/ranking.h5 away.h5 && \"$S\" rank long --sample 2");
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
    ck_run(2, "\"$S\" rank run --max-params 10");
    ck_printed("err", "none of 27 architectures is within the limits; the smallest have 0.134 MMACs and 2994 params");
    // drawn within limits, which numbers as tables print them may say
    const char *const same[] = {"300000", "3e5", "300k", "0.3M"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        ck_run(0, "\"$S\" rank run --sample 5 --max-macs %s --json", same[i]);
        out = printed_json();
        ck_assert_int_eq((int)number(out, "archs"), 5);
        ck_assert(number(json_object_get(json_object_get(out, "baselines"), "largest"), "macs") <= 300000);
        json_decref(out);
    }
    ck_run(0, "\"$S\" rank run --sample 20 --max-macs 200k && \"$S\" eval run --sample 20 --max-macs 200k");
    ck_printed("err", "only ");
    ck_printed("err", " are within the limits, not 20");
    const char *const bad[] = {"6X", "0", "-3", "nan", "inf", "1e30", "6 M", "0x10", "0X1p3", ".", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_run(2, "\"$S\" rank run --max-macs '%s'", bad[i]);
        ck_printed("err", "allowed are numbers from 1 on, such as 6000000, 6e6, 6M (k, M, G)");
    }
    // the best within
    ck_run(0, "\"$S\" eval run --arch best --max-macs 0.2M --json");
    out = printed_json();
    ck_assert(number(json_array_get(json_object_get(out, "archs"), 0), "macs") <= 200000);
    json_decref(out);
    ck_run(0, "\"$S\" export run --arch best --max-params 3k -o least.onnx --json");
    ck_printed("out", "\"arch\": \"skip,skip,skip\"");
    ck_run(2, "\"$S\" retrain run --max-params 10");
    ck_printed("err", "ranked architectures is within the limits");
    ck_run(2, "\"$S\" eval run --arch mb3_k3,mb3_k3,mb3_k3 --max-macs 200k");
    ck_printed("err", "mb3_k3,mb3_k3,mb3_k3 has 0.675 MMACs and 10354 params, which is not within the limits");
    write_all("archs.txt", "skip,skip,skip\nskip,skip,mb3_k4\n");
    ck_run(2, "\"$S\" rank run --archs archs.txt");
    ck_printed("err", "archs.txt:2");
    ck_printed("err", "mb3_k3");
    write_all("archs.txt", "skip,skip,skip\t# the smallest\r\nskip,skip,mb3_k3 \r\nskip,skip, sep_k5\n");
    ck_run(2, "\"$S\" rank run --archs archs.txt");
    ck_printed("err", "archs.txt:3: found 'sep_k5' behind 'skip,skip,'; allowed is one architecture a line");
    ck_run(0, "head -n 2 archs.txt >two.txt && \"$S\" rank run --archs two.txt --json");
    out = printed_json();
    ck_assert_int_eq((int)number(out, "archs"), 2);
    json_decref(out);
    ck_run(0, "ln -sf two.txt linked.txt && \"$S\" rank run --archs linked.txt"); // what a user names may be a link, or a pipe
    ck_run(0, "\"$S\" rank run --archs /dev/stdin --json <two.txt && \"$S\" bench run/config.yaml --paths linked.txt");
    ck_run(2, "\"$S\" rank run --archs none.txt");
    ck_printed("err", "none.txt: cannot open: No such file or directory (ENOENT)");
    ck_run(2, "\"$S\" bench run/config.yaml --paths run");
    ck_printed("err", "run: cannot read: Is a directory (EISDIR)");
    ck_run(2, "printf 'skip,skip,skip\\n\\0' >zero.txt; \"$S\" rank run --archs zero.txt");
    ck_printed("err", "zero.txt: a zero byte in it");
    write_all("archs.txt", "# none\n");
    ck_run(2, "\"$S\" rank run --archs archs.txt");
    ck_printed("err", "archs.txt: no architecture");
}
END_TEST

START_TEST(evaluated) {
    ck_run(0, "\"$S\" eval run/checkpoints/step-00000032.h5 --arch skip,skip,skip"); // a bare checkpoint
    ck_printed("out", "skip,skip,skip");
    ck_run(0, "\"$S\" eval run --sample 3 --json --bn batch --images 100");
    json_t *out = printed_json();
    ck_assert_int_eq((int)number(out, "images"), 100);
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
    ck_run(0, "grep '\"test_split\":\"eval\",\"arch\":\"skip,skip,skip\",\"top1\":' run/log.jsonl"); // now it is written down
    ck_run(0, "\"$S\" eval run/checkpoints/step-00000032.h5 --arch skip,skip,skip --split test --images 100");
    ck_run(0, "grep -c test_split run/log.jsonl");
    ck_assert_int_eq(atoi(read_all("out")), 2); // the checkpoint's run
    ck_run(0,
           "cp run/checkpoints/step-00000032.h5 . && \"$S\" eval step-00000032.h5 --arch skip,skip,skip --split test --images 9");
    ck_printed("err", "written down nowhere");
    ck_run(1, "\"$S\" eval run --arch skip,skip,skip --logits nowhere/x.h5");
    ck_printed("err", "nowhere/x.h5: cannot write to its folder");
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
    ck_run(0, "grep -c test_split run/retrain/one/log.jsonl"); // the second time it was said again, not scored
    ck_assert_int_eq(atoi(read_all("out")), 1);
    ck_run(0, "\"$S\" eval run/retrain/one --split test --json"); // a run like any other
    out = printed_json();
    ck_assert_double_eq(number(json_array_get(json_object_get(out, "archs"), 0), "top1"), top1);
    json_decref(out);
    ck_run(0, "\"$S\" eval run/retrain/one --arch best");
    ck_run(0,
           "\"$S\" export run/retrain/one -o one.onnx && grep -a score.test.top1 one.onnx && grep -a score.test.top5 one.onnx");
    ck_run(0, "\"$S\" retrain run --arch skip,skip,skip --name both --set retrain.use_validation=true -q");
    ck_run(0, "grep '\"split\":\"training\",\"images\":2548,\"held_out\":0' run/retrain/both/log.jsonl"); // 2048 and 500
    ck_run(3, "\"$S\" eval run/retrain/one --set train.seed=2"); // would score images that it has learned
    ck_run(3, "\"$S\" rank run --set data.validation=1000");
    ck_run(3, "\"$S\" rank run --set space.text=digits");
    ck_run(3, "\"$S\" rank run --set space.blocks.skip.op=mbconv");
    ck_run(3, "\"$S\" rank run --set train={}");
    ck_printed("err",
               "--set train={}: what run was made with stays; allowed are data.source, data.augment, data.cache, data.memory, "
               "train.save_every, train.keep, train.recompute, train.tensorboard, rank, retrain, "
               "export, threads, device");
    ck_run(3, "\"$S\" rank run --set rnak.bn=x"); // no such key: as in a config
    ck_printed("err", "unknown key 'rnak'");
    ck_printed("err", "did you mean 'rank'?");
    ck_run(3, "\"$S\" rank run --set rank=3");
    ck_printed("err", "--set rank=3: rank: found '3'; allowed is a mapping with the keys");
    const char *const on_runs[] = {"eval", "rank", "export", "retrain", "trace --steps 1:2 -o x.h5"};
    for (size_t i = 0; i < sizeof on_runs / sizeof *on_runs; i++) {
        ck_run(2, "\"$S\" %s .", on_runs[i]);
        ck_printed("err", "needs a run folder; there is no ./config.yaml");
    }
    ck_run(0,
           "\"$S\" export run --arch skip,skip,skip -o \"$(printf 'a\\033]0;b\\007')\".onnx | tr -d '\\n' | grep '[[:cntrl:]]'; "
           "test $? = 1 && rm a*b*.onnx"); // no terminal obeys the name of a file
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

// A retrained net keeps the name that the arch has in its space.
START_TEST(digits) {
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o numbered --set space.text=digits --set data.images=128 -q");
    ck_run(0, "\"$S\" retrain numbered --arch 121 --name one -q --json");
    json_t *out = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(out, "arch")), "121");
    json_decref(out);
    ck_run(0, "grep '\"test_split\":\"retrain\",\"arch\":\"121\"' numbered/retrain/one/log.jsonl");
    ck_run(0, "\"$S\" eval numbered/retrain/one --arch 121 --json");
    out = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(out, "archs"), 0), "arch")), "121");
    json_decref(out);
    ck_run(2, "\"$S\" eval numbered/retrain/one --arch 000");
    ck_printed("err", "arch '000', column 1 (stage1.layer1): found '0'; allowed are 1");
    ck_run(0, "\"$S\" describe numbered/config.yaml --set space.arch=121 --no-timing");
    ck_printed("out", "space: 1 architecture, 3 decisions\n  stage1.layer1       mb3_k3\n");
    ck_run(0, "\"$S\" verify numbered/retrain/one/checkpoints/*.h5");
    ck_printed("out", "space of 1 architecture");
    ck_run(0, "\"$S\" export numbered --arch 121 -q && \"$S\" export numbered/retrain/one -q");
    ck_run(0, "cd numbered && ls export/*.onnx >../first && cd retrain/one && ls export/*.onnx | cmp - ../../../first");
    ck_run(0, "grep -a -A1 arch numbered/retrain/one/export/*.onnx | grep -a 121"); // in its metadata
    ck_run(0, "\"$S\" retrain numbered/retrain/one --arch 121 --name two -q");
    ck_printed("out", "121 retrained in numbered/retrain/one/retrain/two");
}
END_TEST

// One decision for several layers, through the whole job.
START_TEST(shared_decision) {
    ck_run(0, "sed 's/layers: 2, out/layers: 2, shared: true, out/; s/images: 2048/images: 128/' \"$SRC/configs/smoke.yaml\" "
              ">sites.yaml");
    ck_run(0, "\"$S\" train sites.yaml -o sites -q --json");
    json_t *out = printed_json();
    ck_assert_uint_eq(json_object_size(json_object_get(out, "passes")), 2);
    ck_assert_uint_eq(json_object_size(json_object_get(json_object_get(out, "passes"), "stage2")), 3);
    json_decref(out);
    ck_run(0, "grep -c 'shared: true' sites/config.yaml");
    ck_run(0, "\"$S\" describe sites.yaml --no-timing");
    ck_printed("out", "space: 9 architectures, 2 decisions\n  stage1.layer1       skip | mb3_k3 | sep_k5\n  stage2 ");
    ck_run(0, "\"$S\" rank sites --json");
    out = printed_json();
    ck_assert_int_eq((int)number(out, "archs"), 9);
    json_decref(out);
    ck_run(0, "\"$S\" retrain sites --arch sep_k5,mb3_k3 --name one -q");
    ck_run(0, "\"$S\" eval sites/retrain/one --arch sep_k5,mb3_k3 && \"$S\" export sites/retrain/one -o sites.onnx");
    ck_run(0, "grep -a -c stage2.layer1.mb3_k3.dw sites.onnx && grep -a -c stage2.layer2.mb3_k3.dw sites.onnx");
    ck_run(1, "grep -a -c stage2.layer2.sep_k5.dw sites.onnx");
    ck_run(0, "\"$S\" trace sites.yaml --steps 1:1 -o sites.h5 && grep -a -c '\"shared\":true' sites.h5");
}
END_TEST

// What new users stumbled over.
START_TEST(traps) {
    ck_run(0, "\"$S\" rank run -q && \"$S\" eval run --arch 'mb3_k3, skip ,sep_k5' --json"); // blanks around names
    ck_printed("out", "\"arch\": \"mb3_k3,skip,sep_k5\"");
    ck_run(2, "\"$S\" export run --arch skip,skip,skip -o x.pt");
    ck_printed("err", "found the ending '.pt' of x.pt; allowed are .onnx and .safetensors");
    ck_run(0, "\"$S\" export run --arch skip,skip,skip -o x.bin --format onnx && rm x.bin");
    ck_run(2, "mkdir -p theirs && touch theirs/letter.txt && \"$S\" train \"$SRC/configs/smoke.yaml\" -o theirs");
    ck_printed("err", "-o theirs: it holds 'letter.txt' and is no run");
    ck_run(0, "test \"$(ls -A theirs)\" = letter.txt && mkdir empty && \"$S\" train \"$SRC/configs/smoke.yaml\" -o empty");
    ck_printed("err", "data: 2048 training, 500 validation, 10000 test images; cache /");
    // a run that is not finished says so, and whose data moved, what to do
    ck_run(75, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o partial --set train.epochs=1000 --set train.save_every=1 & p=$!; "
               "for i in $(seq 600); do [ -n \"$(ls partial/checkpoints 2>/dev/null)\" ] && break; sleep 0.1; done; "
               "kill $p; wait $p");
    ck_run(0, "\"$S\" rank partial --sample 3");
    ck_printed("err", "partial is unfinished: the weights are those of step ");
    ck_run(0, "cp -r run moved && sed -i 's#source: .*#source: /nowhere/data#' moved/config.yaml");
    ck_run(4, "\"$S\" eval moved --arch skip,skip,skip");
    ck_printed("err", "if the data have moved: --set data.source=PLACE");
    ck_run(4, "\"$S\" train moved");
    ck_printed("err", "if the data have moved: --set data.source=PLACE");
    ck_run(0, "\"$S\" eval moved --arch skip,skip,skip --set data.source=/usr/share/datasets/fashion-mnist");
    // keys as the user's config has them
    ck_run(0, "\"$S\" retrain run --arch skip,skip,skip --name once -q");
    ck_run(3, "\"$S\" retrain run --arch skip,skip,skip --name once --set retrain.epochs=2");
    ck_printed("err", "retrain.epochs was 1, now 2; go on with --set retrain.epochs=1");
    ck_run(3, "\"$S\" retrain run --arch sep_k5,skip,skip --name once");
    ck_printed("err", "go on with --arch \"skip,skip,skip\", or choose");
    ck_run(3, "\"$S\" train run --set train.epochs=2");
    ck_printed("err", "more epochs for a finished run: `supernet train RUN --extend N -o NEW`");
    ck_run(0, "\"$S\" verify run --json"); // every file of a run
    json_t *out = printed_json();
    ck_assert_uint_ge(json_array_size(json_object_get(out, "files")), 3);
    json_decref(out);
    ck_run(2, "\"$S\" verify theirs");
    ck_printed("err", "theirs: there is no .h5 file in it");
    // data
    ck_run(0, "mkdir -p classes/a classes/b && touch classes/a/1.png && printf 'PK\\003\\004' >pictures.zip");
    ck_run(4, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o none --set data.source=classes");
    ck_printed("err", "classes/b: a class without .jpg, .jpeg or .png files");
    ck_run(4, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o none --set data.source=pictures.zip");
    ck_printed("err", "pictures.zip: zip files are not read: unpack it");
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o blank --set data.validation=0");
    ck_printed("err", "warning: no validation images, so nothing can be ranked");
    ck_run(0, "rm -r theirs empty partial moved classes blank");
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
    ck_run(0, "\"$S\" export run --arch skip,mb3_k3,skip -o shared.safetensors --json");
    out = printed_json();
    ck_assert(number(out, "tensors") > 0 && json_is_null(json_object_get(out, "nodes")));
    ck_assert(json_is_null(json_object_get(out, "images")) && json_is_null(json_object_get(out, "difference")));
    json_decref(out);
    ck_run(0, "\"$S\" retrain run --arch skip,skip,skip --name small && \"$S\" export run/retrain/small -o small.onnx --bn keep");
    ck_run(0, "ls small.onnx shared.onnx shared.safetensors");
    ck_run(2, "\"$S\" export run --arch skip,skip,mb3_k4 -o wrong.onnx");
    ck_run(2, "\"$S\" export run --arch skip,skip,skip -o wrong.onnx --bn folded");
    ck_run(2, "\"$S\" export run --arch skip,skip,skip -o wrong.onnx --format safetensors");
    ck_run(2, "\"$S\" export run --arch skip,skip,skip -o wrong.safetensors --bn fold");
    ck_run(2, "ls wrong.onnx wrong.safetensors"); // none was written
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

// 28x28 images of 10 classes, as HDF5.
static void put_part(sn_h5w *w, const char *images_path, const char *labels_path, size_t n) {
    uint8_t *pixels = sn_new(n, 28 * 28);
    int64_t *labels = sn_new(n, sizeof *labels);
    for (size_t i = 0; i < n * 28 * 28; i++) pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    for (size_t i = 0; i < n; i++) labels[i] = (int64_t)(i % 10);
    ck_ok(sn_h5_put(w, images_path, SN_U8, 3, (size_t[]){n, 28, 28}, pixels));
    ck_ok(sn_h5_put(w, labels_path, SN_I64, 1, &n, labels));
    free(pixels);
    free(labels);
}

START_TEST(own_validation_and_no_test) {
    sn_h5w *w;
    ck_ok(sn_h5_create(1 << 20, &w));
    put_part(w, "/train/images", "/train/labels", 200);
    put_part(w, "/val/images", "/val/labels", 40);
    ck_ok(sn_h5_save(w, at(PLACE "/own.h5")));
    sn_h5w_free(w);
    ck_run(
        0,
        "\"$S\" train \"$SRC/configs/smoke.yaml\" -o own --set data.source=own.h5 --set data.images=0 --set data.validation=0");
    ck_run(0, "\"$S\" retrain own --arch skip,skip,skip --name all --set retrain.use_validation=true --json");
    json_t *out = printed_json();
    ck_assert(json_is_null(json_object_get(out, "test_top1")));
    ck_assert_int_eq((int)number(out, "images"), 0);
    json_decref(out);
    ck_run(0, "grep '\"split\":\"training\",\"images\":240,\"held_out\":0' own/retrain/all/log.jsonl");
    ck_run(0, "\"$S\" retrain own --arch skip,skip,skip --name all --set retrain.use_validation=true");
    ck_printed("out", "own.h5 has no test images");
}
END_TEST

// The net begins with a choice whose first option is the image itself. Scores do not depend on the memory.
START_TEST(choice_first) {
    write_all("stemless.yaml", "data: {source: /usr/share/datasets/fashion-mnist, validation: 300, images: 2048}\n"
                               "space:\n"
                               "  input: {channels: 1, height: 28, width: 28}\n"
                               "  classes: 10\n"
                               "  blocks:\n"
                               "    skip: {op: identity}\n"
                               "    conv: {op: conv}\n"
                               "    sep: {op: sepconv}\n"
                               "  network:\n"
                               "    - {layers: 1, out: 1, choose: [skip, conv]}\n"
                               "    - {layers: 2, out: 16, stride: 2, choose: [conv, sep]}\n"
                               "    - {op: classifier}\n"
                               "train: {epochs: 2, batch: 64}\n"
                               "rank: {calibrate: 251, calibrate_batch: 50}\n");
    ck_run(0, "\"$S\" train stemless.yaml -o stemless");
    ck_run(0, "\"$S\" rank stemless --csv one.csv --json");
    ck_assert_ptr_null(strstr(read_all("err"), "rank.memory"));
    json_t *out = printed_json();
    json_t *best = json_array_get(json_object_get(out, "best"), 0);
    ck_assert_msg(number(best, "top1") > 0.15, "best top-1 %.3f", number(best, "top1"));
    ck_assert_msg(number(out, "mean_top1") > 0.1, "mean top-1 %.3f", number(out, "mean_top1"));
    ck_assert_str_eq(json_string_value(json_object_get(out, "protocol")),
                     "recalibrate 251 images, batches of 50, the last of 51");
    json_decref(out);
    ck_run(0, "rm stemless/ranking.h5 && \"$S\" rank stemless --csv two.csv --set rank.memory=1MiB && cmp one.csv two.csv");
    ck_printed("err", "rank.memory allows 1 MiB");
    ck_run(0, "\"$S\" describe stemless.yaml --no-timing --set rank.memory=64MiB");
    ck_printed("out", "of the 64 MiB that rank.memory allows");
    ck_run(2, "\"$S\" eval stemless --arch skip,conv,conv --bn batch --images 1");
    ck_printed("err", "on 1 image in batches of 250; at least 2 are needed");
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) // which needs memory of its own
// The peak of the trainings before this, all of one size, beside the forecast.
START_TEST(forecast_of_memory) {
    struct rusage used;
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o forecast");
    ck_assert_int_eq(getrusage(RUSAGE_CHILDREN, &used), 0);
    ck_run(0, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --no-timing --json");
    json_t *out = printed_json();
    double told = number(out, "memory_bytes"), was = 1024.0 * (double)used.ru_maxrss;
    json_decref(out);
    ck_assert_msg(told > 0.9 * was && told < 1.1 * was, "forecast %.1f MB, peak %.1f MB", told * 1e-6, was * 1e-6);
}
END_TEST
#endif

// Commands that save nothing end at once; `timeout` says 124 when its signal was enough.
START_TEST(stopped) {
    ck_run(124, "timeout -s INT -k 30 1 \"$S\" bench \"$SRC/configs/smoke.yaml\" --steps 100000");
    ck_run(124,
           "timeout -s TERM -k 30 1 \"$S\" trace \"$SRC/configs/smoke.yaml\" --set train.epochs=100000 --steps 90000 -o x.h5");
    ck_run(1, "ls x.h5 | grep h5");
}
END_TEST

START_TEST(diverged) {
    ck_run(6, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o nan --set train.optimizer.lr=1e6 --set train.optimizer.clip=0 "
              "--set train.save_every=1 --set train.optimizer.warmup=0");
    ck_printed("err", "the last checkpoints stand");
    ck_run(0, "\"$S\" rank nan --set rank.bn=running --top 1 --json"); // losses that are not finite are the worst
    json_t *out = printed_json();
    char *best = sn_strdup(json_string_value(json_object_get(json_array_get(json_object_get(out, "best"), 0), "arch")));
    json_decref(out);
    ck_run(0, "\"$S\" eval nan --set rank.bn=running --arch best");
    ck_printed("out", best);
    free(best);
    ck_run(6, "\"$S\" train \"$SRC/configs/smoke.yaml\" -o diverged --set train.optimizer.lr=1e6 --set train.optimizer.clip=0");
    ck_printed("err", "no checkpoint had been made yet");
}
END_TEST

START_TEST(timed) {
    ck_run(0, "\"$S\" bench --steps 2 --warmup 0 --set space.arch=00000000 --json"); // of NAS-Bench-Macro; no data at hand
    ck_printed("err", "no CONFIG: the space nasbench-macro");
    json_t *out = printed_json();
    ck_assert_int_eq((int)number(out, "batch"), 256);
    ck_assert_int_eq((int)number(out, "steps"), 2);
    ck_assert_ptr_null(json_object_get(out, "kernels"));
    json_decref(out);
    ck_run(0, "\"$S\" bench \"$SRC/configs/smoke.yaml\" --steps 2 --profile --json");
    out = printed_json();
    json_t *kernels = json_object_get(out, "kernels");
    ck_assert_uint_gt(json_array_size(kernels), 3);
    double sum = 0;
    for (size_t i = 0; i < json_array_size(kernels); i++) sum += number(json_array_get(kernels, i), "ms_per_step");
    ck_assert(sum > 0 && sum <= 1e3 * number(out, "mean_s"));
    json_t *loader = json_object_get(out, "loader");
    ck_assert(number(loader, "ms_per_step") > 0 && number(loader, "waited_ms_per_step") < 1e3 * number(out, "mean_s"));
    json_decref(out);
    ck_run(0, "\"$S\" bench \"$SRC/configs/smoke.yaml\" --steps 2 --profile");
    ck_printed("out", " ms of it waited for");
    ck_run(0, "\"$S\" bench \"$SRC/configs/smoke.yaml\" --steps 2 --profile --set data.source=/none");
    ck_printed("err", "no times of the loader: data.source: /none");
    ck_run(0, "\"$S\" bench \"$SRC/configs/smoke.yaml\" --steps 2 --warmup 0 --quiet");
    ck_printed("out", "batch 64: ");
    ck_assert_str_eq(read_all("err"), "");
    ck_run(0, "\"$S\" bench \"$SRC/configs/smoke.yaml\" --steps 1 --warmup 0 --device ref --json"); // has no peak
    out = printed_json();
    ck_assert(json_is_null(json_object_get(out, "fma_peak_gflops")));
    json_decref(out);
    ck_run(3, "\"$S\" bench --set space.arch=0000000x");
}
END_TEST

START_TEST(described) {
    ck_run(0,
           "\"$S\" describe \"$SRC/configs/smoke.yaml\" --set train.optimizer.momentum=0 --set train.optimizer.nesterov=false");
    ck_printed("out", "(measured now, on this machine)"); // the timed steps need no momentum either
    ck_run(0, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --no-timing --json --arch skip,skip,skip");
    json_t *out = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(out, "size")), "27");
    ck_assert_double_eq(number(json_object_get(out, "arch"), "macs"), number(json_object_get(out, "smallest"), "macs"));
    ck_assert(number(out, "memory_bytes") > 0);
    double parameters = number(out, "parameters");
    ck_assert_int_eq((int)number(out, "steps"), 32);
    ck_assert(json_is_null(json_object_get(out, "step_seconds")) && json_is_null(json_object_get(out, "train_seconds")));
    json_decref(out);
    ck_run(0, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --set data.source=/nope --json"); // the space alone
    ck_printed("err", "no forecast of memory and time: data.source: /nope");
    out = printed_json();
    ck_assert_double_eq(number(out, "parameters"), parameters);
    ck_assert(json_is_null(json_object_get(out, "memory_bytes")) && json_is_null(json_object_get(out, "step_seconds")));
    json_decref(out);
    ck_run(0, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --set data.source=/nope --set space.arch=skip,skip,skip");
    ck_printed("out", "space: 1 architecture, 3 decisions");
    ck_run(2, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --set data.source=/nope --arch skip");
    ck_run(3, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --set space.classes=9"); // data that contradict are a mistake
    ck_run(0, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --archs all --csv | sort -u | wc -l");
    ck_assert_int_eq(atoi(read_all("out")), 28);
    ck_run(2, "\"$S\" describe \"$SRC/configs/smoke.yaml\" --csv");
    ck_run(0, "\"$S\" describe \"$SRC/configs/nasbench-macro-cifar10.yaml\" --set data.source=/nope --json"); // for programs
    out = printed_json();
    ck_assert_str_eq(json_string_value(json_object_get(out, "size")), "6561");
    ck_assert(json_is_null(json_object_get(out, "steps")));
    json_t *decisions = json_object_get(out, "decisions"), *last = json_array_get(decisions, 7);
    ck_assert_uint_eq(json_array_size(decisions), 8);
    ck_assert_str_eq(json_string_value(json_object_get(last, "name")), "stage3.layer3");
    ck_assert_uint_eq(json_array_size(json_object_get(last, "options")), 3);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(last, "options"), 2)), "mb6_k5");
    json_decref(out);
}
END_TEST

START_TEST(verified) {
    ck_run(0, "\"$S\" rank run --sample 2 && \"$S\" verify run/checkpoints/step-00000032.h5 run/ranking.h5");
    ck_printed("out",
               "step-00000032.h5: whole: checkpoint of step 32: 13458 parameters in 59 tensors, slots momentum; space of 27 "
               "architectures, 3 decisions; config of 1 epoch, batch 64; ");
    ck_printed("out", "ranking.h5: whole: ranking of ");
    ck_printed("out", " (BN recalibrate 250 images, batches of 125; 500 images of validation, order of seed 1)");
    ck_run(0, "cp run/checkpoints/step-00000032.h5 cut.h5 && truncate -s -1 cut.h5");
    ck_run(4, "\"$S\" verify cut.h5");
    ck_printed("err", "cut.h5");
    ck_run(0, "cp run/checkpoints/step-00000032.h5 flipped.h5 && printf '\\377' | dd of=flipped.h5 bs=1 seek=5001 conv=notrunc");
    ck_run(4, "\"$S\" verify flipped.h5");
    ck_run(4, "\"$S\" eval flipped.h5 --arch skip,skip,skip");
    ck_run(4, "\"$S\" verify \"$SRC/LICENSE\"");
    ck_run(2, "\"$S\" rank nothing");
    ck_run(0, "\"$S\" verify run/ranking.h5 --quiet --threads 2 --device cpu");
}
END_TEST

// Every file gets its word, also behind a bad one.
START_TEST(verified_many) {
    ck_run(0, "\"$S\" trace \"$SRC/configs/smoke.yaml\" --steps 1:2 --inputs-only -o steps.h5 && "
              "\"$S\" eval run --arch skip,skip,skip --images 20 --logits logits.h5 && head -c 600 steps.h5 >half.h5");
    ck_run(4, "\"$S\" verify half.h5 none.h5 steps.h5 logits.h5");
    ck_printed("err", "half.h5: damaged");
    ck_printed("err", "none.h5");
    ck_printed("err", "not whole: 2 of 4 files");
    ck_printed("out", "steps.h5: whole: trace of steps 1 to 2, inputs only: sampler uniform, batch 64; ");
    ck_printed("out", "logits.h5: whole: logits of 1 architecture on 20 images of the validation split, BN recalibrate 250 "
                      "images, batches of 125; ");
    ck_run(4, "\"$S\" verify steps.h5 half.h5 run/checkpoints/step-00000032.h5 --json");
    json_t *out = printed_json(), *files = json_object_get(out, "files");
    ck_assert_uint_eq(json_array_size(files), 3);
    json_t *trace = json_array_get(files, 0), *half = json_array_get(files, 1), *checkpoint = json_array_get(files, 2);
    ck_assert_str_eq(json_string_value(json_object_get(trace, "kind")), "trace");
    ck_assert(json_is_true(json_object_get(trace, "whole")) && json_is_false(json_object_get(half, "whole")));
    ck_assert_int_eq((int)number(half, "code"), 4);
    ck_assert_int_eq((int)number(checkpoint, "step"), 32);
    ck_assert_str_eq(json_string_value(json_object_get(checkpoint, "space_size")), "27");
    json_decref(out);
    ck_run(0, "\"$S\" verify steps.h5 --json"); // one file: the same shape
    out = printed_json();
    ck_assert_uint_eq(json_array_size(json_object_get(out, "files")), 1);
    json_decref(out);
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
    tcase_add_test(c, lost_output);
    tcase_add_test(c, closed_streams);
    tcase_add_test(c, pipes);
    tcase_add_test(c, wrong_configs);
    tcase_add_test(c, trained);
    tcase_add_test(c, edited_config);
    tcase_add_test(c, folder_of_another_config);
    tcase_add_test(c, guarded);
    tcase_add_test(c, evaluated);
    tcase_add_test(c, ranked);
    tcase_add_test(c, ranked_by);
    tcase_add_test(c, best_of_the_whole_space);
    tcase_add_test(c, effects);
    tcase_add_test(c, ranked_to_csv);
    tcase_add_test(c, ranking_as_text);
    tcase_add_test(c, part_of_a_space);
    tcase_add_test(c, retrained);
    tcase_add_test(c, own_validation_and_no_test);
    tcase_add_test(c, digits);
    tcase_add_test(c, shared_decision);
    tcase_add_test(c, traps);
    tcase_add_test(c, exported);
    tcase_add_test(c, traced);
#if !defined(__SANITIZE_ADDRESS__)
    tcase_add_test(c, forecast_of_memory);
#endif
    tcase_add_test(c, choice_first);
    tcase_add_test(c, stopped);
    tcase_add_test(c, diverged);
    tcase_add_test(c, timed);
    tcase_add_test(c, described);
    tcase_add_test(c, verified);
    tcase_add_test(c, verified_many);
    suite_add_tcase(s, c);
    return run_suite(s);
}
