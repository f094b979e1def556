// Folders and tar files of pictures, [TOP/][train|val|test/]CLASS/.../NAME.jpg|jpeg|png: one list, two ways to fetch the bytes.
// Not here: JPEG and PNG (imagefile.c). Nothing of a tar is ever written to disk, so its paths need no trust.
// Next: decode_hdf5.c.
#include "io/data/decode.h"
#include "io/data/imagefile.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const part_name[SN_PARTS] = {"train", "val", "test"};

// --- paths

typedef struct {
    const char *path, *class_at, *file_at; // in path: the class, what follows it
    int top, class_length, part;           // top: bytes before the part's name
} place;

static bool has_ending(const char *path, const char *const *ending) {
    const char *dot = strrchr(path, '.');
    for (; dot && *ending; ending++)
        if (!strcasecmp(dot, *ending)) return true;
    return false;
}

static bool is_picture(const char *path) {
    static const char *const ending[] = {".jpg", ".jpeg", ".png", NULL};
    return has_ending(path, ending);
}

// Pictures that would be lost silently.
static bool is_other_picture(const char *path) {
    static const char *const ending[] = {".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jp2", ".heic", NULL};
    return has_ending(path, ending);
}

static int part_of(const char *name, size_t n) {
    for (int p = 0; p < SN_PARTS; p++)
        if (strlen(part_name[p]) == n && !memcmp(name, part_name[p], n)) return p;
    return -1;
}

// Names that are meant as train, val or test, but are not these, such as Test.
static bool is_near_part(const char *name, size_t n) {
    static const char *const near[] = {"train", "val", "test", "training", "valid", "validation", "testing"};
    for (size_t i = 0; i < sizeof near / sizeof *near; i++)
        if (strlen(near[i]) == n && !strncasecmp(near[i], name, n)) return i >= SN_PARTS || strncmp(near[i], name, n);
    return false;
}

static sn_status near_part(const char *source, const char *path) {
    return sn_error(SN_DATA, "%s: %s: is this a split? they are called train, val and test; rename it, or put it elsewhere",
                    source, path);
}

// Finds part and class in a path; false when it lies outside train, val and test. class_length 0: it lies in no class.
static bool locate(const char *path, place *at) {
    const char *p = path;
    size_t n = strcspn(p, "/");
    int part = part_of(p, n);
    if (part < 0 && p[n]) { // one folder above
        p += n + 1;
        n = strcspn(p, "/");
        part = part_of(p, n);
    }
    if (part < 0 || !p[n]) return false;
    *at = (place){.path = path, .class_at = p + n + 1, .part = part, .top = (int)(p - path)};
    n = strcspn(at->class_at, "/");
    at->class_length = at->class_at[n] ? (int)n : 0;
    at->file_at = at->class_at + n + (at->class_at[n] != 0);
    return true;
}

// --- where the classes are: in train, val and test, or in a source without these, where all pictures are for training

typedef struct {
    bool flat;
    int top; // flat: bytes before the class: the one folder that holds all, if there is one
} layout;

static layout layout_of(char *const *path, size_t n) {
    place at;
    for (size_t i = 0; i < n; i++)
        if (locate(path[i], &at)) return (layout){.flat = false};
    size_t top = n ? strcspn(path[0], "/") + 1 : 0;
    for (size_t i = 0; i < n && top; i++)
        if (strncmp(path[i], path[0], top) || path[0][top - 1] != '/' || !strchr(path[i] + top, '/')) top = 0; // 0: the class
    return (layout){.flat = true, .top = (int)top};
}

// As locate; false: the path is no part of the source.
static bool locate_in(const layout *l, const char *path, place *at) {
    if (!l->flat) return locate(path, at);
    *at = (place){.path = path, .class_at = path + l->top, .top = l->top};
    size_t n = strcspn(at->class_at, "/");
    at->class_length = at->class_at[n] ? (int)n : 0;
    at->file_at = at->class_at + n + (at->class_at[n] != 0);
    return true;
}

static int compare_class(const place *a, const place *b) {
    int n = a->class_length < b->class_length ? a->class_length : b->class_length;
    int order = memcmp(a->class_at, b->class_at, (size_t)n);
    return order ? order : a->class_length - b->class_length;
}

static int compare(const void *x, const void *y) {
    const place *a = x, *b = y;
    if (a->part != b->part) return a->part - b->part;
    int order = compare_class(a, b);
    return order ? order : strcmp(a->file_at, b->file_at);
}

// --- the sorted list of a source's pictures, whose order is that of the cache

