// Tensors and notes by name, and safetensors: what is written is read back, equal content gives equal bytes, and damaged or
// foreign files are refused or give tensors that can be read.
#include "folder.h"
#include "io/files/tensors.h"

#include <stdint.h>

// Adds a tensor that counts on from `first`.
static void add(sn_tensors *t, const char *name, int ndim, const size_t *dims, int first) {
    float *data;
    ck_ok(sn_tensors_add(t, name, ndim, dims, &data));
    for (size_t i = 0; i < t->item[t->n - 1].n; i++) data[i] = (float)first + (float)i / 4;
}

static sn_tensors four(void) {
    sn_tensors t = {0};
    add(&t, "stem.conv.weight", 4, (size_t[]){2, 3, 2, 2}, 1);
    add(&t, "head \"bias\"\n\\ Zürich", 1, (size_t[]){5}, -2);
    add(&t, "scale", 0, NULL, 7);
    add(&t, "none", 2, (size_t[]){3, 0}, 0);
    ck_ok(sn_tensors_note(&t, "format", "pt"));
    ck_ok(sn_tensors_note(&t, "architecture", "22212220\t\"q\""));
    return t;
}

START_TEST(round_trip) {
    sn_tensors t = four(), s = {0}, none = {0};
    ck_ok(sn_safetensors_save(&t, path_a));
    ck_ok(sn_safetensors_load(path_a, 1 << 20, &s));
    ck_assert_uint_eq(s.n, 4);
    for (size_t i = 0; i < 4; i++) {
        const sn_tensor *x = &t.item[i], *y = sn_tensors_find(&s, x->name);
        ck_assert_ptr_nonnull(y);
        ck_assert(x->ndim == y->ndim && x->n == y->n);
        ck_assert_mem_eq(x->dims, y->dims, sizeof x->dims);
        if (x->n) ck_assert_mem_eq(x->data, y->data, x->n * sizeof(float));
    }
    ck_assert_ptr_null(sn_tensors_find(&s, "stem"));
    ck_assert_str_eq(sn_tensors_find_note(&s, "architecture"), "22212220\t\"q\"");
    ck_assert_ptr_null(sn_tensors_find_note(&s, "scores"));
    sn_tensors_free(&t);
    sn_tensors_free(&s);
    ck_ok(sn_safetensors_save(&none, path_a));
    ck_ok(sn_safetensors_load(path_a, 16, &none));
    ck_assert_uint_eq(none.n + none.n_notes, 0);
    sn_tensors_free(&none);
}
END_TEST

// In any order, and over many names, so that a random order of a hash table would show.
START_TEST(same_bytes) {
    enum { N = 300 };
    sn_tensors forth = {0}, back = {0};
    for (int i = 0; i < 2 * N; i++) {
        int k = i < N ? i : 2 * N - 1 - i;
        char name[16];
        snprintf(name, sizeof name, "t%d", k * 7919 % 1000);
        add(i < N ? &forth : &back, name, 1, (size_t[]){(size_t)k % 5}, k);
    }
    ck_ok(sn_tensors_note(&forth, "a", "b"));
    ck_ok(sn_tensors_note(&forth, "format", "pt"));
    ck_ok(sn_tensors_note(&back, "format", "pt"));
    ck_ok(sn_tensors_note(&back, "a", "b"));
    ck_ok(sn_safetensors_save(&forth, path_a));
    ck_ok(sn_safetensors_save(&back, path_b));
    ck_assert(same_files(path_a, path_b));
    sn_tensors_free(&forth);
    sn_tensors_free(&back);
}
END_TEST

// The bytes, as the format describes them.
START_TEST(exact_bytes) {
    sn_tensors t = {0};
    add(&t, "b", 1, (size_t[]){1}, -2);
    add(&t, "a", 2, (size_t[]){1, 2}, 1);
    ck_ok(sn_tensors_note(&t, "format", "pt"));
    ck_ok(sn_safetensors_save(&t, path_a));
    static const char text[] =
        "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"data_offsets\":[0,8],\"dtype\":\"F32\",\"shape\":[1,2]},"
        "\"b\":{\"data_offsets\":[8,12],\"dtype\":\"F32\",\"shape\":[1]}}";
    size_t n, length = sizeof text - 1, padded = (length + 7) / 8 * 8;
    unsigned char *p = load_file(path_a, &n);
    ck_assert_uint_eq(n, 8 + padded + 12);
    ck_assert_uint_eq(p[0] + 256u * p[1], padded);
    ck_assert_mem_eq(p + 8, text, length);
    for (size_t i = length; i < padded; i++) ck_assert_int_eq(p[8 + i], ' ');
    ck_assert_mem_eq(p + 8 + padded, ((float[]){1, 1.25f, -2}), 12);
    free(p);
    sn_tensors_free(&t);
}
END_TEST

