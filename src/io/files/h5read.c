// Opening, checking and reading our HDF5 files; see h5file.h.
// HDF5 is asked what an object is; data and texts are then copied from the image at places checked here.
// Next: h5text.c.
#include "base/crc32c.h"
#include "base/utf8.h"
#include "io/files/atomic.h"
#include "io/files/h5file.h"
#include "io/files/h5image.h"
#include "io/files/h5text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 16, TEXT = 256 };

struct sn_h5r {
    char *path;
    sn_h5_image *image;
    hid_t access, file;
};

// --- header

static uint32_t u32_at(const unsigned char *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static sn_status check_header(const char *path, const unsigned char *p, size_t size) {
    if (size < SN_H5_HEADER || memcmp(p, "SNH5", 4) != 0)
        return sn_error(SN_DATA, "%s: not a file of this program (it does not begin with its header)", path);
    unsigned char head[SN_H5_HEADER];
    memcpy(head, p, sizeof head);
    memset(head + 20, 0, 4);
    uint32_t own = sn_crc32c(0, head, sizeof head);
    if (own != u32_at(p + 20))
        return sn_error(SN_DATA, "%s: damaged: the header's checksum is %08x, expected %08x", path, own, u32_at(p + 20));
    if (u32_at(p + 4) != 1) return sn_error(SN_DATA, "%s: header of version %u; this program reads 1", path, u32_at(p + 4));
    uint64_t length;
    memcpy(&length, p + 8, 8);
    if (length != size) return sn_error(SN_DATA, "%s: damaged: %zu bytes, expected %" PRIu64, path, size, length);
    uint32_t body = sn_crc32c(0, p + SN_H5_HEADER, size - SN_H5_HEADER);
    if (body != u32_at(p + 16))
        return sn_error(SN_DATA, "%s: damaged: the checksum of its content is %08x, expected %08x", path, body, u32_at(p + 16));
    return SN_OK;
}

sn_status sn_h5_open(const char *path, size_t cap, sn_h5r **out) {
    sn_h5r *r = sn_new(1, sizeof *r);
    if (!r) return SN_RESOURCE;
    r->access = r->file = -1;
    sn_status status = SN_RESOURCE;
    if (!(r->path = sn_strdup(path)) || !(r->image = sn_new(1, sizeof *r->image))) goto fail;
    r->image->driver_id = -1;
    if ((status = sn_file_read(path, cap, &r->image->bytes, &r->image->size)) != SN_OK) goto fail;
    if ((status = check_header(path, r->image->bytes, r->image->size)) != SN_OK) goto fail;
    if ((status = sn_h5_setup()) != SN_OK) goto fail;
    status = SN_DATA;
    if ((r->access = sn_h5_image_attach(r->image)) < 0 || (r->file = H5Fopen("memory", H5F_ACC_RDONLY, r->access)) < 0) {
        sn_h5_error(status, "%s: cannot be opened", path);
        goto fail;
    }
    *out = r;
    return SN_OK;
fail:
    sn_h5r_free(r);
    return status;
}

void sn_h5r_free(sn_h5r *r) {
    if (!r) return;
    bool closed = r->file < 0 || H5Fclose(r->file) >= 0;
    if (r->image && closed) { // else HDF5 still points at it
        sn_h5_image_detach(r->image, r->access);
        free(r->image->bytes);
        free(r->image);
    }
    free(r->path);
    free(r);
}

// --- finding objects

static const char *link_text(H5L_type_t type) {
    return type == H5L_TYPE_SOFT ? "a soft link" : type == H5L_TYPE_EXTERNAL ? "an external link" : "a link of unknown kind";
}

// Opens the member `name` of an open group if it is hard-linked. path is for the message.
static sn_status open_member(const sn_h5r *r, hid_t group, const char *name, const char *path, hid_t *out) {
    H5L_info_t info;
    if (strchr(name, '/') || !name[strspn(name, ".")]) // HDF5 would take it for a path
        return sn_error(SN_DATA, "%s: %s: '%s' is no name", r->path, path, name);
    htri_t there = H5Lexists(group, name, H5P_DEFAULT);
    if (there == 0) return sn_error(SN_DATA, "%s: %s: not there ('%s' is missing)", r->path, path, name);
    if (there < 0 || H5Lget_info(group, name, &info, H5P_DEFAULT) < 0)
        return sn_h5_error(SN_DATA, "%s: %s: cannot be found", r->path, path);
    if (info.type != H5L_TYPE_HARD)
        return sn_error(SN_DATA, "%s: %s: '%s' is %s; allowed are hard links", r->path, path, name, link_text(info.type));
    *out = H5Oopen(group, name, H5P_DEFAULT);
    if (*out < 0) return sn_h5_error(SN_DATA, "%s: %s: cannot be opened", r->path, path);
    return SN_OK;
}

static const char *kind_text(hid_t object) {
    H5I_type_t type = H5Iget_type(object);
    return type == H5I_GROUP ? "a group" : type == H5I_DATASET ? "a dataset" : "neither dataset nor group";
}

// Opens an object, part by part of its path, never through any but hard links. Close with H5Oclose.
static sn_status open_object(const sn_h5r *r, const char *path, hid_t *out) {
    if (!sn_h5_path_valid(path)) return sn_error(SN_USAGE, "'%s' is no name in a file; allowed is /group/.../name", path);
    hid_t at = H5Oopen(r->file, "/", H5P_DEFAULT);
    if (at < 0) return sn_h5_error(SN_DATA, "%s: /: cannot be opened", r->path);
    char part[1025];
    for (const char *p = path; p[1]; p += 1 + strlen(part)) {
        size_t n = strcspn(p + 1, "/");
        memcpy(part, p + 1, n);
        part[n] = 0;
        sn_status status;
        hid_t next = -1;
        if (H5Iget_type(at) != H5I_GROUP)
            status = sn_error(SN_DATA, "%s: %s: what should hold '%s' is %s", r->path, path, part, kind_text(at));
        else
            status = open_member(r, at, part, path, &next);
        H5Oclose(at);
        if (status != SN_OK) return status;
        at = next;
        if (!p[1 + n]) break;
    }
    *out = at;
    return SN_OK;
}

bool sn_h5_has(const sn_h5r *r, const char *path) {
    hid_t object;
    if (open_object(r, path, &object) != SN_OK) return false;
    H5Oclose(object);
    return true;
}

// --- datasets

typedef struct {
    int type; // sn_h5_type, or -1 = another
    char type_text[48];
    int ndim;
    size_t dims[SN_H5_RANK];
    size_t at, bytes; // place in the image
} dataset;

static char *shape_text(int ndim, const size_t *dims, char text[TEXT]) {
    size_t n = (size_t)snprintf(text, TEXT, "[");
    for (int i = 0; i < ndim; i++) n += (size_t)snprintf(text + n, TEXT - n, i ? ", %zu" : "%zu", dims[i]);
    snprintf(text + n, TEXT - n, "]");
    return text;
}

static const char *describe_type(hid_t set, dataset *d) {
    hid_t type = H5Dget_type(set);
    if (type < 0) return "its type cannot be read";
    d->type = -1;
    for (int i = 0; i < SN_H5_TYPES; i++)
        if (H5Tequal(type, sn_h5_hdf5_type((sn_h5_type)i)) > 0) {
            d->type = i;
            snprintf(d->type_text, sizeof d->type_text, "%s", sn_h5_type_name((sn_h5_type)i));
        }
    if (d->type < 0)
        snprintf(d->type_text, sizeof d->type_text, "another type (HDF5 class %d, %zu bytes)", (int)H5Tget_class(type),
                 H5Tget_size(type));
    H5Tclose(type);
    return NULL;
}

static const char *describe_shape(hid_t set, dataset *d) {
    hid_t space = H5Dget_space(set);
    if (space < 0) return "its shape cannot be read";
    hsize_t dims[H5S_MAX_RANK];
    const char *wrong = NULL;
    H5S_class_t class = H5Sget_simple_extent_type(space);
    d->ndim = H5Sget_simple_extent_ndims(space);
    if ((class != H5S_SIMPLE && class != H5S_SCALAR) || d->ndim < 0 || d->ndim > SN_H5_RANK)
        wrong = "its shape is not one of 0 to 8 dimensions";
    else if (H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        wrong = "its shape cannot be read";
    else
        for (int i = 0; i < d->ndim; i++) d->dims[i] = (size_t)dims[i];
    H5Sclose(space);
    return wrong;
}

// Data must lie in the file, in one piece, as they are.
static const char *check_storage(hid_t set) {
    hid_t props = H5Dget_create_plist(set);
    if (props < 0) return "its storage cannot be read";
    const char *wrong = NULL;
    if (H5Pget_external_count(props) != 0)
        wrong = "its data are in another file";
    else if (H5Pget_layout(props) != H5D_CONTIGUOUS)
        wrong =
            H5Pget_layout(props) == H5D_VIRTUAL ? "its data are virtual (in other datasets)" : "its data are not in one piece";
    else if (H5Pget_nfilters(props) != 0)
        wrong = "its data are filtered";
    H5Pclose(props);
    return wrong;
}

static const char *find_data(const sn_h5r *r, hid_t set, dataset *d) {
    if (d->type < 0) return NULL;
    size_t bytes = sn_h5_type_size((sn_h5_type)d->type);
    for (int i = 0; i < d->ndim; i++)
        if (__builtin_mul_overflow(bytes, d->dims[i], &bytes)) return "its shape is larger than any memory";
    d->bytes = bytes;
    if (H5Dget_storage_size(set) != bytes) return "its size in the file is not that of its shape";
    if (!bytes) return NULL;
    haddr_t at = H5Dget_offset(set);
    if (at == HADDR_UNDEF || at < SN_H5_HEADER || at > r->image->size || bytes > r->image->size - at)
        return "its data lead out of the file";
    d->at = (size_t)at;
    return NULL;
}

// Everything about a dataset that can be trusted.
static sn_status describe(const sn_h5r *r, hid_t set, const char *path, dataset *d) {
    const char *wrong = H5Iget_type(set) != H5I_DATASET ? "it is not a dataset" : check_storage(set);
    if (!wrong) wrong = describe_type(set, d);
    if (!wrong) wrong = describe_shape(set, d);
    if (!wrong) wrong = find_data(r, set, d);
    return wrong ? sn_error(SN_DATA, "%s: %s: refused, since %s", r->path, path, wrong) : SN_OK;
}

// dims NULL: any.
static sn_status open_described(const sn_h5r *r, const char *path, sn_h5_type type, int ndim, const size_t *dims, dataset *d) {
    hid_t set;
    SN_TRY(open_object(r, path, &set));
    sn_status status = describe(r, set, path, d);
    H5Oclose(set);
    SN_TRY(status);
    bool same = d->type == (int)type && d->ndim == ndim;
    for (int i = 0; same && dims && i < ndim; i++) same = d->dims[i] == dims[i];
    if (same) return SN_OK;
    char found[TEXT], expected[TEXT];
    snprintf(expected, sizeof expected, "%d dimensions", ndim);
    return sn_error(SN_DATA, "%s: %s: found %s %s, expected %s %s", r->path, path, d->type_text,
                    shape_text(d->ndim, d->dims, found), sn_h5_type_name(type),
                    dims ? shape_text(ndim, dims, expected) : expected);
}

sn_status sn_h5_read(const sn_h5r *r, const char *path, sn_h5_type type, int ndim, const size_t *dims, void *out) {
    dataset d = {0};
    SN_TRY(open_described(r, path, type, ndim, dims, &d));
    if (d.bytes) memcpy(out, r->image->bytes + d.at, d.bytes);
    return SN_OK;
}

sn_status sn_h5_shape(const sn_h5r *r, const char *path, sn_h5_type type, int ndim, size_t *dims) {
    dataset d = {0};
    SN_TRY(open_described(r, path, type, ndim, NULL, &d));
    memcpy(dims, d.dims, (size_t)ndim * sizeof *dims);
    return SN_OK;
}

// --- attributes

// Opens an attribute and checks that it is one value of the type that `is` accepts.
static sn_status open_attribute(const sn_h5r *r, hid_t object, const char *path, const char *name, bool (*is)(hid_t type),
                                const char *expected, hid_t *out) {
    htri_t there = H5Aexists(object, name);
    if (there == 0) return sn_error(SN_DATA, "%s: %s: the attribute '%s' is missing", r->path, path, name);
    hid_t a = there > 0 ? H5Aopen(object, name, H5P_DEFAULT) : -1;
    hid_t type = a < 0 ? -1 : H5Aget_type(a), space = a < 0 ? -1 : H5Aget_space(a);
    bool read = type >= 0 && space >= 0, good = read && is(type) && H5Sget_simple_extent_type(space) == H5S_SCALAR;
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    if (good) {
        *out = a;
        return SN_OK;
    }
    if (a >= 0) H5Aclose(a);
    if (!read) return sn_h5_error(SN_DATA, "%s: %s: the attribute '%s' cannot be read", r->path, path, name);
    return sn_error(SN_DATA, "%s: %s: the attribute '%s' is not %s", r->path, path, name, expected);
}

static bool is_i64(hid_t type) {
    return H5Tequal(type, H5T_STD_I64LE) > 0;
}
static bool is_f64(hid_t type) {
    return H5Tequal(type, H5T_IEEE_F64LE) > 0;
}
static bool is_text(hid_t type) {
    return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0;
}

// An attribute of 8 bytes.
static sn_status read_number(const sn_h5r *r, const char *path, const char *name, bool (*is)(hid_t), const char *expected,
                             hid_t type, void *out) {
    hid_t object, a;
    SN_TRY(open_object(r, path, &object));
    sn_status status = open_attribute(r, object, path, name, is, expected, &a);
    if (status == SN_OK) {
        unsigned char value[8];
        if (H5Aread(a, type, value) < 0)
            status = sn_h5_error(SN_DATA, "%s: %s: the attribute '%s' cannot be read", r->path, path, name);
        else
            memcpy(out, value, sizeof value);
        H5Aclose(a);
    }
    H5Oclose(object);
    return status;
}

sn_status sn_h5_attr_int_read(const sn_h5r *r, const char *path, const char *name, int64_t *out) {
    return read_number(r, path, name, is_i64, "one 64-bit integer", H5T_STD_I64LE, out);
}

sn_status sn_h5_attr_f64_read(const sn_h5r *r, const char *path, const char *name, double *out) {
    return read_number(r, path, name, is_f64, "one 64-bit float", H5T_IEEE_F64LE, out);
}

static sn_status copy_text(const sn_h5r *r, hid_t object, const char *path, const char *name, size_t cap, char **out) {
    H5O_info_t info;
    const unsigned char *text;
    size_t n = 0;
    const char *wrong = H5Oget_info(object, &info) < 0
                            ? "its object cannot be located"
                            : sn_h5_text_find(r->image->bytes, r->image->size, SN_H5_HEADER, info.addr, name, &text, &n);
    if (!wrong && n > cap)
        return sn_error(SN_DATA, "%s: %s: the text '%s' has %zu bytes; at most %zu are allowed", r->path, path, name, n, cap);
    char *copy = wrong ? NULL : sn_new(n + 1, 1);
    if (!wrong && !copy) return SN_RESOURCE;
    if (!wrong) {
        memcpy(copy, text, n);
        if (strlen(copy) != n || !sn_utf8_valid(copy)) wrong = "it is not UTF-8 or holds a 0";
    }
    if (wrong) {
        free(copy);
        return sn_error(SN_DATA, "%s: %s: the text '%s' is refused, since %s", r->path, path, name, wrong);
    }
    *out = copy;
    return SN_OK;
}

sn_status sn_h5_attr_text_read(const sn_h5r *r, const char *path, const char *name, size_t cap, char **out) {
    hid_t object, a;
    SN_TRY(open_object(r, path, &object));
    sn_status status = open_attribute(r, object, path, name, is_text, "one text of variable length", &a);
    if (status == SN_OK) {
        H5Aclose(a);
        status = copy_text(r, object, path, name, cap, out);
    }
    H5Oclose(object);
    return status;
}

// --- groups

typedef struct {
    const sn_h5r *r;
    const char *path;
    sn_h5_member *member;
    void *context;
    sn_status status;
} listing;

static herr_t list_member(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    (void)info;
    listing *l = context;
    hid_t object;
    if ((l->status = open_member(l->r, group, name, l->path, &object)) != SN_OK) return -1;
    H5I_type_t type = H5Iget_type(object);
    const char *kind = kind_text(object);
    H5Oclose(object);
    if (type != H5I_GROUP && type != H5I_DATASET)
        l->status = sn_error(SN_DATA, "%s: %s: '%s' is %s", l->r->path, l->path, name, kind);
    else
        l->status = l->member(l->context, name, type == H5I_GROUP);
    return l->status == SN_OK ? 0 : -1;
}

sn_status sn_h5_list(const sn_h5r *r, const char *group, sn_h5_member *member, void *context) {
    hid_t object;
    SN_TRY(open_object(r, group, &object));
    listing l = {r, group, member, context, SN_OK};
    if (H5Iget_type(object) != H5I_GROUP)
        l.status = sn_error(SN_DATA, "%s: %s: is %s; expected a group", r->path, group, kind_text(object));
    else if (H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, NULL, list_member, &l) < 0 && l.status == SN_OK)
        l.status = sn_h5_error(SN_DATA, "%s: %s: cannot be listed", r->path, group);
    H5Oclose(object);
    return l.status;
}

// --- the whole file

typedef struct {
    const sn_h5r *r;
    char path[1025];
    int depth;
    size_t objects_left;
    sn_h5_tally found;
} walk;

static sn_status count_member(void *context, const char *name, bool is_group) {
    walk *t = context;
    size_t had = strlen(t->path);
    if (t->depth >= DEPTH || had + 1 + strlen(name) >= sizeof t->path || !t->objects_left--)
        return sn_error(SN_DATA, "%s: %s: more groups within groups than this program makes", t->r->path, t->path);
    snprintf(t->path + had, sizeof t->path - had, "/%s", name);
    sn_status status;
    if (is_group) {
        t->found.groups++;
        t->depth++;
        status = sn_h5_list(t->r, t->path, count_member, t);
        t->depth--;
    } else {
        hid_t set;
        dataset d = {0};
        status = open_object(t->r, t->path, &set);
        if (status == SN_OK) {
            status = describe(t->r, set, t->path, &d);
            H5Oclose(set);
        }
        if (status == SN_OK && d.type < 0) status = sn_error(SN_DATA, "%s: %s: %s", t->r->path, t->path, d.type_text);
        t->found.datasets++;
        t->found.data_bytes += d.bytes;
    }
    t->path[had] = 0;
    return status;
}

sn_status sn_h5_check(const sn_h5r *r, sn_h5_tally *out) {
    walk w = {.r = r, .objects_left = r->image->size / 16}; // no object header is smaller
    w.found.bytes = r->image->size;
    w.found.checksum = u32_at(r->image->bytes + 16);
    SN_TRY(sn_h5_list(r, "/", count_member, &w));
    *out = w.found;
    return SN_OK;
}
