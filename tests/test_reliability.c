// The program when it is killed, stopped and refused by the machine: the same bytes in the end (reliability plan R1, R3, R6, R7,
// R9, R11). Every test trains the tiny supernet of processes.h and holds the last checkpoint against that of an unbroken run. Not
// here: single calls of a save (test_faults.c), wrong input (test_bad_input.c).
#include "processes.h"

#include <stdint.h>

// A longer training for kills and signals, a shorter one for failing saves; a save every 10 steps at least.
enum { STEPS = 5 * STEPS_PER_EPOCH, SHORT_STEPS = STEPS_PER_EPOCH, SHORT_SAVE = 10 };

#define TRAIN(run) "train", at("c.yaml"), "-o", run, "--threads", "1", "--quiet"
#define SHORT(run) "train", at("short.yaml"), "-o", run, "--threads", "1"

static const char *whole, *short_whole; // unbroken runs
static unsigned random_state = 1;

static double uniform(void) {
    random_state = random_state * 1664525 + 1013904223;
    return random_state / 4294967296.0;
}

// Before all tests, in the process that forks them.
static void make_whole_runs(void) {
    program_setup();
    put_config(at("c.yaml"), "epochs: 5, save_every: 5");
    put_config(at("short.yaml"), "epochs: 1, save_every: 10");
    whole = lasting(at("whole"));
    short_whole = lasting(at("short"));
    ck_code(0, RUN(PLAIN, TRAIN(whole)));
    ck_code(0, RUN(PLAIN, SHORT(short_whole)));
}

static void ck_finished(const char *run) {
    ck_assert_msg(same_files(checkpoint(whole, STEPS), checkpoint(run, STEPS)), "%s ended with other bytes", run);
}

static void ck_short_finished(const char *run) {
    ck_assert_msg(same_files(checkpoint(short_whole, SHORT_STEPS), checkpoint(run, SHORT_STEPS)), "%s ended with other bytes",
                  run);
}

static void ck_no_temporaries(const char *run) {
    char folder[512];
    snprintf(folder, sizeof folder, "%s/checkpoints", run);
    DIR *d = opendir(folder);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));)
        ck_assert_msg(e->d_name[0] != '.' || !strstr(e->d_name, ".tmp"), "%s is left", e->d_name);
    closedir(d);
}

// --- R1: SIGKILL

// Lets a run get to a step, kills it a moment later; the next start must go on from the newest checkpoint.
START_TEST(killed_twenty_times) {
    enum { KILLS = SN_OFTEN(20) };
    const char *run = lasting(at("killed"));
    long before = -1;
    for (int i = 0; i < KILLS; i++) {
        long target = (2 * i + 1) * STEPS / (2 * KILLS);
        char fault[32];
        bool inside = i % 4 == 1; // of the first save of this process, at one of its calls 1 to 6
        snprintf(fault, sizeof fault, "1:%d:s9", 1 + i / 4);
        pid_t p = START(((how){.fault = inside ? fault : NULL, .folder = "/killed/checkpoints"}), 0, "train", at("c.yaml"), "-o",
                        run, "--threads", "1");
        if (!inside) {
            wait_for_step(run, target, p);
            wait_ms(5 * uniform());
            kill(p, SIGKILL);
        }
        ck_code(SIGNALLED + SIGKILL, finish(p, 0));
        ck_not_said("passed over");
        ck_assert_int_eq(resumed_after(), before);
        before = newest(run);
        ck_assert_int_ge(before, inside ? -1 : target);
    }
    ck_assert_int_ge(before, STEPS - STEPS / KILLS);
    ck_code(0, RUN(PLAIN, TRAIN(run)));
    ck_finished(run);
    ck_no_temporaries(run);
}
END_TEST

// Kills at random times, wherever that is: start, reading of data, steps, validation, saves.
START_TEST(killed_at_random_times) {
    const char *run = lasting(at("random"));
    double length = seconds();
    ck_code(0, RUN(PLAIN, TRAIN(at("timed"))));
    length = 1000 * (seconds() - length);
    for (int kills = 0, i = 0; kills < 5; i++) { // more than one run, should the machine become faster
        ck_assert_int_lt(i, 300);
        pid_t p = START(PLAIN, 0, TRAIN(run));
        wait_ms(length * 0.3 * uniform());
        kill(p, SIGKILL);
        int code = finish(p, 0);
        ck_assert_msg(code == 0 || code == SIGNALLED + SIGKILL, "exit %d: %s", code, said);
        kills += code != 0;
        if (code) continue;
        ck_finished(run);
        remove_tree(run);
    }
    ck_code(0, RUN(PLAIN, TRAIN(run)));
    ck_finished(run);
}
END_TEST

