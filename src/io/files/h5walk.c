// Superblock, groups, object headers, attributes, heaps; see h5walk.h. The layouts are those of the "HDF5 File Format
// Specification Version 3.0", named at each. Next: h5read.c.
#include "io/files/h5walk.h"

#include <string.h>

enum { BLOCKS = 64, LEVELS = 16 };

typedef struct {
    const unsigned char *bytes;
    size_t size;
} span;

static const char *const too_long = "it is longer than its file: parts of it lead to themselves";

// The n bytes at an offset of a span.
static bool cut(span s, uint64_t at, uint64_t n, span *out) {
    if (at > s.size || n > s.size - at) return false;
    *out = (span){s.bytes + at, (size_t)n};
    return true;
}

static bool cut_file(const sn_h5_walk *w, uint64_t at, uint64_t n, span *out) {
    return cut((span){w->bytes, w->size}, at, n, out);
}

static uint64_t number(const unsigned char *p, int bytes) {
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

static bool step(sn_h5_walk *w) {
    if (!w->steps) return false;
    w->steps--;
    return true;
}

static size_t padded(size_t n) {
    return (n + 7) & ~(size_t)7;
}

// --- words that the writer uses too

const char *sn_h5_type_name(sn_h5_type type) {
    static const char *const name[] = {"f16", "f32", "f64", "u8", "i32", "i64", "u32", "u64"};
    return name[type];
}

size_t sn_h5_type_size(sn_h5_type type) {
    static const size_t size[] = {2, 4, 8, 1, 4, 8, 4, 8};
    return size[type];
}

bool sn_h5_path_valid(const char *path) {
    if (*path != '/' || strlen(path) > 1024) return false;
    if (!path[1]) return true;
    while (*path) {
        const char *part = path + 1;
        size_t n = strcspn(part, "/");
        if (n == 0 || strspn(part, ".") == n) return false;
        path = part + n;
    }
    return true;
}

// --- superblock (II.A, version 0): signature, versions, sizes of addresses and lengths, two Ks, addresses, the root's entry

const char *sn_h5_root(sn_h5_walk *w, uint64_t *header) {
    static const unsigned char begin[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n', 0, 0, 0, 0, 0, 8, 8, 0};
    span s;
    if (!cut_file(w, 0, 96, &s) || memcmp(s.bytes, begin, sizeof begin) != 0)
        return "it does not begin as the HDF5 files of this program do";
    *header = number(s.bytes + 64, 8);
    return NULL;
}

// --- groups (III.A.1, III.B, III.C, III.D): a B-tree of symbol nodes; their entries name members by places in a local heap

typedef struct {
    sn_h5_walk *walk;
    span names;
    const char *(*member)(void *context, const char *name, uint64_t header);
    void *context;
} visit;

static const char *visit_node(const visit *v, uint64_t at) {
    span node, entry;
    if (!cut_file(v->walk, at, 8, &node) || memcmp(node.bytes, "SNOD\1", 5) != 0) return "its list of members is damaged";
    for (uint64_t i = 0, n = number(node.bytes + 6, 2); i < n; i++) {
        if (!step(v->walk)) return too_long;
        if (!cut_file(v->walk, at + 8 + 40 * i, 40, &entry)) return "its list of members leads out of the file";
        uint64_t name = number(entry.bytes, 8), kind = number(entry.bytes + 16, 4);
        if (name >= v->names.size || !memchr(v->names.bytes + name, 0, v->names.size - name))
            return "the name of a member leads out of the file";
        if (kind == 2) return "it holds a soft link; allowed are hard links";
        if (kind > 1) return "it holds a link of unknown kind";
        const char *wrong = v->member(v->context, (const char *)v->names.bytes + name, number(entry.bytes + 8, 8));
        if (wrong) return wrong;
    }
    return NULL;
}

// Keys and children alternate; levels count down to the symbol nodes.
static const char *visit_tree(const visit *v, uint64_t at, unsigned level) {
    span head, child;
    if (!step(v->walk)) return too_long;
    if (!cut_file(v->walk, at, 24, &head) || memcmp(head.bytes, "TREE", 5) != 0) return "its tree of members is damaged";
    if (level < LEVELS && head.bytes[5] != level) return "its tree of members is damaged";
    if (head.bytes[5] >= LEVELS) return "its tree of members is too high";
    level = head.bytes[5];
    for (uint64_t i = 0, n = number(head.bytes + 6, 2); i < n; i++) {
        if (!cut_file(v->walk, at + 32 + 16 * i, 8, &child)) return "its tree of members leads out of the file";
        uint64_t next = number(child.bytes, 8);
        const char *wrong = level ? visit_tree(v, next, level - 1) : step(v->walk) ? visit_node(v, next) : too_long;
        if (wrong) return wrong;
    }
    return NULL;
}

const char *sn_h5_members(sn_h5_walk *w, const sn_h5_head *group,
                          const char *(*member)(void *context, const char *name, uint64_t header), void *context) {
    span heap;
    visit v = {.walk = w, .member = member, .context = context};
    if (!cut_file(w, group->names, 32, &heap) || memcmp(heap.bytes, "HEAP\0", 5) != 0) return "its heap of names is damaged";
    if (!cut_file(w, number(heap.bytes + 24, 8), number(heap.bytes + 8, 8), &v.names))
        return "its heap of names leads out of the file";
    return visit_tree(&v, group->tree, LEVELS);
}

// --- messages of a header

// Datatype (IV.A.2.d): how the library writes the types of ours, and a text of variable length in UTF-8.
enum { TYPE_BYTES = 20 };
#define WHOLE(sign, size)                                                                                                        \
    { 0x10, sign, 0, 0, size, 0, 0, 0, 0, 0, 8 * size, 0 }
static const unsigned char type_bytes[][TYPE_BYTES] = {
    [SN_F16] = {0x11, 0x20, 15, 0, 2, 0, 0, 0, 0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0},
    [SN_F32] = {0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0},
    [SN_F64] = {0x11, 0x20, 63, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 0xFF, 3, 0, 0},
    [SN_U8] = WHOLE(0, 1),
    [SN_I32] = WHOLE(8, 4),
    [SN_I64] = WHOLE(8, 8),
    [SN_U32] = WHOLE(0, 4),
    [SN_U64] = WHOLE(0, 8),
};
static const unsigned char text_bytes[] = {0x19, 1, 1, 0, 16, 0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0};

static int read_type(span m) {
    for (int t = 0; t < SN_H5_TYPES; t++) {
        size_t n = (type_bytes[t][0] & 15) == 1 ? TYPE_BYTES : 12;
        if (m.size >= n && !memcmp(m.bytes, type_bytes[t], n)) return t;
    }
    return -1;
}

// Dataspace (IV.A.2.b, version 1): rank, flags, sizes, and perhaps the largest sizes, which do not matter here.
static const char *read_space(span m, int *ndim, size_t *dims) {
    span sizes;
    if (m.size < 8 || m.bytes[0] != 1 || m.bytes[1] > SN_H5_RANK) return "its shape is not one of 0 to 8 dimensions";
    *ndim = m.bytes[1];
    if (!cut(m, 8, 8 * (uint64_t)*ndim, &sizes)) return "its shape is cut";
    for (int i = 0; i < *ndim; i++) dims[i] = number(sizes.bytes + 8 * i, 8);
    return NULL;
}

// Data layout (IV.A.2.i, version 3, contiguous): address and size.
static const char *read_layout(span m, sn_h5_head *out) {
    if (m.size >= 2 && m.bytes[0] >= 3 && m.bytes[1] == 3) return "its data are virtual (in other datasets)";
    if (m.size < 18 || m.bytes[0] != 3 || m.bytes[1] != 1) return "its data are not in one piece";
    out->at = number(m.bytes + 2, 8);
    out->bytes = number(m.bytes + 10, 8);
    return NULL;
}

// An object of a global heap (III.E): 2 bytes index, 6 not needed, 8 bytes size, the data padded to 8.
static const char *read_heap(sn_h5_walk *w, uint64_t heap, uint64_t index, span *data) {
    span head, collection, object;
    if (!cut_file(w, heap, 16, &head) || memcmp(head.bytes, "GCOL\1", 5) != 0) return "its text is in no heap";
    if (!cut_file(w, heap, number(head.bytes + 8, 8), &collection)) return "its heap leads out of the file";
    for (size_t at = 16; cut(collection, at, 16, &object);) {
        uint64_t own = number(object.bytes, 2), n = number(object.bytes + 8, 8);
        if (own == 0) break; // the free rest
        if (!step(w)) return too_long;
        if (!cut(collection, at + 16, n, data)) return "its text leads out of the heap";
        if (own == index) return NULL;
        at += 16 + padded(data->size);
    }
    return "its text is not in the heap";
}

// 4 bytes length, 8 bytes address of a heap, 4 bytes index in it.
static const char *read_text(sn_h5_walk *w, span value, sn_h5_value *out) {
    span data = {value.bytes, 0};
    uint64_t n = number(value.bytes, 4);
    if (n) {
        const char *wrong = read_heap(w, number(value.bytes + 4, 8), number(value.bytes + 12, 4), &data);
        if (wrong) return wrong;
        if (data.size != n) return "its length differs from the text's";
    }
    *out = (sn_h5_value){SN_H5_TEXT, data.bytes, data.size};
    return NULL;
}

// Attribute (IV.A.2.m, version 1): sizes of name, type and shape, these three each padded to 8, the value.
static const char *read_attribute(sn_h5_walk *w, span m, const char **name, sn_h5_value *out) {
    static const char *const foreign = "it is not stored as this program stores attributes";
    span own, type, space, value;
    if (m.size < 8 || m.bytes[0] != 1) return foreign;
    size_t a = number(m.bytes + 2, 2), b = number(m.bytes + 4, 2), c = number(m.bytes + 6, 2);
    if (!cut(m, 8, a, &own) || !a || own.bytes[a - 1] || memchr(own.bytes, 0, a - 1)) return foreign;
    *name = (const char *)own.bytes;
    if (!cut(m, 8 + padded(a), b, &type) || !cut(m, 8 + padded(a) + padded(b), c, &space)) return foreign;
    int ndim, t = read_type(type);
    size_t dims[SN_H5_RANK], at = 8 + padded(a) + padded(b) + padded(c);
    const char *wrong = read_space(space, &ndim, dims);
    if (wrong) return wrong;
    if (ndim) return "it is not one value";
    if (type.size >= sizeof text_bytes && !memcmp(type.bytes, text_bytes, sizeof text_bytes))
        return cut(m, at, 16, &value) ? read_text(w, value, out) : foreign;
    if (t != SN_I64 && t != SN_F64) return "it is neither a 64-bit number nor a text of variable length in UTF-8";
    if (!cut(m, at, 8, &value)) return foreign;
    *out = (sn_h5_value){t == SN_I64 ? SN_H5_INT : SN_H5_FLOAT, value.bytes, value.size};
    return NULL;
}

// --- object headers (IV.A.1.a, version 1): blocks of messages, each 2 bytes kind, 2 size, 1 flags, 3 unused, the message

enum {
    NOTHING,
    SPACE,
    LINKS,
    TYPE,
    OLD_FILL,
    FILL,
    LINK,
    EXTERNAL,
    LAYOUT,
    FILTERS = 0x0B,
    ATTRIBUTE = 0x0C,
    CONTINUATION = 0x10,
    SYMBOLS = 0x11,
    TIME = 0x12
};

typedef struct {
    sn_h5_walk *walk;
    struct {
        uint64_t at, n;
    } block[BLOCKS];
    int n, now; // blocks known, the one that is read
    size_t at;  // in it
} messages;

static const char *first_message(sn_h5_walk *w, uint64_t header, messages *m) {
    span head;
    if (!cut_file(w, header, 16, &head) || head.bytes[0] != 1)
        return "it is neither dataset nor group as this program writes them";
    *m = (messages){.walk = w, .n = 1};
    m->block[0].at = header + 16;
    m->block[0].n = number(head.bytes + 8, 4);
    return NULL;
}

// *kind is -1 after the last message.
static const char *next_message(messages *m, int *kind, span *out) {
    span block, head;
    for (*kind = -1; m->now < m->n;) {
        if (!cut_file(m->walk, m->block[m->now].at, m->block[m->now].n, &block)) return "its header leads out of the file";
        if (m->at == block.size) {
            m->now++, m->at = 0;
            continue;
        }
        if (!step(m->walk)) return too_long;
        if (!cut(block, m->at, 8, &head) || !cut(block, m->at + 8, number(head.bytes + 2, 2), out))
            return "its header is damaged";
        if (head.bytes[4] & 2) return "it shares a part with another object";
        m->at += 8 + out->size;
        if (number(head.bytes, 2) != CONTINUATION) {
            *kind = (int)number(head.bytes, 2);
            return NULL;
        }
        if (out->size < 16 || m->n == BLOCKS) return "its header goes on in more places than this program makes";
        m->block[m->n].at = number(out->bytes, 8);
        m->block[m->n++].n = number(out->bytes + 8, 8);
    }
    return NULL;
}

static const char *read_message(sn_h5_walk *w, int kind, span m, sn_h5_head *out) {
    const char *name;
    sn_h5_value value;
    switch (kind) {
    case NOTHING:
    case OLD_FILL:
    case FILL:
    case TIME:
        return NULL;
    case SPACE:
        return read_space(m, &out->ndim, out->dims);
    case TYPE:
        out->type = read_type(m);
        return out->type < 0 ? "its type is none of those that this program writes" : NULL;
    case LAYOUT:
        return read_layout(m, out);
    case ATTRIBUTE:
        return read_attribute(w, m, &name, &value);
    case SYMBOLS:
        if (m.size < 16) return "its list of members is cut";
        out->tree = number(m.bytes, 8);
        out->names = number(m.bytes + 8, 8);
        return NULL;
    case LINKS:
    case LINK:
        return "it lists its members, or links out of the file, in another form than this program";
    case EXTERNAL:
        return "its data are in another file";
    case FILTERS:
        return "its data are filtered";
    default:
        return "its header holds what this program does not write";
    }
}

static const char *check_data(const sn_h5_walk *w, const sn_h5_head *h) {
    span data;
    size_t bytes = sn_h5_type_size((sn_h5_type)h->type);
    for (int i = 0; i < h->ndim; i++)
        if (__builtin_mul_overflow(bytes, h->dims[i], &bytes)) return "its shape is larger than any memory";
    if (h->bytes != bytes) return "its size in the file is not that of its shape";
    return bytes && !cut_file(w, h->at, bytes, &data) ? "its data lead out of the file" : NULL;
}

const char *sn_h5_head_read(sn_h5_walk *w, uint64_t header, sn_h5_head *out) {
    enum { OF_DATASET = 1 << SPACE | 1 << TYPE | 1 << LAYOUT, OF_GROUP = 1 << SYMBOLS };
    messages m;
    int kind;
    span message;
    unsigned seen = 0;
    *out = (sn_h5_head){0};
    const char *wrong = first_message(w, header, &m);
    while (!wrong && !(wrong = next_message(&m, &kind, &message)) && kind >= 0) {
        wrong = read_message(w, kind, message, out);
        unsigned bit = (1u << kind % 32) & (OF_DATASET | OF_GROUP);
        if (!wrong && (seen & bit)) wrong = "its header says a thing twice";
        seen |= bit;
    }
    if (wrong) return wrong;
    out->is_group = seen == OF_GROUP;
    if (!out->is_group && seen != OF_DATASET) return "it is neither dataset nor group as this program writes them";
    return out->is_group ? NULL : check_data(w, out);
}

const char *sn_h5_attribute(sn_h5_walk *w, uint64_t header, const char *name, sn_h5_value *out, bool *found) {
    messages m;
    int kind;
    span message;
    const char *own, *wrong = first_message(w, header, &m);
    *found = false;
    while (!wrong && !*found && !(wrong = next_message(&m, &kind, &message)) && kind >= 0) {
        if (kind != ATTRIBUTE) continue;
        wrong = read_attribute(w, message, &own, out);
        *found = !wrong && !strcmp(own, name);
    }
    return wrong;
}
