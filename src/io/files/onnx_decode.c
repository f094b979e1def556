// Bytes and files to models; see onnx.h.
// protobuf-c is not called before nesting has been measured (it recurses without limit), and gets bounded memory. What it made is
// then read for its meaning; anything that has none here is found by encoding the result again and comparing.
// Next: onnx.c.
#include "io/files/atomic.h"
#include "io/files/onnx.h"

#include <onnx.pb-c.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 10 }; // model, graph, input, type, tensor, shape, size: 7

// --- before protobuf-c

// A protobuf number; false at the end of the bytes or beyond 64 bits.
static bool varint(const unsigned char **p, const unsigned char *end, uint64_t *out) {
    *out = 0;
    for (int shift = 0; shift < 64 && *p < end; shift += 7) {
        unsigned char byte = *(*p)++;
        *out |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return true;
    }
    return false;
}

// Walks the fields of a message of this kind and of those in it; NULL, or what is wrong.
static const char *scan(const ProtobufCMessageDescriptor *kind, const unsigned char *p, const unsigned char *end, int depth) {
    if (depth > DEPTH) return "messages lie deeper in each other than a model's do";
    while (p < end) {
        uint64_t key, n;
        if (!varint(&p, end, &key) || key >> 3 == 0 || key >> 3 > INT32_MAX) return "a field has no number";
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(kind, (unsigned)(key >> 3));
        switch (key & 7) {
        case 0:
            if (!varint(&p, end, &n)) return "a number is cut";
            continue;
        case 1:
            n = 8;
            break;
        case 5:
            n = 4;
            break;
        case 2:
            if (!varint(&p, end, &n)) return "a length is cut";
            break;
        default:
            return "a field is of no known form";
        }
        if (n > (size_t)(end - p)) return "a field is cut";
        if ((key & 7) == 2 && field && field->type == PROTOBUF_C_TYPE_STRING && memchr(p, 0, (size_t)n))
            return "a text holds a 0";
        if ((key & 7) == 2 && field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
            const char *wrong = scan(field->descriptor, p, p + n, depth + 1);
            if (wrong) return wrong;
        }
        p += n;
    }
    return NULL;
}

static void *bounded_new(void *left, size_t size) {
    size_t *budget = left;
    if (size > *budget) return NULL;
    *budget -= size;
    return malloc(size);
}

static void bounded_free(void *left, void *p) {
    (void)left;
    free(p);
}

// --- after it

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
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING: {
        char *text = sn_region_new(&m->memory, a->s.len + 1, 1);
        if (!text) return SN_RESOURCE;
        if (a->s.len) memcpy(text, a->s.data, a->s.len);
        return sn_onnx_attr_string(m, name, text);
    }
    default:
        return sn_error(SN_DATA, "node '%s': attribute '%s' is of kind %d, which this program does not write", node, name,
                        (int)a->type);
    }
}

static sn_status read_node(sn_onnx *m, const Onnx__NodeProto *node) {
    const char *name = text_or_empty(node->name);
    if (node->domain && *node->domain)
        return sn_error(SN_DATA, "node '%s': operators of the domain '%s' are not known", name, node->domain);
    SN_TRY(sn_onnx_add_node(m, text_or_empty(node->op_type), name, node->n_input, (const char *const *)node->input,
                            node->n_output, (const char *const *)node->output));
    for (size_t i = 0; i < node->n_attribute; i++) SN_TRY(read_attr(m, name, node->attribute[i]));
    return SN_OK;
}