typedef struct {
    place *item;
    size_t count;
    const char **name; // (classes) new memory, each
    int32_t *label;    // (count)
    size_t classes;
    layout layout;
} list;

static void list_free(list *l) {
    for (size_t i = 0; i < l->classes; i++) free((char *)l->name[i]);
    free(l->item);
    free(l->name);
    free(l->label);
}

// Classes are those of train, in the order of their bytes; l->item is sorted.
static sn_status name_classes(const char *source, list *l) {
    size_t room = 0;
    for (size_t i = 0; i < l->count && l->item[i].part == 0; i++) {
        const place *p = &l->item[i];
        if (i && !compare_class(p, p - 1)) continue;
        if (l->layout.flat && is_near_part(p->class_at, (size_t)p->class_length)) return near_part(source, p->path);
        SN_TRY(sn_grow(&l->name, &room, l->classes + 1, sizeof *l->name));
        if (!(l->name[l->classes] = sn_format("%.*s", p->class_length, p->class_at))) return SN_RESOURCE;
        l->classes++;
    }
    size_t c = 0;
    for (size_t i = 0; i < l->count; i++) {
        const place *p = &l->item[i];
        if (i && p->part != p[-1].part) c = 0;
        while (c < l->classes && (strncmp(l->name[c], p->class_at, (size_t)p->class_length) || l->name[c][p->class_length])) c++;
        if (c == l->classes)
            return sn_error(SN_DATA, "%s: %s: class '%.*s' is not among those of train", source, p->path, p->class_length,
                            p->class_at);
        l->label[i] = (int32_t)c;
    }
    return SN_OK;
}

// Whether the path lies where a split would that is called otherwise.
static bool in_near_part(const char *path) {
    size_t n = strcspn(path, "/"), m = path[n] ? strcspn(path + n + 1, "/") : 0;
    return (path[n] && is_near_part(path, n)) || (m && path[n + 1 + m] && is_near_part(path + n + 1, m));
}

// Makes the list of those of n paths, borrowed from the caller, that are part of the source.
static sn_status list_make(const char *source, char *const *path, size_t n, list *l) {
    l->item = sn_new(n, sizeof *l->item);
    l->label = sn_new(n, sizeof *l->label);
    if (!l->item || !l->label) return SN_RESOURCE;
    l->layout = layout_of(path, n);
    for (size_t i = 0; i < n; i++) {
        place *p = &l->item[l->count];
        if (!locate_in(&l->layout, path[i], p)) {
            if (in_near_part(path[i])) return near_part(source, path[i]);
            continue;
        }
        if (is_other_picture(path[i])) return sn_error(SN_DATA, "%s: %s: only JPEG and PNG pictures are read", source, path[i]);
        if (!p->class_length) return sn_error(SN_DATA, "%s: %s: a picture in no class folder", source, p->path);
        if (p->top != l->item[0].top || memcmp(p->path, l->item[0].path, (size_t)p->top))
            return sn_error(SN_DATA, "%s: both %s and %s: one folder of train, val and test is wanted", source, l->item[0].path,
                            p->path);
        l->count++;
    }
    qsort(l->item, l->count, sizeof *l->item, compare);
    if (!l->count || l->item[0].part) return sn_error(SN_DATA, "%s: no .jpg, .jpeg or .png under [train/]CLASS/", source);
    for (size_t i = 1; i < l->count; i++)
        if (!compare(&l->item[i], &l->item[i - 1])) return sn_error(SN_DATA, "%s: %s: twice in it", source, l->item[i].path);
    return name_classes(source, l);
}

static sn_status begin(const char *source, const list *l, sn_cache_writer *w) {
    uint64_t count[SN_PARTS] = {0};
    for (size_t i = 0; i < l->count; i++) count[l->item[i].part]++;
    sn_status status = sn_cache_begin(w, count, l->classes, l->name);
    return status == SN_OK ? SN_OK : sn_error_prefix(status, "%s", source);
}

// Decodes the file's bytes and puts the picture at the position of the list.
static sn_status put(const char *source, const list *l, size_t position, const void *data, size_t n, sn_imagefile *f,
                     sn_cache_writer *w) {
    sn_picture picture;
    sn_status status = sn_imagefile_decode(f, data, n, &picture);
    if (status == SN_OK) status = sn_cache_put(w, position, l->label[position], &picture);
    return status == SN_OK ? SN_OK : sn_error_prefix(status, "%s: %s", source, l->item[position].path);
}

static sn_status too_large(const char *source, const char *path) {
    return sn_error(SN_DATA, "%s: %s: larger than %d MiB", source, path, SN_MOST_PICTURE_FILE);
}

