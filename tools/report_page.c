// The page around the sections: style, texts made safe, tables. Not here: figures (report_figure.c), what is said.
#include "base/utf8.h"
#include "report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

// Light and dark: the same names, other colours.
static const char style[] =
    ":root{color-scheme:light dark;--paper:#fff;--panel:#f5f7f9;--ink:#1b2430;--muted:#566272;--grid:#dfe4ea;--dot:#6d97cf;"
    "--raw:#c44e00;--fitted:#00796b;--line:#2b6cc4;--second:#8a5fbf;--more:#7fa9de;--less:#e3a683;--low:#c62828;--edge:#d7dde4}\n"
    "@media(prefers-color-scheme:dark){:root{--paper:#11161c;--panel:#1a2129;--ink:#e7ecf1;--muted:#a3afbc;--grid:#2d3742;"
    "--dot:#5e8dcc;--raw:#ffa25c;--fitted:#4fd1b5;--line:#82b4ff;--second:#c3a0f0;--more:#41699f;--less:#96603f;--low:#ff7b72;"
    "--edge:#313c48}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;padding:1rem 1rem 4rem;max-width:1180px;background:var(--paper);color:var(--ink);"
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif}\n"
    "h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0 .8rem;overflow-wrap:anywhere}\n"
    "h2{font-size:1.2rem;margin:2.4rem 0 .6rem;padding-top:.8rem;border-top:1px solid var(--edge)}\n"
    "h3{font-size:1.02rem;margin:1.4rem 0 .4rem;overflow-wrap:anywhere}\n"
    "p,li,figcaption{overflow-wrap:anywhere}p,.conclusions{max-width:75ch;margin:.5rem 0}\n"
    "code{font-size:.92em;overflow-wrap:anywhere}\n"
    ".missing{color:var(--muted);border-left:3px solid var(--edge);padding-left:.8rem}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.6rem;margin:1rem 0}\n"
    ".tiles div{background:var(--panel);border:1px solid var(--edge);border-radius:8px;padding:.5rem .8rem;"
    "overflow-wrap:anywhere}\n"
    ".tiles b{display:block;font-size:1.15rem;line-height:1.3}.tiles span{color:var(--muted);font-size:.88rem}\n"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:1rem;"
    "margin:1rem 0}\n"
    "figure{margin:0;padding:.8rem;background:var(--panel);border:1px solid var(--edge);border-radius:8px;max-width:640px;"
    "min-width:0}\n"
    "figure svg{display:block;width:100%;height:auto}\n"
    "figcaption{font-size:.9rem;color:var(--muted);margin-top:.5rem;line-height:1.45}\n"
    "@media(min-width:900px){.figures>figure:only-child{grid-column:1/-1;max-width:none;display:grid;"
    "grid-template-columns:minmax(0,560px) minmax(220px,1fr);grid-template-rows:auto 1fr;gap:0 1.6rem}"
    ".figures>figure:only-child svg{grid-row:1/span 2}.figures>figure:only-child "
    "figcaption{grid-column:2;max-width:60ch;font-size:.95rem}"
    ".figures>figure:only-child .key{grid-column:2;flex-direction:column;margin-top:.5rem}}\n"
    ".key{display:flex;flex-wrap:wrap;gap:.1rem 1rem;font-size:.9rem;margin:0 0 .4rem;padding:0;list-style:none}\n"
    ".key i{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.4em}\n"
    "svg text{font-size:14px;font-family:inherit}path{fill:none}.dots{stroke-linecap:round}\n"
    "@media(max-width:520px){svg text{font-size:16px}}\n"
    ".scroll{overflow-x:auto;border:1px solid var(--edge);border-radius:8px;margin:1rem 0;max-width:100%}\n"
    "table{border-collapse:collapse;font-size:.9rem;width:100%;font-variant-numeric:tabular-nums}\n"
    "th,td{text-align:right;padding:.3rem .7rem;white-space:nowrap;border-top:1px solid var(--edge)}\n"
    "tr:first-child th{border-top:0;color:var(--muted);font-weight:600}\n"
    "th:first-child,td:first-child{text-align:left;white-space:normal;min-width:9.5em;overflow-wrap:anywhere}\n"
    "details{margin:1rem 0}summary{cursor:pointer}\n"
    "pre{overflow-x:auto;background:var(--panel);border:1px solid var(--edge);border-radius:8px;padding:.8rem;font-size:.85rem}\n"
    ".conclusions li{margin:.45rem 0}\n";

