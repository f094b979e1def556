// supernet bench [CONFIG]: whole training steps on this machine, where their time goes, and the share of the processor's FMA
// peak.
#include "cli.h"
#include "supernet/rank/archlist.h"
#include "supernet/train/bench.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const cli_option options[] = {
    {"paths", 0, "FILE", "run exactly these architectures, one step each (default: 12 random ones)"},
    {"steps", 0, "N", "N random architectures"},
    {"batch", 0, "N", "images of a step (default: train.batch of the config)"},
    {"warmup", 0, "N", "untimed steps first (default 3)"},
    {"profile", 0, NULL, "time every kernel alone, and with the data of CONFIG the loader"},
    {"sizes", 0, NULL, "with --profile: each size of convolution apart"},
    {0}};

static json_t *rows_json(const sn_bench_result *r) {
    json_t *list = json_array();
    for (int i = 0; i < r->rows; i++) {
        const sn_bench_row *x = &r->row[i];
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:I,s:f,s:o,s:o}", "kernel", x->kernel, "impl", x->impl, "size", x->size, "calls",
                            (json_int_t)x->calls, "ms_per_step", 1e3 * x->seconds / (double)r->steps, "gflops",
                            cli_real(x->flops / x->seconds * 1e-9), "gb_per_s", cli_real(x->bytes / x->seconds * 1e-9)));
    }
    return list;
}

static sn_status print_rows(const sn_bench_result *r) {
    table *t = table_new();
    bool sizes = false;
    for (int i = 0; i < r->rows; i++) sizes = sizes || *r->row[i].size;
    table_column(t, TABLE_TEXT, 0, "kernel");
    table_column(t, TABLE_TEXT, 1, "implementation");
    if (sizes) table_column(t, TABLE_TEXT, 0, "size");
    table_column(t, TABLE_NUMBER, 0, "ms a step");
    table_column(t, TABLE_NUMBER, 0, "GFLOP/s");
    table_column(t, TABLE_NUMBER, 2, "GB/s");
    for (int i = 0; i < r->rows; i++) {
        const sn_bench_row *x = &r->row[i];
        table_cell(t, "%s", x->kernel);
        table_cell(t, "%s", x->impl);
        if (sizes) table_cell(t, "%s", x->size);
        table_cell(t, "%.2f", 1e3 * x->seconds / (double)r->steps);
        table_cell(t, "%.1f", x->flops / x->seconds * 1e-9);
        table_cell(t, "%.1f", x->bytes / x->seconds * 1e-9);
    }
    return table_print(t);
}

static sn_status print(const cli *c, const sn_backend *b, int batch, const sn_bench_result *r) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double seconds = r->seconds / (double)r->steps, gflops = r->flops / r->seconds * 1e-9,
           peak = sn_backend_peak(b) * sn_backend_threads(b);
    if (c->json) {
        json_t *out = json_pack("{s:i,s:s,s:i,s:i,s:I,s:f,s:f,s:f,s:o,s:f,s:I,s:I}", "schema", 1, "device", sn_backend_name(b),
                                "threads", sn_backend_threads(b), "batch", batch, "steps", (json_int_t)r->steps, "mean_s",
                                seconds, "img_per_s", batch / seconds, "gflops", gflops, "fma_peak_gflops",
                                cli_real(peak > 0 ? peak : NAN), "plan_share", r->plan_seconds / r->seconds, "arena_bytes",
                                (json_int_t)r->arena_bytes, "peak_rss_mb", (json_int_t)(usage.ru_maxrss / 1024));
        if (out && cli_get(c, "profile")) json_object_set_new(out, "kernels", rows_json(r));
        if (out && r->loader.loading > 0)
            json_object_set_new(out, "loader",
                                json_pack("{s:f,s:f}", "ms_per_step", 1e3 * r->loader.loading / (double)r->steps,
                                          "waited_ms_per_step", 1e3 * r->loader.waiting / (double)r->steps));
        return cli_print_json(out);
    }
    cli_print("%s, %d thread%s, batch %d: %.4f s a step, %.1f images/s\n", sn_backend_name(b), sn_backend_threads(b),
              cli_plural(sn_backend_threads(b)), batch, seconds, batch / seconds);
    cli_print("convolutions: %.1f GFLOP/s", gflops);
    if (peak > 0) cli_print(", %.1f %% of the FMA peak of %.0f GFLOP/s (measured now)", 100 * gflops / peak, peak);
    cli_print("\nmaking plans: %.2f %% of the time; arena %.0f MiB; peak memory of the process %ld MiB\n",
              100 * r->plan_seconds / r->seconds, (double)r->arena_bytes / 0x1p20, usage.ru_maxrss / 1024);
    if (r->rows) SN_TRY(print_rows(r));
    if (r->loader.loading > 0)
        cli_print("loader: reading and augmenting take %.2f ms a step, %.2f ms of it waited for\n",
                  1e3 * r->loader.loading / (double)r->steps, 1e3 * r->loader.waiting / (double)r->steps);
    return SN_OK;
}

static sn_status choose(const cli *c, const sn_config *config, sn_arch **archs, long *n) {
    long steps;
    SN_TRY(cli_number(c, "steps", 1, 100000, 12, &steps));
    if (cli_get(c, "paths")) return sn_archs_read(config->space.built, cli_get(c, "paths"), &cli_stop, archs, n);
    *archs = sn_new((size_t)steps, sizeof **archs);
    if (!*archs) return SN_RESOURCE;
    sn_rng rng = sn_rng_at((uint32_t)config->train.seed, SN_STREAM_ARCHS, 3, 0, 0);
    for (long i = 0; i < steps; i++) (*archs)[i] = sn_arch_random(config->space.built, &rng);
    *n = steps;
    return SN_OK;
}

