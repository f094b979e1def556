// Saving and reading when the system fails: every call failing once and for good, short writes, SIGKILL at every call, full
// disks. The file calls of this whole program are the ones below, which count, and fail or kill where a test says so. Reliability
// plan R2, R6, R7 and the reader of R11 for src/io/files/atomic.c and all that saves through it.
#undef _FORTIFY_SOURCE // its inline forms would clash with the definitions here
#include "folder.h"
#include "io/files/atomic.h"
#include "io/files/h5file.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

// --- the calls

typedef enum { FAIL, FAIL_FROM, SHORT, KILL_BEFORE, KILL_AFTER, KILL_HALF, COUNT } fault_kind;
static struct {
    bool on;
    fault_kind kind;
    int at, error, calls; // the call of this number is hit
    char name[16];        // of the call that was hit
} fault;

static bool hit(const char *name) {
    if (!fault.on) return false;
    bool now = fault.calls == fault.at || (fault.kind == FAIL_FROM && fault.calls > fault.at);
    fault.calls++;
    if (now && !*fault.name) snprintf(fault.name, sizeof fault.name, "%s", name);
    return now && fault.kind != COUNT;
}

// What happens around a call that is hit: 1 = it fails instead of being made.
static int before(const char *name, bool *after) {
    *after = false;
    if (!hit(name)) return 0;
    if (fault.kind == KILL_BEFORE) raise(SIGKILL);
    *after = fault.kind == KILL_AFTER;
    if (fault.kind != FAIL && fault.kind != FAIL_FROM) return 0;
    errno = fault.error;
    return 1;
}

static long finish(long rc, bool after) {
    if (after) raise(SIGKILL);
    return rc;
}

int openat(int folder_fd, const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    unsigned mode = flags & O_CREAT ? va_arg(args, unsigned) : 0;
    va_end(args);
    bool after;
    return before("openat", &after) ? -1 : (int)finish(syscall(SYS_openat, folder_fd, path, flags, mode), after);
}

ssize_t write(int fd, const void *data, size_t n) {
    bool after;
    if (before("write", &after)) return -1;
    bool half = fault.on && (fault.kind == SHORT || fault.kind == KILL_HALF) && fault.calls == fault.at + 1;
    long rc = syscall(SYS_write, fd, data, half ? n / 2 : n);
    if (half && fault.kind == KILL_HALF) raise(SIGKILL);
    return finish(rc, after);
}

ssize_t read(int fd, void *data, size_t n) {
    bool after;
    if (before("read", &after)) return -1;
    bool half = fault.on && fault.kind == SHORT && fault.calls == fault.at + 1;
    return finish(syscall(SYS_read, fd, data, half ? n / 2 : n), after);
}

int fsync(int fd) {
    bool after;
    return before("fsync", &after) ? -1 : (int)finish(syscall(SYS_fsync, fd), after);
}

// As Linux does: the descriptor is gone whatever is returned.
int close(int fd) {
    bool after;
    int fails = before("close", &after);
    long rc = syscall(SYS_close, fd);
    if (fails) errno = fault.error;
    return fails ? -1 : (int)finish(rc, after);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    bool after;
    return before("renameat", &after) ? -1 : (int)finish(syscall(SYS_renameat2, from_fd, from, to_fd, to, 0), after);
}

int unlinkat(int folder_fd, const char *path, int flags) {
    bool after;
    return before("unlinkat", &after) ? -1 : (int)finish(syscall(SYS_unlinkat, folder_fd, path, flags), after);
}

#if defined(__SANITIZE_ADDRESS__)
#define NO_REALLOC
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NO_REALLOC
#endif
#endif
#ifndef NO_REALLOC
static size_t largest_realloc = SIZE_MAX;
void *__libc_realloc(void *old, size_t n); // glibc's own
void *realloc(void *old, size_t n) {
    if (n <= largest_realloc) return __libc_realloc(old, n);
    errno = ENOMEM;
    return NULL;
}
#endif

static void arm(fault_kind kind, int at, int error) {
    memset(&fault, 0, sizeof fault);
    fault.kind = kind, fault.at = at, fault.error = error;
    fault.on = true;
}

static int disarm(void) {
    fault.on = false;
    return fault.calls;
}

