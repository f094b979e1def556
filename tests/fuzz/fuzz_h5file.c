// Traces, logits and any other of our HDF5 files: everything in them is listed, measured and read.
// Not here: what checkpoints and rankings mean.
#include "fuzz.h"
#include "io/files/h5file.h"

static size_t seed(uint8_t *data, size_t most, uint64_t *random) {
    float numbers[64] = {0};
    char name[64];
    sn_h5w *w;
    if (sn_h5_create(4096, &w) != SN_OK) abort();
    sn_status s = sn_h5_attr_text(w, "/", "format", "supernet-trace");
    if (s == SN_OK) s = sn_h5_attr_text(w, "/", "sampler", "fair");
    if (s == SN_OK) s = sn_h5_attr_int(w, "/", "first_step", 1);
    for (uint64_t i = 0; s == SN_OK && i < 3 + h5_random(random) % 24; i++) {
        snprintf(name, sizeof name, "/steps/%d/passes/%d/x", (int)i % 3, (int)i);
        s = sn_h5_put(w, name, (sn_h5_type)(i % 7), (int)i % 4, (size_t[]){2, i % 5, 4}, numbers);
        if (s == SN_OK) s = sn_h5_attr_text(w, name, "arch", "skip,mb3_k3");
        if (s == SN_OK) s = sn_h5_attr_f64(w, name, "loss", 0.5);
    }
    if (s == SN_OK) s = sn_h5_save(w, fuzz_path("seed"));
    if (s != SN_OK) abort();
    sn_h5w_free(w);
    return fuzz_load(fuzz_path("seed"), data, most);
}

static size_t change(uint8_t *data, size_t size, size_t most, uint64_t *random) {
    return fuzz_change_h5(data, size, most, random);
}

typedef struct {
    const sn_h5r *file;
    const char *path;
} place;

static void read_data(const sn_h5r *file, const char *path) {
    for (int type = 0; type < SN_H5_TYPES; type++)
        for (int ndim = 0; ndim <= SN_H5_RANK; ndim++) {
            size_t dims[SN_H5_RANK] = {0}, bytes = sn_h5_type_size((sn_h5_type)type);
            if (sn_h5_shape(file, path, (sn_h5_type)type, ndim, dims) != SN_OK) continue;
            for (int i = 0; i < ndim; i++) bytes *= dims[i];
            void *data = malloc(bytes + 1);
            if (!data || sn_h5_read(file, path, (sn_h5_type)type, ndim, dims, data) != SN_OK) abort();
            free(data);
        }
}

static void read_attributes(const sn_h5r *file, const char *path) {
    static const char *const names[] = {"format", "sampler", "arch", "first_step", "loss", "none"};
    for (int i = 0; i < 6; i++) {
        char *text;
        int64_t number;
        double real;
        if (sn_h5_attr_text_read(file, path, names[i], 1000, &text) == SN_OK) free(text);
        fuzz_refused(sn_h5_attr_int_read(file, path, names[i], &number));
        fuzz_refused(sn_h5_attr_f64_read(file, path, names[i], &real));
    }
}

static sn_status member(void *context, const char *name, bool is_group) {
    const place *at = context;
    char path[1100];
    snprintf(path, sizeof path, "%s/%s", at->path, name);
    if (!sn_h5_has(at->file, path)) abort();
    read_attributes(at->file, path);
    place below = {at->file, path};
    if (is_group) return sn_h5_list(at->file, path, member, &below);
    read_data(at->file, path);
    return SN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sn_h5r *file;
    sn_status s = sn_h5_open(fuzz_file("file", data, size), 1 << 20, &file);
    fuzz_refused(s);
    if (s != SN_OK) return 0;
    place root = {file, ""};
    read_attributes(file, "/");
    if (sn_h5_list(file, "/", member, &root) != SN_OK || sn_h5_count(file).data_bytes > size) abort();
    sn_h5r_free(file);
    return 0;
}