// --- R3: SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2

START_TEST(stopped_by_signals) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    int number = numbers[_i], stops = 0, code = 75;
    const char *run = lasting(at("stopped%d", _i));
    enum { STOPS = SN_OFTEN(20) };
    for (int i = 0; i <= STOPS && code; i++) {
        long from = newest(run), to = (2 * i + 1) * STEPS / (2 * STOPS);
        pid_t p = START(PLAIN, 0, "train", at("c.yaml"), "-o", run, "--threads", "2");
        wait_for_step(run, to > from ? to : from + 1, p); // a checkpoint of its own: it listens to signals by then
        wait_ms(5 * uniform());
        long before = newest(run);
        double then = seconds();
        kill(p, number);
        code = finish(p, 0);
        ck_assert_msg(code == 0 || code == 75, "exit %d: %s", code, said);
        if (code != 75) continue;
        stops++;
        ck_assert(seconds() - then < 30); // a step and a save of this net take milliseconds
        ck_assert_int_gt(newest(run), before - 1);
        char text[64];
        snprintf(text, sizeof text, "stopped after step %ld of %d", newest(run), STEPS);
        ck_said(text);
    }
    if (code) ck_code(0, RUN(PLAIN, TRAIN(run)));
    ck_assert_int_ge(stops, STOPS - STOPS / 4);
    ck_finished(run);
}
END_TEST

// The usual end of work over ssh: the terminal goes, and every write to it fails from then on.
START_TEST(terminal_goes) {
    const char *run = lasting(at("gone"));
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert(terminal >= 0 && !grantpt(terminal) && !unlockpt(terminal));
    const char *name = lasting(ptsname(terminal));
    put_config(at("long.yaml"), "epochs: 1000, save_every: 10");
    pid_t p = fork();
    if (!p) {
        setsid();
        int tty = open(name, O_RDWR); // the first one becomes the controlling terminal
        for (int fd = 0; fd < 3; fd++) dup2(tty, fd);
        for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
        execl(SN_PROGRAM, "supernet", "train", at("long.yaml"), "-o", run, "--threads", "1", (char *)NULL);
        _exit(98);
    }
    wait_for_step(run, 10, p);
    long before = newest(run);
    close(terminal);
    int state = wait_for(p);
    ck_assert_msg(WIFEXITED(state) && WEXITSTATUS(state) == 75, "status %x", (unsigned)state);
    ck_assert_int_gt(newest(run), before);
}
END_TEST

// What nohup does: the signal is ignored from the start, and stays so.
START_TEST(hang_up_is_ignored) {
    const char *run = lasting(at("nohup"));
    char command[2048];
    put_config(at("long.yaml"), "epochs: 1000, save_every: 10");
    snprintf(command, sizeof command, "trap '' HUP; exec '%s' train '%s' -o '%s' --threads 1 -q >/dev/null 2>&1", SN_PROGRAM,
             at("long.yaml"), run);
    pid_t p = fork();
    if (!p) {
        for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(98);
    }
    wait_for_step(run, 10, p);
    kill(p, SIGHUP);
    wait_for_step(run, newest(run) + 20, p);
    ck_assert(!is_over(p));
    kill(p, SIGTERM);
    int state = wait_for(p);
    ck_assert_msg(WIFEXITED(state) && WEXITSTATUS(state) == 75, "status %x", (unsigned)state);
}
END_TEST

// A signal inside a periodic save ends the run after one more step; a second one inside the last save changes nothing.
START_TEST(signals_inside_a_save) {
    for (int call = 0; call < 8; call++) {
        const char *run = lasting(at("inside%d", call));
        char fault[64];
        snprintf(fault, sizeof fault, "2:%d:s%d,3:%d:s%d", call, SIGTERM, call, SIGINT);
        ck_code(75, RUN(((how){.fault = fault, .folder = "/checkpoints"}), SHORT(run)));
        ck_assert_int_eq(newest(run), 21);
        ck_code(0, RUN(PLAIN, SHORT(run)));
        ck_short_finished(run);
        remove_tree(run);
    }
}
END_TEST

