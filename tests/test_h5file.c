// Our HDF5 files: what is written is read back; damaged, foreign and hostile files are refused, naming what and why.
#include "folder.h"
#include "h5bytes.h"
#include "io/files/h5file.h"

#include <fcntl.h>
#include <hdf5.h>
#include <sys/stat.h>

static const size_t conv_dims[] = {4, 3, 3, 2};
static float conv[72];
static const char config[] = "train:\n  lr: 0.05  # Zürich\n";

static sn_h5w *small_file(int seed) {
    sn_h5w *w;
    for (int i = 0; i < 72; i++) conv[i] = (float)(i * 7 + seed) / 8;
    ck_ok(sn_h5_create(8192, &w));
    ck_ok(sn_h5_attr_text(w, "/", "format", "supernet-checkpoint"));
    ck_ok(sn_h5_put(w, "/params/stem.conv.weight", SN_F32, 4, conv_dims, conv));
    ck_ok(sn_h5_put(w, "/params/head.bias", SN_F32, 1, (size_t[]){10}, conv));
    ck_ok(sn_h5_put(w, "/optim/momentum/stem.conv.weight", SN_F32, 4, conv_dims, conv));
    ck_ok(sn_h5_attr_int(w, "/", "step", 1234567890123));
    ck_ok(sn_h5_attr_f64(w, "/optim", "lr", 0.1));
    ck_ok(sn_h5_attr_text(w, "/", "config", config));
    return w;
}

static void save_small(const char *path, int seed) {
    sn_h5w *w = small_file(seed);
    ck_ok(sn_h5_save(w, path));
    sn_h5w_free(w);
}

static sn_h5r *open_ok(const char *path) {
    sn_h5r *r;
    ck_ok(sn_h5_open(path, 1 << 20, &r));
    return r;
}

static void check_small(const char *path, int seed) {
    sn_h5r *r = open_ok(path);
    float got[72];
    ck_ok(sn_h5_read(r, "/params/stem.conv.weight", SN_F32, 4, conv_dims, got));
    for (int i = 0; i < 72; i++) ck_assert_float_eq(got[i], (float)(i * 7 + seed) / 8);
    ck_ok(sn_h5_read(r, "/optim/momentum/stem.conv.weight", SN_F32, 4, conv_dims, got));
    int64_t step;
    double lr;
    char *text;
    ck_ok(sn_h5_attr_int_read(r, "/", "step", &step));
    ck_ok(sn_h5_attr_f64_read(r, "/optim", "lr", &lr));
    ck_ok(sn_h5_attr_text_read(r, "/", "config", 1 << 20, &text));
    ck_assert_int_eq(step, 1234567890123);
    ck_assert_double_eq(lr, 0.1);
    ck_assert_str_eq(text, config);
    free(text);
    sn_h5r_free(r);
}

static void expect_refused(const char *path, const char *message) {
    sn_h5r *r = NULL;
    ck_assert_int_eq(sn_h5_open(path, 1 << 20, &r), SN_DATA);
    ck_assert_ptr_null(r);
    ck_message(path);
    ck_message(message);
}

