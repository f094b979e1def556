// Forecasts of memory and time; see forecast.h.
#include "supernet/train/forecast.h"
#include "io/files/checkpoint.h"
#include "sampler/method.h"
#include "space/cost.h"
#include "supernet/train/bench.h"
#include "supernet/train/train.h"

#include <stdlib.h>

enum { TIMED = 8, WARMUP = 1 };
// Pages of the program and its libraries, and what HDF5 keeps: the peak of small runs less what is counted below.
enum { PROGRAM_BYTES = 18 << 20 };

static sn_status forecast_memory(const sn_run *r, sn_forecast *f) {
    sn_room room;
    sn_score_layout v;
    SN_TRY(sn_trainer_room(r, &room));
    size_t arena = (size_t)room.arena * r->net->real;
    sn_status s = sn_validation_layout(r, arena, &v);
    if (s == SN_OK) {
        const sn_params *p = &r->graph->params;
        int64_t buffers = p->total * (2 + r->net->slots) + p->stats_total;
        if (room.weights > p->total) buffers += 2 * (room.weights - p->total);
        f->bytes = buffers * (int64_t)r->net->real + (int64_t)room.scratch * sn_backend_threads(r->backend);
        f->bytes += (int64_t)((v.arena > arena ? v.arena : arena) + v.bytes - v.arena);
        f->bytes += PROGRAM_BYTES + (int64_t)sn_dataset_memory(r->data) + (int64_t)sn_checkpoint_bytes(p, r->net->slots);
        f->bytes += (int64_t)sn_loader_memory(r, r->config->train.batch);
    }
    return s;
}

static uint8_t rotated(const sn_decision *d, int i) {
    return (uint8_t)sn_decision_option(d, i % sn_decision_count(d));
}

// Archs whose options rotate, so that every option of every decision is timed about equally often.
static sn_status forecast_time(sn_run *r, sn_forecast *f) {
    sn_arch archs[TIMED];
    sn_bench_result result;
    for (int i = 0; i < TIMED; i++) {
        archs[i] = sn_arch_first(r->space);
        for (int d = 0; d < archs[i].n; d++) archs[i].option[d] = rotated(&r->space->decisions[d], i + d);
        sn_arch_settle(r->space, &archs[i]);
    }
    int most = sn_space_max_options(r->space), n = most < TIMED ? TIMED / most * most : TIMED;
    sn_pass like = sn_training_pass(NULL, r->config->train.batch, 0);
    like.recompute = r->config->train.recompute;
    SN_TRY(sn_bench_steps(r->net, archs, n, &like, WARMUP, SN_BENCH_TOTAL, NULL, NULL, NULL, &result));
    const sn_method *sampler = sn_method_find(SN_SAMPLER, r->config->train.sampler);
    f->step_seconds = result.seconds / (double)result.steps * (sampler ? sampler->passes(r->space) : 1);
    f->train_seconds = f->step_seconds * (double)f->steps;
    return SN_OK;
}

// Of a relaxation: steps as they come.
static sn_status forecast_relaxed(sn_run *r, sn_forecast *f) {
    sn_trainer *t;
    sn_bench_result result;
    SN_TRY(sn_trainer_create(r, &t));
    long left = t->steps - r->step, n = left - WARMUP < TIMED / 2 ? left - WARMUP : TIMED / 2;
    sn_status s = n > 0 ? sn_bench_training(t, n, WARMUP, SN_BENCH_TOTAL, NULL, NULL, &result) : SN_OK;
    sn_trainer_free(t);
    if (s != SN_OK || n <= 0) return s;
    f->step_seconds = result.seconds / (double)result.steps;
    f->train_seconds = f->step_seconds * (double)f->steps;
    return SN_OK;
}

sn_status sn_forecast_run(sn_run *r, bool timed, sn_forecast *out) {
    sn_forecast f = {0};
    SN_TRY(forecast_memory(r, &f));
    f.steps = sn_run_steps(r);
    if (timed) SN_TRY(r->alphas ? forecast_relaxed(r, &f) : forecast_time(r, &f));
    *out = f;
    return SN_OK;
}