// --- R6, R7: failing calls, full disks

static const struct {
    int error;
    const char *name;
} errors[] = {{ENOSPC, "ENOSPC"}, {EIO, "EIO"}, {EDQUOT, "EDQUOT"}, {EROFS, "EROFS"}, {EMFILE, "EMFILE"}, {EINTR, NULL}};
enum { CALLS = 8, LAST_CLOSE = 7 };

// One periodic save fails: a warning names file and errno, training goes on and ends with the same bytes.
START_TEST(periodic_save_fails) {
    for (int call = 0; call < CALLS; call++) {
        const char *run = lasting(at("periodic%d", call));
        char fault[64];
        snprintf(fault, sizeof fault, "2:%d:e%d", call, errors[_i].error);
        ck_code(0, RUN(((how){.fault = fault, .folder = "/checkpoints"}), SHORT(run)));
        ck_short_finished(run);
        ck_no_temporaries(run);
        if (!errors[_i].name || call == LAST_CLOSE) {
            ck_not_said("warning");
        } else {
            ck_said("warning: checkpoint not saved, training goes on: ");
            ck_said("/checkpoints/step-00000020.h5: cannot ");
            ck_said(errors[_i].name);
        }
        remove_tree(run);
    }
}
END_TEST

// The last save fails: exit 5, the one before stands, the same command ends the work.
START_TEST(last_save_fails) {
    for (int call = 0; call < CALLS; call++) {
        const char *run = lasting(at("last%d", call));
        char fault[64];
        snprintf(fault, sizeof fault, "4:%d:e%d", call, errors[_i].error);
        bool fails = errors[_i].name && call != LAST_CLOSE;
        ck_code(fails ? 5 : 0, RUN(((how){.fault = fault, .folder = "/checkpoints"}), SHORT(run)));
        if (fails) {
            ck_said("/checkpoints/step-00000040.h5: cannot ");
            ck_said(errors[_i].name);
            ck_code(0, RUN(PLAIN, "verify", checkpoint(run, SHORT_STEPS - SHORT_SAVE)));
            ck_code(0, RUN(PLAIN, SHORT(run)));
        }
        ck_short_finished(run);
        remove_tree(run);
    }
}
END_TEST

// No save works at all: every one is warned of, the end is exit 5 and no checkpoint.
START_TEST(no_save_works) {
    const char *run = lasting(at("never"));
    ck_code(5, RUN(((how){.fault = "0:2:e28", .folder = "/checkpoints"}), SHORT(run)));
    int warnings = 0;
    for (const char *p = said; (p = strstr(p, "checkpoint not saved")); p++) warnings++;
    ck_assert_int_eq(warnings, SHORT_STEPS / SHORT_SAVE - 1);
    ck_assert_int_eq(newest(run), -1);
    ck_no_temporaries(run);
}
END_TEST

// The largest file that may be written, at 32 sizes up to the checkpoint's and 64 KiB more.
START_TEST(largest_file) {
    struct stat s;
    ck_assert_int_eq(stat(checkpoint(short_whole, SHORT_STEPS), &s), 0);
    size_t size = (size_t)s.st_size;
    for (size_t i = 0; i < 32; i++) {
        const char *run = lasting(at("limit%zu", i));
        size_t most = 1 + i * (size + (64 << 10)) / 32;
        int code = RUN(((how){.file_size = most}), SHORT(run));
        ck_assert_msg(code == (most < size ? 5 : 0), "limit %zu: exit %d: %s", most, code, said);
        if (code && most > 4096) ck_said("(EFBIG)"); // else the message itself was cut
        ck_assert_int_eq(newest(run), code ? -1 : SHORT_STEPS);
        ck_no_temporaries(run);
        remove_tree(run);
    }
}
END_TEST

static void fill_disk(const char *path) {
    static const char block[4096];
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    ck_assert_int_ge(fd, 0);
    while (write(fd, block, sizeof block) > 0) continue;
    close(fd);
}