static sn_status read_tensor(sn_onnx *m, const Onnx__TensorProto *t) {
    const char *name = text_or_empty(t->name);
    bool integers = t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    if (t->n_external_data || t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return sn_error(SN_DATA, "initializer '%s': its data are in another file", name);
    if (!integers && t->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
        return sn_error(SN_DATA, "initializer '%s': data type %d; allowed are float32 and int64", name, (int)t->data_type);
    size_t dims[SN_ONNX_RANK], bytes = integers ? sizeof(int64_t) : sizeof(float);
    if (t->n_dims > SN_ONNX_RANK)
        return sn_error(SN_DATA, "initializer '%s': %zu dimensions; allowed are 0 to %d", name, t->n_dims, SN_ONNX_RANK);
    bool fits = true;
    for (size_t i = 0; i < t->n_dims; i++) {
        dims[i] = (size_t)t->dims[i];
        fits = fits && t->dims[i] >= 0 && !__builtin_mul_overflow(bytes, dims[i], &bytes);
    }
    if (!fits || bytes != t->raw_data.len)
        return sn_error(SN_DATA, "initializer '%s': its shape does not fit its %zu bytes of raw data", name, t->raw_data.len);
    const void *data = t->raw_data.data; // malloc made its room, so it is aligned
    return integers ? sn_onnx_add_i64(m, name, (int)t->n_dims, dims, data) : sn_onnx_add_f32(m, name, (int)t->n_dims, dims, data);
}

static sn_status read_value(sn_onnx *m, const Onnx__ValueInfoProto *v,
                            sn_status (*add)(sn_onnx *m, const char *name, int ndim, const int64_t *dims)) {
    const char *name = text_or_empty(v->name);
    if (!v->type || v->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || !v->type->tensor_type->shape ||
        v->type->tensor_type->elem_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
        return sn_error(SN_DATA, "value '%s': is no float32 tensor with a shape", name);
    const Onnx__TensorShapeProto *shape = v->type->tensor_type->shape;
    int64_t dims[SN_ONNX_RANK];
    if (shape->n_dim > SN_ONNX_RANK)
        return sn_error(SN_DATA, "value '%s': %zu dimensions; allowed are 0 to %d", name, shape->n_dim, SN_ONNX_RANK);
    for (size_t i = 0; i < shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *d = shape->dim[i];
        bool symbol = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        if (symbol ? strcmp(d->dim_param, "N") != 0
                   : d->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE || d->dim_value < 0)
            return sn_error(SN_DATA, "value '%s': size %zu is neither a number nor N", name, i);
        dims[i] = symbol ? SN_ONNX_BATCH : d->dim_value;
    }
    return add(m, name, (int)shape->n_dim, dims);
}

static sn_status read_graph(sn_onnx *m, const Onnx__GraphProto *g) {
    for (size_t i = 0; i < g->n_node; i++) SN_TRY(read_node(m, g->node[i]));
    for (size_t i = 0; i < g->n_initializer; i++) SN_TRY(read_tensor(m, g->initializer[i]));
    for (size_t i = 0; i < g->n_input; i++) SN_TRY(read_value(m, g->input[i], sn_onnx_add_input));
    for (size_t i = 0; i < g->n_output; i++) SN_TRY(read_value(m, g->output[i], sn_onnx_add_output));
    return SN_OK;
}

static sn_status read_model(const Onnx__ModelProto *from, sn_onnx **out) {
    if (from->ir_version != SN_ONNX_IR || from->n_opset_import != 1 || from->opset_import[0]->version != SN_ONNX_OPSET)
        return sn_error(SN_DATA, "IR version %lld, opset %lld; this program reads IR version %d, opset %d",
                        (long long)from->ir_version, from->n_opset_import ? (long long)from->opset_import[0]->version : 0,
                        SN_ONNX_IR, SN_ONNX_OPSET);
    if (!from->graph) return sn_error(SN_DATA, "it has no graph");
    sn_onnx *m;
    SN_TRY(sn_onnx_new(text_or_empty(from->graph->name), text_or_empty(from->producer_name),
                       text_or_empty(from->producer_version), &m));
    sn_status status = read_graph(m, from->graph);
    for (size_t i = 0; status == SN_OK && i < from->n_metadata_props; i++)
        status = sn_onnx_add_note(m, text_or_empty(from->metadata_props[i]->key), text_or_empty(from->metadata_props[i]->value));
    if (status == SN_OK)
        *out = m;
    else
        sn_onnx_free(m);
    return status;
}

// Whether encoding gives the very bytes: then nothing in them was overlooked.
static sn_status check_same(const sn_onnx *m, const unsigned char *bytes, size_t size) {
    unsigned char *again;
    size_t n;
    SN_TRY(sn_onnx_encode(m, &again, &n));
    bool same = n == size && memcmp(again, bytes, n) == 0;
    free(again);
    return same ? SN_OK : sn_error(SN_DATA, "it holds something, or is put in a way, that this program does not write");
}

sn_status sn_onnx_decode(const unsigned char *bytes, size_t size, sn_onnx **out) {
    if (size > INT32_MAX) return sn_error(SN_DATA, "%zu bytes; an ONNX file holds at most 2 GiB", size);
    const char *wrong = size ? scan(&onnx__model_proto__descriptor, bytes, bytes + size, 1) : "it is empty";
    if (wrong) return sn_error(SN_DATA, "not an ONNX model, or damaged: %s", wrong);
    size_t budget = 4 * size + (16 << 20);
    ProtobufCAllocator bounded = {bounded_new, bounded_free, &budget};
    Onnx__ModelProto *tree = onnx__model_proto__unpack(&bounded, size, bytes);
    if (!tree) return sn_error(SN_DATA, "not an ONNX model, or damaged: protobuf cannot read it");
    sn_onnx *m = NULL;
    sn_status status = read_model(tree, &m);
    onnx__model_proto__free_unpacked(tree, &bounded);
    if (status == SN_OK) status = check_same(m, bytes, size);
    if (status == SN_OK)
        *out = m;
    else
        sn_onnx_free(m);
    return status == SN_USAGE ? SN_DATA : status;
}

sn_status sn_onnx_load(const char *path, size_t cap, sn_onnx **out) {
    unsigned char *bytes;
    size_t size;
    SN_TRY(sn_file_read(path, cap, &bytes, &size));
    sn_status status = sn_onnx_decode(bytes, size, out);
    free(bytes);
    return status == SN_OK ? SN_OK : sn_error_prefix(status, "%s", path);
}
