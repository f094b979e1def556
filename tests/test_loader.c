// The loader: its batches are those that the data and the draws of augmentation give one by one, whoever loaded them and when;
// what cannot be read is told by the step that needs it. Run with the thread sanitizer too (tools/test).
// Not here: training on them (test_train.c).
// Next: src/supernet/train/loader.c.
#include "processes.h"
#include "supernet/train/loader.h"

static void loader_setup(void) {
    folder_make();
    put_data();
    put_config(at("c.yaml"), "epochs: 3");
}

// streamed: from the cache, image by image.
static sn_run *new_run(int threads, bool streamed) {
    sn_config *c;
    sn_run *r;
    char text[32];
    snprintf(text, sizeof text, "threads=%d", threads);
    const char *overrides[] = {text, streamed ? "data.memory=1MiB" : "data.memory=1GiB", "data.augment.cutout=5"};
    ck_ok(sn_config_load(at("c.yaml"), overrides, 3, &c));
    ck_ok(sn_run_create(c, NULL, &r));
    ck_assert_int_eq(sn_dataset_memory(r->data) == 0, streamed);
    return r;
}

// Against the same batch put together here.
static void ck_batch(const sn_run *r, int64_t step, const sn_batch *found) {
    enum { PIXELS = 28 * 28 };
    uint32_t n = (uint32_t)sn_dataset_count(r->data, SN_TRAIN), seed = (uint32_t)r->config->train.seed;
    uint32_t epoch = (uint32_t)(step / STEPS_PER_EPOCH), *order = malloc(n * sizeof *order);
    sn_epoch_order(seed, epoch, n, order);
    for (int i = 0; i < BATCH; i++) {
        uint32_t image = order[step % STEPS_PER_EPOCH * BATCH + i], id = sn_dataset_sample_id(r->data, SN_TRAIN, image);
        uint8_t pixels[PIXELS];
        float wanted[PIXELS];
        int32_t label;
        ck_ok(sn_dataset_read(r->data, SN_TRAIN, &image, 1, pixels, &label));
        sn_draw draw = sn_augment_draw(&r->augment, seed, epoch, id);
        sn_augment_image(&r->augment, &draw, pixels, wanted);
        const sn_draw *d = &found->draws[i];
        ck_assert_msg(found->samples[i] == id && found->labels[i] == label, "step %lld, image %d", (long long)step, i);
        ck_assert(d->dy == draw.dy && d->dx == draw.dx && d->flip == draw.flip && d->cut_y == draw.cut_y &&
                  d->cut_x == draw.cut_x);
        ck_assert(!memcmp(found->images + i * PIXELS, wanted, sizeof wanted));
    }
    free(order);
}

// Steps in turn, over the borders of epochs; then as a run that is resumed or looked at twice would ask.
START_TEST(batches) {
    static const int64_t jumps[] = {7, 7, 3, 2 * STEPS_PER_EPOCH, STEPS_PER_EPOCH - 1, 2 * STEPS_PER_EPOCH - 1, 0};
    for (int streamed = 0; streamed < 2; streamed++) {
        sn_run *r = new_run(_i, streamed);
        int64_t steps = sn_run_steps(r);
        ck_assert_int_eq(steps, 3 * STEPS_PER_EPOCH);
        sn_loader *l;
        ck_ok(sn_loader_open(r, BATCH, steps, &l));
        sn_batch b;
        for (int64_t step = 0; step < steps; step++) {
            ck_ok(sn_loader_take(l, step, &b));
            if (step % 3 == 0) wait_ms(1);
            ck_batch(r, step, &b);
        }
        sn_loader_times all = sn_loader_spent(l);
        for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
            ck_ok(sn_loader_take(l, jumps[i], &b));
            ck_batch(r, jumps[i], &b);
        }
        sn_loader_times more = sn_loader_spent(l);
        ck_assert(all.loading > 0 && all.waiting > 0 && more.loading > all.loading && more.waiting > all.waiting);
        sn_loader_close(l);
        sn_run_free(r);
    }
}
END_TEST

// A disk that fails under the training: the batch that was loaded before is good, the next step says what is wrong, and goes on
// once it is mended.
START_TEST(unreadable) {
    sn_run *r = new_run(_i, true);
    sn_loader *l;
    sn_batch b;
    ck_ok(sn_loader_open(r, BATCH, sn_run_steps(r), &l));
    ck_ok(sn_loader_take(l, 0, &b));
    sn_backend_finish(r->backend); // that of step 1 is there
    DIR *d = opendir(at("cache"));
    struct dirent *e;
    while ((e = readdir(d)) && !strstr(e->d_name, ".sncache")) {}
    ck_assert_ptr_nonnull(e);
    const char *path = lasting(at("cache/%s", e->d_name));
    closedir(d);
    static uint8_t bytes[1 << 21];
    size_t n = get_file(path, (char *)bytes, sizeof bytes);
    ck_assert_int_eq(truncate(path, 4096), 0);

    ck_ok(sn_loader_take(l, 1, &b));
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(sn_loader_take(l, 2, &b), SN_DATA);
        ck_message(".sncache: cut short");
    }
    int fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, bytes, n, 0), (ssize_t)n);
    for (int64_t step = 2; step < 4; step++) {
        ck_ok(sn_loader_take(l, step, &b));
        ck_batch(r, step, &b);
    }
    ck_assert_int_eq(ftruncate(fd, 4096), 0);
    sn_error(SN_FAIL, "what ended the training");
    sn_loader_close(l);
    ck_assert_str_eq(sn_error_text(), "what ended the training"); // not a batch that nobody waits for
    close(fd);
    sn_run_free(r);
}
END_TEST

int main(void) {
    Suite *s = suite_create("loader");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, loader_setup, folder_remove);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, batches, 1, 4);
    tcase_add_loop_test(t, unreadable, 1, 4);
    suite_add_tcase(s, t);
    return run_suite(s);
}
