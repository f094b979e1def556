// Runs the ops of scoreplan.h block by block and adds up scores; see evaluate.h. Statistics of a value stay in the net while all
// images are one block; else a table keeps them from block to block.
#include "supernet/engine/evaluate.h"
#include "base/available.h"
#include "base/half.h"
#include "base/hash.h"
#include "supernet/engine/recalibrate.h"
#include "supernet/engine/scoreplan.h"

#include <stdlib.h>
#include <string.h>

// Of one loss, over the images so far.
typedef struct {
    double loss;
    long top1, top5;
    uint64_t hash;
} sums;

// Chunks are the calibration batches, then the scoring batches; a block is some of them, one after the other.
typedef struct {
    sn_supernet *net;
    const sn_score_job *job;
    sn_batches calibration, scoring;
    int calibration_chunks, chunks;
    int largest;       // images of a chunk
    sn_scoreplan plan; // what to compute where
    sn_score_layout layout;
    int64_t units; // of a block: what its chunks take at most
    int64_t base;  // elements before all values: where calibration leaves logits, which nobody reads
    bool in_one;   // all chunks are one block
    // of a group
    unsigned char *table; // statistics between blocks; NULL: they are not kept
    sums *sums;           // per loss
    uint64_t *hits;       // per loss, words each
    uint16_t *halves;     // per loss and image, its loss; NULL: not wanted
    float *logits;        // per loss and image where wanted, else of a chunk
    long words;
    long reported; // archs
    // of a pass
    sn_given *given;
    float *images;
    int32_t *labels; // of all scoring images
    float *losses, *ranks;
    sn_score_work work;
} evaluator;

// ---------------------------------------------------------------- chunks
static bool calibrates(const evaluator *e, int chunk) {
    return chunk < e->calibration_chunks;
}

static int chunk_images(const evaluator *e, int chunk) {
    return calibrates(e, chunk) ? sn_batches_size(&e->calibration, chunk)
                                : sn_batches_size(&e->scoring, chunk - e->calibration_chunks);
}

static int64_t chunk_units(const evaluator *e, int chunk) {
    int unit = e->plan.setting.unit;
    return (chunk_images(e, chunk) + unit - 1) / unit;
}

// The end of the block that begins at a chunk.
static int block_end(const evaluator *e, int first) {
    int64_t units = 0;
    int end = first;
    while (end < e->chunks && (units += chunk_units(e, end)) <= e->units) end++;
    return end > first ? end : first + 1;
}

static size_t image_elements(const evaluator *e) {
    const sn_node *input = &e->net->graph->node[e->net->graph->input];
    return (size_t)input->h * (size_t)input->w * (size_t)input->c;
}

static sn_status read_chunk(evaluator *e, int chunk) {
    if (calibrates(e, chunk))
        return sn_batches_read(&e->calibration, chunk, &e->job->calibration, image_elements(e), e->images, NULL);
    chunk -= e->calibration_chunks;
    return sn_batches_read(&e->scoring, chunk, &e->job->images, image_elements(e), e->images,
                           e->labels + sn_batches_first(&e->scoring, chunk));
}

// ---------------------------------------------------------------- memory
size_t sn_score_allowed(size_t wanted) {
    size_t quarter = sn_available_memory() / 4, most = (size_t)2 << 30;
    return wanted ? wanted : quarter < most ? quarter : most;
}

static size_t score_bytes(const evaluator *e) {
    const sn_graph *g = e->net->graph;
    size_t logits = e->job->want_logits ? (size_t)e->job->images.count * (size_t)g->node[g->logits].c * sizeof *e->logits : 0;
    size_t losses = e->job->want_losses ? (size_t)e->job->images.count * sizeof *e->halves : 0;
    return sizeof *e->sums + (size_t)e->words * sizeof *e->hits + losses + logits;
}

// Bytes beside the arena and the statistics.
static size_t other_bytes(const evaluator *e) {
    size_t labels = ((size_t)e->job->images.count + (size_t)e->largest) * sizeof *e->labels;
    return labels + (size_t)e->largest * image_elements(e) * sizeof *e->images +
           (size_t)e->plan.n_scores * e->plan.setting.score_bytes + e->plan.scratch * (size_t)sn_backend_threads(e->net->backend);
}

