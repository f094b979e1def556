// A data set ready for training: pictures of one shape, labels, the splits train, validation and test, statistics of train.
// Not here: crops, flips, normalising (augment.h); which sources exist (decode.h).
// Next: cache.h for the file behind it.
#ifndef SN_DATASET_H
#define SN_DATASET_H

#include "base/status.h"
#include "io/data/picture.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { SN_TRAIN, SN_VALIDATION, SN_TEST } sn_split;

typedef struct {                       // strings are borrowed during sn_dataset_open
    const char *source;                // folder of IDX files, CIFAR batches or images; tar(.gz) of images; HDF5 file
    const char *cache_dir;             // where the cache file lies; "" or NULL: $XDG_CACHE_HOME/supernet, else ~/.cache/supernet
    int channels, height, width;       // of the pictures that the network takes
    int store;                         // shorter side of the pictures that are kept, to crop from; 0: as the network takes them
    sn_fit fit;                        // for pictures of other sizes
    long test;                         // images held out of training for testing; must be 0 when the source has a test part
    long validation;                   // images held out of the rest; must be 0 when the source has a val part of its own
    long images;                       // training images to keep after that, drawn by the seed; 0: all
    bool use_validation;               // the validation split is trained on too: it becomes part of the training split
    uint32_t seed;                     // of the choice and the order of the validation split
    size_t memory;                     // pixels are kept in memory when they take at most so many bytes; else read from the cache
    const volatile sig_atomic_t *stop; // decoding ends with SN_INTERRUPTED when it becomes nonzero; NULL: never
} sn_data_options;

typedef struct sn_dataset sn_dataset;

// Opens a source through its cache file, which is made first when it is absent, made of something else (path, size or times of
// change of a file; shape; version) or damaged. Decoding runs in a child process. Splits:
//   test        the source's, or `test` images of train, in its order: train, val, test of a folder by class name, then by file
//               name. Per class the share nearest to proportional (largest remainder, then lower class), chosen at random.
//   validation  the source's val part, or `validation` images of what is left of train, chosen likewise. In either case in random
//               order: a prefix is a random sample.
//   train       the rest, or `images` of it at random, in the source's order; with use_validation the validation split too
// All choices are functions of the seed. SN_DATA: the source (message: path and place); SN_CONFIG: validation; SN_RESOURCE:
// memory, disk, no permission for the cache; SN_INTERRUPTED.
sn_status sn_dataset_open(const sn_data_options *, sn_dataset **out);
void sn_dataset_close(sn_dataset *);

long sn_dataset_count(const sn_dataset *, sn_split);
const char *sn_dataset_cache(const sn_dataset *); // path of the cache file; borrowed
int sn_dataset_classes(const sn_dataset *);
const char *sn_dataset_class_name(const sn_dataset *, int label); // borrowed; the number where the source has no names
int sn_dataset_height(const sn_dataset *);                        // of the pictures kept: see `store`
int sn_dataset_width(const sn_dataset *);
size_t sn_dataset_memory(const sn_dataset *); // bytes of pixels kept in memory: all or none

// Copies pictures: pixels (n, height, width, channels), labels (n); either may be NULL. index: n positions in the split.
// Safe from several threads. SN_FAIL: a position outside the split; SN_DATA: the cache file cannot be read any more.
sn_status sn_dataset_read(const sn_dataset *, sn_split, const uint32_t *index, long n, uint8_t *pixels, int32_t *labels);
// Tells that a picture will be read soon, so that a disk begins to fetch it; returns at once.
void sn_dataset_expect(const sn_dataset *, sn_split, uint32_t index);
// Number of an image in the whole source (train, val, test one after the other): the same for every seed and `validation`.
// Keys its augmentation and names it in traces.
uint32_t sn_dataset_sample_id(const sn_dataset *, sn_split, long index);

// (channels) mean and standard deviation (n, not n - 1) of pixel/255 over the train split, from exact integer sums; borrowed.
const double *sn_dataset_mean(const sn_dataset *);
const double *sn_dataset_std(const sn_dataset *);
// 32 hexadecimal digits over shape, labels and pixels; not over names, paths, times, or the choice of the validation split.
const char *sn_dataset_fingerprint(const sn_dataset *);

// The order in which epoch `epoch` visits the n images of the train split: out (n) is a permutation of 0..n-1.
void sn_epoch_order(uint32_t seed, uint32_t epoch, uint32_t n, uint32_t *out);

#endif
