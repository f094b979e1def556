// The table of formats and what they share; see decode.h.
// Not here: any format.
// Next: decode_idx.c.
#include "io/data/decode.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const sn_decoder *const formats[] = {&sn_decoder_idx,    &sn_decoder_cifar10, &sn_decoder_cifar100,
                                            &sn_decoder_folder, &sn_decoder_hdf5,    &sn_decoder_tar};
enum { FORMATS = sizeof formats / sizeof *formats };

static bool is_run(const char *source) {
    char *config = sn_path_join(source, "config.yaml"), *checkpoints = sn_path_join(source, "checkpoints");
    bool yes = config && checkpoints && !access(config, F_OK) && !access(checkpoints, F_OK);
    free(config);
    free(checkpoints);
    return yes;
}

sn_status sn_decoder_find(const char *source, const sn_decoder **out) {
    struct stat s;
    if (stat(source, &s)) return sn_error(SN_DATA, "data.source: %s: %s", source, strerror(errno));
    for (int i = 0; i < FORMATS; i++)
        if (formats[i]->found(source)) {
            *out = formats[i];
            return SN_OK;
        }
    if (sn_file_has(source, 0, "PK\3\4", 4))
        return sn_error(SN_DATA, "data.source: %s: zip files are not read: unpack it and name the folder, or make a tar of it",
                        source);
    if (is_run(source))
        return sn_error(SN_DATA, "data.source: %s: a run folder, which holds no data; allowed is what holds the pictures",
                        source);
    char text[2048] = "";
    for (size_t i = 0, used = 0; i < FORMATS && used < sizeof text; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s %s (%s)", i ? ";" : "", formats[i]->name, formats[i]->looks);
    return sn_error(SN_DATA, "data.source: %s: no known data set in it; looked for:%s", source, text);
}

void sn_files_free(sn_files *f) {
    for (size_t i = 0; i < f->count; i++) free(f->path[i]);
    free(f->path);
    *f = (sn_files){0};
}

sn_status sn_files_add(sn_files *f, const char *source, const char *path) {
    char *whole = sn_path_join(source, path);
    if (!whole) return SN_RESOURCE;
    struct stat s;
    sn_status status = SN_OK;
    if (stat(whole, &s))
        status = sn_error(SN_DATA, "%s: %s", whole, strerror(errno));
    else if (!S_ISREG(s.st_mode))
        status = sn_error(SN_DATA, "%s: not a regular file", whole);
    free(whole);
    SN_TRY(status);
    SN_TRY(sn_grow(&f->path, &f->room, f->count + 1, sizeof *f->path));
    if (!(f->path[f->count] = sn_strdup(path))) return SN_RESOURCE;
    f->count++;
    // ctime too: whoever sets the time back, or moves another file here, cannot set that
    int64_t facts[] = {s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec, s.st_ctim.tv_sec, s.st_ctim.tv_nsec};
    uint64_t h = sn_hash_bytes(SN_HASH_START, path, strlen(path));
    f->stamp += sn_hash_bytes(h, facts, sizeof facts); // a sum: the order of a folder does not matter
    f->bytes += (uint64_t)s.st_size;
    return SN_OK;
}

char *sn_path_join(const char *source, const char *path) {
    return *path ? sn_format("%s/%s", source, path) : sn_strdup(source);
}

bool sn_path_exists(const char *source, const char *path) {
    char *whole = sn_path_join(source, path);
    bool yes = whole && !access(whole, F_OK);
    free(whole);
    return yes;
}

bool sn_file_has(const char *path, size_t offset, const void *bytes, size_t n) {
    char found[64];
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    bool yes = n <= sizeof found && !fstat(fd, &s) && S_ISREG(s.st_mode) && pread(fd, found, n, (off_t)offset) == (ssize_t)n &&
               !memcmp(found, bytes, n);
    close(fd);
    return yes;
}
