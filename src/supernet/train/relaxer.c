// The verbs of relaxations; see relaxer.h. Read sn_relaxer_step first, then verb_pass.
#include "supernet/train/relaxer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sn_relaxer {
    sn_run *run;
    const sn_method *method;
    sn_relax_settings settings;
    sn_relax relax;
    void *saved;   // weights
    sn_plan moves; // reused
    sn_relax_hooks hooks;
    // of the step at hand
    const sn_batch *in;
    sn_relax_sums *sums;
};

// ---------------------------------------------------------------- making
// Of a pick that is not learned all ways to pick are there, so weighed that each value is taken once.
static void open_pick(sn_gates *g, const sn_decision *o, int d) {
    int with_first = 0, lowest = __builtin_ctzll(o->items[sn_decision_option(o, 0)]);
    g->active[d] = o->allowed;
    for (int k = 0; k < o->options; k++) with_first += sn_decision_allows(o, k) && (o->items[k] >> lowest & 1);
    for (int k = 0; k < o->options; k++) g->gate[g->first[d] + k] = 1.0 / with_first;
}

// Before a method sets those that are learned: a decision without a choice has its one option.
static sn_gates *first_gates(const sn_config *c) {
    const sn_space *s = c->space.built;
    sn_gates *g = sn_gates_new(s);
    for (int d = 0; g && d < s->n_decisions; d++) {
        int only = sn_decision_option(&s->decisions[d], 0);
        g->learned[d] = sn_alphas_learn(c, d);
        g->active[d] = 1ull << only;
        g->gate[g->first[d] + only] = 1;
        if (!g->learned[d] && sn_decision_count(&s->decisions[d]) > 1) open_pick(g, &s->decisions[d], d);
    }
    return g;
}

static sn_relax_settings settings_of(const sn_config *c) {
    return (sn_relax_settings){.order = c->train.relax.order,
                               .temperature = c->train.relax.temperature,
                               .temperature_end = c->train.relax.temperature_end,
                               .zero_one = c->train.relax.zero_one,
                               .cost = c->train.relax.cost,
                               .cost_multiplies = c->train.relax.cost_form == SN_COST_MULTIPLY,
                               .cost_exponent = c->train.relax.cost_exponent,
                               .perturb = c->train.relax.perturb,
                               .perturb_steps = c->train.relax.perturb_steps};
}

static double counted(const sn_config *c, sn_cost cost) {
    return (double)(c->train.relax.cost_of == SN_COST_PARAMS ? cost.params : cost.macs);
}

// The cost of every option, and of what no decision learns, as shares of the reference.
static sn_status set_costs(sn_relaxer *x, double *out) {
    const sn_run *r = x->run;
    const sn_config *c = r->config;
    sn_arch small, large;
    sn_cost most;
    if (!sn_costs_add_up(r->graph, r->space))
        return sn_error(SN_CONFIG,
                        "train.relax.cost: found %g; only 0 is allowed in a space whose costs do not add up over decisions",
                        c->train.relax.cost);
    SN_TRY(sn_cost_extremes(r->graph, r->space, &small, &large));
    SN_TRY(sn_cost_arch(r->graph, &large, &most));
    double reference = c->train.relax.cost_reference > 0 ? c->train.relax.cost_reference : counted(c, most);
    if (!(reference >= 3))
        return sn_error(SN_CONFIG, "train.relax.cost_reference: found %g; allowed are numbers from 3", reference);
    x->relax.cost_reference = reference;
    x->relax.cost_fixed = counted(c, most) / reference;
    for (int d = 0, place = 0; d < r->space->n_decisions; place += r->space->decisions[d++].options)
        for (int n = 0, k; (k = sn_decision_option(&r->space->decisions[d], n)) >= 0; n++) {
            sn_cost option;
            SN_TRY(sn_cost_option(r->graph, d, k, &option));
            out[place + k] = counted(c, option) / reference;
            if (x->relax.gates->learned[d] && k == large.option[d]) x->relax.cost_fixed -= out[place + k];
        }
    return SN_OK;
}

