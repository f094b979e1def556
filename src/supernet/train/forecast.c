// Forecasts of memory and time; see forecast.h.
#include "supernet/train/forecast.h"
#include "io/files/checkpoint.h"
#include "sampler/sampler.h"
#include "space/cost.h"
#include "supernet/train/bench.h"
#include "supernet/train/train.h"

#include <stdlib.h>

enum { TIMED = 8, WARMUP = 1 };
// Pages of the program and its libraries, and what HDF5 keeps: the peak of small runs less what is counted below.
enum { PROGRAM_BYTES = 18 << 20 };

static sn_status forecast_memory(const sn_run *r, sn_forecast *f) {
    sn_room room;
    int64_t validation = 0;
    sn_status s = sn_trainer_room(r, &room);
    if (s == SN_OK) s = sn_validation_arena(r, &validation);
    if (s == SN_OK) {
        const sn_params *p = &r->graph->params;
        int64_t buffers = p->total * (2 + r->net->slots) + p->stats_total + (validation > room.arena ? validation : room.arena);
        f->bytes = buffers * (int64_t)r->net->real + (int64_t)room.scratch * sn_backend_threads(r->backend);
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
    }
    int most = sn_space_max_options(r->space), n = most < TIMED ? TIMED / most * most : TIMED;
    SN_TRY(sn_bench_steps(r->net, archs, n, r->config->train.batch, WARMUP, false, NULL, &result));
    const sn_sampler *sampler = sn_sampler_find(r->config->train.sampler);
    f->step_seconds = result.seconds / (double)result.steps * (sampler ? sampler->passes(r->space) : 1);
    f->train_seconds = f->step_seconds * (double)f->steps;
    return SN_OK;
}

sn_status sn_forecast_run(sn_run *r, bool timed, sn_forecast *out) {
    sn_forecast f = {0};
    SN_TRY(forecast_memory(r, &f));
    f.steps = sn_run_steps(r);
    if (timed) SN_TRY(forecast_time(r, &f));
    *out = f;
    return SN_OK;
}
