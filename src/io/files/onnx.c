// Building ONNX models and checking that they are graphs; see onnx.h.
// Not here: the bytes of a file.
// Next: onnx_encode.c.
#include "io/files/onnx.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

sn_status sn_onnx_new(const char *name, const char *producer, const char *producer_version, sn_onnx **out) {
    sn_onnx *m = sn_new(1, sizeof *m);
    if (!m) return SN_RESOURCE;
    m->name = sn_region_text(&m->memory, name);
    m->producer = sn_region_text(&m->memory, producer);
    m->producer_version = sn_region_text(&m->memory, producer_version);
    if (!m->name || !m->producer || !m->producer_version) {
        sn_onnx_free(m);
        return SN_RESOURCE;
    }
    *out = m;
    return SN_OK;
}

void sn_onnx_free(sn_onnx *m) {
    if (!m) return;
    for (size_t i = 0; i < m->n_nodes; i++) free(m->nodes[i].attrs);
    free(m->nodes);
    free(m->initializers);
    free(m->inputs);
    free(m->outputs);
    free(m->notes);
    sn_region_free(&m->memory);
    free(m);
}

// --- building

static const char **copy_names(sn_onnx *m, size_t n, const char *const *names) {
    const char **copy = sn_region_new(&m->memory, n, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++)
        if (!(copy[i] = sn_region_text(&m->memory, names[i]))) copy = NULL;
    return copy;
}

sn_status sn_onnx_add_node(sn_onnx *m, const char *op, const char *name, size_t n_inputs, const char *const *inputs,
                           size_t n_outputs, const char *const *outputs) {
    SN_TRY(sn_grow(&m->nodes, &m->nodes_capacity, m->n_nodes + 1, sizeof *m->nodes));
    sn_onnx_node node = {.op = sn_region_text(&m->memory, op),
                         .name = sn_region_text(&m->memory, name),
                         .inputs = copy_names(m, n_inputs, inputs),
                         .outputs = copy_names(m, n_outputs, outputs),
                         .n_inputs = n_inputs,
                         .n_outputs = n_outputs};
    if (!node.op || !node.name || !node.inputs || !node.outputs) return SN_RESOURCE;
    m->nodes[m->n_nodes++] = node;
    return SN_OK;
}

static sn_status add_attr(sn_onnx *m, const char *name, sn_onnx_attr attr) {
    if (!m->n_nodes) return sn_error(SN_USAGE, "attribute '%s' comes before any node", name);
    sn_onnx_node *node = &m->nodes[m->n_nodes - 1];
    SN_TRY(sn_grow(&node->attrs, &node->attrs_capacity, node->n_attrs + 1, sizeof *node->attrs));
    if (!(attr.name = sn_region_text(&m->memory, name))) return SN_RESOURCE;
    node->attrs[node->n_attrs++] = attr;
    return SN_OK;
}

sn_status sn_onnx_attr_f32(sn_onnx *m, const char *name, float value) {
    return add_attr(m, name, (sn_onnx_attr){.kind = SN_ONNX_FLOAT, .f = value});
}

sn_status sn_onnx_attr_int(sn_onnx *m, const char *name, int64_t value) {
    return add_attr(m, name, (sn_onnx_attr){.kind = SN_ONNX_INT, .i = value});
}

sn_status sn_onnx_attr_string(sn_onnx *m, const char *name, const char *value) {
    const char *copy = sn_region_text(&m->memory, value);
    return copy ? add_attr(m, name, (sn_onnx_attr){.kind = SN_ONNX_STRING, .string = copy}) : SN_RESOURCE;
}

sn_status sn_onnx_attr_ints(sn_onnx *m, const char *name, size_t n, const int64_t *values) {
    const int64_t *copy = sn_region_copy(&m->memory, values, n, sizeof *copy);
    return copy ? add_attr(m, name, (sn_onnx_attr){.kind = SN_ONNX_INTS, .ints = copy, .n = n}) : SN_RESOURCE;
}

