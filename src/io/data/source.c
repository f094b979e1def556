// Finds or makes the cache of a source; see source.h.
// Not here: what is in the file.
// Next: child.h, decode.h.
#include "io/data/source.h"

#include "base/hash.h"
#include "io/data/cache_layout.h"
#include "io/data/child.h"
#include "io/data/decode.h"
#include "io/files/atomic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STALE_SECONDS = 3600, SHOWN_NAME = 48 };

typedef struct {
    const sn_data_source *what;
    const sn_decoder *format;
    sn_files files;
    char *source; // absolute
    char *key;    // what the cache is made of
    char *folder, *name, *path, *temporary;
} job;

static void job_free(job *j) {
    sn_files_free(&j->files);
    free(j->source);
    free(j->key);
    free(j->folder);
    free(j->name);
    free(j->path);
    free(j->temporary);
}

// --- names

sn_status sn_cache_folder(const char *given, char **out) {
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (given && *given)
        *out = sn_strdup(given);
    else if (xdg && *xdg == '/')
        *out = sn_format("%s/supernet", xdg);
    else if (home && *home == '/')
        *out = sn_format("%s/.cache/supernet", home);
    else
        return sn_error(SN_RESOURCE, "data.cache: no folder for the cache is named, and neither XDG_CACHE_HOME nor HOME is set");
    return *out ? SN_OK : SN_RESOURCE;
}

// NAME-HEIGHTxWIDTHxCHANNELS-HASH.sncache: the hash tells sources of the same name apart. A changed source keeps its name.
static sn_status choose_name(job *j) {
    const sn_cache_shape *s = &j->what->shape;
    const char *fit = sn_fit_words[s->fit], *slash = strrchr(j->source, '/');
    char shown[SHOWN_NAME + 1] = "";
    for (size_t i = 0; slash[1 + i] && i < SHOWN_NAME; i++)
        shown[i] = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", slash[1 + i]) ? slash[1 + i] : '_';
    char *what = sn_format("source %s\nshape %d %d %d %s\n", j->source, s->channels, s->height, s->width, fit);
    if (!what) return SN_RESOURCE;
    j->name = sn_format("%s-%dx%dx%d-%016" PRIx64 SN_CACHE_ENDING, shown, s->height, s->width, s->channels,
                        sn_hash_bytes(SN_HASH_START, what, strlen(what)));
    j->key = sn_format("%sversion %d\nformat %s\nfiles %zu\nbytes %" PRIu64 "\nstamp %016" PRIx64 "\n", what, SN_CACHE_VERSION,
                       j->format->name, j->files.count, j->files.bytes, j->files.stamp);
    free(what);
    if (!j->name || !j->key) return SN_RESOURCE;
    j->path = sn_path_join(j->folder, j->name);
    j->temporary = sn_format("%s/.%s.%ld.tmp", j->folder, j->name, (long)gettid());
    return j->path && j->temporary ? SN_OK : SN_RESOURCE;
}

static sn_status describe(job *j) {
    const char *source = j->what->source;
    SN_TRY(sn_decoder_find(source, &j->format));
    if (!(j->source = realpath(source, NULL))) return sn_error(SN_DATA, "data.source: %s: %s", source, strerror(errno));
    SN_TRY(j->format->list(j->source, &j->files));
    SN_TRY(sn_cache_folder(j->what->cache_dir, &j->folder));
    return choose_name(j);
}

sn_status sn_data_source_key(const sn_data_source *what, char **key) {
    job j = {.what = what};
    sn_status status = describe(&j);
    if (status == SN_OK) *key = j.key, j.key = NULL;
    job_free(&j);
    return status;
}

// --- making

// .NAME.sncache.THREAD.tmp
static bool is_temporary(const char *file, const char *name) {
    size_t length = strlen(file);
    if (file[0] != '.' || length < 4 || strcmp(file + length - 4, ".tmp")) return false;
    return name ? !strncmp(file + 1, name, strlen(name)) : strstr(file, SN_CACHE_ENDING ".") != NULL;
}

int sn_cache_remove_stale(const char *folder, const char *name) {
    DIR *d = opendir(folder);
    struct stat s;
    int removed = 0;
    if (!d) return 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (!is_temporary(e->d_name, name)) continue;
        if (!fstatat(dirfd(d), e->d_name, &s, AT_SYMLINK_NOFOLLOW) && S_ISREG(s.st_mode) &&
            time(NULL) - s.st_mtime > STALE_SECONDS)
            removed += !unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    return removed;
}

// In the child.
static sn_status decode(void *context) {
    const job *j = context;
    sn_cache_writer *w = NULL;
    SN_TRY(sn_cache_create(j->temporary, j->key, &j->what->shape, &w));
    sn_status status = j->format->decode(j->source, &j->files, w);
    if (status == SN_OK) status = sn_cache_finish(w);
    sn_cache_abandon(w);
    return status;
}

static sn_status put_in_place(const job *j) {
    int folder = open(j->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = folder < 0 || rename(j->temporary, j->path) || fsync(folder);
    int why = errno;
    if (folder >= 0) close(folder);
    return failed ? sn_error(SN_RESOURCE, "data.cache: %s cannot be put in place: %s", j->path, strerror(why)) : SN_OK;
}

static sn_status make(job *j) {
    if (!sn_folders_make(j->folder))
        return sn_error(SN_RESOURCE, "data.cache: folder %s cannot be made: %s; name one that can be written", j->folder,
                        strerror(errno));
    sn_cache_remove_stale(j->folder, j->name);
    unlink(j->temporary); // of a dead process with our number
    uint64_t seconds = SN_DECODE_SECONDS + (j->files.bytes >> 20) * SN_DECODE_SECONDS_PER_MIB;
    sn_child how = {j->source, (size_t)SN_DECODE_MEMORY << 30, (unsigned)(seconds < INT32_MAX ? seconds : INT32_MAX),
                    j->what->stop};
    sn_status status = sn_child_run(&how, decode, j);
    if (status == SN_OK) status = put_in_place(j);
    if (status != SN_OK) unlink(j->temporary);
    return status;
}

// --- opening

static sn_status open_cache(const job *j, sn_cache **out) {
    sn_cache *c = NULL;
    SN_TRY(sn_cache_open(j->path, j->key, &c));
    sn_status status = sn_cache_load(c, j->what->memory);
    if (status == SN_OK)
        *out = c;
    else
        sn_cache_close(c);
    return status;
}

sn_status sn_data_source_open(const sn_data_source *what, sn_cache **out) {
    job j = {.what = what};
    sn_status status = describe(&j);
    if (status == SN_OK) {
        status = open_cache(&j, out);
        if (status == SN_DATA) { // absent, outdated or damaged
            status = make(&j);
            if (status == SN_OK) status = open_cache(&j, out);
        }
    }
    job_free(&j);
    return status;
}