// --- files of versions that can be told apart

enum { VALUES = 20000 };

static sn_h5w *version(int value) {
    static int32_t data[VALUES];
    for (int i = 0; i < VALUES; i++) data[i] = value;
    sn_h5w *w;
    ck_ok(sn_h5_create(sizeof data + 4096, &w));
    ck_ok(sn_h5_put(w, "/data", SN_I32, 1, (size_t[]){VALUES}, data));
    return w;
}

static void save_ok(const char *path, int value) {
    sn_h5w *w = version(value);
    ck_ok(sn_h5_save(w, path));
    sn_h5w_free(w);
}

// Which version the file is; it must be whole.
static int loaded(const char *path) {
    static int32_t data[VALUES];
    sn_h5r *r;
    ck_ok(sn_h5_open(path, 1 << 20, &r));
    ck_ok(sn_h5_read(r, "/data", SN_I32, 1, (size_t[]){VALUES}, data));
    sn_h5r_free(r);
    int i = 1;
    while (i < VALUES && data[i] == data[0]) i++;
    ck_assert_int_eq(i, VALUES);
    return data[0];
}

static int descriptors(void) {
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir)) n++;
    closedir(dir);
    return n;
}

static const struct {
    int error;
    sn_status status;
    const char *text;
} errors[] = {{ENOSPC, SN_RESOURCE, "No space left on device (ENOSPC)"},
              {EIO, SN_RESOURCE, "Input/output error (EIO)"},
              {EDQUOT, SN_RESOURCE, "(EDQUOT)"},
              {EROFS, SN_RESOURCE, "(EROFS)"},
              {EMFILE, SN_RESOURCE, "(EMFILE)"},
              {ENOMEM, SN_RESOURCE, "(ENOMEM)"},
              {EACCES, SN_FAIL, "(EACCES)"},
              {EINTR, SN_OK, ""}};
enum { ERRORS = sizeof errors / sizeof errors[0] };

// The save's calls, and which of them must be reported when it fails. The last close only ends reading the folder.
static const char *const steps[] = {"openat", "openat", "write", "fsync", "close", "renameat", "fsync", "close"};
enum { STEPS = sizeof steps / sizeof steps[0], FOLDER_SYNC = 6 };

START_TEST(calls_of_a_save) {
    sn_h5w *w = version(1);
    for (int i = 0; i <= STEPS; i++) {
        arm(COUNT, i, 0);
        ck_ok(sn_h5_save(w, path_a));
        ck_assert_int_eq(disarm(), STEPS);
        ck_assert_str_eq(fault.name, i < STEPS ? steps[i] : "");
    }
    sn_h5w_free(w);
}
END_TEST

START_TEST(each_call_fails) {
    save_ok(path_a, 1);
    sn_h5w *w = version(2);
    ck_ok(sn_h5_save(w, path_b));
    unlink(path_b);
    int open_files = descriptors();
    for (fault_kind kind = FAIL; kind <= FAIL_FROM; kind++)
        for (int at = 0; at < STEPS; at++)
            for (int e = 0; e < ERRORS; e++) {
                if (kind == FAIL_FROM && errors[e].error == EINTR) continue; // for ever: the caller waits for ever
                arm(kind, at, errors[e].error);
                sn_status status = sn_h5_save(w, path_a);
                disarm();
                ck_assert_str_eq(fault.name, steps[at]);
                ck_assert_int_eq(status, at == STEPS - 1 ? SN_OK : errors[e].status);
                if (status != SN_OK) {
                    ck_message(path_a);
                    ck_message(errors[e].text);
                }
                ck_assert_int_eq(loaded(path_a), status == SN_OK || at >= FOLDER_SYNC ? 2 : 1);
                // For good, so that even the clean-up fails: what is left is a temporary file, which a clean finds.
                ck_assert_int_le(folder_count(), kind == FAIL_FROM ? 2 : 1);
                ck_ok(sn_atomic_clean(scratch));
                ck_assert_int_eq(folder_count(), 1);
                ck_assert_int_eq(descriptors(), open_files);
                save_ok(path_a, 1);
            }
    sn_h5w_free(w);
}
END_TEST

