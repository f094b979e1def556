// The ranking store: round trip, going on after reopening, CSV, and damage at every byte.
// Not here: the container and its checksum (test_h5file.c).
// Next: test_rankquality.c.
#include "base/half.h"
#include "base/rng.h"
#include "folder.h"
#include "h5bytes.h"
#include "io/files/h5file.h"
#include "io/files/rankstore.h"
#include "space/arch.h"

#include <math.h>

static void remove_folder(void) {
    ck_assert_int_le(folder_count(), 1); // nothing is left beside the store
    folder_remove();
}

// Row number i of a setting with so many images: everything follows from i.
typedef struct {
    char arch[40];
    uint64_t hits[8];
    uint16_t losses[512];
    sn_rank_row row;
} made;

static void make_row(made *m, uint32_t i, uint32_t images) {
    memset(m, 0, sizeof *m);
    sn_rng r = sn_rng_at(i, SN_STREAM_RESAMPLE, images, 0, 0);
    snprintf(m->arch, sizeof m->arch, i % 3 ? "-,mb3_k%u" : "=skip\"%u", i);
    for (uint32_t b = 0; b < images; b++) {
        if (sn_rng_below(&r, 3)) continue;
        m->hits[b / 64] |= 1ull << (b % 64);
        m->row.top1++;
    }
    m->row.arch = m->arch;
    for (uint32_t b = 0; b < images; b++) { // every fourth is a row of before, whose images are not known
        m->losses[b] = i % 4 == 1 ? SN_HALF_NAN : sn_half_of((float)sn_rng_unit(&r));
        m->row.loss += (double)sn_half_value(m->losses[b]) / images;
    }
    if (i % 4 == 1) m->row.loss = i == 5 ? HUGE_VAL : sn_rng_unit(&r);
    m->row.losses = i % 8 == 1 ? NULL : m->losses;
    m->row.top5 = (m->row.top1 + images) / 2;
    m->row.macs = 1ull << 40 | i;
    m->row.params = 1000 + i;
    m->row.logits = sn_rng_u32(&r) + (1ull << 63);
    m->row.hits = m->hits;
}

static void add_rows(sn_rankstore *s, size_t setting, uint32_t from, uint32_t to, uint32_t images) {
    for (uint32_t i = from; i < to; i++) {
        made m;
        make_row(&m, i, images);
        ck_ok(sn_rankstore_add(s, setting, &m.row));
    }
}

static void rows_are(const sn_rankstore *s, size_t setting, uint32_t rows, uint32_t images) {
    ck_assert_uint_eq(sn_rankstore_count(s, setting), rows);
    for (uint32_t i = 0; i < rows; i++) {
        made m;
        make_row(&m, i, images);
        ck_assert_int_eq(sn_rankstore_find(s, setting, m.arch), (long)i);
        sn_rank_row r = sn_rankstore_row(s, setting, i);
        ck_assert_str_eq(r.arch, m.arch);
        ck_assert(r.loss == m.row.loss && r.top1 == m.row.top1 && r.top5 == m.row.top5);
        ck_assert(r.macs == m.row.macs && r.params == m.row.params && r.logits == m.row.logits);
        ck_assert_mem_eq(r.hits, m.hits, (images + 63) / 64 * 8);
        ck_assert_mem_eq(r.losses, m.losses, images * sizeof *m.losses);
    }
    ck_assert_int_eq(sn_rankstore_find(s, setting, "-,mb3_k"), -1);
}

static const sn_rank_setting first = {"0123abcd", "recalibrate 2000/250", "validation, seed 1", 130},
                             second = {"0123abcd", "running", "validation, seed 1", 64};

static void fill(uint32_t rows) {
    sn_rankstore *s;
    size_t a, b;
    ck_ok(sn_rankstore_open(path_a, &s));
    ck_ok(sn_rankstore_setting(s, &first, &a));
    ck_ok(sn_rankstore_setting(s, &second, &b));
    add_rows(s, a, 0, rows, 130);
    add_rows(s, b, 0, rows / 2, 64);
    ck_ok(sn_rankstore_save(s));
    sn_rankstore_close(s);
}

