// What a trace says about the run: config, space and optimizer as JSON, decay groups; see trace.h.
// Not here: steps (trace.c). Next: trace_sides.c.
#include "space/ops.h"
#include "supernet/train/trace_parts.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- JSON
static json_t *attribute(const sn_attr *a, int value) {
    if (a->type == SN_ATTR_BOOL) return json_boolean(value);
    return a->type == SN_ATTR_WORD ? json_string(a->words[value]) : json_integer(value);
}

static json_t *names(const sn_space *s, const int *block, int n) {
    json_t *out = json_array();
    for (int k = 0; k < n; k++) json_array_append_new(out, json_string(s->blocks[block[k]].name));
    return out;
}

// Of each node its terms: block (or null), and what it reads.
static json_t *nodes(const sn_space *s, const sn_block *b) {
    json_t *out = json_array();
    for (int i = 0; i < b->nodes; i++) {
        json_t *terms = json_array();
        for (int k = 0; k < b->node[i].terms; k++) {
            const sn_term *t = &b->node[i].term[k];
            const char *input = b->inputs.n && t->from < 0 ? b->inputs.name[-1 - t->from] : "input";
            json_array_append_new(terms, json_pack("{s:s,s:s?,s:s,s:b}", "name", t->name, "block",
                                                   t->block < 0 ? NULL : s->blocks[t->block].name, "from",
                                                   t->from < 0 ? input : b->node[t->from].name, "item", t->item));
        }
        json_array_append_new(out, json_pack("{s:s,s:o,s:i}", "name", b->node[i].name, b->node[i].concat ? "concat" : "sum",
                                             terms, "pick", b->node[i].pick));
    }
    return out;
}

// What a motif reads, the last value first, and through which block.
static json_t *inputs(const sn_space *s, const sn_motif_inputs *in) {
    json_t *out = json_array();
    for (int k = 0; k < in->n; k++)
        json_array_append_new(out, json_pack("{s:s,s:s?}", "name", in->name[k], "block",
                                             in->through[k] < 0 ? NULL : s->blocks[in->through[k]].name));
    return out;
}

static json_t *block(const sn_space *s, const sn_block *b) {
    if (b->nodes) return json_pack("{s:o,s:o,s:b}", "inputs", inputs(s, &b->inputs), "nodes", nodes(s, b), "shared", b->shared);
    if (b->options) return json_pack("{s:o,s:b}", "choose", names(s, b->block, b->options), "shared", b->shared);
    json_t *out = json_pack("{s:s}", "op", b->op->name);
    for (int i = 0; b->op->attrs[i].type != SN_ATTR_END; i++)
        json_object_set_new(out, b->op->attrs[i].name, attribute(&b->op->attrs[i], b->attr[i]));
    return out;
}

// The names of a decision's options, null where one is not allowed.
static json_t *options(const sn_space *s, int d) {
    json_t *out = json_array();
    for (int k = 0; k < s->decisions[d].options; k++)
        json_array_append_new(out,
                              sn_decision_allows(&s->decisions[d], k) ? json_string(sn_space_option_name(s, d, k)) : json_null());
    return out;
}

// Of every layer of an entry the options.
static json_t *layers(const sn_space *s, const sn_entry *e) {
    json_t *out = json_array();
    for (int l = 0; l < e->layers; l++) {
        char *scope = sn_entry_scope(e, l);
        if (scope) json_array_append_new(out, options(s, sn_space_find_decision(s, scope)));
        free(scope);
    }
    return out;
}

static json_t *depths(const sn_entry *e) {
    json_t *out = json_array();
    for (int k = 0; k < e->depths; k++) json_array_append_new(out, json_integer(e->depth[k]));
    return out;
}

static json_t *entry(const sn_space *s, int i) {
    const sn_entry *e = &s->entries[i];
    json_t *out = json_pack("{s:s,s:i}", "name", e->name, "stride", e->stride);
    if (e->out) json_object_set_new(out, "out", json_integer(e->out));
    if (e->shared) json_object_set_new(out, "shared", json_true());
    if (e->depths) json_object_set_new(out, "depths", depths(e));
    if (e->choice)
        json_object_set_new(out, "layers", layers(s, e));
    else
        json_object_set_new(out, "block", json_string(s->blocks[e->block[0]].name));
    if (!e->choice && (e->layers > 1 || !s->blocks[e->block[0]].op)) json_object_set_new(out, "repeat", json_integer(e->layers));
    return out;
}

static json_t *decisions(const sn_space *s) {
    json_t *out = json_array();
    for (int d = 0; d < s->n_decisions; d++)
        json_array_append_new(out, json_pack("{s:s,s:o}", "name", s->decisions[d].name, "options", options(s, d)));
    return out;
}