// Units of a block that `allowed` bytes have room for.
static int64_t units_within(const evaluator *e, size_t table) {
    size_t other = other_bytes(e) + table + (size_t)(e->plan.work + e->base) * e->net->real;
    size_t unit = (size_t)(e->plan.peak > 0 ? e->plan.peak : 1) * e->net->real;
    return other < e->layout.allowed ? (int64_t)((e->layout.allowed - other) / unit) : 0;
}

// As many chunks a block as there is room for, at least one.
static sn_status choose_blocks(evaluator *e) {
    sn_scoreplan *p = &e->plan;
    int64_t all = 0, least = 0;
    for (int i = 0; i < e->chunks; i++) {
        int64_t units = chunk_units(e, i);
        all += units;
        if (units > least) least = units;
    }
    size_t table = e->calibration_chunks ? p->table : 0;
    e->units = units_within(e, 0);
    if (e->units < all) e->units = units_within(e, table);
    if (e->units > all) e->units = all;
    e->layout.blocks = 0;
    if (e->units < least) { // values are computed again where room is short
        size_t other = other_bytes(e) + table + (size_t)(p->work + e->base) * e->net->real;
        int64_t left = other < e->layout.allowed ? (int64_t)((e->layout.allowed - other) / e->net->real) : 0;
        if (left < p->work / 2) left = p->work / 2; // less would save little: a plan's own tensors take more
        e->units = least;
        SN_TRY(sn_scoreplan_place(p, left / least, false));
    }
    for (int i = 0; i < e->chunks; i = block_end(e, i)) e->layout.blocks++;
    e->in_one = e->layout.blocks == 1;
    e->layout.arena = (size_t)(e->base + p->peak * e->units + p->work) * e->net->real;
    e->layout.bytes = other_bytes(e) + (e->in_one ? 0 : table) + e->layout.arena;
    return SN_OK;
}

// The group from arch `first`, planned. go_on: the group before is one block, and what stayed of it lies in the arena.
static sn_status next_group(evaluator *e, long first, bool go_on) {
    int64_t units = e->units;
    SN_TRY(sn_scoreplan_group(&e->plan, first, go_on));
    SN_TRY(sn_scoreplan_place(&e->plan, INT64_MAX, go_on));
    SN_TRY(choose_blocks(e));
    return go_on && (!e->in_one || e->units != units) ? next_group(e, first, false) : SN_OK;
}

// ---------------------------------------------------------------- statistics between blocks
static size_t table_at(const evaluator *e, const sn_scored_value *x, int k) {
    size_t at = x->kept;
    for (int i = 0; i < k; i++) at += sn_supernet_stats_bytes(e->net, e->plan.stats[x->stats + i]);
    return at;
}

static void load_statistics(evaluator *e, const sn_scored_value *x) {
    for (int k = 0; k < x->n_stats; k++)
        sn_supernet_restore_stats(e->net, e->plan.stats[x->stats + k], e->table + table_at(e, x, k));
}

static void store_statistics(evaluator *e, const sn_scored_value *x) {
    for (int k = 0; k < x->n_stats; k++)
        sn_supernet_keep_stats(e->net, e->plan.stats[x->stats + k], e->table + table_at(e, x, k));
}

// ---------------------------------------------------------------- passes
static sn_off place_of(const evaluator *e, const sn_scored_value *x, int64_t unit) {
    return e->base + x->now * e->units + unit * x->size;
}

