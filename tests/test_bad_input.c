// What a user can get wrong, and what a machine can lack, at the level of the program: one clear message, the documented exit
// code, no crash, and the last good checkpoint still there. Not here: wrong configs (test_config.c), damaged data
// (test_dataset.c), failing saves (test_reliability.c).
#include "h5bytes.h"
#include "io/files/h5file.h"
#include "processes.h"

#include <stdint.h>

#define TRAIN(run) "train", at("c.yaml"), "-o", run, "--threads", "2", "--quiet"

static const char *trained;

static void make_trained(void) {
    program_setup();
    put_config(at("c.yaml"), "epochs: 1");
    trained = lasting(at("trained"));
    ck_code(0, RUN(PLAIN, TRAIN(trained)));
}

static void copy_run(const char *to) {
    pid_t p = fork();
    if (!p) {
        execlp("cp", "cp", "-r", trained, to, (char *)NULL);
        _exit(1);
    }
    ck_assert_int_eq(wait_for(p), 0);
}

START_TEST(not_a_run) {
    static const char *const commands[] = {"eval", "rank", "retrain"};
    for (int i = 0; i < 3; i++) {
        ck_code(2, RUN(PLAIN, commands[i], at("nowhere")));
        ck_said("nowhere");
        ck_assert_int_ne(access(at("nowhere"), F_OK), 0); // nothing is made by asking
    }
    ck_assert_int_eq(mkdir(at("empty"), 0777), 0);
    for (int i = 0; i < 3; i++) {
        int code = RUN(PLAIN, commands[i], at("empty"));
        ck_assert_msg(code == 2 || code == 3, "%s: exit %d: %s", commands[i], code, said);
        ck_said("config.yaml");
        ck_assert_int_eq(count_files(at("empty")), 0);
    }
    ck_code(2, RUN(PLAIN, "retrain", checkpoint(trained, STEPS_PER_EPOCH), "--arch", "skip,skip,skip"));
    ck_said("run folder");
}
END_TEST

// Each kind of file where another is wanted.
START_TEST(files_of_another_kind) {
    const char *run = lasting(at("kinds"));
    copy_run(run);
    ck_code(0, RUN(PLAIN, "rank", run, "--sample", "2", "--quiet"));
    ck_code(3, RUN(PLAIN, "train", checkpoint(run, STEPS_PER_EPOCH)));
    ck_said("step-00000040.h5");
    ck_code(2, RUN(PLAIN, "train", at("kinds/checkpoints"), "-o", at("x")));
    ck_said("`supernet train` needs a run folder; there is no ");
    ck_code(4, RUN(PLAIN, "eval", at("c.yaml"), "--sample", "1"));
    ck_said("c.yaml");
    ck_code(4, RUN(PLAIN, "eval", at("kinds/ranking.h5"), "--sample", "1"));
    ck_said("ranking.h5");
    ck_code(4, RUN(PLAIN, "verify", at("c.yaml")));
    ck_code(4, RUN(PLAIN, "verify", at("none.h5")));
    ck_code(0, RUN(PLAIN, "verify", at("kinds"))); // all that lies in the run
    unlink(at("kinds/ranking.h5"));
    put_file(at("kinds/ranking.h5"), "garbage", 7);
    ck_code(4, RUN(PLAIN, "verify", at("kinds")));
    ck_code(4, RUN(PLAIN, "rank", run));
    ck_said("ranking.h5");
    ck_assert_uint_eq(get_file(at("kinds/ranking.h5"), printed, sizeof printed), 7); // left as it was
}
END_TEST

