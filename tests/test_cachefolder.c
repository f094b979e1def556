// `supernet cache`: what is listed, what is removed and what never is.
#include "datafiles.h"
#include "program.h"

#include <time.h>

enum { IMAGES = 20 };

// A config over IDX data of its own in PLACE/NAME, and its cache.
static void make_cache(const char *name) {
    uint8_t labels[IMAGES + 4];
    for (int i = 0; i < IMAGES + 4; i++) labels[i] = (uint8_t)(i % 10);
    put_idx(at(PLACE "/%s", name), IMAGES, 4, 9, 9, labels);
    char text[1024];
    snprintf(text, sizeof text,
             "data: {source: %s}\nspace:\n  input: {channels: 1, height: 9, width: 9}\n  classes: 10\n"
             "  blocks: {id: {op: identity}, k3: {op: conv, kernel: 3}}\n"
             "  network: [{op: conv, kernel: 3, out: 4}, {layers: 1, out: 4, choose: [id, k3]}, {op: classifier}]\n"
             "train: {epochs: 1, batch: 4}\nthreads: 1\n",
             name);
    put_text(at(PLACE "/%s.yaml", name), text);
    ck_run(0, "\"$S\" describe %s.yaml --no-timing", name);
}

static void setup(void) {
    place_make();
    make_cache("one");
    make_cache("two");
}

static int caches(void) {
    ck_run(0, "ls cache/supernet | wc -l");
    return atoi(read_all("out"));
}

// The entry of the source PLACE/NAME in a list of the output.
static const json_t *entry(const json_t *out, const char *list, const char *name) {
    json_t *e;
    size_t i;
    char end[64];
    snprintf(end, sizeof end, PLACE "/%s", name);
    json_array_foreach(json_object_get(out, list), i, e) {
        const char *source = json_string_value(json_object_get(e, "source"));
        if (source && strstr(source, end)) return e;
    }
    return NULL;
}

static void ck_state(const char *name, const char *state) {
    ck_run(0, "\"$S\" cache list --json");
    json_t *out = printed_json();
    const json_t *e = entry(out, "caches", name);
    ck_assert_ptr_nonnull(e);
    ck_assert_str_eq(json_string_value(json_object_get(e, "state")), state);
    json_decref(out);
}

START_TEST(listed) {
    ck_run(0, "\"$S\" cache list --json");
    json_t *out = printed_json();
    const json_t *e = entry(out, "caches", "one");
    ck_assert_ptr_nonnull(e);
    ck_assert_double_eq(number(e, "images"), IMAGES + 4);
    ck_assert_double_eq(number(e, "bytes") * 2, number(out, "bytes"));
    ck_assert(json_is_false(json_object_get(e, "in_use")));
    ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(e, "shape"), 1)), 9);
    json_decref(out);
    ck_state("one", "unchanged");
    ck_run(0, "mv one/t10k-labels-idx1-ubyte x && cp x one/t10k-labels-idx1-ubyte"); // other times
    ck_state("one", "changed");
    ck_run(0, "mv two three");
    ck_state("two", "gone");
    ck_run(0, "mv three two");
    ck_state("two", "unchanged");
    ck_run(0, "rm two/t10k-labels-idx1-ubyte");
    ck_state("two", "changed");
    ck_run(0, "\"$S\" cache list");
    ck_printed("out", "2 caches in ");
    ck_printed("out", "1 x 9 x 9");
    ck_run(0, "\"$S\" cache list nowhere");
    ck_printed("out", "0 caches in nowhere, 0.0 MiB");
}
END_TEST

