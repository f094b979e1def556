// Runs the program as a user would, in a folder of its own with a cache of its own, and keeps what it printed.
// Not here: calls into the library. Next: test_program.c.
#ifndef SN_TEST_PROGRAM_H
#define SN_TEST_PROGRAM_H

#include "folder.h"

#include <jansson.h>
#include <sys/wait.h>

#define PLACE "a place" // the working folder of all commands; its name has a space

static inline char *read_all(const char *name) {
    static char text[2][1 << 20];
    static int turn;
    char *out = text[turn = !turn];
    out[get_file(at(PLACE "/%s", name), out, sizeof text[0])] = 0;
    return out;
}

static inline void write_all(const char *name, const char *text) {
    put_text(at(PLACE "/%s", name), text);
}

static inline void place_make(void) {
    folder_make();
    ck_assert_int_eq(mkdir(at(PLACE), 0777), 0);
    ck_assert_int_eq(setenv("XDG_CACHE_HOME", at(PLACE "/cache"), 1), 0);
}

// The exit code of a shell line that runs in PLACE and may use $S (the program) and $SRC (the sources). What it printed is in
// the files out and err there.
__attribute__((format(printf, 1, 2))) static int run(const char *format, ...) {
    char line[2048], command[8192];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    snprintf(command, sizeof command, "cd '%s' && S='%s' && SRC='%s' && { %s ; } >out 2>err </dev/null", at(PLACE), SN_PROGRAM,
             SN_SOURCE_DIR, line);
    int status = system(command);
    ck_assert_msg(status != -1 && WIFEXITED(status), "%s: killed", line);
    return WEXITSTATUS(status);
}

// Runs a line, checks its exit code; on another one shows what was printed.
#define ck_run(code, ...)                                                                                                        \
    do {                                                                                                                         \
        int ck_code_ = run(__VA_ARGS__);                                                                                         \
        ck_assert_msg(ck_code_ == (code), "exit code %d, not %d: %s\n%s", ck_code_, (code), #__VA_ARGS__, read_all("err"));      \
    } while (0)

// Whether the last line printed this, on stderr or stdout.
#define ck_printed(where, text)                                                                                                  \
    ck_assert_msg(strstr(read_all(where), text) != NULL, "%s lacks '%s': %s", where, text, read_all(where))

// Stdout of the last line as one JSON object of schema 1. The caller releases it.
static inline json_t *printed_json(void) {
    json_error_t error;
    json_t *out = json_loads(read_all("out"), JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(out != NULL, "stdout is no JSON: line %d: %s", error.line, error.text);
    ck_assert_int_eq(json_integer_value(json_object_get(out, "schema")), 1);
    return out;
}

// A number in an object; fails when it is not there.
static inline double number(const json_t *object, const char *key) {
    const json_t *x = json_object_get(object, key);
    ck_assert_msg(json_is_number(x), "no number '%s'", key);
    return json_number_value(x);
}

#endif