START_TEST(short_writes) {
    for (int at = 0; at < STEPS; at++) {
        sn_h5w *w = version(at);
        arm(SHORT, at, 0);
        ck_ok(sn_h5_save(w, path_a));
        ck_assert_int_eq(disarm(), strcmp(steps[at], "write") == 0 ? STEPS + 1 : STEPS);
        ck_assert_int_eq(loaded(path_a), at);
        sn_h5w_free(w);
    }
}
END_TEST

START_TEST(each_call_of_a_read_fails) {
    save_ok(path_a, 1);
    int open_files = descriptors();
    static const char *const names[] = {"openat", "read", "close"}; // of its beginning, then of all of it
    for (int at = 0; at < 6; at++)
        for (int e = 0; e < ERRORS; e++) {
            sn_h5r *r = NULL;
            arm(FAIL, at, errors[e].error);
            sn_status status = sn_h5_open(path_a, 1 << 20, &r);
            disarm();
            ck_assert_str_eq(fault.name, names[at % 3]);
            ck_assert_int_eq(status, at % 3 == 2 ? SN_OK : errors[e].status == SN_FAIL ? SN_DATA : errors[e].status);
            if (status != SN_OK) {
                ck_message(path_a);
                ck_message(errors[e].text);
            }
            sn_h5r_free(r);
            ck_assert_int_eq(descriptors(), open_files);
        }
    for (int at = 1; at < 6; at += 3) {
        sn_h5r *r;
        arm(SHORT, at, 0);
        ck_ok(sn_h5_open(path_a, 1 << 20, &r));
        ck_assert_int_eq(disarm(), 7);
        sn_h5r_free(r);
    }
}
END_TEST

// Runs save in a child that is killed at one call; what is there afterwards is the old or the new file.
static void kill_at(sn_h5w *w, fault_kind kind, int at, bool had_old) {
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (!child) {
        arm(kind, at, 0);
        sn_h5_save(w, path_a);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "not killed at call %d", at);
    bool renamed = at > 5 || (at == 5 && kind == KILL_AFTER);
    if (renamed || had_old)
        ck_assert_int_eq(loaded(path_a), renamed ? 2 : 1);
    else
        ck_assert_int_ne(access(path_a, F_OK), 0);
    ck_ok(sn_atomic_clean(scratch));
    ck_assert_int_eq(folder_count(), renamed || had_old);
}

START_TEST(killed_at_every_call) {
    sn_h5w *w = version(2);
    ck_ok(sn_h5_save(w, path_b)); // built once
    unlink(path_b);
    for (int had_old = 0; had_old < 2; had_old++)
        for (int at = 0; at < STEPS; at++)
            for (fault_kind kind = KILL_BEFORE; kind <= KILL_HALF; kind++) {
                if (kind == KILL_HALF && strcmp(steps[at], "write") != 0) continue;
                unlink(path_a);
                if (had_old) save_ok(path_a, 1);
                kill_at(w, kind, at, had_old);
            }
    sn_h5w_free(w);
}
END_TEST

// --- full disks

static sn_status save_limited(sn_h5w *w, size_t limit) {
    struct rlimit old, now;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    now = old;
    now.rlim_cur = limit;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &now), 0);
    sn_status status = sn_h5_save(w, path_a);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    return status;
}

START_TEST(largest_file) {
    signal(SIGXFSZ, SIG_IGN);
    save_ok(path_a, 1);
    sn_h5w *w = version(2);
    ck_ok(sn_h5_save(w, path_b));
    size_t size;
    free(load_file(path_b, &size));
    unlink(path_b);
    for (size_t i = 0; i < 64; i++) {
        size_t limit = i * (size + (64 << 10)) / 64;
        sn_status status = save_limited(w, limit);
        ck_assert_int_eq(status, limit < size ? SN_RESOURCE : SN_OK);
        if (status != SN_OK) {
            ck_message(path_a);
            ck_message("File too large (EFBIG)");
        }
        ck_assert_int_eq(loaded(path_a), status == SN_OK ? 2 : 1);
        ck_assert_int_eq(folder_count(), 1);
    }
    ck_assert_int_eq(save_limited(w, size - 1), SN_RESOURCE);
    ck_assert_int_eq(save_limited(w, size), SN_OK);
    sn_h5w_free(w);
}
END_TEST

