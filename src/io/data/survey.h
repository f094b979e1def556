// What a source holds, before anyone has said what a network takes: classes, splits, sizes, channels, copies. Every picture is
// read once, by the readers that training uses; what was found is kept in the cache as if it were pictures of SN_FACTS bytes.
// Not here: what to make of it (tools/cmd_init.c).
// Next: source.h.
#ifndef SN_SURVEY_H
#define SN_SURVEY_H

#include "io/data/cache.h"

#include <signal.h>

typedef struct {
    int least, median, most; // of all pictures
} sn_spread;

typedef struct {
    const char *format; // what kind of source, static
    int classes;
    char **name;              // (classes)
    uint64_t count[SN_PARTS]; // images of train, val, test
    uint64_t *each;           // (classes) training images
    int channels;             // of the pictures, the most; 3 for JPEG and PNG
    bool grey;                // no picture has colour: one channel is enough
    bool one_size;
    sn_spread height, width, shorter; // pixels
    uint64_t copies;                  // images of val and test whose very pixels are in train too
    uint64_t twice;                   // training images whose pixels came before, with the same label
    uint64_t torn;                    // likewise with another label
} sn_survey;

// cache_dir, stop: as in dataset.h. SN_DATA with the one message about the source; SN_RESOURCE; SN_INTERRUPTED. The caller frees.
sn_status sn_survey_make(const char *source, const char *cache_dir, const volatile sig_atomic_t *stop, sn_survey **out);
void sn_survey_free(sn_survey *);

#endif
