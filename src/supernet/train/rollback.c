// Back to an earlier epoch; see rollback.h.
#include "supernet/train/rollback.h"
#include "io/files/runfolder.h"

#include <math.h>
#include <stdlib.h>

static bool goes_back(const sn_run *r) {
    return r->alphas && r->config->train.relax.on_collapse == SN_COLLAPSE_ROLLBACK;
}

static int64_t times(const sn_run *r) {
    int64_t told = r->alphas->counts[SN_ALPHA_TOLD], most = r->config->train.relax.rollbacks;
    return told < most ? told : most;
}

sn_status sn_rollback_decay(sn_run *r) {
    double decay = r->config->train.optimizer.weight_decay;
    if (!goes_back(r)) return SN_OK;
    if (decay == 0)
        return sn_error(SN_CONFIG, "train.optimizer.weight_decay: found 0, which train.relax.on_collapse: rollback multiplies; "
                                   "allowed beside it are numbers above 0");
    r->optim->settings.weight_decay = decay * pow(r->config->train.relax.rollback_decay, (double)times(r));
    return SN_OK;
}

bool sn_rollback_wanted(const sn_run *r) {
    return goes_back(r) && r->alphas->counts[SN_ALPHA_TOLD] < r->config->train.relax.rollbacks;
}

bool sn_rollback_told(const sn_run *r) {
    return r->alphas->counts[SN_ALPHA_TOLD] > (goes_back(r) ? r->config->train.relax.rollbacks : 0);
}

void sn_rollback_tell(sn_run *r, int epoch) {
    r->alphas->counts[SN_ALPHA_TOLD] = 1 + (goes_back(r) ? r->config->train.relax.rollbacks : epoch);
}

sn_status sn_rollback_step(const sn_run *r, int epoch, int64_t *step) {
    int64_t *steps, per = sn_run_epoch_steps(r);
    int n;
    SN_TRY(sn_folder_steps(r->folder, &steps, &n));
    *step = -1;
    for (int i = 0; i < n && *step < 0; i++)
        if (steps[i] <= epoch * per && steps[i] % per == 0) *step = steps[i];
    free(steps);
    if (*step >= 0) return SN_OK;
    return sn_error(SN_DIVERGED, "%s has no checkpoint of epoch %d or before it to go back to (train.relax.on_collapse)",
                    r->folder, epoch);
}

sn_status sn_rollback(sn_run *r, int64_t step) {
    int64_t times_now = r->alphas->counts[SN_ALPHA_TOLD] + 1;
    char *path = sn_folder_checkpoint(r->folder, step);
    sn_status s = path ? sn_run_load(r, path) : SN_RESOURCE;
    if (s == SN_OK) {
        r->alphas->counts[SN_ALPHA_TOLD] = times_now;
        s = sn_run_save(r, path);
    }
    if (s == SN_OK) s = sn_folder_cut(r->folder, step);
    free(path);
    return s;
}

int sn_rollback_stay(const sn_run *r) {
    return r->alphas ? SN_MONITOR_BACK + 3 : 1;
}

sn_status sn_rollback_prune(const sn_run *r) {
    int64_t stay[SN_MONITOR_BACK + 3] = {r->best_step}, per = sn_run_epoch_steps(r), epoch = r->step / per;
    int n = 1;
    for (int back = 0; r->alphas && back <= SN_MONITOR_BACK; back++) stay[n++] = (epoch - back) * per;
    if (r->alphas && !goes_back(r)) stay[n++] = (r->alphas->counts[SN_ALPHA_TOLD] - 1) * per;
    return sn_folder_prune(r->folder, r->config->train.keep, stay, n);
}