// A file with sound checksums that says it is a checkpoint of this config, and has no parameters.
static void put_checkpoint(const char *path, const char *config) {
    sn_h5w *w;
    ck_assert_int_eq(sn_h5_create(1 << 16, &w), SN_OK);
    ck_assert_int_eq(sn_h5_attr_text(w, "/", "format", "supernet-checkpoint"), SN_OK);
    ck_assert_int_eq(sn_h5_attr_int(w, "/", "format_version", 1), SN_OK);
    ck_assert_int_eq(sn_h5_attr_text(w, "/", "config", config), SN_OK);
    ck_assert_int_eq(sn_h5_attr_text(w, "/", "data", "none"), SN_OK);
    ck_assert_int_eq(sn_h5_attr_int(w, "/", "step", 1), SN_OK);
    ck_assert_int_eq(sn_h5_attr_int(w, "/", "best_step", 0), SN_OK);
    ck_assert_int_eq(sn_h5_attr_f64(w, "/", "best", NAN), SN_OK);
    ck_assert_int_eq(sn_h5_save(w, path), SN_OK);
    sn_h5w_free(w);
}

// verify reads a checkpoint as training would, so that "whole" is more than a checksum.
START_TEST(checkpoint_without_content) {
    char text[8192];
    put_checkpoint(at("lie.h5"), "train: {epochs: 1}");
    ck_code(4, RUN(PLAIN, "verify", at("lie.h5")));
    ck_said("lie.h5: the config in it is not valid: ");
    text[get_file(at("c.yaml"), text, sizeof text - 1)] = 0;
    put_checkpoint(at("lie.h5"), text); // a stranger's, which would choose where this machine writes
    ck_code(4, RUN(PLAIN, "verify", at("lie.h5")));
    ck_said("data.cache: a key of the machine; ");
    ck_code(3, RUN(PLAIN, "eval", at("lie.h5"), "--sample", "1"));
    ck_said("data.cache: a key of the machine; ");
    char *cache = strstr(text, "cache: "), *behind = strstr(cache, "validation: ");
    memmove(cache, behind, strlen(behind) + 1);
    put_checkpoint(at("lie.h5"), text);
    ck_code(4, RUN(PLAIN, "verify", at("lie.h5")));
    ck_said("lie.h5: /params/stem.weight: not there");
}
END_TEST

// The trained checkpoint with another number in an attribute of "/", under a right checksum.
static void put_changed(const char *to, const char *attribute, int64_t value) {
    size_t n, length = strlen(attribute) + 1, padded = (length + 7) / 8 * 8;
    unsigned char *p = load_file(checkpoint(trained, STEPS_PER_EPOCH), &n), *at = p;
    while ((at = memmem(at, n - (size_t)(at - p), attribute, length)) && at[-1]) at++; // not the end of another name
    ck_assert_ptr_nonnull(at);
    memcpy(at + padded + 24, &value, 8); // behind the padded name, its type (16 bytes) and shape (8)
    h5_seal(p, n);
    put_file(to, p, n);
    free(p);
}

// Numbers that no training of this config makes: refused by every command that reads them, and by the name of a run folder.
START_TEST(impossible_steps) {
    static const int64_t steps[] = {-1, INT64_MIN, INT64_MAX, STEPS_PER_EPOCH + 1};
    const char *run = lasting(at("steps"));
    copy_run(run);
    put_changed(at("same.h5"), "step", STEPS_PER_EPOCH);
    ck_code(0, RUN(PLAIN, "verify", at("same.h5")));
    ck_code(0, RUN(PLAIN, "eval", at("same.h5"), "--sample", "1"));
    for (int i = 0; i < 4; i++) {
        put_changed(at("other.h5"), "step", steps[i]);
        ck_code(i == 3 ? 0 : 4, RUN(PLAIN, "verify", at("other.h5"))); // it does not know how many images there are
        ck_code(4, RUN(PLAIN, "eval", at("other.h5"), "--sample", "1"));
        ck_said(i == 3 ? "other.h5: step 41, but the training of its config has 40" : "other.h5: step ");
        put_changed(checkpoint(run, STEPS_PER_EPOCH), "step", steps[i]);
        ck_code(4, RUN(PLAIN, TRAIN(run)));
        ck_said("step");
        ck_code(4, RUN(PLAIN, "verify", checkpoint(run, STEPS_PER_EPOCH)));
        ck_said(i == 3 ? "holds step 41, which is not that of its name" : "0 to 2^32 are allowed");
    }
    put_changed(at("other.h5"), "best_step", -1);
    ck_code(4, RUN(PLAIN, "verify", at("other.h5")));
    ck_said("best_step -1");
}
END_TEST

