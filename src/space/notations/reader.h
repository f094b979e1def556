// A text of an arch while it is read: marks, words and numbers between blanks, and what is said where one is wrong.
// Not here: what they mean (one file a notation). Next: reader.c, tuple.c.
#ifndef SN_NOTATION_READER_H
#define SN_NOTATION_READER_H

#include "space/notation.h"

typedef struct {
    const sn_space *space;
    const char *text, *at;
} sn_reader;

// Part of the text.
typedef struct {
    const char *at;
    size_t n;
} sn_word;

bool sn_word_is(sn_word, const char *text);
void sn_reader_blanks(sn_reader *); // and ends of lines
// Passes the mark, if it comes next, and the blanks before it.
bool sn_reader_mark(sn_reader *, const char *mark);
sn_status sn_reader_needed(sn_reader *, const char *mark, const char *what); // SN_USAGE: "allowed is WHAT"
sn_word sn_reader_word(sn_reader *);                                         // letters, digits, _ and -; n = 0: none comes next
// A word between two ' or two ".
sn_status sn_reader_quoted(sn_reader *, const char *what, sn_word *out);
// A whole number, at most 6 digits.
sn_status sn_reader_number(sn_reader *, const char *what, int *out);
sn_status sn_reader_end(sn_reader *);

// "arch TEXT, column N: " and what is said, SN_USAGE; of a text of several lines "line L, column N".
sn_status sn_reader_wrong(const sn_reader *, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
// "found WHAT STANDS THERE; allowed is ..."
sn_status sn_reader_found(const sn_reader *, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));

// The allowed option of a decision that a word names: its name, or its number. Else -1.
int sn_option_named(const sn_space *, int decision, sn_word);
// "(DECISION): found 'WORD'; allowed are ...; did you mean ...?"; by numbers where these are asked for.
sn_status sn_option_refused(const sn_reader *, int decision, sn_word, bool numbers);

#endif
