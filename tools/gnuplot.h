// Runs gnuplot, a program of its own that is looked for when it is needed, and makes its SVG one for a page: flat, small, without
// names that two figures would share, its colours those of the page.
// Not here: what is drawn (report_*.c). Next: helper.h (the process), gnuplot_svg.c (the SVG).
#ifndef GNUPLOT_H
#define GNUPLOT_H

#include "base/status.h"

#include <stdio.h>

// What gnuplot prints for a script; *out is the caller's, with a final 0. SN_RESOURCE when gnuplot is not installed (the message
// names the package), fails, is killed, prints too much, or has not ended within a minute; it is killed then.
sn_status sn_gnuplot_run(const char *script, size_t size, char **out);

// The colours of figures. A script names colour k as '#0000kk' (hexadecimal); on the page it is the class sK (of a stroke) or
// fK (of a fill), which the style sheet defines for light and for dark. Others become SN_INK.
#define SN_COLOURS(X)                                                                                                            \
    X(SN_INK, 1, "--ink")    /* text */                                                                                          \
    X(SN_AXIS, 2, "--muted") /* axes and their numbers */                                                                        \
    X(SN_GRID, 3, "--grid")                                                                                                      \
    X(SN_DOT, 4, "--dot")       /* an arch among many */                                                                         \
    X(SN_RAW, 5, "--raw")       /* by accuracy */                                                                                \
    X(SN_FITTED, 6, "--fitted") /* by effects */                                                                                 \
    X(SN_LINE, 7, "--line")                                                                                                      \
    X(SN_SECOND, 8, "--second")                                                                                                  \
    X(SN_PAPER, 9, "--panel")                                                                                                    \
    X(SN_MORE, 10, "--more") /* bars: more, less, far too little */                                                              \
    X(SN_LESS, 11, "--less")                                                                                                     \
    X(SN_LOW, 12, "--low")
typedef enum {
#define X(name, number, variable) name = number,
    SN_COLOURS(X)
#undef X
} sn_colour;

// Puts the inside of gnuplot's SVG (noenhanced) in the form above. What it draws: lines, filled polygons, text, and points, which
// all become round. SN_RESOURCE when nothing of that is found: another SVG than that of the gnuplots known here.
sn_status sn_gnuplot_svg(const char *svg, FILE *out);

#endif
