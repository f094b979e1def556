// Text of strangers: what a terminal would obey never reaches it, neither in print nor in a message.
// Not here: which bytes are UTF-8 (test_h5file.c refuses the bad ones).
#include "base/utf8.h"
#include "suite.h"

static const struct {
    const char *from, *to;
} texts[] = {
    {"", ""},
    {"conv3x3,skip", "conv3x3,skip"},
    {"Zürich 東京 \xF0\x9F\x98\x80", "Zürich 東京 \xF0\x9F\x98\x80"},
    {"\x1b[2J\x1b]0;title\x07", "?[2J?]0;title?"},
    {"a\nb\tc\rd\x7f", "a?b?c?d?"},
    {"\xC2\x9B"
     "2J\xC2\xA0",
     "?2J\xC2\xA0"},                                  // a control of the upper half
    {"\xE2\x80\xAEgnp.exe\xE2\x81\xA6", "?gnp.exe?"}, // bidirectional overrides
    {"\xff"
     "a\xc3",
     "?a?"}, // no UTF-8
    {"\xC0\x80\xED\xA0\x80", "?????"},
};

START_TEST(printable) {
    char text[64];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        strcpy(text, texts[i].from);
        ck_assert_str_eq(sn_utf8_printable(text, ""), texts[i].to);
    }
    strcpy(text, "a\nb\tc\x1b");
    ck_assert_str_eq(sn_utf8_printable(text, "\n"), "a\nb?c?");
}
END_TEST

START_TEST(messages) {
    sn_error(SN_DATA, "line 1\nname '%s'", "\x1b[31mred");
    ck_assert_str_eq(sn_error_text(), "line 1\nname '?[31mred'");
    sn_error_prefix(SN_DATA, "file %s", "\x1b]");
    ck_assert_str_eq(sn_error_text(), "file ?]: line 1\nname '?[31mred'");
}
END_TEST

int main(void) {
    Suite *s = suite_create("utf8");
    TCase *t = tcase_create("all");
    tcase_add_test(t, printable);
    tcase_add_test(t, messages);
    suite_add_tcase(s, t);
    return run_suite(s);
}
