// Models to bytes and files, through the C that protoc-c makes of onnx.proto; see onnx.h.
// The tree for protobuf-c borrows texts and data from the model.
// Next: onnx_decode.c.
#include "io/files/atomic.h"
#include "io/files/onnx.h"

#include <onnx.pb-c.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian");

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
    case SN_ONNX_STRING:
        to->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
        to->has_s = 1;
        to->s = (ProtobufCBinaryData){strlen(from->string), plain(from->string)};
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
    to->n_output = from->n_outputs;
    to->output = plain(from->outputs);
    to->n_attribute = from->n_attrs;
    if (!(to->attribute = messages(a, from->n_attrs, &onnx__attribute_proto__descriptor))) return false;
    for (size_t i = 0; i < from->n_attrs; i++) fill_attr(&from->attrs[i], to->attribute[i]);
    return true;
}

static bool fill_tensor(sn_region *a, const sn_onnx_tensor *from, Onnx__TensorProto *to) {
    to->name = plain(from->name);
    to->n_dims = (size_t)from->ndim;
    if (!(to->dims = sn_region_new(a, to->n_dims, sizeof *to->dims))) return false;
    for (int i = 0; i < from->ndim; i++) to->dims[i] = (int64_t)from->dims[i];
    to->has_data_type = to->has_raw_data = 1;
    to->data_type = from->f32 ? ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT : ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    to->raw_data.len = from->n * (from->f32 ? sizeof *from->f32 : sizeof *from->i64);
    to->raw_data.data = from->f32 ? plain(from->f32) : plain(from->i64);
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
    to->name = plain(m->name);
    to->n_node = m->n_nodes;
    to->n_initializer = m->n_initializers;
    to->n_input = m->n_inputs;
    to->n_output = m->n_outputs;
    bool good = (to->node = messages(a, m->n_nodes, &onnx__node_proto__descriptor)) &&
                (to->initializer = messages(a, m->n_initializers, &onnx__tensor_proto__descriptor)) &&
                (to->input = messages(a, m->n_inputs, &onnx__value_info_proto__descriptor)) &&
                (to->output = messages(a, m->n_outputs, &onnx__value_info_proto__descriptor));
    for (size_t i = 0; good && i < m->n_nodes; i++) good = fill_node(a, &m->nodes[i], to->node[i]);
    for (size_t i = 0; good && i < m->n_initializers; i++) good = fill_tensor(a, &m->initializers[i], to->initializer[i]);
    for (size_t i = 0; good && i < m->n_inputs; i++) good = fill_value(a, &m->inputs[i], to->input[i]);
    for (size_t i = 0; good && i < m->n_outputs; i++) good = fill_value(a, &m->outputs[i], to->output[i]);
    return good;
}

static Onnx__ModelProto *make_tree(sn_region *a, const sn_onnx *m) {
    Onnx__ModelProto *to = message(a, &onnx__model_proto__descriptor);
    if (!to) return NULL;
    to->has_ir_version = 1;
    to->ir_version = SN_ONNX_IR;
    to->producer_name = plain(m->producer);
    to->producer_version = plain(m->producer_version);
    to->n_opset_import = 1;
    to->n_metadata_props = m->n_notes;
    if (!(to->opset_import = messages(a, 1, &onnx__operator_set_id_proto__descriptor)) ||
        !(to->metadata_props = messages(a, m->n_notes, &onnx__string_string_entry_proto__descriptor)) ||
        !(to->graph = message(a, &onnx__graph_proto__descriptor)) || !fill_graph(a, m, to->graph))
        return NULL;
    to->opset_import[0]->domain = plain("");
    to->opset_import[0]->has_version = 1;
    to->opset_import[0]->version = SN_ONNX_OPSET;
    for (size_t i = 0; i < m->n_notes; i++) {
        to->metadata_props[i]->key = plain(m->notes[i].key);
        to->metadata_props[i]->value = plain(m->notes[i].value);
    }
    return to;
}

sn_status sn_onnx_encode(const sn_onnx *m, unsigned char **bytes, size_t *size) {
    SN_TRY(sn_onnx_check(m));
    sn_region memory = {0};
    sn_status status = SN_RESOURCE;
    const Onnx__ModelProto *tree = make_tree(&memory, m);
    if (tree) {
        size_t n = onnx__model_proto__get_packed_size(tree);
        unsigned char *p = NULL;
        if (n > INT32_MAX)
            status = sn_error(SN_RESOURCE, "the model has %zu bytes; an ONNX file holds at most 2 GiB", n);
        else if ((p = sn_new(n, 1))) {
            onnx__model_proto__pack(tree, p);
            *bytes = p;
            *size = n;
            status = SN_OK;
        }
    }
    sn_region_free(&memory);
    return status;
}

sn_status sn_onnx_save(const sn_onnx *m, const char *path) {
    unsigned char *bytes;
    size_t size;
    sn_status status = sn_onnx_encode(m, &bytes, &size);
    if (status != SN_OK) return sn_error_prefix(status, "%s: cannot write the model", path);
    status = sn_atomic_save(path, &(sn_piece){bytes, size}, 1);
    free(bytes);
    return status;
}