START_TEST(useless_ones_removed) {
    ck_run(0, "mv one/t10k-labels-idx1-ubyte x && cp x one/t10k-labels-idx1-ubyte");
    ck_run(0, "\"$S\" cache clean --json");
    json_t *out = printed_json();
    ck_assert_uint_eq(json_array_size(json_object_get(out, "removed")), 1);
    ck_assert_ptr_nonnull(entry(out, "removed", "one"));
    json_decref(out);
    ck_assert_int_eq(caches(), 1);
    ck_run(0, "truncate -s -1 cache/supernet/two-*.sncache && \"$S\" cache clean");
    ck_printed("out", "of an unknown source, damaged\n1 of 1 cache in ");
    ck_run(0, "\"$S\" describe one.yaml --no-timing"); // made anew
    ck_assert_int_eq(caches(), 1);
}
END_TEST

START_TEST(by_age) {
    ck_run(0, "touch -a -d '3 days ago' cache/supernet/one-*.sncache && \"$S\" cache clean --older 4");
    ck_assert_int_eq(caches(), 2);
    ck_run(0, "touch -a -d '5 days ago' cache/supernet/one-*.sncache && \"$S\" describe one.yaml --no-timing"); // is a use
    ck_run(0, "\"$S\" cache clean --older 4");
    ck_assert_int_eq(caches(), 2);
    ck_run(0, "touch -a -d '5 days ago' cache/supernet/one-*.sncache && \"$S\" cache clean --older 4");
    ck_printed("out", "removed ");
    ck_printed("out", "/one-9x9x1-");
    ck_assert_int_eq(caches(), 1);
}
END_TEST

// Neither files that only have the name, nor links, nor what others put there; of unfinished ones only old ones.
START_TEST(files_of_others_stay) {
    ck_run(0,
           "cd cache/supernet && cp two-*.sncache copy && echo mine >mine.sncache && ln -s copy link.sncache && mkdir f.sncache "
           "&& touch notes .a.sncache.1.tmp && touch -d '2 hours ago' .b.sncache.1.tmp .c.tmp");
    ck_run(0, "\"$S\" cache clean --all");
    ck_printed("out", "removed 1 unfinished file of killed programs\n2 of 2 caches in ");
    ck_run(0, "ls -A cache/supernet");
    ck_assert_str_eq(read_all("out"), ".a.sncache.1.tmp\n.c.tmp\ncopy\nf.sncache\nlink.sncache\nmine.sncache\nnotes\n");
}
END_TEST

// While a program that trains holds it.
START_TEST(used_ones_stay) {
    ck_run(
        0,
        "\"$S\" train one.yaml -o run --set train.epochs=90000 --quiet & p=$!; for i in $(seq 100); do [ -d run/checkpoints ] "
        "&& break; sleep 0.1; done; sleep 0.5; \"$S\" cache list --json >list; \"$S\" cache clean --all; kill $p; wait $p; true");
    ck_printed("out", "kept ");
    ck_printed("out", ": a running program uses it");
    ck_printed("out", "1 of 2 caches in ");
    ck_printed("list", "\"in_use\": true");
    ck_assert_int_eq(caches(), 1);
    ck_run(0, "\"$S\" cache clean --all");
    ck_assert_int_eq(caches(), 0);
}
END_TEST

START_TEST(refusals) {
    ck_run(2, "\"$S\" cache");
    ck_run(2, "\"$S\" cache clear");
    ck_printed("err", "cache: found 'clear'; allowed are list, clean");
    ck_run(2, "\"$S\" cache list --all");
    ck_run(2, "\"$S\" cache clean --all --older 3");
    ck_run(2, "\"$S\" cache clean --older -1");
    ck_run(1, "\"$S\" cache list one.yaml");
    ck_printed("err", "one.yaml: cannot read this folder of caches: Not a directory");
    ck_assert_int_eq(caches(), 2);
}
END_TEST

int main(void) {
    Suite *s = suite_create("cachefolder");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, folder_remove);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, listed);
    tcase_add_test(t, useless_ones_removed);
    tcase_add_test(t, by_age);
    tcase_add_test(t, files_of_others_stay);
    tcase_add_test(t, used_ones_stay);
    tcase_add_test(t, refusals);
    suite_add_tcase(s, t);
    return run_suite(s);
}
