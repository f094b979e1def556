// Run folders: names, lock, listing and pruning of checkpoints, the log; see runfolder.h.
#include "io/files/runfolder.h"
#include "io/files/atomic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { LOCK, HIDDEN, LOCKS };
static const char *const lock_names[LOCKS] = {"lock", ".lock"};

struct sn_folder {
    char *path;
    int lock[LOCKS];
    char warning[256];
};

// ---------------------------------------------------------------- names
#define CHECKPOINT_NAME "step-%08lld.h5"

char *sn_folder_file(const char *path, const char *name) {
    return sn_format("%s/%s", path, name);
}
char *sn_folder_checkpoint(const char *path, int64_t step) {
    return sn_format("%s/checkpoints/" CHECKPOINT_NAME, path, (long long)step);
}

// ---------------------------------------------------------------- the lock
// A lock of fcntl ends with its process even if a forked child lives on, which has a copy of the file; flock's would not. Two
// files, since one that is called `lock` gets deleted: the hidden one still keeps others out.
static sn_status take_lock(sn_folder *f, int which) {
    char *name = sn_folder_file(f->path, lock_names[which]);
    if (!name) return SN_RESOURCE;
    sn_status s = SN_OK;
    char owner[256] = "";
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = f->lock[which] = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        s = sn_file_failed(name, "open", SN_FAIL);
    } else if (fcntl(fd, F_SETLK, &whole) == 0) {
        char host[128] = "";
        gethostname(host, sizeof host - 1);
        int n = snprintf(owner, sizeof owner, "pid %ld on %s\n", (long)getpid(), host);
        ssize_t done = ftruncate(fd, 0) ? -1 : pwrite(fd, owner, (size_t)n, 0);
        if (done >= 0) errno = ENOSPC; // why it is short
        if (done != n) s = sn_file_failed(name, "write", SN_FAIL);
    } else if (errno == EAGAIN || errno == EACCES) {
        ssize_t n = pread(fd, owner, sizeof owner - 1, 0);
        owner[n > 0 ? n : 0] = 0;
        owner[strcspn(owner, "\n")] = 0;
        s = sn_error(SN_FAIL, "%s is in use by %s; wait for it, or use another folder", f->path,
                     owner[0] ? owner : "another process");
    } else {
        snprintf(f->warning, sizeof f->warning,
                 "this file system cannot lock files (%s): make sure that no second process uses the run folder",
                 strerror(errno));
    }
    free(name);
    return s;
}

sn_status sn_folder_check(const sn_folder *f) {
    struct stat ours, now;
    char *name = sn_folder_file(f->path, lock_names[HIDDEN]);
    if (!name) return SN_RESOURCE;
    bool same = !fstat(f->lock[HIDDEN], &ours) && !stat(name, &now) && ours.st_dev == now.st_dev && ours.st_ino == now.st_ino;
    free(name);
    return same ? SN_OK
                : sn_error(SN_FAIL,
                           "%s is not the run folder any more that this process locked: it, or %s in it, was moved or deleted; "
                           "nothing is saved, since another process may write there now",
                           f->path, lock_names[HIDDEN]);
}

sn_status sn_folder_open(const char *path, sn_folder **out, const char **warning) {
    if (!*path) return sn_error(SN_USAGE, "the name of the run folder is empty");
    char *checkpoints = sn_folder_file(path, "checkpoints");
    sn_folder *f = sn_new(1, sizeof *f);
    sn_status s = checkpoints && f && (f->path = sn_strdup(path)) ? SN_OK : SN_RESOURCE;
    for (int i = 0; f && i < LOCKS; i++) f->lock[i] = -1;
    if (s == SN_OK && !sn_folders_make(checkpoints)) s = sn_file_failed(checkpoints, "make this folder", SN_FAIL);
    for (int i = LOCKS; s == SN_OK && i--;) s = take_lock(f, i);
    if (s == SN_OK) s = sn_atomic_clean(path);
    if (s == SN_OK) s = sn_atomic_clean(checkpoints);
    free(checkpoints);
    if (s != SN_OK) {
        sn_folder_close(f);
        return s;
    }
    if (warning) *warning = f->warning[0] ? f->warning : NULL;
    *out = f;
    return SN_OK;
}

void sn_folder_close(sn_folder *f) {
    if (!f) return;
    for (int i = 0; i < LOCKS; i++)
        if (f->lock[i] >= 0) close(f->lock[i]);
    free(f->path);
    free(f);
}

