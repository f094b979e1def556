// Building ONNX models; models to files through the C that protoc-c makes of onnx.proto, and back. See onnx.h.
// Not here: what an operator means. Next: tensors.h, atomic.h.
#include "io/files/onnx.h"

#include "io/files/atomic.h"

#include <onnx.pb-c.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian");

// ---------------------------------------------------------------- building
bool sn_onnx_has(const sn_onnx *m, const char *name) {
    if ((m->input.name && !strcmp(m->input.name, name)) || sn_tensors_find(&m->tensors, name)) return true;
    for (size_t i = 0; i < m->n_nodes; i++)
        if (!strcmp(m->nodes[i].output, name)) return true;
    return false;
}

sn_status sn_onnx_add_node(sn_onnx *m, const char *op, const char *name, size_t n_inputs, const char *const *inputs,
                           const char *output) {
    if (sn_onnx_has(m, output)) return sn_error(SN_DATA, "node '%s': the value '%s' is made already", name, output);
    for (size_t i = 0; i < m->n_nodes; i++)
        if (!strcmp(m->nodes[i].name, name)) return sn_error(SN_DATA, "node '%s' comes twice", name);
    SN_TRY(sn_grow(&m->nodes, &m->nodes_capacity, m->n_nodes + 1, sizeof *m->nodes));
    sn_onnx_node node = {.op = sn_region_text(&m->memory, op),
                         .name = sn_region_text(&m->memory, name),
                         .output = sn_region_text(&m->memory, output),
                         .inputs = sn_region_new(&m->memory, n_inputs, sizeof *node.inputs),
                         .n_inputs = n_inputs};
    if (!node.op || !node.name || !node.output || !node.inputs) return SN_RESOURCE;
    for (size_t i = 0; i < n_inputs; i++) {
        if (!sn_onnx_has(m, inputs[i]))
            return sn_error(SN_DATA, "node '%s' needs value '%s', which nothing makes", name, inputs[i]);
        if (!(node.inputs[i] = sn_region_text(&m->memory, inputs[i]))) return SN_RESOURCE;
    }
    m->nodes[m->n_nodes++] = node;
    return SN_OK;
}

