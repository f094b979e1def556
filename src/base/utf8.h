// UTF-8: one character, whether bytes are text, and text of strangers made fit for a terminal.
// Not here: anything about what the text says.
// Next: h5file.h and onnx.h, which hold texts; config_text.c, which prints them.
#ifndef SN_UTF8_H
#define SN_UTF8_H

#include <stdbool.h>
#include <stdint.h>

// Length in bytes of the character at p, which *code becomes; 0 where p holds none. A final 0 is a character of 1 byte.
int sn_utf8_char(const char *p, uint32_t *code);
// No surrogates, no overlong forms, at most U+10FFFF.
bool sn_utf8_valid(const char *text);
// Makes text that came from a file fit to be printed: puts '?' in place of what is no UTF-8 and of characters that a terminal
// obeys or that reorder others (controls, bidirectional overrides), but for those in `keep`. In place; returns text. The messages
// of sn_error have passed it, with line feeds kept.
char *sn_utf8_printable(char *text, const char *keep);

#endif
