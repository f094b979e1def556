// A picture of a space, or of an arch in it: its stages as boxes with their options, motifs as graphs, each drawn once. Graphviz
// draws it, as a child process. Not here: words and costs (cmd_describe.c). Next: picture.c.
#ifndef PICTURE_H
#define PICTURE_H

#include "space/arch.h"

// Whether a picture can be saved under a name: SN_USAGE where it does not end in .svg, .png or .pdf.
sn_status picture_check(const char *path);
// arch: what it takes is marked, what it does not is pale; NULL: of the space. SN_RESOURCE when Graphviz is not installed (the
// message names the package) or fails.
sn_status picture_save(const sn_space *, const sn_arch *arch, const char *path);
// The description that Graphviz gets, the caller's; NULL with the message set.
char *picture_text(const sn_space *, const sn_arch *arch, size_t *size);

#endif