static double *list(const sn_relaxer *x) {
    return sn_new((size_t)x->run->alphas->places, sizeof(double));
}

static sn_status make(sn_relaxer *x) {
    sn_relax *r = &x->relax;
    const sn_config *c = x->run->config;
    x->method = sn_method_find(SN_RELAXATION, c->train.relax.method);
    if (!x->method) return sn_error(SN_CONFIG, "no relaxation '%s'", c->train.relax.method);
    x->settings = settings_of(c);
    r->space = x->run->space, r->settings = &x->settings, r->alpha = x->run->alphas->alpha;
    r->seed = (uint32_t)c->train.seed, r->trainer = x;
    r->gates = first_gates(c);
    r->dalpha = list(x), r->dgate = list(x), r->kept = list(x), r->noise = list(x), r->spare = list(x);
    if (!r->gates || !r->dalpha || !r->dgate || !r->kept || !r->noise || !r->spare) return SN_RESOURCE;
    if (x->settings.cost > 0) {
        double *cost = list(x);
        r->cost = cost;
        SN_TRY(cost ? set_costs(x, cost) : SN_RESOURCE);
    }
    return SN_OK;
}

sn_status sn_relaxer_create(sn_run *run, sn_relaxer **out) {
    sn_relaxer *x = sn_new(1, sizeof *x);
    if (!x) return SN_RESOURCE;
    x->run = run;
    sn_status s = make(x);
    if (s != SN_OK)
        sn_relaxer_free(x);
    else
        *out = x;
    return s;
}

void sn_relaxer_free(sn_relaxer *x) {
    if (!x) return;
    sn_gates_free(x->relax.gates);
    free(x->relax.dalpha);
    free(x->relax.dgate);
    free(x->relax.kept);
    free(x->relax.noise);
    free(x->relax.spare);
    free((double *)x->relax.cost);
    free(x->saved);
    sn_plan_free(&x->moves);
    free(x);
}

void sn_relaxer_watch(sn_relaxer *x, const sn_relax_hooks *hooks) {
    x->hooks = *hooks;
}

// ---------------------------------------------------------------- verbs
static sn_pass pass_of(const sn_relaxer *x, unsigned wanted) {
    int batch = x->run->config->train.batch;
    return (sn_pass){.gates = x->relax.gates,
                     .batch = batch,
                     .bn = SN_BN_BATCH,
                     .momentum = wanted & SN_MOVE_STATISTICS ? 0.1 : 0,
                     .gradients = wanted & SN_WANT_WEIGHTS,
                     .gate_gradients = wanted & SN_WANT_GATES,
                     .smoothing = x->run->config->train.optimizer.label_smoothing,
                     .loss_scale = 1.0 / batch,
                     .recompute = x->run->config->train.recompute,
                     .target = -1};
}

static void count(sn_relaxer *x, unsigned wanted, const sn_batch_score *s) {
    const sn_supernet *n = x->run->net;
    double images = x->run->config->train.batch;
    if (wanted & SN_MOVE_STATISTICS) x->sums->passes++, x->sums->loss += s->loss / images, x->sums->top1 += s->top1 / images;
    x->sums->plan_seconds += n->plan.seconds;
    for (int i = 0; i < n->plan.n_calls; i++) {
        double flops, bytes;
        sn_call_cost(&n->plan.call[i], n->real, &flops, &bytes);
        x->sums->flops += flops;
    }
}

static void count_options(sn_relaxer *x) {
    const sn_space *s = x->run->space;
    for (int d = 0; d < s->n_decisions; d++)
        for (int n = 0, k; (k = sn_decision_option(&s->decisions[d], n)) >= 0; n++)
            if (x->relax.gates->active[d] >> k & 1) x->run->option_passes[sn_space_option_place(s, d, k)]++;
}