// --- folders

static bool is_folder(const char *source, const char *path) {
    struct stat s;
    char *whole = sn_path_join(source, path);
    bool yes = whole && !stat(whole, &s) && S_ISDIR(s.st_mode);
    free(whole);
    return yes;
}

// The one folder in source that is not hidden, in new memory; NULL when there are none or several.
static char *only_folder(const char *source) {
    DIR *d = opendir(source);
    if (!d) return NULL;
    char *only = NULL;
    int folders = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.' || !is_folder(source, e->d_name)) continue;
        folders++;
        free(only);
        only = sn_strdup(e->d_name);
    }
    closedir(d);
    if (folders == 1) return only;
    free(only);
    return NULL;
}

static bool has_picture(const char *folder, int below);

// The one folder in source that is not hidden, where that is none of pictures, a class; in new memory, or NULL.
static char *folder_of_classes(const char *source) {
    char *only = only_folder(source), *whole = only ? sn_path_join(source, only) : NULL;
    if (whole && !has_picture(whole, 0)) {
        free(whole);
        return only;
    }
    free(whole);
    free(only);
    return NULL;
}

// The one folder in source that is not hidden, in new memory; "" when train is in source itself, NULL when neither.
static char *find_top(const char *source) {
    if (is_folder(source, part_name[0])) return sn_strdup("");
    char *top = only_folder(source), *train = top ? sn_path_join(top, part_name[0]) : NULL;
    if (!train || !is_folder(source, train)) {
        free(top);
        top = NULL;
    }
    free(train);
    return top;
}

// Whether a picture lies in a folder, or at most so many folders below it.
static bool has_picture(const char *folder, int below) {
    DIR *d = opendir(folder);
    bool yes = false;
    for (struct dirent *e; d && !yes && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        if (is_picture(e->d_name) || is_other_picture(e->d_name)) yes = true;
        if (yes || !below || !is_folder(folder, e->d_name)) continue;
        char *whole = sn_path_join(folder, e->d_name);
        yes = whole && has_picture(whole, below - 1);
        free(whole);
    }
    if (d) closedir(d);
    return yes;
}

static bool is_part(const char *name) {
    for (int p = 0; p < SN_PARTS; p++)
        if (!strcmp(name, part_name[p])) return true;
    return false;
}

char *sn_images_unread(const char *source) {
    char *top = find_top(source), *folder = top ? sn_path_join(source, top) : NULL, names[512] = "";
    DIR *d = folder ? opendir(folder) : NULL;
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && is_folder(folder, e->d_name) && !is_part(e->d_name))
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s'%s'", *names ? ", " : "", e->d_name);
    if (d) closedir(d);
    free(folder);
    free(top);
    return sn_strdup(names);
}

static bool folder_found(const char *source) {
    char *top = find_top(source);
    bool parts = top != NULL;
    free(top);
    return parts || (is_folder(source, "") && has_picture(source, 2)); // [TOP/]CLASS/NAME.jpg
}

static sn_status walk(const char *source, const char *path, int depth, sn_files *files);

static sn_status look_at(const char *source, const char *path, int depth, sn_files *files) {
    if (is_folder(source, path)) {
        size_t before = files->count;
        SN_TRY(walk(source, path, depth + 1, files));
        if (depth == 1 && files->count == before)
            return sn_error(SN_DATA, "%s/%s: a class without .jpg, .jpeg or .png files", source, path);
        return SN_OK;
    }
    if (is_other_picture(path)) return sn_error(SN_DATA, "%s/%s: only JPEG and PNG pictures are read", source, path);
    return is_picture(path) ? sn_files_add(files, source, path) : SN_OK;
}

// depth: 1 for a part's own folder. Hidden files are left out.
static sn_status walk(const char *source, const char *path, int depth, sn_files *files) {
    if (depth > 1 + SN_MOST_FOLDER_DEPTH)
        return sn_error(SN_DATA, "%s/%s: more than %d folders deep", source, path, SN_MOST_FOLDER_DEPTH);
    char *whole = sn_path_join(source, path);
    DIR *d = whole ? opendir(whole) : NULL;
    sn_status status = d ? SN_OK : whole ? sn_error(SN_DATA, "%s: %s", whole, strerror(errno)) : SN_RESOURCE;
    while (status == SN_OK) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e) {
            if (errno) status = sn_error(SN_DATA, "%s: %s", whole, strerror(errno));
            break;
        }
        if (e->d_name[0] == '.') continue;
        char *one = *path ? sn_path_join(path, e->d_name) : sn_strdup(e->d_name);
        status = one ? look_at(source, one, depth, files) : SN_RESOURCE;
        free(one);
    }
    if (d) closedir(d);
    free(whole);
    return status;
}