static void progress(void *arg, long done, long all) {
    const cli *c = arg;
    cli_progress(c, (double)done / (double)all, "%ld of %ld steps", done, all);
}

static sn_bench_detail detail_of(const cli *c) {
    return !cli_get(c, "profile") ? SN_BENCH_TOTAL : cli_get(c, "sizes") ? SN_BENCH_SIZES : SN_BENCH_KERNELS;
}

static sn_status measure(const cli *c, const sn_config *config, sn_supernet *net, const sn_run *r) {
    sn_arch *archs = NULL;
    sn_loader *loader = NULL;
    sn_bench_result result;
    long n, batch, warmup;
    SN_TRY(cli_number(c, "batch", 1, 65536, config->train.batch, &batch));
    SN_TRY(cli_number(c, "warmup", 0, 1000, 3, &warmup));
    SN_TRY(choose(c, config, &archs, &n));
    sn_status s = SN_OK;
    if (r && sn_dataset_count(r->data, SN_TRAIN) >= batch) s = sn_loader_open(r, (int)batch, warmup + n, &loader);
    sn_pass like = sn_training_pass(NULL, (int)batch, 0);
    like.recompute = config->train.recompute;
    if (s == SN_OK) s = sn_bench_steps(net, archs, n, &like, (int)warmup, detail_of(c), loader, (void *)c, progress, &result);
    if (s == SN_OK) s = print(c, net->backend, (int)batch, &result);
    sn_loader_close(loader);
    free(archs);
    return s;
}

// Steps of a relaxation, on the images of its config: their number of passes and what these cost depend on the method.
static sn_status measure_relaxed(const cli *c, sn_run *r) {
    sn_trainer *t;
    sn_bench_result result;
    long n, warmup;
    const char *other = cli_get(c, "paths") ? "--paths" : cli_get(c, "batch") ? "--batch" : NULL;
    if (other)
        return sn_error(SN_USAGE, "%s: found with train.mode: relax, whose steps are those of the config; allowed with sample",
                        other);
    SN_TRY(cli_number(c, "steps", 1, 100000, 12, &n));
    SN_TRY(cli_number(c, "warmup", 0, 1000, 3, &warmup));
    SN_TRY(sn_trainer_create(r, &t));
    sn_status s = t->steps - r->step < n + warmup
                      ? sn_error(SN_USAGE, "--steps %ld after %ld of warm-up: the training has %lld", n, warmup,
                                 (long long)(t->steps - r->step))
                      : sn_bench_training(t, n, (int)warmup, detail_of(c), (void *)c, progress, &result);
    if (s == SN_OK) s = print(c, r->backend, t->batch, &result);
    sn_trainer_free(t);
    return s;
}

static sn_status relaxed(const cli *c, sn_config *config) {
    sn_run *r;
    SN_TRY(sn_run_create(config, &cli_stop, &r));
    sn_status s = measure_relaxed(c, r);
    sn_run_free(r);
    return s;
}

// What is timed when nothing is named. The space is found beside the program (io/config/config_space.c); the data are not opened.
static const char standard[] = "data: {source: none}\nspace: {preset: nasbench-macro}\ntrain: {batch: 256}\n";

static sn_status open_config(const cli *c, sn_config **out) {
    if (c->operands) return cli_config(c, c->operand[0], out);
    cli_overrides o;
    SN_TRY(cli_overrides_of(c, &o));
    sn_status s = sn_config_parse(standard, sizeof standard - 1, "bench without CONFIG", (const char *const *)o.text, o.n, out);
    cli_free_overrides(&o);
    if (s == SN_OK) cli_say(c, "no CONFIG: the space nasbench-macro");
    return s;
}

static sn_status without_data(const cli *c, sn_config *config) {
    sn_graph *g = NULL;
    sn_backend *b = NULL;
    sn_supernet *net = NULL;
    sn_status s = sn_graph_build(config->space.built, &g);
    if (s == SN_OK) s = sn_backend_open(config->device, sn_thread_count(config->threads), &b);
    if (s == SN_OK) s = sn_supernet_create(g, b, 1, config->train.init, (uint32_t)config->train.seed, &net);
    if (s == SN_OK) s = measure(c, config, net, NULL);
    sn_supernet_free(net);
    sn_backend_close(b);
    sn_graph_free(g);
    sn_config_free(config);
    return s;
}

static sn_status run(const cli *c) {
    sn_config *config;
    sn_run *r;
    SN_TRY(open_config(c, &config));
    if (config->train.mode == SN_MODE_RELAX) return relaxed(c, config);
    if (!cli_get(c, "profile") || !c->operands) return without_data(c, config);
    sn_status s = sn_run_create(config, &cli_stop, &r);
    if (s == SN_DATA) {
        cli_say(c, "no times of the loader: %s", sn_error_text());
        SN_TRY(open_config(c, &config));
        return without_data(c, config);
    }
    if (s != SN_OK) return s;
    s = measure(c, r->config, r->net, r);
    sn_run_free(r);
    return s;
}

static const cli_rule rules[] = {{"steps", CLI_EXCLUDES, "paths"}, {"sizes", CLI_NEEDS, "profile"}, {0}};

const cli_command cmd_bench = {
    .name = "bench",
    .operands = "[CONFIG|RUN]",
    .summary = "time training steps on this machine and say where the time goes",
    .details = "A step is forward, loss, backward and SGD on random images; with --profile on the images of CONFIG, if they are "
               "there. In "
               "mode relax it is a step of the training, on its images.\n"
               "Without CONFIG: the space nasbench-macro (images of 3x32x32) at batch 256.",
    .most = 1,
    .options = options,
    .rules = rules,
    .run = run,
};