// A disk of each size from nothing to two files and more.
START_TEST(full_disk) {
    sn_h5w *w[2] = {version(1), version(2)};
    if (!own_mounts()) {
        printf("skipped: full_disk: this process may not mount\n");
        for (int i = 0; i < 2; i++) sn_h5w_free(w[i]);
        return;
    }
    int first = 0, second = 0;
    for (int pages = 1; pages <= 64; pages++) {
        char options[64];
        snprintf(options, sizeof options, "size=%d", pages * 4096);
        ck_assert_int_eq(mount("tmpfs", scratch, "tmpfs", 0, options), 0);
        bool have_old = false;
        for (int i = 0; i < 2; i++) {
            sn_status status = sn_h5_save(w[i], path_a);
            if (status != SN_OK) {
                ck_assert_int_eq(status, SN_RESOURCE);
                ck_message(path_a);
                ck_message("(ENOSPC)");
            }
            if (status == SN_OK || have_old)
                ck_assert_int_eq(loaded(path_a), status == SN_OK ? i + 1 : 1);
            else
                ck_assert_int_eq(folder_count(), 0);
            have_old = have_old || status == SN_OK;
            ck_assert_int_le(folder_count(), 1);
            *(i ? &second : &first) += status == SN_OK;
        }
        ck_assert_int_eq(umount(scratch), 0);
    }
    ck_assert(first > second && second > 0 && first < 64); // all cases came
    for (int i = 0; i < 2; i++) sn_h5w_free(w[i]);
}
END_TEST

#ifndef NO_REALLOC
// Builds a file whose image must grow while data are added and also at the end, when HDF5 puts the texts in it; then saves it.
static sn_status build_and_save(sn_h5w *w, bool *at_the_end) {
    static float data[5000];
    static char text[4000];
    char name[32];
    memset(text, 'x', sizeof text - 1);
    *at_the_end = false;
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "/group%d/data", i);
        SN_TRY(sn_h5_put(w, name, SN_F32, 1, (size_t[]){5000}, data));
    }
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "text%d", i);
        SN_TRY(sn_h5_attr_text(w, "/", name, text));
    }
    *at_the_end = true;
    return sn_h5_save(w, path_a);
}

#endif

// Memory that runs out while a file is built is an error, never a crash, and never a file.
START_TEST(out_of_memory) {
#ifdef NO_REALLOC
    printf("skipped: out_of_memory: a sanitizer has its own realloc\n");
#else
    int early = 0, late = 0, fine = 0;
    for (size_t limit = 64 << 10; limit <= 1024 << 10; limit += 8 << 10) {
        sn_h5w *w;
        bool at_the_end;
        ck_ok(sn_h5_create(0, &w));
        largest_realloc = limit;
        sn_status status = build_and_save(w, &at_the_end);
        largest_realloc = SIZE_MAX;
        *(status == SN_OK ? &fine : at_the_end ? &late : &early) += 1;
        if (status != SN_OK) {
            ck_assert_int_eq(status, SN_RESOURCE);
            ck_message("out of memory while building the file");
            ck_assert_int_eq(sn_h5_attr_int(w, "/", "step", 1), SN_FAIL);
            ck_assert_int_eq(sn_h5_save(w, path_a), SN_FAIL);
        }
        ck_assert_int_eq(folder_count(), status == SN_OK);
        unlink(path_a);
        sn_h5w_free(w);
    }
    ck_assert_msg(early && late && fine, "early %d, late %d, fine %d", early, late, fine);
#endif
}
END_TEST

// --- others at the same time

