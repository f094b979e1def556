// Why archs score as they do, in numbers for people: what each option adds, in points of accuracy with intervals and per million
// multiplications, and the shares of variance of decisions and of pairs. Made from a ranking; nothing is scored.
// Not here: the statistics (effects.h, fitted.h), printing. Next: findings.c.
#ifndef SN_FINDINGS_H
#define SN_FINDINGS_H

#include "supernet/rank/rank.h"

typedef struct {
    const sn_run *run; // borrowed, as the next two
    const sn_ranking *ranking;
    const sn_fitted *fitted;       // the ranking's
    double points;                 // of accuracy per unit of logit
    double *from, *to;             // (effects) over images, in logits
    double *mmacs;                 // (effects) on multiplications, in millions
    sn_effects_share *share;       // decisions, then pairs
    const sn_effects_share **pair; // (pairs) largest share first
    size_t pairs;
} sn_findings;

// The ranking must outlive *out. SN_USAGE where there are no main effects, saying why.
sn_status sn_findings_make(const sn_run *, const sn_ranking *, sn_findings *out);
void sn_findings_free(sn_findings *);

// Of one option; NAN where there is no such number.
typedef struct {
    const char *decision, *option;
    long archs;
    double points, images[2], over[2]; // points of accuracy; 95 % over images, over archs
    double loss, loss_over[2];
    double mmacs,
        per_mmac; // points per million multiplications more than the cheapest option of the decision; NAN where `over` is
} sn_option_finding;
// effect: below fitted->accuracy.n.
sn_option_finding sn_findings_option(const sn_findings *, int effect);
// The name of an option, "absent" where an arch does not reach the decision.
const char *sn_findings_word(const sn_space *, int decision, int option);

sn_share_sum sn_findings_main(const sn_findings *);         // of all decisions together
sn_share_sum sn_findings_interactions(const sn_findings *); // of all pairs, one by one, added up
// Whether shares overlap, so that sums of them may be more than there is: not all combinations were scored equally often.
bool sn_findings_overlap(const sn_findings *);

// The scored one, or NULL.
const sn_ranked *sn_findings_scored(const sn_findings *, const sn_arch *);

#endif
