// Notices a training that is going wrong: its loss has been below that of guessing and climbs above it again.
// Not here: losses that are not finite, which end a training (train.c). Next: train.c.
#ifndef SN_CLIMB_H
#define SN_CLIMB_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    double guess; // the loss of guessing among the classes: ln classes
    double level; // the loss, smoothed over about 20 steps
    bool below;   // the level has been clearly below guess
    bool climbed; // and above it afterwards
} sn_climb;

sn_climb sn_climb_start(int classes);
// The mean loss of the next so many steps. True once: when the loss has climbed.
bool sn_climb_add(sn_climb *, double loss, int64_t steps);

#endif