static json_t *space(const sn_space *s) {
    json_t *blocks = json_object(), *network = json_array();
    for (int i = 0; i < s->n_blocks; i++) json_object_set_new(blocks, s->blocks[i].name, block(s, &s->blocks[i]));
    for (int i = 0; i < s->n_entries; i++) json_array_append_new(network, entry(s, i));
    return json_pack("{s:{s:i,s:i,s:i},s:i,s:o,s:o,s:o}", "input", "channels", s->channels, "height", s->height, "width",
                     s->width, "classes", s->classes, "blocks", blocks, "network", network, "decisions", decisions(s));
}

static json_t *optimizer(const sn_optim_settings *o) {
    if (o->kind == SN_OPTIM_SGD)
        return json_pack("{s:s,s:f,s:b,s:f}", "name", "sgd", "momentum", o->momentum, "nesterov", o->nesterov, "clip", o->clip);
    return json_pack("{s:s,s:f,s:f,s:f,s:f}", "name", o->kind == SN_OPTIM_ADAM ? "adam" : "adamw", "beta1", o->beta1, "beta2",
                     o->beta2, "eps", o->eps, "clip", o->clip);
}

static json_t *relaxation(const sn_run *r) {
    const sn_config *c = r->config;
    json_t *learned = json_array();
    for (int d = 0; d < r->space->n_decisions; d++) json_array_append_new(learned, json_boolean(sn_alphas_learn(c, d)));
    return json_pack("{s:s,s:s,s:o,s:i,s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "method", c->train.relax.method, "cost_form",
                     sn_cost_form_words[c->train.relax.cost_form], "learned", learned, "order", c->train.relax.order, "steps",
                     (json_int_t)sn_run_steps(r), "temperature", c->train.relax.temperature, "temperature_end",
                     c->train.relax.temperature_end, "zero_one", c->train.relax.zero_one, "cost", c->train.relax.cost, "lr",
                     c->train.relax.lr, "beta1", c->train.relax.beta1, "beta2", c->train.relax.beta2, "weight_decay",
                     c->train.relax.weight_decay);
}

static sn_status put_json(sn_h5w *w, const char *name, json_t *value) {
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(value);
    sn_status s = text ? sn_h5_attr_text(w, "/", name, text) : sn_error(SN_RESOURCE, "out of memory for '%s' of the trace", name);
    free(text);
    return s;
}

// ---------------------------------------------------------------- decay groups
// The parameters that get this decay; NULL with the message set.
static char *names_with(const sn_optim *o, double decay) {
    const sn_params *p = &o->net->graph->params;
    size_t size = 1;
    for (int i = 0; i < p->n; i++) size += strlen(p->param[i].name) + 1;
    char *text = sn_new(size, 1), *end = text;
    for (int i = 0; text && i < p->n; i++)
        if (sn_optim_decay(o, i) == decay) end += sprintf(end, "%s%s", end == text ? "" : "\n", p->param[i].name);
    return text;
}

static sn_status put_group(sn_h5w *w, const sn_optim *o, int number, double decay) {
    char path[64], marker[80];
    char *names = names_with(o, decay);
    if (!names) return SN_RESOURCE;
    snprintf(path, sizeof path, "/decay_groups/%d", number);
    snprintf(marker, sizeof marker, "%s/weight_decay", path);
    sn_status s = sn_h5_put(w, marker, SN_F64, 0, NULL, &decay);
    if (s == SN_OK) s = sn_h5_attr_text(w, path, "params", names);
    free(names);
    return s;
}

// One group per decay that occurs: at most two.
static sn_status put_groups(sn_h5w *w, const sn_optim *o) {
    double seen[2] = {0, 0};
    int n = 0;
    for (int i = 0; i < o->net->graph->params.n; i++) {
        double decay = sn_optim_decay(o, i);
        if ((n > 0 && seen[0] == decay) || (n > 1 && seen[1] == decay)) continue;
        SN_TRY(put_group(w, o, n, decay));
        seen[n++] = decay;
    }
    return SN_OK;
}

sn_status sn_trace_head(sn_h5w *w, const sn_run *r) {
    char *config = sn_config_resolved(r->config, false);
    if (!config) return SN_RESOURCE;
    sn_status s = sn_h5_attr_text(w, "/", "config", config);
    free(config);
    SN_TRY(s);
    SN_TRY(sn_h5_attr_text(w, "/", "created_by", "supernet " SN_VERSION));
    SN_TRY(sn_h5_attr_text(w, "/", "data", sn_dataset_fingerprint(r->data)));
    SN_TRY(sn_h5_attr_text(w, "/", "sampler", r->alphas ? r->config->train.relax.method : r->config->train.sampler));
    if (r->alphas) SN_TRY(put_json(w, "relax", relaxation(r)));
    SN_TRY(sn_h5_attr_int(w, "/", "batch", r->config->train.batch));
    SN_TRY(sn_h5_attr_f64(w, "/", "label_smoothing", r->config->train.optimizer.label_smoothing));
    SN_TRY(sn_h5_attr_f64(w, "/", "bn_eps", r->graph->bn_eps));
    SN_TRY(put_json(w, "space", space(r->space)));
    SN_TRY(put_json(w, "optimizer", optimizer(&r->optim->settings)));
    return put_groups(w, r->optim);
}
