// Writing and strictly reading safetensors; see safetensors.h.
// JSON is jansson's, which checks UTF-8 and refuses repeated keys.
// Next: atomic.c.
#include "io/files/safetensors.h"

#include "io/files/atomic.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files hold memory as it is, little-endian");

static const char metadata[] = "__metadata__";

// Bytes of a tensor; false if they are too many to count.
static bool tensor_bytes(int ndim, const size_t *dims, size_t *bytes) {
    *bytes = sizeof(float);
    for (int i = 0; i < ndim; i++)
        if (__builtin_mul_overflow(*bytes, dims[i], bytes)) return false;
    return *bytes <= INT64_MAX;
}

static int by_name(const void *a, const void *b) {
    const sn_st_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

// --- writing

static json_t *entry(const sn_st_tensor *t, size_t begin, size_t end) {
    json_t *shape = json_array();
    for (int i = 0; i < t->ndim; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)t->dims[i])) < 0) { // also if shape is NULL
            json_decref(shape);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets", (json_int_t)begin, (json_int_t)end);
}

// The header as a JSON value, or NULL with the message set.
static json_t *header(const char *path, const sn_st_tensor *const *sorted, size_t n, const sn_st_note *notes, size_t n_notes) {
    json_t *root = json_object(), *map = json_object();
    size_t begin = 0, bytes;
    for (size_t i = 0; i < n; i++, begin += bytes) {
        const sn_st_tensor *t = sorted[i];
        if (t->ndim < 0 || t->ndim > SN_ST_RANK || !tensor_bytes(t->ndim, t->dims, &bytes) || bytes > INT64_MAX - begin) {
            sn_error(SN_USAGE, "%s: tensor '%s': more than %d dimensions or too large", path, t->name, SN_ST_RANK);
            goto fail;
        }
        if (!*t->name || strcmp(t->name, metadata) == 0 || json_object_get(root, t->name)) {
            sn_error(SN_USAGE, "%s: tensor '%s': the name is empty, reserved, or used twice", path, t->name);
            goto fail;
        }
        if (json_object_set_new(root, t->name, entry(t, begin, begin + bytes)) < 0) {
            sn_error(SN_USAGE, "%s: tensor '%s': the name is not UTF-8, or out of memory", path, t->name);
            goto fail;
        }
    }
    for (size_t i = 0; i < n_notes; i++)
        if (json_object_get(map, notes[i].key) || json_object_set_new(map, notes[i].key, json_string(notes[i].value)) < 0) {
            sn_error(SN_USAGE, "%s: note '%s' comes twice or is not UTF-8, or out of memory", path, notes[i].key);
            goto fail;
        }
    if (n_notes && json_object_set(root, metadata, map) < 0) {
        sn_error(SN_RESOURCE, "%s: out of memory", path);
        goto fail;
    }
    json_decref(map);
    return root;
fail:
    json_decref(map);
    json_decref(root);
    return NULL;
}

// The file's first part: length and padded text.
static unsigned char *encode(const char *path, const json_t *root, size_t *size) {
    const size_t flags = JSON_COMPACT | JSON_SORT_KEYS;
    size_t n = json_dumpb(root, NULL, 0, flags);
    uint64_t padded = (n + 7) & ~(size_t)7;
    if (n == 0 || padded > SN_ST_HEADER_MAX) {
        sn_error(SN_USAGE, "%s: the header has %zu bytes; the format allows 1 to %d", path, n, SN_ST_HEADER_MAX);
        return NULL;
    }
    unsigned char *p = sn_new(8 + padded, 1);
    if (!p) return NULL;
    memcpy(p, &padded, 8);
    memset(p + 8, ' ', padded);
    if (json_dumpb(root, (char *)p + 8, n, flags) != n) {
        sn_error(SN_RESOURCE, "%s: out of memory", path);
        free(p);
        return NULL;
    }
    *size = 8 + padded;
    return p;
}