static char *below(const char *top, const char *name) {
    return *top ? sn_path_join(top, name) : sn_strdup(name);
}

// Folders beside train that look like a split: they would be left out in silence.
static sn_status check_beside(const char *source, const char *top) {
    char *whole = sn_path_join(source, top);
    DIR *d = whole ? opendir(whole) : NULL;
    sn_status status = whole ? SN_OK : SN_RESOURCE;
    for (struct dirent *e; d && status == SN_OK && (e = readdir(d));)
        if (is_near_part(e->d_name, strlen(e->d_name)) && is_folder(whole, e->d_name)) status = near_part(whole, e->d_name);
    if (d) closedir(d);
    free(whole);
    return status;
}

static sn_status list_parts(const char *source, const char *top, sn_files *files) {
    SN_TRY(check_beside(source, top));
    sn_status status = SN_OK;
    for (int p = 0; p < SN_PARTS && status == SN_OK; p++) {
        char *path = below(top, part_name[p]);
        if (!path) status = SN_RESOURCE;
        if (path && is_folder(source, path)) status = walk(source, path, 1, files);
        free(path);
    }
    return status;
}

static sn_status folder_list(const char *source, sn_files *files) {
    char *top = find_top(source);
    if (top) {
        sn_status status = list_parts(source, top, files);
        free(top);
        return status;
    }
    top = folder_of_classes(source);
    sn_status status = walk(source, top ? top : "", 1, files);
    free(top);
    return status;
}

// Reads a whole file into *data, which grows.
static sn_status read_file(const char *source, const char *path, void **data, size_t *room, size_t *n) {
    char *whole = sn_path_join(source, path);
    FILE *f = whole ? fopen(whole, "rbe") : NULL;
    sn_status status = f ? SN_OK : whole ? sn_error(SN_DATA, "%s: %s", whole, strerror(errno)) : SN_RESOURCE;
    size_t got = 1;
    for (*n = 0; status == SN_OK && got; *n += got) {
        status = *n > (size_t)SN_MOST_PICTURE_FILE << 20 ? too_large(source, path) : sn_grow(data, room, *n + 4096, 1);
        got = status == SN_OK ? fread((char *)*data + *n, 1, *room - *n, f) : 0;
        if (status == SN_OK && ferror(f)) status = sn_error(SN_DATA, "%s: %s", whole, strerror(errno));
    }
    if (f) fclose(f);
    free(whole);
    return status;
}

static sn_status folder_decode(const char *source, const sn_files *files, sn_cache_writer *w) {
    list l = {0};
    sn_imagefile f = {0};
    void *data = NULL;
    size_t room = 0, n;
    sn_status status = list_make(source, files->path, files->count, &l);
    if (status == SN_OK) status = begin(source, &l, w);
    for (size_t i = 0; i < l.count && status == SN_OK; i++) {
        status = read_file(source, l.item[i].path, &data, &room, &n);
        if (status == SN_OK) status = put(source, &l, i, data, n, &f, w);
    }
    free(data);
    sn_imagefile_free(&f);
    list_free(&l);
    return status;
}

const sn_decoder sn_decoder_folder = {"folder of images", "[TOP/][train/]CLASS/*.jpg|jpeg|png, and val, test likewise",
                                      folder_found, folder_list, folder_decode};

// --- tar

static bool tar_found(const char *source) {
    return sn_file_has(source, 257, "ustar", 5) || sn_file_has(source, 0, "\x1f\x8b", 2);
}

static sn_status tar_list(const char *source, sn_files *files) {
    return sn_files_add(files, source, "");
}

typedef struct {
    const char *source;
    struct archive *a;
} tar;

static sn_status tar_failed(const tar *t) {
    return sn_error(SN_DATA, "%s: %s", t->source, archive_error_string(t->a) ? archive_error_string(t->a) : "no tar file");
}

static sn_status tar_open(tar *t, const char *source) {
    *t = (tar){.source = source, .a = archive_read_new()};
    if (!t->a) return sn_error(SN_RESOURCE, "libarchive: out of memory");
    if (archive_read_support_format_tar(t->a) != ARCHIVE_OK || archive_read_support_filter_gzip(t->a) != ARCHIVE_OK ||
        archive_read_open_filename(t->a, source, 256 << 10) != ARCHIVE_OK)
        return tar_failed(t);
    return SN_OK;
}

