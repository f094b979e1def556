// Forecasts what a training needs before it starts: memory from the plan of the largest step, time from a few timed steps.
#ifndef SN_FORECAST_H
#define SN_FORECAST_H

#include "io/config.h"
#include "supernet/graph.h"

typedef struct {
    int64_t parameters;   // of the supernet
    int64_t bytes;        // peak: weights, gradients, slots, statistics, arena, scratch, data kept in memory, a save
    int64_t steps;
    double step_seconds;  // mean over archs; 0 when not timed
    double train_seconds; // of all steps, without validation
} sn_forecast;

// Opens the data (to count images). timed: runs a few steps of random paths on random images.
sn_status sn_forecast_training(const sn_config *, const sn_graph *, bool timed, sn_forecast *out);

#endif
