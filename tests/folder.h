// A temporary folder per test, whole files (written, read, compared), and leave to mount a small disk there.
// Not here: what is in a file of any format (datafiles.h).
// Next: test_h5file.c.
#ifndef SN_TEST_FOLDER_H
#define SN_TEST_FOLDER_H

#include "suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[256], path_a[300], path_b[300];

// Fresh folder `scratch` with the paths of two files "a" and "b" in it. With folder_remove a fixture.
static inline void folder_make(void) {
    const char *base = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/sn_test_XXXXXX", base && strlen(base) < 200 ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    snprintf(path_a, sizeof path_a, "%s/a", scratch);
    snprintf(path_b, sizeof path_b, "%s/b", scratch);
}

static inline int remove_one(const char *path, const struct stat *s, int type, struct FTW *f) {
    (void)s, (void)type, (void)f;
    return remove(path);
}

static inline void remove_tree(const char *path) {
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void folder_remove(void) {
    remove_tree(scratch);
}

// Files in it, hidden ones too.
static inline int folder_count(void) {
    int n = 0;
    DIR *dir = opendir(scratch);
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir)) n++;
    closedir(dir);
    return n - 2;
}

// "scratch/..." in one of a ring of buffers, enough for one expression.
__attribute__((format(printf, 1, 2))) static inline const char *at(const char *format, ...) {
    static char ring[64][512];
    static int next;
    char *path = ring[next++ % 64];
    size_t n = (size_t)snprintf(path, sizeof ring[0], "%s/", scratch);
    va_list args;
    va_start(args, format);
    vsnprintf(path + n, sizeof ring[0] - n, format, args);
    va_end(args);
    return path;
}

static inline void make_parents(const char *path) {
    char part[512];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            ck_assert(!mkdir(part, 0777) || errno == EEXIST);
            *p = '/';
        }
}

static inline void put_file(const char *path, const void *data, size_t n) {
    make_parents(path);
    unlink(path); // some file systems wait for the disk when a file is cut and rewritten
    FILE *f = fopen(path, "wb");
    ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

static inline void put_text(const char *path, const char *text) {
    put_file(path, text, strlen(text));
}

// Into the caller's memory, which must be larger than the file; returns its length.
static inline size_t get_file(const char *path, void *data, size_t room) {
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
    size_t n = fread(data, 1, room, f);
    fclose(f);
    ck_assert_uint_lt(n, room);
    return n;
}

// Into new memory, a zero behind it.
static inline void *load_file(const char *path, size_t *n) {
    struct stat s;
    ck_assert_msg(!stat(path, &s), "%s: %s", path, strerror(errno));
    char *p = calloc((size_t)s.st_size + 1, 1);
    ck_assert_ptr_nonnull(p);
    *n = get_file(path, p, (size_t)s.st_size + 1);
    return p;
}

static inline bool same_files(const char *a, const char *b) {
    size_t n, m;
    char *x = load_file(a, &n), *y = load_file(b, &m);
    bool same = n == m && !memcmp(x, y, n);
    free(x);
    free(y);
    return same;
}

static inline void tell_kernel(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t done = write(fd, text, strlen(text));
    (void)done; // the mount below tells
    close(fd);
}

// Whether the rest of this test may mount: in a name space of its own, as root of its own where it is not root.
static inline bool own_mounts(void) {
    char users[64], groups[64];
    snprintf(users, sizeof users, "0 %u 1", (unsigned)getuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getgid());
    if (unshare(CLONE_NEWNS)) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) return false;
        tell_kernel("/proc/self/setgroups", "deny");
        tell_kernel("/proc/self/uid_map", users);
        tell_kernel("/proc/self/gid_map", groups);
    }
    return !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

#endif
