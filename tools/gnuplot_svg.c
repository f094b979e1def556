// gnuplot's SVG made small; see gnuplot.h. It is read tag by tag: what encloses (<g>) only tells line widths and places of text,
// what draws is written again with the attributes that matter. Not here: any other SVG.
#include "gnuplot.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *at; // of a tag: its '<'
    size_t size;    // with its '>'
} tag;

typedef struct {
    FILE *out;
    double width;       // of lines, as the last <g> says
    char place[64];     // of text: its transform
    char anchor[16];    // of text
    int fill;           // of text
    long drawn, worded; // marks and texts written
    // dots under way: one path for those of equal size and colour
    bool dots;
    double size, last[2];
    int colour;
} svg;

// ---------------------------------------------------------------- reading
static bool is(const tag *t, const char *name) {
    size_t n = strlen(name);
    return !strncmp(t->at + 1, name, n) && strchr(" >/\n\t", t->at[1 + n]);
}

// The value of an attribute, or NULL. gnuplot writes name="v", name='v', name = 'v'.
static const char *value_of(const tag *t, const char *name, size_t *size) {
    size_t n = strlen(name);
    for (const char *p = t->at; p + n < t->at + t->size; p++) {
        if (strncmp(p, name, n) || !strchr(" \t\n", p[-(p > t->at)])) continue;
        const char *v = p + n + strspn(p + n, " ");
        if (*v++ != '=') continue;
        v += strspn(v, " ");
        if (*v != '"' && *v != '\'') continue;
        const char *end = memchr(v + 1, *v, (size_t)(t->at + t->size - v - 1));
        if (!end) return NULL;
        *size = (size_t)(end - v - 1);
        return v + 1;
    }
    return NULL;
}

static bool copy_value(const tag *t, const char *name, char *to, size_t room) {
    size_t n;
    const char *v = value_of(t, name, &n);
    if (v) snprintf(to, room, "%.*s", (int)(n < room ? n : room - 1), v);
    return v != NULL;
}

static double number_of(const tag *t, const char *name, double otherwise) {
    char text[32];
    return copy_value(t, name, text, sizeof text) ? strtod(text, NULL) : otherwise;
}

static int colour_of(const tag *t, const char *name) {
    char text[32];
    int red, green, blue;
    if (!copy_value(t, name, text, sizeof text)) return SN_INK;
    if (sscanf(text, "rgb(%d,%d,%d)", &red, &green, &blue) != 3 || red || green) return SN_INK;
#define X(colour, number, variable)                                                                                              \
    if (blue == number) return colour;
    SN_COLOURS(X)
#undef X
    return SN_INK;
}

// ---------------------------------------------------------------- writing
// Tenths of a pixel, no needless zeros.
static void put_number(FILE *out, double v) {
    v = round(v * 10) / 10;
    fprintf(out, v == round(v) ? "%.0f" : "%.1f", v + 0.0);
}

// A list of coordinates with letters between them. A blank stays between two numbers.
static void put_coordinates(FILE *out, const char *p, const char *end) {
    bool after_number = false;
    while (p < end) {
        char *next = (char *)p;
        double v = strchr(" \n\t", *p) ? 0 : strtod(p, &next);
        if (next > p) {
            if (after_number && v >= 0) fputc(' ', out);
            put_number(out, v);
        } else if (!strchr(" \n\t", *p)) {
            fputc(*p, out);
        }
        if (next > p || !strchr(" \n\t", *p)) after_number = next > p;
        p = next > p ? next : p + 1;
    }
}

static void end_dots(svg *s) {
    if (s->dots) fputs("\"/>\n", s->out);
    s->dots = false;
}

// A dot is a line without length that has round ends.
static void put_dot(svg *s, const tag *t) {
    char where[64];
    double x, y, size;
    int colour = colour_of(t, "color");
    if (!copy_value(t, "transform", where, sizeof where)) return;
    if (sscanf(where, "translate(%lf,%lf) scale(%lf)", &x, &y, &size) != 3) return;
    if (!s->dots || size != s->size || colour != s->colour) { // NOLINT: equal texts give equal numbers
        end_dots(s);
        fprintf(s->out, "<path class=\"s%d dots\" stroke-width=\"", colour);
        put_number(s->out, 2 * size);
        fputs("\" d=\"", s->out);
        s->dots = true, s->size = size, s->colour = colour;
    }
    fputc('M', s->out);
    put_number(s->out, x);
    fputc(' ', s->out);
    put_number(s->out, y);
    fputs("h0", s->out);
    s->drawn++;
}