START_TEST(comes_back) {
    sn_rankstore *s;
    ck_ok(sn_rankstore_open(path_a, &s));
    ck_assert_uint_eq(sn_rankstore_settings(s), 0);
    ck_ok(sn_rankstore_save(s)); // nothing to save
    ck_assert_int_ne(access(path_a, F_OK), 0);
    sn_rankstore_close(s);

    fill(200);
    ck_ok(sn_rankstore_open(path_a, &s));
    ck_assert_uint_eq(sn_rankstore_settings(s), 2);
    size_t a, b;
    ck_ok(sn_rankstore_setting(s, &first, &a));
    ck_ok(sn_rankstore_setting(s, &second, &b));
    ck_assert_uint_eq(sn_rankstore_settings(s), 2);
    sn_rank_setting k = sn_rankstore_get_setting(s, b);
    ck_assert_str_eq(k.weights, second.weights);
    ck_assert_str_eq(k.protocol, second.protocol);
    ck_assert_str_eq(k.split, second.split);
    ck_assert_uint_eq(k.images, 64);
    rows_are(s, a, 200, 130);
    rows_are(s, b, 100, 64);
    sn_rankstore_close(s);
}
END_TEST

START_TEST(goes_on_after_reopening) {
    fill(20);
    for (uint32_t round = 1; round < 4; round++) {
        sn_rankstore *s;
        size_t a, c;
        ck_ok(sn_rankstore_open(path_a, &s));
        ck_ok(sn_rankstore_setting(s, &first, &a));
        rows_are(s, a, 20 * round, 130);
        add_rows(s, a, 20 * round, 20 * (round + 1), 130);
        sn_rank_setting other = first;
        other.weights = round == 1 ? "one" : round == 2 ? "two" : "three";
        ck_ok(sn_rankstore_setting(s, &other, &c));
        ck_assert_uint_eq(c, 1 + round);
        ck_assert_int_eq(sn_rankstore_find(s, c, "anything"), -1);
        add_rows(s, c, 0, 1, 130);
        ck_ok(sn_rankstore_save(s));
        if (round == 3) add_rows(s, a, 80, 90, 130); // not saved: not there
        sn_rankstore_close(s);
    }
    sn_rankstore *s;
    ck_ok(sn_rankstore_open(path_a, &s));
    ck_assert_uint_eq(sn_rankstore_settings(s), 5);
    rows_are(s, 0, 80, 130);
    sn_rankstore_close(s);
}
END_TEST

START_TEST(same_rows_same_file) { // a store holds no time, path or order of saves
    sn_rankstore *s;
    size_t a, b;
    fill(30);
    ck_ok(sn_rankstore_open(path_b, &s));
    ck_ok(sn_rankstore_setting(s, &first, &a));
    ck_ok(sn_rankstore_setting(s, &second, &b));
    add_rows(s, a, 0, 10, 130);
    ck_ok(sn_rankstore_save(s));
    add_rows(s, b, 0, 15, 64);
    sleep(1);
    add_rows(s, a, 10, 30, 130);
    ck_ok(sn_rankstore_save(s));
    sn_rankstore_close(s);
    ck_assert(same_files(path_a, path_b));
    unlink(path_b);
}
END_TEST

START_TEST(refuses_contradictions) {
    sn_rankstore *s;
    size_t a;
    made m;
    ck_ok(sn_rankstore_open(path_a, &s));
    ck_ok(sn_rankstore_setting(s, &first, &a));
    make_row(&m, 1, 130);
    ck_ok(sn_rankstore_add(s, a, &m.row));
    ck_assert_int_eq(sn_rankstore_add(s, a, &m.row), SN_USAGE);
    ck_assert_str_eq(sn_error_text(), "arch -,mb3_k1 has a score already");
    sn_rank_row bad;
    char longest[SN_ARCH_TEXT + 1] = {0};
    memset(longest, 'n', SN_ARCH_TEXT);
    make_row(&m, 2, 130);
#define REFUSED(change)                                                                                                          \
    do {                                                                                                                         \
        bad = m.row;                                                                                                             \
        change;                                                                                                                  \
        ck_assert_int_eq(sn_rankstore_add(s, a, &bad), SN_USAGE);                                                                \
    } while (0)
    REFUSED(bad.top1++);
    REFUSED(bad.top5 = bad.top1 - 1);
    REFUSED(bad.top5 = 131);
    REFUSED(bad.arch = "");
    REFUSED(bad.arch = "a\nb");
    REFUSED(bad.arch = longest);
    longest[SN_ARCH_TEXT - 1] = 0;
    bad = m.row, bad.arch = longest; // as long as an arch can be
    ck_ok(sn_rankstore_add(s, a, &bad));
    ck_ok(sn_rankstore_save(s));
    sn_rankstore_close(s);
    ck_ok(sn_rankstore_open(path_a, &s));
    ck_assert_int_eq(sn_rankstore_find(s, a, longest), 1);
    m.hits[2] |= 4; // image 130 of 0 .. 129
    REFUSED(bad.top1++);
    sn_rank_setting k = first;
    size_t number = 77;
    k.images = 0;
    ck_assert_int_eq(sn_rankstore_setting(s, &k, &number), SN_USAGE);
    k = first;
    k.protocol = "";
    ck_assert_int_eq(sn_rankstore_setting(s, &k, &number), SN_USAGE);
    ck_assert_uint_eq(number, 77);
    ck_assert_uint_eq(sn_rankstore_count(s, a), 2);
    sn_rankstore_close(s);
}
END_TEST