sn_status sn_safetensors_save(const char *path, const sn_st_tensor *tensors, size_t n, const sn_st_note *notes, size_t n_notes) {
    const sn_st_tensor **sorted = sn_new(n, sizeof *sorted);
    sn_piece *pieces = sn_new(n + 1, sizeof *pieces);
    json_t *root = NULL;
    sn_status status = SN_RESOURCE;
    if (!sorted || !pieces) goto done;
    for (size_t i = 0; i < n; i++) sorted[i] = &tensors[i];
    qsort(sorted, n, sizeof *sorted, by_name);
    status = SN_USAGE;
    if (!(root = header(path, sorted, n, notes, n_notes)) || !(pieces[0].data = encode(path, root, &pieces[0].size))) goto done;
    for (size_t i = 0; i < n; i++) {
        pieces[i + 1].data = sorted[i]->data;
        tensor_bytes(sorted[i]->ndim, sorted[i]->dims, &pieces[i + 1].size);
    }
    status = sn_atomic_save(path, pieces, n + 1);
done:
    if (pieces) free((void *)(uintptr_t)pieces[0].data);
    json_decref(root);
    free(pieces);
    free(sorted);
    return status;
}

// --- reading

struct sn_safetensors {
    unsigned char *bytes;
    json_t *root; // owns the names and notes
    size_t n;
    sn_st_tensor *tensors; // in order of the names
    const sn_st_tensor **sorted;
};

// A JSON integer that counts something.
static bool count_of(const json_t *value, size_t *out) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *out = (size_t)json_integer_value(value);
    return true;
}

// Reads one entry; the range goes to at[0], at[1]. NULL, or what is wrong.
static const char *read_entry(const json_t *value, sn_st_tensor *t, size_t at[2]) {
    const json_t *type = json_object_get(value, "dtype"), *shape = json_object_get(value, "shape"),
                 *range = json_object_get(value, "data_offsets");
    if (!type || !shape || !range || json_object_size(value) != 3)
        return "it must have dtype, shape and data_offsets, and no more";
    if (!json_is_string(type) || strcmp(json_string_value(type), "F32") != 0) return "its dtype is not F32";
    if (!json_is_array(shape) || json_array_size(shape) > SN_ST_RANK) return "its shape is no list of 0 to 8 sizes";
    t->ndim = (int)json_array_size(shape);
    for (int i = 0; i < t->ndim; i++)
        if (!count_of(json_array_get(shape, (size_t)i), &t->dims[i])) return "its shape is no list of 0 to 8 sizes";
    size_t bytes;
    if (json_array_size(range) != 2 || !count_of(json_array_get(range, 0), &at[0]) || !count_of(json_array_get(range, 1), &at[1]))
        return "its data_offsets are no two offsets";
    if (!tensor_bytes(t->ndim, t->dims, &bytes) || at[0] > at[1] || at[1] - at[0] != bytes)
        return "its data_offsets do not span what its shape needs";
    return NULL;
}

typedef struct {
    size_t at[2];
} range;

static int by_place(const void *a, const void *b) {
    const range *x = a, *y = b;
    for (int i = 0; i < 2; i++)
        if (x->at[i] != y->at[i]) return x->at[i] < y->at[i] ? -1 : 1;
    return 0;
}

// From the first byte to the last, without gap or overlap.
static bool cover(range *ranges, size_t n, size_t size) {
    qsort(ranges, n, sizeof *ranges, by_place);
    size_t end = 0;
    for (size_t i = 0; i < n; end = ranges[i++].at[1])
        if (ranges[i].at[0] != end) return false;
    return end == size;
}

static sn_status read_notes(const char *path, const json_t *map) {
    const char *key;
    json_t *value;
    if (!json_is_object(map)) return sn_error(SN_DATA, "%s: the metadata are not a map of texts", path);
    json_object_foreach((json_t *)(uintptr_t)map, key, value) {
        if (!json_is_string(value)) return sn_error(SN_DATA, "%s: metadata '%s': is not a text", path, key);
    }
    return SN_OK;
}

