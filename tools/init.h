// What `supernet init` proposes for a source: numbers, chosen from what the source holds, and the config that says them.
// Not here: timing (cmd_init.c). Next: init_choose.c (the rules), init_config.c (the text).
#ifndef INIT_H
#define INIT_H

#include "cli.h"
#include "io/data/survey.h"

enum { INIT_SIDE = 128, INIT_STAGES = 8 }; // the largest shorter side that is proposed unasked

typedef struct {
    const sn_survey *s;
    const char *source; // as the config is to say it
    int channels, height, width;
    int store, crop;         // data.store, data.augment.crop: one of them is 0
    long train, test, held;  // images: left for training; held out of it for test and for validation
    long validation;         // images to rank on
    int stem_stride, stages; //
    int out[INIT_STAGES];    // channels of a stage
    int layers[INIT_STAGES]; //
    int head;                // channels before the classifier
    double archs, mean_macs; // of the space; filled in by the command, as is the next line
    int epochs;              //
    double hours;            // that training is to take
    bool too_slow;           // the fewest epochs that are of use take longer
    int batch;
    double lr;
} proposal;

// How many sizes of a space there are to try, from the first and largest.
enum { INIT_SIZES = 7 };

// size: the shorter side; 0: by the pictures. SN_DATA where there is too little to train on.
sn_status init_choose(const sn_survey *, const char *source, int size, double hours, proposal *out);
// The stages of size number `size`; false where there are not so many.
bool init_size(proposal *, int size);

// The config as text, the caller's; NULL with the message set.
char *init_config(const proposal *);

// What the source holds, a line each; and what should be known about it, as lines of warnings.
void init_print_survey(const proposal *);
typedef struct {
    char text[8][512];
    int n;
} init_warnings;
void init_warn(const proposal *, init_warnings *out);

#endif
