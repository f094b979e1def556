// The batches of a training, loaded ahead: while a step runs, threads of the backend that would wait read and augment the images
// of the next one. A batch depends on the seed, the epoch and the samples alone, never on when or where it was loaded.
// Not here: what is drawn (io/data/augment.h), which images there are (io/data/dataset.h). Next: loader.c.
#ifndef SN_LOADER_H
#define SN_LOADER_H

#include "supernet/train/run.h"

typedef struct {
    float *images; // (batch, h, w, c) after augmentation
    int32_t *labels;
    uint32_t *samples; // sample ids
    sn_draw *draws;
} sn_batch;

typedef struct sn_loader sn_loader;

// For steps 0 to steps - 1, each of `batch` training images, and behind these as many of the alphas' where they have their own;
// the run stays, and has at least so many. SN_RESOURCE.
sn_status sn_loader_open(const sn_run *, int batch, int64_t steps, sn_loader **out);
void sn_loader_close(sn_loader *);

// The batch of a step, the loader's, whole until the next call; then that of the following step, if there is one, begins to be
// loaded. An image that could not be read ahead is read again here: SN_DATA when it still cannot.
sn_status sn_loader_take(sn_loader *, int64_t step, sn_batch *out);

typedef struct {    // seconds, for the batches taken so far
    double loading; // reading and augmenting, of all threads together
    double waiting; // inside sn_loader_take: what steps did not hide
} sn_loader_times;
sn_loader_times sn_loader_spent(const sn_loader *);

// Bytes it takes.
size_t sn_loader_memory(const sn_run *, int batch);

#endif
