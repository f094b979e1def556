// Loads batches one step ahead, image by image, in the background of the backend; see loader.h. Two buffers: the batch of the
// step in hand and the one being loaded. Next: io/data/dataset.h.
#include "supernet/train/loader.h"
#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>

typedef struct { // of one thread
    uint8_t *picture;
    double seconds; // spent on the batch being loaded
} hand;

struct sn_loader {
    const sn_run *run;
    int batch, all; // images of a step: the weights', all
    int64_t steps, steps_per_epoch;
    sn_loader_times spent;
    hand *hands;      // one per thread
    uint32_t *order;  // samples of an epoch: positions in the training split
    uint32_t *others; // the same of the alphas' part; NULL: there is none
    int64_t epoch;    // whose order that is; -1: none
    // the batch being loaded
    int64_t step; // -1: none
    sn_batch buffer[2];
    int to;               // in this buffer; the other one is the caller's
    bool *ready;          // (all) images that could be read
    _Atomic bool closing; // nobody needs it any more
};

// ---------------------------------------------------------------- one image
// Position in the training split of an image of a step of the epoch at hand.
static uint32_t position(const sn_loader *l, int64_t step, int64_t i) {
    int64_t first = step % l->steps_per_epoch * l->batch;
    return i < l->batch ? l->order[first + i] : l->others[first + i - l->batch];
}

static sn_status load(sn_loader *l, int64_t i, int thread) {
    const sn_run *r = l->run;
    const sn_batch *b = &l->buffer[l->to];
    uint8_t *picture = l->hands[thread].picture;
    uint32_t at = position(l, l->step, i);
    if (l->step % l->steps_per_epoch + 1 < l->steps_per_epoch) // the batch after this one
        sn_dataset_expect(r->data, SN_TRAIN, position(l, l->step + 1, i));
    SN_TRY(sn_dataset_read(r->data, SN_TRAIN, &at, 1, picture, &b->labels[i]));
    b->samples[i] = sn_dataset_sample_id(r->data, SN_TRAIN, at);
    b->draws[i] = sn_augment_draw(&r->augment, (uint32_t)r->config->train.seed, (uint32_t)l->epoch, b->samples[i]);
    sn_augment_image(&r->augment, &b->draws[i], picture, b->images + (size_t)i * sn_run_image(r));
    return SN_OK;
}

static void load_timed(void *arg, int64_t i, int thread) {
    sn_loader *l = arg;
    if (atomic_load(&l->closing)) return; // nor may a failure take the place of the caller's message
    double start = sn_now();
    l->ready[i] = load(l, i, thread) == SN_OK;
    l->hands[thread].seconds += sn_now() - start;
}

// ---------------------------------------------------------------- batches
// An epoch visits both parts in the same order.
static void order_epoch(sn_loader *l, int64_t epoch) {
    const sn_run *r = l->run;
    sn_epoch_order((uint32_t)r->config->train.seed, (uint32_t)epoch, (uint32_t)r->images, l->order);
    for (long i = 0; l->others && i < r->images; i++) {
        l->others[i] = r->part[1][l->order[i]];
        l->order[i] = r->part[0][l->order[i]];
    }
    l->epoch = epoch;
}

static void begin(sn_loader *l, int64_t step) {
    const sn_run *r = l->run;
    int64_t epoch = step / l->steps_per_epoch;
    sn_backend_finish(r->backend);
    if (l->epoch != epoch) order_epoch(l, epoch);
    l->step = step;
    sn_backend_background(r->backend, l->all, load_timed, l);
}

static sn_status finish(sn_loader *l) {
    sn_backend_finish(l->run->backend);
    for (int i = 0; i < l->all; i++) {
        if (!l->ready[i]) SN_TRY(load(l, i, 0));
        l->ready[i] = true;
    }
    for (int i = 0; i < sn_backend_threads(l->run->backend); i++) {
        l->spent.loading += l->hands[i].seconds;
        l->hands[i].seconds = 0;
    }
    return SN_OK;
}

sn_status sn_loader_take(sn_loader *l, int64_t step, sn_batch *out) {
    double start = sn_now();
    if (l->step != step) begin(l, step);
    SN_TRY(finish(l));
    *out = l->buffer[l->to];
    l->to = !l->to;
    l->step = -1;
    if (step + 1 < l->steps) begin(l, step + 1);
    l->spent.waiting += sn_now() - start;
    return SN_OK;
}

sn_loader_times sn_loader_spent(const sn_loader *l) {
    return l->spent;
}

// ---------------------------------------------------------------- life
static sn_status new_batch(const sn_run *r, size_t n, sn_batch *b) {
    b->images = sn_new(n, sn_run_image(r) * sizeof *b->images);
    b->labels = sn_new(n, sizeof *b->labels);
    b->samples = sn_new(n, sizeof *b->samples);
    b->draws = sn_new(n, sizeof *b->draws);
    return b->images && b->labels && b->samples && b->draws ? SN_OK : SN_RESOURCE;
}

static sn_status allocate(sn_loader *l) {
    size_t threads = (size_t)sn_backend_threads(l->run->backend);
    bool others = l->run->part[1] != NULL;
    l->order = sn_new((size_t)l->run->images, sizeof *l->order);
    if (others) l->others = sn_new((size_t)l->run->images, sizeof *l->others);
    l->ready = sn_new((size_t)l->all, sizeof *l->ready);
    l->hands = sn_new(threads, sizeof *l->hands);
    if (!l->order || (others && !l->others) || !l->ready || !l->hands) return SN_RESOURCE;
    for (size_t i = 0; i < threads; i++)
        if (!(l->hands[i].picture = sn_new(sn_run_picture(l->run), 1))) return SN_RESOURCE;
    for (int i = 0; i < 2; i++) SN_TRY(new_batch(l->run, (size_t)l->all, &l->buffer[i]));
    return SN_OK;
}

sn_status sn_loader_open(const sn_run *r, int batch, int64_t steps, sn_loader **out) {
    sn_loader *l = sn_new(1, sizeof *l);
    if (!l) return SN_RESOURCE;
    *l = (sn_loader){.run = r,
                     .batch = batch,
                     .all = batch * (r->part[1] ? 2 : 1),
                     .steps = steps,
                     .steps_per_epoch = r->images / batch,
                     .epoch = -1,
                     .step = -1};
    sn_status s = allocate(l);
    if (s != SN_OK)
        sn_loader_close(l);
    else
        *out = l;
    return s;
}

void sn_loader_close(sn_loader *l) {
    if (!l) return;
    atomic_store(&l->closing, true);
    sn_backend_finish(l->run->backend);
    for (int i = 0; l->hands && i < sn_backend_threads(l->run->backend); i++) free(l->hands[i].picture);
    for (int i = 0; i < 2; i++) {
        free(l->buffer[i].images);
        free(l->buffer[i].labels);
        free(l->buffer[i].samples);
        free(l->buffer[i].draws);
    }
    free(l->hands);
    free(l->ready);
    free(l->order);
    free(l->others);
    free(l);
}

size_t sn_loader_memory(const sn_run *r, int batch) {
    size_t image = sn_run_image(r) * sizeof(float) + sizeof(int32_t) + sizeof(uint32_t) + sizeof(sn_draw);
    size_t parts = r->part[1] ? 2 : 1;
    return parts * (2 * (size_t)batch * image + (size_t)r->images * sizeof(uint32_t)) +
           (size_t)sn_backend_threads(r->backend) * sn_run_picture(r);
}
