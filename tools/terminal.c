// Writing to terminals, pipes and files; see terminal.h.
#include "terminal.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// ---------------------------------------------------------------- what there is
int terminal_width(FILE *f) {
    enum { LEAST = 8 };
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    if (!isatty(fileno(f))) return 0;
    int n = ioctl(fileno(f), TIOCGWINSZ, &size) ? 0 : size.ws_col;
    if (!n && columns) n = atoi(columns);
    return n <= 0 ? TERMINAL_USUAL : n < LEAST ? LEAST : n;
}

bool terminal_obeys(FILE *f) {
    const char *term = getenv("TERM");
    return isatty(fileno(f)) && term && *term && strcmp(term, "dumb");
}

bool terminal_utf8(void) {
    static int known = -1;
    if (known >= 0) return known;
    locale_t here = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    known = here && !strcmp(nl_langinfo_l(CODESET, here), "UTF-8");
    if (here) freelocale(here);
    return known;
}

const char *terminal_begin(FILE *f, terminal_style style) {
    static const char *const sequences[] = {"\033[1m", "\033[1;31m", "\033[1;33m", "\033[0m"};
    const char *no = getenv("NO_COLOR");
    return terminal_obeys(f) && !(no && *no) ? sequences[style] : "";
}

int terminal_columns(const char *text, size_t bytes) {
    int n = 0;
    for (size_t i = 0; i < bytes; i++) n += (text[i] & 0xc0) != 0x80;
    return n;
}

// ---------------------------------------------------------------- lines
static bool line_open; // a progress line stands on the terminal
static bool lost;

void terminal_clear(void) {
    if (!line_open) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    line_open = false;
}

bool terminal_lost(void) {
    return lost;
}

// Where the next text begins, and at which column a line goes on that is broken.
typedef struct {
    int column, indent;
} place;

// One line without its end; where it would pass `width` (0: none) it goes on in the next. A longer word is the terminal's affair.
static void put_line(FILE *to, const char *p, size_t n, int width, place *at) {
    bool begun = at->column > 0;
    while (n) {
        size_t blanks = strspn(p, " "), word;
        if (blanks > n) blanks = n;
        if (width && blanks == n && at->column + (int)n > width) // what follows, if anything does, begins a line
            blanks = (size_t)(width > at->column ? width - at->column : 0), n = blanks;
        word = strcspn(p + blanks, " \n");
        if (word > n - blanks) word = n - blanks;
        int columns = (int)blanks + terminal_columns(p + blanks, word);
        if (width && begun && word && at->column + columns > width) {
            fprintf(to, "\n%*s", at->indent, "");
            p += blanks, n -= blanks;
            columns -= (int)blanks, blanks = 0;
            at->column = at->indent;
        }
        fwrite(p, 1, blanks + word, to);
        p += blanks + word, n -= blanks + word;
        at->column += columns;
        begun = true;
    }
}

// Lines go on at `indent`; HANGING: two columns further than they begin; PROSE: so do items of lists and what is indented, others
// at the left.
enum { HANGING = -1, PROSE = -2 };
static int hang(const char *line, int indent) {
    size_t blanks = strspn(line, " ");
    if (indent >= 0) return indent;
    return indent == HANGING || blanks || !strncmp(line, "- ", 2) ? (int)blanks + 2 : 0;
}

static void put_lines(FILE *to, const char *text, int width, int indent, place *at) {
    for (const char *p = text;;) {
        size_t n = strcspn(p, "\n");
        if (indent >= 0 || !at->column) at->indent = hang(p, indent);
        put_line(to, p, n, width, at);
        if (!p[n]) return;
        fputc('\n', to);
        p += n + 1;
        at->column = 0;
    }
}

