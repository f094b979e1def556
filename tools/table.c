// Tables; see table.h.
#include "table.h"
#include "cli.h"
#include "terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 24, GAP = 2, SHORTEST = 16, LEGIBLE = 8 };

typedef struct {
    const char *title;
    table_kind kind;
    int lesser, width;
    bool hidden;
} column;

struct table {
    column column[COLUMNS];
    int columns;
    char **cell; // rows of columns; a heading is the first cell of a row of its own, whose others are NULL
    size_t n, capacity;
    bool failed;
};

static table without_memory = {.failed = true};

table *table_new(void) {
    table *t = sn_new(1, sizeof *t);
    return t ? t : &without_memory;
}

void table_column(table *t, table_kind kind, int lesser, const char *title) {
    if (t->failed || t->columns == COLUMNS) return;
    t->column[t->columns++] = (column){.title = title, .kind = kind, .lesser = lesser, .width = (int)strlen(title)};
}

static void add(table *t, char *text) {
    t->failed = t->failed || sn_grow(&t->cell, &t->capacity, t->n + 1, sizeof *t->cell) != SN_OK;
    if (t->failed)
        free(text);
    else
        t->cell[t->n++] = text;
}

void table_cell(table *t, const char *format, ...) {
    char *text = NULL;
    va_list args;
    if (t->failed) return;
    column *c = &t->column[t->n % (size_t)t->columns];
    va_start(args, format);
    t->failed = vasprintf(&text, format, args) < 0;
    va_end(args);
    if (t->failed) return;
    int width = terminal_columns(text, strlen(text));
    if (width > c->width) c->width = width;
    add(t, text);
}

void table_heading(table *t, const char *text) {
    char *copy = t->failed ? NULL : sn_strdup(text);
    t->failed = !copy;
    if (copy) add(t, copy);
    for (int i = 1; i < t->columns && !t->failed; i++) add(t, NULL);
}

// ---------------------------------------------------------------- a narrow terminal
static int width_of(const table *t) {
    int sum = -GAP;
    for (int i = 0; i < t->columns; i++)
        if (!t->column[i].hidden) sum += t->column[i].width + GAP;
    return sum;
}

// Leaves out the lesser columns until the rest fits.
static void leave_out(table *t, int width) {
    while (width_of(t) > width) {
        column *least = NULL;
        for (int i = 0; i < t->columns; i++)
            if (!t->column[i].hidden && t->column[i].lesser && (!least || t->column[i].lesser >= least->lesser))
                least = &t->column[i];
        if (!least) return;
        least->hidden = true;
    }
}

static column *first_text(table *t) {
    for (int i = 0; i < t->columns; i++)
        if (t->column[i].kind == TABLE_TEXT) return &t->column[i];
    return NULL;
}

// Without lesser columns if that is enough; else the text is shortened, and only what is then too wide is left out. Whether rows
// that can be read come of it.
static bool fit(table *t, int width) {
    column *text = first_text(t);
    leave_out(t, width);
    if (width_of(t) <= width) return true;
    if (!text) return false;
    int whole = text->width;
    for (int i = 0; i < t->columns; i++) t->column[i].hidden = false;
    text->width = whole < SHORTEST ? whole : SHORTEST;
    leave_out(t, width);
    int room = width - width_of(t) + text->width;
    text->width = room < whole ? room : whole;
    return room >= whole || room >= LEGIBLE;
}

// ---------------------------------------------------------------- printing
// Bytes of the first so many columns.
static int bytes_of(const char *text, int columns) {
    int at = 0;
    for (int n = 0; text[at]; at++)
        if ((text[at] & 0xc0) != 0x80 && n++ == columns) break;
    return at;
}

// A text that is too long ends in an ellipsis.
static void print_cell(const column *c, const char *text, bool last) {
    const char *dots = terminal_utf8() ? "\u2026" : "...";
    int columns = terminal_columns(text, strlen(text)), pad = columns < c->width ? c->width - columns : 0, bytes = -1;
    if (columns > c->width) bytes = bytes_of(text, c->width - terminal_columns(dots, strlen(dots)));
    cli_print("%*s%.*s%s%*s", c->kind == TABLE_NUMBER ? pad : 0, "", bytes, text, bytes >= 0 ? dots : "",
              (c->kind == TABLE_NUMBER ? 0 : pad) * !last + (last ? 0 : GAP), "");
}

static int last_shown(const table *t) {
    int last = t->columns - 1;
    while (last > 0 && t->column[last].hidden) last--;
    return last;
}

static void print_row(const table *t, char *const *cell) {
    for (int i = 0, last = last_shown(t); i <= last; i++)
        if (!t->column[i].hidden) print_cell(&t->column[i], cell[i], i == last);
    cli_print("\n");
}

static void print_titles(const table *t) {
    cli_print("%s", "");
    fputs(terminal_begin(stdout, TERMINAL_BOLD), stdout);
    for (int i = 0, last = last_shown(t); i <= last; i++)
        if (!t->column[i].hidden) print_cell(&t->column[i], t->column[i].title, i == last);
    fputs(terminal_begin(stdout, TERMINAL_PLAIN), stdout);
    cli_print("\n");
}

// A row as lines, each a title and its cell.
static void print_lines(const table *t, char *const *cell) {
    for (int i = 0; i < t->columns; i++) {
        const char *text = cell[i] + strspn(cell[i], " ");
        if (*text) cli_print("%s%s %s\n", i ? "  " : "", t->column[i].title, text);
    }
}

// Which columns the terminal has no room for.
static void print_hidden(const table *t) {
    char text[512] = "";
    for (int i = 0; i < t->columns; i++)
        if (t->column[i].hidden)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? ", " : "", t->column[i].title);
    if (*text) cli_print("(no room for %s)\n", text);
}

sn_status table_print(table *t) {
    size_t columns = (size_t)t->columns;
    int width = terminal_width(stdout);
    sn_status s = t->failed ? sn_error(SN_RESOURCE, "out of memory for a table") : SN_OK;
    bool rows = s == SN_OK && (!width || fit(t, width));
    if (rows) print_titles(t);
    for (size_t i = 0; s == SN_OK && i + columns <= t->n; i += columns) {
        if (columns > 1 && !t->cell[i + 1])
            cli_print("%s\n", t->cell[i]);
        else
            (rows ? print_row : print_lines)(t, t->cell + i);
    }
    if (rows) print_hidden(t);
    table_free(t);
    return s;
}

void table_free(table *t) {
    for (size_t i = 0; t && i < t->n; i++) free(t->cell[i]);
    if (t) free(t->cell);
    if (t != &without_memory) free(t);
}
