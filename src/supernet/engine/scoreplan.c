// Groups, values and places; see scoreplan.h. First the group's archs are read, then its segments are planned, then its values
// are placed in the order of the losses, each with what it reads.
#include "supernet/engine/scoreplan.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

sn_status sn_scoreplan_init(sn_scoreplan *p, const sn_supernet *net, const sn_arch *archs, long n,
                            const sn_scoreplan_setting *setting) {
    *p = (sn_scoreplan){.net = net, .archs = archs, .n = n, .setting = *setting};
    SN_TRY(sn_values_init(&p->values, net->graph));
    p->arch = sn_new(SN_SCORE_GROUP, sizeof *p->arch);
    return p->arch ? SN_OK : SN_RESOURCE;
}

void sn_scoreplan_free(sn_scoreplan *p) {
    sn_values_free(&p->values);
    free(p->arch);
    free(p->value);
    free(p->input);
    free(p->stats);
    free(p->op);
    free(p->slot);
    free(p->reader);
    free(p->segment);
    sn_arena_free(&p->arena);
    sn_plan_free(&p->plan);
    *p = (sn_scoreplan){0};
}

// ---------------------------------------------------------------- found by signature
static sn_value_slot *slot_of(const sn_scoreplan *p, uint64_t key) {
    size_t i = key & (p->slots - 1);
    while (p->slot[i].key && p->slot[i].key != key) i = (i + 1) & (p->slots - 1);
    return &p->slot[i];
}

static sn_status slots_room(sn_scoreplan *p) {
    if (2 * (p->used + 1) <= p->slots) return SN_OK;
    sn_scoreplan larger = {.slots = p->slots ? 2 * p->slots : 4096};
    larger.slot = sn_new(larger.slots, sizeof *larger.slot);
    if (!larger.slot) return SN_RESOURCE;
    for (size_t i = 0; i < p->slots; i++)
        if (p->slot[i].key) *slot_of(&larger, p->slot[i].key) = p->slot[i];
    free(p->slot);
    p->slot = larger.slot, p->slots = larger.slots;
    return SN_OK;
}

// Adds a key; *fresh says whether it was not there.
static sn_status enter(sn_scoreplan *p, uint64_t key, int value, bool *fresh) {
    SN_TRY(slots_room(p));
    sn_value_slot *s = slot_of(p, key);
    *fresh = !s->key;
    if (*fresh) *s = (sn_value_slot){key, value}, p->used++;
    return SN_OK;
}

static int find(const sn_scoreplan *p, int node) {
    return slot_of(p, p->values.signature[node])->value;
}

// ---------------------------------------------------------------- reading a group
static sn_status add_value(sn_scoreplan *p, long arch, int node) {
    sn_values *v = &p->values;
    const sn_graph *g = v->graph;
    const sn_node *n = &g->node[node];
    sn_values_segment(v, node);
    SN_TRY(sn_grow(&p->value, &p->value_capacity, (size_t)p->n_values + 1, sizeof *p->value));
    SN_TRY(sn_grow(&p->input, &p->input_capacity, (size_t)(p->n_inputs + v->n_given), sizeof *p->input));
    SN_TRY(sn_grow(&p->stats, &p->stats_capacity, (size_t)(p->n_stats + v->n_stats), sizeof *p->stats));
    sn_scored_value x = {.signature = v->signature[node], .key = v->key, .node = node, .arch = arch, .score = -1};
    x.reads_images = v->reads_images || (node == g->loss && !v->n_given); // labels come with images
    x.input = p->n_inputs, x.n_inputs = v->n_given;
    x.stats = p->n_stats, x.n_stats = v->n_stats, x.kept = p->table;
    if (node == g->loss)
        x.score = p->n_scores++;
    else
        x.size = sn_value_elements((int64_t)p->setting.unit * n->h * n->w, n->c);
    for (int k = 0; k < v->n_given; k++) p->input[p->n_inputs++] = (sn_scored_input){v->given[k], find(p, v->given[k])};
    for (int k = 0; k < v->n_stats; k++) {
        p->stats[p->n_stats++] = v->stats[k];
        p->table += sn_supernet_stats_bytes(p->net, v->stats[k]);
    }
    p->value[p->n_values++] = x;
    return SN_OK;
}

