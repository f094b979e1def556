// Rankings against truths; see against.h. The figures are supernet/rank/rankquality.h's.
#include "against.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[SN_RANKED_BY] = {"accuracy", "loss", "effects", "MACs", "params"};

// The archs that have a truth, in the order of the ranking.
typedef struct {
    size_t n;
    double *truth, *score, *cost; // cost: MACs
    const uint64_t **hits;
    uint64_t *classes; // signatures: equal ones are equal as trained nets
} sample;

static void free_sample(sample *s) {
    free(s->truth);
    free(s->score);
    free(s->cost);
    free(s->hits);
    free(s->classes);
}

static sn_status measure(const sample *s, int by, const sn_ranked *const *item, uint64_t images, uint32_t resamples,
                         uint32_t seed, sn_rank_quality *out) {
    for (size_t i = 0; i < s->n; i++) {
        const sn_ranked *x = item[i];
        double loss = isnan(x->loss) ? -INFINITY : -x->loss; // an overflowed net is the worst
        double cost = by == SN_BY_MACS ? (double)x->cost.macs : (double)x->cost.params;
        s->score[i] = by == SN_BY_LOSS ? loss : by == SN_BY_EFFECTS ? x->fitted_top1 : cost;
    }
    sn_rank_input in = {.archs = s->n,
                        .truth = s->truth,
                        .cost = s->cost,
                        .score = by == SN_BY_ACCURACY ? NULL : s->score,
                        .hits = by == SN_BY_ACCURACY ? s->hits : NULL,
                        .images = (size_t)images,
                        .classes = s->classes,
                        .resamples = resamples,
                        .seed = seed};
    return sn_rank_measure(&in, out);
}

// Names that can match no arch: of another space, or written in another way.
static void find_outside(const sn_run *r, const sn_truth *truth, const char *path, sn_against *out) {
    char text[SN_ARCH_TEXT], line[32] = "";
    sn_arch a;
    for (size_t i = 0; i < sn_truth_count(truth); i++) {
        const char *name = sn_truth_arch(truth, i);
        bool parsed = sn_arch_parse(r->space, name, &a) == SN_OK;
        if (parsed && !strcmp(sn_arch_text(r->space, &a, text), name)) continue;
        if (out->outside++) continue;
        if (sn_truth_line(truth, i)) snprintf(line, sizeof line, ":%zu", sn_truth_line(truth, i));
        if (parsed)
            snprintf(out->first_outside, sizeof out->first_outside, "%s%s: arch '%.200s' is written '%.200s' here", path, line,
                     name, text);
        else
            snprintf(out->first_outside, sizeof out->first_outside, "%s%s: %s", path, line, sn_error_text());
    }
}

static sn_status too_few(const sn_against *a, size_t n, size_t all) {
    char outside[640] = "";
    if (a->outside)
        snprintf(outside, sizeof outside, "; %ld names are no architectures of this space, the first: %s", a->outside,
                 a->first_outside);
    return sn_error(SN_DATA, "only %zu of %zu ranked architectures have a true accuracy; at least 2 are needed%s", n, all,
                    outside);
}

static sn_status measure_all(const sn_run *r, const sn_ranking *k, const sn_truth *truth, uint32_t resamples, sn_against *out) {
    size_t n = (size_t)k->n;
    sample s = {0,
                sn_new(n, sizeof *s.truth),
                sn_new(n, sizeof *s.score),
                sn_new(n, sizeof *s.cost),
                sn_new(n, sizeof *s.hits),
                sn_new(n, sizeof *s.classes)};
    const sn_ranked **item = sn_new(n, sizeof *item);
    sn_status status = s.truth && s.score && s.cost && s.hits && s.classes && item ? SN_OK : SN_RESOURCE;
    char text[SN_ARCH_TEXT];
    for (size_t i = 0; status == SN_OK && i < n; i++) {
        double known = k->item[i].top1; // without truths only the halves are compared
        if (truth && !sn_truth_find(truth, sn_arch_text(r->space, &k->item[i].arch, text), &known)) {
            out->missing++;
            continue;
        }
        s.truth[s.n] = known;
        s.cost[s.n] = (double)k->item[i].cost.macs;
        s.hits[s.n] = k->item[i].hits;
        status = sn_graph_signature(r->graph, &k->item[i].arch, false, &s.classes[s.n]);
        item[s.n++] = &k->item[i];
    }
    if (status == SN_OK && truth && s.n < 2) status = too_few(out, s.n, n);
    uint32_t seed = (uint32_t)r->config->train.seed;
    for (int by = 0; status == SN_OK && by < (truth ? SN_RANKED_BY : 1); by++) {
        if (by == SN_BY_EFFECTS && k->unfitted[0][0]) continue;
        status = measure(&s, by, item, k->images, truth ? resamples : 0, seed, &out->by[by]);
    }
    if (status == SN_OK && !truth) out->half_tau = out->by[SN_BY_ACCURACY].all.half_tau;
    if (status == SN_OK && truth) out->truths = (long)s.n;
    free_sample(&s);
    free(item);
    return status;
}

