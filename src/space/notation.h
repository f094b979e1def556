// Notations: the ways in which people write archs. Each reads texts of its own look and writes archs of the spaces that it fits;
// the space's own, names or digits, is the canonical one. A new notation = one file in notations/ and one line in notations.def.
// Not here: files of archs (supernet/rank/archlist.h). Next: notations/tuple.c as an example, notations/reader.h.
#ifndef SN_NOTATION_H
#define SN_NOTATION_H

#include "space/arch.h"

#include <stdio.h>

typedef struct {
    const char *name;
    bool document; // a text is many lines
    // Whether a text is written so, by its beginning; NULL: what looks like no other is read by the space's own.
    bool (*looks)(const char *text);
    // SN_USAGE: where in the text, what was found, what is allowed there; or why archs of the space are not written so.
    sn_status (*read)(const sn_space *, const char *text, sn_arch *out);
    sn_status (*write)(const sn_space *, const sn_arch *, FILE *out);
} sn_notation;

extern const sn_notation *const sn_notations[]; // all, ended by NULL
extern const char *const sn_notation_words[];   // their names, likewise

const sn_notation *sn_notation_of(const sn_space *, const char *text); // by which a text would be read
// The text of an arch, the caller's; NULL with the message set: out of memory, or SN_USAGE as above.
char *sn_notation_text(const sn_notation *, const sn_space *, const sn_arch *);

// The end of the first of several texts: each is a line, or goes on as long as a bracket is open, or, of a document, up to a line
// that begins with ---. A comment, from a # on, may stand behind it: *text is where it ends without.
const char *sn_notation_end(const char *begin, const char **text);

#endif