START_TEST(reader_during_saves) {
    enum { SAVES = 500 };
    save_ok(path_a, 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (!child) {
        for (int i = 1; i <= SAVES; i++) save_ok(path_a, i);
        _exit(0);
    }
    int last = 0, reads = 0, status;
    for (; waitpid(child, &status, WNOHANG) == 0; reads++) {
        int now = loaded(path_a);
        ck_assert_int_ge(now, last);
        last = now;
    }
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_int_eq(loaded(path_a), SAVES);
    ck_assert_int_gt(reads, 20);
}
END_TEST

START_TEST(clean_takes_only_what_is_stale) {
    pid_t dead = fork();
    if (!dead) _exit(0);
    ck_assert_int_eq(waitpid(dead, NULL, 0), dead);
    char path[400];
    const struct {
        const char *format;
        long pid;
        bool stays;
    } files[] = {{"%s/.supernet-%ld-0.tmp", dead, false},
                 {"%s/.supernet-%ld-17.tmp", dead, false},
                 {"%s/.supernet-%ld-0.tmp", getpid(), false}, // left by an older process of this id
                 {"%s/.supernet-%ld-0.tmp", getppid(), true},
                 {"%s/.supernet-%ld-0.tmpx", dead, true},
                 {"%s/.supernet-%ld-.tmp", dead, true},
                 {"%s/.supernet-%ld.tmp", dead, true},
                 {"%s/supernet-%ld-0.tmp", dead, true},
                 {"%s/.supernet--%ld-0.tmp", dead, true},
                 {"%s/.supernet-99999999999999999999%ld-0.tmp", dead, true},
                 {"%s/step-%ld.h5", dead, true}};
    enum { FILES = sizeof files / sizeof files[0] };
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, files[i].format, scratch, files[i].pid);
        put_file(path, "x", 1);
    }
    ck_ok(sn_atomic_clean(scratch));
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, files[i].format, scratch, files[i].pid);
        ck_assert_msg((access(path, F_OK) == 0) == files[i].stays, "%s", path);
    }
#pragma GCC diagnostic pop
    ck_assert_int_eq(sn_atomic_clean("/nonexistent/folder"), SN_FAIL);
    ck_message("/nonexistent/folder");
}
END_TEST

// A temporary of an older process of this very id stands in the way of nothing.
START_TEST(left_over_of_same_id) {
    char path[400];
    snprintf(path, sizeof path, "%s/.supernet-%ld-0.tmp", scratch, (long)getpid());
    put_file(path, "old", 3);
    save_ok(path_a, 1);
    ck_assert_int_eq(loaded(path_a), 1);
    size_t n;
    free(load_file(path, &n));
    ck_assert_uint_eq(n, 3);
}
END_TEST

START_TEST(pieces_and_paths) {
    const sn_piece pieces[] = {{"one", 3}, {NULL, 0}, {"two", 3}};
    ck_ok(sn_atomic_save(path_a, pieces, 3));
    unsigned char *p;
    size_t n;
    ck_ok(sn_file_read(path_a, 6, &p, &n));
    ck_assert_uint_eq(n, 6);
    ck_assert_mem_eq(p, "onetwo", 6);
    free(p);
    ck_ok(sn_atomic_save(path_a, NULL, 0));
    ck_ok(sn_file_read(path_a, 0, &p, &n));
    ck_assert_uint_eq(n, 0);
    free(p);
    ck_assert_int_eq(chdir(scratch), 0);
    ck_ok(sn_atomic_save("b", pieces, 1)); // beside us
    ck_assert_int_eq(chdir("/"), 0);
    ck_ok(sn_file_read(path_b, 3, &p, &n));
    free(p);
    ck_assert_int_eq(sn_atomic_save(scratch, pieces, 1), SN_FAIL); // a folder stands there
    ck_message("there is a folder of that name");
    char slash[300];
    snprintf(slash, sizeof slash, "%s/", scratch);
    ck_assert_int_eq(sn_atomic_save(slash, pieces, 1), SN_USAGE);
    ck_assert_int_eq(sn_atomic_save("", pieces, 1), SN_USAGE);
    ck_assert_int_eq(folder_count(), 2);
}
END_TEST

int main(void) {
    Suite *s = suite_create("faults");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_set_timeout(t, 240);
    tcase_add_test(t, calls_of_a_save);
    tcase_add_test(t, each_call_fails);
    tcase_add_test(t, short_writes);
    tcase_add_test(t, each_call_of_a_read_fails);
    tcase_add_test(t, killed_at_every_call);
    tcase_add_test(t, largest_file);
    tcase_add_test(t, full_disk);
    tcase_add_test(t, out_of_memory);
    tcase_add_test(t, reader_during_saves);
    tcase_add_test(t, clean_takes_only_what_is_stale);
    tcase_add_test(t, left_over_of_same_id);
    tcase_add_test(t, pieces_and_paths);
    suite_add_tcase(s, t);
    return run_suite(s);
}
