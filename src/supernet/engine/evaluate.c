// The trie of prefixes, walked depth first; see evaluate.h. One level per cut: a node that everything behind it reads and nothing
// else crosses.
#include "supernet/engine/evaluate.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

// Chunks of images go through the net side by side: first the calibration batches, then the scoring batches.
typedef struct {
    int node;       // the cut
    int first, end; // decisions whose choices lie between the previous cut and this one: first .. end-1
    sn_off slot;    // chunk i's block at slot + i*stride, unless the value is an alias
    int64_t stride;
    sn_value *value; // per chunk: what the node stands for
} level;

typedef struct {
    sn_supernet *net;
    const sn_score_job *job;
    level *levels; // level 0 is the value before the first choice
    int n_levels;
    int calibration_chunks, chunks;
    sn_off logits_slot; // where calibration leaves the logits, which nobody reads
    sn_off reserved;    // elements of all slots
    sn_plan plan;       // of a forecast
    float *images;      // one chunk
    int32_t *labels;    // of all scoring images
    uint64_t *hits;
    float *losses, *ranks, *logits;
    sn_score_work work;
} evaluator;

// ---------------------------------------------------------------- cuts
static bool is_cut(const sn_graph *g, int node) {
    for (int j = node + 1; j < g->n; j++)
        for (int k = 0; k < g->node[j].n_in; k++)
            if (g->node[j].in[k] >= 0 && g->node[j].in[k] < node) return false;
    return true;
}

static int base_cut(const sn_graph *g) { // the last cut before the first choice that no option's inside can be
    int base = 0;
    for (int i = 0; i < g->choice[0]; i++)
        if (is_cut(g, i)) base = i;
    return base;
}

static int64_t chunk_rows(const evaluator *e, int chunk, const sn_node *n);

static sn_status make_levels(evaluator *e) {
    const sn_graph *g = e->net->graph;
    e->levels = sn_new((size_t)g->n_choices + 1, sizeof *e->levels);
    if (!e->levels) return SN_RESOURCE;
    int decision = 0;
    e->levels[e->n_levels++] = (level){.node = base_cut(g)};
    for (int d = 0; d < g->n_choices; d++) {
        if (!is_cut(g, g->choice[d])) continue;
        int end = g->node[g->choice[d]].decision + 1; // decisions are numbered in the order of their first sites
        if (end < decision) end = decision;
        e->levels[e->n_levels++] = (level){.node = g->choice[d], .first = decision, .end = end};
        decision = end;
    }
    for (int l = 0; l < e->n_levels; l++) {
        level *v = &e->levels[l];
        const sn_node *n = &g->node[v->node];
        int64_t most = 0;
        for (int i = 0; i < e->chunks; i++) {
            int64_t size = sn_value_elements(chunk_rows(e, i, n), n->c);
            if (size > most) most = size;
        }
        v->slot = e->reserved;
        v->stride = most;
        e->reserved += most * e->chunks;
        v->value = sn_new((size_t)e->chunks, sizeof *v->value);
        if (!v->value) return SN_RESOURCE;
    }
    e->logits_slot = e->reserved;
    if (e->calibration_chunks) e->reserved += sn_value_elements(e->job->protocol.calibrate_batch, g->node[g->logits].c);
    return SN_OK;
}

// ---------------------------------------------------------------- chunks
static const sn_source *source_of(const evaluator *e, int chunk) {
    return chunk < e->calibration_chunks ? &e->job->calibration : &e->job->images;
}

static int chunk_size(const evaluator *e, int chunk) {
    return chunk < e->calibration_chunks ? e->job->protocol.calibrate_batch : e->job->protocol.batch;
}

static long chunk_first(const evaluator *e, int chunk) {
    return (long)(chunk < e->calibration_chunks ? chunk : chunk - e->calibration_chunks) * chunk_size(e, chunk);
}

static int chunk_images(const evaluator *e, int chunk) {
    long left = source_of(e, chunk)->count - chunk_first(e, chunk);
    return left < chunk_size(e, chunk) ? (int)left : chunk_size(e, chunk);
}

static int64_t chunk_rows(const evaluator *e, int chunk, const sn_node *n) {
    return (int64_t)chunk_images(e, chunk) * n->h * n->w;
}