// Reads all entries; data begin at `data` and have `size` bytes.
static sn_status read_entries(const char *path, sn_safetensors *s, const unsigned char *data, size_t size, range *ranges) {
    const char *key;
    json_t *value;
    json_object_foreach(s->root, key, value) {
        if (strcmp(key, metadata) == 0) {
            SN_TRY(read_notes(path, value));
            continue;
        }
        sn_st_tensor *t = &s->tensors[s->n];
        range *r = &ranges[s->n];
        t->name = key;
        const char *wrong = *key ? read_entry(value, t, r->at) : "its name is empty";
        if (!wrong && r->at[1] > size) wrong = "its data lead out of the file";
        if (wrong) return sn_error(SN_DATA, "%s: tensor '%s': %s", path, key, wrong);
        t->data = (const float *)(const void *)(data + r->at[0]);
        s->sorted[s->n++] = t;
    }
    if (!cover(ranges, s->n, size))
        return sn_error(SN_DATA, "%s: the tensors leave gaps, overlap, or do not fill the %zu bytes", path, size);
    qsort(s->sorted, s->n, sizeof *s->sorted, by_name);
    return SN_OK;
}

static sn_status parse(const char *path, sn_safetensors *s, size_t size) {
    uint64_t n;
    if (size < 8) return sn_error(SN_DATA, "%s: not a safetensors file: %zu bytes", path, size);
    memcpy(&n, s->bytes, 8);
    if (n > SN_ST_HEADER_MAX || n > size - 8 || n % 8 || !n || s->bytes[8] != '{')
        return sn_error(SN_DATA,
                        "%s: not a safetensors file, or cut: a header of %llu bytes in %zu; allowed are multiples of 8 up to %d",
                        path, (unsigned long long)n, size, SN_ST_HEADER_MAX);
    json_error_t error;
    s->root = json_loadb((const char *)s->bytes + 8, (size_t)n, JSON_REJECT_DUPLICATES, &error);
    if (!s->root) return sn_error(SN_DATA, "%s: the header is no JSON: byte %d: %s", path, error.position, error.text);
    size_t most = json_object_size(s->root);
    s->tensors = sn_new(most, sizeof *s->tensors);
    s->sorted = sn_new(most, sizeof *s->sorted);
    range *ranges = sn_new(most, sizeof *ranges);
    sn_status status = !s->tensors || !s->sorted || !ranges
                           ? SN_RESOURCE
                           : read_entries(path, s, s->bytes + 8 + n, size - 8 - (size_t)n, ranges);
    free(ranges);
    return status;
}

sn_status sn_safetensors_open(const char *path, size_t cap, sn_safetensors **out) {
    sn_safetensors *s = sn_new(1, sizeof *s);
    if (!s) return SN_RESOURCE;
    size_t size;
    sn_status status = sn_file_read(path, cap, &s->bytes, &size);
    if (status == SN_OK) status = parse(path, s, size);
    if (status == SN_OK)
        *out = s;
    else
        sn_safetensors_free(s);
    return status;
}

void sn_safetensors_free(sn_safetensors *s) {
    if (!s) return;
    json_decref(s->root);
    free(s->tensors);
    free(s->sorted);
    free(s->bytes);
    free(s);
}

size_t sn_safetensors_count(const sn_safetensors *s) {
    return s->n;
}

const sn_st_tensor *sn_safetensors_tensor(const sn_safetensors *s, size_t i) {
    return s->sorted[i];
}

const sn_st_tensor *sn_safetensors_find(const sn_safetensors *s, const char *name) {
    const sn_st_tensor key = {.name = name}, *wanted = &key;
    const sn_st_tensor *const *found = bsearch(&wanted, s->sorted, s->n, sizeof(const sn_st_tensor *), by_name);
    return found ? *found : NULL;
}

const char *sn_safetensors_note(const sn_safetensors *s, const char *key) {
    return json_string_value(json_object_get(json_object_get(s->root, metadata), key));
}
