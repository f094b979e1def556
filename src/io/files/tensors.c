// Tensors and notes by name; writing safetensors and reading them back. See tensors.h.
// JSON is jansson's, which checks UTF-8 and refuses repeated keys.
// Next: atomic.c.
#include "io/files/tensors.h"

#include "base/round.h"
#include "base/utf8.h"
#include "io/files/atomic.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files hold memory as it is, little-endian");

static const char metadata[] = "__metadata__";

// ---------------------------------------------------------------- in memory
const sn_tensor *sn_tensors_find(const sn_tensors *t, const char *name) {
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->item[i].name, name)) return &t->item[i];
    return NULL;
}

const char *sn_tensors_find_note(const sn_tensors *t, const char *key) {
    for (size_t i = 0; i < t->n_notes; i++)
        if (!strcmp(t->note[i].key, key)) return t->note[i].value;
    return NULL;
}

sn_status sn_tensors_add(sn_tensors *t, const char *name, int ndim, const size_t *dims, float **data) {
    sn_tensor x = {.ndim = ndim, .n = 1};
    if (!*name || !sn_utf8_valid(name) || !strcmp(name, metadata) || sn_tensors_find(t, name))
        return sn_error(SN_DATA, "tensor '%s': the name is empty, not UTF-8, reserved, or comes twice", name);
    bool fits = ndim >= 0 && ndim <= SN_TENSOR_RANK;
    for (int i = 0; fits && i < ndim; i++) fits = !__builtin_mul_overflow(x.n, x.dims[i] = dims[i], &x.n);
    if (!fits || x.n > SIZE_MAX / sizeof(float))
        return sn_error(SN_DATA, "tensor '%s': more than %d dimensions, or too large", name, SN_TENSOR_RANK);
    SN_TRY(sn_grow(&t->item, &t->capacity, t->n + 1, sizeof x));
    if (!(x.name = sn_region_text(&t->memory, name)) || !(x.data = sn_region_new(&t->memory, x.n, sizeof(float))))
        return SN_RESOURCE;
    t->item[t->n++] = x;
    *data = x.data;
    return SN_OK;
}

sn_status sn_tensors_note(sn_tensors *t, const char *key, const char *value) {
    if (!*key || !sn_utf8_valid(key) || !sn_utf8_valid(value) || sn_tensors_find_note(t, key))
        return sn_error(SN_DATA, "note '%s': is without name, not UTF-8, or comes twice", key);
    SN_TRY(sn_grow(&t->note, &t->notes_capacity, t->n_notes + 1, sizeof *t->note));
    const sn_note note = {sn_region_text(&t->memory, key), sn_region_text(&t->memory, value)};
    if (!note.key || !note.value) return SN_RESOURCE;
    t->note[t->n_notes++] = note;
    return SN_OK;
}

void sn_tensors_free(sn_tensors *t) {
    free(t->item);
    free(t->note);
    sn_region_free(&t->memory);
    *t = (sn_tensors){0};
}

