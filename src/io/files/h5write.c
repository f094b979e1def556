// Building an HDF5 file in memory and saving it under our header; see h5file.h.
// Not here: the disk (atomic.c) and the memory (h5image.c).
// Next: h5read.c.
#include "base/crc32c.h"
#include "base/utf8.h"
#include "io/files/atomic.h"
#include "io/files/h5file.h"
#include "io/files/h5image.h"
#include "io/files/h5walk.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files hold memory as it is, little-endian");

struct sn_h5w {
    sn_h5_image *image;
    hid_t access, file, group_props, data_props;
    bool failed; // something is missing: never save
};

// Remembers that the file is incomplete.
static sn_status broken(sn_h5w *w, sn_status status) {
    w->failed = true;
    return status;
}

static bool set_up(sn_h5w *w) {
    hid_t file_props = H5Pcreate(H5P_FILE_CREATE);
    w->access = sn_h5_image_attach(w->image);
    w->group_props = H5Pcreate(H5P_GROUP_CREATE);
    w->data_props = H5Pcreate(H5P_DATASET_CREATE);
    bool good = file_props >= 0 && w->access >= 0 && w->group_props >= 0 && w->data_props >= 0 &&
                H5Pset_userblock(file_props, SN_H5_HEADER) >= 0 && H5Pset_obj_track_times(file_props, 0) >= 0 &&
                H5Pset_obj_track_times(w->group_props, 0) >= 0 && H5Pset_obj_track_times(w->data_props, 0) >= 0 &&
                H5Pset_layout(w->data_props, H5D_CONTIGUOUS) >= 0 && H5Pset_fill_time(w->data_props, H5D_FILL_TIME_NEVER) >= 0;
    if (good) w->file = H5Fcreate("memory", H5F_ACC_TRUNC, file_props, w->access);
    if (file_props >= 0) H5Pclose(file_props);
    return good && w->file >= 0;
}

sn_status sn_h5_create(size_t expected_bytes, sn_h5w **out) {
    sn_h5w *w = sn_new(1, sizeof *w);
    if (!w) return SN_RESOURCE;
    w->access = w->file = w->group_props = w->data_props = -1;
    sn_status status = SN_RESOURCE;
    size_t capacity = expected_bytes > SIZE_MAX / 2 ? SIZE_MAX / 2 : expected_bytes + (64 << 10);
    if (!(w->image = sn_new(1, sizeof *w->image))) goto fail;
    w->image->driver_id = -1;
    if (!(w->image->bytes = sn_new(capacity, 1))) goto fail;
    w->image->capacity = capacity;
    if (sn_h5_setup() != SN_OK) goto fail;
    if (!set_up(w)) {
        status = sn_h5_error(SN_RESOURCE, "cannot start an HDF5 file in memory");
        goto fail;
    }
    *out = w;
    return SN_OK;
fail:
    sn_h5w_free(w);
    return status;
}

// Makes the groups above path's last part; returns a status.
static sn_status make_groups(sn_h5w *w, const char *path) {
    char name[1025];
    for (const char *end = strchr(path + 1, '/'); end; end = strchr(end + 1, '/')) {
        memcpy(name, path, (size_t)(end - path));
        name[end - path] = 0;
        htri_t there = H5Lexists(w->file, name, H5P_DEFAULT);
        hid_t group = there > 0    ? H5Gopen2(w->file, name, H5P_DEFAULT)
                      : there == 0 ? H5Gcreate2(w->file, name, H5P_DEFAULT, w->group_props, H5P_DEFAULT)
                                   : -1;
        if (group < 0 || H5Gclose(group) < 0) return broken(w, sn_h5_error(SN_USAGE, "%s: cannot make the group %s", path, name));
    }
    return SN_OK;
}