// ---------------------------------------------------------------- checkpoints
static int newest_first(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

int64_t sn_folder_step_of(const char *path) {
    long long step;
    char again[NAME_MAX + 1];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (sscanf(name, "step-%lld", &step) != 1 || step < 0) return -1;
    snprintf(again, sizeof again, CHECKPOINT_NAME, step);
    return strcmp(name, again) ? -1 : step;
}

static sn_status list_steps(DIR *d, const char *path, int64_t **list, int *n) {
    size_t capacity = 0;
    for (struct dirent *e; errno = 0, (e = readdir(d));) {
        int64_t step = sn_folder_step_of(e->d_name);
        if (step < 0) continue;
        SN_TRY(sn_grow(list, &capacity, (size_t)*n + 1, sizeof **list));
        (*list)[(*n)++] = step;
    }
    return errno ? sn_file_failed(path, "list the checkpoints", SN_FAIL) : SN_OK;
}

sn_status sn_folder_steps(const char *path, int64_t **steps, int *n) {
    char *checkpoints = sn_folder_file(path, "checkpoints");
    if (!checkpoints) return SN_RESOURCE;
    int64_t *list = NULL;
    int count = 0;
    DIR *d = opendir(checkpoints);
    sn_status s = d                 ? list_steps(d, checkpoints, &list, &count)
                  : errno == ENOENT ? SN_OK
                                    : sn_file_failed(checkpoints, "list the checkpoints", SN_FAIL);
    if (d) closedir(d);
    free(checkpoints);
    if (s != SN_OK) {
        free(list);
        return s;
    }
    if (count) qsort(list, (size_t)count, sizeof *list, newest_first);
    *steps = list;
    *n = count;
    return SN_OK;
}

static sn_status remove_checkpoint(const char *path, int64_t step) {
    char *name = sn_folder_checkpoint(path, step);
    sn_status s = name ? SN_OK : SN_RESOURCE;
    if (name && unlink(name) && errno != ENOENT) s = sn_file_failed(name, "remove this old checkpoint", SN_FAIL);
    free(name);
    return s;
}

sn_status sn_folder_prune(const char *path, int keep, const int64_t *stay, int n_stay) {
    int64_t *steps;
    int n;
    SN_TRY(sn_folder_steps(path, &steps, &n));
    sn_status s = SN_OK;
    for (int i = keep; i < n && s == SN_OK; i++) {
        bool stays = false;
        for (int k = 0; k < n_stay; k++) stays = stays || steps[i] == stay[k];
        if (!stays) s = remove_checkpoint(path, steps[i]);
    }
    free(steps);
    return s;
}

sn_status sn_folder_cut(const char *path, int64_t step) {
    int64_t *steps;
    int n;
    SN_TRY(sn_folder_steps(path, &steps, &n));
    sn_status s = SN_OK;
    for (int i = 0; i < n && steps[i] > step && s == SN_OK; i++) s = remove_checkpoint(path, steps[i]);
    free(steps);
    return s;
}

sn_status sn_folder_set_aside(const char *path, int64_t step) {
    int64_t *steps;
    int n;
    SN_TRY(sn_folder_steps(path, &steps, &n));
    sn_status s = SN_OK;
    for (int i = 0; i < n && steps[i] > step && s == SN_OK; i++) {
        char *name = sn_folder_checkpoint(path, steps[i]), *aside = name ? sn_format("%s.damaged", name) : NULL;
        if (!aside)
            s = SN_RESOURCE;
        else if (rename(name, aside))
            s = sn_file_failed(name, "rename this damaged checkpoint", SN_FAIL);
        free(name);
        free(aside);
    }
    free(steps);
    return s;
}

sn_status sn_folder_space(const char *path, size_t bytes) {
    struct statvfs v;
    if (statvfs(path, &v)) return sn_error(SN_FAIL, "cannot ask for the free space of %s: %s", path, strerror(errno));
    double room = (double)v.f_bavail * (double)v.f_frsize;
    if (room < (double)bytes)
        return sn_error(SN_RESOURCE, "%s has %.1f MiB free; the checkpoints need %.1f MiB", path, room / 0x1p20,
                        (double)bytes / 0x1p20);
    return SN_OK;
}

// ---------------------------------------------------------------- texts and the log
sn_status sn_text_read(const char *path, char **out) {
    unsigned char *bytes;
    size_t n;
    SN_TRY(sn_file_read(path, 16u << 20, &bytes, &n));
    char *text = sn_new(n + 1, 1);
    if (text) memcpy(text, bytes, n);
    free(bytes);
    if (!text) return SN_RESOURCE;
    *out = text;
    return SN_OK;
}

sn_status sn_text_write(const char *path, const char *text) {
    return sn_atomic_save(path, &(sn_piece){text, strlen(text)}, 1);
}

// Whether a line of the log stays when training goes on after `step`. What was cut short by a kill does not.
static bool line_stays(const char *line, int64_t step) {
    json_t *object = json_loads(line, 0, NULL), *at = json_object_get(object, "step");
    bool stays = json_is_integer(at) && (json_integer_value(at) <= step || json_object_get(object, "test_split"));
    json_decref(object);
    return stays;
}

static bool test_of(const char *line, int64_t step, const char *by, sn_log_score *out) {
    json_t *object = json_loads(line, 0, NULL), *top1 = json_object_get(object, "top1");
    const char *command = json_string_value(json_object_get(object, "test_split"));
    bool is = command && (!by || !strcmp(command, by)) && json_integer_value(json_object_get(object, "step")) == step &&
              json_number_value(top1) >= 0 && json_number_value(top1) <= 1 && json_is_number(top1);
    json_t *top5 = json_object_get(object, "top5"), *loss = json_object_get(object, "loss");
    if (is)
        *out = (sn_log_score){json_number_value(top1), json_is_number(top5) ? json_number_value(top5) : NAN,
                              json_is_number(loss) ? json_number_value(loss) : NAN,
                              json_integer_value(json_object_get(object, "images"))};
    json_decref(object);
    return is;
}

sn_status sn_log_lines(const char *path, void *arg, void (*tell)(void *arg, const char *line)) {
    FILE *f = fopen(path, "re");
    if (!f) return errno == ENOENT ? SN_OK : sn_file_failed(path, "open", SN_FAIL);
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, f) > 0) tell(arg, line);
    sn_status s = ferror(f) ? sn_file_failed(path, "read", SN_FAIL) : SN_OK;
    free(line);
    fclose(f);
    return s;
}