static sn_status add_choices(sn_scoreplan *p, int *n, int *fresh) {
    const sn_values *v = &p->values;
    *n = v->n_choices;
    *fresh = 0;
    for (int i = 0; i < v->n_choices; i++) {
        bool is_new;
        SN_TRY(enter(p, sn_hash_step(v->signature[v->value[i]], (uint64_t)v->choice[i] + 1), -1, &is_new));
        *fresh += is_new;
    }
    return SN_OK;
}

static sn_status add_arch(sn_scoreplan *p, long arch) {
    sn_values *v = &p->values;
    sn_scored_arch *a = &p->arch[arch - p->first];
    *a = (sn_scored_arch){
        .values = p->n_values, .inputs = p->n_inputs, .stats = p->n_stats, .scores = p->n_scores, .table = p->table};
    sn_values_read(v, &p->archs[arch]);
    SN_TRY(add_choices(p, &a->choices, &a->fresh));
    for (int i = 0; i < v->graph->n; i++) {
        bool fresh;
        if (!v->cut[i] && i != v->graph->loss) continue;
        SN_TRY(enter(p, v->signature[i], p->n_values, &fresh));
        if (fresh) SN_TRY(add_value(p, arch, i));
    }
    a->loss = find(p, v->graph->loss);
    return SN_OK;
}

// What stayed of the group before comes first; the choices of its last arch have been met.
static sn_status go_on_from(sn_scoreplan *p, bool go_on) {
    int kept = 0, choices, fresh_choices;
    for (int i = 0; go_on && i < p->n_values; i++) {
        sn_scored_value x = p->value[i];
        if (!x.stays || x.at < 0) continue;
        bool fresh;
        SN_TRY(enter(p, x.signature, kept, &fresh));
        x.now = x.at, x.key = 0, x.n_inputs = x.n_stats = 0;
        p->value[kept++] = x;
    }
    p->n_values = kept;
    if (!kept) return SN_OK;
    sn_values_read(&p->values, &p->archs[p->first - 1]);
    return add_choices(p, &choices, &fresh_choices);
}

static int first_difference(const sn_arch *a, const sn_arch *b) {
    int d = 0;
    while (d < a->n && a->option[d] == b->option[d]) d++;
    return d;
}

// Ends the group, in its second half, where an arch and the next one have least in common: that is computed again behind it.
static void end_early(sn_scoreplan *p) {
    int best = SN_MAX_DECISIONS + 1, at = p->count;
    for (int n = p->count; n > p->count / 2; n--) {
        int d = first_difference(&p->archs[p->first + n - 1], &p->archs[p->first + n]);
        if (d < best) best = d, at = n;
    }
    if (at == p->count) return;
    const sn_scored_arch *a = &p->arch[at];
    p->n_values = a->values, p->n_inputs = a->inputs, p->n_stats = a->stats, p->n_scores = a->scores, p->table = a->table;
    p->count = at;
}

static sn_status read_group(sn_scoreplan *p) {
    for (p->count = 0; p->count < SN_SCORE_GROUP && p->first + p->count < p->n; p->count++) {
        SN_TRY(add_arch(p, p->first + p->count));
        size_t bytes = (p->setting.calibration ? p->table : 0) + (size_t)p->n_scores * p->setting.score_bytes;
        if (p->count && bytes > p->setting.group_bytes) {
            const sn_scored_arch *a = &p->arch[p->count];
            p->n_values = a->values, p->n_inputs = a->inputs, p->n_stats = a->stats, p->n_scores = a->scores, p->table = a->table;
            break;
        }
    }
    return SN_OK;
}