// Sound files that are none of ours, and one whose config asks for more memory than any file could fill.
START_TEST(verify_believes_nothing) {
    sn_h5w *w;
    ck_ok(sn_h5_create(4096, &w));
    ck_ok(sn_h5_attr_text(w, "/", "kind", "\x1b[31mred"));
    ck_ok(sn_h5_save(w, at("foreign.h5")));
    sn_h5w_free(w);
    ck_code(4, RUN(PLAIN, "verify", at("foreign.h5")));
    ck_said("foreign.h5: whole, but neither a checkpoint nor a ranking");
    put_checkpoint(at("bomb.h5"), "data: {source: /d}\n"
                                  "space:\n"
                                  "  input: {channels: 1, height: 28, width: 28}\n"
                                  "  classes: 10\n"
                                  "  blocks: {a: {op: conv, kernel: 7}}\n"
                                  "  network:\n"
                                  "    - {op: conv, kernel: 3, out: 4096}\n"
                                  "    - {layers: 60, out: 4096, choose: [a]}\n"
                                  "    - {op: classifier}\n");
    ck_code(4, RUN(PLAIN, "verify", at("bomb.h5")));
    ck_said("bytes do not hold");
}
END_TEST

START_TEST(unknown_archs) {
    static const char *const wrong[] = {"skip,skip", "skip,skip,skip,skip", "skip,skip,mb9_k9", "", "000", "skip,,skip", "-,-,-"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_code(2, RUN(PLAIN, "eval", trained, "--arch", wrong[i]));
        ck_code(2, RUN(PLAIN, "retrain", trained, "--arch", wrong[i]));
        ck_said("arch");
    }
    put_file(at("list"), "skip,skip,skip\n\n# more\nskip,skip\n", 33);
    ck_code(2, RUN(PLAIN, "eval", trained, "--archs", at("list")));
    ck_said("list:4: ");
    put_file(at("list"), "\n", 1);
    ck_code(2, RUN(PLAIN, "eval", trained, "--archs", at("list")));
    ck_code(2, RUN(PLAIN, "eval", trained, "--archs", at("nolist")));
    ck_said("nolist");
    ck_code(2, RUN(PLAIN, "eval", trained, "--arch", "best"));
    ck_said("supernet rank");
}
END_TEST

// A run folder may move, and its checkpoints are complete by themselves.
START_TEST(moved) {
    char first[OUTPUT];
    const char *path = lasting(at("moved/far/away"));
    copy_run(at("here"));
    ck_code(0, RUN(PLAIN, "eval", at("here"), "--arch", "skip,mb2_k3,sep_k3", "--json"));
    snprintf(first, sizeof first, "%s", printed);
    make_parents(path);
    ck_assert_int_eq(rename(at("here"), path), 0);
    ck_code(0, RUN(PLAIN, "eval", path, "--arch", "skip,mb2_k3,sep_k3", "--json"));
    ck_assert_str_eq(printed, first);
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", path));
    ck_said("is finished");
    ck_code(0, RUN(PLAIN, "eval", checkpoint(path, STEPS_PER_EPOCH), "--arch", "skip,mb2_k3,sep_k3", "--json"));
    ck_assert_str_eq(printed, first);
    ck_assert_int_eq(rename(checkpoint(path, STEPS_PER_EPOCH), at("bare.h5")), 0);
    remove_tree(at("moved"));
    ck_code(0, RUN(PLAIN, "eval", at("bare.h5"), "--arch", "skip,mb2_k3,sep_k3", "--json"));
    ck_assert_str_eq(printed, first);
}
END_TEST