static sn_status add_tensor(sn_onnx *m, const char *name, int ndim, const size_t *dims, const void *data, bool integers) {
    size_t size = integers ? sizeof(int64_t) : sizeof(float);
    sn_onnx_tensor t = {.ndim = ndim, .n = 1};
    if (ndim < 0 || ndim > SN_ONNX_RANK)
        return sn_error(SN_USAGE, "initializer '%s': %d dimensions; allowed are 0 to %d", name, ndim, SN_ONNX_RANK);
    bool fits = true;
    for (int i = 0; i < ndim; i++) {
        t.dims[i] = dims[i];
        fits = fits && !__builtin_mul_overflow(t.n, dims[i], &t.n);
    }
    size_t bytes;
    if (!fits || __builtin_mul_overflow(t.n, size, &bytes) || bytes > INT32_MAX - m->tensor_bytes)
        return sn_error(SN_RESOURCE,
                        "initializer '%s': with it the model has more than 2 GiB of data, the most that an ONNX file holds",
                        name);
    SN_TRY(sn_grow(&m->initializers, &m->initializers_capacity, m->n_initializers + 1, sizeof t));
    void *copy = sn_region_copy(&m->memory, data, t.n, size);
    if (!copy || !(t.name = sn_region_text(&m->memory, name))) return SN_RESOURCE;
    if (integers)
        t.i64 = copy;
    else
        t.f32 = copy;
    m->tensor_bytes += bytes;
    m->initializers[m->n_initializers++] = t;
    return SN_OK;
}

sn_status sn_onnx_add_f32(sn_onnx *m, const char *name, int ndim, const size_t *dims, const float *data) {
    return add_tensor(m, name, ndim, dims, data, false);
}

sn_status sn_onnx_add_i64(sn_onnx *m, const char *name, int ndim, const size_t *dims, const int64_t *data) {
    return add_tensor(m, name, ndim, dims, data, true);
}

static sn_status make_value(sn_onnx *m, const char *name, int ndim, const int64_t *dims, sn_onnx_value *out) {
    if (ndim < 0 || ndim > SN_ONNX_RANK)
        return sn_error(SN_USAGE, "value '%s': %d dimensions; allowed are 0 to %d", name, ndim, SN_ONNX_RANK);
    *out = (sn_onnx_value){.name = sn_region_text(&m->memory, name), .ndim = ndim};
    if (!out->name) return SN_RESOURCE;
    for (int i = 0; i < ndim; i++) {
        if (dims[i] < 0 && dims[i] != SN_ONNX_BATCH)
            return sn_error(SN_USAGE, "value '%s': a size of %lld; allowed are 0 and more, and SN_ONNX_BATCH", name,
                            (long long)dims[i]);
        out->dims[i] = dims[i];
    }
    return SN_OK;
}

sn_status sn_onnx_add_input(sn_onnx *m, const char *name, int ndim, const int64_t *dims) {
    SN_TRY(sn_grow(&m->inputs, &m->inputs_capacity, m->n_inputs + 1, sizeof *m->inputs));
    SN_TRY(make_value(m, name, ndim, dims, &m->inputs[m->n_inputs]));
    m->n_inputs++;
    return SN_OK;
}

sn_status sn_onnx_add_output(sn_onnx *m, const char *name, int ndim, const int64_t *dims) {
    SN_TRY(sn_grow(&m->outputs, &m->outputs_capacity, m->n_outputs + 1, sizeof *m->outputs));
    SN_TRY(make_value(m, name, ndim, dims, &m->outputs[m->n_outputs]));
    m->n_outputs++;
    return SN_OK;
}

sn_status sn_onnx_add_note(sn_onnx *m, const char *key, const char *value) {
    SN_TRY(sn_grow(&m->notes, &m->notes_capacity, m->n_notes + 1, sizeof *m->notes));
    sn_onnx_note note = {sn_region_text(&m->memory, key), sn_region_text(&m->memory, value)};
    if (!note.key || !note.value) return SN_RESOURCE;
    m->notes[m->n_notes++] = note;
    return SN_OK;
}

const sn_onnx_attr *sn_onnx_find_attr(const sn_onnx_node *node, const char *name) {
    for (size_t i = 0; i < node->n_attrs; i++)
        if (strcmp(node->attrs[i].name, name) == 0) return &node->attrs[i];
    return NULL;
}

const sn_onnx_tensor *sn_onnx_find_initializer(const sn_onnx *m, const char *name) {
    for (size_t i = 0; i < m->n_initializers; i++)
        if (strcmp(m->initializers[i].name, name) == 0) return &m->initializers[i];
    return NULL;
}

// --- checking

// A name and the moment from which on it is known: 0 = from the start, i + 1 = after node i.
typedef struct {
    const char *name;
    size_t since;
} known;

typedef struct {
    known *items;
    size_t n, capacity;
} names;

static int by_name(const void *a, const void *b) {
    return strcmp(((const known *)a)->name, ((const known *)b)->name);
}

static sn_status add_name(names *all, const char *what, const char *name, size_t since) {
    if (!*name || !sn_utf8_valid(name)) return sn_error(SN_DATA, "a name of %s is empty or not UTF-8", what);
    SN_TRY(sn_grow(&all->items, &all->capacity, all->n + 1, sizeof *all->items));
    all->items[all->n++] = (known){name, since};
    return SN_OK;
}

