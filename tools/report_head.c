// The head of the page: what the run is, in words and numbers; its decisions; its config.
// Not here: the page around it (report_page.c).
#include "report.h"
#include "space/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void put_tile(report *r, const char *number, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void put_tile(report *r, const char *number, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fputs("<div><b>", r->out);
    report_text(r->out, "%s", number);
    fputs("</b><span>", r->out);
    report_text(r->out, "%s", text);
    fputs("</span></div>\n", r->out);
}

static void say_what(report *r, const char *archs) {
    const sn_run *run = r->run;
    char text[SN_ARCH_TEXT], all[SN_SIZE_TEXT], scored[32];
    bool single = sn_space_options(run->space) == run->space->n_decisions;
    sn_arch only = sn_arch_first(run->space);
    if (single)
        report_say(r->out, "This run trains one network alone, the architecture %s. There is nothing to rank in it.",
                   sn_arch_text(run->space, &only, text));
    else
        report_say(
            r->out,
            "This run trains one network, the supernet, that contains %s architectures at once: at each of its %d decisions an "
            "architecture takes one of several options. All share one set of weights; each training pass updates those of one "
            "architecture (sampler: %s).",
            archs, run->space->n_decisions, run->config->train.sampler);
    snprintf(scored, sizeof scored, "%ld of them", r->ranking.n);
    if ((double)r->ranking.n >= sn_space_size(run->space, all, sizeof all)) snprintf(scored, sizeof scored, "all of them");
    if (r->ranking.n)
        report_say(
            r->out,
            "Afterwards %s %s scored with the shared weights: a score is the share of %llu validation images, held out from "
            "training, that are classified right (top-1).",
            scored, r->ranking.n == 1 ? "was" : "were", (unsigned long long)r->ranking.images);
    if (r->tested)
        report_say(r->out, "On the test images, which neither training nor ranking uses, it classifies %.2f %% of %lld right.",
                   100 * r->test.top1, (long long)r->test.images);
}

static void put_tiles(report *r, const char *archs) {
    const sn_run *run = r->run;
    const sn_config *c = run->config;
    char text[SN_SIZE_TEXT];
    fputs("<div class=\"tiles\">\n", r->out);
    put_tile(r, archs, "architecture%s, %d decisions", strcmp(archs, "1") ? "s" : "", run->space->n_decisions);
    snprintf(text, sizeof text, "%ld", sn_dataset_count(run->data, SN_TRAIN));
    put_tile(r, text, "training images of %d classes; %ld held out for validation", run->space->classes,
             sn_dataset_count(run->data, SN_VALIDATION));
    snprintf(text, sizeof text, "%lld of %lld", (long long)run->step, (long long)sn_run_steps(run));
    put_tile(r, text, "steps: %d epoch%s, batches of %d", c->train.epochs, cli_plural(c->train.epochs), c->train.batch);
    if (r->ranking.n) {
        snprintf(text, sizeof text, "%ld", r->ranking.n);
        put_tile(r, text, "architecture%s scored, on %llu images each", cli_plural(r->ranking.n),
                 (unsigned long long)r->ranking.images);
        snprintf(text, sizeof text, "%.2f %%", 100 * r->raw->top1);
        put_tile(r, text, "best accuracy with the shared weights");
    }
    if (!isnan(r->against.half_tau)) {
        snprintf(text, sizeof text, "%.3f", r->against.half_tau);
        put_tile(r, text, "tau between the rankings on two halves of the images");
    }
    fputs("</div>\n", r->out);
}

static long long parameters_of(const sn_graph *g) {
    long long n = 0;
    for (int i = 0; i < g->params.n; i++) n += g->params.param[i].size;
    return n;
}

static void put_decisions(report *r) {
    const sn_space *s = r->run->space;
    fputs("<details><summary>Decisions and their options</summary>\n", r->out);
    report_table(r->out, "decision\toptions");
    for (int d = 0; d < s->n_decisions; d++) {
        fputs("<tr><td>", r->out);
        report_text(r->out, "%s", s->decisions[d].name);
        fputs("</td><td>", r->out);
        for (int i = 0, o; (o = sn_decision_option(&s->decisions[d], i)) >= 0; i++)
            report_text(r->out, "%s%s", i ? ", " : "", sn_space_option_name(s, d, o));
        fputs("</td></tr>\n", r->out);
    }
    report_table_end(r->out);
    fputs("</details>\n", r->out);
}

static void put_config(report *r) {
    char *text = sn_config_resolved(r->run->config, false);
    fputs("<details><summary>The config, every key</summary>\n<pre tabindex=\"0\">", r->out);
    report_text(r->out, "%s", text ? text : "");
    fputs("</pre>\n</details>\n", r->out);
    free(text);
}

void report_head(report *r) {
    char archs[SN_SIZE_TEXT], protocol[128];
    uint64_t hash;
    sn_space_size(r->run->space, archs, sizeof archs);
    fputs("<h1>Report on the run ", r->out);
    report_text(r->out, "%s", r->run->folder);
    fputs("</h1>\n", r->out);
    say_what(r, archs);
    put_tiles(r, archs);
    report_say(r->out, "Data: %s.", r->run->config->data.source);
    if (sn_supernet_weights_hash(r->run->net, &hash) == SN_OK)
        report_say(r->out, "Weights: those of step %lld, %lld parameters, hash %016llx; seed of the training: %lld.",
                   (long long)r->run->step, parameters_of(r->run->graph), (unsigned long long)hash,
                   (long long)r->run->config->train.seed);
    if (r->ranking.n) {
        sn_protocol_text(r->run, sn_rank_images(r->run), protocol, sizeof protocol);
        report_say(r->out, "Batch normalisation when scoring: %s.", protocol);
    }
    put_decisions(r);
    put_config(r);
}
