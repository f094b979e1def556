// Points for TensorBoard: the records as its documents define them, taken apart here by hand; no step twice after a kill; what
// cannot be written; and checkpoints that know nothing of all this. tests/peer/check_events.py asks TensorBoard itself.
#include "base/crc32c.h"
#include "io/files/events.h"
#include "processes.h"

#include <jansson.h>
#include <math.h>

enum { MOST = 256 };

typedef struct {
    char tag[64];
    int64_t step;
    float value;
} point;

// All points of a folder, file after file by name.
typedef struct {
    point p[MOST];
    int n, files, starts;
} points;

// ---------------------------------------------------------------- protocol buffers, by hand
static uint64_t varint(const uint8_t **p, const uint8_t *end) {
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        ck_assert(*p < end && shift < 64);
        uint8_t byte = *(*p)++;
        v |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128)) return v;
    }
}

// The next field: its number; a varint or the bits of a fixed one in *number, else a stretch of bytes. 0 at the end.
static unsigned field(const uint8_t **p, const uint8_t *end, uint64_t *number, const uint8_t **bytes) {
    if (*p == end) return 0;
    uint64_t key = varint(p, end);
    unsigned type = key & 7;
    *number = 0;
    if (type == 0) {
        *number = varint(p, end);
    } else {
        size_t n = type == 1 ? 8 : type == 5 ? 4 : varint(p, end);
        ck_assert(type == 1 || type == 2 || type == 5);
        ck_assert(n <= (size_t)(end - *p));
        *bytes = *p;
        if (type != 2) memcpy(number, *p, n);
        if (type == 2) *number = n;
        *p += n;
    }
    return (unsigned)(key >> 3);
}

static void read_value(const uint8_t *p, const uint8_t *end, int64_t step, points *out) {
    uint64_t number;
    const uint8_t *bytes;
    ck_assert_int_lt(out->n, MOST);
    point *x = &out->p[out->n++];
    *x = (point){.step = step, .value = NAN};
    for (unsigned k; (k = field(&p, end, &number, &bytes));) {
        if (k == 1) snprintf(x->tag, sizeof x->tag, "%.*s", (int)number, (const char *)bytes);
        if (k == 2) memcpy(&x->value, &number, sizeof x->value);
    }
}

static void read_event(const uint8_t *p, const uint8_t *end, bool first, points *out) {
    uint64_t number;
    const uint8_t *bytes = NULL;
    double wall = 0;
    int64_t step = 0;
    bool version = false;
    for (unsigned k; (k = field(&p, end, &number, &bytes));) {
        if (k == 1) memcpy(&wall, &number, sizeof wall);
        if (k == 2) step = (int64_t)number;
        if (k == 3) version = number == 13 && !memcmp(bytes, "brain.Event:2", 13);
        if (k == 7) out->starts++;
        if (k != 5) continue;
        const uint8_t *q = bytes, *last = bytes + number, *value;
        while (field(&q, last, &number, &value) == 1) read_value(value, value + number, step, out);
    }
    ck_assert(fabs(wall - (double)time(NULL)) < 600);
    ck_assert_int_eq(version, first);
}

static uint32_t masked(const void *bytes, size_t n) {
    uint32_t crc = sn_crc32c_portable(0, bytes, n);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static void read_file(const char *path, points *out) {
    static uint8_t bytes[1 << 20];
    size_t n = get_file(path, (char *)bytes, sizeof bytes), at = 0;
    while (at < n) {
        uint64_t length;
        uint32_t crc;
        ck_assert_msg(n - at >= 16, "%s: %zu bytes behind the last record", path, n - at);
        memcpy(&length, bytes + at, 8);
        memcpy(&crc, bytes + at + 8, 4);
        ck_assert_uint_eq(crc, masked(bytes + at, 8));
        ck_assert(length <= n - at - 16);
        memcpy(&crc, bytes + at + 12 + length, 4);
        ck_assert_uint_eq(crc, masked(bytes + at + 12, length));
        read_event(bytes + at + 12, bytes + at + 12 + length, !at, out);
        at += 16 + length;
    }
    out->files++;
}

static int is_events(const struct dirent *e) {
    return strstr(e->d_name, "tfevents") != NULL;
}

static points *read_points(const char *folder) {
    static points all[2];
    static int turn;
    points *out = &all[turn = !turn];
    struct dirent **list;
    *out = (points){.n = 0};
    int n = scandir(folder, &list, is_events, alphasort);
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        read_file(path, out);
        free(list[i]);
    }
    ck_assert_int_ge(n, 0);
    free(list);
    return out;
}

