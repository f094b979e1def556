// Opening, checking and reading our HDF5 files; see h5file.h.
// Everything in the file is checked when it is opened, and what is found becomes a table of objects; reading then copies bytes.
// Next: h5walk.h.
#include "base/crc32c.h"
#include "base/utf8.h"
#include "io/files/atomic.h"
#include "io/files/h5walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 16, TEXT = 256, ENTRY = 40 }; // ENTRY: bytes that a member takes in its group's list

typedef struct {
    const char *name; // in the image
    uint64_t header;
    size_t group;    // the object that it is a member of
    size_t first, n; // of a group: its members, in order of their names
    int depth;
    bool is_group;
} object;

struct sn_h5r {
    char *path;
    unsigned char *image;
    size_t size;
    object *objects; // [0] is the root; members stand after their group
    size_t n, room;
    sn_h5_tally found;
};

static sn_h5_walk walk_of(const sn_h5r *r) {
    return (sn_h5_walk){r->image + SN_H5_HEADER, r->size - SN_H5_HEADER, r->size};
}

// --- header

static uint32_t u32_at(const unsigned char *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

// Of a file's first `size` bytes.
static sn_status check_begin(const char *path, const unsigned char *p, size_t size) {
    if (size < SN_H5_HEADER || memcmp(p, "SNH5", 4) != 0)
        return sn_error(SN_DATA, "%s: not a file of this program (it does not begin with its header)", path);
    unsigned char head[SN_H5_HEADER];
    memcpy(head, p, sizeof head);
    memset(head + 20, 0, 4);
    uint32_t own = sn_crc32c(0, head, sizeof head);
    if (own != u32_at(p + 20))
        return sn_error(SN_DATA, "%s: damaged: the header's checksum is %08x, expected %08x", path, own, u32_at(p + 20));
    return u32_at(p + 4) == 1 ? SN_OK : sn_error(SN_DATA, "%s: header of version %u; this program reads 1", path, u32_at(p + 4));
}

static sn_status check_content(const char *path, const unsigned char *p, size_t size) {
    uint64_t length;
    memcpy(&length, p + 8, 8);
    if (length != size) return sn_error(SN_DATA, "%s: damaged: %zu bytes, expected %" PRIu64, path, size, length);
    uint32_t body = sn_crc32c(0, p + SN_H5_HEADER, size - SN_H5_HEADER);
    if (body != u32_at(p + 16))
        return sn_error(SN_DATA, "%s: damaged: the checksum of its content is %08x, expected %08x", path, body, u32_at(p + 16));
    return SN_OK;
}

// A file of another kind may be larger than memory: what it is, is looked at first.
static sn_status read_checked(sn_h5r *r, size_t cap) {
    unsigned char begin[SN_H5_HEADER];
    size_t got;
    SN_TRY(sn_file_begin(r->path, begin, sizeof begin, &got));
    SN_TRY(check_begin(r->path, begin, got));
    SN_TRY(sn_file_read(r->path, cap, &r->image, &r->size));
    SN_TRY(check_begin(r->path, r->image, r->size));
    return check_content(r->path, r->image, r->size);
}

// --- the table of objects

// "/group/name" of an object.
static const char *path_of(const sn_h5r *r, size_t i, char text[1026]) {
    size_t at = 1025;
    text[at] = 0;
    for (; i; i = r->objects[i].group) {
        size_t n = strlen(r->objects[i].name);
        memcpy(text + (at -= n), r->objects[i].name, n);
        text[--at] = '/';
    }
    return text[at] ? text + at : "/";
}

typedef struct {
    sn_h5r *r;
    size_t group;
    sn_status status;
} listing;

// Whether the path of a new member is one that sn_h5_path_valid accepts, and not too long.
static bool name_fits(const sn_h5r *r, size_t group, const char *name) {
    size_t n = 1 + strlen(name);
    if (strchr(name, '/') || !name[strspn(name, ".")]) return false;
    for (size_t i = group; i && n <= 1024; i = r->objects[i].group) n += 1 + strlen(r->objects[i].name);
    return n <= 1024;
}

static const char *add_member(void *context, const char *name, uint64_t header) {
    listing *l = context;
    sn_h5r *r = l->r;
    if (!name_fits(r, l->group, name)) return "the name of a member is none that this program gives";
    if (r->n > r->objects[l->group].first && strcmp(r->objects[r->n - 1].name, name) >= 0)
        return "its members are not in order of their names";
    if (r->objects[l->group].depth == DEPTH || r->n > r->size / ENTRY)
        return "there are more groups within groups than this program makes";
    if ((l->status = sn_grow(&r->objects, &r->room, r->n + 1, sizeof *r->objects)) != SN_OK) return "memory ran out";
    r->objects[r->n++] = (object){.name = name, .header = header, .group = l->group, .depth = r->objects[l->group].depth + 1};
    return NULL;
}

// Checks an object; the members of a group join the end of the table.
static const char *index_object(sn_h5r *r, sn_h5_walk *w, size_t i, sn_status *status) {
    sn_h5_head head;
    const char *wrong = sn_h5_head_read(w, r->objects[i].header, &head);
    if (wrong) return wrong;
    r->objects[i].is_group = head.is_group;
    if (!head.is_group) {
        r->found.datasets++;
        r->found.data_bytes += head.bytes;
        return r->found.data_bytes > r->size ? "it shares its data with another dataset" : NULL;
    }
    r->found.groups += i > 0;
    listing l = {r, i, SN_DATA};
    r->objects[i].first = r->n;
    wrong = sn_h5_members(w, &head, add_member, &l);
    r->objects[i].n = r->n - r->objects[i].first;
    if (wrong) *status = l.status;
    return wrong;
}

static sn_status index_all(sn_h5r *r) {
    sn_h5_walk w = walk_of(r);
    uint64_t root;
    char text[1026];
    sn_status status = SN_DATA;
    r->found.bytes = r->size;
    r->found.checksum = u32_at(r->image + 16);
    const char *wrong = sn_h5_root(&w, &root);
    if (wrong) return sn_error(SN_DATA, "%s: refused, since %s", r->path, wrong);
    SN_TRY(sn_grow(&r->objects, &r->room, 1, sizeof *r->objects));
    r->objects[r->n++] = (object){.name = "", .header = root};
    for (size_t i = 0; i < r->n; i++) {
        wrong = index_object(r, &w, i, &status);
        if (wrong && status == SN_RESOURCE) return sn_error_prefix(status, "%s", r->path);
        if (wrong) return sn_error(SN_DATA, "%s: %s: refused, since %s", r->path, path_of(r, i, text), wrong);
    }
    return SN_OK;
}

sn_status sn_h5_open(const char *path, size_t cap, sn_h5r **out) {
    sn_h5r *r = sn_new(1, sizeof *r);
    sn_status status = r && (r->path = sn_strdup(path)) ? SN_OK : SN_RESOURCE;
    if (status == SN_OK) status = read_checked(r, cap);
    if (status == SN_OK) status = index_all(r);
    if (status == SN_OK)
        *out = r;
    else
        sn_h5r_free(r);
    return status;
}

void sn_h5r_free(sn_h5r *r) {
    if (!r) return;
    free(r->objects);
    free(r->image);
    free(r->path);
    free(r);
}

sn_h5_tally sn_h5_count(const sn_h5r *r) {
    return r->found;
}

// --- finding objects

// Goes down a path as far as it leads; *rest: what is left of it, "" when it was found. sn_h5_path_valid(path).
static size_t find(const sn_h5r *r, const char *path, const char **rest) {
    size_t at = 0;
    for (*rest = path + 1; **rest;) {
        size_t n = strcspn(*rest, "/"), low = r->objects[at].first, high = low + r->objects[at].n;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            const char *name = r->objects[middle].name;
            int order = strncmp(name, *rest, n);
            if (order == 0 && !name[n]) break;
            if (order < 0)
                low = middle + 1;
            else
                high = middle;
        }
        if (low >= high) return at;
        at = low + (high - low) / 2;
        *rest += n + ((*rest)[n] == '/');
    }
    return at;
}