START_TEST(checksum) {
    unsigned char b[32]; // known answers: RFC 3720 B.4
    ck_assert_uint_eq(sn_crc32c(0, "123456789", 9), 0xE3069283);
    memset(b, 0, 32);
    ck_assert_uint_eq(sn_crc32c(0, b, 32), 0x8A9136AA);
    memset(b, 255, 32);
    ck_assert_uint_eq(sn_crc32c(0, b, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++) b[i] = (unsigned char)i;
    ck_assert_uint_eq(sn_crc32c(0, b, 32), 0x46DD794E);
    for (size_t from = 0; from < 32; from++)
        for (size_t n = 0; from + n <= 32; n++) {
            ck_assert_uint_eq(sn_crc32c(0, b + from, n), sn_crc32c_portable(0, b + from, n));
            ck_assert_uint_eq(sn_crc32c(sn_crc32c(0, b, from), b + from, n), sn_crc32c_portable(0, b, from + n));
        }
}
END_TEST

START_TEST(round_trip) {
    save_small(path_a, 3);
    check_small(path_a, 3);
    save_small(path_a, 4); // replaced
    check_small(path_a, 4);
    ck_assert_int_eq(folder_count(), 1);
}
END_TEST

// Every type at every rank, with sizes of 0 and 1.
START_TEST(types_and_shapes) {
    unsigned char data[8 * 256], got[8 * 256];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 37 + 11);
    const size_t dims[] = {2, 1, 3, 2, 2, 1, 2, 5}, none[] = {3, 0, 2};
    char name[64];
    sn_h5w *w;
    ck_ok(sn_h5_create(0, &w));
    for (sn_h5_type t = 0; t < SN_H5_TYPES; t++)
        for (int ndim = 0; ndim <= SN_H5_RANK; ndim++) {
            snprintf(name, sizeof name, "/t%d/r%d", (int)t, ndim);
            ck_ok(sn_h5_put(w, name, t, ndim, dims, data));
        }
    ck_ok(sn_h5_put(w, "/none", SN_F64, 3, none, NULL));
    ck_ok(sn_h5_save(w, path_a));
    sn_h5w_free(w);
    sn_h5r *r = open_ok(path_a);
    for (sn_h5_type t = 0; t < SN_H5_TYPES; t++)
        for (int ndim = 0, n = 1; ndim <= SN_H5_RANK; n *= ndim < SN_H5_RANK ? (int)dims[ndim] : 1, ndim++) {
            snprintf(name, sizeof name, "/t%d/r%d", (int)t, ndim);
            memset(got, 0xEE, sizeof got);
            ck_ok(sn_h5_read(r, name, t, ndim, dims, got));
            size_t bytes = (size_t)n * sn_h5_type_size(t);
            ck_assert_mem_eq(got, data, bytes);
            ck_assert_uint_eq(got[bytes], 0xEE);
            size_t shape[SN_H5_RANK] = {0};
            ck_ok(sn_h5_shape(r, name, t, ndim, shape));
            for (int i = 0; i < ndim; i++) ck_assert_uint_eq(shape[i], dims[i]);
            ck_assert_int_eq(sn_h5_read(r, name, (t + 1) % SN_H5_TYPES, ndim, dims, got), SN_DATA);
        }
    ck_ok(sn_h5_read(r, "/none", SN_F64, 3, none, got));
    sn_h5r_free(r);
}
END_TEST

START_TEST(long_texts) {
    char *big = malloc(SN_H5_TEXT_MAX + 2), *got;
    ck_assert_ptr_nonnull(big);
    memset(big, 'x', SN_H5_TEXT_MAX + 1);
    big[SN_H5_TEXT_MAX] = 0;
    sn_h5w *w;
    ck_ok(sn_h5_create(0, &w));
    for (int i = 0; i < 100; i++) { // more than one block of an object header, more than one heap
        char name[16], text[400];
        snprintf(name, sizeof name, "t%d", i);
        snprintf(text, sizeof text, "%0*d", 3 * i + 1, i);
        ck_ok(sn_h5_attr_text(w, "/", name, text));
    }
    ck_ok(sn_h5_attr_text(w, "/", "big", big));
    ck_ok(sn_h5_attr_text(w, "/", "empty", ""));
    ck_ok(sn_h5_save(w, path_a));
    sn_h5w_free(w);
    sn_h5r *r;
    ck_ok(sn_h5_open(path_a, 4 << 20, &r));
    for (int i = 0; i < 100; i++) {
        char name[16], text[400];
        snprintf(name, sizeof name, "t%d", i);
        snprintf(text, sizeof text, "%0*d", 3 * i + 1, i);
        ck_ok(sn_h5_attr_text_read(r, "/", name, 400, &got));
        ck_assert_str_eq(got, text);
        free(got);
    }
    ck_ok(sn_h5_attr_text_read(r, "/", "big", SN_H5_TEXT_MAX, &got));
    ck_assert_str_eq(got, big);
    free(got);
    ck_ok(sn_h5_attr_text_read(r, "/", "empty", 0, &got));
    ck_assert_str_eq(got, "");
    free(got);
    ck_assert_int_eq(sn_h5_attr_text_read(r, "/", "big", SN_H5_TEXT_MAX - 1, &got), SN_DATA);
    ck_message("the text 'big' has 1048576 bytes; at most 1048575 are allowed");
    sn_h5r_free(r);
    big[SN_H5_TEXT_MAX] = 'x', big[SN_H5_TEXT_MAX + 1] = 0;
    const char *bad[] = {
        big, "\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80", "\xf8\x88\x80\x80\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_ok(sn_h5_create(0, &w));
        ck_assert_int_eq(sn_h5_attr_text(w, "/", "t", bad[i]), SN_USAGE);
        sn_h5w_free(w);
    }
    free(big);
}
END_TEST