// One chunk, which begins at `unit` of the block.
static sn_status run_chunk(evaluator *e, const sn_scored_value *x, int chunk, int64_t unit, double momentum) {
    const sn_graph *g = e->net->graph;
    bool loss = x->score >= 0, calibrating = calibrates(e, chunk);
    sn_pass pass = {.arch = &e->job->archs[x->arch],
                    .batch = chunk_images(e, chunk),
                    .bn = calibrating || e->job->protocol.kind == SN_PROTOCOL_BATCH ? SN_BN_BATCH : SN_BN_RUNNING,
                    .momentum = momentum,
                    .loss_scale = 1,
                    .given = e->given,
                    .n_given = x->n_inputs,
                    .target = !loss         ? x->node
                              : calibrating ? g->logits
                                            : -1,
                    .out = loss ? 0 : place_of(e, x, unit),
                    .reserved = e->base + e->plan.peak * e->units};
    for (int k = 0; k < x->n_inputs; k++) {
        const sn_scored_input *in = &e->plan.input[x->input + k];
        const sn_scored_value *u = &e->plan.value[in->value];
        const sn_node *n = &g->node[in->node];
        sn_value v = sn_value_at(place_of(e, u, unit), (int64_t)pass.batch * n->h * n->w, n->c);
        v.viewed = u->viewed, v.act = u->act;
        e->given[k] = (sn_given){in->node, v};
    }
    if (x->reads_images) SN_TRY(read_chunk(e, chunk));
    const int32_t *labels = NULL;
    if (loss && !calibrating) labels = e->labels + sn_batches_first(&e->scoring, chunk - e->calibration_chunks);
    return sn_supernet_pass(e->net, &pass, x->reads_images ? e->images : NULL, labels, NULL);
}

static uint64_t hash_floats(uint64_t h, const float *v, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, v + i, sizeof bits);
        h = sn_hash_step(h, bits);
    }
    return h;
}

static void add_scores(evaluator *e, int score, int chunk) {
    int classes = e->net->graph->node[e->net->graph->logits].c, n = chunk_images(e, chunk);
    long first = sn_batches_first(&e->scoring, chunk - e->calibration_chunks);
    sums *s = &e->sums[score];
    uint64_t *hits = e->hits + score * e->words;
    uint16_t *halves = e->halves ? e->halves + score * e->job->images.count + first : NULL;
    float *logits = e->job->want_logits ? e->logits + (score * e->job->images.count + first) * classes : e->logits;
    sn_supernet_losses(e->net, e->losses, e->ranks);
    sn_supernet_logits(e->net, logits);
    s->hash = hash_floats(s->hash, logits, (int64_t)n * classes);
    for (int k = 0; k < n; k++) {
        s->loss += (double)e->losses[k];
        s->top1 += e->ranks[k] < 1;
        s->top5 += e->ranks[k] < 5;
        if (halves) halves[k] = sn_half_of(e->losses[k]);
        if (e->ranks[k] < 1) hits[(first + k) / 64] |= UINT64_C(1) << ((first + k) % 64);
    }
}

// One op on the chunks of a block. Computed again, a value leaves the table alone.
static sn_status run_op(evaluator *e, const sn_score_op *op, int first, int end) {
    sn_scored_value *x = &e->plan.value[op->value];
    bool keeps = e->table && x->n_stats;
    int64_t unit = 0;
    x->now = op->at;
    if (keeps && (first || op->again)) load_statistics(e, x);
    for (int i = first; i < end; unit += chunk_units(e, i++)) {
        if (calibrates(e, i) && x->score >= 0 && !x->n_stats) continue;
        double momentum = calibrates(e, i) && !(keeps && op->again) ? sn_batches_momentum(&e->calibration, i) : 0;
        SN_TRY(run_chunk(e, x, i, unit, momentum));
        if (x->score >= 0 && !calibrates(e, i)) add_scores(e, x->score, i);
    }
    if (keeps && !op->again && calibrates(e, first)) store_statistics(e, x);
    return SN_OK;
}

// ---------------------------------------------------------------- groups
// The archs, from the first not yet reported, whose losses are known: those before `score`.
static sn_status report(evaluator *e, int score) {
    const sn_score_job *job = e->job;
    const sn_scoreplan *p = &e->plan;
    int classes = e->net->graph->node[e->net->graph->logits].c;
    for (; e->reported < p->first + p->count; e->reported++) {
        const sn_scored_arch *a = &p->arch[e->reported - p->first];
        int k = p->value[a->loss].score;
        if (k >= score) break;
        const sums *s = &e->sums[k];
        sn_score out = {job->archs[e->reported],
                        job->images.count,
                        s->top1,
                        s->top5,
                        s->loss / (double)job->images.count,
                        e->hits + k * e->words,
                        job->want_logits ? e->logits + k * job->images.count * classes : NULL,
                        s->hash,
                        e->halves ? e->halves + k * job->images.count : NULL};
        e->work.done += a->fresh;
        e->work.naive += a->choices;
        SN_TRY(job->scored(job->arg, &out));
    }
    return SN_OK;
}