// A disk of 8 MiB that becomes full while the program trains on it, and is cleared again.
START_TEST(disk_gets_full) {
    const char *run = lasting(at("disk"));
    ck_assert_int_eq(mkdir(run, 0777), 0);
    if (!own_mounts() || mount("none", run, "tmpfs", 0, "size=16m")) {
        puts("no tmpfs can be mounted here: disk_gets_full is skipped");
        return;
    }
    pid_t p = START(PLAIN, 0, "train", at("c.yaml"), "-o", at("disk/run"), "--threads", "1");
    wait_for_step(at("disk/run"), 50, p);
    fill_disk(at("disk/filler"));
    ck_code(5, finish(p, 0));
    ck_said("warning: checkpoint not saved, training goes on: ");
    ck_said("No space left on device (ENOSPC)");
    long last = newest(at("disk/run"));
    ck_assert_int_ge(last, 50);
    ck_code(0, RUN(PLAIN, "verify", checkpoint(at("disk/run"), last)));
    ck_code(5, RUN(PLAIN, TRAIN(at("disk/run")))); // still full: said at the start
    ck_said("MiB free");
    unlink(at("disk/filler"));
    ck_code(0, RUN(PLAIN, TRAIN(at("disk/run"))));
    ck_finished(at("disk/run"));
    fill_disk(at("disk/filler"));
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", at("disk/run"), "--threads", "1"));
    ck_said("is finished");
    umount(run);
}
END_TEST

// --- R8, R9: damaged checkpoints

static void damage(const char *path, long place, bool cut) {
    struct stat s;
    ck_assert_int_eq(stat(path, &s), 0);
    place = place < 0 ? s.st_size + place : place;
    int fd = open(path, O_RDWR);
    unsigned char byte;
    ck_assert_int_ge(fd, 0);
    if (cut) {
        ck_assert_int_eq(ftruncate(fd, place), 0);
    } else {
        ck_assert_int_eq(pread(fd, &byte, 1, place), 1);
        byte ^= 1;
        ck_assert_int_eq(pwrite(fd, &byte, 1, place), 1);
    }
    close(fd);
}

static void stop_at(const char *run, int step) { // a multiple of 10
    char fault[64];
    snprintf(fault, sizeof fault, "%d:7:s15", step / 10 - 1);
    ck_code(75, RUN(((how){.fault = fault, .folder = "/checkpoints"}), SHORT(run)));
    ck_assert_int_eq(newest(run), step - 9);
}

