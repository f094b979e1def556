// Texts and paths of a config: files read, which texts are allowed, how paths become absolute, how texts are quoted; see
// config_table.h.
// Not here: numbers and words (config_value.c).
// Next: config.c.
#include "base/utf8.h"
#include "io/config/config_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

bool sn_text_clean(const char *text) {
    uint32_t code;
    for (int n; *text; text += n) {
        n = sn_utf8_char(text, &code);
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
    uint32_t code = 0;
    for (int n; *text; text += n) {
        n = sn_utf8_char(text, &code); // 1 at least: texts are clean
        if (code == '"' || code == '\\')
            fprintf(out, "\\%c", (int)code);
        else if (code < 128)
            fputc((int)code, out);
        else
            fprintf(out, code < 0x10000 ? "\\u%04X" : "\\U%08X", code);
    }
    fputc('"', out);
}

sn_status sn_config_read_file(const char *path, char **out, size_t *size) {
    enum { MOST = SN_YAML_BYTES + 1 }; // one more shows that it is too large
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return sn_error(SN_CONFIG, "%s: cannot be opened: %s", path, strerror(errno));
    char *text = NULL;
    size_t n = 0;
    sn_status status = SN_OK;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode))
        status = sn_error(SN_CONFIG, "%s: not a regular file; a config is a YAML file", path);
    else if (!(text = sn_new(MOST + 1, 1)))
        status = SN_RESOURCE;
    while (status == SN_OK && n < MOST) {
        ssize_t got = read(fd, text + n, MOST - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = sn_error(SN_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
        if (got <= 0) break;
        n += (size_t)got;
    }
    close(fd);
    if (status != SN_OK) {
        free(text);
        return status;
    }
    *out = text;
    *size = n;
    return SN_OK;
}
