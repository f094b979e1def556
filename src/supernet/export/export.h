// One arch as a file that other programs open: ONNX (the net) or safetensors (its tensors). Weights and running statistics are
// those that the supernet holds; both files are read back and checked before anyone is told "done".
// Not here: which arch is meant by "best", printing (tools/); the file formats (io/files/).
// Next: export.c, export_net.c (graph to tensors and nodes), onnxrun.h (the check).
//
// ONNX: opset 13, IR 7. Input "images" [N, C, H, W], float32, normalised (what the metadata say); output "logits" [N, classes].
// Nodes carry the names of the graph's nodes, initializers those of the parameters (NAME.weight, NAME.bias, NAME.running_mean,
// NAME.running_var), conv weights OIHW. BN folded: weight *= gamma/sqrt(var + eps), bias = beta - mean*gamma/sqrt(var + eps),
// computed in double, where a convolution's only reader is a BN; a BN after a pool or a sum stays a node.
// safetensors: every parameter and running statistic that the arch uses, under the same names.
// Metadata of both: format, architecture, input, mean, std, classes, statistics, scores ("score." + name).
#ifndef SN_EXPORT_H
#define SN_EXPORT_H

#include "io/files/tensors.h"
#include "supernet/train/run.h"

typedef struct {
    int format;            // SN_FORMAT_ONNX or SN_FORMAT_SAFETENSORS
    bool fold;             // BN into convolutions (ONNX; safetensors hold the tensors as trained)
    const sn_note *scores; // "validation.top1" -> "0.9123" and the like, for the metadata
    int n_scores;
} sn_export_options;

// For printing.
typedef struct {
    int nodes;            // ONNX: operators; 0 for safetensors
    int tensors;          // initializers or tensors
    int64_t params;       // numbers that training learned (BN's gammas and betas counted also where they are folded)
    int64_t bytes;        // of the file
    int images;           // ONNX: compared on so many
    double difference;    // ONNX: largest difference of a logit ...
    double largest_logit; // ... and the largest absolute logit, of our own forward pass
} sn_export_result;

// Writes the arch of the run to `path`, anywhere. The running statistics of the arch are first taken anew as rank.calibrate and
// rank.calibrate_batch say, and those of the net put back afterwards; a net of one arch (space.arch: a retrained one) keeps its
// own. Errors of sn_recalibrate and of the next two; no new file is left then.
sn_status sn_export_arch(sn_run *, const sn_arch *, const char *path, const sn_export_options *, sn_export_result *out);

// What the files say beside the tensors. All texts are borrowed. mean and std: one per channel, of pixel/255.
typedef struct {
    const char *arch; // canonical text
    const double *mean, *std;
    const char *const *classes; // names, as many as the net has classes
    const char *statistics;     // where the running statistics come from, in words
    const sn_note *scores;
    int n_scores;
} sn_export_about;

enum { SN_EXPORT_IMAGES = 16 };
#define SN_EXPORT_TOLERANCE 1e-4 // of the largest logit

// Writes the file beside `path`, reads it back, runs it with sn_onnxrun on the first SN_EXPORT_IMAGES images of the source (fewer
// if there are fewer) against sn_supernet_run with running statistics, and only then puts it in `path`'s place. SN_FAIL naming
// the difference when it is above SN_EXPORT_TOLERANCE of the largest logit, or anything is not finite; then no new file is left.
sn_status sn_export_onnx(sn_supernet *, const sn_arch *, const sn_export_about *, bool fold, const sn_source *images,
                         const char *path, sn_export_result *out);
// Writes, reads back and compares every tensor bit by bit; errors as above.
sn_status sn_export_safetensors(sn_supernet *, const sn_arch *, const sn_export_about *, const char *path, sn_export_result *out);

// The check alone: runs the ONNX file at `path` against the net's own forward pass; fills images, difference and largest_logit.
sn_status sn_export_check(sn_supernet *, const sn_arch *, const sn_source *images, const char *path, sn_export_result *out);

#endif