static sn_status verb_pass(void *arg, sn_half half, unsigned wanted) {
    sn_relaxer *x = arg;
    sn_run *r = x->run;
    sn_pass pass = pass_of(x, wanted);
    size_t behind = half == SN_ON_ALPHAS && r->part[1] ? (size_t)pass.batch : 0; // of the weights' images
    sn_batch_score score;
    const float *images = x->in->images + behind * sn_run_image(r);
    SN_TRY(sn_supernet_pass(r->net, &pass, images, x->in->labels + behind, &score));
    if (score.finite == 0)
        return sn_error(SN_DIVERGED, "the loss on the images of the %s is not finite",
                        half == SN_ON_ALPHAS ? "alphas" : "weights");
    x->relax.loss = score.loss / pass.batch;
    if (wanted & SN_WANT_GATES) sn_supernet_gate_gradients(r->net, r->alphas->places, x->relax.dgate);
    if (wanted & SN_MOVE_STATISTICS) count_options(x);
    count(x, wanted, &score);
    sn_relaxed_pass told = {half, wanted, &x->relax, images, x->relax.loss};
    return x->hooks.pass ? x->hooks.pass(x->hooks.arg, &told) : SN_OK;
}

static sn_status verb_update_weights(void *arg) {
    sn_relaxer *x = arg;
    if (x->hooks.weights) SN_TRY(x->hooks.weights(x->hooks.arg));
    return sn_optim_update(x->run->optim, x->settings.lr);
}

static sn_status verb_update_alphas(void *arg) {
    sn_relaxer *x = arg;
    if (x->hooks.alphas) SN_TRY(x->hooks.alphas(x->hooks.arg, &x->relax));
    return sn_alphas_update(x->run->alphas, x->run->config, x->relax.dalpha);
}

static size_t weight_bytes(const sn_relaxer *x) {
    return (size_t)x->run->graph->params.total * x->run->net->real;
}

static sn_status verb_save_weights(void *arg) {
    sn_relaxer *x = arg;
    if (!x->saved) x->saved = sn_new(1, weight_bytes(x));
    if (!x->saved) return SN_RESOURCE;
    sn_memory_read(x->run->net->memory, SN_BUFFER_WEIGHTS, 0, x->saved, weight_bytes(x));
    return SN_OK;
}

static sn_status verb_restore_weights(void *arg) {
    sn_relaxer *x = arg;
    sn_memory_write(x->run->net->memory, SN_BUFFER_WEIGHTS, 0, x->saved, weight_bytes(x));
    return SN_OK;
}

// What the optimiser of weights makes of a parameter for this direction; 0: nothing of it moves.
static double factor_of(const sn_relaxer *x, int param, sn_along along) {
    const sn_optim *o = x->run->optim;
    if (along == SN_ALONG_DECAY) return sn_optim_decay(o, param);
    if (along == SN_ALONG_MOMENTUM) return o->settings.kind == SN_OPTIM_SGD ? o->settings.momentum : 0;
    return 1;
}

static sn_status verb_move_weights(void *arg, double coefficient, sn_along along) {
    static const sn_move_from from[] = {SN_FROM_GRADS, SN_FROM_SLOT0, SN_FROM_WEIGHTS};
    sn_relaxer *x = arg;
    sn_supernet *net = x->run->net;
    sn_plan_clear(&x->moves);
    for (int i = 0; i < net->n_active; i++) {
        const sn_part *p = &net->active[i];
        double factor = coefficient * factor_of(x, p->param, along);
        sn_call c = {.kernel = SN_MOVE, .as.move = {{p->offset, p->size, 1, p->size}, from[along], factor}};
        if (factor != 0) SN_TRY(sn_plan_add(&x->moves, net->backend, &c, true));
    }
    sn_supernet_run(net, &x->moves);
    return SN_OK;
}

