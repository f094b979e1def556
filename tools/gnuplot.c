// gnuplot as a helper; see gnuplot.h.
#include "gnuplot.h"
#include "helper.h"

sn_status sn_gnuplot_run(const char *script, size_t size, char **out) {
    static char *const arguments[] = {"gnuplot", "-d", "-", NULL}; // -d: without the user's settings
    static const helper gnuplot = {"gnuplot", arguments, "known to work is that of Debian package gnuplot-nox, version 5.4",
                                   "figures need gnuplot, Debian package gnuplot-nox: apt-get install gnuplot-nox"};
    size_t got;
    return helper_run(&gnuplot, script, size, out, &got);
}