// Sorts; each name only once.
static sn_status close_names(names *all, const char *what) {
    if (all->n) qsort(all->items, all->n, sizeof *all->items, by_name);
    for (size_t i = 1; i < all->n; i++)
        if (strcmp(all->items[i - 1].name, all->items[i].name) == 0)
            return sn_error(SN_DATA, "%s '%s' comes twice", what, all->items[i].name);
    return SN_OK;
}

static sn_status need(const names *values, const char *name, size_t when, const char *what, const char *by) {
    const known key = {name, 0}, *found = values->n ? bsearch(&key, values->items, values->n, sizeof key, by_name) : NULL;
    if (found && found->since <= when) return SN_OK;
    return sn_error(SN_DATA, "%s '%s' needs value '%s', which %s", what, by, name, found ? "is made later" : "nothing makes");
}

static sn_status gather_values(const sn_onnx *m, names *values) {
    for (size_t i = 0; i < m->n_inputs; i++) SN_TRY(add_name(values, "an input", m->inputs[i].name, 0));
    for (size_t i = 0; i < m->n_initializers; i++) SN_TRY(add_name(values, "an initializer", m->initializers[i].name, 0));
    for (size_t i = 0; i < m->n_nodes; i++)
        for (size_t k = 0; k < m->nodes[i].n_outputs; k++)
            SN_TRY(add_name(values, "a node's output", m->nodes[i].outputs[k], i + 1));
    return close_names(values, "value");
}

static sn_status check_node(const sn_onnx_node *node, size_t i, const names *values) {
    if (!*node->op || !sn_utf8_valid(node->op)) return sn_error(SN_DATA, "node '%s' has no operator", node->name);
    if (!node->n_outputs) return sn_error(SN_DATA, "node '%s' makes no value", node->name);
    for (size_t k = 0; k < node->n_inputs; k++)
        if (*node->inputs[k]) SN_TRY(need(values, node->inputs[k], i, "node", node->name));
    for (size_t k = 0; k < node->n_attrs; k++) {
        const sn_onnx_attr *a = &node->attrs[k];
        if (!*a->name || !sn_utf8_valid(a->name) || (a->kind == SN_ONNX_STRING && !sn_utf8_valid(a->string)) ||
            sn_onnx_find_attr(node, a->name) != a)
            return sn_error(SN_DATA, "node '%s': attribute '%s' is not UTF-8, without name, or comes twice", node->name, a->name);
    }
    return SN_OK;
}

// Every value and node and note has a name of its own.
static sn_status check_names(const sn_onnx *m, names *values, names *nodes, names *notes) {
    SN_TRY(gather_values(m, values));
    for (size_t i = 0; i < m->n_nodes; i++) SN_TRY(add_name(nodes, "a node", m->nodes[i].name, 0));
    SN_TRY(close_names(nodes, "node"));
    for (size_t i = 0; i < m->n_notes; i++) {
        if (!sn_utf8_valid(m->notes[i].value)) return sn_error(SN_DATA, "note '%s' is not UTF-8", m->notes[i].key);
        SN_TRY(add_name(notes, "a note", m->notes[i].key, 0));
    }
    return close_names(notes, "note");
}

static sn_status check_graph(const sn_onnx *m, const names *values) {
    const char *texts[] = {m->name, m->producer, m->producer_version};
    for (int i = 0; i < 3; i++)
        if (!*texts[i] || !sn_utf8_valid(texts[i]))
            return sn_error(SN_DATA, "name, producer or its version is empty or not UTF-8");
    for (size_t i = 0; i < m->n_nodes; i++) SN_TRY(check_node(&m->nodes[i], i, values));
    if (!m->n_inputs || !m->n_outputs) return sn_error(SN_DATA, "no input or no output");
    for (size_t i = 0; i < m->n_outputs; i++) {
        SN_TRY(need(values, m->outputs[i].name, m->n_nodes, "the model's output", m->outputs[i].name));
        for (size_t k = 0; k < i; k++)
            if (strcmp(m->outputs[k].name, m->outputs[i].name) == 0)
                return sn_error(SN_DATA, "output '%s' comes twice", m->outputs[i].name);
    }
    return SN_OK;
}

sn_status sn_onnx_check(const sn_onnx *m) {
    names values = {0}, nodes = {0}, notes = {0};
    sn_status status = check_names(m, &values, &nodes, &notes);
    if (status == SN_OK) status = check_graph(m, &values);
    free(values.items);
    free(nodes.items);
    free(notes.items);
    return status;
}