static sn_status verb_gradient_norm(void *arg, double *norm) {
    sn_relaxer *x = arg;
    return sn_optim_norm(x->run->optim, norm);
}

static sn_status verb_drop_gradients(void *arg) {
    sn_relaxer *x = arg;
    sn_supernet_end_gradients(x->run->net);
    return SN_OK;
}

static sn_status verb_set_alpha(void *arg, int place, double alpha) {
    ((sn_relaxer *)arg)->run->alphas->alpha[place] = alpha;
    return SN_OK;
}

static const sn_relax_verbs verbs = {verb_pass,          verb_update_weights,  verb_update_alphas,
                                     verb_save_weights,  verb_restore_weights, verb_move_weights,
                                     verb_gradient_norm, verb_drop_gradients,  verb_set_alpha};

sn_status sn_relaxer_step(sn_relaxer *x, int64_t steps, const sn_batch *in, double lr, sn_relax_sums *out) {
    sn_run *r = x->run;
    int64_t rest = (int64_t)llround(r->config->train.relax.warmup * (double)steps / r->config->train.epochs);
    *out = (sn_relax_sums){0};
    x->in = in, x->sums = out;
    x->settings.lr = lr;
    x->relax.step = (uint32_t)r->step;
    x->relax.progress = steps > 1 ? (double)r->step / (double)(steps - 1) : 1;
    x->relax.rest = r->step < rest;
    x->relax.verbs = &verbs;
    return x->method->relax(x->method, &x->relax);
}

// ---------------------------------------------------------------- room
// All options of learned decisions, each with its share as its gate.
static void weigh_by_shares(sn_relaxer *x) {
    sn_alphas_shares(x->run->alphas, x->run->config, x->relax.kept);
    for (int d = 0; d < x->run->space->n_decisions; d++)
        if (x->relax.gates->learned[d]) sn_relax_open(&x->relax, d, x->relax.kept + x->relax.gates->first[d]);
}

static sn_status plan_room(const sn_relaxer *x, unsigned wanted, int64_t *arena, sn_room *most) {
    const sn_run *r = x->run;
    sn_pass pass = pass_of(x, wanted);
    sn_plan plan = {0};
    sn_status s = sn_plan_make(r->graph, r->backend, &pass, &plan);
    *arena = plan.arena;
    if (plan.arena > most->arena) most->arena = plan.arena;
    if (plan.scratch > most->scratch) most->scratch = plan.scratch;
    if (plan.weights > most->weights) most->weights = plan.weights;
    sn_plan_free(&plan);
    return s;
}

// The ith way for a pass to run as many options of a decision as the method does, 0 after the last: one alone, then pairs.
static uint64_t some_options(const sn_decision *o, int paths, int i) {
    int n = sn_decision_count(o);
    if (i < n) return UINT64_C(1) << sn_decision_option(o, i);
    i -= n;
    for (int a = 0; paths == 2 && a < n; i -= n - ++a)
        if (i < n - 1 - a) return UINT64_C(1) << sn_decision_option(o, a) | UINT64_C(1) << sn_decision_option(o, a + 1 + i);
    return 0;
}

static void take(sn_relaxer *x, int d, uint64_t options) {
    sn_gates *g = x->relax.gates;
    g->active[d] = options;
    for (uint64_t left = options; left; left &= left - 1) g->gate[g->first[d] + __builtin_ctzll(left)] = left == options;
}

