// Tables of known accuracies: what is read, and that every kind of bad file is named with its place.
// Not here: figures over them (test_rankquality.c).
// Next: test_rankstore.c.
#include "io/files/csv.h"
#include "io/files/truth.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Writes text to a new file and reads it; *error receives the message of a failure, after the file's name.
static sn_status read_bytes(const char *text, size_t n, const char *key, sn_truth **out, const char **error) {
    char path[] = "/tmp/sn_truth_XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, n), (long)n);
    close(fd);
    sn_status status = sn_truth_read(path, key, NULL, out);
    unlink(path);
    if (status != SN_OK) {
        const char *message = sn_error_text();
        ck_assert_msg(!strncmp(message, path, strlen(path)), "'%s' does not name the file", message);
        *error = message + strlen(path);
    }
    return status;
}

static sn_truth *good(const char *text, const char *key) {
    sn_truth *t = NULL;
    const char *error = "";
    ck_assert_msg(read_bytes(text, strlen(text), key, &t, &error) == SN_OK, "%s%s", text, error);
    return t;
}

static void value_is(const sn_truth *t, const char *arch, double expected) {
    double value = -1;
    ck_assert_msg(sn_truth_find(t, arch, &value), "'%s' not found", arch);
    ck_assert_msg(value == expected, "'%s' is %g, not %g", arch, value, expected);
}

START_TEST(csv) {
    sn_truth *t = good("\xef\xbb\xbf arch ,accuracy\r\n"
                       "0120, 91.5\r\n"
                       "\n"
                       "\"skip,mb3_k3,-\", 8.75e-1 \n"
                       " \"say \"\"x\"\"\"\t,0\n"
                       "a b,-2",
                       NULL);
    ck_assert_uint_eq(sn_truth_count(t), 4);
    ck_assert_str_eq(sn_truth_arch(t, 1), "skip,mb3_k3,-");
    value_is(t, "0120", 91.5);
    value_is(t, "skip,mb3_k3,-", 0.875);
    value_is(t, "say \"x\"", 0);
    value_is(t, "a b", -2);
    double left = 7;
    ck_assert(!sn_truth_find(t, "012", &left) && !sn_truth_find(t, "", &left) && left == 7);
    sn_truth_free(t);

    t = good("loss,accuracy,arch,top1\n1,2,x,0.5\n", "top1"); // another column, another order
    ck_assert_uint_eq(sn_truth_count(t), 1);
    value_is(t, "x", 0.5);
    sn_truth_free(t);
}
END_TEST

START_TEST(json) {
    sn_truth *t = good("{\"a\": 1, \"b\": 0.5}", NULL);
    value_is(t, "a", 1);
    value_is(t, "b", 0.5);
    sn_truth_free(t);
    const char nested[] = " {\"01\": {\"acc\": [90.5, 91], \"mean.acc\": 90.75, \"c10\": {\"test\": [[1, 2], [3, 4]]}}}";
    const struct {
        const char *key;
        double value;
    } leads[] = {{"acc.0", 90.5}, {"acc.1", 91}, {"mean.acc", 90.75}, {"c10.test.1.0", 3}};
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        t = good(nested, leads[i].key);
        value_is(t, "01", leads[i].value);
        sn_truth_free(t);
    }
}
END_TEST