sn_status sn_against_measure(const sn_run *r, const sn_ranking *k, const sn_truth *truth, const char *path, uint32_t resamples,
                             sn_against *out) {
    *out = (sn_against){.half_tau = NAN};
    if (k->n > 1) SN_TRY(measure_all(r, k, NULL, 0, out));
    if (!truth) return SN_OK;
    find_outside(r, truth, path, out);
    return measure_all(r, k, truth, resamples, out);
}

static int figure_width(void) {
    size_t width = 0;
    for (int f = 0; f < SN_RANK_FIGURES; f++) {
        size_t n = strlen(sn_rank_figure_text((sn_rank_figure_id)f));
        if (n > width) width = n;
    }
    return (int)width;
}

static void print_part(const sn_against *a, const char *title, bool distinct) {
    const sn_rank_part *first = distinct ? &a->by[0].distinct : &a->by[0].all;
    int width = figure_width();
    char text[4][32];
    printf("\n%s: %zu, of these in the true top 10 %%: %zu\n", title, first->archs, first->top);
    printf("%-*s", width, "");
    for (int by = 0; by < SN_RANKED_BY; by++) printf("  by %-8s", words[by]);
    printf("  by accuracy: 95 %% over images, over archs\n");
    for (int f = 0; f < SN_RANK_FIGURES; f++) {
        printf("%-*s", width, sn_rank_figure_text((sn_rank_figure_id)f));
        for (int by = 0; by < SN_RANKED_BY; by++) {
            const sn_rank_part *p = distinct ? &a->by[by].distinct : &a->by[by].all;
            printf("  %11s", cli_figure(p->archs ? p->figure[f].value : NAN, text[0]));
        }
        const sn_rank_figure *x = &first->figure[f];
        printf("  %s to %s, %s to %s\n", cli_figure(x->image[0], text[0]), cli_figure(x->image[1], text[1]),
               cli_figure(x->arch[0], text[2]), cli_figure(x->arch[1], text[3]));
    }
}

void sn_against_print(const sn_against *a) {
    if (a->missing)
        printf("\n%ld ranked architecture%s no true accuracy and %s left out\n", a->missing, a->missing == 1 ? " has" : "s have",
               a->missing == 1 ? "is" : "are");
    print_part(a, "architectures", false);
    if (a->by[0].distinct.archs) print_part(a, "distinct as trained nets (score = mean over equal ones)", true);
}

static json_t *part_json(const sn_rank_part *p) {
    json_t *figures = json_object();
    for (int f = 0; f < SN_RANK_FIGURES; f++) {
        const sn_rank_figure *x = &p->figure[f];
        json_object_set_new(figures, sn_rank_figure_name((sn_rank_figure_id)f),
                            json_pack("{s:o,s:[o,o],s:[o,o]}", "value", cli_real(x->value), "over_images", cli_real(x->image[0]),
                                      cli_real(x->image[1]), "over_archs", cli_real(x->arch[0]), cli_real(x->arch[1])));
    }
    return json_pack("{s:I,s:I,s:o}", "archs", (json_int_t)p->archs, "top", (json_int_t)p->top, "figures", figures);
}

json_t *sn_against_json(const sn_against *a) {
    json_t *out = json_pack("{s:I,s:I,s:I}", "truths", (json_int_t)a->truths, "missing", (json_int_t)a->missing, "outside",
                            (json_int_t)a->outside);
    for (int by = 0; out && by < SN_RANKED_BY; by++) {
        if (!a->by[by].all.archs) continue;
        json_t *one = json_pack("{s:o}", "all", part_json(&a->by[by].all));
        if (one && a->by[by].distinct.archs) json_object_set_new(one, "distinct", part_json(&a->by[by].distinct));
        json_object_set_new(out, words[by], one);
    }
    return out;
}