// Few options everywhere: each decision in turn takes those with the largest arena, until nothing grows. (As sn_room_of does.)
static sn_status climb(sn_relaxer *x, unsigned wanted, bool last, sn_room *most) {
    enum { SWEEPS = 4 };
    const sn_space *s = x->run->space;
    int64_t best = 0, arena;
    int paths = wanted & SN_WANT_GATES ? x->method->paths : 1; // weights learn on one
    for (int d = 0; d < s->n_decisions; d++)
        if (x->relax.gates->learned[d])
            take(x, d, some_options(&s->decisions[d], paths, last ? sn_decision_count(&s->decisions[d]) - 1 : 0));
    SN_TRY(plan_room(x, wanted, &best, most));
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        int64_t before = best;
        for (int d = 0; d < s->n_decisions; d++) {
            if (!x->relax.gates->learned[d]) continue;
            uint64_t kept = x->relax.gates->active[d], options;
            for (int i = 0; (options = some_options(&s->decisions[d], paths, i)); i++) {
                take(x, d, options);
                SN_TRY(plan_room(x, wanted, &arena, most));
                if (arena > best) best = arena, kept = options;
            }
            take(x, d, kept);
        }
        if (best == before) return SN_OK;
    }
    return SN_OK;
}

// Methods run one option of each decision, two, or all; other mixtures are parts of the latter.
static sn_status room_for(sn_relaxer *x, unsigned wanted, sn_room *most) {
    int64_t arena;
    if (!x->method->paths) {
        weigh_by_shares(x);
        return plan_room(x, wanted, &arena, most);
    }
    SN_TRY(climb(x, wanted, false, most));
    return climb(x, wanted, true, most);
}

sn_status sn_relaxer_room(const sn_run *r, sn_room *out) {
    sn_relaxer *x;
    sn_room most = {.weights = sn_room_weights(r->graph)};
    SN_TRY(sn_relaxer_create((sn_run *)r, &x)); // plans alone are made: the run stays as it is
    sn_status s = room_for(x, SN_WANT_WEIGHTS, &most);
    if (s == SN_OK) s = room_for(x, SN_WANT_GATES, &most);
    if (s == SN_OK && x->settings.order == 2) s = room_for(x, SN_WANT_WEIGHTS | SN_WANT_GATES, &most);
    sn_relaxer_free(x);
    if (s == SN_OK) *out = most;
    return s;
}

// ---------------------------------------------------------------- curvature
static double dot(const double *a, const double *b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

// out = (gradient at alpha + h*v - gradient at alpha - h*v) / 2h
static sn_status hessian_times(sn_relaxer *x, const double *v, double *moved, double *out) {
    const double h = 0.01;
    int n = x->run->alphas->places;
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < n; i++) moved[i] = x->run->alphas->alpha[i] + (side ? -h : h) * v[i];
        SN_TRY(sn_relax_alpha_pass(x->method, &x->relax, 0));
        for (int i = 0; i < n; i++) out[i] = ((side ? out[i] : 0) + (side ? -1 : 1) * x->relax.dalpha[i]) / (side ? 2 * h : 1);
    }
    return SN_OK;
}

// The largest eigenvalue of a symmetric matrix with this diagonal and, beside it, `off`: where no pivot of matrix - t is positive
// all are below t.
static double largest_eigenvalue(const double *diagonal, const double *off, int n) {
    double low = diagonal[0], high = diagonal[0];
    for (int i = 0; i < n; i++) {
        double around = (i ? off[i - 1] : 0) + (i + 1 < n ? off[i] : 0);
        low = fmin(low, diagonal[i] - around), high = fmax(high, diagonal[i] + around);
    }
    for (int halved = 0; halved < 60; halved++) {
        double t = (low + high) / 2, pivot = 1;
        bool above = false;
        for (int i = 0; i < n && !above; i++) {
            pivot = diagonal[i] - t - (i ? off[i - 1] * off[i - 1] / pivot : 0);
            above = pivot >= 0;
        }
        *(above ? &low : &high) = t;
    }
    return high;
}

static void random_direction(const sn_relaxer *x, double *v) {
    sn_rng r = sn_rng_at(x->relax.seed, SN_STREAM_GATES, 0, UINT32_MAX, 1);
    for (int d = 0; d < x->relax.gates->decisions; d++)
        for (int k = 0; k < x->run->space->decisions[d].options; k++)
            if (x->relax.gates->learned[d] && sn_decision_allows(&x->run->space->decisions[d], k))
                v[x->relax.gates->first[d] + k] = sn_rng_normal(&r);
}

