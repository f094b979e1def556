// safetensors: what is written is read back, equal content gives equal bytes, and nothing that bends the format is read.
#include "folder.h"
#include "io/files/safetensors.h"

#include <stdbool.h>
#include <stdint.h>

static const float data[24] = {1, -2, 3.5f, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};
static const sn_st_tensor tensors[] = {{"stem.conv.weight", 4, {2, 3, 2, 2}, data},
                                       {"head \"bias\"\n\\ Zürich", 1, {5}, data + 7},
                                       {"scale", 0, {0}, data + 3},
                                       {"none", 2, {3, 0}, NULL}};
static const sn_st_note notes[] = {{"format", "pt"}, {"architecture", "22212220\t\"q\""}};

START_TEST(round_trip) {
    ck_ok(sn_safetensors_save(path_a, tensors, 4, notes, 2));
    sn_safetensors *s;
    ck_ok(sn_safetensors_open(path_a, 1 << 20, &s));
    ck_assert_uint_eq(sn_safetensors_count(s), 4);
    for (int i = 0; i < 4; i++) {
        const sn_st_tensor *t = sn_safetensors_find(s, tensors[i].name);
        ck_assert_ptr_nonnull(t);
        ck_assert_int_eq(t->ndim, tensors[i].ndim);
        size_t n = 1;
        for (int k = 0; k < t->ndim; n *= t->dims[k++]) ck_assert_uint_eq(t->dims[k], tensors[i].dims[k]);
        ck_assert_uint_eq((uintptr_t)t->data % sizeof(float), 0);
        if (n) ck_assert_mem_eq(t->data, tensors[i].data, n * sizeof(float));
        if (i)
            ck_assert_int_lt(strcmp(sn_safetensors_tensor(s, (size_t)i - 1)->name, sn_safetensors_tensor(s, (size_t)i)->name), 0);
    }
    ck_assert_ptr_null(sn_safetensors_find(s, "stem"));
    ck_assert_str_eq(sn_safetensors_note(s, "architecture"), "22212220\t\"q\"");
    ck_assert_ptr_null(sn_safetensors_note(s, "scores"));
    sn_safetensors_free(s);
    sn_safetensors_free(NULL);
    ck_ok(sn_safetensors_save(path_a, NULL, 0, NULL, 0));
    ck_ok(sn_safetensors_open(path_a, 16, &s));
    ck_assert_uint_eq(sn_safetensors_count(s), 0);
    ck_assert_ptr_null(sn_safetensors_note(s, "format"));
    sn_safetensors_free(s);
}
END_TEST

// In any order, and over many names, so that a random order of a hash table would show.
START_TEST(same_bytes) {
    enum { N = 300 };
    static char names[N][16];
    static sn_st_tensor forth[N], back[N];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i * 7919 % 1000);
        forth[i] = back[N - 1 - i] = (sn_st_tensor){names[i], 1, {(size_t)i % 5}, data};
    }
    const sn_st_note turned[] = {notes[1], notes[0]};
    ck_ok(sn_safetensors_save(path_a, forth, N, notes, 2));
    ck_ok(sn_safetensors_save(path_b, back, N, turned, 2));
    ck_assert(same_files(path_a, path_b));
}
END_TEST

// The bytes, as the format describes them.
START_TEST(exact_bytes) {
    const sn_st_tensor two[] = {{"b", 1, {1}, data + 1}, {"a", 2, {1, 2}, data}};
    ck_ok(sn_safetensors_save(path_a, two, 2, notes, 1));
    static const char text[] =
        "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"data_offsets\":[0,8],\"dtype\":\"F32\",\"shape\":[1,2]},"
        "\"b\":{\"data_offsets\":[8,12],\"dtype\":\"F32\",\"shape\":[1]}}";
    size_t n, length = sizeof text - 1, padded = (length + 7) / 8 * 8;
    unsigned char *p = load_file(path_a, &n);
    ck_assert_uint_eq(n, 8 + padded + 12);
    ck_assert_uint_eq(p[0] + 256u * p[1], padded);
    ck_assert_mem_eq(p + 8, text, length);
    for (size_t i = length; i < padded; i++) ck_assert_int_eq(p[8 + i], ' ');
    ck_assert_mem_eq(p + 8 + padded, ((float[]){1, -2, -2}), 12);
    free(p);
}
END_TEST

