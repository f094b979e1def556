// The built program under test: started with faults and limits, killed, waited for; a tiny data set and config for it.
// Not here: the faults themselves (faultlib.c).
// Next: test_reliability.c.
#ifndef SN_TEST_PROCESSES_H
#define SN_TEST_PROCESSES_H

#include "datafiles.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

// How a program is started; all zero: plainly.
typedef struct {
    const char *fault, *folder; // SN_FAULT and SN_FAULT_FOLDER of faultlib.c
    size_t file_size;           // RLIMIT_FSIZE, or 0
    size_t memory;              // RLIMIT_AS, or 0
    bool no_aslr;
    bool nobody; // as a user without rights
} how;

enum { SIGNALLED = 1000, OUTPUT = 1 << 16 };

static char printed[OUTPUT], said[OUTPUT]; // stdout and stderr of the last program that was waited for

MAYBE void limit(__rlimit_resource_t resource, size_t value) {
    struct rlimit l = {value, value};
    if (value && setrlimit(resource, &l)) _exit(99);
}

MAYBE void redirect(const char *path, int to) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || dup2(fd, to) < 0) _exit(99);
}

// Starts the program with these arguments; its stdout and stderr go to files NUMBER.out and NUMBER.err.
MAYBE pid_t start(how h, int number, const char *const *arguments) {
    const char *argv[32] = {"supernet"};
    for (int i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    int program = open(SN_PROGRAM, O_RDONLY);
    ck_assert_int_ge(program, 0);
    sigset_t all, before; // Check's handlers must not run in the child
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    if (!child) {
        for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        redirect(at("%d.out", number), 1);
        redirect(at("%d.err", number), 2);
        if (h.fault) {
            if (symlink(SN_FAULT_LIBRARY, at("fault.so")) && errno != EEXIST) _exit(99);
            setenv("LD_PRELOAD", at("fault.so"), 1); // a name without spaces, which would divide it
            setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
            setenv("SN_FAULT", h.fault, 1);
            setenv("SN_FAULT_FOLDER", h.folder, 1);
        }
        if (h.no_aslr) personality(ADDR_NO_RANDOMIZE);
        if (h.nobody && setresuid(65534, 65534, 65534)) _exit(99);
        limit(RLIMIT_CORE, 1);
        limit(RLIMIT_FSIZE, h.file_size);
        limit(RLIMIT_AS, h.memory);
        fexecve(program, (char *const *)(uintptr_t)argv, environ);
        _exit(98);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(program);
    ck_assert_int_gt(child, 0);
    return child;
}

// The status of a child that is over.
MAYBE int wait_for(pid_t child) {
    int state;
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &state, 0), child);
    return state;
}

// The exit code, or SIGNALLED + the signal.
MAYBE int finish(pid_t child, int number) {
    int state = wait_for(child);
    printed[get_file(at("%d.out", number), printed, sizeof printed)] = 0;
    said[get_file(at("%d.err", number), said, sizeof said)] = 0;
    int code = WIFSIGNALED(state) ? SIGNALLED + WTERMSIG(state) : WEXITSTATUS(state);
    ck_assert_msg(!strstr(said, "Sanitizer"), "%s", said);
    return code;
}

#define START(h, number, ...) start(h, number, (const char *const[]){__VA_ARGS__, NULL})
#define RUN(h, ...) finish(START(h, 0, __VA_ARGS__), 0)
#define PLAIN ((how){0})

#define ck_code(expected, call)                                                                                                  \
    do {                                                                                                                         \
        int ck_code_ = (call);                                                                                                   \
        ck_assert_msg(ck_code_ == (expected), "%s: exit %d, expected %d: %s%s", #call, ck_code_, expected, printed, said);       \
    } while (0)
#define ck_said(text) ck_assert_msg(strstr(said, text), "'%s' lacks '%s'", said, text)
#define ck_not_said(text) ck_assert_msg(!strstr(said, text), "'%s' holds '%s'", said, text)

MAYBE void wait_ms(double ms) {
    struct timespec t = {(time_t)(ms / 1000), (long)(ms * 1e6) % 1000000000};
    nanosleep(&t, NULL);
}

MAYBE double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// A config of 27 archs on the tiny data; `train` is the inside of its section. Data: 1,400 + 100 images of 28 x 28 in ten
// classes, of which 320 train and 60 validate: more than 1 MiB, so that a small data.memory streams.
enum { BATCH = 8, STEPS_PER_EPOCH = 40 };
MAYBE void put_config(const char *path, const char *train) {
    char text[4096];
    snprintf(text, sizeof text,
             "data: {source: %s/data, cache: %s/cache, validation: 60, images: 320, augment: {crop: 2, flip: true}}\n"
             "space:\n"
             "  input: {channels: 1, height: 28, width: 28}\n"
             "  classes: 10\n"
             "  blocks:\n"
             "    skip: {op: identity}\n"
             "    mb2_k3: {op: mbconv, expand: 2, kernel: 3}\n"
             "    sep_k3: {op: sepconv, kernel: 3}\n"
             "  network:\n"
             "    - {op: conv, kernel: 3, stride: 2, out: 4}\n"
             "    - {layers: 3, out: 8, stride: 2, choose: [skip, mb2_k3, sep_k3]}\n"
             "    - {op: classifier}\n"
             "train: {batch: 8, %s}\n"
             "rank: {calibrate: 40, calibrate_batch: 20}\n"
             "retrain: {epochs: 2}\n",
             scratch, scratch, train);
    put_text(path, text);
}

MAYBE void put_data(void) {
    uint8_t labels[1500];
    for (size_t i = 0; i < sizeof labels; i++) labels[i] = (uint8_t)(i * 7 % 10);
    put_idx(at("data"), 1400, 100, 28, 28, labels);
}

MAYBE void program_setup(void) {
    folder_make();
    ck_assert_int_eq(chmod(scratch, 0777), 0);
    put_data();
}

// at() for the rest of the test.
MAYBE const char *lasting(const char *path) {
    static char memory[1 << 16];
    static size_t used;
    char *copy = memory + used;
    used += strlen(path) + 1;
    ck_assert_uint_le(used, sizeof memory);
    return strcpy(copy, path);
}

// --- run folders

MAYBE const char *checkpoint(const char *run, long step) {
    static char ring[8][512];
    static int next;
    char *path = ring[next++ % 8];
    snprintf(path, sizeof ring[0], "%s/checkpoints/step-%08ld.h5", run, step);
    return path;
}

// Step of the newest checkpoint file, or -1.
MAYBE long newest(const char *run) {
    long step, most = -1;
    char folder[512];
    snprintf(folder, sizeof folder, "%s/checkpoints", run);
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (sscanf(e->d_name, "step-%ld.h5", &step) == 1 && step > most) most = step;
    if (d) closedir(d);
    return most;
}

MAYBE int count_files(const char *folder) {
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

MAYBE bool is_over(pid_t child) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

// Wait until a checkpoint of at least this step, or a file, is there, or the program is over.
MAYBE void wait_for_step(const char *run, long step, pid_t child) {
    while (newest(run) < step && !is_over(child)) wait_ms(0.2);
}
MAYBE void wait_for_file(const char *path, pid_t child) {
    while (access(path, F_OK) && !is_over(child)) wait_ms(0.1);
}

MAYBE long resumed_after(void) {
    const char *p = strstr(said, "resuming after step ");
    return p ? strtol(p + 20, NULL, 10) : -1;
}

#endif