// A path as in a folder: without leading slashes and "./".
static const char *tidy(const char *path) {
    while (*path == '/' || (path[0] == '.' && path[1] == '/')) path++;
    return path;
}

// Goes to the next file that is called like a picture; *path is NULL at the end, else borrowed until the next call.
static sn_status tar_next(tar *t, struct archive_entry **e, const char **path) {
    for (;;) {
        int code = archive_read_next_header(t->a, e);
        *path = NULL;
        if (code == ARCHIVE_EOF) return SN_OK;
        if (code < ARCHIVE_WARN) return tar_failed(t); // a warning: the name has no form in this locale
        uint64_t unpacked = (uint64_t)archive_filter_bytes(t->a, 0);
        if (unpacked >> 30 >= SN_MOST_DATA) return sn_error(SN_DATA, "%s: more than %d GiB unpacked", t->source, SN_MOST_DATA);
        const char *name = archive_entry_pathname(*e);
        if (!name) name = archive_entry_pathname_utf8(*e);
        if (!name || archive_entry_filetype(*e) == AE_IFDIR) continue;
        name = tidy(name);
        const char *slash = strrchr(name, '/'), *file = slash ? slash + 1 : name;
        if (*file == '.' || (!is_picture(file) && !is_other_picture(file))) continue;
        *path = name;
        return SN_OK;
    }
}

static sn_status tar_names(const char *source, char ***path, size_t *n) {
    tar t;
    struct archive_entry *e;
    const char *name;
    size_t room = 0;
    sn_status status = tar_open(&t, source);
    while (status == SN_OK) {
        status = tar_next(&t, &e, &name);
        if (status != SN_OK || !name) break;
        status = sn_grow(path, &room, *n + 1, sizeof **path);
        if (status == SN_OK && !((*path)[*n] = sn_strdup(name))) status = SN_RESOURCE;
        if (status == SN_OK) ++*n;
    }
    archive_read_free(t.a);
    return status;
}

static sn_status tar_put(tar *t, struct archive_entry *e, const list *l, size_t position, void **data, size_t *room,
                         sn_imagefile *f, sn_cache_writer *w) {
    if (archive_entry_hardlink(e) || archive_entry_filetype(e) != AE_IFREG)
        return sn_error(SN_DATA, "%s: %s: a link or a special file", t->source, l->item[position].path);
    int64_t size = archive_entry_size(e);
    if (size > (int64_t)SN_MOST_PICTURE_FILE << 20) return too_large(t->source, l->item[position].path);
    SN_TRY(sn_grow(data, room, (size_t)size + 1, 1));
    int64_t got = archive_read_data(t->a, *data, (size_t)size);
    if (got != size) return sn_error_prefix(tar_failed(t), "%s", l->item[position].path);
    return put(t->source, l, position, *data, (size_t)size, f, w);
}

static sn_status tar_pictures(const char *source, const list *l, sn_cache_writer *w) {
    tar t;
    struct archive_entry *e;
    const char *name;
    sn_imagefile f = {0};
    void *data = NULL;
    size_t room = 0, n = 0;
    sn_status status = tar_open(&t, source);
    while (status == SN_OK) {
        status = tar_next(&t, &e, &name);
        if (status != SN_OK || !name) break;
        place wanted;
        if (!locate_in(&l->layout, name, &wanted)) continue;
        const place *at = bsearch(&wanted, l->item, l->count, sizeof *l->item, compare);
        if (!at || n++ == l->count)
            status = sn_error(SN_DATA, "%s: changed while it was read", source);
        else
            status = tar_put(&t, e, l, (size_t)(at - l->item), &data, &room, &f, w);
    }
    archive_read_free(t.a);
    free(data);
    sn_imagefile_free(&f);
    return status;
}

static sn_status tar_decode(const char *source, const sn_files *files, sn_cache_writer *w) {
    (void)files;
    char **path = NULL;
    size_t n = 0;
    list l = {0};
    sn_status status = tar_names(source, &path, &n);
    if (status == SN_OK) status = list_make(source, path, n, &l);
    if (status == SN_OK) status = begin(source, &l, w);
    if (status == SN_OK) status = tar_pictures(source, &l, w);
    for (size_t i = 0; i < n; i++) free(path[i]);
    free(path);
    list_free(&l);
    return status;
}

const sn_decoder sn_decoder_tar = {"tar of images",
                                   "tar or tar.gz with [TOP/][train/]CLASS/*.jpg|jpeg|png, and val, test likewise", tar_found,
                                   tar_list, tar_decode};