void report_begin(FILE *out, const char *title) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
          out);
    report_text(out, "%s", title);
    fprintf(out, "</title>\n<style>\n%s", style);
#define X(name, number, variable) fprintf(out, ".s%d{stroke:var(%s)}.f%d{fill:var(%s)}", number, variable, number, variable);
    SN_COLOURS(X)
#undef X
#define X(name, number, variable) fprintf(out, ".k%d{background:var(%s)}", number, variable);
    SN_COLOURS(X)
#undef X
    fputs("\n</style>\n</head>\n<body>\n<main>\n", out);
}

void report_end(FILE *out) {
    fputs("</main>\n</body>\n</html>\n", out);
}

// ---------------------------------------------------------------- texts
static bool even(const char *text, char mark) {
    bool is = true;
    for (; *text; text++) is ^= *text == mark;
    return is;
}

// What stands between `backticks` is a command. A number stays with its per cent. comma: what stands for one that has no blank
// behind it.
static void put_words(FILE *out, const char *text, const char *comma) {
    bool commands = even(text, '`'), open = false;
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else if (*text == '\'')
            fputs("&#39;", out);
        else if (*text == ' ' && text[1] == '%')
            fputs("&#160;", out);
        else if (*text == ',' && text[1] != ' ')
            fputs(comma, out);
        else if (*text == '`' && commands)
            fputs((open = !open) ? "<code>" : "</code>", out);
        else
            fputc(*text, out);
    }
}

static void put_safe(FILE *out, const char *text) {
    put_words(out, text, ",");
}

// NULL where memory ran out, which the page will tell (ferror).
__attribute__((format(printf, 1, 0))) static char *formed(const char *format, va_list args) {
    char *text = NULL;
    return vasprintf(&text, format, args) < 0 ? NULL : sn_utf8_printable(text, "\n\t");
}

#define FORMED(text, format)                                                                                                     \
    va_list args;                                                                                                                \
    va_start(args, format);                                                                                                      \
    char *text = formed(format, args);                                                                                           \
    va_end(args);

void report_text(FILE *out, const char *format, ...) {
    FORMED(text, format)
    put_safe(out, text ? text : "");
    free(text);
}

static void put_paragraph(FILE *out, const char *begin, const char *text) {
    fputs(begin, out);
    put_safe(out, text ? text : "");
    fputs("</p>\n", out);
}

void report_say(FILE *out, const char *format, ...) {
    FORMED(text, format)
    put_paragraph(out, "<p>", text);
    free(text);
}

void report_missing(FILE *out, const char *format, ...) {
    FORMED(text, format)
    put_paragraph(out, "<p class=\"missing\">", text);
    free(text);
}

// ---------------------------------------------------------------- tables
static void put_cells(FILE *out, const char *kind, char *text) {
    fputs("<tr>", out);
    for (char *cell; (cell = text ? strsep(&text, "\t") : NULL);) {
        fprintf(out, "<%s>", kind);
        put_words(out, cell, ",<wbr/>"); // an arch may go on in the next line
        fprintf(out, "</%s>", kind);
    }
    fputs("</tr>\n", out);
}

void report_table(FILE *out, const char *format, ...) {
    FORMED(text, format)
    fputs("<div class=\"scroll\" tabindex=\"0\"><table>\n", out);
    put_cells(out, "th", text);
    free(text);
}

void report_row(FILE *out, const char *format, ...) {
    FORMED(text, format)
    put_cells(out, "td", text);
    free(text);
}

void report_table_end(FILE *out) {
    fputs("</table></div>\n", out);
}