START_TEST(bad_files) {
    static const struct {
        const char *text, *key, *error; // error: how the message goes on after the file's name
    } bad[] = {
        {"", NULL, ": no archs in it"},
        {"arch,accuracy\n", NULL, ": no archs in it"},
        {"\n\nname,accuracy\nx,1\n", NULL, ":3: no column 'arch' in the header 'name,accuracy'"},
        {"arch,top1\nx,1\n", NULL, ":1: no column 'accuracy' in"},
        {"arch,accuracy\nx,1\n", "top1", ":1: no column 'top1' in"},
        {"arch,accuracy\nx,1\ny\n", NULL, ":3: 1 cells where the header has 2"},
        {"arch,accuracy\nskip,mb3,0.5\n", NULL,
         ":2: 3 cells where the header has 2 (an arch that holds commas needs double quotes)"},
        {"arch,accuracy\n\"x,1\n", NULL, ":2: a double quote is not closed"},
        {"arch,accuracy\n\"x\"y,1\n", NULL, ":2: text after a closing double quote"},
        {"\"arch,accuracy\n", NULL, ":1: a double quote is not closed"},
        {"arch,accuracy\n,1\n", NULL, ":2: the arch is empty"},
        {"arch,accuracy\nx,\n", NULL, ":2: '' in column 'accuracy' is not a finite decimal number"},
        {"arch,accuracy\nx,1\ny,91.5%\n", NULL, ":3: '91.5%' in column"},
        {"arch,accuracy\nx,nan\n", NULL, ":2: 'nan' in"},
        {"arch,accuracy\nx,inf\n", NULL, ":2: 'inf' in"},
        {"arch,accuracy\nx,0x10\n", NULL, ":2: '0x10' in"},
        {"arch,accuracy\nx,1e999\n", NULL, ":2: '1e999' in"},
        {"arch,accuracy\nx,1\ny,2\n\nx,3\n", NULL, ":5: arch x is given twice, first on line 2"},
        {"arch,accuracy\nx\x1b[2J,1\n", NULL, ":2: control character 0x1b"},
        {"{\"a\": 1,\n \"b\": }", NULL, ":2:"},
        {"{\"a\": 1,\n \"a\": 2}", NULL, ":2:"},
        {"{}", NULL, ": no archs in it"},
        {"{\"a\": {\"acc\": 1, \"std\": 2}}", NULL,
         ": arch a: the value is an object of acc std: a key that leads to a number is needed"},
        {"{\"a\": {\"acc\": 1, \"std\": 2}}", "mean",
         ": arch a: key 'mean' leads to no number; the value is an object of acc std"},
        {"{\"a\": {\"acc\": [1]}}", "acc", ": arch a: key 'acc' leads to no number"},
        {"{\"a\": {\"acc\": [1]}}", "acc.1", ": arch a: key 'acc.1' leads to no number"},
        {"{\"a\": {\"acc\": [1]}}", "acc.x", ": arch a: key 'acc.x' leads to no number"},
        {"{\"a\": {\"acc\": [1]}}", "acc.0.0", ": arch a: key 'acc.0.0' leads to no number"},
        {"{\"a\": {\"acc\": \"1\"}}", "acc", ": arch a: key 'acc' leads to no number"},
        {"{\"a\": 1}", "acc", ": arch a: key 'acc' leads to no number; the value is a number"},
        {"{\"\": 1}", NULL, ": arch '' is empty"},
        {"{\"a\\u001b[2J\": 1}", NULL, ": arch 'a?[2J' is empty or holds control characters"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sn_truth *t = NULL;
        const char *error = "";
        ck_assert_msg(read_bytes(bad[i].text, strlen(bad[i].text), bad[i].key, &t, &error) == SN_DATA, "accepted: %s",
                      bad[i].text);
        ck_assert_msg(!strncmp(error, bad[i].error, strlen(bad[i].error)), "'%s' says '%s', not '%s'", bad[i].text, error,
                      bad[i].error);
        ck_assert_ptr_null(t);
    }
    sn_truth *t = NULL;
    const char *error = "";
    ck_assert_int_eq(read_bytes("arch,accuracy\nx\0,1\n", 19, NULL, &t, &error), SN_DATA);
    ck_assert_ptr_nonnull(strstr(error, "zero byte"));
    ck_assert_int_eq(sn_truth_read("/nonexistent/table.csv", NULL, NULL, &t), SN_USAGE);
    ck_assert_str_eq(sn_error_text(), "/nonexistent/table.csv: cannot open: No such file or directory (ENOENT)");
    ck_assert_int_eq(sn_truth_read("/", NULL, NULL, &t), SN_USAGE);
    ck_assert_ptr_null(t);
}
END_TEST

START_TEST(cut_anywhere) { // every prefix of a good file is read or refused, never worse
    static const char *const text[] = {"arch,accuracy\n\"a,\"\"b\",1.5\nc,2\n",
                                       "{\"a\": {\"k\": [1, 2.5]}, \"b\": {\"k\": [3, 4]}}"};
    for (int i = 0; i < 2; i++)
        for (size_t n = 0; n <= strlen(text[i]); n++) {
            sn_truth *t = NULL;
            const char *error = "";
            if (read_bytes(text[i], n, i ? "k.1" : NULL, &t, &error) == SN_OK)
                ck_assert_uint_ge(sn_truth_count(t), 1);
            else
                ck_assert_ptr_null(t);
            sn_truth_free(t);
        }
}
END_TEST

START_TEST(cells_come_back) {
    static const struct {
        const char *text, *cell;
    } known[] = {{"mb3_k3", "mb3_k3"}, {"a,b", "\"a,b\""}, {"=1+1", "\"=1+1\""},   {"+x", "\"+x\""},
                 {"-,mb", "\"-,mb\""}, {"@x", "\"@x\""},   {"a\"b", "\"a\"\"b\""}, {"", ""},
                 {" a ", "\" a \""},   {"0-1", "0-1"},     {"x\x1b[2J", "x?[2J"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char *line = NULL, *cell;
        size_t bytes;
        FILE *f = open_memstream(&line, &bytes);
        sn_csv_text(f, known[i].text);
        fputs(",end", f);
        fclose(f);
        ck_assert_msg(!strncmp(line, known[i].cell, bytes - 4) && bytes - 4 == strlen(known[i].cell), "'%s' became %s",
                      known[i].text, line);
        char *at = line;
        ck_assert_ptr_null(sn_csv_next(&at, &cell));
        if (!strchr(known[i].text, 27)) ck_assert_str_eq(cell, known[i].text);
        ck_assert_ptr_null(sn_csv_next(&at, &cell));
        ck_assert_str_eq(cell, "end");
        ck_assert_ptr_null(at);
        free(line);
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("truth");
    TCase *t = tcase_create("all");
    tcase_add_test(t, csv);
    tcase_add_test(t, json);
    tcase_add_test(t, bad_files);
    tcase_add_test(t, cut_anywhere);
    tcase_add_test(t, cells_come_back);
    suite_add_tcase(s, t);
    return run_suite(s);
}
