// What the program writes to a terminal, seen through a pseudo terminal: nothing is wider than it, the progress line is gone when
// other text comes, names of architectures are shortened or columns left out; and to a dumb one, a pipe and a file.
// Not here: what the numbers are. Next: program.h.
#include "program.h"

#include <pty.h>
#include <sys/ioctl.h>

static void setup(void) {
    place_make();
    ck_assert_int_eq(setenv("LC_ALL", "C.UTF-8", 1), 0);
    ck_run(0, "\"$S\" train \"$SRC/configs/smoke.yaml\" -q -o run && \"$S\" rank run -q");
}

static char seen[1 << 20]; // by the last terminal
static size_t seen_bytes;

// Runs a shell line as `run` does, on a terminal of so many columns; its exit code.
static int on_terminal(int columns, const char *line) {
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    char command[8192];
    int master, status;
    snprintf(command, sizeof command, "cd '%s' && S='%s' && SRC='%s' && %s", at(PLACE), SN_PROGRAM, SN_SOURCE_DIR, line);
    pid_t pid = forkpty(&master, NULL, NULL, &size);
    ck_assert_int_ge(pid, 0);
    if (!pid) {
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    ssize_t n;
    for (seen_bytes = 0; (n = read(master, seen + seen_bytes, sizeof seen - 1 - seen_bytes)) > 0;) seen_bytes += (size_t)n;
    seen[seen_bytes] = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    close(master);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

// What stands on a terminal that obeys \r, \n, "\033[K" and ignores colours: the text, its widest line ever, and how often a line
// was drawn anew.
static char screen[1 << 20];
static int widest, redrawn;

static void draw(void) {
    size_t begin = 0, at = 0, end = 0; // of the line in `screen`: its begin, the cursor, its end
    widest = redrawn = 0;
    for (const char *p = seen; *p; p++) {
        if (*p == '\r') {
            at = begin;
            redrawn += p[1] != '\n' && p[1] != '\r';
        } else if (*p == '\n') {
            screen[end++] = '\n';
            begin = at = end;
        } else if (*p == '\033') {
            size_t n = strcspn(p, "Km");
            if (p[n] == 'K') end = at;
            p += n;
        } else {
            screen[at++] = *p;
            if (at > end) end = at;
        }
        int columns = 0;
        screen[end] = 0;
        const char *first = screen + begin + strspn(screen + begin, " ");
        for (size_t i = begin; strchr(first, ' ') && i < end; i++)
            columns += (screen[i] & 0xc0) != 0x80; // a word alone may be longer
        if (columns > widest) widest = columns;
    }
    screen[end] = 0;
}

#define ck_terminal(code, columns, line)                                                                                         \
    do {                                                                                                                         \
        int ck_code_ = on_terminal(columns, line);                                                                               \
        draw();                                                                                                                  \
        ck_assert_msg(ck_code_ == (code), "exit code %d, not %d: %s\n%s", ck_code_, code, line, seen);                           \
        ck_assert_msg(widest <= (columns), "%d columns on a terminal of %d: %s\n%s", widest, columns, line, screen);             \
    } while (0)
#define ck_screen(text) ck_assert_msg(strstr(screen, text) != NULL, "the screen lacks '%s':\n%s", text, screen)
#define ck_no_screen(text) ck_assert_msg(!strstr(screen, text), "the screen has '%s':\n%s", text, screen)

START_TEST(progress_line) {
    const int widths[] = {10, 20, 80, 140};
    char line[256];
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        snprintf(line, sizeof line, "TERM=xterm \"$S\" train \"$SRC/configs/smoke.yaml\" -o bar%zu --set train.epochs=3", i);
        ck_terminal(0, widths[i], line);
        ck_assert_int_gt(redrawn, 3);
        ck_assert((widths[i] >= 40) == (strstr(seen, "[==") != NULL));
        ck_assert((widths[i] >= 20) == (strstr(seen, " s left") != NULL));
        ck_assert((widths[i] < 140) == !strstr(seen, ", lr ")); // the last field
        ck_no_screen(" %  ");                                   // removed
        ck_screen("trained in");
    }
    ck_terminal(75, 80,
                "TERM=xterm timeout --preserve-status -s INT 2 \"$S\" train \"$SRC/configs/smoke.yaml\" -o stopped --set "
                "train.epochs=1000");
    ck_no_screen(" %  ");
    ck_screen("supernet: stopped after step");
}
END_TEST

// No terminal that obeys: lines now and then, and nothing that replaces itself.
START_TEST(plain) {
    ck_terminal(0, 80, "TERM=dumb \"$S\" train \"$SRC/configs/smoke.yaml\" -o dumb");
    ck_assert_int_eq(redrawn, 0);
    ck_assert_ptr_null(strchr(seen, '\033'));
    ck_terminal(0, 80, "TERM=xterm NO_COLOR=1 \"$S\" rank run");
    ck_assert_ptr_null(strstr(seen, "\033[1"));
    ck_terminal(0, 80, "TERM=xterm \"$S\" rank run");
    ck_assert_ptr_nonnull(strstr(seen, "\033[1mplace"));
    ck_run(0, "COLUMNS=40 TERM=xterm \"$S\" rank run --top 27");
    ck_assert_ptr_null(strpbrk(read_all("out"), "\033\r"));
    ck_printed("out", "place  architecture");
    ck_printed("out", "  params\n");
    ck_run(0, "TERM=xterm \"$S\" train \"$SRC/configs/smoke.yaml\" -o piped");
    ck_assert_ptr_null(strpbrk(read_all("err"), "\033\r"));
}
END_TEST

// Every table and text, from 10 columns on.
START_TEST(every_width) {
    const char *const lines[] = {"help",
                                 "help train",
                                 "help finals",
                                 "help config",
                                 "rank run",
                                 "effects run",
                                 "rank run --csv t.csv -q && \"$S\" rank run --against t.csv --key top1",
                                 "eval run --archs two.txt",
                                 "describe \"$SRC/configs/smoke.yaml\" --no-timing",
                                 "bench \"$SRC/configs/smoke.yaml\" --steps 2 --profile --sizes",
                                 "summary run --arch best --no-timing",
                                 "cache list \"$PWD/cache/supernet\"",
                                 "verify run"};
    const int widths[] = {10, 40, 80, 140};
    char line[512];
    write_all("two.txt", "skip,skip,skip\nmb3_k3,skip,sep_k5\n");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
            snprintf(line, sizeof line, "TERM=xterm \"$S\" %s", lines[i]);
            ck_terminal(0, widths[k], line);
        }
    ck_terminal(0, 140, "TERM=xterm \"$S\" rank run");
    ck_no_screen("no room");
    ck_terminal(0, 10, "TERM=xterm \"$S\" rank run"); // no row is possible: a line for each cell
    ck_screen("\nplace 1\n");
    ck_terminal(0, 20, "TERM=xterm \"$S\" rank run");
    ck_screen("\n  loss 2.");
    ck_no_screen("\u2026");
    ck_terminal(0, 52, "TERM=xterm \"$S\" rank run");
    ck_screen("(no room for ");
    ck_screen("mb3_k3,"); // names are whole as long as lesser columns make room
    // names that nothing makes room for
    ck_run(0, "sed s/sep_k5/a_block_with_a_rather_long_name/ \"$SRC/configs/smoke.yaml\" >long.yaml && "
              "\"$S\" train long.yaml -o long -q");
    ck_terminal(0, 60, "TERM=xterm \"$S\" rank long --top 27");
    ck_screen("\u2026  0.");
    ck_terminal(0, 60, "TERM=xterm LC_ALL=C \"$S\" rank long --top 27");
    ck_screen("...  0.");
    ck_no_screen("\u2026");
    ck_run(0, "\"$S\" help config | awk 'length > 80' | wc -l"); // in a pipe too
    ck_assert_int_eq(atoi(read_all("out")), 0);
}
END_TEST

int main(void) {
    if (access("/usr/share/datasets/fashion-mnist", R_OK)) {
        printf("skipped: no Fashion-MNIST (package dataset-fashion-mnist)\n");
        return 0;
    }
    Suite *s = suite_create("terminal");
    TCase *c = tcase_create("terminal");
    tcase_set_timeout(c, 300);
    tcase_add_unchecked_fixture(c, setup, folder_remove);
    tcase_add_test(c, progress_line);
    tcase_add_test(c, plain);
    tcase_add_test(c, every_width);
    suite_add_tcase(s, c);
    return run_suite(s);
}