static const point *find(const points *all, const char *tag, int64_t step) {
    for (int i = 0; i < all->n; i++)
        if (!strcmp(all->p[i].tag, tag) && all->p[i].step == step) return &all->p[i];
    return NULL;
}

// No step of a curve twice, none before another.
static void ck_rising(const points *all) {
    for (int i = 0; i < all->n; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(all->p[i].tag, all->p[k].tag))
                ck_assert_msg(all->p[k].step < all->p[i].step, "%s: step %lld, then %lld", all->p[i].tag,
                              (long long)all->p[k].step, (long long)all->p[i].step);
}

// ---------------------------------------------------------------- the files
static void add(sn_events *e, int64_t step, double value) {
    ck_ok(sn_events_add(e, step, (const sn_point[]){{"a", value}, {"b/c", -value}}, 2));
}

START_TEST(records) {
    sn_events *e;
    ck_ok(sn_events_open(at("t"), 0, &e));
    add(e, 20, 0); // a zero is a value too
    add(e, 40, 1.5);
    sn_events_close(e);
    points *all = read_points(at("t"));
    ck_assert(all->n == 4 && all->files == 1 && !all->starts);
    ck_assert(find(all, "a", 20)->value == 0 && find(all, "b/c", 40)->value == -1.5f);
}
END_TEST

// Going on after step 40 of 80, with a record that a kill cut short; then after step 20, with files of others beside ours.
START_TEST(cut_back) {
    sn_events *e;
    ck_ok(sn_events_open(at("t"), 0, &e));
    for (int64_t step = 20; step <= 80; step += 20) add(e, step, 1);
    sn_events_close(e);
    ck_ok(sn_events_open(at("t"), 40, &e));
    add(e, 60, 2);
    ck_assert_int_eq(write(*(int *)(void *)e, "half a record", 13), 13); // fd comes first
    sn_events_close(e);
    put_text(at("t/events.out.tfevents.1.host"), "");
    ck_ok(sn_events_open(at("t"), 60, &e));
    add(e, 80, 3);
    sn_events_close(e);
    points *all = read_points(at("t"));
    ck_rising(all);
    ck_assert(all->n == 8 && all->starts == 2 && all->files == 4);
    ck_assert(find(all, "a", 40)->value == 1 && find(all, "a", 60)->value == 2 && find(all, "a", 80)->value == 3);
    ck_ok(sn_events_open(at("t"), 20, &e));
    sn_events_close(e);
    all = read_points(at("t"));
    ck_assert(all->n == 2 && all->files == 3 && find(all, "a", 20));
}
END_TEST

START_TEST(full) {
    sn_events *e;
    signal(SIGXFSZ, SIG_IGN);
    ck_ok(sn_events_open(at("t"), 0, &e));
    add(e, 20, 1);
    struct stat st;
    ck_assert_int_eq(fstat(*(int *)(void *)e, &st), 0);
    limit(RLIMIT_FSIZE, (size_t)st.st_size + 20); // less than a record
    sn_status s = sn_events_add(e, 40, &(sn_point){"a", 1}, 1);
    ck_assert_msg(s == SN_RESOURCE || s == SN_FAIL, "%d", s);
    ck_assert_ptr_nonnull(strstr(sn_error_text(), "supernet: cannot append an event: "));
    sn_events_close(e);
    ck_assert_int_eq(read_points(at("t"))->n, 2);
}
END_TEST

