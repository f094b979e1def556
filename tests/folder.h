// A temporary folder per test, and small helpers on whole files. For tests of src/io.
#ifndef SN_TEST_FOLDER_H
#define SN_TEST_FOLDER_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[256], path_a[300], path_b[300];

// Fresh folder with the paths of two files "a" and "b" in it.
static void folder_make(void) {
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/sn_test_XXXXXX", base && strlen(base) < 200 ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path_a, sizeof path_a, "%s/a", folder);
    snprintf(path_b, sizeof path_b, "%s/b", folder);
}

// Removes the folder and its files; returns how many files there were.
static inline int folder_remove(void) {
    int n = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            char path[600];
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            ck_assert_int_eq(unlink(path), 0);
            n++;
        }
    closedir(dir);
    ck_assert_int_eq(rmdir(folder), 0);
    return n;
}

static inline int folder_count(void) {
    int n = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir)) n++;
    closedir(dir);
    return n - 2;
}

static inline unsigned char *get_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    *size = (size_t)ftell(f);
    rewind(f);
    unsigned char *p = malloc(*size + 1);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq(fread(p, 1, *size, f), *size);
    fclose(f);
    return p;
}

static inline void put_file(const char *path, const void *bytes, size_t size) {
    unlink(path); // some file systems wait for the disk when a file is cut and rewritten
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

// Whether the current message holds a text; prints it if not.
#define ck_assert_message(text) ck_assert_msg(strstr(sn_error_text(), text), "message '%s' lacks '%s'", sn_error_text(), text)
#define ck_ok(call)                                                                                                              \
    do {                                                                                                                         \
        sn_status ck_status_ = (call);                                                                                           \
        ck_assert_msg(ck_status_ == SN_OK, "%s: status %d, %s", #call, (int)ck_status_, sn_error_text());                        \
    } while (0)

#endif