// The pass of one chunk: from `given` (or the images) to `target`.
static sn_pass chunk_pass(const evaluator *e, const sn_arch *a, int chunk, const sn_given *given, int target, sn_off out) {
    bool calibrating = chunk < e->calibration_chunks;
    sn_pass pass = {.arch = a,
                    .batch = chunk_images(e, chunk),
                    .loss_scale = 1,
                    .given = given,
                    .n_given = given != NULL,
                    .target = target,
                    .out = out};
    pass.reserved = e->reserved;
    pass.bn = calibrating || e->job->protocol.kind == SN_PROTOCOL_BATCH ? SN_BN_BATCH : SN_BN_RUNNING;
    pass.momentum = calibrating ? 1.0 / (chunk + 1) : 0; // the cumulative mean
    return pass;
}

static sn_status run_chunk(evaluator *e, const sn_arch *a, int chunk, const sn_given *given, int target, sn_off out) {
    const sn_source *source = source_of(e, chunk);
    sn_pass pass = chunk_pass(e, a, chunk, given, target, out);
    int32_t *labels = chunk < e->calibration_chunks ? NULL : e->labels + chunk_first(e, chunk);
    if (!given) SN_TRY(source->read(source->arg, chunk_first(e, chunk), pass.batch, e->images, labels));
    return sn_supernet_pass(e->net, &pass, given ? NULL : e->images, labels, NULL);
}

// ---------------------------------------------------------------- levels
static sn_status run_level(evaluator *e, const sn_arch *a, int l) {
    level *v = &e->levels[l];
    for (int i = 0; i < e->chunks; i++) {
        sn_given given = {0};
        if (l) given = (sn_given){e->levels[l - 1].node, e->levels[l - 1].value[i]};
        SN_TRY(run_chunk(e, a, i, l ? &given : NULL, v->node, v->slot + i * v->stride));
        v->value[i] = e->net->plan.target;
    }
    return SN_OK;
}

static uint64_t hash_floats(uint64_t h, const float *v, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, v + i, sizeof bits);
        h = sn_hash_step(h, bits);
    }
    return h;
}

static sn_status run_head(evaluator *e, const sn_arch *a, sn_score *s) {
    const level *last = &e->levels[e->n_levels - 1];
    int classes = e->net->graph->node[e->net->graph->logits].c;
    long words = (e->job->images.count + 63) / 64;
    memset(e->hits, 0, (size_t)words * sizeof *e->hits);
    *s = (sn_score){
        .arch = *a, .images = e->job->images.count, .hits = e->hits, .losses = e->losses, .logits_hash = SN_HASH_START};
    for (int i = 0; i < e->chunks; i++) {
        sn_given given = {last->node, last->value[i]};
        if (i < e->calibration_chunks) { // statistics of the head's BNs
            SN_TRY(run_chunk(e, a, i, &given, e->net->graph->logits, e->logits_slot));
            continue;
        }
        SN_TRY(run_chunk(e, a, i, &given, -1, 0));
        long first = chunk_first(e, i);
        int n = chunk_images(e, i);
        float *logits = e->job->want_logits ? e->logits + first * classes : e->logits;
        sn_supernet_losses(e->net, e->losses + first, e->ranks);
        sn_supernet_logits(e->net, logits);
        s->logits_hash = hash_floats(s->logits_hash, logits, (int64_t)n * classes);
        for (int k = 0; k < n; k++) {
            s->loss += (double)e->losses[first + k];
            s->top1 += e->ranks[k] < 1;
            s->top5 += e->ranks[k] < 5;
            if (e->ranks[k] < 1) e->hits[(first + k) / 64] |= UINT64_C(1) << ((first + k) % 64);
        }
    }
    s->loss /= (double)s->images;
    s->logits = e->job->want_logits ? e->logits : NULL;
    return SN_OK;
}

// The first level at which two archs differ.
static int first_difference(const evaluator *e, const sn_arch *a, const sn_arch *b) {
    for (int l = 1; l < e->n_levels; l++)
        for (int d = e->levels[l].first; d < e->levels[l].end; d++)
            if (a->option[d] != b->option[d]) return l;
    return e->n_levels;
}

static sn_status walk(evaluator *e) {
    const sn_score_job *job = e->job;
    for (long i = 0; i < job->n; i++) {
        int from = i ? first_difference(e, &job->archs[i - 1], &job->archs[i]) : 0;
        for (int l = from; l < e->n_levels; l++) {
            if (job->stop && job->stop(job->arg)) return sn_error(SN_INTERRUPTED, "stopped after %ld of %ld archs", i, job->n);
            SN_TRY(run_level(e, &job->archs[i], l));
            e->work.done += l > 0;
        }
        e->work.naive += e->n_levels - 1;
        sn_score s;
        SN_TRY(run_head(e, &job->archs[i], &s));
        SN_TRY(job->scored(job->arg, &s));
    }
    return SN_OK;
}

