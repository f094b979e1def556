// HDF5: /train/images uint8 (N,H,W,C), (N,H,W) or (N,C,H,W) by attribute `layout`, /train/labels integer (N); /val, /test
// likewise. Not here: our own HDF5 files. A foreign file is parsed by a library that damaged files crash: only ever run in a
// child. Next: decode.h.
#include "io/data/decode.h"

#include <errno.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_BYTES = 8 << 20 };

static const char *const part_name[SN_PARTS] = {"train", "val", "test"};

static bool found(const char *source) {
    for (size_t at = 0; at <= 4096; at = at ? 2 * at : 512) // the signature may follow a user block of 512, 1024, ...
        if (sn_file_has(source, at, "\x89HDF\r\n\x1a\n", 8)) return true;
    return false;
}

static sn_status list(const char *source, sn_files *files) {
    return sn_files_add(files, source, "");
}

// --- guarded opening: only what is wanted is looked at, and nothing that could lead out of the file

typedef struct {
    const char *source;
    hid_t file;
} h5;

static sn_status wrong(const h5 *f, const char *path, const char *what) {
    return sn_error(SN_DATA, "%s: %s: %s", f->source, path, what);
}

// 1 for a hard link, 0 when absent, -1 for soft, external and damaged ones.
static int link_kind(const h5 *f, const char *path) {
    H5L_info_t info;
    htri_t there = H5Lexists(f->file, path, H5P_DEFAULT);
    if (there <= 0) return there ? -1 : 0;
    if (H5Lget_info(f->file, path, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD) return -1;
    return 1;
}

// Contiguous or chunked; deflate, shuffle, Fletcher32 and no other filter; no storage in other files; chunks of bounded size.
static sn_status check_storage(const h5 *f, const char *path, hid_t set) {
    hid_t made = H5Dget_create_plist(set);
    if (made < 0) return wrong(f, path, "damaged: no creation properties");
    sn_status status = SN_OK;
    H5D_layout_t layout = H5Pget_layout(made);
    if (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
        status = sn_error(SN_DATA, "%s: %s: found a %s data set; allowed are contiguous and chunked ones", f->source, path,
                          layout == H5D_COMPACT   ? "compact"
                          : layout == H5D_VIRTUAL ? "virtual"
                                                  : "damaged");
    else if (H5Pget_external_count(made) != 0)
        status = wrong(f, path, "stored in other files: that is not read");
    if (status == SN_OK && layout == H5D_CHUNKED) {
        hsize_t side[4], bytes = 1;
        int ranks = H5Pget_chunk(made, 4, side), filters = H5Pget_nfilters(made);
        for (int i = 0; i < ranks; i++)
            if (__builtin_mul_overflow(bytes, side[i], &bytes)) bytes = UINT64_MAX;
        if (ranks < 0 || filters < 0)
            status = wrong(f, path, "damaged: chunks or filters cannot be read");
        else if (bytes > (hsize_t)SN_MOST_CHUNK << 20)
            status = sn_error(SN_DATA, "%s: %s: found chunks of %llu values; at most %d MiB are allowed", f->source, path,
                              (unsigned long long)bytes, SN_MOST_CHUNK);
        for (int i = 0; i < filters && status == SN_OK; i++) {
            unsigned flags, config;
            size_t values = 0;
            H5Z_filter_t kind = H5Pget_filter2(made, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
            if (kind != H5Z_FILTER_DEFLATE && kind != H5Z_FILTER_SHUFFLE && kind != H5Z_FILTER_FLETCHER32)
                status = sn_error(SN_DATA, "%s: %s: packed by filter %d: only deflate, shuffle and Fletcher32 are read",
                                  f->source, path, (int)kind);
        }
    }
    H5Pclose(made);
    return status;
}

// Opens data set /part/name; at most 4 sizes. *set is to be closed, also after a failure, when it is not negative.
static sn_status open_set(const h5 *f, const char *path, hid_t *set, int *ranks, hsize_t size[4]) {
    H5O_info_t info;
    if (link_kind(f, path) != 1) return wrong(f, path, "absent, or a link that is not hard");
    if (H5Oget_info_by_name(f->file, path, &info, H5P_DEFAULT) < 0) return wrong(f, path, "damaged: what it is cannot be read");
    if (info.type != H5O_TYPE_DATASET)
        return sn_error(SN_DATA, "%s: %s: found a %s; needed is a data set", f->source, path,
                        info.type == H5O_TYPE_GROUP ? "group" : "type");
    if ((*set = H5Dopen2(f->file, path, H5P_DEFAULT)) < 0) return wrong(f, path, "damaged: cannot be opened");
    SN_TRY(check_storage(f, path, *set));
    hid_t space = H5Dget_space(*set);
    *ranks = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    int found = *ranks;
    if (*ranks < 1 || *ranks > 4 || H5Sget_simple_extent_dims(space, size, NULL) != *ranks) *ranks = 0;
    if (space >= 0) H5Sclose(space);
    if (*ranks) return SN_OK;
    return found < 0 ? wrong(f, path, "damaged: its sizes cannot be read")
                     : sn_error(SN_DATA, "%s: %s: found %d sizes; allowed are 1 to 4", f->source, path, found);
}

// What a data set holds: whether numbers that are wanted, and all of it in words, "float32 of sizes 100x784".
typedef struct {
    bool integer, is_unsigned;
    size_t bytes; // of a number
    char text[160];
} holding;

static holding look(hid_t set, int ranks, const hsize_t size[4]) {
    static const char *const classes[] = {
        [H5T_FLOAT] = "float",   [H5T_TIME] = "times",       [H5T_STRING] = "texts",    [H5T_BITFIELD] = "bits",
        [H5T_OPAQUE] = "opaque", [H5T_COMPOUND] = "records", [H5T_REFERENCE] = "links", [H5T_ENUM] = "enumeration",
        [H5T_VLEN] = "lists",    [H5T_ARRAY] = "arrays"};
    hid_t type = H5Dget_type(set);
    H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    holding h = {.integer = class == H5T_INTEGER, .bytes = type < 0 ? 0 : H5Tget_size(type)};
    h.is_unsigned = h.integer && H5Tget_sign(type) == H5T_SGN_NONE;
    if (type >= 0) H5Tclose(type);
    const char *name = class > H5T_NO_CLASS && (size_t) class < sizeof classes / sizeof *classes ? classes[class] : NULL;
    int n = snprintf(h.text, sizeof h.text, "%s", h.integer ? h.is_unsigned ? "uint" : "int" : name ? name : "something unknown");
    if (h.integer || class == H5T_FLOAT) n += snprintf(h.text + n, sizeof h.text - (size_t)n, "%zu", 8 * h.bytes);
    for (int i = 0; i < ranks; i++)
        n += snprintf(h.text + n, sizeof h.text - (size_t)n, "%s%llu",
                      i            ? "x"
                      : ranks == 1 ? " of size "
                                   : " of sizes ",
                      (unsigned long long)size[i]);
    return h;
}

static sn_status wrong_kind(const h5 *f, const char *path, const holding *found, const char *needed) {
    return sn_error(SN_DATA, "%s: %s: found %s; needed are %s", f->source, path, found->text, needed);
}

// --- one part

typedef struct {
    char images_path[32], labels_path[32];
    hid_t images;
    int ranks, channels, height, width;
    bool planar, told; // told: by the attribute
    uint64_t count;
    int64_t *label; // (count)
} part;

static void close_part(part *p) {
    if (p->images >= 0) H5Dclose(p->images);
    free(p->label);
}

// Attribute `layout` of the images: "NHWC" or "NCHW", as a string of fixed length or not; NHWC without it.
static sn_status read_layout(const h5 *f, part *p) {
    if (H5Aexists(p->images, "layout") <= 0) return SN_OK;
    hid_t a = H5Aopen(p->images, "layout", H5P_DEFAULT);
    if (a < 0) return wrong(f, p->images_path, "damaged: attribute layout cannot be opened");
    hid_t type = H5Aget_type(a), space = H5Aget_space(a);
    char text[16] = "";
    bool scalar = space >= 0 && H5Sget_simple_extent_npoints(space) == 1;
    bool string = type >= 0 && H5Tget_class(type) == H5T_STRING;
    if (scalar && string && H5Tis_variable_str(type) > 0) {
        char *long_text = NULL;
        if (H5Aread(a, type, (void *)&long_text) >= 0 && long_text) snprintf(text, sizeof text, "%s", long_text);
        H5free_memory(long_text);
    } else if (scalar && string && H5Tget_size(type) < sizeof text) {
        if (H5Aread(a, type, text) < 0) text[0] = 0;
    }
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    H5Aclose(a);
    p->told = true;
    p->planar = !strcmp(text, "NCHW");
    if (p->planar || !strcmp(text, "NHWC")) return SN_OK;
    return sn_error(SN_DATA, "%s: %s: attribute layout: found %s%s%s; allowed are the texts NHWC and NCHW", f->source,
                    p->images_path, *text ? "'" : "", *text ? text : "another value", *text ? "'" : "");
}

// Grey or colour planes in place of rows of 1 or 3 pixels.
static bool looks_planar(const hsize_t size[4]) {
    return (size[1] == 1 || size[1] == 3) && size[3] > 4 && (size[2] == size[3] || size[3] > SN_MOST_CHANNELS);
}

static sn_status open_images(const h5 *f, part *p) {
    hsize_t size[4];
    SN_TRY(open_set(f, p->images_path, &p->images, &p->ranks, size));
    holding holds = look(p->images, p->ranks, size);
    if (p->ranks < 3) return wrong_kind(f, p->images_path, &holds, "3 sizes (N, H, W) or 4 (N, H, W, C)");
    if (!holds.is_unsigned || holds.bytes != 1) return wrong_kind(f, p->images_path, &holds, "numbers of uint8");
    SN_TRY(read_layout(f, p));
    if (p->ranks == 4 && !p->told && looks_planar(size))
        return sn_error(SN_DATA,
                        "%s: %s: of %llux%llux%llux%llu, which looks like (N, C, H, W), but is read as (N, H, W, C) unless its "
                        "attribute layout is NCHW: in Python, file[\"%s\"].attrs[\"layout\"] = \"NCHW\"",
                        f->source, p->images_path, (unsigned long long)size[0], (unsigned long long)size[1],
                        (unsigned long long)size[2], (unsigned long long)size[3], p->images_path + 1);
    hsize_t h = size[1], w = size[2], c = p->ranks == 4 ? size[3] : 1;
    if (p->planar && p->ranks == 4) {
        c = size[1];
        h = size[2];
        w = size[3];
    }
    bool swapped = p->ranks == 4 && !p->planar && c > SN_MOST_CHANNELS && (h == 1 || h == 3);
    if (swapped)
        return sn_error(SN_DATA,
                        "%s: %s: sizes (N, %llu, %llu, %llu): the order is N,H,W,C; where it is N,C,H,W, the attribute layout of "
                        "the data set says so: \"NCHW\"",
                        f->source, p->images_path, (unsigned long long)h, (unsigned long long)w, (unsigned long long)c);
    if (!h || !w || !c || h > SN_MOST_SIDE || w > SN_MOST_SIDE || c > SN_MOST_CHANNELS)
        return sn_error(SN_DATA, "%s: %s: images of %llux%llux%llu: sides of 1 to %d and 1 to %d channels are allowed", f->source,
                        p->images_path, (unsigned long long)h, (unsigned long long)w, (unsigned long long)c, SN_MOST_SIDE,
                        SN_MOST_CHANNELS);
    p->count = size[0];
    p->height = (int)h;
    p->width = (int)w;
    p->channels = (int)c;
    return SN_OK;
}

static sn_status read_labels(const h5 *f, part *p) {
    hid_t set = -1;
    hsize_t size[4];
    int ranks = 0;
    sn_status status = open_set(f, p->labels_path, &set, &ranks, size);
    if (status == SN_OK) {
        holding found = look(set, ranks, size);
        if (ranks != 1 || !found.integer || found.bytes > 8)
            status = wrong_kind(f, p->labels_path, &found, "integers of one size (N)");
    }
    if (status == SN_OK && size[0] != p->count)
        status = sn_error(SN_DATA, "%s: %s has %llu labels, but %s has %llu images", f->source, p->labels_path,
                          (unsigned long long)size[0], p->images_path, (unsigned long long)p->count);
    if (status == SN_OK && p->count > INT32_MAX) status = wrong(f, p->labels_path, "more than 2^31 - 1 of them");
    if (status == SN_OK && !(p->label = sn_new(p->count, sizeof *p->label))) status = SN_RESOURCE;
    if (status == SN_OK && H5Dread(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, p->label) < 0)
        status = wrong(f, p->labels_path, "damaged: cannot be read");
    if (set >= 0) H5Dclose(set);
    for (uint64_t i = 0; status == SN_OK && i < p->count; i++)
        if (p->label[i] < 0 || p->label[i] >= SN_MOST_CLASSES)
            status = sn_error(SN_DATA, "%s: %s: label %lld of image %llu: 0 to %d are allowed", f->source, p->labels_path,
                              (long long)p->label[i], (unsigned long long)i, SN_MOST_CLASSES - 1);
    return status;
}

// Leaves count 0 for val and test when they are absent.
static sn_status open_part(const h5 *f, int number, part *p) {
    char group[16];
    snprintf(group, sizeof group, "/%s", part_name[number]);
    snprintf(p->images_path, sizeof p->images_path, "%s/images", group);
    snprintf(p->labels_path, sizeof p->labels_path, "%s/labels", group);
    int kind = link_kind(f, group);
    if (kind < 0) return wrong(f, group, "a link that is not hard, or damaged");
    if (!kind) return number ? SN_OK : wrong(f, group, "absent");
    SN_TRY(open_images(f, p));
    return read_labels(f, p);
}

// Reads images first..first+n-1 whole.
static sn_status read_images(const h5 *f, const part *p, uint64_t first, uint64_t n, uint8_t *pixels) {
    hsize_t h = (hsize_t)p->height, w = (hsize_t)p->width, c = (hsize_t)p->channels;
    hsize_t start[4] = {first}, size[4] = {n, p->planar ? c : h, p->planar ? h : w, p->planar ? w : c};
    if (p->ranks == 3) {
        size[1] = h;
        size[2] = w;
    }
    hid_t in = H5Dget_space(p->images), to = H5Screate_simple(p->ranks, size, NULL);
    bool good = in >= 0 && to >= 0 && H5Sselect_hyperslab(in, H5S_SELECT_SET, start, NULL, size, NULL) >= 0 &&
                H5Dread(p->images, H5T_NATIVE_UINT8, to, in, H5P_DEFAULT, pixels) >= 0;
    if (in >= 0) H5Sclose(in);
    if (to >= 0) H5Sclose(to);
    if (good) return SN_OK;
    return sn_error(SN_DATA, "%s: %s: damaged: images %llu to %llu cannot be read", f->source, p->images_path,
                    (unsigned long long)first, (unsigned long long)(first + n - 1));
}

// Images to read at once: whole chunks, so that none is unpacked twice.
static uint64_t batch(const part *p, uint64_t image_bytes) {
    hsize_t side[4] = {1};
    hid_t made = H5Dget_create_plist(p->images);
    if (made >= 0 && H5Pget_layout(made) == H5D_CHUNKED) H5Pget_chunk(made, 4, side);
    if (made >= 0) H5Pclose(made);
    uint64_t chunk = side[0] && side[0] < p->count ? side[0] : p->count, most = BATCH_BYTES / image_bytes;
    return most <= chunk ? chunk : most / chunk * chunk;
}

static sn_status put_part(const h5 *f, const part *p, uint64_t position, sn_cache_writer *w) {
    size_t bytes = (size_t)p->height * (size_t)p->width * (size_t)p->channels;
    uint64_t step = batch(p, bytes);
    if (step > p->count) step = p->count;
    uint8_t *pixels = sn_new(step, bytes);
    sn_status status = pixels ? SN_OK : SN_RESOURCE;
    sn_picture picture = {.channels = p->channels, .height = p->height, .width = p->width, .planar = p->planar};
    for (uint64_t i = 0; i < p->count && status == SN_OK; i++) {
        if (i % step == 0) status = read_images(f, p, i, p->count - i < step ? p->count - i : step, pixels);
        if (status != SN_OK) break;
        picture.pixels = pixels + i % step * bytes;
        status = sn_cache_put(w, position + i, p->label[i], &picture);
        if (status != SN_OK)
            status = sn_error_prefix(status, "%s: %s: image %llu", f->source, p->images_path, (unsigned long long)i);
    }
    free(pixels);
    return status;
}

static sn_status begin(const h5 *f, const part *p, sn_cache_writer *w) {
    uint64_t count[SN_PARTS];
    int64_t classes = 0;
    for (uint64_t i = 0; i < p[0].count; i++)
        if (p[0].label[i] >= classes) classes = p[0].label[i] + 1;
    for (int k = 0; k < SN_PARTS; k++) {
        count[k] = p[k].count;
        for (uint64_t i = 0; i < p[k].count; i++)
            if (p[k].label[i] >= classes)
                return sn_error(SN_DATA, "%s: %s: label %lld, but those of training go up to %lld", f->source, p[k].labels_path,
                                (long long)p[k].label[i], (long long)classes - 1);
    }
    sn_status status = sn_cache_begin(w, count, (uint64_t)classes, NULL);
    return status == SN_OK ? SN_OK : sn_error_prefix(status, "%s", f->source);
}

static sn_status decode(const char *source, const sn_files *files, sn_cache_writer *w) {
    (void)files;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (H5PLset_loading_state(0) < 0 || H5Lunregister(H5L_TYPE_EXTERNAL) < 0)
        return sn_error(SN_FAIL, "HDF5: plugins and external links cannot be switched off");
    h5 f = {source, H5Fopen(source, H5F_ACC_RDONLY, H5P_DEFAULT)};
    if (f.file < 0) return sn_error(SN_DATA, "%s: damaged, or no HDF5 file", source);
    part p[SN_PARTS] = {{.images = -1}, {.images = -1}, {.images = -1}};
    uint64_t position = 0;
    sn_status status = SN_OK;
    for (int k = 0; k < SN_PARTS && status == SN_OK; k++) status = open_part(&f, k, &p[k]);
    if (status == SN_OK) status = begin(&f, p, w);
    for (int k = 0; k < SN_PARTS && status == SN_OK; k++) {
        if (p[k].count) status = put_part(&f, &p[k], position, w);
        position += p[k].count;
    }
    for (int k = 0; k < SN_PARTS; k++) close_part(&p[k]);
    H5Fclose(f.file);
    return status;
}

const sn_decoder sn_decoder_hdf5 = {"HDF5", "file with /train/images, /train/labels, and /val, /test likewise", found, list,
                                    decode};
