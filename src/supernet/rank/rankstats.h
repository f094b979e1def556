// How well one list of numbers (scores) orders another (truths): rank correlations, regret, shares of the best, Pareto list.
// Not here: intervals, images, classes of equal nets (rankquality.h) and where the numbers come from (io/files/truth.h,
// io/files/rankstore.h). Next: rankquality.h.
#ifndef SN_RANKSTATS_H
#define SN_RANKSTATS_H

#include "base/status.h"
#include <math.h> // HUGE_VAL in the table

// The figures of a ranking: name for tables and JSON, what it says, least and largest value it can take.
// "Top" = archs whose truth is at or above the 90th percentile, ties included (sn_rank_top_cut).
#define SN_RANK_FIGURE_TABLE(X)                                                                                                  \
    X(SN_RANK_TAU, "tau", "Kendall tau-b", -1, 1)                                                                                \
    X(SN_RANK_RHO, "rho", "Spearman", -1, 1)                                                                                     \
    X(SN_RANK_TOP_TAU, "tau_top", "Kendall tau-b inside the true top 10 %", -1, 1)                                               \
    X(SN_RANK_REGRET, "regret", "best truth - truth of the best-scored", 0, HUGE_VAL)                                            \
    X(SN_RANK_BUDGETS, "regret_budgets", "regret under a cost budget, mean of 20 budgets", 0, HUGE_VAL)                          \
    X(SN_RANK_BUDGETS_WORST, "regret_budgets_worst", "the same, worst budget", 0, HUGE_VAL)                                      \
    X(SN_RANK_SHARE_10, "share_10", "share of the 10 best by score among the 10 best by truth", 0, 1)                            \
    X(SN_RANK_SHARE_1PC, "share_1pc", "share of the 1 % best by score among the 1 % best by truth", 0, 1)                        \
    X(SN_RANK_SHARE_10PC, "share_10pc", "share of the 10 % best by score among the 10 % best by truth", 0, 1)

typedef enum {
#define X(name, key, text, least, largest) name,
    SN_RANK_FIGURE_TABLE(X)
#undef X
        SN_RANK_FIGURES
} sn_rank_figure_id;

// Name ("tau") and description of a figure; constant text.
const char *sn_rank_figure_name(sn_rank_figure_id id);
const char *sn_rank_figure_text(sn_rank_figure_id id);

// All functions: x, y, score, truth have n numbers, 1 <= n < 2^31, none NaN (else SN_DATA naming the index; infinities are in
// order like any number). Larger is better: pass -loss. A figure that does not exist (a correlation where one side is constant)
// is NaN. Outputs are untouched on failure; SN_RESOURCE when memory runs out.

// Kendall's tau-b (ties in both corrected), O(n log n): W. R. Knight, A Computer Method for Calculating Kendall's Tau with
// Ungrouped Data, JASA 61 (1966). (C - D) / sqrt((P - Tx)(P - Ty)), P pairs, Tx and Ty pairs tied in x and in y.
sn_status sn_rank_tau(const double *x, const double *y, size_t n, double *tau);

// Spearman's rho: Pearson's correlation of mid-ranks (tied items share the mean of their ranks).
sn_status sn_rank_rho(const double *x, const double *y, size_t n, double *rho);

// The least truth of the top 10 %, and how many archs reach it. Rule: sorted upwards from index 0, the value at index
// ceil(0.9 (n - 1)). A linearly interpolated 90th percentile lies in (x[floor], x[ceil]], so "at or above it" is the same set.
sn_status sn_rank_top_cut(const double *truth, size_t n, double *cut, size_t *count);

// Every figure at once. cost (n, not NaN; NULL: no figure of budgets): say, MACs.
// Budgets: the 20 quantiles of cost at sorted index ceil(b n / 20) - 1, b = 1 .. 20; under each the regret among the archs that
// cost at most as much, as users pick. The last one allows every arch. Regret: where several archs share the best score, the mean
// of their truths counts. Share of the k best: k is 10, or 1 % or 10 % of n to the nearest integer, at least 1 and at most n.
// Items tied at the cut are in with the fraction of the places left for them, on both sides: the share expected when ties are
// broken by independent lots.
sn_status sn_rank_figures(const double *score, const double *truth, const double *cost, size_t n, double figure[SN_RANK_FIGURES]);
// The same with the ten best taken as `ten` best: a part of the archs has as much smaller a set of best.
sn_status sn_rank_figures_ten(const double *score, const double *truth, const double *cost, size_t n, size_t ten,
                              double figure[SN_RANK_FIGURES]);

// Quantile of n >= 1 sorted values, between neighbours linearly.
double sn_quantile(const double *sorted, size_t n, double q);
// Upwards; none may be NaN.
void sn_sort_numbers(double *x, size_t n);

// Items that no other item beats: none has score >= and cost <= with one of the two strict. Equal items are all in.
// index (room for n) receives them by rising cost, then rising index; *count how many.
sn_status sn_rank_pareto(const double *score, const double *cost, size_t n, size_t *index, size_t *count);

#endif