static sn_status put(sn_h5w *w, const char *path, hid_t type, hid_t space, const void *data) {
    if (H5Lexists(w->file, path, H5P_DEFAULT) != 0) return broken(w, sn_error(SN_USAGE, "%s: was added before", path));
    hid_t set = H5Dcreate2(w->file, path, type, space, H5P_DEFAULT, w->data_props, H5P_DEFAULT);
    bool good = set >= 0 && (!data || H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    if (!good) broken(w, sn_h5_error(SN_RESOURCE, "%s: cannot add", path));
    if (set >= 0) H5Dclose(set);
    return good ? SN_OK : SN_RESOURCE;
}

// Adding is over after the first failure and after save.
static sn_status can_add(sn_h5w *w, const char *path) {
    if (w->failed) return sn_error(SN_FAIL, "%s: cannot add to a file of which an earlier part failed", path);
    if (w->file < 0) return sn_error(SN_USAGE, "%s: cannot add to a file that is saved", path);
    if (!sn_h5_path_valid(path))
        return broken(w, sn_error(SN_USAGE, "'%s' is no name in a file; allowed is /group/.../name", path));
    return SN_OK;
}

static sn_status out_of_memory(sn_h5w *w, const char *path) {
    return broken(w, sn_error(SN_RESOURCE, "%s: out of memory while building the file (%zu bytes so far)", path, w->image->size));
}

sn_status sn_h5_put(sn_h5w *w, const char *path, sn_h5_type type, int ndim, const size_t *dims, const void *data) {
    SN_TRY(can_add(w, path));
    hsize_t sizes[SN_H5_RANK];
    size_t bytes = sn_h5_type_size(type);
    if (ndim < 0 || ndim > SN_H5_RANK)
        return broken(w, sn_error(SN_USAGE, "%s: %d dimensions; allowed are 0 to %d", path, ndim, SN_H5_RANK));
    for (int i = 0; i < ndim; i++) {
        sizes[i] = dims[i];
        if (__builtin_mul_overflow(bytes, dims[i], &bytes) || bytes > INT64_MAX)
            return broken(w, sn_error(SN_USAGE, "%s: the shape is too large", path));
    }
    SN_TRY(make_groups(w, path));
    hid_t space = ndim ? H5Screate_simple(ndim, sizes, NULL) : H5Screate(H5S_SCALAR);
    if (space < 0) return broken(w, sn_h5_error(SN_RESOURCE, "%s: cannot add", path));
    sn_status status = put(w, path, sn_h5_hdf5_type(type), space, bytes ? data : NULL);
    H5Sclose(space);
    return status == SN_OK && w->image->out_of_space ? out_of_memory(w, path) : status;
}

static sn_status attribute(sn_h5w *w, const char *path, const char *name, hid_t type, const void *value) {
    SN_TRY(can_add(w, path));
    hid_t space = H5Screate(H5S_SCALAR), object = H5Oopen(w->file, path, H5P_DEFAULT), a = -1;
    bool good = space >= 0 && object >= 0 && (a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT)) >= 0 &&
                H5Awrite(a, type, value) >= 0;
    if (!good) broken(w, sn_h5_error(SN_USAGE, "%s: cannot add the attribute '%s'", path, name));
    if (a >= 0) H5Aclose(a);
    if (object >= 0) H5Oclose(object);
    if (space >= 0) H5Sclose(space);
    if (good && w->image->out_of_space) return out_of_memory(w, path);
    return good ? SN_OK : SN_USAGE;
}

sn_status sn_h5_attr_text(sn_h5w *w, const char *path, const char *name, const char *text) {
    if (strlen(text) > SN_H5_TEXT_MAX || !sn_utf8_valid(text))
        return broken(
            w, sn_error(SN_USAGE, "%s: the text of '%s' is not UTF-8 or longer than %d bytes", path, name, SN_H5_TEXT_MAX));
    hid_t type = H5Tcopy(H5T_C_S1);
    sn_status status;
    if (type < 0 || H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)
        status = broken(w, sn_h5_error(SN_RESOURCE, "%s: cannot add the attribute '%s'", path, name));
    else
        status = attribute(w, path, name, type, &text);
    if (type >= 0) H5Tclose(type);
    return status;
}

sn_status sn_h5_attr_int(sn_h5w *w, const char *path, const char *name, int64_t value) {
    return attribute(w, path, name, H5T_STD_I64LE, &value);
}

sn_status sn_h5_attr_f64(sn_h5w *w, const char *path, const char *name, double value) {
    return attribute(w, path, name, H5T_IEEE_F64LE, &value);
}

static void put_header(unsigned char *p, size_t length) {
    uint32_t version = 1, body = sn_crc32c(0, p + SN_H5_HEADER, length - SN_H5_HEADER);
    uint64_t total = length;
    memset(p, 0, SN_H5_HEADER);
    memcpy(p, "SNH5", 4);
    memcpy(p + 4, &version, 4);
    memcpy(p + 8, &total, 8);
    memcpy(p + 16, &body, 4);
    uint32_t own = sn_crc32c(0, p, SN_H5_HEADER);
    memcpy(p + 20, &own, 4);
}

sn_status sn_h5_save(sn_h5w *w, const char *path) {
    if (w->failed) return sn_error(SN_FAIL, "%s: not written, since an earlier part of it failed", path);
    if (w->file >= 0) {
        if (H5Fclose(w->file) < 0) return broken(w, sn_h5_error(SN_RESOURCE, "%s: cannot finish the file in memory", path));
        w->file = -1;
        if (w->image->out_of_space) return out_of_memory(w, path);
        put_header(w->image->bytes, w->image->size);
    }
    return sn_atomic_save(path, &(sn_piece){w->image->bytes, w->image->size}, 1);
}

void sn_h5w_free(sn_h5w *w) {
    if (!w) return;
    bool closed = w->file < 0 || H5Fclose(w->file) >= 0;
    if (w->group_props >= 0) H5Pclose(w->group_props);
    if (w->data_props >= 0) H5Pclose(w->data_props);
    // A file that HDF5 failed to close stays on its list, which points at the image: better lost than freed.
    if (w->image && closed) {
        sn_h5_image_detach(w->image, w->access);
        free(w->image->bytes);
        free(w->image);
    }
    free(w);
}