// Equal content, equal bytes: also a second later and whatever was in memory before.
START_TEST(same_bytes) {
    save_small(path_a, 5);
    usleep(1100 * 1000);
    save_small(path_b, 5);
    ck_assert(same_files(path_a, path_b));
}
END_TEST

START_TEST(wrong_use) {
    static const char *const names[] = {"", "a", "a/b", "//", "/a//b", "/a/", "/.", "/a/../b"};
    sn_h5w *w;
    float x = 1;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_ok(sn_h5_create(0, &w));
        ck_assert_int_eq(sn_h5_put(w, names[i], SN_F32, 0, NULL, &x), SN_USAGE);
        ck_assert_int_eq(sn_h5_save(w, path_a), SN_FAIL); // never an incomplete file
        sn_h5w_free(w);
    }
    ck_ok(sn_h5_create(0, &w));
    ck_ok(sn_h5_put(w, "/a/b", SN_F32, 0, NULL, &x));
    ck_assert_int_eq(sn_h5_put(w, "/a/b", SN_F32, 0, NULL, &x), SN_USAGE);
    ck_message("/a/b: was added before");
    sn_h5w_free(w);
    ck_ok(sn_h5_create(0, &w));
    ck_ok(sn_h5_put(w, "/a/b", SN_F32, 0, NULL, &x));
    ck_assert_int_eq(sn_h5_put(w, "/a/b/c", SN_F32, 0, NULL, &x), SN_USAGE);
    sn_h5w_free(w);
    ck_ok(sn_h5_create(0, &w));
    ck_assert_int_eq(sn_h5_put(w, "/a", SN_F32, 9, NULL, &x), SN_USAGE);
    sn_h5w_free(w);
    ck_ok(sn_h5_create(0, &w));
    ck_assert_int_eq(sn_h5_put(w, "/a", SN_F32, 2, (size_t[]){SIZE_MAX / 2, 3}, &x), SN_USAGE);
    sn_h5w_free(w);
    ck_ok(sn_h5_create(0, &w));
    ck_assert_int_eq(sn_h5_attr_int(w, "/missing", "n", 1), SN_USAGE);
    sn_h5w_free(w);
    w = small_file(1);
    ck_ok(sn_h5_save(w, path_a));
    ck_assert_int_eq(sn_h5_put(w, "/late", SN_F32, 0, NULL, &x), SN_USAGE);
    ck_ok(sn_h5_save(w, path_b)); // saving again is fine
    sn_h5w_free(w);
    check_small(path_b, 1);
    w = small_file(1);
    ck_assert_int_eq(sn_h5_save(w, "/nonexistent/folder/x.h5"), SN_FAIL);
    ck_message("/nonexistent/folder/x.h5");
    ck_message("No such file or directory (ENOENT)");
    ck_ok(sn_h5_save(w, path_a));
    sn_h5w_free(w);
    sn_h5w_free(NULL);
    sn_h5r_free(NULL);
}
END_TEST

START_TEST(mismatches_are_named) {
    save_small(path_a, 1);
    sn_h5r *r = open_ok(path_a);
    float x[72] = {42};
    ck_assert_int_eq(sn_h5_read(r, "/params/stem.conv.weight", SN_F32, 4, (size_t[]){4, 3, 3, 3}, x), SN_DATA);
    ck_message("/a: /params/stem.conv.weight: found f32 [4, 3, 3, 2], expected f32 [4, 3, 3, 3]");
    ck_assert_int_eq(sn_h5_read(r, "/params/stem.conv.weight", SN_F32, 3, conv_dims, x), SN_DATA);
    ck_assert_int_eq(sn_h5_read(r, "/params/head.bias", SN_I32, 1, (size_t[]){10}, x), SN_DATA);
    ck_message("found f32 [10], expected i32 [10]");
    ck_assert_int_eq(sn_h5_read(r, "/params/tail.bias", SN_F32, 1, (size_t[]){10}, x), SN_DATA);
    ck_message("/params/tail.bias: not there ('tail.bias' is missing)");
    ck_assert_int_eq(sn_h5_read(r, "/params", SN_F32, 1, (size_t[]){10}, x), SN_DATA);
    ck_assert_int_eq(sn_h5_read(r, "/params/head.bias/x", SN_F32, 1, (size_t[]){10}, x), SN_DATA);
    ck_message("what should hold 'x' is a dataset");
    ck_assert_float_eq(x[0], 42);
    size_t n = 42;
    ck_assert_int_eq(sn_h5_shape(r, "/params/head.bias", SN_F32, 2, &n), SN_DATA);
    ck_message("found f32 [10], expected f32 2 dimensions");
    ck_assert_uint_eq(n, 42);
    int64_t i = 42;
    double d = 42;
    char *text = NULL;
    ck_assert_int_eq(sn_h5_attr_int_read(r, "/", "steps", &i), SN_DATA);
    ck_message("the attribute 'steps' is missing");
    ck_assert_int_eq(sn_h5_attr_int_read(r, "/optim", "lr", &i), SN_DATA);
    ck_message("the attribute 'lr' is not one 64-bit integer");
    ck_assert_int_eq(sn_h5_attr_f64_read(r, "/", "step", &d), SN_DATA);
    ck_assert_int_eq(sn_h5_attr_f64_read(r, "/", "format", &d), SN_DATA);
    ck_assert_int_eq(sn_h5_attr_text_read(r, "/", "step", 100, &text), SN_DATA);
    ck_assert(i == 42 && d == 42 && !text);
    ck_assert(sn_h5_has(r, "/params") && sn_h5_has(r, "/params/head.bias") && !sn_h5_has(r, "/params/head") &&
              !sn_h5_has(r, "x"));
    sn_h5r_free(r);
}
END_TEST

