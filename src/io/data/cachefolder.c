// Lists and removes caches; see cachefolder.h. A program that uses a cache holds a shared lock on it (cache.c): who can have the
// exclusive one may remove it.
// Not here: printing.
// Next: tools/cmd_cache.c.
#include "io/data/cachefolder.h"

#include "io/data/cache_layout.h"
#include "io/data/decode.h"
#include "io/data/source.h"
#include "io/files/atomic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const sn_cache_state_words[] = {"unchanged", "changed", "gone", "damaged", NULL};

void sn_cache_list_free(sn_cache_list *l) {
    for (size_t i = 0; i < l->n; i++) {
        free(l->entry[i].path);
        free(l->entry[i].source);
    }
    free(l->entry);
    free(l->folder);
    *l = (sn_cache_list){0};
}

// For locking, where some file systems want a file that may be written.
static int open_for_lock(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    return fd >= 0 ? fd : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
}

static bool is_used(const char *path) {
    int fd = open_for_lock(path);
    bool used = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
    if (fd >= 0) close(fd);
    return used;
}

// The key is "source PATH\nshape C H W FIT\n..."; the path may hold line ends itself.
static sn_status read_key(const char *key, sn_cache_entry *e) {
    static const char source[] = "source ";
    const char *shape = NULL;
    for (const char *p = key; (p = strstr(p, "\nshape ")); p++) shape = p;
    char word[16];
    if (strncmp(key, source, sizeof source - 1) || !shape || sscanf(shape, "\nshape %*d %*d %*d %15s", word) != 1) return SN_OK;
    char *path = sn_format("%.*s", (int)(shape - key) - (int)sizeof source + 1, key + sizeof source - 1);
    if (!path) return SN_RESOURCE;
    free(e->source);
    e->source = path;
    for (e->shape.fit = SN_FIT_CROP; e->shape.fit < SN_FIT_FACTS && strcmp(word, sn_fit_words[e->shape.fit]);) e->shape.fit++;
    return SN_OK;
}

// Holds the key against that of the source as it is now.
static sn_status compare(const char *key, sn_cache_entry *e) {
    char *now = NULL;
    sn_data_source what = {.source = e->source, .cache_dir = "/", .shape = e->shape};
    if (!*e->source) return SN_OK;
    e->state = access(e->source, F_OK) && (errno == ENOENT || errno == ENOTDIR) ? SN_CACHE_GONE : SN_CACHE_CHANGED;
    if (e->state == SN_CACHE_GONE) return SN_OK;
    sn_status s = sn_data_source_key(&what, &now);
    if (s == SN_OK && !strcmp(key, now)) e->state = SN_CACHE_FITS;
    free(now);
    return s == SN_DATA ? SN_OK : s;
}

static sn_status look_into(sn_cache_entry *e) {
    sn_cache *c;
    sn_status s = sn_cache_open(e->path, NULL, &c);
    if (s != SN_OK) return s == SN_DATA ? SN_OK : s;
    for (int part = 0; part < SN_PARTS; part++) e->images += sn_cache_count(c, part);
    e->shape = sn_cache_shape_of(c);
    s = read_key(sn_cache_key(c), e);
    if (s == SN_OK) s = compare(sn_cache_key(c), e);
    sn_cache_close(c);
    return s;
}

static bool is_named(const char *name) {
    size_t n = strlen(name), m = sizeof SN_CACHE_ENDING - 1;
    return name[0] != '.' && n > m && !strcmp(name + n - m, SN_CACHE_ENDING);
}

// Whether the file is a cache of ours, of any version.
static bool is_cache(const char *path, struct stat *st) {
    uint64_t magic = SN_CACHE_MAGIC;
    return !lstat(path, st) && S_ISREG(st->st_mode) && sn_file_has(path, 0, &magic, sizeof magic);
}

static sn_status add(sn_cache_list *l, const char *name) {
    struct stat st;
    char *path = sn_path_join(l->folder, name);
    if (!path) return SN_RESOURCE;
    if (!is_cache(path, &st)) {
        free(path);
        return SN_OK;
    }
    sn_cache_entry e = {.path = path,
                        .source = sn_strdup(""),
                        .bytes = (uint64_t)st.st_size,
                        .used = st.st_atime,
                        .in_use = is_used(path),
                        .state = SN_CACHE_DAMAGED};
    sn_status s = e.source ? look_into(&e) : SN_RESOURCE;
    if (s == SN_OK) s = sn_grow(&l->entry, &l->room, l->n + 1, sizeof *l->entry);
    if (s == SN_OK) {
        l->entry[l->n++] = e;
    } else {
        free(e.path);
        free(e.source);
    }
    return s;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const sn_cache_entry *)a)->path, ((const sn_cache_entry *)b)->path);
}

sn_status sn_cache_list_read(const char *folder, sn_cache_list *out) {
    SN_TRY(sn_cache_folder(folder, &out->folder));
    DIR *d = opendir(out->folder);
    if (!d) return errno == ENOENT ? SN_OK : sn_file_failed(out->folder, "read this folder of caches", SN_FAIL);
    sn_status s = SN_OK;
    for (struct dirent *e; s == SN_OK && (e = readdir(d));)
        if (is_named(e->d_name)) s = add(out, e->d_name);
    closedir(d);
    if (out->n) qsort(out->entry, out->n, sizeof *out->entry, by_path);
    return s;
}

// Whether the name still is that of the open file.
static bool is_same(int fd, const char *path) {
    struct stat a, b;
    return !fstat(fd, &a) && !lstat(path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

sn_status sn_cache_remove(const sn_cache_entry *e, bool *removed) {
    *removed = false;
    int fd = open_for_lock(e->path);
    if (fd < 0) return sn_file_failed(e->path, "open it to remove it", SN_FAIL);
    sn_status s = SN_OK;
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK) s = sn_file_failed(e->path, "lock it, so it may be in use: not removed", SN_FAIL);
    } else if (is_same(fd, e->path)) {
        if (unlink(e->path)) s = sn_file_failed(e->path, "remove", SN_FAIL);
        *removed = s == SN_OK;
    }
    close(fd);
    return s;
}
