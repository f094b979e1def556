// A bounds-checked walk: object header -> attribute message -> reference -> global heap -> text; see h5text.h.
// Layouts: "HDF5 File Format Specification Version 3.0", IV.A.1.a (object header), IV.A.2.m (attribute), III.E (global heap).
// Next: h5read.c.
#include "io/files/h5text.h"

#include <stdbool.h>
#include <string.h>

enum { MESSAGE_CONTINUATION = 0x10, MESSAGE_ATTRIBUTE = 0x0C, BLOCKS = 64, MESSAGES = 4096 };

typedef struct {
    const unsigned char *bytes;
    size_t size;
} span;

// The n bytes at an offset of a span.
static bool cut(span s, uint64_t at, uint64_t n, span *out) {
    if (at > s.size || n > s.size - at) return false;
    *out = (span){s.bytes + at, (size_t)n};
    return true;
}

static uint64_t number(const unsigned char *p, int bytes) {
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

static size_t padded(uint64_t n) {
    return ((size_t)n + 7) & ~(size_t)7;
}

// If the message is the attribute of this name: its value.
static bool is_attribute(span message, const char *name, span *value) {
    span head, own_name;
    if (!cut(message, 0, 8, &head) || head.bytes[0] != 1) return false;
    uint64_t name_size = number(head.bytes + 2, 2), type = number(head.bytes + 4, 2), space = number(head.bytes + 6, 2);
    if (name_size != strlen(name) + 1 || !cut(message, 8, name_size, &own_name) || memcmp(own_name.bytes, name, name_size) != 0)
        return false;
    size_t at = 8 + padded(name_size) + padded(type) + padded(space);
    return cut(message, at, 16, value);
}

// One block of an object header: finds the attribute, or notes where the header goes on.
static bool search_block(span block, const char *name, size_t *messages_left, span *value, uint64_t next[2]) {
    span head, message;
    for (size_t at = 0; *messages_left && cut(block, at, 8, &head); (*messages_left)--, at += 8 + message.size) {
        uint64_t type = number(head.bytes, 2), n = number(head.bytes + 2, 2);
        if (!cut(block, at + 8, n, &message)) return false;
        if (type == MESSAGE_ATTRIBUTE && is_attribute(message, name, value)) return true;
        if (type == MESSAGE_CONTINUATION && n >= 16) next[0] = number(message.bytes, 8), next[1] = number(message.bytes + 8, 8);
    }
    return false;
}

// The value of the attribute: 4 bytes length, 8 bytes address of a heap, 4 bytes index in it.
static bool find_value(span hdf5, uint64_t object, const char *name, span *value) {
    span head, block;
    if (!cut(hdf5, object, 16, &head) || head.bytes[0] != 1) return false;
    size_t messages_left = MESSAGES; // of all blocks together
    uint64_t next[2] = {object + 16, number(head.bytes + 8, 4)};
    for (int i = 0; i < BLOCKS; i++) {
        if (!cut(hdf5, next[0], next[1], &block)) return false;
        next[0] = UINT64_MAX;
        if (search_block(block, name, &messages_left, value, next)) return true;
    }
    return false;
}

// An object of a global heap: 2 bytes index, 6 not read here, 8 bytes size, the data padded to 8.
static const char *find_in_heap(span hdf5, uint64_t heap, uint64_t index, span *data) {
    span head, collection, object;
    if (!cut(hdf5, heap, 16, &head) || memcmp(head.bytes, "GCOL\1", 5) != 0) return "its text is in no heap";
    if (!cut(hdf5, heap, number(head.bytes + 8, 8), &collection)) return "its heap leads out of the file";
    for (size_t at = 16; cut(collection, at, 16, &object);) {
        uint64_t own = number(object.bytes, 2), n = number(object.bytes + 8, 8);
        if (own == 0) break; // the free rest
        if (!cut(collection, at + 16, n, data)) return "its text leads out of the heap";
        if (own == index) return NULL;
        at += 16 + padded(n);
    }
    return "its text is not in the heap";
}

const char *sn_h5_text_find(const unsigned char *file, size_t size, size_t base, uint64_t object, const char *name,
                            const unsigned char **text, size_t *length) {
    span hdf5, value, data = {file, 0};
    if (!cut((span){file, size}, base, size - base, &hdf5) || !find_value(hdf5, object, name, &value))
        return "it is not stored as this program stores texts";
    uint64_t n = number(value.bytes, 4);
    if (n) {
        const char *wrong = find_in_heap(hdf5, number(value.bytes + 4, 8), number(value.bytes + 12, 4), &data);
        if (wrong) return wrong;
        if (data.size != n) return "its length differs from the text's";
    }
    *text = data.bytes;
    *length = data.size;
    return NULL;
}
