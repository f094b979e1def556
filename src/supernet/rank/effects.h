// Main effects: what each option of each decision adds to a score, by ridge regression over the archs that were scored; fitted
// scores from them; shares of variance of decisions and of pairs. Milliseconds at 6,561 archs of 8 decisions, so nothing of it is
// stored: it is made from the stored scores whenever it is asked for.
// Not here: which scores (rank.h), intervals over images (fitted.h). Next: effects.c.
#ifndef SN_EFFECTS_H
#define SN_EFFECTS_H

#include "space/arch.h"

// Model: response of arch i = mean + sum over decisions d of effect(d, option of i) + rest. A decision that an arch does not
// reach has the option SN_ABSENT, with an effect of its own.
//
// Fit: one indicator column per decision and option, each minus its mean (so the intercept is the mean response and is not
// penalised), minimising |rest|^2 + lambda |b|^2: A. Hoerl, R. Kennard, Ridge Regression, Technometrics 12 (1970). With the Gram
// matrix G = V diag(e) V' (LAPACK's dsyevd) and a = V' Z'y: b = V diag(1 / (e + lambda)) a, freedom = sum e / (e + lambda).
// Columns of one decision sum to 0, so does b within it; where effects cannot be told apart (a decision that is absent exactly
// when another has some option) b is the split of least norm. Effects are then moved, per decision, to mean 0 over the scored
// archs. lambda: the minimum of n |rest|^2 / (n - 1 - freedom)^2, generalised cross-validation: G. Golub, M. Heath, G. Wahba,
// Technometrics 21 (1979), over 0 (least squares) and the largest e times 2^-30 .. 2^10 by factors of 2.
//
// Intervals over archs, 95 %, are those of least squares, so that no shrinking moves them: b0 the solution of lambda 0, u an
// effect as a sum of b, e0 = u'b0 +- t s sqrt(u' G^+ u), s^2 = |rest of b0|^2 / (n - 1 - rank), t Student's with as many degrees
// of freedom. They cover as often as they promise, whatever the effects are, for a rest that is normal and independent between
// archs. Where every arch of a space was scored, they speak of spaces like this one.
//
// Same archs in the same order and same responses: same bits, with one build of LAPACK.

typedef struct sn_effects_design sn_effects_design; // the scored archs, decomposed; serves any number of responses

// One option of one decision.
typedef struct {
    int decision, option; // option: SN_ABSENT where the decision does not exist
    long archs;           // scored ones that have it
    double value;         // in units of the response; NAN when no arch has it
    double from, to;      // 95 % over archs; NAN too where others always go along with it, so that it cannot be told alone
} sn_effect;

// A share of the variance of the response, and what a rest without any order would give by chance.
typedef struct {
    double share, by_chance;
} sn_share_sum;

typedef struct {
    sn_effect *effect; // (n): decisions in order, their allowed options in order, absent last where it occurs; owned
    int n;
    int first[SN_MAX_DECISIONS + 1]; // decision d has effects first[d] .. first[d + 1] - 1
    long archs;
    double mean;     // of the response
    double variance; // of the response, divided by archs
    double lambda, freedom;
    double sigma;      // deviation of what least squares leave over: s above
    double explained;  // share of the variance of the response in the fitted values
    sn_share_sum main; // the same by least squares: that of all main effects together
} sn_effects;

// Archs of one space. SN_USAGE when there are fewer than effects to fit + 3 (two to measure what is left over), saying how many
// are missing, or when all have the same options; SN_RESOURCE. Archs are copied.
sn_status sn_effects_open(const sn_space *, const sn_arch *archs, long n, sn_effects_design **out);
void sn_effects_close(sn_effects_design *);

// response: (archs of the design). `what` names it in messages ("the loss"). SN_DATA when one is not finite, naming the arch, or
// all are equal. out is untouched on failure; free it with sn_effects_free.
sn_status sn_effects_fit(const sn_effects_design *, const char *what, const double *response, sn_effects *out);
// The values alone, (n of sn_effects), for another response with a lambda that is known. work: as many numbers, twice.
void sn_effects_refit(const sn_effects_design *, const double *response, double lambda, double *value, double *work);
// Those of an arch added up, without the mean of the response; its options must have been scored.
double sn_effects_add_up(const sn_effects *, const double *value, const sn_arch *);
void sn_effects_free(sn_effects *);

// The effect of an option, or NULL where it was never scored.
const sn_effect *sn_effects_of(const sn_effects *, int decision, int option);
// Fitted value of any arch of the space, scored or not; NAN when it has an option that was never scored.
double sn_effects_predict(const sn_effects *, const sn_arch *);

// Shares of variance: functional ANOVA (G. Hooker, J. Comput. Graph. Stat. 16, 2007; of choices between options: F. Hutter,
// H. Hoos, K. Leyton-Brown, ICML 2014), over the scored archs.
// Of a decision: mean of its squared effects by least squares / variance. Of a pair: mean square of the cell means of what these
// leave over / variance; a cell holds the archs with two given options. Both are exact where all combinations were scored equally
// often; elsewhere each is taken on its own, they overlap, and their sum may be more than there is: of all decisions together
// `main` above is the share. by_chance: the share that a rest without any order would give, freedom * sigma^2 / (archs *
// variance), freedom = options - 1, or cells - options of both + 1.
typedef struct {
    int decision[2]; // [1] is -1 for a decision alone
    double share, by_chance;
    int option[2]; // of a pair: the cell of largest value^2 * archs, and what its archs have beyond the two effects
    long archs;
    double value; // in units of the response
} sn_effects_share;

// Shares of all decisions, then of all pairs, in order. *out is the caller's. The response is the one that was fitted.
sn_status sn_effects_shares(const sn_effects_design *, const double *response, const sn_effects *, sn_effects_share **out,
                            size_t *n);

// Quantile 97.5 % of Student's t: Abramowitz & Stegun 26.7.5; to 1 % from 2 degrees of freedom on, 0.1 % from 3.
double sn_student(double freedom);

// log(h + 1/2) - log(n - h + 1/2): the logit of h of n images, finite for none and all (J. Haldane, Annals of Human Genetics 20,
// 1956); and back, without the halves.
double sn_effects_logit(double hits, double images);
double sn_effects_share_of(double logit);

#endif