START_TEST(wrong_use) {
    sn_tensors t = {0};
    float *data;
    add(&t, "a", 0, NULL, 1);
    ck_ok(sn_tensors_note(&t, "k", "v"));
    const char *const names[] = {"a", "", "__metadata__", "\xff"};
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(sn_tensors_add(&t, names[i], 0, NULL, &data), SN_DATA);
        ck_message("the name is empty, not UTF-8, reserved, or comes twice");
    }
    ck_assert_int_eq(sn_tensors_add(&t, "b", 5, (size_t[5]){0}, &data), SN_DATA);
    ck_assert_int_eq(sn_tensors_add(&t, "b", 3, (size_t[]){SIZE_MAX / 2, 3, 0}, &data), SN_DATA);
    ck_assert_int_eq(sn_tensors_add(&t, "b", 1, (size_t[]){SIZE_MAX / 2}, &data), SN_DATA);
    ck_message("tensor 'b': more than 4 dimensions, or too large");
    ck_assert_int_eq(sn_tensors_note(&t, "k", "w"), SN_DATA);
    ck_assert_int_eq(sn_tensors_note(&t, "", "w"), SN_DATA);
    ck_assert_int_eq(sn_tensors_note(&t, "l", "\xff"), SN_DATA);
    ck_assert(t.n == 1 && t.n_notes == 1);
    ck_assert_int_eq(sn_safetensors_save(&t, "/nonexistent/x"), SN_FAIL);
    sn_tensors_free(&t);
}
END_TEST

static void expect_refused(const char *message) {
    sn_tensors s = {0};
    ck_assert_int_eq(sn_safetensors_load(path_b, 1 << 20, &s), SN_DATA);
    ck_assert(!s.n && !s.item);
    ck_message(path_b);
    ck_message(message);
}

// A file of this header text and n bytes of data.
static void put_header(const char *text, size_t n) {
    char bytes[2048];
    uint64_t padded = (strlen(text) + 7) / 8 * 8;
    memset(bytes, ' ', sizeof bytes);
    memcpy(bytes, &padded, 8);
    memcpy(bytes + 8, text, strlen(text));
    put_file(path_b, bytes, 8 + padded + n);
}

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define B(shape, range) "{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" range "}}"

START_TEST(not_ours) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{" A "}", "the tensors are 8 bytes, the file's data 12"},
        {"{" A "," A "}", "no JSON"},
        {B("[1]", "[12,16]"), "do not fit"},
        {B("[1]", "[12,8]"), "do not fit"},
        {B("[2]", "[8,12]"), "do not fit"},
        {B("[1]", "[8]"), "do not fit"},
        {B("[1]", "8"), "do not fit"},
        {B("1", "[8,12]"), "do not fit"},
        {B("[1,1,1,1,1]", "[8,12]"), "do not fit"},
        {B("[-1]", "[8,12]"), "do not fit"},
        {B("[4611686018427387904,4]", "[8,8]"), "do not fit"},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[6],\"data_offsets\":[0,12]}}", "is not float32"},
        {"{\"a\":[]}", "is not float32"},
        {"{\"\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}", "the name is empty"},
        {"{\"__metadata__\":{\"a\":1}}", "is not a text"},
        {"[]", "the tensors are 0 bytes"},
        {"{} x", "no JSON"},
        {"", "no JSON"},
    };
    sn_tensors s = {0};
    put_header(B("[1]", "[8,12]"), 12); // the cases fail for their own reason
    ck_ok(sn_safetensors_load(path_b, 1 << 20, &s));
    sn_tensors_free(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_header(cases[i].text, 12);
        expect_refused(cases[i].message);
    }
    put_file(path_b, "PK\x03\x04 something else", 18);
    expect_refused("not a safetensors file, or cut");
}
END_TEST

// Cut anywhere it is refused. A flipped bit is refused or leaves tensors that can all be read; it never crashes.
START_TEST(damaged) {
    sn_tensors t = four();
    ck_ok(sn_safetensors_save(&t, path_a));
    sn_tensors_free(&t);
    size_t n;
    unsigned char *p = load_file(path_a, &n);
    for (size_t k = 0; k < n; k++) {
        put_file(path_b, p, k);
        expect_refused("");
    }
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            p[i] = (unsigned char)(p[i] ^ 1 << bit);
            put_file(path_b, p, n);
            p[i] = (unsigned char)(p[i] ^ 1 << bit);
            if (sn_safetensors_load(path_b, 1 << 20, &t) != SN_OK) continue;
            for (size_t k = 0; k < t.n; k++)
                for (size_t m = 0; m < t.item[k].n; m++) sum += t.item[k].data[m];
            sn_tensors_free(&t);
        }
    ck_assert(sum <= 0 || !(sum <= 0)); // read them all
    free(p);
}
END_TEST

int main(void) {
    Suite *s = suite_create("safetensors");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, same_bytes);
    tcase_add_test(t, exact_bytes);
    tcase_add_test(t, wrong_use);
    tcase_add_test(t, not_ours);
    tcase_add_test(t, damaged);
    suite_add_tcase(s, t);
    return run_suite(s);
}
