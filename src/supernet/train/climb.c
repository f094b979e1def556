// A smoothed loss against that of guessing; see climb.h.
#include "supernet/train/climb.h"

#include <math.h>

static const double CLEARLY = 0.95; // of guess: losses of first steps lie about guess and vary by a hundredth or so
static const double KEPT = 0.95;    // of the level, by each step

sn_climb sn_climb_start(int classes) {
    return (sn_climb){.guess = log(classes), .level = log(classes)};
}

bool sn_climb_add(sn_climb *c, double loss, int64_t steps) {
    if (c->climbed) return false;
    c->level = loss + (c->level - loss) * pow(KEPT, (double)steps);
    c->below = c->below || c->level < CLEARLY * c->guess;
    return c->climbed = c->below && c->level > c->guess;
}