// ---------------------------------------------------------------- training
#define TENSORBOARD "--set", "train.tensorboard=true", "--quiet"

static void setup(void) {
    program_setup();
    put_config(at("c.yaml"), "epochs: 2, save_every: 25");
}

// Every loss and validation of the log is a point, with the log's value.
static void ck_as_logged(const char *run, const points *all) {
    char path[512], line[4096];
    int seen = 0;
    snprintf(path, sizeof path, "%s/log.jsonl", run);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f)) {
        json_t *x = json_loads(line, 0, NULL), *loss = json_object_get(x, "loss"), *validation = json_object_get(x, "validation");
        int64_t step = json_integer_value(json_object_get(x, "step"));
        const point *p = loss ? find(all, "loss/train", step) : validation ? find(all, "accuracy/validation", step) : NULL;
        if (loss || validation) {
            ck_assert_ptr_nonnull(p);
            ck_assert(fabsf(p->value - (float)json_number_value(loss ? loss : validation)) <= 1e-6f * fabsf(p->value));
            seen++;
        }
        if (loss) ck_assert_ptr_nonnull(find(all, "accuracy/train", step));
        if (loss) ck_assert(find(all, "learning_rate", step)->value == (float)json_number_value(json_object_get(x, "lr")));
        json_decref(x);
    }
    fclose(f);
    ck_assert_int_ge(seen, 6);
}

// Killed by a signal in the save after step 75, so with points up to step 60 or 75 behind the checkpoint of step 50.
START_TEST(killed) {
    const char *plain = lasting(at("plain")), *killed_run = lasting(at("killed"));
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", plain, "--quiet"));
    ck_assert_int_ne(access(at("plain/tensorboard"), F_OK), 0);
    how kill = {.fault = "5:2:s9", .folder = "/checkpoints"};
    ck_code(SIGNALLED + SIGKILL, RUN(kill, "train", at("c.yaml"), "-o", killed_run, TENSORBOARD));
    points *before = read_points(at("killed/tensorboard"));
    long step = newest(killed_run);
    ck_assert(before->p[before->n - 1].step > step && step > 0);
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", killed_run, TENSORBOARD));
    points *all = read_points(at("killed/tensorboard"));
    ck_assert(all->files == 2 && all->starts == 1);
    ck_rising(all);
    ck_as_logged(killed_run, all);
    ck_assert(same_files(checkpoint(plain, 2 * STEPS_PER_EPOCH), checkpoint(killed_run, 2 * STEPS_PER_EPOCH)));
}
END_TEST

START_TEST(unwritable) {
    ck_assert_int_eq(mkdir(at("run"), 0777), 0);
    put_text(at("run/tensorboard"), "in the way");
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", at("run"), "--set", "train.tensorboard=true"));
    ck_said("warning: no more points for TensorBoard, training goes on: ");
    ck_said("run/tensorboard: cannot read this folder: Not a directory");
    const char *again = strstr(strstr(said, "no more points") + 1, "no more points");
    ck_assert_ptr_null(again);
    ck_assert_int_eq(newest(at("run")), 2 * STEPS_PER_EPOCH);
}
END_TEST

int main(void) {
    Suite *s = suite_create("events");
    TCase *files = tcase_create("files"), *training = tcase_create("training");
    tcase_add_checked_fixture(files, folder_make, folder_remove);
    tcase_add_test(files, records);
    tcase_add_test(files, cut_back);
    tcase_add_test(files, full);
    tcase_add_checked_fixture(training, setup, folder_remove);
    tcase_set_timeout(training, 120);
    tcase_add_test(training, killed);
    tcase_add_test(training, unwritable);
    suite_add_tcase(s, files);
    suite_add_tcase(s, training);
    return run_suite(s);
}
