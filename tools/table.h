// A table of results on stdout: columns as wide as what stands in them. To a terminal that is too narrow, lesser columns are left
// out, and the first text is shortened; a row never wraps: where no row is possible, each cell is a line behind its title. Pipes
// and files get all of it. Next: terminal.h.
#ifndef TABLE_H
#define TABLE_H

#include "base/status.h"

typedef struct table table;
typedef enum { TABLE_TEXT, TABLE_NUMBER } table_kind; // to the left, to the right

table *table_new(void); // never NULL: where memory runs out, table_print says so
// lesser: 0 where the column always stands, else those of the largest numbers go first. title: borrowed until the table is
// printed.
void table_column(table *, table_kind, int lesser, const char *title);
// Cells of a row, column after column, and so on with the next row.
void table_cell(table *, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A line of its own before the next row.
void table_heading(table *, const char *text);
// Prints and frees. SN_RESOURCE: memory ran out.
sn_status table_print(table *);
void table_free(table *); // of one that is not to be printed; NULL: nothing

#endif