static sn_status run_block(evaluator *e, int first, int end) {
    const sn_score_job *job = e->job;
    const sn_scoreplan *p = &e->plan;
    for (int i = 0; i < p->n_ops; i++) {
        const sn_score_op *op = &p->op[i];
        int score = p->value[op->value].score;
        if (job->stop && job->stop(job->arg))
            return sn_error(SN_INTERRUPTED, "stopped after %ld of %ld archs", e->reported, job->n);
        SN_TRY(run_op(e, op, first, end));
        e->work.done += op->again && !first;
        if (score < 0) continue;
        double share = (first + (double)(score + 1) / p->n_scores * (end - first)) / e->chunks;
        if (end == e->chunks) SN_TRY(report(e, score + 1));
        if (job->progress) SN_TRY(job->progress(job->arg, (double)p->first + share * p->count));
    }
    return SN_OK;
}

// Room for every pass of the group.
static sn_status reserve(evaluator *e) {
    const sn_score_layout *l = &e->layout;
    sn_plan largest = {.batch = e->largest, .arena = (int64_t)(l->arena / e->net->real), .scratch = e->plan.scratch};
    sn_status s = sn_supernet_reserve(e->net, &largest);
    return s == SN_RESOURCE
               ? sn_error(s,
                          "out of memory: scoring takes %.0f MiB in %d block%s of images; a smaller `rank.memory` (now %.0f MiB) "
                          "makes more blocks, a smaller `rank.calibrate_batch` smaller batches",
                          (double)l->bytes / 0x1p20, l->blocks, l->blocks == 1 ? "" : "s", (double)l->allowed / 0x1p20)
               : s;
}

static sn_status run_group(evaluator *e) {
    SN_TRY(reserve(e));
    const sn_scoreplan *p = &e->plan;
    const sn_score_job *job = e->job;
    size_t classes = (size_t)e->net->graph->node[e->net->graph->logits].c, n = (size_t)p->n_scores;
    size_t rows = job->want_logits ? n * (size_t)job->images.count : (size_t)e->largest;
    bool table = !e->in_one && e->calibration_chunks;
    e->sums = sn_new(n, sizeof *e->sums);
    e->hits = sn_new(n, (size_t)e->words * sizeof *e->hits);
    e->halves = job->want_losses ? sn_new(n, (size_t)job->images.count * sizeof *e->halves) : NULL;
    e->logits = sn_new(rows, classes * sizeof *e->logits);
    e->table = table ? sn_new(1, p->table) : NULL;
    int most = 0;
    for (int i = 0; i < p->n_values; i++)
        if (p->value[i].n_inputs > most) most = p->value[i].n_inputs;
    e->given = sn_new((size_t)most, sizeof *e->given);
    bool losses = e->halves || !job->want_losses;
    sn_status s = e->sums && e->hits && losses && e->logits && e->given && (e->table || !table) ? SN_OK : SN_RESOURCE;
    for (size_t i = 0; s == SN_OK && i < n; i++) e->sums[i].hash = SN_HASH_START;
    for (int first = 0, end; s == SN_OK && first < e->chunks; first = end) {
        end = block_end(e, first);
        s = run_block(e, first, end);
    }
    free(e->sums);
    free(e->hits);
    free(e->halves);
    free(e->logits);
    free(e->table);
    free(e->given);
    return s;
}