START_TEST(csv_of_a_store) {
    sn_rankstore *s;
    size_t a;
    ck_ok(sn_rankstore_open(path_a, &s));
    ck_ok(sn_rankstore_setting(s, &second, &a));
    const uint64_t hits[] = {0xffff};
    ck_ok(sn_rankstore_add(s, a, &(sn_rank_row){"0120", 0.5, 16, 32, 7, 8, 1, hits, NULL}));
    ck_ok(sn_rankstore_add(s, a, &(sn_rank_row){"=1,2", HUGE_VAL, 16, 64, 0, 0, 2, hits, NULL}));
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    ck_ok(sn_rankstore_csv(s, NULL, (sn_rank_words){0}, f));
    fclose(f);
    ck_assert_str_eq(text, "place,arch,top1,top5,loss,macs,params,images,split,protocol,weights,fitted_top1,fitted_loss\n"
                           ",0120,0.25,0.5,0.5,7,8,64,\"validation, seed 1\",running,0123abcd,,\n"
                           ",\"=1,2\",0.25,1,inf,0,0,64,\"validation, seed 1\",running,0123abcd,,\n");
    free(text);
    f = open_memstream(&text, &bytes);
    ck_ok(sn_rankstore_csv(s, &(sn_rank_fits){a, (double[]){0.375, 0.5}, (double[]){1.5, NAN}, (size_t[]){1}, 1},
                           (sn_rank_words){0}, f));
    fclose(f);
    ck_assert_ptr_nonnull(strstr(text, "\n1,\"=1,2\",")); // the ranked one first
    ck_assert_ptr_nonnull(strstr(text, "0123abcd,0.5,\n,0120,"));
    ck_assert_ptr_nonnull(strstr(text, "0123abcd,0.375,1.5\n"));
    free(text);
    f = fopen("/dev/full", "w");
    setvbuf(f, NULL, _IONBF, 0);
    ck_assert_int_eq(sn_rankstore_csv(s, NULL, (sn_rank_words){0}, f), SN_RESOURCE);
    fclose(f);
    sn_rankstore_close(s);
}
END_TEST

START_TEST(failed_save_loses_nothing) {
    char gone[sizeof path_a + 20];
    sn_rankstore *s;
    size_t a;
    snprintf(gone, sizeof gone, "%s/later/r.h5", scratch);
    ck_ok(sn_rankstore_open(gone, &s));
    ck_ok(sn_rankstore_setting(s, &first, &a));
    add_rows(s, a, 0, 9, 130);
    ck_assert_int_ne(sn_rankstore_save(s), SN_OK);
    *strrchr(gone, '/') = 0;
    ck_assert_int_eq(mkdir(gone, 0700), 0);
    ck_ok(sn_rankstore_save(s)); // the rows are still there, and still unsaved
    sn_rankstore_close(s);
    strcat(gone, "/r.h5");
    ck_ok(sn_rankstore_open(gone, &s));
    rows_are(s, 0, 9, 130);
    sn_rankstore_close(s);
    unlink(gone);
    *strrchr(gone, '/') = 0;
    rmdir(gone);
}
END_TEST

// --- damage

static void refused(const char *why) {
    sn_rankstore *s = NULL;
    ck_assert_msg(sn_rankstore_open(path_a, &s) == SN_DATA, "%s: not refused", why);
    ck_assert_msg(strstr(sn_error_text(), path_a), "%s: '%s' does not name the file", why, sn_error_text());
    ck_assert_ptr_null(s);
}

START_TEST(damaged_anywhere) {
    fill(4);
    size_t n;
    char *bytes = load_file(path_a, &n);
    for (size_t cut = 0; cut < n; cut += cut < 600 ? 1 : 97) {
        put_file(path_a, bytes, cut);
        refused("cut");
    }
    for (size_t i = 0; i < n; i += i < 600 ? 1 : 89) {
        bytes[i] ^= (char)(1 << i % 8);
        put_file(path_a, bytes, n);
        refused("flipped");
        bytes[i] ^= (char)(1 << i % 8);
    }
    put_file(path_a, bytes, n);
    sn_rankstore *s;
    ck_ok(sn_rankstore_open(path_a, &s));
    sn_rankstore_close(s);
    free(bytes);
}
END_TEST