static sn_status note(void *context, const char *name, bool is_group) {
    char *text = context;
    snprintf(text + strlen(text), 200 - strlen(text), "%s%s ", name, is_group ? "/" : "");
    return strcmp(name, "stop") == 0 ? sn_error(SN_DATA, "stopped") : SN_OK;
}

START_TEST(lists) {
    save_small(path_a, 1);
    sn_h5r *r = open_ok(path_a);
    char text[200] = "";
    ck_ok(sn_h5_list(r, "/", note, text));
    ck_assert_str_eq(text, "optim/ params/ ");
    *text = 0;
    ck_ok(sn_h5_list(r, "/params", note, text));
    ck_assert_str_eq(text, "head.bias stem.conv.weight ");
    ck_assert_int_eq(sn_h5_list(r, "/params/head.bias", note, text), SN_DATA);
    ck_message("is a dataset; expected a group");
    ck_assert_int_eq(sn_h5_list(r, "/nothing", note, text), SN_DATA);
    sn_h5r_free(r);
    sn_h5w *w;
    ck_ok(sn_h5_create(0, &w));
    const char *names[] = {"/stop", "/a", "/z"};
    for (int i = 0; i < 3; i++) ck_ok(sn_h5_put(w, names[i], SN_F32, 0, NULL, conv));
    ck_ok(sn_h5_save(w, path_a));
    sn_h5w_free(w);
    r = open_ok(path_a);
    *text = 0;
    ck_assert_int_eq(sn_h5_list(r, "/", note, text), SN_DATA);
    ck_assert_str_eq(sn_error_text(), "stopped");
    ck_assert_str_eq(text, "a stop ");
    sn_h5r_free(r);
}
END_TEST

START_TEST(check) {
    save_small(path_a, 1);
    sn_h5r *r = open_ok(path_a);
    sn_h5_tally t = sn_h5_count(r);
    ck_assert_uint_eq(t.groups, 3);
    ck_assert_uint_eq(t.datasets, 3);
    ck_assert_uint_eq(t.data_bytes, 616);
    sn_h5r_free(r);
    size_t n;
    unsigned char *p = load_file(path_a, &n);
    ck_assert_uint_eq(t.bytes, n);
    ck_assert_uint_eq(t.checksum, sn_crc32c(0, p + 512, n - 512));
    free(p);
}
END_TEST

// --- accidents

START_TEST(cut_at_every_byte) {
    save_small(path_a, 1);
    size_t n;
    unsigned char *p = load_file(path_a, &n);
    put_file(path_b, p, n);
    for (size_t k = n; k--;) {
        ck_assert_int_eq(truncate(path_b, (off_t)k), 0);
        expect_refused(path_b, k < 512 ? "not a file of this program" : "bytes, expected ");
    }
    p[n] = 0;
    put_file(path_b, p, n + 1); // longer is not whole either
    expect_refused(path_b, "damaged");
    free(p);
}
END_TEST

static void expect_refused_unless_equal(const unsigned char *p, const unsigned char *original, size_t n) {
    put_file(path_b, p, n);
    sn_h5r *r = NULL;
    bool same = memcmp(p, original, n) == 0;
    ck_assert_int_eq(sn_h5_open(path_b, 1 << 20, &r), same ? SN_OK : SN_DATA);
    sn_h5r_free(r);
}

