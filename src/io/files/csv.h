// Cells of CSV tables, both ways (RFC 4180, but a cell ends on its line).
// Not here: rows and columns, which belong to whoever knows them (truth.c, rankstore.c, tools).
// Next: truth.h, rankstore.h.
#ifndef SN_CSV_H
#define SN_CSV_H

#include <stdio.h>

// Takes the next cell off the line at *at, in place: spaces around it and double quotes are gone, "" within quotes is one quote.
// *at is NULL after the last cell. Returns what is wrong with the cell (constant text), or NULL.
const char *sn_csv_next(char **at, char **cell);

// Writes a text as one cell. Quoted where sn_csv_next would need it, and where a spreadsheet would take it for a formula (first
// character = + - @). Control characters come out as '?'. Errors show in ferror(out).
void sn_csv_text(FILE *out, const char *text);

#endif