static sn_status find_object(const sn_h5r *r, const char *path, size_t *at) {
    if (!sn_h5_path_valid(path)) return sn_error(SN_USAGE, "'%s' is no name in a file; allowed is /group/.../name", path);
    const char *rest;
    *at = find(r, path, &rest);
    int part = (int)strcspn(rest, "/");
    if (!*rest) return SN_OK;
    if (!r->objects[*at].is_group)
        return sn_error(SN_DATA, "%s: %s: what should hold '%.*s' is a dataset", r->path, path, part, rest);
    return sn_error(SN_DATA, "%s: %s: not there ('%.*s' is missing)", r->path, path, part, rest);
}

bool sn_h5_has(const sn_h5r *r, const char *path) {
    const char *rest;
    return sn_h5_path_valid(path) && (find(r, path, &rest), !*rest);
}

// --- datasets

static char *shape_text(int ndim, const size_t *dims, char text[TEXT]) {
    size_t n = (size_t)snprintf(text, TEXT, "[");
    for (int i = 0; i < ndim; i++) n += (size_t)snprintf(text + n, TEXT - n, i ? ", %zu" : "%zu", dims[i]);
    snprintf(text + n, TEXT - n, "]");
    return text;
}

// The dataset of this type and shape; dims NULL: any.
static sn_status find_data(const sn_h5r *r, const char *path, sn_h5_type type, int ndim, const size_t *dims, sn_h5_head *d) {
    size_t at;
    sn_h5_walk w = walk_of(r);
    SN_TRY(find_object(r, path, &at));
    const char *wrong = r->objects[at].is_group ? "it is a group" : sn_h5_head_read(&w, r->objects[at].header, d);
    if (wrong) return sn_error(SN_DATA, "%s: %s: refused, since %s; expected a dataset", r->path, path, wrong);
    bool same = d->type == (int)type && d->ndim == ndim;
    for (int i = 0; same && dims && i < ndim; i++) same = d->dims[i] == dims[i];
    if (same) return SN_OK;
    char found[TEXT], expected[TEXT];
    snprintf(expected, sizeof expected, "%d dimensions", ndim);
    return sn_error(SN_DATA, "%s: %s: found %s %s, expected %s %s", r->path, path, sn_h5_type_name((sn_h5_type)d->type),
                    shape_text(d->ndim, d->dims, found), sn_h5_type_name(type),
                    dims ? shape_text(ndim, dims, expected) : expected);
}