// ---------------------------------------------------------------- writing
static json_t *entry(const sn_tensor *t, size_t begin) {
    json_t *shape = json_array();
    for (int i = 0; i < t->ndim; i++) json_array_append_new(shape, json_integer((json_int_t)t->dims[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets", (json_int_t)begin,
                     (json_int_t)(begin + t->n * sizeof(float)));
}

// The file's first part: length and padded text of the header; NULL when out of memory.
static unsigned char *encode(const sn_tensors *t, const sn_tensor *const *sorted, size_t *size) {
    const size_t flags = JSON_COMPACT | JSON_SORT_KEYS;
    json_t *root = json_object(), *map = json_object();
    size_t begin = 0;
    int failed = 0;
    for (size_t i = 0; i < t->n; begin += sorted[i++]->n * sizeof(float))
        failed |= json_object_set_new(root, sorted[i]->name, entry(sorted[i], begin));
    for (size_t i = 0; i < t->n_notes; i++) failed |= json_object_set_new(map, t->note[i].key, json_string(t->note[i].value));
    if (t->n_notes) failed |= json_object_set(root, metadata, map);
    size_t n = failed ? 0 : json_dumpb(root, NULL, 0, flags);
    uint64_t padded = (uint64_t)sn_round_up((int64_t)n, 8);
    unsigned char *p = n ? sn_new(8 + padded, 1) : NULL;
    if (p) {
        memcpy(p, &padded, 8);
        memset(p + 8, ' ', padded);
        json_dumpb(root, (char *)p + 8, n, flags);
    } else {
        sn_error(SN_RESOURCE, "out of memory");
    }
    json_decref(map);
    json_decref(root);
    *size = 8 + padded;
    return p;
}

static int by_name(const void *a, const void *b) {
    const sn_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

sn_status sn_safetensors_save(const sn_tensors *t, const char *path) {
    const sn_tensor **sorted = sn_new(t->n, sizeof *sorted);
    sn_piece *pieces = sn_new(t->n + 1, sizeof *pieces);
    unsigned char *header = NULL;
    sn_status status = SN_RESOURCE;
    if (sorted && pieces) {
        for (size_t i = 0; i < t->n; i++) sorted[i] = &t->item[i];
        qsort(sorted, t->n, sizeof *sorted, by_name);
        header = encode(t, sorted, &pieces->size);
    }
    if (header) {
        pieces->data = header;
        for (size_t i = 0; i < t->n; i++) pieces[i + 1] = (sn_piece){sorted[i]->data, sorted[i]->n * sizeof(float)};
        status = sn_atomic_save(path, pieces, t->n + 1);
    }
    free(header);
    free(pieces);
    free(sorted);
    return status;
}

// ---------------------------------------------------------------- reading back
static size_t count_of(const json_t *value) { // of what is no count: more than there can be
    return json_is_integer(value) && json_integer_value(value) >= 0 ? (size_t)json_integer_value(value) : SIZE_MAX;
}

// One entry of the header; the data of all are `size` bytes.
static sn_status read_entry(sn_tensors *t, const char *name, const json_t *value, const unsigned char *data, size_t size) {
    const json_t *shape = json_object_get(value, "shape"), *range = json_object_get(value, "data_offsets");
    const char *type = json_string_value(json_object_get(value, "dtype"));
    size_t dims[SN_TENSOR_RANK], n = 1, begin = count_of(json_array_get(range, 0)), end = count_of(json_array_get(range, 1));
    size_t ndim = json_array_size(shape);
    bool good = type && !strcmp(type, "F32") && json_is_array(shape) && ndim <= SN_TENSOR_RANK && begin <= end && end <= size;
    for (size_t i = 0; good && i < ndim; i++) good = !__builtin_mul_overflow(n, dims[i] = count_of(json_array_get(shape, i)), &n);
    if (!good || n != (end - begin) / sizeof(float) || (end - begin) % sizeof(float))
        return sn_error(SN_DATA, "tensor '%s': is not float32, or shape and data_offsets do not fit its data", name);
    float *to;
    SN_TRY(sn_tensors_add(t, name, (int)ndim, dims, &to));
    memcpy(to, data + begin, end - begin);
    return SN_OK;
}

static sn_status read_header(sn_tensors *t, json_t *root, const unsigned char *data, size_t size) {
    const char *key;
    json_t *value;
    size_t bytes = 0;
    json_object_foreach(json_object_get(root, metadata), key, value) {
        const char *text = json_string_value(value);
        SN_TRY(text ? sn_tensors_note(t, key, text) : sn_error(SN_DATA, "note '%s': is not a text", key));
    }
    json_object_foreach(root, key, value) if (strcmp(key, metadata) != 0) SN_TRY(read_entry(t, key, value, data, size));
    for (size_t i = 0; i < t->n; i++) bytes += t->item[i].n * sizeof(float);
    return bytes == size ? SN_OK : sn_error(SN_DATA, "the tensors are %zu bytes, the file's data %zu", bytes, size);
}

static sn_status parse(sn_tensors *t, const unsigned char *bytes, size_t size) {
    uint64_t n = 0;
    if (size >= 8) memcpy(&n, bytes, 8);
    if (size < 8 || n > size - 8) return sn_error(SN_DATA, "not a safetensors file, or cut");
    json_error_t error;
    json_t *root = json_loadb((const char *)bytes + 8, (size_t)n, JSON_REJECT_DUPLICATES, &error);
    if (!root) return sn_error(SN_DATA, "the header is no JSON: byte %d: %s", error.position, error.text);
    sn_status s = read_header(t, root, bytes + 8 + n, size - 8 - (size_t)n);
    json_decref(root);
    return s;
}

sn_status sn_safetensors_load(const char *path, size_t cap, sn_tensors *out) {
    unsigned char *bytes;
    size_t size;
    SN_TRY(sn_file_read(path, cap, &bytes, &size));
    sn_status s = parse(out, bytes, size);
    free(bytes);
    if (s != SN_OK) {
        sn_tensors_free(out);
        return sn_error_prefix(s, "%s", path);
    }
    return SN_OK;
}
