// Writes events for TensorBoard, and cuts back what a killed training wrote too much; see events.h.
// Not here: which points there are (supernet/train/train.c).
#include "io/files/events.h"

#include "base/crc32c.h"
#include "io/files/atomic.h"

#include <dirent.h>
#include <errno.h>
#include <events.pb-c.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "lengths and checksums are little-endian");

struct sn_events {
    int fd;
    char *path;
};

enum { HEAD = 12, TAIL = 4, MOST_EVENT = 1 << 20, MOST_POINTS = 8 };
#define PREFIX "events.out.tfevents."
#define SUFFIX ".supernet"

void sn_events_close(sn_events *e) {
    if (!e) return;
    if (e->fd >= 0) close(e->fd);
    free(e->path);
    free(e);
}

// ---------------------------------------------------------------- records
static uint32_t masked(const void *bytes, size_t n) {
    uint32_t crc = sn_crc32c(0, bytes, n);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static double wall_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// What cannot be written whole is taken back.
static sn_status write_record(const sn_events *e, const uint8_t *record, size_t n) {
    struct stat before;
    if (fstat(e->fd, &before)) return sn_file_failed(e->path, "append an event", SN_FAIL);
    ssize_t done = write(e->fd, record, n);
    if (done == (ssize_t)n) return SN_OK;
    if (done >= 0) errno = ENOSPC;
    sn_status s = sn_file_failed(e->path, "append an event", SN_FAIL);
    if (done > 0 && ftruncate(e->fd, before.st_size)) return sn_error_prefix(s, "a part of an event is left");
    return s;
}

static sn_status add(const sn_events *e, Tensorboard__Event *event) {
    event->wall_time = wall_time();
    uint64_t n = tensorboard__event__get_packed_size(event);
    uint8_t *record = sn_new(HEAD + n + TAIL, 1);
    if (!record) return SN_RESOURCE;
    tensorboard__event__pack(event, record + HEAD);
    uint32_t head = masked(&n, sizeof n), tail = masked(record + HEAD, n);
    memcpy(record, &n, sizeof n);
    memcpy(record + sizeof n, &head, sizeof head);
    memcpy(record + HEAD + n, &tail, sizeof tail);
    sn_status s = write_record(e, record, HEAD + n + TAIL);
    free(record);
    return s;
}

sn_status sn_events_add(sn_events *e, int64_t step, const sn_point *points, size_t n) {
    Tensorboard__Summary__Value value[MOST_POINTS], *list[MOST_POINTS];
    if (n > MOST_POINTS) return sn_error(SN_FAIL, "%zu points of one step; at most %d", n, MOST_POINTS);
    for (size_t i = 0; i < n; i++) {
        tensorboard__summary__value__init(&value[i]);
        value[i].tag = (char *)(uintptr_t)points[i].tag;
        value[i].value_case = TENSORBOARD__SUMMARY__VALUE__VALUE_SIMPLE_VALUE;
        value[i].simple_value = (float)points[i].value;
        list[i] = &value[i];
    }
    Tensorboard__Summary summary = TENSORBOARD__SUMMARY__INIT;
    summary.n_value = n, summary.value = list;
    Tensorboard__Event event = TENSORBOARD__EVENT__INIT;
    event.step = step, event.what_case = TENSORBOARD__EVENT__WHAT_SUMMARY, event.summary = &summary;
    return add(e, &event);
}

// ---------------------------------------------------------------- cutting back
// The record at the start of n bytes: its length, or 0 when none is whole there. *step and whether it holds points.
static size_t record_at(const uint8_t *bytes, size_t n, int64_t *step, bool *points) {
    uint64_t length;
    uint32_t head, tail;
    if (n < HEAD + TAIL) return 0;
    memcpy(&length, bytes, sizeof length);
    memcpy(&head, bytes + sizeof length, sizeof head);
    if (head != masked(bytes, sizeof length) || length > MOST_EVENT || n < HEAD + length + TAIL) return 0;
    memcpy(&tail, bytes + HEAD + length, sizeof tail);
    if (tail != masked(bytes + HEAD, length)) return 0;
    Tensorboard__Event *event = tensorboard__event__unpack(NULL, length, bytes + HEAD);
    if (!event) return 0;
    *step = event->step;
    *points = event->what_case == TENSORBOARD__EVENT__WHAT_SUMMARY;
    tensorboard__event__free_unpacked(event, NULL);
    return HEAD + length + TAIL;
}

// How many bytes stay; 0 where no points would.
static size_t kept_bytes(const uint8_t *bytes, size_t n, int64_t step) {
    size_t at = 0, length;
    int64_t its;
    bool any = false, points;
    while ((length = record_at(bytes + at, n - at, &its, &points)) && its <= step) at += length, any = any || points;
    return any ? at : 0;
}

static sn_status cut_file(const char *path, int64_t step) {
    unsigned char *bytes;
    size_t n;
    sn_status s = sn_file_read(path, (size_t)1 << 30, &bytes, &n);
    if (s != SN_OK) return s;
    size_t kept = kept_bytes(bytes, n, step);
    free(bytes);
    if (kept == n) return SN_OK;
    if (kept ? truncate(path, (off_t)kept) : unlink(path)) return sn_file_failed(path, "cut back", SN_FAIL);
    return SN_OK;
}

static bool is_ours(const char *name) {
    size_t n = strlen(name), m = sizeof SUFFIX - 1;
    return n > m && !strncmp(name, PREFIX, sizeof PREFIX - 1) && !strcmp(name + n - m, SUFFIX);
}

static sn_status cut(const char *folder, int64_t step) {
    DIR *d = opendir(folder);
    if (!d) return sn_file_failed(folder, "read this folder", SN_FAIL);
    sn_status s = SN_OK;
    for (struct dirent *e; s == SN_OK && (e = readdir(d));) {
        if (!is_ours(e->d_name)) continue;
        char *path = sn_format("%s/%s", folder, e->d_name);
        s = path ? cut_file(path, step) : SN_RESOURCE;
        free(path);
    }
    closedir(d);
    return s;
}

// ---------------------------------------------------------------- a new file
// Names sort by step, as TensorBoard reads them.
static sn_status make_file(const char *folder, int64_t step, sn_events *e) {
    e->path = sn_format("%s/" PREFIX "%010lld.%lld" SUFFIX, folder, (long long)step, (long long)wall_time());
    if (!e->path) return SN_RESOURCE;
    e->fd = open(e->path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (e->fd < 0) return sn_file_failed(e->path, "make", SN_FAIL);
    Tensorboard__Event event = TENSORBOARD__EVENT__INIT;
    event.what_case = TENSORBOARD__EVENT__WHAT_FILE_VERSION, event.file_version = (char *)(uintptr_t) "brain.Event:2";
    SN_TRY(add(e, &event));
    if (!step) return SN_OK;
    Tensorboard__SessionLog start = TENSORBOARD__SESSION_LOG__INIT;
    start.status = TENSORBOARD__SESSION_LOG__STATUS__START;
    event = (Tensorboard__Event)TENSORBOARD__EVENT__INIT;
    event.step = step + 1, event.what_case = TENSORBOARD__EVENT__WHAT_SESSION_LOG, event.session_log = &start;
    return add(e, &event);
}

sn_status sn_events_open(const char *folder, int64_t step, sn_events **out) {
    if (mkdir(folder, 0777) && errno != EEXIST) return sn_file_failed(folder, "make this folder", SN_FAIL);
    SN_TRY(cut(folder, step));
    sn_events *e = sn_new(1, sizeof *e);
    if (!e) return SN_RESOURCE;
    e->fd = -1;
    sn_status s = make_file(folder, step, e);
    if (s == SN_OK)
        *out = e;
    else
        sn_events_close(e);
    return s;
}
