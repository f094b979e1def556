// What the two files of the ranking store share: the table in memory.
// Not for others: they use rankstore.h.
// Next: rankstore.c (rows), rankstore_file.c (HDF5).
#ifndef SN_RANKSTORE_MEMORY_H
#define SN_RANKSTORE_MEMORY_H

#include "base/names.h"
#include "io/files/rankstore.h"
#include "space/arch.h"

enum { SN_RANK_LONGEST_TEXT = SN_ARCH_TEXT - 1 }; // bytes of an arch, protocol, ... (rankstore.h)

// Columns of whole numbers: X(enumerator, name in the file).
#define SN_RANK_COUNT_TABLE(X)                                                                                                   \
    X(SN_RANK_TOP1, "top1")                                                                                                      \
    X(SN_RANK_TOP5, "top5")                                                                                                      \
    X(SN_RANK_MACS, "macs")                                                                                                      \
    X(SN_RANK_PARAMS, "params")                                                                                                  \
    X(SN_RANK_LOGITS, "logits")

typedef enum {
#define X(id, name) id,
    SN_RANK_COUNT_TABLE(X)
#undef X
        SN_RANK_COUNTS
} sn_rank_count_id;

// One setting and its rows.
typedef struct {
    char *weights, *protocol, *split;
    uint64_t images;
    size_t words, rows, room; // words of hits per row
    char *text;               // archs one after the other, each with its zero
    size_t text_bytes, text_room;
    size_t *at;                      // (rows) where an arch starts in text
    double *loss;                    // (rows)
    uint64_t *count[SN_RANK_COUNTS]; // (rows) each
    uint64_t *hits;                  // (rows, words)
    uint16_t *losses;                // (rows, images)
    sn_names names;                  // rows by arch
} sn_rank_group;

struct sn_rankstore {
    char *path;
    sn_rank_group *group;
    size_t groups, room;
    int unsaved; // rows were added since the last save
};

#endif