static void mark_staying(sn_scoreplan *p) {
    const sn_values *v = &p->values;
    for (int i = 0; i < p->n_values; i++) p->value[i].stays = false;
    if (p->first + p->count == p->n) return;
    sn_values_read(&p->values, &p->archs[p->first + p->count - 1]);
    for (int i = 0; i < v->graph->n; i++)
        if (v->cut[i]) p->value[find(p, i)].stays = true;
}

// ---------------------------------------------------------------- planning its segments
// One pass of the segment on a batch; the arena it takes counts.
static sn_status plan_pass(sn_scoreplan *p, const sn_scored_value *x, sn_given *given, int batch, sn_bn_mode bn, int target) {
    const sn_graph *g = p->net->graph;
    for (int k = 0; k < x->n_inputs; k++) {
        const sn_node *n = &g->node[given[k].node];
        sn_value at = sn_value_at(0, (int64_t)batch * n->h * n->w, n->c);
        at.viewed = given[k].value.viewed, at.act = given[k].value.act;
        given[k].value = at;
    }
    sn_pass pass = {.arch = &p->archs[x->arch],
                    .batch = batch,
                    .bn = bn,
                    .loss_scale = 1,
                    .given = given,
                    .n_given = x->n_inputs,
                    .target = target};
    SN_TRY(sn_plan_make(g, p->net->backend, &pass, &p->plan));
    if (p->plan.arena > p->work) p->work = p->plan.arena;
    if (p->plan.scratch > p->scratch) p->scratch = p->plan.scratch;
    return SN_OK;
}

static sn_status plan_segment(sn_scoreplan *p, const sn_scored_value *x) {
    const sn_graph *g = p->net->graph;
    const sn_scoreplan_setting *s = &p->setting;
    bool loss = x->node == g->loss;
    sn_given *given = sn_new((size_t)x->n_inputs, sizeof *given);
    if (!given) return SN_RESOURCE;
    for (int k = 0; k < x->n_inputs; k++) {
        const sn_scored_input *in = &p->input[x->input + k];
        const sn_scored_value *u = &p->value[in->value];
        given[k] = (sn_given){in->node, {.c = g->node[in->node].c, .viewed = u->viewed, .act = u->act}};
    }
    sn_status status = SN_OK;
    if (s->calibration) status = plan_pass(p, x, given, s->calibration, SN_BN_BATCH, loss ? g->logits : x->node);
    if (status == SN_OK) status = plan_pass(p, x, given, s->scoring, s->bn, loss ? -1 : x->node);
    free(given);
    SN_TRY(status);
    SN_TRY(sn_grow(&p->segment, &p->segment_capacity, (size_t)p->n_segments + 1, sizeof *p->segment));
    p->segment[p->n_segments++] = (sn_segment){x->key, p->plan.target.viewed, p->plan.target.act};
    return SN_OK;
}

static sn_status plan_segments(sn_scoreplan *p) {
    for (int i = 0; i < p->n_values; i++) {
        sn_scored_value *x = &p->value[i];
        int s = 0;
        if (!x->key) continue; // stayed
        while (s < p->n_segments && p->segment[s].key != x->key) s++;
        if (s == p->n_segments) SN_TRY(plan_segment(p, x));
        x->viewed = p->segment[s].viewed, x->act = p->segment[s].act;
    }
    return SN_OK;
}

sn_status sn_scoreplan_group(sn_scoreplan *p, long first, bool go_on) {
    p->first = first;
    if (p->slot) memset(p->slot, 0, p->slots * sizeof *p->slot);
    p->used = 0;
    p->n_inputs = p->n_stats = p->n_scores = 0;
    p->table = 0;
    SN_TRY(slots_room(p));
    SN_TRY(go_on_from(p, go_on));
    SN_TRY(read_group(p));
    if (p->first + p->count < p->n) end_early(p);
    mark_staying(p);
    return plan_segments(p);
}

