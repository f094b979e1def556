// Tensors of an arch in file order, and the notes about it; see export_parts.h.
#include "supernet/export/export_parts.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- tensors
void sn_export_tensors_free(sn_export_tensors *t) {
    for (size_t i = 0; i < t->n; i++) {
        free(t->item[i].name);
        free(t->item[i].data);
    }
    free(t->item);
    *t = (sn_export_tensors){0};
}

sn_status sn_export_add(sn_export_tensors *t, char *name, int ndim, const size_t *dims, float *data) {
    sn_status s = name && data ? sn_grow(&t->item, &t->capacity, t->n + 1, sizeof *t->item) : SN_RESOURCE;
    if (s != SN_OK) {
        free(name);
        free(data);
        return s;
    }
    sn_export_tensor *x = &t->item[t->n++];
    *x = (sn_export_tensor){.name = name, .ndim = ndim, .data = data};
    for (int i = 0; i < ndim; i++) x->dims[i] = dims[i];
    return SN_OK;
}

float *sn_export_numbers(const sn_supernet *net, int param) {
    const sn_param *p = &net->graph->params.param[param];
    float *memory = sn_new((size_t)p->size, sizeof *memory), *file = sn_new((size_t)p->size, sizeof *file);
    if (memory && file) {
        sn_supernet_get(net, SN_BUFFER_WEIGHTS, param, memory);
        sn_param_to_file(p, memory, file);
        free(memory);
        return file;
    }
    free(memory);
    free(file);
    return NULL;
}

sn_status sn_export_add_param(sn_export_tensors *t, const sn_supernet *net, int param) {
    const sn_param *p = &net->graph->params.param[param];
    uint64_t wide[4];
    size_t dims[4];
    int ndim = sn_param_dims(p, wide);
    for (int i = 0; i < ndim; i++) dims[i] = (size_t)wide[i];
    return sn_export_add(t, sn_strdup(p->name), ndim, dims, sn_export_numbers(net, param));
}

sn_status sn_export_add_stats(sn_export_tensors *t, const sn_supernet *net, int stats) {
    const sn_stats *s = &net->graph->params.stats[stats];
    size_t c = (size_t)s->c;
    float *mean = sn_new(c, sizeof *mean), *var = sn_new(c, sizeof *var);
    if (!mean || !var) {
        free(mean);
        free(var);
        return SN_RESOURCE;
    }
    sn_supernet_get_stats(net, stats, mean, var);
    sn_status first = sn_export_add(t, sn_format("%s.running_mean", s->name), 1, &c, mean);
    sn_status second = sn_export_add(t, sn_format("%s.running_var", s->name), 1, &c, var);
    return first == SN_OK ? second : first;
}

static bool name_fits(const char *name) {
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return *name && strspn(name, alphabet) == strlen(name);
}

sn_status sn_export_live(const sn_supernet *net, const sn_arch *a, uint8_t **live, int64_t *params) {
    const sn_graph *g = net->graph;
    uint8_t *l = sn_new((size_t)g->n, 1);
    if (!l) return SN_RESOURCE;
    sn_graph_live(g, a, l);
    *params = 0;
    for (int i = 0; i < g->n; i++) {
        const sn_node *n = &g->node[i];
        if (!l[i]) continue;
        if (!name_fits(n->name)) {
            free(l);
            return sn_error(
                SN_FAIL, "node '%s' cannot be exported under this name; allowed are letters, digits, '.', '_' and '-'", n->name);
        }
        if (n->weight >= 0) *params += g->params.param[n->weight].size;
        if (n->bias >= 0) *params += g->params.param[n->bias].size;
    }
    *live = l;
    return SN_OK;
}

// ---------------------------------------------------------------- notes
void sn_export_notes_free(sn_export_notes *notes) {
    for (size_t i = 0; i < notes->n; i++) {
        free((char *)notes->item[i].key);
        free((char *)notes->item[i].value);
    }
    free(notes->item);
    *notes = (sn_export_notes){0};
}

// Takes over both texts.
static sn_status add_note(sn_export_notes *notes, char *key, char *value) {
    sn_status s = key && value ? sn_grow(&notes->item, &notes->capacity, notes->n + 1, sizeof *notes->item) : SN_RESOURCE;
    if (s != SN_OK) {
        free(key);
        free(value);
        return s;
    }
    notes->item[notes->n++] = (sn_export_note){key, value};
    return SN_OK;
}

sn_status sn_export_note_add(sn_export_notes *notes, const char *key, const char *value) {
    return add_note(notes, sn_strdup(key), sn_strdup(value));
}

// Takes over a JSON value and writes it as a note.
static sn_status add_json(sn_export_notes *notes, const char *key, json_t *json) {
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(json);
    if (!text) return sn_error(SN_RESOURCE, "out of memory: the metadata '%s'", key);
    sn_status s = sn_export_note_add(notes, key, text);
    free(text);
    return s;
}

static json_t *numbers(const double *v, int n) {
    json_t *list = json_array();
    for (int i = 0; list && i < n; i++)
        if (json_array_append_new(list, json_real(v[i]))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

// Names from folders may be no UTF-8: bytes that cannot be written become '?'.
static json_t *text_of(const char *name) {
    json_t *text = json_string(name);
    char *plain = text ? NULL : sn_strdup(name);
    for (char *p = plain; p && *p; p++)
        if ((unsigned char)*p >= 0x80) *p = '?';
    if (plain) text = json_string(plain);
    free(plain);
    return text;
}

static json_t *names(const char *const *v, int n) {
    json_t *list = json_array();
    for (int i = 0; list && i < n; i++)
        if (json_array_append_new(list, text_of(v[i]))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static sn_status make_notes(const sn_graph *g, const sn_export_about *a, sn_export_notes *out) {
    const sn_node *x = &g->node[g->input];
    SN_TRY(sn_export_note_add(out, "creator", "supernet " SN_VERSION));
    SN_TRY(sn_export_note_add(out, "architecture", a->arch));
    SN_TRY(add_note(out, sn_strdup("input"),
                    sn_format("images: float32 [N, %d, %d, %d], channels first; per channel (pixel/255 - mean)/std, pixel from 0 "
                              "to 255",
                              x->c, x->h, x->w)));
    SN_TRY(add_json(out, "mean", numbers(a->mean, x->c)));
    SN_TRY(add_json(out, "std", numbers(a->std, x->c)));
    SN_TRY(add_json(out, "classes", names(a->classes, g->node[g->logits].c)));
    SN_TRY(sn_export_note_add(out, "statistics", a->statistics));
    for (int i = 0; i < a->n_scores; i++)
        SN_TRY(add_note(out, sn_format("score.%s", a->scores[i].key), sn_strdup(a->scores[i].value)));
    return SN_OK;
}

sn_status sn_export_notes_make(const sn_graph *g, const sn_export_about *a, sn_export_notes *out) {
    sn_status s = make_notes(g, a, out);
    if (s != SN_OK) sn_export_notes_free(out);
    return s;
}