// The newest checkpoint is cut or has a flipped bit: it is passed over with a warning, and the end is the same.
START_TEST(damaged_newest) {
    static const struct {
        long place;
        bool cut;
        const char *reason;
    } cases[] = {{0, true, ""},  {100, true, ""},  {-1, true, ""}, {0, false, ""},
                 {8, false, ""}, {600, false, ""}, {-1, false, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *run = lasting(at("damaged%zu", i));
        stop_at(run, 30);
        damage(checkpoint(run, 21), cases[i].place, cases[i].cut);
        ck_code(4, RUN(PLAIN, "verify", checkpoint(run, 21)));
        ck_said("step-00000021.h5");
        ck_code(0, RUN(PLAIN, "eval", run, "--sample", "1"));
        ck_said("warning: the weights are older ones, of step 20: passed over: ");
        ck_said("step-00000021.h5");
        ck_code(0, RUN(PLAIN, SHORT(run)));
        ck_said("warning: passed over and renamed *.damaged: ");
        ck_said("step-00000021.h5");
        ck_assert_int_eq(resumed_after(), 20);
        ck_short_finished(run);
        ck_assert_int_ne(access(checkpoint(run, 21), F_OK), 0);
        ck_assert_int_eq(access(at("damaged%zu/checkpoints/step-00000021.h5.damaged", i), F_OK), 0);
        remove_tree(run);
    }
}
END_TEST

// Older weights are never used in silence: whoever reads the run is told, also with --quiet, and the result names their step.
START_TEST(older_weights_are_named) {
    const char *run = lasting(at("older"));
    stop_at(run, 30);
    ck_code(0, RUN(PLAIN, "rank", run, "--sample", "2", "--quiet", "--json"));
    ck_assert_ptr_nonnull(strstr(printed, "\"step\": 21"));
    damage(checkpoint(run, 21), 600, false);
    ck_code(0, RUN(PLAIN, "rank", run, "--sample", "2", "--quiet"));
    ck_said("warning: the weights are older ones, of step 20: passed over: ");
    ck_assert_ptr_nonnull(strstr(printed, "; weights of step 20\n"));
    ck_code(0, RUN(PLAIN, "eval", run, "--sample", "1", "--quiet"));
    ck_said("of step 20");
    ck_assert_ptr_nonnull(strstr(printed, "weights of step 20\n"));
    ck_code(0, RUN(PLAIN, "eval", run, "--sample", "1", "--quiet", "--json"));
    ck_assert_ptr_nonnull(strstr(printed, "\"step\": 20"));
    ck_code(0, RUN(PLAIN, "export", run, "--quiet", "-o", at("older.onnx")));
    ck_said("of step 20");
    ck_assert_ptr_nonnull(strstr(printed, "of step 20,"));
    ck_code(0, RUN(PLAIN, "retrain", run, "--quiet", "--json"));
    ck_said("of step 20");
    ck_assert_ptr_nonnull(strstr(printed, "\"supernet_step\": 20"));
    ck_assert_int_eq(access(checkpoint(run, 21), F_OK), 0); // readers rename nothing
}
END_TEST

// A newest checkpoint that cannot be looked into is not a damaged one: nothing goes on from an older one, nothing is renamed.
START_TEST(unreadable_newest) {
    const char *run = lasting(at("unreadable")), *kept = lasting(at("kept.h5"));
    struct stat st;
    stop_at(run, 30);
    ck_assert_int_eq(rename(checkpoint(run, 21), kept), 0);
    ck_assert_int_eq(symlink(kept, checkpoint(run, 21)), 0);
    ck_code(1, RUN(PLAIN, "eval", run, "--sample", "1"));
    ck_said("step-00000021.h5: not a regular file; ");
    ck_code(1, RUN(PLAIN, SHORT(run)));
    ck_assert(!lstat(checkpoint(run, 21), &st) && S_ISLNK(st.st_mode)); // neither renamed nor replaced
    ck_assert_int_eq(unlink(checkpoint(run, 21)), 0);
    ck_assert_int_eq(rename(kept, checkpoint(run, 21)), 0);
    ck_assert_int_eq(chmod(checkpoint(run, 21), 0), 0);
    if (!getuid()) ck_code(1, RUN(((how){.nobody = true}), "eval", run, "--sample", "1"));
    if (getuid()) ck_code(1, RUN(PLAIN, SHORT(run)));
    ck_said("step-00000021.h5: cannot read: Permission denied (EACCES)");
    ck_assert_int_eq(access(checkpoint(run, 21), F_OK), 0);
}
END_TEST

// A damaged file that is newer than what is saved next does not count among those that are kept.
START_TEST(damaged_does_not_crowd_out) {
    const char *run = lasting(at("crowd"));
    put_config(at("one.yaml"), "epochs: 5, save_every: 10, keep: 1, validate_every: 0");
    ck_code(75, RUN(((how){.fault = "9:7:s15", .folder = "/checkpoints"}), "train", at("one.yaml"), "-o", run));
    ck_assert_int_eq(newest(run), 91);
    ck_assert_int_eq(count_files(at("crowd/checkpoints")), 1);
    put_file(checkpoint(run, 195), "garbage", 7);
    ck_code(75, RUN(((how){.fault = "2:7:s15", .folder = "/checkpoints"}), "train", at("one.yaml"), "-o", run));
    ck_said("passed over");
    ck_assert_int_eq(resumed_after(), 91);
    ck_assert_int_eq(access(checkpoint(run, 111), F_OK), 0);
    ck_code(0, RUN(PLAIN, "train", at("one.yaml"), "-o", run));
    ck_assert_int_eq(resumed_after(), 111);
    ck_assert_int_eq(count_files(at("crowd/checkpoints")), 2);
}
END_TEST

START_TEST(all_damaged) {
    const char *run = lasting(at("all"));
    stop_at(run, 40);
    for (long step = 10; step <= 31; step++)
        if (!access(checkpoint(run, step), F_OK)) damage(checkpoint(run, step), -1, false);
    for (int i = 0; i < 2; i++) {
        ck_code(4, RUN(PLAIN, SHORT(run)));
        ck_said("no checkpoint that is whole");
        ck_said("step-00000031.h5");
    }
    ck_code(4, RUN(PLAIN, "eval", run, "--sample", "1"));
    ck_said("step-00000031.h5");
}
END_TEST

// --- R11: others at the same time

START_TEST(two_trainers) {
    const char *run = lasting(at("both"));
    put_config(at("long.yaml"), "epochs: 1000, save_every: 1000");
    pid_t first = START(PLAIN, 1, "train", at("long.yaml"), "-o", run, "--threads", "1", "--quiet");
    wait_for_file(at("both/config.yaml"), first);
    char owner[128], host[64] = "";
    gethostname(host, sizeof host - 1);
    snprintf(owner, sizeof owner, "in use by pid %ld on %s", (long)first, host);
    for (int i = 0; i < SN_OFTEN(50); i++) {
        ck_code(1, RUN(PLAIN, "train", at("long.yaml"), "-o", run));
        ck_said(owner);
    }
    ck_code(1, RUN(PLAIN, "rank", run));
    ck_said(owner);
    kill(first, SIGTERM);
    ck_code(75, finish(first, 1));
    // Readers need no lock.
    first = START(PLAIN, 1, "train", at("long.yaml"), "-o", run, "--threads", "1", "--quiet");
    ck_code(0, RUN(PLAIN, "eval", run, "--sample", "1"));
    kill(first, SIGKILL);
    ck_code(SIGNALLED + SIGKILL, finish(first, 1));
    ck_code(0, RUN(PLAIN, "rank", run, "--sample", "2")); // the lock died with it
}
END_TEST

// A lock that is deleted while in use lets no second trainer in; when nothing of it is left, or the folder is another one now,
// the first one saves no more.
START_TEST(lock_is_deleted) {
    const char *run = lasting(at("unlocked"));
    put_config(at("long.yaml"), "epochs: 1000, save_every: 10");
    pid_t first = START(PLAIN, 1, "train", at("long.yaml"), "-o", run, "--threads", "1", "--quiet");
    wait_for_step(run, 10, first);
    char owner[64];
    snprintf(owner, sizeof owner, "in use by pid %ld on ", (long)first);
    ck_assert_int_eq(unlink(at("unlocked/lock")), 0);
    ck_code(1, RUN(PLAIN, "train", at("long.yaml"), "-o", run));
    ck_said(owner);
    wait_for_step(run, newest(run) + 20, first);
    ck_assert(!is_over(first));
    ck_assert_int_eq(rename(at("unlocked"), at("moved")), 0);
    ck_assert_int_eq(mkdir(at("unlocked"), 0777), 0);
    ck_code(1, finish(first, 1));
    ck_said("unlocked is not the run folder any more that this process locked");
    ck_assert_int_eq(newest(run), -1);
    ck_code(0, RUN(PLAIN, "eval", at("moved"), "--sample", "1"));
}
END_TEST

// A lock file of a dead process, or with anything in it, stops nobody.
START_TEST(stale_lock) {
    ck_assert_int_eq(mkdir(at("stale"), 0777), 0);
    put_file(at("stale/lock"), "pid 1 on elsewhere\n", 19);
    pid_t p = START(PLAIN, 0, TRAIN(at("stale")));
    wait_for_step(at("stale"), 10, p);
    kill(p, SIGTERM);
    ck_code(75, finish(p, 0));
}
END_TEST

// Killed while its child decodes the data: the child must not hold the lock any longer. A fast machine may be done first.
static void killed_or_done(pid_t p) {
    kill(p, SIGKILL);
    int code = finish(p, 0);
    ck_assert_msg(code == SIGNALLED + SIGKILL || code == 0, "exit %d: %s", code, said);
}

START_TEST(killed_while_decoding) {
    for (int i = 0; i < SN_OFTEN(20); i++) {
        remove_tree(at("cache"));
        remove_tree(at("decoding"));
        pid_t p = START(PLAIN, 0, TRAIN(at("decoding")));
        wait_for_file(at("cache"), p);
        wait_ms(2 * uniform());
        killed_or_done(p);
        p = START(PLAIN, 0, TRAIN(at("decoding")));
        wait_ms(50); // it would be refused at once
        killed_or_done(p);
    }
}
END_TEST

// Whoever reads while a run saves sees a whole file, or one that was pruned meanwhile.
START_TEST(reader_during_saves) {
    const char *run = lasting(at("read"));
    put_config(at("often.yaml"), "epochs: 1000, save_every: 1, validate_every: 0, keep: 10");
    pid_t p = START(PLAIN, 1, "train", at("often.yaml"), "-o", run, "--threads", "1", "--quiet");
    int reads = 0;
    long last = -1;
    while (reads < 20 && !is_over(p)) {
        long step = newest(run);
        ck_assert_int_ge(step, last);
        last = step;
        if (step < 0) continue;
        int code = RUN(PLAIN, "verify", checkpoint(run, step));
        if (code) ck_said("(ENOENT)");
        reads += !code;
    }
    ck_assert_int_eq(reads, 20);
    kill(p, SIGTERM);
    ck_code(75, finish(p, 1));
}
END_TEST

// --- ranking and retraining

// Two runs of the same weights, one of them ranked without a break.
static void put_ranking(void) {
    remove_tree(at("r"));
    remove_tree(at("s"));
    ck_code(0, RUN(PLAIN, SHORT(at("r"))));
    ck_code(0, RUN(PLAIN, SHORT(at("s"))));
    ck_code(0, RUN(PLAIN, "rank", at("r"), "--csv", at("r.csv"), "--quiet"));
}

// Killed inside each save, at random times, and stopped: the same store in the end, no arch scored twice.
START_TEST(ranking_is_broken_off) {
    put_ranking();
    int kills = 0, stops = 0, code;
    for (int i = 0; i < 8; i++) { // inside the saves of the store: each process gets two saves further
        char fault[32];
        snprintf(fault, sizeof fault, "2:%d:s9", i % 7);
        code = RUN(((how){.fault = fault, .folder = "/s"}), "rank", at("s"), "--quiet");
        ck_assert(code == SIGNALLED + SIGKILL || code == 0);
        kills += code != 0;
    }
    ck_assert_int_ge(kills, 4);
    unlink(at("s/ranking.h5"));
    double length = seconds();
    ck_code(0, RUN(PLAIN, "rank", at("s"), "--quiet"));
    length = 1000 * (seconds() - length);
    ck_assert(same_files(at("r/ranking.h5"), at("s/ranking.h5")));
    unlink(at("s/ranking.h5"));
    kills = 0;
    for (int i = 0; i < SN_OFTEN(30) || kills < 3 || stops < 3; i++) {
        ck_assert_int_lt(i, 400);
        pid_t p = START(PLAIN, 0, "rank", at("s"));
        wait_ms(length * uniform());
        kill(p, i % 2 ? SIGKILL : SIGTERM);
        code = finish(p, 0);
        if (code == 75) ck_said("the same command goes on");
        ck_assert(code == 0 || code == 75 || code == SIGNALLED + SIGKILL || code == SIGNALLED + SIGTERM);
        kills += code == SIGNALLED + SIGKILL, stops += code == 75;
        if (!code) unlink(at("s/ranking.h5"));
    }
    ck_code(0, RUN(PLAIN, "rank", at("s"), "--csv", at("s.csv"), "--quiet"));
    ck_assert(same_files(at("r.csv"), at("s.csv")));
    ck_assert(same_files(at("r/ranking.h5"), at("s/ranking.h5")));
    ck_code(0, RUN(PLAIN, "rank", at("s"), "--json"));
    ck_assert_ptr_nonnull(strstr(printed, "\"scored\": 0"));
}
END_TEST

// Nothing is missing in it: what is stored is ranked. What is missing is told before it is scored.
START_TEST(ranking_cannot_be_written) {
    if (geteuid()) {
        puts("skipped: ranking_cannot_be_written starts the program as another user, which only root may");
        return;
    }
    put_ranking();
    how nobody = {.nobody = true};
    ck_assert_int_eq(chmod(at("r"), 0555), 0);
    ck_code(0, RUN(nobody, "rank", at("r"), "--json"));
    ck_assert_ptr_nonnull(strstr(printed, "\"scored\": 0"));
    ck_code(1, RUN(nobody, "rank", at("r"), "--set", "rank.images=9"));
    ck_said("architectures have no score yet, and none could be kept");
    chmod(at("r"), 0777);
}
END_TEST

START_TEST(ranking_is_stopped_inside_a_save) {
    put_ranking();
    ck_code(75, RUN(((how){.fault = "1:3:s15", .folder = "/s"}), "rank", at("s")));
    ck_code(0, RUN(PLAIN, "rank", at("s"), "--quiet"));
    ck_assert(same_files(at("r/ranking.h5"), at("s/ranking.h5")));
    unlink(at("s/ranking.h5"));
    ck_code(5, RUN(((how){.fault = "0:3:e28", .folder = "/s"}), "rank", at("s")));
    ck_said("ranking.h5: cannot ");
    ck_said("(ENOSPC)");
    ck_code(0, RUN(PLAIN, "rank", at("s"), "--quiet"));
    ck_assert(same_files(at("r/ranking.h5"), at("s/ranking.h5")));
}
END_TEST

START_TEST(retraining_is_broken_off) {
    put_ranking();
#define RETRAIN(run) "retrain", run, "--arch", "mb2_k3,sep_k3,skip", "--name", "a", "--init", "inherited"
    double length = seconds();
    ck_code(0, RUN(PLAIN, RETRAIN(at("r"))));
    length = 1000 * (seconds() - length);
    static char result[OUTPUT];
    snprintf(result, sizeof result, "%s", strstr(printed, "test:"));
    for (int i = 0, kills = 0, stops = 0; i < 10 || kills < 2 || stops < 2; i++) {
        ck_assert_int_lt(i, 300);
        pid_t p = START(PLAIN, 0, RETRAIN(at("s")));
        wait_ms(length * uniform());
        kill(p, i % 2 ? SIGKILL : SIGTERM);
        int code = finish(p, 0);
        ck_assert_msg(code == 0 || code == 75 || code >= SIGNALLED, "exit %d: %s", code, said);
        kills += code == SIGNALLED + SIGKILL, stops += code == 75;
        if (!code) remove_tree(at("s/retrain"));
    }
    ck_code(0, RUN(PLAIN, RETRAIN(at("s"))));
    ck_assert_str_eq(strstr(printed, "test:"), result);
    ck_assert(same_files(checkpoint(at("r/retrain/a"), 2 * STEPS_PER_EPOCH), checkpoint(at("s/retrain/a"), 2 * STEPS_PER_EPOCH)));
}
END_TEST

int main(void) {
    Suite *s = suite_create("reliability");
    TCase *t = tcase_create("training");
    tcase_add_unchecked_fixture(t, make_whole_runs, folder_remove);
    tcase_set_timeout(t, 400);
    tcase_add_test(t, killed_twenty_times);
    tcase_add_test(t, killed_at_random_times);
    tcase_add_loop_test(t, stopped_by_signals, 0, 5);
    tcase_add_test(t, terminal_goes);
    tcase_add_test(t, hang_up_is_ignored);
    tcase_add_test(t, signals_inside_a_save);
    tcase_add_loop_test(t, periodic_save_fails, 0, sizeof errors / sizeof *errors);
    tcase_add_loop_test(t, last_save_fails, 0, sizeof errors / sizeof *errors);
    tcase_add_test(t, no_save_works);
    tcase_add_test(t, largest_file);
    tcase_add_test(t, disk_gets_full);
    tcase_add_test(t, damaged_newest);
    tcase_add_test(t, all_damaged);
    suite_add_tcase(s, t);
    t = tcase_create("others");
    tcase_add_unchecked_fixture(t, make_whole_runs, folder_remove);
    tcase_set_timeout(t, 400);
    tcase_add_test(t, older_weights_are_named);
    tcase_add_test(t, unreadable_newest);
    tcase_add_test(t, damaged_does_not_crowd_out);
    tcase_add_test(t, two_trainers);
    tcase_add_test(t, lock_is_deleted);
    tcase_add_test(t, stale_lock);
    tcase_add_test(t, killed_while_decoding);
    tcase_add_test(t, reader_during_saves);
    tcase_add_test(t, ranking_is_broken_off);
    tcase_add_test(t, ranking_cannot_be_written);
    tcase_add_test(t, ranking_is_stopped_inside_a_save);
    tcase_add_test(t, retraining_is_broken_off);
    suite_add_tcase(s, t);
    return run_suite(s);
}
