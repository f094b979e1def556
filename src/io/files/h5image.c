// The HDF5 file driver over memory; see h5image.h.
// HDF5 1.10 handles a failed write badly (flush and close report success, or crash at exit), so here no write fails: when memory
// runs out this is noted, later writes are dropped, and the writer refuses to save. Next: h5write.c.
#include "io/files/h5image.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ROOM = 4 << 20 }; // bytes: HDF5 takes about 1 MB for a file in memory

static const haddr_t most = (haddr_t)INT64_MAX;

static sn_h5_image *of(const H5FD_t *file) {
    return (sn_h5_image *)(uintptr_t)file;
}

static H5FD_t *image_open(const char *name, unsigned flags, hid_t access, haddr_t maxaddr) {
    (void)name, (void)flags, (void)maxaddr;
    sn_h5_image *const *info = H5Pget_driver_info(access);
    return info ? &(*info)->driver : NULL;
}

static herr_t image_close(H5FD_t *file) {
    (void)file; // the image belongs to the writer
    return 0;
}

static herr_t image_query(const H5FD_t *file, unsigned long *flags) {
    (void)file;
    *flags = 0; // no buffering above memory
    return 0;
}

static haddr_t image_get_eoa(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return of(file)->eoa;
}

static herr_t image_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t eoa) {
    (void)type;
    of(file)->eoa = eoa;
    return 0;
}

static haddr_t image_get_eof(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return of(file)->size;
}

// Bytes beyond the end read as 0.
static herr_t image_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t n, void *out) {
    (void)type, (void)transfer;
    const sn_h5_image *m = of(file);
    size_t have = at >= m->size ? 0 : m->size - at < n ? m->size - (size_t)at : n;
    if (have) memcpy(out, m->bytes + at, have);
    if (n > have) memset((unsigned char *)out + have, 0, n - have);
    return 0;
}

// Makes the file at least n bytes long; new bytes are 0, so that gaps are the same in every run.
static bool grow(sn_h5_image *m, haddr_t n) {
    if (m->out_of_space) return false;
    if (n > m->capacity) {
        size_t want = m->capacity + m->capacity / 2 > n ? m->capacity + m->capacity / 2 : (size_t)n;
        unsigned char *p = realloc(m->bytes, want);
        if (!p) {
            m->out_of_space = true;
            return false;
        }
        memset(p + m->capacity, 0, want - m->capacity);
        m->bytes = p;
        m->capacity = want;
    }
    if (n > m->size) m->size = (size_t)n;
    return true;
}

static herr_t image_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t n, const void *data) {
    (void)type, (void)transfer;
    sn_h5_image *m = of(file);
    if (at > most - n || !grow(m, at + n))
        m->out_of_space = true;
    else if (n)
        memcpy(m->bytes + at, data, n);
    return 0;
}

static herr_t image_truncate(H5FD_t *file, hid_t transfer, hbool_t closing) {
    (void)transfer, (void)closing;
    sn_h5_image *m = of(file);
    if (grow(m, m->eoa)) m->size = (size_t)m->eoa;
    return 0;
}

static const H5FD_class_t class = {
    .name = "supernet_memory",
    .maxaddr = (haddr_t)INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(sn_h5_image *),
    .open = image_open,
    .close = image_close,
    .query = image_query,
    .get_eoa = image_get_eoa,
    .set_eoa = image_set_eoa,
    .get_eof = image_get_eof,
    .read = image_read,
    .write = image_write,
    .truncate = image_truncate,
    .fl_map = H5FD_FLMAP_SINGLE,
};

hid_t sn_h5_image_attach(sn_h5_image *image) {
    image->driver_id = H5FDregister(&class);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (image->driver_id >= 0 && access >= 0 && H5Pset_driver(access, image->driver_id, &image) >= 0 &&
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0)
        return access;
    sn_h5_image_detach(image, access);
    return -1;
}

void sn_h5_image_detach(sn_h5_image *image, hid_t access) {
    if (access >= 0) H5Pclose(access);
    if (image->driver_id >= 0) H5FDunregister(image->driver_id);
    image->driver_id = -1;
}

sn_status sn_h5_setup(void) {
    // HDF5 1.10 crashes where memory for itself or for a file's cache is refused, so it is asked for, and given back, before.
    void *room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return sn_error(SN_RESOURCE, "out of memory: HDF5 needs %d MiB to make a file", ROOM >> 20);
    munmap(room, ROOM);
    H5dont_atexit(); // after a failure inside HDF5 its clean-up at exit may crash
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
    return SN_OK;
}

// The library has no name for 16-bit floating point. Made once and kept.
static hid_t half_type(void) {
    static hid_t type = -1;
    if (type >= 0) return type;
    hid_t t = H5Tcopy(H5T_IEEE_F32LE);
    bool made = t >= 0 && H5Tset_fields(t, 15, 10, 5, 0, 10) >= 0 && H5Tset_size(t, 2) >= 0 && H5Tset_ebias(t, 15) >= 0;
    if (!made && t >= 0) H5Tclose(t);
    return made ? (type = t) : -1;
}

// HDF5's types are variables, so this is no const table.
hid_t sn_h5_hdf5_type(sn_h5_type type) {
    switch (type) {
    case SN_F16:
        return half_type();
    case SN_F32:
        return H5T_IEEE_F32LE;
    case SN_F64:
        return H5T_IEEE_F64LE;
    case SN_U8:
        return H5T_STD_U8LE;
    case SN_I32:
        return H5T_STD_I32LE;
    case SN_I64:
        return H5T_STD_I64LE;
    case SN_U32:
        return H5T_STD_U32LE;
    case SN_U64:
        return H5T_STD_U64LE;
    case SN_H5_TYPES:
        break;
    }
    return -1;
}

static herr_t first_reason(unsigned n, const H5E_error2_t *error, void *out) {
    if (n == 0 && error->desc) snprintf(out, 256, "%s", error->desc);
    return 0;
}

sn_status sn_h5_error(sn_status code, const char *format, ...) {
    char reason[256] = "", text[2048];
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_reason, reason);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return sn_error(code, "%s: HDF5 says '%s'", text, *reason ? reason : "nothing");
}