START_TEST(data_is_gone_or_changed) {
    const char *run = lasting(at("run"));
    copy_run(run);
    ck_assert_int_eq(rename(at("data"), at("elsewhere")), 0);
    ck_code(4, RUN(PLAIN, "eval", run, "--sample", "1"));
    ck_said("data.source: ");
    ck_code(4, RUN(PLAIN, TRAIN(run)));
    ck_code(4, RUN(PLAIN, "eval", checkpoint(run, STEPS_PER_EPOCH), "--sample", "1"));
    ck_assert_int_eq(rename(at("elsewhere"), at("data")), 0);
    ck_code(0, RUN(PLAIN, "eval", run, "--sample", "1"));
    int fd = open(at("data/train-images-idx3-ubyte"), O_RDWR);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, "changed", 7, 5000), 7);
    ck_code(4, RUN(PLAIN, TRAIN(run)));
    ck_said("other data");
    ck_code(4, RUN(PLAIN, "eval", run, "--sample", "1"));
    ck_said("other data");
    ck_assert_int_eq(ftruncate(fd, 10000), 0);
    ck_code(4, RUN(PLAIN, TRAIN(run)));
    ck_said("train-images-idx3-ubyte");
    close(fd);
    put_data(); // for the other tests
}
END_TEST

// As a user who may read only.
START_TEST(no_permission) {
    if (geteuid()) {
        puts("skipped: no_permission starts the program as another user, which only root may");
        return;
    }
    const char *run = lasting(at("locked"));
    copy_run(run);
    how nobody = {.nobody = true};
    ck_assert_int_eq(chmod(at("cache"), 0777), 0);
    ck_code(1, RUN(nobody, TRAIN(run)));
    ck_said("locked/.lock: cannot open");
    ck_said("(EACCES)");
    ck_code(1, RUN(nobody, "rank", run));
    ck_said("(EACCES)");
    ck_code(0, RUN(nobody, "eval", run, "--sample", "1"));
    ck_code(1, RUN(nobody, "eval", run, "--sample", "1", "--split", "test")); // a use that cannot be logged is refused
    ck_said("log.jsonl: cannot open");
    ck_assert_uint_eq(strlen(printed), 0);
    ck_assert_int_eq(mkdir(at("mine"), 0700), 0);
    ck_code(1, RUN(nobody, TRAIN(at("mine/run"))));
    ck_said("mine/run: cannot make this folder: Permission denied (EACCES)");
    ck_assert_int_eq(chmod(at("c.yaml"), 0600), 0);
    ck_code(3, RUN(nobody, TRAIN(at("any"))));
    ck_said("c.yaml: cannot be opened: Permission denied");
    ck_assert_int_eq(chmod(at("c.yaml"), 0644), 0);
    // A folder that becomes closed while it is trained in: periodic saves warn, the last one is exit 1.
    ck_assert_int_eq(mkdir(at("closing"), 0777), 0);
    ck_assert_int_eq(chmod(at("closing"), 0777), 0);
    put_config(at("more.yaml"), "epochs: 5, save_every: 5");
    pid_t p = START(nobody, 0, "train", at("more.yaml"), "-o", at("closing/run"), "--threads", "1");
    wait_for_step(at("closing/run"), 30, p);
    ck_assert_int_eq(chown(at("closing/run/checkpoints"), 0, 0), 0);
    ck_code(1, finish(p, 0));
    ck_said("checkpoint not saved, training goes on: ");
    ck_said("step-00000200.h5: cannot write to its folder: Permission denied (EACCES)");
    ck_code(0, RUN(PLAIN, "verify", checkpoint(at("closing/run"), newest(at("closing/run")))));
}
END_TEST

