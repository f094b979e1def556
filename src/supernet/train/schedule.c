// Learning rates; see schedule.h.
#include "supernet/train/schedule.h"

#include <math.h>

double sn_schedule_lr(const sn_schedule *s, int64_t step) {
    double per_epoch = (double)s->steps_per_epoch, warm = floor(s->warmup * per_epoch + 0.5), total = s->epochs * per_epoch;
    if ((double)step < warm) return s->lr * ((double)step + 1) / warm;
    switch (s->kind) {
    case SN_SCHEDULE_STEP:
        return s->lr * pow(s->step_factor, floor((double)step / per_epoch / s->step_epochs));
    case SN_SCHEDULE_COSINE: {
        double part = total > warm ? ((double)step - warm) / (total - warm) : 0;
        return s->lr_min + (s->lr - s->lr_min) * 0.5 * (1 + cos(M_PI * (part < 1 ? part : 1)));
    }
    default:
        return s->lr;
    }
}