START_TEST(wrong_use) {
    const sn_st_tensor bad[][2] = {{{"a", 0, {0}, data}, {"a", 0, {0}, data}},
                                   {{"", 0, {0}, data}, {"b", 0, {0}, data}},
                                   {{"__metadata__", 0, {0}, data}, {"b", 0, {0}, data}},
                                   {{"\xff", 0, {0}, data}, {"b", 0, {0}, data}},
                                   {{"a", 9, {0}, data}, {"b", 0, {0}, data}},
                                   {{"a", 2, {SIZE_MAX / 2, 3}, data}, {"b", 0, {0}, data}}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(sn_safetensors_save(path_a, bad[i], 2, NULL, 0), SN_USAGE);
        ck_message("/a: tensor '");
    }
    const sn_st_note twice[] = {notes[0], notes[0]}, binary[] = {{"k", "\xff"}};
    ck_assert_int_eq(sn_safetensors_save(path_a, tensors, 1, twice, 2), SN_USAGE);
    ck_assert_int_eq(sn_safetensors_save(path_a, tensors, 1, binary, 1), SN_USAGE);
    ck_assert_int_eq(folder_count(), 0);
    ck_assert_int_eq(sn_safetensors_save("/nonexistent/x", tensors, 4, NULL, 0), SN_FAIL);
}
END_TEST

static void expect_refused(const char *message) {
    sn_safetensors *s = NULL;
    ck_assert_int_eq(sn_safetensors_open(path_b, 1 << 20, &s), SN_DATA);
    ck_assert_ptr_null(s);
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
#define B(range) "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" range "}"

START_TEST(strict) {
    static const struct {
        const char *text;
        size_t bytes;
        const char *message;
    } cases[] = {
        {"{" A "}", 9, "gaps"},
        {"{" A "}", 7, "its data lead out of the file"},
        {"{" A "," A "}", 8, "no JSON"},
        {"{" A "," B("[4,8]") "}", 8, "overlap"},
        {"{" A "," B("[12,16]") "}", 16, "gaps"},
        {"{" B("[4,8]") "}", 8, "gaps"},
        {"{" A "," B("[8,16]") "}", 16, "do not span"},
        {"{" A "," B("[12,8]") "}", 12, "do not span"},
        {"{" A "," B("[8]") "}", 12, "no two offsets"},
        {"{" A "," B("[8,12,16]") "}", 12, "no two offsets"},
        {"{" A "," B("[8,12.0]") "}", 12, "no two offsets"},
        {"{" A "," B("[-4,0]") "}", 8, "no two offsets"},
        {"{" A "," B("8") "}", 12, "no two offsets"},
        {"{" B("[9223372036854775803,9223372036854775807]") "}", 4, "its data lead out of the file"},
        {"{" B("[0,9223372036854775808]") "}", 4, "no JSON"},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[0,8]}}", 8, "its dtype is not F32"},
        {"{\"a\":{\"dtype\":1,\"shape\":[4],\"data_offsets\":[0,8]}}", 8, "its dtype is not F32"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "its shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, "its shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8, "its shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, "do not span"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"more\":1}}", 8, "no more"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "must have"},
        {"{\"a\":[]}", 0, "must have"},
        {"{\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "its name is empty"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "is not a text"},
        {"{\"__metadata__\":[]}", 0, "not a map of texts"},
        {"[]", 0, "not a safetensors file"},
        {" {}", 0, "not a safetensors file"},
        {"{} x", 0, "no JSON"},
        {"{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "no JSON"},
        {"{\"\xff\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "no JSON"},
        {"", 0, "not a safetensors file"},
    };
    sn_safetensors *s;
    put_header("{" A "," B("[8,12]") "}", 12); // the cases fail for their own reason
    ck_ok(sn_safetensors_open(path_b, 1 << 20, &s));
    sn_safetensors_free(s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_header(cases[i].text, cases[i].bytes);
        expect_refused(cases[i].message);
    }
    char deep[1900];
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"a\":", 5);
    deep[sizeof deep - 1] = 0;
    put_header(deep, 0);
    expect_refused("no JSON");
    unsigned char bytes[24] = {15, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    memset(bytes + 10, ' ', 14);
    put_file(path_b, bytes, 23);
    expect_refused("multiples of 8");
    memset(bytes, 255, 8);
    put_file(path_b, bytes, 24);
    expect_refused("not a safetensors file, or cut");
    put_file(path_b, bytes, 7);
    expect_refused("not a safetensors file");
}
END_TEST

// Cut anywhere it is refused. A flipped bit is refused or leaves a well-formed file whose data can all be read; it never crashes.
START_TEST(damaged) {
    ck_ok(sn_safetensors_save(path_a, tensors, 4, notes, 2));
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
            sn_safetensors *s;
            if (sn_safetensors_open(path_b, 1 << 20, &s) != SN_OK) continue;
            for (size_t t = 0; t < sn_safetensors_count(s); t++) {
                const sn_st_tensor *x = sn_safetensors_tensor(s, t);
                size_t count = 1;
                for (int k = 0; k < x->ndim; k++) count *= x->dims[k];
                for (size_t k = 0; k < count; k++) sum += x->data[k];
            }
            sn_safetensors_free(s);
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
    tcase_add_test(t, strict);
    tcase_add_test(t, damaged);
    suite_add_tcase(s, t);
    return run_suite(s);
}