// Address space of every size from what the loader needs to plenty: done, or exit 5 with a message, never a crash.
START_TEST(little_memory) {
#if defined(__SANITIZE_ADDRESS__)
    puts("skipped: the address sanitizer needs all of the address space");
#else
    int done = 0, refused_runs = 0;
    for (size_t mib = 24; mib <= 640; mib += mib < 110 ? 1 : 48) {
        const char *run = lasting(at("as%zu", mib));
        int code = RUN(((how){.memory = mib << 20}), TRAIN(run));
        // a library of a library that fails before main, where the memory ends just there
        if (code == SIGNALLED + SIGSEGV && strstr(said, "Error in GnuTLS initialization")) continue;
        ck_assert_msg(code == 0 || code == 5 || code == 127, "%zu MiB: exit %d: %s", mib, code, said);
        if (code == 5) ck_assert_msg(*said, "%zu MiB: no message", mib);
        done += !code, refused_runs += code == 5;
    }
    ck_assert_int_ge(done, 1);
    ck_assert_int_ge(refused_runs, 3);
#endif
}
END_TEST

// Nets and batches far beyond the machine are refused before memory is touched.
START_TEST(too_large) {
    put_config(at("large.yaml"), "epochs: 1");
    char text[4096];
    size_t n = get_file(at("large.yaml"), text, sizeof text);
    text[n] = 0;
    char *layers = strstr(text, "out: 8, stride");
    ck_assert_ptr_nonnull(layers);
    char larger[4200];
    n = (size_t)snprintf(larger, sizeof larger, "%.*sout: 16384, stride%s", (int)(layers - text), text, layers + 14);
    put_file(at("large.yaml"), larger, n);
    double then = seconds();
#if defined(__SANITIZE_ADDRESS__)
    puts("skipped in part: the address sanitizer needs all of the address space");
#else
    ck_code(5, RUN(((how){.memory = (size_t)1 << 30}), "train", at("large.yaml"), "-o", at("large")));
    ck_said("out of memory");
#endif
    ck_assert(seconds() - then < 60);
    ck_code(3, RUN(PLAIN, "train", at("c.yaml"), "-o", at("batch"), "--set", "train.batch=60000"));
    ck_said("train.batch is 60000");
}
END_TEST

// Truncated configs and run folders: exit 3 or 4, never anything else.
START_TEST(cut_files) {
    const char *run = lasting(at("cut"));
    char text[8192];
    size_t n = get_file(at("c.yaml"), text, sizeof text);
    for (size_t cut = 0; cut < n; cut += 29) {
        put_file(at("half.yaml"), text, cut);
        int code = RUN(PLAIN, "describe", at("half.yaml"));
        ck_assert_msg(code == 3 || code == 0, "cut to %zu: exit %d: %s", cut, code, said);
        if (code) ck_said("half.yaml:");
    }
    copy_run(run);
    n = get_file(at("cut/config.yaml"), text, sizeof text);
    put_file(at("cut/config.yaml"), text, n / 4); // within the keys that bind the training
    ck_code(3, RUN(PLAIN, "eval", run, "--sample", "1"));
    ck_said("cut/config.yaml:");
    ck_code(0, RUN(PLAIN, TRAIN(run))); // the checkpoint knows the config, and the file is written anew
    ck_code(0, RUN(PLAIN, "eval", run, "--sample", "1"));
}
END_TEST

int main(void) {
    Suite *s = suite_create("bad_input");
    TCase *t = tcase_create("all");
    tcase_add_unchecked_fixture(t, make_trained, folder_remove);
    tcase_set_timeout(t, 240);
    tcase_add_test(t, not_a_run);
    tcase_add_test(t, files_of_another_kind);
    tcase_add_test(t, checkpoint_without_content);
    tcase_add_test(t, impossible_steps);
    tcase_add_test(t, verify_believes_nothing);
    tcase_add_test(t, unknown_archs);
    tcase_add_test(t, moved);
    tcase_add_test(t, data_is_gone_or_changed);
    tcase_add_test(t, no_permission);
    tcase_add_test(t, little_memory);
    tcase_add_test(t, too_large);
    tcase_add_test(t, cut_files);
    suite_add_tcase(s, t);
    return run_suite(s);
}