static void put_path(svg *s, const tag *t) {
    size_t n;
    char dashes[32] = "";
    const char *d = value_of(t, "d", &n);
    if (!d) return;
    fprintf(s->out, "<path class=\"s%d\"", colour_of(t, "stroke"));
    if (s->width != 1) { // NOLINT: read from a text
        fputs(" stroke-width=\"", s->out);
        put_number(s->out, s->width);
        fputc('"', s->out);
    }
    if (copy_value(t, "stroke-dasharray", dashes, sizeof dashes) && strspn(dashes, "0123456789.,") == strlen(dashes))
        fprintf(s->out, " stroke-dasharray=\"%s\"", dashes);
    fputs(" d=\"", s->out);
    put_coordinates(s->out, d, d + n);
    fputs("\"/>\n", s->out);
    s->drawn++;
}

static void put_polygon(svg *s, const tag *t) {
    size_t n;
    const char *points = value_of(t, "points", &n);
    if (!points) return;
    fprintf(s->out, "<path class=\"f%d\" d=\"M", colour_of(t, "fill"));
    put_coordinates(s->out, points, points + n);
    fputs("z\"/>\n", s->out);
    s->drawn++;
}

// What <g> says of what follows.
static void enter(svg *s, const tag *t) {
    s->width = number_of(t, "stroke-width", s->width);
    if (!copy_value(t, "transform", s->place, sizeof s->place)) return;
    s->fill = colour_of(t, "fill");
    if (!copy_value(t, "text-anchor", s->anchor, sizeof s->anchor)) s->anchor[0] = 0;
}

// gnuplot has escaped it.
static void put_text(svg *s, const char *text, const char *end) {
    double x = 0, y = 0, turn = 0;
    while (text < end && *text == ' ') text++;
    if (text == end || sscanf(s->place, "translate(%lf,%lf) rotate(%lf)", &x, &y, &turn) < 2) return;
    fprintf(s->out, "<text class=\"f%d\"", s->fill);
    if (turn != 0) fprintf(s->out, " transform=\"rotate(%.0f %.1f %.1f)\"", turn, x, y);
    fprintf(s->out, " x=\"%.1f\" y=\"%.1f\"", x, y);
    if (!strcmp(s->anchor, "middle") || !strcmp(s->anchor, "end")) fprintf(s->out, " text-anchor=\"%s\"", s->anchor);
    fprintf(s->out, ">%.*s</text>\n", (int)(end - text), text);
    s->worded++;
}

sn_status sn_gnuplot_svg(const char *text, FILE *out) {
    svg s = {.out = out, .width = 1, .fill = SN_INK};
    bool defined = false; // inside <defs>
    for (const char *p = strchr(text, '<'), *end; p && (end = strchr(p, '>')); p = strchr(end, '<')) {
        tag t = {p, (size_t)(end - p) + 1};
        if (is(&t, "defs") || is(&t, "/defs")) defined = p[1] != '/';
        if (defined) continue;
        if (is(&t, "use")) {
            put_dot(&s, &t);
            continue;
        }
        if (is(&t, "path") || is(&t, "polygon") || is(&t, "text")) end_dots(&s);
        if (is(&t, "g")) enter(&s, &t);
        if (is(&t, "path")) put_path(&s, &t);
        if (is(&t, "polygon")) put_polygon(&s, &t);
        const char *close = is(&t, "text") ? strstr(end, "</text>") : NULL;
        if (close) put_text(&s, end + 1, close);
    }
    end_dots(&s);
    if (!s.drawn || !s.worded)
        return sn_error(
            SN_RESOURCE,
            "what gnuplot printed is no SVG that is known here; known is that of Debian package gnuplot-nox, version 5.4");
    return SN_OK;
}