sn_status sn_h5_read(const sn_h5r *r, const char *path, sn_h5_type type, int ndim, const size_t *dims, void *out) {
    sn_h5_head d;
    SN_TRY(find_data(r, path, type, ndim, dims, &d));
    if (d.bytes) memcpy(out, walk_of(r).bytes + d.at, d.bytes);
    return SN_OK;
}

sn_status sn_h5_shape(const sn_h5r *r, const char *path, sn_h5_type type, int ndim, size_t *dims) {
    sn_h5_head d;
    SN_TRY(find_data(r, path, type, ndim, NULL, &d));
    memcpy(dims, d.dims, (size_t)ndim * sizeof *dims);
    return SN_OK;
}

// --- attributes

static sn_status find_value(const sn_h5r *r, const char *path, const char *name, sn_h5_kind kind, sn_h5_value *out) {
    static const char *const expected[] = {"one 64-bit integer", "one 64-bit float", "one text of variable length"};
    size_t at;
    bool found;
    sn_h5_walk w = walk_of(r);
    SN_TRY(find_object(r, path, &at));
    const char *wrong = sn_h5_attribute(&w, r->objects[at].header, name, out, &found);
    if (wrong) return sn_error(SN_DATA, "%s: %s: the attribute '%s' is refused, since %s", r->path, path, name, wrong);
    if (!found) return sn_error(SN_DATA, "%s: %s: the attribute '%s' is missing", r->path, path, name);
    if (out->kind == kind) return SN_OK;
    return sn_error(SN_DATA, "%s: %s: the attribute '%s' is not %s", r->path, path, name, expected[kind]);
}

sn_status sn_h5_attr_int_read(const sn_h5r *r, const char *path, const char *name, int64_t *out) {
    sn_h5_value v;
    SN_TRY(find_value(r, path, name, SN_H5_INT, &v));
    memcpy(out, v.bytes, sizeof *out);
    return SN_OK;
}

sn_status sn_h5_attr_f64_read(const sn_h5r *r, const char *path, const char *name, double *out) {
    sn_h5_value v;
    SN_TRY(find_value(r, path, name, SN_H5_FLOAT, &v));
    memcpy(out, v.bytes, sizeof *out);
    return SN_OK;
}

sn_status sn_h5_attr_text_read(const sn_h5r *r, const char *path, const char *name, size_t cap, char **out) {
    sn_h5_value v;
    SN_TRY(find_value(r, path, name, SN_H5_TEXT, &v));
    if (v.size > cap)
        return sn_error(SN_DATA, "%s: %s: the text '%s' has %zu bytes; at most %zu are allowed", r->path, path, name, v.size,
                        cap);
    char *copy = sn_new(v.size + 1, 1);
    if (!copy) return SN_RESOURCE;
    memcpy(copy, v.bytes, v.size);
    if (strlen(copy) != v.size || !sn_utf8_valid(copy)) {
        free(copy);
        return sn_error(SN_DATA, "%s: %s: the text '%s' is refused, since it is not UTF-8 or holds a 0", r->path, path, name);
    }
    *out = copy;
    return SN_OK;
}

// --- groups

sn_status sn_h5_list(const sn_h5r *r, const char *group, sn_h5_member *member, void *context) {
    size_t at;
    SN_TRY(find_object(r, group, &at));
    const object *g = &r->objects[at];
    if (!g->is_group) return sn_error(SN_DATA, "%s: %s: is a dataset; expected a group", r->path, group);
    for (const object *o = r->objects + g->first; o < r->objects + g->first + g->n; o++)
        SN_TRY(member(context, o->name, o->is_group));
    return SN_OK;
}
