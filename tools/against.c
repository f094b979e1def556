// Rankings against truths; see against.h. The figures are supernet/rank/rankquality.h's.
#include "against.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[SN_RANKED_BY] = {"accuracy", "loss", "effects", "MACs", "params"};

// The archs that have a truth, in the order of the ranking.
typedef struct {
    size_t n;
    double *truth, *score, *cost; // cost: MACs
    const sn_ranked **item;
    uint64_t *classes; // signatures: equal ones are equal as trained nets
} sample;

static void free_sample(sample *s) {
    free(s->truth);
    free(s->score);
    free(s->cost);
    free(s->item);
    free(s->classes);
}

static sn_status new_sample(size_t n, sample *s) {
    *s = (sample){0,
                  sn_new(n, sizeof *s->truth),
                  sn_new(n, sizeof *s->score),
                  sn_new(n, sizeof *s->cost),
                  sn_new(n, sizeof *s->item),
                  sn_new(n, sizeof *s->classes)};
    return s->truth && s->score && s->cost && s->item && s->classes ? SN_OK : SN_RESOURCE;
}

static sn_status measure(const sn_run *r, const sn_ranking *k, const sample *s, int by, uint32_t resamples,
                         sn_rank_quality *out) {
    static const int best_by[] = {SN_BEST_BY_ACCURACY, SN_BEST_BY_LOSS, SN_BEST_BY_EFFECTS}; // by SN_BY_...
    sn_rescored x = {0};
    bool scored = by <= SN_BY_EFFECTS;
    uint32_t seed = (uint32_t)r->config->train.seed;
    if (scored) SN_TRY(sn_ranking_rescore(k, s->item, s->n, best_by[by], resamples, seed, &x));
    for (size_t i = 0; !scored && i < s->n; i++)
        s->score[i] = (double)(by == SN_BY_MACS ? s->item[i]->cost.macs : s->item[i]->cost.params);
    sn_rank_input in = {.archs = s->n,
                        .truth = s->truth,
                        .cost = s->cost,
                        .score = scored ? x.score : s->score,
                        .drawn = x.drawn,
                        .half = x.half,
                        .classes = s->classes,
                        .resamples = resamples,
                        .seed = seed};
    sn_status status = sn_rank_measure(&in, out);
    sn_rescored_free(&x);
    return status;
}

// Of all ranked archs.
static sn_status measure_halves(const sn_run *r, const sn_ranking *k, int by, sn_against *out) {
    size_t n = (size_t)k->n;
    sn_rescored x = {0};
    const sn_ranked **item = sn_new(n, sizeof *item);
    if (!item) return SN_RESOURCE;
    for (size_t i = 0; i < n; i++) item[i] = &k->item[i];
    sn_status s = sn_ranking_rescore(k, item, n, by, 0, (uint32_t)r->config->train.seed, &x);
    if (s == SN_OK && x.half) s = sn_rank_tau(x.half, x.half + n, n, &out->half_tau);
    if (s == SN_OK) out->half = x.half, x.half = NULL;
    sn_rescored_free(&x);
    free(item);
    return s;
}

void sn_against_free(sn_against *a) {
    free(a->half);
    a->half = NULL;
}

static sn_status too_few(const sn_against *a, size_t n, size_t all) {
    char outside[640] = "";
    if (a->outside)
        snprintf(outside, sizeof outside, "; %ld names are no architectures of this space, the first: %s", a->outside,
                 a->first_outside);
    return sn_error(SN_DATA, "only %zu of %zu ranked architectures have a true accuracy; at least 2 are needed%s", n, all,
                    outside);
}

// Those of a ranking that have a truth.
static sn_status find_truths(const sn_run *r, const sn_ranking *k, const sn_truth *truth, sample *s, sn_against *out) {
    char text[SN_ARCH_TEXT];
    for (long i = 0; i < k->n; i++) {
        const sn_ranked *x = &k->item[i];
        double known;
        if (!sn_truth_find(truth, sn_arch_text(r->space, &x->arch, text), &known)) {
            out->missing++;
            continue;
        }
        s->truth[s->n] = known;
        s->cost[s->n] = (double)x->cost.macs;
        SN_TRY(sn_graph_signature(r->graph, &x->arch, false, &s->classes[s->n]));
        s->item[s->n++] = x;
    }
    return s->n < 2 ? too_few(out, s->n, (size_t)k->n) : SN_OK;
}