// ---------------------------------------------------------------- places
static sn_status list_readers(sn_scoreplan *p) {
    SN_TRY(sn_grow(&p->reader, &p->reader_capacity, (size_t)p->n_inputs + 1, sizeof *p->reader));
    for (int i = 0; i < p->n_values; i++) p->value[i].readers = p->value[i].pins = 0, p->value[i].done = false;
    for (int k = 0; k < p->n_inputs; k++) p->value[p->input[k].value].readers++;
    for (int i = 0, at = 0; i < p->n_values; i++) {
        p->value[i].reader = p->value[i].reader_end = at;
        at += p->value[i].readers;
    }
    for (int i = 0; i < p->n_values; i++)
        for (int k = 0; k < p->value[i].n_inputs; k++)
            p->reader[p->value[p->input[p->value[i].input + k].value].reader_end++] = i;
    return SN_OK;
}

static sn_status give_up(sn_scoreplan *p, sn_scored_value *x) {
    int64_t at = x->at;
    x->at = -1;
    return sn_arena_give(&p->arena, at, x->size);
}

// The arch whose score reads the value next; the number of archs when none does.
static long next_reader(sn_scoreplan *p, sn_scored_value *x) {
    while (x->reader < x->reader_end && p->value[p->reader[x->reader]].done) x->reader++;
    return x->reader < x->reader_end ? p->value[p->reader[x->reader]].arch : p->n;
}

// The value that can go and is read again last, or NULL.
static sn_scored_value *farthest(sn_scoreplan *p) {
    sn_scored_value *found = NULL;
    long last = -1;
    for (int i = 0; i < p->n_values; i++) {
        sn_scored_value *x = &p->value[i];
        if (x->at < 0 || x->pins) continue;
        long next = next_reader(p, x);
        if (next > last) last = next, found = x;
    }
    return found;
}

static sn_status take(sn_scoreplan *p, sn_scored_value *x, int64_t limit) {
    SN_TRY(sn_arena_take(&p->arena, x->size, &x->at));
    while (p->arena.end > limit) {
        sn_scored_value *other;
        SN_TRY(give_up(p, x));
        other = farthest(p);
        if (other) SN_TRY(give_up(p, other));
        SN_TRY(sn_arena_take(&p->arena, x->size, &x->at));
        if (!other) break; // one arch needs more than the limit
    }
    if (p->arena.end > p->peak) p->peak = p->arena.end;
    return SN_OK;
}

static sn_status leave(sn_scoreplan *p, sn_scored_value *x) {
    return x->at >= 0 && !x->readers && !x->pins && !x->stays ? give_up(p, x) : SN_OK;
}

// Places a value, after those that it reads.
static sn_status place(sn_scoreplan *p, int i, int64_t limit) {
    sn_scored_value *x = &p->value[i];
    const sn_scored_input *in = p->input + x->input;
    for (int k = 0; k < x->n_inputs; k++) {
        if (p->value[in[k].value].at < 0) SN_TRY(place(p, in[k].value, limit));
        p->value[in[k].value].pins++;
    }
    if (x->size) SN_TRY(take(p, x, limit));
    SN_TRY(sn_grow(&p->op, &p->op_capacity, (size_t)p->n_ops + 1, sizeof *p->op));
    p->op[p->n_ops++] = (sn_score_op){i, x->at, x->done};
    for (int k = 0; k < x->n_inputs; k++) {
        sn_scored_value *u = &p->value[in[k].value];
        u->pins--;
        u->readers -= !x->done;
        SN_TRY(leave(p, u));
    }
    x->done = true;
    return SN_OK;
}

sn_status sn_scoreplan_place(sn_scoreplan *p, int64_t limit, bool go_on) {
    SN_TRY(list_readers(p));
    p->n_ops = 0;
    if (!go_on) sn_arena_reset(&p->arena, 0);
    p->peak = p->arena.end;
    for (int i = 0; i < p->n_values; i++) {
        sn_scored_value *x = &p->value[i];
        if (!go_on || x->key) x->at = -1;
        SN_TRY(leave(p, x)); // stayed, and nobody reads it
    }
    for (int i = 0; i < p->count; i++)
        if (!p->value[p->arch[i].loss].done) SN_TRY(place(p, p->arch[i].loss, limit));
    return SN_OK;
}
