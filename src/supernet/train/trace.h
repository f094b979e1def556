// Traces: training steps as an HDF5 file (io/files/h5file.h), complete enough that another program can redo each step from its
// own state before it and compare everything. Not here: the steps themselves (train.h), who compares (tests/peer).
//
// Steps count from 1: step k makes update k, so a checkpoint of step k - 1 is the state before it. Weights are OIHW, images NCHW,
// reals float whatever the backend computes in. NAME is a parameter ("stage1.layer1.mb3_k3.dw.weight"), BN a normalisation
// ("....dw_bn").
// clang-format off
//   /                      format = "supernet-trace", format_version, created_by; config (YAML), data (fingerprint); space and
//                          optimizer (JSON: what is needed to build the net and its optimiser without reading the config);
//                          sampler, batch, label_smoothing, bn_eps, bn_momentum, first_step, last_step, inputs_only
//   /decay_groups/I        weight_decay; params: their names, one a line
//   /initial               the state before the first step of everything: params/NAME, optim/NAME/momentum (or exp_avg,
//                          exp_avg_sq, and step: how often this parameter was updated, where the rule needs it),
//                          buffers/BN.running_mean, .running_var
//   /steps/00000001        lr, split ("train"), epoch; norm (of all gradients, before clipping), factor (of clipping)
//     images labels samples   (N, C, H, W) after augmentation; (N); (N) numbers in the whole source
//     draws                (N, 7): what was drawn for each image, its columns in the attribute `columns`; sn_draw in io/data/augment.h
//     passes/0 ...         arch (text), loss (mean), targets ("labels"); mask: the option chosen by each decision; gates: its
//                          weight (1); logits (N, classes); inside/BN: for an activation behind BN, the elements between its kinks
//                          (relu: above its only one), bit by bit in the order (N, C, H, W), highest bit of a byte first; inside/NODE:
//                          the same for an activation behind none, by its own name ("...._act"). Where a value is within
//                          rounding of a kink two correct programs may take different sides; with these a reader can take ours.
//     gradients/NAME       added up over the passes, before decay and clipping
//     before, after        as /initial, of what the passes used; nothing else changes
//
// In mode relax an update of the weights goes with one of the alphas, unless these rest. Lists are by place: decision after
// decision, all its options in their order, also those that are not allowed; doubles.
//   /                      sampler: the method; relax (JSON): method, which decisions are learned, order, steps of the whole training (the temperature falls
//                          linearly from the first to the last), the other settings, and those of the alphas' Adam
//   /initial/alphas        alpha, exp_avg, exp_avg_sq; step: how often they were updated
//   /steps/00000001
//     alpha_batch          images labels samples draws of the alphas, where they have their own
//     alphas/before, after as in /initial
//     alpha_gradients      that the update took, decay apart; costs: what options cost, where the expected cost is in these
//     passes/0 ...         no arch and mask, but half ("weights", "alphas": which images), wants_weights, wants_gates (gradients),
//                          moves_statistics; active: whether an option runs; gates: their weights, 0 where it does not; kept: what
//                          the method made of alphas, noise: with this (Gumbel's; 0 where there is none); gate_gradients, where
//                          wanted, the cost not in them
//   before and after have what any pass of the step used, gradients what the last pass used.
// clang-format on
// With inputs_only, a step has only images, labels, samples (of both batches), and mask, arch and loss of each pass; in mode
// relax active, gates, loss and the attributes that say what the pass was.
#ifndef SN_TRACE_H
#define SN_TRACE_H

#include "supernet/train/run.h"

enum { SN_TRACE_VERSION = 1 };

// Trains the run up to step `first`, traces steps first to last and writes the file. SN_USAGE when the run has passed `first`
// already or its training ends before `last`. The run is left after step `last`; nothing is saved of it.
sn_status sn_trace(sn_run *run, int64_t first, int64_t last, bool inputs_only, const char *path);

#endif