START_TEST(every_bit_flipped) {
    save_small(path_a, 1);
    size_t n;
    unsigned char *p = load_file(path_a, &n);
    put_file(path_b, p, n);
    int fd = open(path_b, O_WRONLY);
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            unsigned char x = (unsigned char)(p[i] ^ 1 << bit);
            ck_assert_int_eq(pwrite(fd, &x, 1, (off_t)i), 1);
            sn_h5r *r = NULL;
            ck_assert_msg(sn_h5_open(path_b, 1 << 20, &r) == SN_DATA, "bit %d of byte %zu", bit, i);
            ck_assert_int_eq(pwrite(fd, &p[i], 1, (off_t)i), 1);
        }
    close(fd);
    check_small(path_b, 1);
    free(p);
}
END_TEST

START_TEST(overwritten_and_swapped) {
    save_small(path_a, 1);
    size_t n;
    unsigned char *p = load_file(path_a, &n), *q = malloc(n);
    ck_assert_ptr_nonnull(q);
    for (int value = 0; value < 256; value += 255)
        for (size_t i = 0; i + 8 <= n; i++) {
            memcpy(q, p, n);
            memset(q + i, value, 8);
            expect_refused_unless_equal(q, p, n);
        }
    for (size_t i = 0; i + 512 <= n; i += 512)
        for (size_t j = i + 512; j + 512 <= n; j += 512) {
            memcpy(q, p, n);
            memcpy(q + i, p + j, 512);
            memcpy(q + j, p + i, 512);
            expect_refused_unless_equal(q, p, n);
        }
    free(p);
    free(q);
}
END_TEST