typedef struct {
    int64_t step;
    const char *by;
    sn_log_score *out;
    bool found;
} test_search;

static void look_for_test(void *arg, const char *line) {
    test_search *t = arg;
    t->found = test_of(line, t->step, t->by, t->out) || t->found;
}

sn_status sn_log_test(const char *path, int64_t step, const char *by, sn_log_score *out, bool *found) {
    test_search t = {step, by, out, false};
    sn_status s = sn_log_lines(path, &t, look_for_test);
    *found = t.found;
    return s;
}

static double number_of(const json_t *object, const char *key) {
    const json_t *x = json_object_get(object, key);
    return json_is_number(x) ? json_number_value(x) : NAN;
}

// Whether a line is one of training, and not of a score.
static bool point_of(const char *line, sn_log_point *out) {
    json_t *object = json_loads(line, 0, NULL);
    *out = (sn_log_point){.step = json_integer_value(json_object_get(object, "step")),
                          .loss = number_of(object, "loss"),
                          .accuracy = number_of(object, "accuracy"),
                          .lr = number_of(object, "lr"),
                          .validation = number_of(object, "validation")};
    json_decref(object);
    return !isnan(out->validation) || (!isnan(out->loss) && !isnan(out->lr));
}

typedef struct {
    void *arg;
    void (*tell)(void *arg, const sn_log_point *);
    int64_t before;
} point_teller;

static void tell_point(void *arg, const char *line) {
    point_teller *t = arg;
    sn_log_point p;
    if (!point_of(line, &p)) return;
    p.steps = p.step - t->before;
    if (isnan(p.validation)) t->before = p.step;
    t->tell(t->arg, &p);
}

sn_status sn_log_points(const char *path, void *arg, void (*tell)(void *arg, const sn_log_point *)) {
    return sn_log_lines(path, &(point_teller){arg, tell, 0}, tell_point);
}

sn_status sn_log_cut(const char *path, int64_t step) {
    FILE *f = fopen(path, "re");
    if (!f) return errno == ENOENT ? SN_OK : sn_file_failed(path, "open", SN_FAIL);
    char *kept = NULL, *line = NULL;
    size_t capacity = 0, used = 0, all = 0, line_capacity = 0;
    sn_status s = SN_OK;
    for (ssize_t n; s == SN_OK && (n = getline(&line, &line_capacity, f)) > 0; all += (size_t)n) {
        if (line[n - 1] != '\n' || !line_stays(line, step)) continue;
        s = sn_grow(&kept, &capacity, used + (size_t)n, 1);
        if (s == SN_OK) memcpy(kept + used, line, (size_t)n), used += (size_t)n;
    }
    if (s == SN_OK && ferror(f)) s = sn_file_failed(path, "read", SN_FAIL);
    fclose(f);
    if (s == SN_OK && used < all) s = sn_atomic_save(path, &(sn_piece){kept ? kept : "", used}, 1);
    free(line);
    free(kept);
    return s;
}

// text: a newline, a line and its newline; the first one is needed behind what a killed process left. What cannot be written
// whole is taken back.
static sn_status append(int fd, const char *path, const char *text) {
    struct stat before;
    char last = '\n';
    if (fstat(fd, &before)) return sn_file_failed(path, "append a line (fstat)", SN_FAIL);
    if (before.st_size && pread(fd, &last, 1, before.st_size - 1) < 0) return sn_file_failed(path, "read", SN_FAIL);
    text += last == '\n';
    size_t n = strlen(text);
    ssize_t done = write(fd, text, n);
    if (done == (ssize_t)n) return SN_OK;
    if (done >= 0) errno = ENOSPC;
    sn_status s = sn_file_failed(path, "append a line", SN_FAIL);
    if (done > 0 && ftruncate(fd, before.st_size)) return sn_error_prefix(s, "a part of a line is left");
    return s;
}

sn_status sn_log_append(const char *path, const char *line) {
    char *text = sn_format("\n%s\n", line);
    if (!text) return SN_RESOURCE;
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    sn_status s = fd < 0 ? sn_file_failed(path, "open", SN_FAIL) : append(fd, path, text);
    if (fd >= 0) close(fd);
    free(text);
    return s;
}
