// Texts and paths of a config: which are allowed, how paths become absolute, how texts are quoted; see config_table.h.
// Not here: numbers and words (config_value.c).
// Next: config.c.
#include "io/config_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// Length of the UTF-8 character at p (strict: no overlong forms, no surrogates), or 0.
static int utf8(const char *p, unsigned *code) {
    const unsigned char *u = (const unsigned char *)p;
    int n = u[0] < 0x80 ? 1 : u[0] >= 0xC2 && u[0] < 0xE0 ? 2 : (u[0] & 0xF0) == 0xE0 ? 3 : u[0] >= 0xF0 && u[0] < 0xF5 ? 4 : 0;
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (!n) return 0;
    unsigned c = n == 1 ? u[0] : u[0] & (0x7Fu >> n);
    for (int i = 1; i < n; i++) {
        if ((u[i] & 0xC0) != 0x80) return 0;
        c = c << 6 | (u[i] & 0x3F);
    }
    *code = c;
    return c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 0 : n;
}

bool sn_text_clean(const char *text) {
    unsigned code;
    for (int n; *text; text += n) {
        n = utf8(text, &code);
        if (!n || code < 32 || (code >= 127 && code < 160)) return false;
    }
    return true;
}

// Removes empty, `.` and `..` parts of an absolute path, in place.
static void normalise(char *path) {
    char *to = path;
    for (const char *p = path; *p;) {
        p += strspn(p, "/");
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            while (to > path && *--to != '/') continue;
        } else if (n && !(n == 1 && *p == '.')) {
            *to++ = '/'; // never beyond p: each part was behind a slash
            memmove(to, p, n);
            to += n;
        }
        p += n;
    }
    if (to == path) *to++ = '/';
    *to = 0;
}

char *sn_path_absolute(const sn_yaml_node *n, sn_problems *problems) {
    char *folder = NULL, *real = NULL, *path = NULL;
    if (*n->text == '/') {
        path = sn_strdup(n->text);
    } else {
        const char *slash = n->place.line ? strrchr(n->place.source, '/') : NULL;
        folder = slash ? sn_format("%.*s", (int)(slash - n->place.source) + 1, n->place.source) : sn_strdup(".");
        real = folder ? realpath(folder, NULL) : NULL;
        if (folder && !real) {
            sn_problem(problems, n->place, "the folder '%s', from which this path counts, cannot be opened: %s", folder,
                       strerror(errno));
            free(folder);
            return NULL;
        }
        path = real ? sn_format("%s/%s", real, n->text) : NULL;
    }
    free(folder);
    free(real);
    if (path)
        normalise(path);
    else
        problems->memory = true;
    return path;
}

// --- printing

// A text that every YAML reader takes for a text without quotes.
static bool bare(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/0123456789.-";
    static const char *const others[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcasecmp(text, others[i])) return false;
    return *text && strchr(letters, *text) && !text[strspn(text, more)];
}

void sn_text_print(const char *text, FILE *out) {
    if (bare(text)) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    unsigned code = 0;
    for (int n; *text; text += n) {
        n = utf8(text, &code); // 1 at least: texts are clean
        if (code == '"' || code == '\\')
            fprintf(out, "\\%c", (int)code);
        else if (code < 128)
            fputc((int)code, out);
        else
            fprintf(out, code < 0x10000 ? "\\u%04X" : "\\U%08X", code);
    }
    fputc('"', out);
}
