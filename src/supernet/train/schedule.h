// The learning rate of a step: warm-up, then constant, steps or a half cosine (Loshchilov and Hutter, ICLR 2017, without
// restarts).
#ifndef SN_SCHEDULE_H
#define SN_SCHEDULE_H

#include "space/words.h"
#include <stdint.h>

typedef struct {
    int kind;           // SN_SCHEDULE_* of space/words.h
    double lr, lr_min;  // cosine ends at lr_min
    double warmup;      // epochs; rises linearly from lr/steps of warm-up
    double step_epochs; // STEP: every so many epochs the rate is multiplied by step_factor
    double step_factor;
    double epochs; // of the whole training
    int64_t steps_per_epoch;
} sn_schedule;

// Rate of step 0, 1, ...
double sn_schedule_lr(const sn_schedule *, int64_t step);

#endif
