// The ranking store, RUN/ranking.h5: every score that was ever measured in a run, found again by what it depends on.
// Not here: measuring (supernet/evaluate) and judging (supernet/rank/rankquality.h). No locking: a run folder has one writer.
// Next: h5file.h, which writes and checks the file.
#ifndef SN_RANKSTORE_H
#define SN_RANKSTORE_H

#include "space/notation.h"
#include <stdint.h>
#include <stdio.h>

// The whole store is held in memory; a save writes a new file in place of the old one, all or nothing.
typedef struct sn_rankstore sn_rankstore;

// What a score depends on beside the arch. Thousands of rows share one setting. Two scores can be compared when theirs is equal.
typedef struct {
    const char *weights;  // hash of the weights
    const char *protocol; // how BN statistics are obtained, with its numbers
    const char *split;    // which images, with the seed of the draw
    uint64_t images;      // how many, >= 1
} sn_rank_setting;

// One arch under one setting.
typedef struct {
    const char *arch;    // not empty, no control characters, shorter than SN_ARCH_TEXT
    double loss;         // mean over the images; may be infinite or NaN where a net overflowed
    uint64_t top1, top5; // right images; top1 <= top5 <= images
    uint64_t macs, params;
    uint64_t logits; // hash of the logits on all images: equal hashes tell archs that are the same function
    const uint64_t
        *hits; // ceil(images / 64) words: bit i % 64 of word i / 64 = image i was right (top-1); no bits beyond the last
    const uint16_t *losses; // (images) loss on each, as base/half.h keeps it. Not known: all NaN, or NULL when added
} sn_rank_row;

// Reads the store at path, or starts an empty one when there is no file (the first save makes it). SN_DATA naming the file when
// it is damaged or holds anything else; then nothing on disk is touched. path is copied; the caller owns *out.
sn_status sn_rankstore_open(const char *path, sn_rankstore **out);
// Releases without saving.
void sn_rankstore_close(sn_rankstore *s);
// Writes the file if anything was added since the last save. On failure the old file stands and the rows are still in memory.
sn_status sn_rankstore_save(sn_rankstore *s);

// Number of the setting, added if it is new. Texts are copied, with the limits of an arch.
sn_status sn_rankstore_setting(sn_rankstore *s, const sn_rank_setting *setting, size_t *number);
size_t sn_rankstore_settings(const sn_rankstore *s);
sn_rank_setting sn_rankstore_get_setting(const sn_rankstore *s, size_t setting); // borrowed until close

// Row of an arch under a setting, or -1.
ptrdiff_t sn_rankstore_find(const sn_rankstore *s, size_t setting, const char *arch);
// Appends a row (copied). SN_USAGE when the arch is there already or the row contradicts itself.
sn_status sn_rankstore_add(sn_rankstore *s, size_t setting, const sn_rank_row *row);
size_t sn_rankstore_count(const sn_rankstore *s, size_t setting);
sn_rank_row sn_rankstore_row(const sn_rankstore *s, size_t setting, size_t row); // borrowed until the next add or close

// More of the rows of one setting: two numbers, NAN where there is none; and the ranking, row numbers from the first place on.
typedef struct {
    size_t setting;
    double *fitted_top1, *fitted_loss; // (rows)
    const size_t *order;               // (ranked)
    size_t ranked;
} sn_rank_fits;

// How archs are written for a reader, of which space; notation NULL: as they are kept.
typedef struct {
    const sn_space *space;
    const sn_notation *notation;
} sn_rank_words;

// Every row as CSV: place,arch,top1,top5,loss,macs,params,images,split,protocol,weights,fitted_top1,fitted_loss; top1 and top5 as
// shares of the images. The ranked ones first, then the others as they were measured. fits: or NULL; what is not known stays
// empty. SN_RESOURCE when memory runs out or out cannot be written; SN_USAGE where archs cannot be written so.
sn_status sn_rankstore_csv(const sn_rankstore *s, const sn_rank_fits *fits, sn_rank_words words, FILE *out);

#endif
