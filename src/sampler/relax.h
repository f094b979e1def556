// What relaxations share: the view that a method has of a step, and the maps from alphas to gates and back. A relaxation is a
// method (method.h) that learns, for each option of a decision, a number alpha, from which it makes the gates of a pass; from
// the gradients of the gates it makes those of the alphas. It sees numbers, never tensors.
// All lists are by place (space/gates.h). A decision is relaxed where gates->learned says so; the others keep their one option.
// Not here: carrying out passes and updates (supernet/train/relaxer.h). Next: darts.c, gdas.c, proxyless.c.
#ifndef SN_RELAX_H
#define SN_RELAX_H

#include "base/rng.h"
#include "space/gates.h"

// Which images a pass is on, and what it leaves: gradients of weights, added up until update_weights or drop_gradients, those of
// gates in dgate; whether the running statistics of normalisations move, as they do in the pass that trains the weights.
typedef enum { SN_ON_WEIGHTS, SN_ON_ALPHAS } sn_half;
enum { SN_WANT_WEIGHTS = 1, SN_WANT_GATES = 2, SN_MOVE_STATISTICS = 4 };
// What move_weights adds to the weights that gradients are at hand for: these; what the optimiser would add to them of earlier
// steps, momentum times its slot; what it would for decay, decay times the weights.
typedef enum { SN_ALONG_GRADIENTS, SN_ALONG_MOMENTUM, SN_ALONG_DECAY } sn_along;

// What a step may do; `trainer` is the first argument of all.
typedef struct {
    sn_status (*pass)(void *trainer, sn_half, unsigned wanted);
    sn_status (*update_weights)(void *trainer);
    sn_status (*update_alphas)(void *trainer); // by dalpha
    sn_status (*save_weights)(void *trainer);
    sn_status (*restore_weights)(void *trainer);                            // what was saved
    sn_status (*move_weights)(void *trainer, double coefficient, sn_along); // weights += coefficient * that
    sn_status (*gradient_norm)(void *trainer, double *norm);
    sn_status (*drop_gradients)(void *trainer); // the next pass begins anew
    sn_status (*set_alpha)(void *trainer, int place, double alpha);
} sn_relax_verbs;

typedef struct {
    int order;                           // darts: 1 or 2
    double temperature, temperature_end; // of gdas, snas, softmax: from, to, over the training
    double zero_one;                     // fairdarts: weight of its second loss
    double cost;                         // weight of the expected cost C, as a share of the reference R: loss + cost*C/R
    bool cost_multiplies;                // or cost*loss*(ln C / ln R)^cost_exponent
    double cost_exponent;
    double perturb;    // sdarts: radius at the end
    int perturb_steps; // and towards a larger loss; 0: drawn
    double lr;         // of the weights in this step
} sn_relax_settings;

typedef struct {
    const sn_space *space;
    const sn_relax_settings *settings;
    uint32_t seed, step;
    double progress; // of the training: 0 to 1
    bool rest;       // alphas rest in this step
    const double *alpha;
    double *dalpha;                    // gradient of the loss
    const double *cost;                // of each option, as a share of the reference; NULL: none wanted
    double cost_fixed, cost_reference; // the same of what is not learned; the reference
    sn_gates *gates;
    double *dgate; // after a pass that wanted it
    double loss;   // of the last pass, mean over its images
    double *kept;  // what `gates` drew, for `pull`
    double *noise; // that it was drawn with, of gdas and snas; for traces
    double *spare;
    const sn_relax_verbs *verbs;
    void *trainer;
} sn_relax;

// Draws of a step: those of the alphas' pass and of the weights'.
enum { SN_DRAW_ALPHAS, SN_DRAW_WEIGHTS };

struct sn_method;

// The step of most methods: unless alphas rest a pass on their images, `pull`, update_alphas; then a pass for the weights.
sn_status sn_relax_step(const struct sn_method *, sn_relax *);
// Sets the gates of all learned decisions; puts what dgate means for their alphas, cost included, into dalpha.
void sn_relax_set(const struct sn_method *, sn_relax *, int draw);
void sn_relax_pull(const struct sn_method *, sn_relax *);
// Sets gates, runs a pass that wants their gradients, and puts those of alphas into dalpha, cost included.
sn_status sn_relax_alpha_pass(const struct sn_method *, sn_relax *, int draw);
// Sets gates and runs the pass that trains the weights.
sn_status sn_relax_weight_pass(const struct sn_method *, sn_relax *, int draw);

// Over the allowed options of a decision: out[k] = softmax of in/temperature; and dalpha += its derivative applied to dgate,
// where `kept` is such a softmax of alphas with or without noise.
void sn_relax_softmax(const sn_space *, int decision, const double *in, double temperature, double *out);
void sn_relax_softmax_pull(sn_relax *, int decision, double temperature);
// That at the temperature of the step: the `pull` of several methods.
void sn_relax_tempered_pull(sn_relax *, int decision);
// The allowed option with the largest value.
int sn_relax_largest(const sn_decision *, const double *value);
// All allowed options active, with these gates.
void sn_relax_open(sn_relax *, int decision, const double *gate);
// Temperature at this point of the training, falling linearly.
double sn_relax_temperature(const sn_relax *);
// Draws of a decision in this step.
sn_rng sn_relax_rng(const sn_relax *, int decision, int draw);
// The shares of most methods: softmax of alphas, whatever the temperature.
void sn_relax_softmax_share(const sn_space *, int decision, const double *alpha, double *out);

#endif