static sn_status measure_truths(const sn_run *r, const sn_ranking *k, const sn_truth *truth, uint32_t resamples,
                                sn_against *out) {
    sample s;
    sn_status status = new_sample((size_t)k->n, &s);
    if (status == SN_OK) status = find_truths(r, k, truth, &s, out);
    for (int by = 0; status == SN_OK && by < SN_RANKED_BY; by++)
        if (by != SN_BY_EFFECTS || k->fitted.accuracy.n) status = measure(r, k, &s, by, resamples, &out->by[by]);
    if (status == SN_OK) out->truths = (long)s.n;
    free_sample(&s);
    return status;
}

sn_status sn_against_measure(const sn_run *r, const sn_ranking *k, int half_by, sn_truth *truth, const char *path,
                             uint32_t resamples, sn_against *out) {
    *out = (sn_against){.half_tau = NAN};
    sn_status s = k->n > 1 ? measure_halves(r, k, half_by, out) : SN_OK;
    if (s == SN_OK && truth) {
        s = sn_truth_match(truth, r->space, path, &out->outside, out->first_outside);
        if (s == SN_OK) s = measure_truths(r, k, truth, resamples, out);
    }
    if (s != SN_OK) sn_against_free(out);
    return s;
}

static const sn_rank_part *part_of(const sn_against *a, int by, bool distinct) {
    return distinct ? &a->by[by].distinct : &a->by[by].all;
}

static table *new_table(int rankings) {
    static const int lesser[] = {0, 2, 1, 3, 4}; // by SN_BY_...
    table *t = table_new();
    table_column(t, TABLE_TEXT, 0, "by");
    for (int by = 0; by < rankings; by++) table_column(t, TABLE_NUMBER, lesser[by], words[by]);
    return t;
}

static sn_status print_values(const sn_against *a, bool distinct) {
    char text[32];
    table *t = new_table(SN_RANKED_BY);
    for (int f = 0; f < SN_RANK_FIGURES; f++) {
        table_cell(t, "%s", sn_rank_figure_text((sn_rank_figure_id)f));
        for (int by = 0; by < SN_RANKED_BY; by++) {
            const sn_rank_part *p = part_of(a, by, distinct);
            table_cell(t, "%s", cli_figure(p->archs ? p->figure[f].value : NAN, text));
        }
    }
    return table_print(t);
}

// Of the scores; costs are known without images, and their intervals over archs are those of the archs alone.
static sn_status print_intervals(const sn_against *a, bool distinct, bool images) {
    char text[2][32];
    int rankings = images ? SN_BY_MACS : SN_RANKED_BY;
    table *t = new_table(rankings);
    cli_print("\n95 %% over %s\n", images ? "images" : "architectures");
    for (int f = 0; f < SN_RANK_FIGURES; f++) {
        table_cell(t, "%s", sn_rank_figure_name((sn_rank_figure_id)f));
        for (int by = 0; by < rankings; by++) {
            const sn_rank_part *p = part_of(a, by, distinct);
            const double *x = images ? p->figure[f].image : p->figure[f].arch;
            if (p->archs && !isnan(x[0]))
                table_cell(t, "%s to %s", cli_figure(x[0], text[0]), cli_figure(x[1], text[1]));
            else
                table_cell(t, "-");
        }
    }
    return table_print(t);
}

static sn_status print_part(const sn_against *a, const char *title, bool distinct) {
    const sn_rank_part *first = part_of(a, 0, distinct);
    cli_print("\n%s: %zu, of these in the true top 10 %%: %zu\n", title, first->archs, first->top);
    SN_TRY(print_values(a, distinct));
    SN_TRY(print_intervals(a, distinct, true));
    return print_intervals(a, distinct, false);
}

sn_status sn_against_print(const sn_against *a) {
    if (a->missing)
        cli_print("\n%ld ranked architecture%s no true accuracy and %s left out\n", a->missing,
                  a->missing == 1 ? " has" : "s have", a->missing == 1 ? "is" : "are");
    SN_TRY(print_part(a, "architectures", false));
    return a->by[0].distinct.archs ? print_part(a, "distinct as trained nets (score = mean over equal ones)", true) : SN_OK;
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