// ---------------------------------------------------------------- the whole
static sn_status check(const sn_score_job *job) {
    const sn_protocol *p = &job->protocol;
    if (job->images.count < 1) return sn_error(SN_USAGE, "no images to score on");
    if (p->batch < 1) return sn_error(SN_USAGE, "a scoring batch of %d images", p->batch);
    if (p->kind == SN_PROTOCOL_BATCH && (job->images.count < 2 || p->batch < 2))
        return sn_error(SN_USAGE, "statistics of batches, on %ld image%s in batches of %d; at least 2 are needed",
                        job->images.count, job->images.count == 1 ? "" : "s", p->batch);
    return p->kind == SN_PROTOCOL_RECALIBRATE ? sn_calibration_check(job->calibration.count, p->calibrate_batch) : SN_OK;
}

static sn_status init(evaluator *e) {
    const sn_score_job *job = e->job;
    const sn_graph *g = e->net->graph;
    const sn_protocol *p = &job->protocol;
    e->scoring = (sn_batches){job->images.count, p->batch, p->kind == SN_PROTOCOL_BATCH};
    if (p->kind == SN_PROTOCOL_RECALIBRATE) e->calibration = sn_calibration_batches(job->calibration.count, p->calibrate_batch);
    int scoring = sn_batches_largest(&e->scoring), calibration = 0;
    if (p->kind == SN_PROTOCOL_RECALIBRATE) {
        calibration = sn_batches_largest(&e->calibration);
        e->calibration_chunks = sn_batches_count(&e->calibration);
        e->base = sn_value_elements(calibration, g->node[g->logits].c);
    }
    e->chunks = e->calibration_chunks + sn_batches_count(&e->scoring);
    e->largest = calibration > scoring ? calibration : scoring;
    e->words = (job->images.count + 63) / 64;
    e->layout.allowed = sn_score_allowed(job->memory);
    int fewer = calibration && calibration < scoring ? calibration : scoring, times = (e->largest + fewer - 1) / fewer;
    sn_scoreplan_setting s = {.unit = (e->largest + times - 1) / times, // both kinds of chunks take whole units, nearly
                              .calibration = calibration,
                              .scoring = scoring,
                              .bn = p->kind == SN_PROTOCOL_BATCH ? SN_BN_BATCH : SN_BN_RUNNING,
                              .score_bytes = score_bytes(e),
                              .group_bytes = e->layout.allowed / 4 > (1 << 20) ? e->layout.allowed / 4 : 1 << 20};
    return sn_scoreplan_init(&e->plan, e->net, job->archs, job->n, &s);
}

static sn_status allocate(evaluator *e) {
    size_t n = (size_t)e->largest;
    e->images = sn_new(n, image_elements(e) * sizeof *e->images);
    e->labels = sn_new((size_t)e->job->images.count + n, sizeof *e->labels);
    e->losses = sn_new(n, sizeof *e->losses);
    e->ranks = sn_new(n, sizeof *e->ranks);
    return e->images && e->labels && e->losses && e->ranks ? SN_OK : SN_RESOURCE;
}

static void release(evaluator *e) {
    sn_scoreplan_free(&e->plan);
    free(e->images);
    free(e->labels);
    free(e->losses);
    free(e->ranks);
}

static sn_status walk(evaluator *e) {
    const sn_score_job *job = e->job;
    while (e->reported < job->n) {
        long first = e->reported;
        SN_TRY(next_group(e, first, first && e->in_one));
        if (!first && job->layout) job->layout(job->arg, &e->layout);
        SN_TRY(run_group(e));
    }
    return SN_OK;
}

sn_status sn_score_archs(sn_supernet *net, const sn_score_job *job, sn_score_work *work) {
    SN_TRY(check(job));
    evaluator e = {.net = net, .job = job};
    void *kept = sn_statistics_keep(net);
    sn_status s = kept ? init(&e) : SN_RESOURCE;
    if (s == SN_OK) s = allocate(&e);
    if (s == SN_OK) s = walk(&e);
    sn_statistics_restore(net, kept);
    if (work) *work = e.work;
    release(&e);
    return s;
}

sn_status sn_score_memory(const sn_supernet *net, const sn_score_job *job, sn_score_layout *out) {
    SN_TRY(check(job));
    evaluator e = {.net = (sn_supernet *)net, .job = job}; // only read
    sn_status s = init(&e);
    if (s == SN_OK) s = next_group(&e, 0, false);
    if (s == SN_OK) *out = e.layout;
    release(&e);
    return s;
}