// A store of two rows under a right checksum, wrong in one way.
enum {
    SOUND,
    NO_LOSSES, // of before they were kept: also sound
    KIND,
    FUTURE,
    SETTINGS,
    NO_SUCH_SETTING,
    LOSS_SHORT,
    LOSS_TYPE,
    ARCH_SHORT,
    ARCH_LONG,
    ARCH_TWICE,
    ARCH_ZERO,
    ARCH_EMPTY,
    ARCH_NO_END,
    WORDS,
    TOP1,
    TOP5,
    BEYOND,
    NO_IMAGES,
    NEGATIVE_IMAGES,
    NO_PROTOCOL,
    SAME_SETTING,
    LOSSES_SHORT,
    LOSSES_OTHER,
    LOSSES_PART,
    LOSSES_TYPE,
    WAYS
};

static void put_setting(sn_h5w *w, int way, int number) {
    char here[20], at[40];
    snprintf(here, sizeof here, "/setting%d", number);
#define AT(name) (snprintf(at, sizeof at, "%s/%s", here, name), at)
    const char *arch = way == ARCH_SHORT    ? "ab\n"
                       : way == ARCH_LONG   ? "a\nb\nc\n"
                       : way == ARCH_TWICE  ? "a\na\n"
                       : way == ARCH_ZERO   ? "a\nb\0c\n"
                       : way == ARCH_EMPTY  ? "a\n\n"
                       : way == ARCH_NO_END ? "a\nb"
                                            : "a\nb\n";
    size_t bytes = way == ARCH_ZERO ? 6 : strlen(arch);
    const double loss[] = {1, 2};
    const uint64_t top1[] = {1, way == TOP1 ? 2 : 1}, top5[] = {2, way == TOP5 ? 11 : 2}, macs[] = {3, 4},
                   hits[] = {1, way == BEYOND ? 1 << 10 : 2, 0, 0};
    ck_ok(sn_h5_put(w, AT("arch"), SN_U8, 1, &bytes, arch));
    ck_ok(sn_h5_put(w, AT("loss"), way == LOSS_TYPE ? SN_U64 : SN_F64, 1, (size_t[]){way == LOSS_SHORT ? 1 : 2}, loss));
    ck_ok(sn_h5_put(w, AT("top1"), SN_U64, 1, (size_t[]){2}, top1));
    ck_ok(sn_h5_put(w, AT("top5"), SN_U64, 1, (size_t[]){2}, top5));
    ck_ok(sn_h5_put(w, AT("macs"), SN_U64, 1, (size_t[]){2}, macs));
    ck_ok(sn_h5_put(w, AT("params"), SN_U64, 1, (size_t[]){2}, macs));
    ck_ok(sn_h5_put(w, AT("logits"), SN_U64, 1, (size_t[]){2}, macs));
    ck_ok(sn_h5_put(w, AT("hits"), SN_U64, 2, (size_t[]){2, way == WORDS ? 2 : 1}, hits));
    uint16_t losses[20];
    for (int i = 0; i < 20; i++) losses[i] = i < 10 || way == LOSSES_OTHER ? 0x3C00 : 0x4000; // 1, 2
    if (way == LOSSES_PART) losses[3] = SN_HALF_NAN;
    if (way != NO_LOSSES)
        ck_ok(sn_h5_put(w, AT("losses"), way == LOSSES_TYPE ? SN_U8 : SN_F16, 2, (size_t[]){2, way == LOSSES_SHORT ? 9 : 10},
                        losses));
    ck_ok(sn_h5_attr_text(w, here, "weights", "w"));
    if (way != NO_PROTOCOL) ck_ok(sn_h5_attr_text(w, here, "protocol", "p"));
    ck_ok(sn_h5_attr_text(w, here, "split", "s"));
    ck_ok(sn_h5_attr_int(w, here, "images", way == NO_IMAGES ? 0 : way == NEGATIVE_IMAGES ? -10 : 10));
}

