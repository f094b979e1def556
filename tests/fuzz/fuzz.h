// What every fuzz target has: inputs that start from whole files of its format, a folder for files, and statuses that are
// allowed. A target defines `seed` (a whole file), `change` (a step from a file to another; what only flips bytes calls
// fuzz_change) and LLVMFuzzerTestOneInput. Built with -DSN_FUZZ=ON by clang, run by tools/fuzz. Next: fuzz_checkpoint.c, and
// fuzz_arch.c as the shortest.
#ifndef SN_FUZZ_H
#define SN_FUZZ_H

#include "../h5bytes.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

// The target's. seed: writes one of its whole files (any that `random` picks) and returns its size, at most `most`. change: the
// new size; afterwards checksums must be right.
static size_t seed(uint8_t *data, size_t most, uint64_t *random);
static size_t change(uint8_t *data, size_t size, size_t most, uint64_t *random);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned number) {
    uint64_t random = (uint64_t)number * 2654435761u + 1;
    h5_random(&random);
    if (size < 2 || h5_random(&random) % 256 == 0) return seed(data, most, &random);
    return change(data, size, most, &random);
}

static char fuzz_folder[64];

static void fuzz_remove(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", fuzz_folder);
    if (system(command)) perror(command);
}

// A path in a folder of this process, in memory where the machine has such a place. One of a ring of four.
static inline const char *fuzz_path(const char *name) {
    static char ring[4][256];
    static int next;
    if (!*fuzz_folder) {
        snprintf(fuzz_folder, sizeof fuzz_folder, "%s/sn_fuzz_XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
        if (!mkdtemp(fuzz_folder)) abort();
        atexit(fuzz_remove);
    }
    char *path = ring[next++ % 4];
    snprintf(path, sizeof ring[0], "%s/%s", fuzz_folder, name);
    return path;
}

static inline const char *fuzz_file(const char *name, const void *data, size_t size) {
    const char *path = fuzz_path(name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
    return path;
}

static inline size_t fuzz_load(const char *path, uint8_t *data, size_t most) {
    FILE *f = fopen(path, "rb");
    if (!f) abort();
    size_t n = fread(data, 1, most, f);
    fclose(f);
    return n;
}

// A text as seed: one of a list that ends with NULL.
static inline size_t fuzz_text(const char *const *list, uint8_t *data, size_t most, uint64_t *random) {
    size_t n = 0;
    while (list[n]) n++;
    const char *text = list[h5_random(random) % n];
    n = strlen(text) < most ? strlen(text) : most;
    memcpy(data, text, n);
    return n;
}

// Both functions of a target whose input is any text, seeds of a list as above.
#define FUZZ_TEXTS(list)                                                                                                         \
    static size_t seed(uint8_t *data, size_t most, uint64_t *random) {                                                           \
        return fuzz_text(list, data, most, random);                                                                              \
    }                                                                                                                            \
    static size_t change(uint8_t *data, size_t size, size_t most, uint64_t *random) {                                            \
        (void)random;                                                                                                            \
        return LLVMFuzzerMutate(data, size, most);                                                                               \
    }

// Our HDF5 files: fields of structures, or any bytes behind the header; then the checksum is made right.
static inline size_t fuzz_change_h5(uint8_t *data, size_t size, size_t most, uint64_t *random) {
    if (size <= H5_HEADER + 16) return seed(data, most, random);
    if (h5_random(random) % 4)
        for (uint64_t k = h5_random(random) % 4 + 1; k--;) h5_change(data, size, random);
    else
        size = H5_HEADER + LLVMFuzzerMutate(data + H5_HEADER, size - H5_HEADER, most - H5_HEADER);
    h5_seal(data, size);
    return size;
}

// A reader may refuse; it must say why, and what is wrong is the file, not the machine.
static inline void fuzz_refused(sn_status s) {
    if (s == SN_OK) return;
    if ((s != SN_DATA && s != SN_CONFIG && s != SN_USAGE) || !*sn_error_text()) {
        fprintf(stderr, "status %d: %s\n", (int)s, sn_error_text());
        abort();
    }
}

#endif
