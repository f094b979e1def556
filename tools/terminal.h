// The one writer of text to stdout and stderr: how wide a terminal is, lines broken at blanks for it, colour, the progress line.
// Pipes and files get full lines, no colours and nothing that replaces itself. Next: table.h, cli.h (what commands call).
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

enum { TERMINAL_USUAL = 80 }; // columns where nobody says how many

// Columns of the terminal behind a stream, at least 8; 0: there is none.
int terminal_width(FILE *);
// Whether a terminal obeys more than line feeds: there is one and TERM is not dumb.
bool terminal_obeys(FILE *);
// Of the locale: whether more than ASCII may be printed.
bool terminal_utf8(void);
// The sequence that begins a style, and the one that ends it; "" where there is no terminal that obeys, or NO_COLOR is set.
typedef enum { TERMINAL_BOLD, TERMINAL_RED, TERMINAL_YELLOW, TERMINAL_PLAIN } terminal_style;
const char *terminal_begin(FILE *, terminal_style);
int terminal_columns(const char *text, size_t bytes); // of UTF-8, a character being a column

// Text with a word in a style before it ("" for none). What a terminal would obey in the text, which may be a stranger's, is
// printed as '?'; on a terminal lines are broken at blanks. Removes the progress line first.
void terminal_put(FILE *, terminal_style, const char *word, const char *format, va_list) __attribute__((format(printf, 4, 0)));
void terminal_print(FILE *, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Text broken at blanks at the width of the terminal, at most 80, also where there is none. It begins at `column`, and its other
// lines at `indent`.
void terminal_wrap(FILE *, int column, int indent, const char *text);
// The same of whole paragraphs; lists and what is indented go on two columns further than they begin.
void terminal_wrap_prose(FILE *, const char *text);
// A line of two texts, the second one from a column on; where there is little room, below the first.
void terminal_pair(FILE *, const char *left, int column, const char *right);

// The share of a work that is done, and its fields, separated by ", ", the most important first: a line on stderr that replaces
// itself; fields that the terminal has no room for are left out from the right. Elsewhere a line now and then, the first after 5
// s.
void terminal_progress(double done, const char *fields);
// Removes that line. Whoever writes to a stream by other means calls it before.
void terminal_clear(void);
// Whether text was lost since memory ran out.
bool terminal_lost(void);

#endif