START_TEST(contradictory_content) {
    for (int way = 0; way < WAYS; way++) {
        sn_h5w *w;
        ck_ok(sn_h5_create(1 << 14, &w));
        put_setting(w, way, 0);
        if (way == SAME_SETTING) put_setting(w, way, 1);
        ck_ok(sn_h5_attr_text(w, "/", "kind", way == KIND ? "checkpoint" : "ranking"));
        ck_ok(sn_h5_attr_int(w, "/", "version", way == FUTURE ? 2 : 1));
        ck_ok(sn_h5_attr_int(w, "/", "settings", way == SETTINGS ? -1 : way == SAME_SETTING || way == NO_SUCH_SETTING ? 2 : 1));
        ck_ok(sn_h5_save(w, path_a));
        sn_h5w_free(w);
        char name[40];
        snprintf(name, sizeof name, "way %d", way);
        if (way > NO_LOSSES) {
            refused(name);
        } else {
            sn_rankstore *s;
            ck_ok(sn_rankstore_open(path_a, &s));
            ck_assert_uint_eq(sn_rankstore_count(s, 0), 2);
            ck_assert_uint_eq(sn_rankstore_row(s, 0, 1).losses[9], way ? SN_HALF_NAN : 0x4000);
            sn_rankstore_close(s);
        }
    }
}
END_TEST

// Every number of 16 bits comes back; what lies between two neighbours goes to the nearer, the middle to the even one.
START_TEST(halves) {
    for (uint32_t h = 0; h < 0x7C00; h++) {
        float x = sn_half_value((uint16_t)h), y = sn_half_value((uint16_t)(h + 1)), middle = h < 0x7BFF ? (x + y) / 2 : 65520;
        uint32_t even = h + (h & 1);
        ck_assert_uint_eq(sn_half_of(x), h);
        ck_assert_uint_eq(sn_half_of(-x), h | 0x8000);
        ck_assert_uint_eq(sn_half_of(middle), even);
        ck_assert_uint_eq(sn_half_of(nextafterf(middle, 0)), h);
        ck_assert_uint_eq(sn_half_of(nextafterf(middle, HUGE_VALF)), h + 1);
        ck_assert(h == 0 || y > x);
    }
    ck_assert(sn_half_value(0x3C00) == 1.0f && sn_half_value(0xC000) == -2.0f && isinf(sn_half_value(0x7C00)));
    ck_assert(isnan(sn_half_value(sn_half_of(NAN))) && isinf(sn_half_value(sn_half_of(HUGE_VALF))));
}
END_TEST

// Hostile bytes under a right checksum: refused, or read as rows that do not contradict themselves.
START_TEST(hostile) {
    fill(20);
    size_t size, heaps = 0, opened = 0;
    unsigned char *bytes = load_file(path_a, &size), *p = malloc(size);
    sn_rankstore *s = NULL;
    for (;; heaps++) {
        memcpy(p, bytes, size);
        if (!h5_spoil_heap(p, size, (int)heaps)) break;
        h5_seal(p, size);
        put_file(path_a, p, size);
        ck_assert_int_eq(sn_rankstore_open(path_a, &s), SN_DATA);
        ck_message("refused, since its heap ");
    }
    ck_assert_uint_ge(heaps, 4);
    uint64_t random = 43;
    for (long i = h5_changes(); i > 0; i--) {
        h5_changed_copy(p, bytes, size, &random);
        put_file(path_a, p, size);
        sn_status status = sn_rankstore_open(path_a, &s);
        ck_assert_msg(status == SN_OK || status == SN_DATA, "status %d: %s", status, sn_error_text());
        if (status != SN_OK) continue;
        opened++;
        for (size_t g = 0; g < sn_rankstore_settings(s); g++)
            for (size_t k = 0; k < sn_rankstore_count(s, g); k++) {
                sn_rank_row r = sn_rankstore_row(s, g, k);
                ck_assert(r.top1 <= r.top5 && r.top5 <= sn_rankstore_get_setting(s, g).images);
                ck_assert(r.macs <= INT64_MAX && r.params <= INT64_MAX);
                ck_assert_int_eq(sn_rankstore_find(s, g, r.arch), (long)k);
            }
        sn_rankstore_close(s);
    }
    ck_assert_uint_gt(opened, 0);
    free(p);
    free(bytes);
}
END_TEST

int main(void) {
    Suite *s = suite_create("rankstore");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, folder_make, remove_folder);
    tcase_add_test(t, comes_back);
    tcase_add_test(t, goes_on_after_reopening);
    tcase_add_test(t, same_rows_same_file);
    tcase_add_test(t, refuses_contradictions);
    tcase_add_test(t, csv_of_a_store);
    tcase_add_test(t, failed_save_loses_nothing);
    tcase_add_test(t, damaged_anywhere);
    tcase_add_test(t, contradictory_content);
    tcase_add_test(t, halves);
    tcase_add_test(t, hostile);
    suite_add_tcase(s, t);
    return run_suite(s);
}