// Takes from v what it has along those before it, twice, since once leaves rounding; its length then, 1 where there is one.
static double orthonormal(double *v, const double *before, int n_before, int n) {
    for (int twice = 0; twice < 2; twice++)
        for (int j = 0; j < n_before; j++) {
            const double *q = before + (size_t)j * (size_t)n;
            double along = dot(q, v, n);
            for (int k = 0; k < n; k++) v[k] -= along * q[k];
        }
    double length = sqrt(dot(v, v, n));
    for (int k = 0; length > 0 && k < n; k++) v[k] /= length;
    return length;
}

// Lanczos' iteration; basis: DIRECTIONS lists, the first still 0.
enum { DIRECTIONS = 8 };
static sn_status lanczos(sn_relaxer *x, double *basis, double *moved, double *out) {
    const double nothing = 1e-3; // of the largest entry: what differences of floats leave
    int n = x->run->alphas->places, made = 0;
    double diagonal[DIRECTIONS], off[DIRECTIONS], most = 0;
    random_direction(x, basis);
    double length = orthonormal(basis, NULL, 0, n);
    while (made < DIRECTIONS && length > nothing * most) {
        double *q = basis + (size_t)made * (size_t)n, *next = q + n;
        SN_TRY(hessian_times(x, q, moved, next));
        diagonal[made++] = dot(q, next, n);
        off[made - 1] = length = orthonormal(next, basis, made, n);
        most = fmax(most, fmax(fabs(diagonal[made - 1]), length));
    }
    if (made) *out = largest_eigenvalue(diagonal, off, made);
    return SN_OK;
}

sn_status sn_relaxer_eigenvalue(sn_relaxer *x, double *out) {
    size_t n = (size_t)x->run->alphas->places;
    *out = NAN;
    if (x->method->draws || !x->in) return SN_OK;
    double *lists = sn_new((DIRECTIONS + 2) * n, sizeof *lists);
    if (!lists) return SN_RESOURCE;
    sn_relax_sums sums = {0};
    x->sums = &sums;
    x->relax.alpha = lists;
    sn_status s = lanczos(x, lists + n, lists, out);
    x->relax.alpha = x->run->alphas->alpha;
    free(lists);
    return s;
}

// ---------------------------------------------------------------- the mixture
static sn_status mixture_hits(sn_relaxer *x, const sn_source *images, long first, long n, float *pixels, int32_t *labels,
                              double *hits) {
    sn_run *r = x->run;
    sn_batch_score score;
    sn_pass pass = {.gates = x->relax.gates, .batch = (int)n, .bn = SN_BN_BATCH, .loss_scale = 1, .target = -1};
    SN_TRY(images->read(images->arg, first, n, pixels, labels));
    SN_TRY(sn_supernet_pass(r->net, &pass, pixels, labels, &score));
    *hits += score.top1;
    return SN_OK;
}

sn_status sn_relaxer_accuracy(sn_relaxer *x, const sn_source *images, double *top1) {
    sn_run *r = x->run;
    long batch = r->config->train.batch, all = images->count;
    if (batch > all) batch = all;
    float *pixels = sn_new((size_t)batch * sn_run_image(r), sizeof *pixels);
    int32_t *labels = sn_new((size_t)batch, sizeof *labels);
    sn_status s = pixels && labels ? SN_OK : SN_RESOURCE;
    double hits = 0;
    long seen = 0;
    weigh_by_shares(x);
    for (; s == SN_OK && batch && seen + batch <= all; seen += batch)
        s = mixture_hits(x, images, seen, batch, pixels, labels, &hits);
    free(pixels);
    free(labels);
    *top1 = seen ? hits / (double)seen : NAN;
    return s;
}