void terminal_put(FILE *to, terminal_style style, const char *word, const char *format, va_list args) {
    char *text = NULL;
    terminal_clear();
    if (vasprintf(&text, format, args) < 0) {
        lost = true;
        return;
    }
    bool styled = *word && *terminal_begin(to, style);
    fprintf(to, "%s%s%s", styled ? terminal_begin(to, style) : "", word, styled ? terminal_begin(to, TERMINAL_PLAIN) : "");
    static place of_stdout; // whose lines may come in pieces
    place of_stderr = {(int)strlen(word), 2};
    put_lines(to, sn_utf8_printable(text, "\n"), terminal_width(to), HANGING, to == stdout ? &of_stdout : &of_stderr);
    free(text);
}

void terminal_print(FILE *to, const char *format, ...) {
    va_list args;
    va_start(args, format);
    terminal_put(to, TERMINAL_PLAIN, "", format, args);
    va_end(args);
}

void terminal_wrap(FILE *to, int column, int indent, const char *text) {
    int width = terminal_width(to);
    if (!width || width > TERMINAL_USUAL) width = TERMINAL_USUAL;
    put_lines(to, text, width, indent, &(place){column, indent});
}

void terminal_wrap_prose(FILE *to, const char *text) {
    terminal_wrap(to, 0, PROSE, text);
}

void terminal_pair(FILE *to, const char *left, int column, const char *right) {
    int width = terminal_width(to), length = (int)strlen(left);
    if (width && width < 2 * column) column = width < 24 ? 2 : 6;
    if (length < column)
        terminal_print(to, "%-*s", column, left);
    else
        terminal_print(to, "%s\n%*s", left, column, "");
    terminal_wrap(to, column, column, right);
    terminal_print(to, "\n");
}

// ---------------------------------------------------------------- progress
enum { PERCENT = 7 }; // columns of "100 %  "

// Cuts fields, separated by ", ", from the right until they fit; the first is cut anywhere.
static void fit(char *fields, int width) {
    size_t n = strlen(fields);
    while (terminal_columns(fields, n) > width) {
        char *cut = NULL;
        for (char *p = fields; (p = strstr(p, ", ")); p += 2) cut = p;
        if (cut)
            *cut = 0, n = strlen(fields);
        else
            fields[n = (size_t)(width > 0 ? width : 0)] = 0;
    }
}

static void redraw(double done, char *fields) {
    char bar[21] = "";
    int width = terminal_width(stderr) - 1; // a full last column makes some terminals wrap
    size_t length = width >= 100 ? 20 : width >= 35 ? 10 : 0, full = (size_t)(done * (double)length);
    for (size_t i = 0; i < length; i++) bar[i] = i < full ? '=' : ' ';
    fit(fields, width - (int)(length ? length + 3 : 0) - PERCENT);
    fputs("\r", stderr);
    if (length) fprintf(stderr, "[%s] ", bar);
    fprintf(stderr, "%3.0f %%  %s\033[K", done * 100, fields);
    line_open = true;
}

// Whether it is time for a line. Where lines stay, they come after 5 s, later after a tenth of the time spent, at most 30 s.
static bool due(bool obeys) {
    static double began, last;
    double now = sn_now(), wait = 0.1 * (now - began);
    if (!(began > 0)) {
        began = last = now;
        return obeys;
    }
    wait = obeys ? 0.2 : wait < 5 ? 5 : wait > 30 ? 30 : wait;
    if (now - last < wait) return false;
    last = now;
    return true;
}

void terminal_progress(double done, const char *fields) {
    bool obeys = terminal_obeys(stderr);
    if (!due(obeys)) return;
    char text[512];
    snprintf(text, sizeof text, "%s", fields);
    sn_utf8_printable(text, "");
    done = done > 1 ? 1 : done > 0 ? done : 0;
    if (!obeys && terminal_width(stderr)) fit(text, terminal_width(stderr) - PERCENT);
    if (obeys)
        redraw(done, text);
    else
        fprintf(stderr, "%3.0f %%  %s\n", done * 100, text);
    fflush(stderr);
}