static sn_status add_attr(sn_onnx *m, const char *name, sn_onnx_attr attr) {
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

sn_status sn_onnx_attr_ints(sn_onnx *m, const char *name, size_t n, const int64_t *values) {
    const int64_t *copy = sn_region_copy(&m->memory, values, n, sizeof *copy);
    return copy ? add_attr(m, name, (sn_onnx_attr){.kind = SN_ONNX_INTS, .ints = copy, .n = n}) : SN_RESOURCE;
}

const sn_onnx_attr *sn_onnx_find_attr(const sn_onnx_node *node, const char *name) {
    for (size_t i = 0; i < node->n_attrs; i++)
        if (!strcmp(node->attrs[i].name, name)) return &node->attrs[i];
    return NULL;
}

void sn_onnx_free(sn_onnx *m) {
    for (size_t i = 0; i < m->n_nodes; i++) free(m->nodes[i].attrs);
    free(m->nodes);
    sn_tensors_free(&m->tensors);
    sn_region_free(&m->memory);
    *m = (sn_onnx){0};
}

// ---------------------------------------------------------------- writing: a tree that borrows texts and data from the model
// protobuf-c's fields are not const; packing only reads them.
static void *plain(const void *p) {
    return (void *)(uintptr_t)p;
}

// n messages of a kind, initialised: an array of pointers to them, from the region. NULL when out of memory.
static void *messages(sn_region *a, size_t n, const ProtobufCMessageDescriptor *kind) {
    char *pointers = sn_region_new(a, n, sizeof(void *)), *items = sn_region_new(a, n, kind->sizeof_message);
    if (!pointers || !items) return NULL;
    for (size_t i = 0; i < n; i++) {
        void *item = items + i * kind->sizeof_message;
        protobuf_c_message_init(kind, item);
        memcpy(pointers + i * sizeof(void *), &item, sizeof item);
    }
    return pointers;
}

static void *message(sn_region *a, const ProtobufCMessageDescriptor *kind) {
    void *p, *pointers = messages(a, 1, kind);
    if (!pointers) return NULL;
    memcpy(&p, pointers, sizeof p);
    return p;
}

static void fill_attr(const sn_onnx_attr *from, Onnx__AttributeProto *to) {
    to->name = plain(from->name);
    to->has_type = 1;
    switch (from->kind) {
    case SN_ONNX_FLOAT:
        to->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
        to->has_f = 1;
        to->f = from->f;
        break;
    case SN_ONNX_INT:
        to->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        to->has_i = 1;
        to->i = from->i;
        break;
    case SN_ONNX_INTS:
        to->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        to->n_ints = from->n;
        to->ints = plain(from->ints);
        break;
    }
}

static bool fill_node(sn_region *a, const sn_onnx_node *from, Onnx__NodeProto *to) {
    to->op_type = plain(from->op);
    to->name = plain(from->name);
    to->n_input = from->n_inputs;
    to->input = plain(from->inputs);
    to->n_output = 1;
    to->n_attribute = from->n_attrs;
    if (!(to->output = sn_region_copy(a, &from->output, 1, sizeof from->output)) ||
        !(to->attribute = messages(a, from->n_attrs, &onnx__attribute_proto__descriptor)))
        return false;
    for (size_t i = 0; i < from->n_attrs; i++) fill_attr(&from->attrs[i], to->attribute[i]);
    return true;
}

static bool fill_tensor(sn_region *a, const sn_tensor *from, Onnx__TensorProto *to) {
    to->name = plain(from->name);
    to->n_dims = (size_t)from->ndim;
    if (!(to->dims = sn_region_new(a, to->n_dims, sizeof *to->dims))) return false;
    for (int i = 0; i < from->ndim; i++) to->dims[i] = (int64_t)from->dims[i];
    to->has_data_type = to->has_raw_data = 1;
    to->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    to->raw_data = (ProtobufCBinaryData){from->n * sizeof *from->data, (uint8_t *)from->data};
    return true;
}

static bool fill_value(sn_region *a, const sn_onnx_value *from, Onnx__ValueInfoProto *to) {
    to->name = plain(from->name);
    Onnx__TypeProto *type = to->type = message(a, &onnx__type_proto__descriptor);
    Onnx__TypeProto__Tensor *tensor = message(a, &onnx__type_proto__tensor__descriptor);
    Onnx__TensorShapeProto *shape = message(a, &onnx__tensor_shape_proto__descriptor);
    if (!type || !tensor || !shape) return false;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = shape;
    shape->n_dim = (size_t)from->ndim;
    if (!(shape->dim = messages(a, shape->n_dim, &onnx__tensor_shape_proto__dimension__descriptor))) return false;
    for (int i = 0; i < from->ndim; i++)
        if (from->dims[i] == SN_ONNX_BATCH) {
            shape->dim[i]->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            shape->dim[i]->dim_param = plain("N");
        } else {
            shape->dim[i]->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            shape->dim[i]->dim_value = from->dims[i];
        }
    return true;
}

static bool fill_graph(sn_region *a, const sn_onnx *m, Onnx__GraphProto *to) {
    to->name = plain("subnet");
    to->n_node = m->n_nodes;
    to->n_initializer = m->tensors.n;
    to->n_input = to->n_output = 1;
    bool good = (to->node = messages(a, m->n_nodes, &onnx__node_proto__descriptor)) &&
                (to->initializer = messages(a, m->tensors.n, &onnx__tensor_proto__descriptor)) &&
                (to->input = messages(a, 1, &onnx__value_info_proto__descriptor)) &&
                (to->output = messages(a, 1, &onnx__value_info_proto__descriptor)) && fill_value(a, &m->input, to->input[0]) &&
                fill_value(a, &m->output, to->output[0]);
    for (size_t i = 0; good && i < m->n_nodes; i++) good = fill_node(a, &m->nodes[i], to->node[i]);
    for (size_t i = 0; good && i < m->tensors.n; i++) good = fill_tensor(a, &m->tensors.item[i], to->initializer[i]);
    return good;
}

static Onnx__ModelProto *make_tree(sn_region *a, const sn_onnx *m) {
    const sn_tensors *t = &m->tensors;
    Onnx__ModelProto *to = message(a, &onnx__model_proto__descriptor);
    if (!to) return NULL;
    to->has_ir_version = 1;
    to->ir_version = SN_ONNX_IR;
    to->producer_name = plain("supernet");
    to->producer_version = plain(SN_VERSION);
    to->n_opset_import = 1;
    to->n_metadata_props = t->n_notes;
    if (!(to->opset_import = messages(a, 1, &onnx__operator_set_id_proto__descriptor)) ||
        !(to->metadata_props = messages(a, t->n_notes, &onnx__string_string_entry_proto__descriptor)) ||
        !(to->graph = message(a, &onnx__graph_proto__descriptor)) || !fill_graph(a, m, to->graph))
        return NULL;
    to->opset_import[0]->domain = plain("");
    to->opset_import[0]->has_version = 1;
    to->opset_import[0]->version = SN_ONNX_OPSET;
    for (size_t i = 0; i < t->n_notes; i++) {
        to->metadata_props[i]->key = plain(t->note[i].key);
        to->metadata_props[i]->value = plain(t->note[i].value);
    }
    return to;
}

sn_status sn_onnx_save(const sn_onnx *m, const char *path) {
    sn_region memory = {0};
    const Onnx__ModelProto *tree = make_tree(&memory, m);
    size_t n = tree ? onnx__model_proto__get_packed_size(tree) : 0;
    unsigned char *bytes = tree && n <= INT32_MAX ? sn_new(n, 1) : NULL;
    sn_status s = n <= INT32_MAX ? SN_RESOURCE : sn_error(SN_RESOURCE, "%zu bytes; an ONNX file holds at most 2 GiB", n);
    if (bytes) {
        onnx__model_proto__pack(tree, bytes);
        s = sn_atomic_save(path, &(sn_piece){bytes, n}, 1);
    }
    sn_region_free(&memory);
    free(bytes);
    return s;
}

// ---------------------------------------------------------------- reading back: the tree that protobuf-c makes, for its meaning
static const char *text_or_empty(const char *text) {
    return text ? text : "";
}

static sn_status read_attr(sn_onnx *m, const char *node, const Onnx__AttributeProto *a) {
    const char *name = text_or_empty(a->name);
    switch (a->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        return sn_onnx_attr_f32(m, name, a->f);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        return sn_onnx_attr_int(m, name, a->i);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        return sn_onnx_attr_ints(m, name, a->n_ints, a->ints);
    default:
        return sn_error(SN_DATA, "node '%s': attribute '%s' is of kind %d", node, name, (int)a->type);
    }
}

static sn_status read_node(sn_onnx *m, const Onnx__NodeProto *node) {
    const char *name = text_or_empty(node->name);
    if (node->n_output != 1) return sn_error(SN_DATA, "node '%s' makes %zu values", name, node->n_output);
    SN_TRY(sn_onnx_add_node(m, text_or_empty(node->op_type), name, node->n_input, (const char *const *)node->input,
                            node->output[0]));
    for (size_t i = 0; i < node->n_attribute; i++) SN_TRY(read_attr(m, name, node->attribute[i]));
    return SN_OK;
}

static sn_status read_tensor(sn_onnx *m, const Onnx__TensorProto *t) {
    const char *name = text_or_empty(t->name);
    size_t dims[SN_TENSOR_RANK], bytes = sizeof(float);
    bool fits = t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT && t->n_dims <= SN_TENSOR_RANK;
    for (size_t i = 0; fits && i < t->n_dims; i++) fits = !__builtin_mul_overflow(bytes, dims[i] = (size_t)t->dims[i], &bytes);
    if (!fits || bytes != t->raw_data.len)
        return sn_error(SN_DATA, "tensor '%s': is not float32, or its shape does not fit its %zu bytes", name, t->raw_data.len);
    float *data;
    SN_TRY(sn_tensors_add(&m->tensors, name, (int)t->n_dims, dims, &data));
    if (bytes) memcpy(data, t->raw_data.data, bytes);
    return SN_OK;
}

static sn_status read_value(sn_onnx *m, const Onnx__ValueInfoProto *v, sn_onnx_value *out) {
    const Onnx__TypeProto *type = v->type;
    const Onnx__TensorShapeProto *shape =
        type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ? type->tensor_type->shape : NULL;
    if (!(out->name = sn_region_text(&m->memory, text_or_empty(v->name)))) return SN_RESOURCE;
    if (!shape || type->tensor_type->elem_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT || shape->n_dim > SN_ONNX_RANK)
        return sn_error(SN_DATA, "value '%s': is no float32 tensor with a shape of 0 to %d sizes", out->name, SN_ONNX_RANK);
    out->ndim = (int)shape->n_dim;
    for (int i = 0; i < out->ndim; i++) // a symbol can only be N
        out->dims[i] = shape->dim[i]->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE
                           ? shape->dim[i]->dim_value
                           : SN_ONNX_BATCH;
    return SN_OK;
}

static sn_status read_model(const Onnx__ModelProto *from, sn_onnx *m) {
    const Onnx__GraphProto *g = from->graph;
    if (from->ir_version != SN_ONNX_IR || from->n_opset_import != 1 || from->opset_import[0]->version != SN_ONNX_OPSET)
        return sn_error(SN_DATA, "not of IR version %d and opset %d", SN_ONNX_IR, SN_ONNX_OPSET);
    if (!g || g->n_input != 1 || g->n_output != 1) return sn_error(SN_DATA, "not a graph with one input and one output");
    SN_TRY(read_value(m, g->input[0], &m->input));
    SN_TRY(read_value(m, g->output[0], &m->output));
    for (size_t i = 0; i < g->n_initializer; i++) SN_TRY(read_tensor(m, g->initializer[i]));
    for (size_t i = 0; i < g->n_node; i++) SN_TRY(read_node(m, g->node[i]));
    for (size_t i = 0; i < from->n_metadata_props; i++)
        SN_TRY(sn_tensors_note(&m->tensors, text_or_empty(from->metadata_props[i]->key),
                               text_or_empty(from->metadata_props[i]->value)));
    return SN_OK;
}

sn_status sn_onnx_load(const char *path, size_t cap, sn_onnx *out) {
    unsigned char *bytes;
    size_t size;
    SN_TRY(sn_file_read(path, cap, &bytes, &size));
    Onnx__ModelProto *tree = onnx__model_proto__unpack(NULL, size, bytes);
    free(bytes); // the tree has copies
    sn_status s = tree ? read_model(tree, out) : sn_error(SN_DATA, "not an ONNX model, or damaged");
    onnx__model_proto__free_unpacked(tree, NULL);
    if (s == SN_OK) return SN_OK;
    sn_onnx_free(out);
    return sn_error_prefix(s, "%s", path);
}
