// Forecasts what a training needs before it starts: memory from the plan of the largest step, time from a few timed steps.
#ifndef SN_FORECAST_H
#define SN_FORECAST_H

#include "supernet/train/run.h"

typedef struct {
    int64_t bytes; // peak: weights, gradients, slots, statistics, arena, scratch, pixels and batch in memory, a save, the program
    int64_t steps;
    double step_seconds;  // mean over options; 0 when not timed
    double train_seconds; // of all steps, without validation
} sn_forecast;

// timed: runs a few steps on random images, which changes the weights.
sn_status sn_forecast_run(sn_run *, bool timed, sn_forecast *out);

#endif