// ---------------------------------------------------------------- the whole
static sn_status check(const sn_score_job *job) {
    if (job->images.count < 1) return sn_error(SN_USAGE, "no images to score on");
    if (job->protocol.batch < 1) return sn_error(SN_USAGE, "a scoring batch of %d images", job->protocol.batch);
    if (job->protocol.kind == SN_PROTOCOL_RECALIBRATE && (job->calibration.count < 2 || job->protocol.calibrate_batch < 2))
        return sn_error(SN_USAGE, "recalibration on %ld images in batches of %d; at least 2 are needed", job->calibration.count,
                        job->protocol.calibrate_batch);
    return SN_OK;
}

static void count_chunks(evaluator *e) {
    const sn_score_job *job = e->job;
    if (job->protocol.kind == SN_PROTOCOL_RECALIBRATE)
        e->calibration_chunks =
            (int)((job->calibration.count + job->protocol.calibrate_batch - 1) / job->protocol.calibrate_batch);
    e->chunks = e->calibration_chunks + (int)((job->images.count + job->protocol.batch - 1) / job->protocol.batch);
}

static sn_status prepare(evaluator *e) {
    const sn_score_job *job = e->job;
    const sn_node *input = &e->net->graph->node[e->net->graph->input];
    size_t classes = (size_t)e->net->graph->node[e->net->graph->logits].c, n = (size_t)job->images.count;
    int largest = job->protocol.batch;
    if (e->calibration_chunks && job->protocol.calibrate_batch > largest) largest = job->protocol.calibrate_batch;
    SN_TRY(make_levels(e));
    e->images = sn_new((size_t)largest, (size_t)input->h * (size_t)input->w * (size_t)input->c * sizeof(float));
    e->labels = sn_new(n + (size_t)largest, sizeof *e->labels);
    e->hits = sn_new((n + 63) / 64, sizeof *e->hits);
    e->losses = sn_new(n, sizeof *e->losses);
    e->ranks = sn_new((size_t)largest, sizeof *e->ranks);
    e->logits = sn_new(job->want_logits ? n : (size_t)largest, classes * sizeof *e->logits);
    return e->images && e->labels && e->hits && e->losses && e->ranks && e->logits ? SN_OK : SN_RESOURCE;
}

static void release(evaluator *e) {
    for (int l = 0; l < e->n_levels; l++) free(e->levels[l].value);
    free(e->levels);
    free(e->images);
    free(e->labels);
    free(e->hits);
    free(e->losses);
    free(e->ranks);
    free(e->logits);
    sn_plan_free(&e->plan);
}

sn_status sn_score_archs(sn_supernet *net, const sn_score_job *job, sn_score_work *work) {
    SN_TRY(check(job));
    evaluator e = {.net = net, .job = job};
    count_chunks(&e);
    void *kept = sn_statistics_keep(net);
    sn_status s = kept ? prepare(&e) : SN_RESOURCE;
    if (s == SN_OK) s = walk(&e);
    sn_statistics_restore(net, kept);
    if (work) *work = e.work;
    release(&e);
    return s;
}

// The passes of walk for the first arch, planned and not run.
static sn_status plan_levels(evaluator *e, int64_t *elements) {
    const sn_arch *a = &e->job->archs[0];
    SN_TRY(make_levels(e));
    for (int l = 0; l <= e->n_levels; l++) {
        sn_given given = {0};
        if (l) given = (sn_given){e->levels[l - 1].node, e->levels[l - 1].value[0]};
        bool head = l == e->n_levels;
        sn_pass pass = chunk_pass(e, a, 0, l ? &given : NULL, head ? -1 : e->levels[l].node, head ? 0 : e->levels[l].slot);
        SN_TRY(sn_plan_make(e->net->graph, e->net->backend, &pass, &e->plan));
        if (!head) e->levels[l].value[0] = e->plan.target;
        if (e->plan.arena > *elements) *elements = e->plan.arena;
    }
    return SN_OK;
}

sn_status sn_score_arena(const sn_supernet *net, const sn_score_job *job, int64_t *elements) {
    evaluator e = {.net = (sn_supernet *)net, .job = job}; // only read
    *elements = 0;
    count_chunks(&e);
    sn_status s = plan_levels(&e, elements);
    release(&e);
    return s;
}