START_TEST(not_a_file_of_ours) {
    save_small(path_a, 1);
    sn_h5r *r = NULL;
    expect_refused("/nonexistent/x.h5", "No such file or directory (ENOENT)");
    expect_refused(scratch, "not a regular file");
    ck_assert_int_eq(sn_h5_open(path_a, 1000, &r), SN_DATA);
    ck_message("at most 1000 are allowed");
    ck_assert_int_eq(symlink(path_a, path_b), 0);
    expect_refused(path_b, "is a symbolic link");
    unlink(path_b);
    ck_assert_int_eq(mkfifo(path_b, 0600), 0);
    expect_refused(path_b, "not a regular file");
    unlink(path_b);
    put_file(path_b, "", 0);
    expect_refused(path_b, "not a file of this program");
    ck_assert_int_eq(truncate(path_b, (off_t)1 << 40), 0); // a hole: refused without memory for it
    ck_assert_int_eq(sn_h5_open(path_b, SIZE_MAX, &r), SN_DATA);
    ck_message("not a file of this program");
    hid_t f = H5Fcreate(path_b, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(f);
    expect_refused(path_b, "not a file of this program");
}
END_TEST

// --- hostile files with a right header

// Puts a right header before the HDF5 file at path (which has a user block).
static void seal(const char *path) {
    size_t n;
    unsigned char *p = load_file(path, &n);
    h5_seal(p, n);
    put_file(path, p, n);
    free(p);
}

static hid_t hostile, props; // the file, and properties for one dataset

static void hostile_begin(void) {
    hid_t create = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_userblock(create, 512);
    hostile = H5Fcreate(path_b, H5F_ACC_TRUNC, create, H5P_DEFAULT);
    ck_assert_int_ge(hostile, 0);
    H5Pclose(create);
    props = H5Pcreate(H5P_DATASET_CREATE);
}

static void hostile_set(const char *name, hid_t type, int ndim, const hsize_t *dims, const void *data) {
    hid_t space = H5Screate_simple(ndim, dims, NULL),
          set = H5Dcreate2(hostile, name, type, space, H5P_DEFAULT, props, H5P_DEFAULT);
    ck_assert_int_ge(set, 0);
    if (data) ck_assert_int_ge(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    H5Dclose(set);
    H5Sclose(space);
}

static void hostile_end(void) {
    H5Pclose(props);
    ck_assert_int_ge(H5Fclose(hostile), 0);
    seal(path_b);
}

static void expect_hostile(const char *message) {
    hostile_end();
    expect_refused(path_b, message);
}

static const hsize_t sixteen[] = {16};
static float ones[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static void begin_in_group(void) {
    hostile_begin();
    H5Gclose(H5Gcreate2(hostile, "/g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

// What the library makes by default is fine: the refusals below are not for another reason.
START_TEST(harmless) {
    begin_in_group();
    hostile_set("/g/x", H5T_IEEE_F32LE, 1, sixteen, ones);
    hostile_end();
    sn_h5r *r = open_ok(path_b);
    float out[16];
    ck_ok(sn_h5_read(r, "/g/x", SN_F32, 1, (size_t[]){16}, out));
    ck_assert_mem_eq(out, ones, sizeof ones);
    sn_h5r_free(r);
}
END_TEST

START_TEST(external_storage) {
    put_file(path_a, "a secret of at least sixty-four bytes, which nobody should ever read here", 64);
    begin_in_group();
    H5Pset_external(props, path_a, 0, 64);
    hostile_set("/g/x", H5T_IEEE_F32LE, 1, sixteen, NULL);
    expect_hostile("its data are in another file");
}
END_TEST

START_TEST(soft_links) {
    begin_in_group();
    hostile_set("/y", H5T_IEEE_F32LE, 1, sixteen, ones);
    H5Lcreate_soft("/y", hostile, "/g/x", H5P_DEFAULT, H5P_DEFAULT);
    expect_hostile("/g: refused, since it holds a soft link");
    hostile_begin(); // in the middle of the path
    H5Gclose(H5Gcreate2(hostile, "/h", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    hostile_set("/h/x", H5T_IEEE_F32LE, 1, sixteen, ones);
    H5Lcreate_soft("/h", hostile, "/g", H5P_DEFAULT, H5P_DEFAULT);
    expect_hostile("/: refused, since it holds a soft link");
}
END_TEST

START_TEST(external_link_last) {
    begin_in_group();
    hostile_set("/y", H5T_IEEE_F32LE, 1, sixteen, ones);
    ck_assert_int_ge(H5Lcreate_external(path_b, "/y", hostile, "/g/x", H5P_DEFAULT, H5P_DEFAULT), 0);
    expect_hostile("/g: refused, since it lists its members, or links out of the file, in another form");
}
END_TEST

START_TEST(external_link_within) {
    hostile_begin();
    H5Gclose(H5Gcreate2(hostile, "/h", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    hostile_set("/h/x", H5T_IEEE_F32LE, 1, sixteen, ones);
    ck_assert_int_ge(H5Lcreate_external(path_b, "/h", hostile, "/g", H5P_DEFAULT, H5P_DEFAULT), 0);
    expect_hostile("/: refused, since it lists its members, or links out of the file, in another form");
}
END_TEST

START_TEST(layouts) {
    begin_in_group();
    hid_t space = H5Screate_simple(1, sixteen, NULL);
    H5Pset_virtual(props, space, path_a, "/params/head.bias", space);
    hostile_set("/g/x", H5T_IEEE_F32LE, 1, sixteen, NULL);
    H5Sclose(space);
    expect_hostile("its data are virtual");
    begin_in_group();
    H5Pset_chunk(props, 1, sixteen);
    hostile_set("/g/x", H5T_IEEE_F32LE, 1, sixteen, ones);
    expect_hostile("its data are not in one piece");
    begin_in_group();
    H5Pset_chunk(props, 1, sixteen);
    H5Pset_deflate(props, 6);
    hostile_set("/g/x", H5T_IEEE_F32LE, 1, sixteen, ones);
    expect_hostile("its data are filtered");
    begin_in_group();
    H5Pset_layout(props, H5D_COMPACT);
    hostile_set("/g/x", H5T_IEEE_F32LE, 1, sixteen, ones);
    expect_hostile("its data are not in one piece");
    begin_in_group(); // never written: no data in the file
    hostile_set("/g/x", H5T_IEEE_F32LE, 1, sixteen, NULL);
    expect_hostile("its data lead out of the file");
    begin_in_group();
    hostile_set("/g/x", H5T_IEEE_F32LE, 2, (hsize_t[]){1ull << 40, 1 << 10}, NULL);
    expect_hostile("its data lead out of the file");
    begin_in_group();
    hid_t group = H5Gcreate2(hostile, "/g/x", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tcommit2(group, "type", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(type);
    H5Gclose(group);
    expect_hostile("/g/x/type: refused, since it is neither dataset nor group");
}
END_TEST

START_TEST(types) {
    hid_t text = H5Tcopy(H5T_C_S1), compound = H5Tcreate(H5T_COMPOUND, 4);
    H5Tset_size(text, H5T_VARIABLE);
    H5Tinsert(compound, "x", 0, H5T_IEEE_F32LE);
    hid_t wrong[] = {H5T_IEEE_F32BE, H5T_STD_I16LE, H5T_STD_B32LE, H5T_STD_I8LE, text, compound};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin_in_group();
        H5Pset_alloc_time(props, H5D_ALLOC_TIME_EARLY);
        hostile_set("/g/x", wrong[i], 1, sixteen, NULL);
        expect_hostile("/g/x: refused, since its type is none of those");
    }
    H5Tclose(text);
    H5Tclose(compound);
}
END_TEST

// Groups that hold themselves.
START_TEST(circles) {
    begin_in_group();
    H5Lcreate_hard(hostile, "/", hostile, "/g/x", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(hostile, "/", hostile, "/g/y", H5P_DEFAULT, H5P_DEFAULT);
    expect_hostile("more groups within groups");
}
END_TEST

static void hostile_attribute(const char *name, hid_t type, hid_t space, const void *data) {
    hid_t a = H5Acreate2(hostile, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(a, 0);
    H5Awrite(a, type, data);
    H5Aclose(a);
}

START_TEST(attributes) {
    hid_t fixed = H5Tcopy(H5T_C_S1), text = H5Tcopy(H5T_C_S1), one = H5Screate(H5S_SCALAR),
          many = H5Screate_simple(1, sixteen, NULL);
    H5Tset_size(fixed, 8);
    H5Tset_size(text, H5T_VARIABLE);
    H5Tset_cset(text, H5T_CSET_UTF8);
    char *texts[16], *got = NULL, *binary = "\xff\xfe";
    for (int i = 0; i < 16; i++) texts[i] = "text";
    int64_t numbers[16] = {0};
    const struct {
        hid_t type, space;
        const void *data;
        const char *message;
    } bad[] = {{fixed, one, "eight...", "it is neither a 64-bit number nor a text"},
               {text, many, texts, "it is not one value"},
               {H5T_STD_I64LE, many, numbers, "it is not one value"},
               {H5T_STD_I32LE, one, numbers, "it is neither a 64-bit number nor a text"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hostile_begin();
        hostile_attribute("name", bad[i].type, bad[i].space, bad[i].data);
        expect_hostile(bad[i].message);
    }
    hostile_begin();
    hostile_attribute("name", text, one, &binary);
    hostile_end();
    sn_h5r *r = open_ok(path_b);
    ck_assert_int_eq(sn_h5_attr_text_read(r, "/", "name", 100, &got), SN_DATA);
    ck_message("it is not UTF-8 or holds a 0");
    ck_assert_ptr_null(got);
    sn_h5r_free(r);
    H5Tclose(fixed);
    H5Tclose(text);
    H5Sclose(one);
    H5Sclose(many);
}
END_TEST

// The only place of `needle` in p.
static size_t find(const unsigned char *p, size_t n, const void *needle, size_t m) {
    unsigned char *at = memmem(p, n, needle, m);
    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_null(memmem(at + 1, n - (size_t)(at + 1 - p), needle, m));
    return (size_t)(at - p);
}

static void patch(size_t at, const unsigned char *p, size_t n, uint64_t value, size_t bytes, const char *message) {
    unsigned char *q = malloc(n);
    ck_assert_ptr_nonnull(q);
    memcpy(q, p, n);
    memcpy(q + at, &value, bytes);
    put_file(path_b, q, n);
    free(q);
    seal(path_b);
    expect_refused(path_b, message);
}

// Lengths and places of a text that contradict each other or lead away. HDF5 itself would copy outside its memory.
START_TEST(text_bombs) {
    sn_h5w *w;
    ck_ok(sn_h5_create(0, &w));
    ck_ok(sn_h5_attr_text(w, "/", "format", "supernet-checkpoint"));
    ck_ok(sn_h5_save(w, path_a));
    sn_h5w_free(w);
    size_t n;
    unsigned char *p = load_file(path_a, &n);
    size_t text = find(p, n, "supernet-checkpoint", 19), heap = find(p, n, "GCOL", 4);
    uint64_t heap_address = heap - 512;
    unsigned char reference[16] = {19};
    memcpy(reference + 4, &heap_address, 8);
    reference[12] = 1;
    size_t value = find(p, n, reference, 16);
    patch(value, p, n, 0xFFFFFFFF, 4, "its length differs");
    patch(value, p, n, 4, 4, "its length differs");
    patch(value + 4, p, n, 1u << 30, 8, "its text is in no heap");
    patch(value + 4, p, n, UINT64_MAX, 8, "its text is in no heap");
    patch(value + 12, p, n, 7, 4, "its text is not in the heap");
    patch(heap + 8, p, n, 1u << 30, 8, "its heap leads out of the file");
    patch(text - 8, p, n, 1u << 30, 8, "its text leads out of the heap");
    patch(text - 8, p, n, UINT64_MAX, 8, "its text leads out of the heap");
    patch(text - 8, p, n, 4000, 8, "its length differs");
    free(p);
}
END_TEST

START_TEST(data_out_of_the_file) {
    begin_in_group();
    hostile_set("/g/x", H5T_IEEE_F32LE, 1, sixteen, ones);
    hostile_end();
    size_t n;
    unsigned char *p = load_file(path_b, &n);
    uint64_t layout[2] = {find(p, n, ones, sizeof ones) - 512, sizeof ones}; // address and size, as the file states them
    size_t at = find(p, n, layout, sizeof layout);
    const uint64_t bad[] = {n, n - 512, n - 512 - 60, UINT64_MAX - 1, UINT64_MAX - 511, UINT64_MAX - 512, 1ull << 40};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memcpy(p + at, &bad[i], 8);
        put_file(path_b, p, n);
        seal(path_b);
        expect_refused(path_b, "/g/x: refused, since its data lead out of the file");
    }
    free(p);
}
END_TEST

// --- other programs

static bool have(const char *command) {
    char line[300];
    snprintf(line, sizeof line, "%s >/dev/null 2>&1", command);
    if (system(line) == 0) return true;
    printf("skipped: '%s' does not run here\n", command);
    return false;
}

static void expect_output(const char *command, const char *const *parts) {
    char line[700], out[8192];
    snprintf(line, sizeof line, "%s 2>&1", command);
    FILE *f = popen(line, "r");
    ck_assert_ptr_nonnull(f);
    out[fread(out, 1, sizeof out - 1, f)] = 0;
    int rc = pclose(f);
    ck_assert_msg(rc == 0, "%s: %s", command, out);
    for (; *parts; parts++) ck_assert_msg(strstr(out, *parts), "%s: '%s' lacks '%s'", command, out, *parts);
}

START_TEST(other_readers) {
    char line[1200];
    save_small(path_a, 0);
    if (have("h5ls --version")) {
        snprintf(line, sizeof line, "h5ls -r %s", path_a);
        expect_output(line, (const char *[]){"/params/stem.conv.weight Dataset {4, 3, 3, 2}", "/optim/momentum", NULL});
    }
    if (have("h5dump --version")) {
        snprintf(line, sizeof line, "h5dump -a /step -d /params/head.bias %s", path_a);
        expect_output(line, (const char *[]){"1234567890123", "H5T_IEEE_F32LE", "0, 0.875, 1.75", NULL});
    }
    if (have("python3 -c 'import h5py'")) {
        snprintf(
            line, sizeof line,
            "python3 -c \"import h5py; f = h5py.File('%s'); a = f.attrs; print(f.userblock_size, type(a['config']), a['step'], "
            "f['params/stem.conv.weight'].dtype, f['params/stem.conv.weight'][3, 2, 2, 1], a['config'] == open('%s').read())\"",
            path_a, path_b);
        put_text(path_b, config);
        expect_output(line, (const char *[]){"512 <class 'str'> 1234567890123 float32 62.125 True", NULL});
    }
}
END_TEST

static void no_messages(void) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}
static void setup(void) {
    no_messages();
    folder_make();
}

int main(void) {
    Suite *s = suite_create("h5file");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, folder_remove);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, checksum);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, types_and_shapes);
    tcase_add_test(t, long_texts);
    tcase_add_test(t, same_bytes);
    tcase_add_test(t, wrong_use);
    tcase_add_test(t, mismatches_are_named);
    tcase_add_test(t, lists);
    tcase_add_test(t, check);
    tcase_add_test(t, cut_at_every_byte);
    tcase_add_test(t, every_bit_flipped);
    tcase_add_test(t, overwritten_and_swapped);
    tcase_add_test(t, not_a_file_of_ours);
    tcase_add_test(t, harmless);
    tcase_add_test(t, external_storage);
    tcase_add_test(t, soft_links);
    tcase_add_test(t, external_link_last);
    tcase_add_test(t, external_link_within);
    tcase_add_test(t, layouts);
    tcase_add_test(t, types);
    tcase_add_test(t, circles);
    tcase_add_test(t, attributes);
    tcase_add_test(t, text_bombs);
    tcase_add_test(t, data_out_of_the_file);
    tcase_add_test(t, other_readers);
    suite_add_tcase(s, t);
    return run_suite(s);
}
