// Finals: rungs and who goes on, by arithmetic; their file, also damaged; the command from end to end, killed, stopped, refused,
// on the tiny data of processes.h. Not here: that training stops and goes on with the same bits in general (test_reliability.c).
// Next: supernet/rank/finals.h.
#include "processes.h"
#include "supernet/rank/finals.h"

#include <jansson.h>
#include <stdint.h>

// ---------------------------------------------------------------- arithmetic
static uint32_t draw(void) {
    static uint64_t state = 7;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

START_TEST(rungs) {
    for (int n = 1; n <= 17; n++)
        for (int epochs = 1; epochs <= 20; epochs++) {
            int rung[SN_MOST_RUNGS], count = sn_finals_rungs(n, epochs, rung), halvings = 0;
            while (1 << halvings < n) halvings++;
            ck_assert_int_ge(count, 1);
            ck_assert_int_le(count, halvings + 1);
            ck_assert_int_eq(rung[count - 1], epochs);
            ck_assert_int_eq(rung[0], (epochs + (1 << halvings) - 1) / (1 << halvings));
            for (int j = 1; j < count; j++) {
                ck_assert_int_gt(rung[j], rung[j - 1]);
                ck_assert_int_le(rung[j], 2 * rung[j - 1]);
            }
        }
    int rung[SN_MOST_RUNGS];
    ck_assert_int_eq(sn_finals_rungs(8, 10, rung), 4);
    ck_assert(rung[0] == 2 && rung[1] == 3 && rung[2] == 5 && rung[3] == 10);
    ck_assert_int_eq(sn_finals_rungs(8, 2, rung), 2);
    ck_assert_int_eq(sn_finals_rungs(SN_MOST_FINALISTS, 100000, rung), SN_MOST_RUNGS);
}
END_TEST

// Plays finals out with drawn scores; `diverges` of 100 scores are divergences.
static void play(int n, int epochs, uint32_t diverges) {
    sn_finalist list[20] = {0};
    sn_finals f = {.finalist = list, .n = n, .images = 10, .winner = -1};
    f.rungs = sn_finals_rungs(n, epochs, f.rung);
    int rung, who, last = 0, order[SN_MOST_FINALISTS], trained = 0;
    bool in[SN_MOST_FINALISTS];
    int64_t all;
    while (sn_finals_next(&f, &rung, &who)) {
        ck_assert(rung >= last && rung < f.rungs && who < n && list[who].scores == rung);
        last = rung;
        ck_assert_int_eq(sn_finals_in(&f, rung + 1, in), -1); // not yet known
        bool bad = draw() % 100 < diverges;
        list[who].score[list[who].scores++] =
            (sn_finals_score){bad ? -1 : (long)(draw() % 11), bad ? NAN : (double)(draw() % 4), NULL};
        ck_assert_int_le(++trained, 2 * n + 5);
        ck_ok(sn_finals_check(&f));
    }
    for (int j = 0, count = n; j < f.rungs; j++) {
        ck_assert_int_le(sn_finals_in(&f, j, in), count);
        if (!diverges) ck_assert_int_eq(sn_finals_in(&f, j, in), count);
        bool next[SN_MOST_FINALISTS];
        sn_finals_in(&f, j + 1, next);
        for (int a = 0; a < n; a++)
            for (int b = 0; b < n; b++)
                if (next[a] && in[b] && !next[b]) ck_assert_int_ge(list[a].score[j].right, list[b].score[j].right);
        for (int a = 0; a < n; a++) ck_assert(!next[a] || (in[a] && list[a].score[j].right >= 0));
        count = sn_finals_half(count);
    }
    bool won = sn_finals_order(&f, order);
    if (!diverges) ck_assert(won && sn_finals_epochs(&f, &all) == all && all <= (int64_t)n * epochs);
    for (int i = 1; won && i < n; i++) {
        const sn_finalist *a = &list[order[0]], *b = &list[order[i]];
        if (sn_finals_scored(b) == f.rungs) ck_assert(a->score[f.rungs - 1].right >= b->score[f.rungs - 1].right);
    }
    f.winner = won ? order[0] : -1;
    ck_ok(sn_finals_check(&f));
    if (n > 1) { // another winner, or one who was out and trained on
        f.winner = order[1];
        ck_assert_int_eq(sn_finals_check(&f), SN_DATA);
        f.winner = -1;
        if (list[order[n - 1]].scores < f.rungs) {
            list[order[n - 1]].scores++;
            ck_assert_int_eq(sn_finals_check(&f), SN_DATA);
        }
    }
}

START_TEST(halving) {
    for (int n = 1; n <= 17; n++)
        for (int epochs = 1; epochs <= 20; epochs++)
            for (uint32_t diverges = 0; diverges <= 100; diverges += 50) play(n, epochs, diverges);
}
END_TEST

// Equal accuracies: the lower loss, then the place in the ranking.
START_TEST(ties) {
    sn_finalist list[4] = {{.score = {{5, 0.5, NULL}}, .scores = 1},
                           {.score = {{5, NAN, NULL}}, .scores = 1},
                           {.score = {{5, 0.4, NULL}}, .scores = 1},
                           {.score = {{5, 0.5, NULL}}, .scores = 1}};
    sn_finals f = {.finalist = list, .n = 4, .rung = {1, 2, 4}, .rungs = 3, .winner = -1};
    bool in[SN_MOST_FINALISTS];
    ck_assert_int_eq(sn_finals_in(&f, 1, in), 2);
    ck_assert(in[0] && !in[1] && in[2] && !in[3]);
    int order[SN_MOST_FINALISTS];
    ck_assert(!sn_finals_order(&f, order));
    ck_assert(order[0] == 2 && order[1] == 0 && order[2] == 3 && order[3] == 1);
}
END_TEST

START_TEST(paired) {
    uint64_t a[2] = {0x0f, 1}, b[2] = {0xff, 2};
    sn_paired p = sn_paired_difference(a, b, 70); // 4 + 1 only in b, 1 only in a
    double mean = 4.0 / 70, half = 1.959963984540054 * sqrt((6.0 / 70 - mean * mean) / 70);
    ck_near(p.difference, mean, 1e-15, "difference");
    ck_near(p.from, mean - half, 1e-15, "from");
    ck_near(p.to, mean + half, 1e-15, "to");
    p = sn_paired_difference(a, a, 70);
    ck_assert(p.difference == 0 && p.from == 0 && p.to == 0);
    p = sn_paired_difference((uint64_t[]){0}, (uint64_t[]){1}, 2); // a difference of shares ends at 1
    ck_assert(p.difference == 0.5 && p.from < 0 && p.to == 1);
}
END_TEST

START_TEST(what_changed) {
    uint64_t a[1] = {0x07}, b[1] = {0x3f}, c[1] = {0x01};
    sn_finalist list[3] = {{.score = {{3, 1, a}, {-1, NAN, NULL}}, .scores = 2},
                           {.score = {{1, 1, c}}, .scores = 1},
                           {.score = {{6, 1, b}, {1, 1, c}}, .scores = 2}};
    sn_finals f = {.finalist = list, .n = 3, .images = 10, .rung = {1, 2}, .rungs = 2, .winner = -1};
    int order[SN_MOST_FINALISTS];
    ck_assert(sn_finals_order(&f, order));
    sn_finals_change change = sn_finals_changed(&f, order);
    ck_assert(change.place == 2 && change.rung == 0);
    ck_near(change.top1[0], 0.3, 1e-15, "the ranking's first");
    ck_near(change.top1[1], 0.6, 1e-15, "the winner");
    ck_near(change.paired.difference, 0.3, 1e-15, "difference");
    list[0].score[0] = (sn_finals_score){-1, NAN, NULL}, list[0].scores = 1;
    ck_assert(sn_finals_order(&f, order));
    change = sn_finals_changed(&f, order);
    ck_assert(change.place == 3 && change.rung == -1);
}
END_TEST

// ---------------------------------------------------------------- the file
static const char good_file[] =
    "{\"schema\": 1, \"top\": 3, \"by\": \"loss\", \"init\": \"scratch\", \"max_macs\": null, \"max_params\": 9,\n"
    "\"supernet_step\": 32, \"images\": 70, \"rungs\": [1, 2], \"winner\": \"b\",\n"
    "\"test\": {\"images\": 10, \"top1\": 0.5, \"top5\": 1, \"loss\": null}, \"config\": \"a: 1\\n\", \"finalists\": [\n"
    "{\"arch\": \"a\", \"place\": 1, \"top1\": 0.5, \"fitted_top1\": null, \"macs\": 5, \"params\": 6, \"scores\": [\n"
    "{\"epochs\": 1, \"diverged\": true}]},\n"
    "{\"arch\": \"b\", \"place\": 7, \"top1\": 0.25, \"fitted_top1\": 0.125, \"macs\": 7, \"params\": 8, \"scores\": [\n"
    "{\"epochs\": 1, \"right\": 3, \"loss\": 0.1, \"hits\": \"00000000000000030000000000000020\"},\n"
    "{\"epochs\": 2, \"right\": 0, \"loss\": null, \"hits\": \"00000000000000000000000000000000\"}]}]}\n";

START_TEST(file_read_and_written) {
    sn_finals f, g;
    put_text(path_a, good_file);
    ck_ok(sn_finals_read(path_a, &f));
    ck_ok(sn_finals_check(&f));
    ck_assert(f.top == 3 && f.by == SN_BEST_BY_LOSS && f.max_macs == INT64_MAX && f.max_params == 9 && f.n == 2 && f.winner == 1);
    ck_assert(f.finalist[0].scores == 1 && f.finalist[0].score[0].right == -1 && isnan(f.finalist[0].fitted_top1));
    ck_assert(f.finalist[1].score[0].hits[0] == 3 && f.finalist[1].score[0].hits[1] == 32 && isnan(f.finalist[1].score[1].loss));
    ck_assert(f.test.images == 10 && f.test.top5 == 1 && isnan(f.test.loss));
    ck_ok(sn_finals_write(path_a, &f));
    ck_ok(sn_finals_read(path_a, &g));
    ck_ok(sn_finals_write(path_b, &g));
    ck_assert(same_files(path_a, path_b));
    sn_finals_free(&f);
    sn_finals_free(&g);
}
END_TEST

START_TEST(file_damaged) {
    const struct {
        const char *was, *is, *message;
    } changes[] = {{"\"schema\": 1", "\"schema\": 2", "'schema'"},
                   {"\"top\": 3", "\"top\": 257", "'top' is no whole number from 1 to 256"},
                   {"\"loss\", \"init", "\"size\", \"init", "'by'"},
                   {"\"max_params\": 9", "\"max_params\": 0", "'max_params'"},
                   {"\"images\": 70", "\"images\": 0", "'images'"},
                   {"\"images\": 70", "\"images\": 64", "finalist 2: score 1: 'hits' is no text of 16 hex"},
                   {"\"images\": 70", "\"images\": 69", "'hits' are not those of 3"},
                   {"[1, 2]", "[2, 1]", "'rungs'"},
                   {"[1, 2]", "[]", "'rungs'"},
                   {"[1, 2]", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "'rungs'"},
                   {"[1, 2]", "[1]", "finalist 2: 'scores' is no list of at most 1"},
                   {"[1, 2]", "[1, 3]", "finalist 2: score 2: 2 epochs, but the rung is at 3"},
                   {"\"winner\": \"b\"", "\"winner\": \"c\"", "'winner'"},
                   {"\"arch\": \"a\"", "\"arch\": \"b\"", "finalists 1 and 2 are the same"},
                   {"\"arch\": \"a\"", "\"arch\": \"a\\n\"", "finalist 1: 'arch'"},
                   {"\"arch\": \"a\"", "\"arch\": \"\"", "finalist 1: 'arch'"},
                   {"\"arch\": \"a\"", "\"arch\": 3", "finalist 1: 'arch'"},
                   {"a: 1\\n", "a: 1\\u001b", "'config'"},
                   {"\"place\": 7", "\"place\": 0", "'place'"},
                   {"\"top1\": 0.25", "\"top1\": 1.25", "'top1' is no number from 0 to 1"},
                   {"\"top1\": 0.25", "\"top1\": null", "'top1'"},
                   {"\"right\": 3", "\"right\": 71", "'right'"},
                   {"\"right\": 3", "\"right\": 4", "'hits' are not those of 4 right images"},
                   {"\"loss\": 0.1", "\"loss\": -1", "'loss'"},
                   {"0030000000000000020", "0030000000000000040", "'hits' are not"}, // image 70 of 70
                   {"0030000000000000020", "003000000000000002X", "'hits' is no text"},
                   {"\"top5\": 1,", "", "'top5'"},
                   {"\"schema\": 1", "\"schema\": 1, \"schema\": 1", "line 1"},
                   {"}]}]}", "}]}", "line "},
                   {"{\"schema", "[{\"schema", "line "}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char text[4096];
        const char *p = strstr(good_file, changes[i].was);
        ck_assert_msg(p != NULL, "%s", changes[i].was);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(p - good_file), good_file, changes[i].is, p + strlen(changes[i].was));
        put_text(path_a, text);
        sn_finals f;
        sn_status s = sn_finals_read(path_a, &f);
        ck_assert_msg(s == SN_DATA, "%s: status %d", changes[i].is, (int)s);
        ck_message(changes[i].message);
        ck_assert_msg(!strncmp(sn_error_text(), path_a, strlen(path_a)), "'%s' does not name the file", sn_error_text());
    }
    ck_assert_int_eq(sn_finals_read(at("none"), &(sn_finals){0}), SN_DATA);
}
END_TEST

// Any bytes changed, cut, or copied elsewhere: read or refused, never a crash.
START_TEST(file_random) {
    enum { CHANGES = 3000 };
    int read = 0;
    for (int i = 0; i < CHANGES; i++) {
        char text[sizeof good_file];
        memcpy(text, good_file, sizeof text);
        for (uint32_t k = draw() % 3 + 1; k--;) {
            size_t to = draw() % (sizeof text - 1), from = draw() % (sizeof text - 1), n = draw() % 30 + 1;
            if (draw() % 2)
                text[to] = (char)draw();
            else if (to + n < sizeof text && from + n < sizeof text)
                memmove(text + to, text + from, n);
        }
        put_file(path_a, text, draw() % 8 ? sizeof text - 1 : draw() % sizeof text);
        sn_finals f;
        sn_status s = sn_finals_read(path_a, &f);
        ck_assert(s == SN_OK || s == SN_DATA);
        if (s != SN_OK) continue;
        read++;
        sn_finals_check(&f);
        int rung, who;
        for (int n = 0; sn_finals_next(&f, &rung, &who) && n < 10; n++)
            f.finalist[who].score[f.finalist[who].scores++] = (sn_finals_score){-1, NAN, NULL};
        ck_ok(sn_finals_write(path_b, &f));
        sn_finals_free(&f);
    }
    ck_assert(read > CHANGES / 100 && read < CHANGES);
}
END_TEST

// ---------------------------------------------------------------- the command
enum { EPOCHS = 4, FINALISTS = 6 };
#define FINALS(run) "finals", run, "--top", "6", "--set", "retrain.epochs=4", "--threads", "1"

static const char *base, *whole; // a ranked run; the same with finals
static double whole_ms;

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...) {
    char line[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    ck_assert_msg(system(line) == 0, "%s", line);
}

static const char *copy(const char *run, const char *name) {
    const char *to = lasting(at("%s", name));
    shell("cp -r '%s' '%s'", run, to);
    return to;
}

static void make_runs(void) {
    program_setup();
    put_config(at("c.yaml"), "epochs: 2, save_every: 15");
    base = lasting(at("base"));
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", base, "-q"));
    ck_code(0, RUN(PLAIN, "rank", base, "-q"));
    whole = copy(base, "whole");
    double then = seconds();
    ck_code(0, RUN(PLAIN, FINALS(whole)));
    whole_ms = 1000 * (seconds() - then);
}

static json_t *file_of(const char *run) {
    json_t *f = json_load_file(lasting(run), 0, NULL);
    ck_assert_ptr_nonnull(f);
    return f;
}

static const char *text_of(const json_t *o, const char *key) {
    const char *t = json_string_value(json_object_get(o, key));
    ck_assert_msg(t != NULL, "no text '%s'", key);
    return t;
}

static double number(const json_t *o, const char *key) {
    const json_t *x = json_object_get(o, key);
    ck_assert_msg(json_is_number(x), "no number '%s'", key);
    return json_number_value(x);
}

static json_t *result_of(const char *run) {
    ck_code(0, RUN(PLAIN, FINALS(run), "--json"));
    json_t *out = json_loads(printed, 0, NULL);
    ck_assert_msg(out != NULL, "%s", printed);
    return out;
}

static int count_of(const char *run, const char *pattern, const char *files) {
    shell("cd '%s' && { cat %s | grep -c '%s' ; } >'%s' || true", run, files, pattern, at("count"));
    char text[32] = "";
    text[get_file(at("count"), text, sizeof text)] = 0;
    return atoi(text);
}

// Trainings of four epochs that ended with the same bytes.
static void ck_same_end(const char *a, const char *b) {
    int last = EPOCHS * STEPS_PER_EPOCH;
    shell("cmp '%s/checkpoints/step-%08d.h5' '%s/checkpoints/step-%08d.h5'", a, last, b, last);
}

// The same bytes as of finals in one piece: scores, winner, its weights; the test split used once.
static void ck_as_whole(const char *run) {
    ck_assert(
        same_files(at("whole/finals/top6/finals.json"), lasting(at("%s/finals/top6/finals.json", run + strlen(scratch) + 1))));
    json_t *out = result_of(run), *winner = json_object_get(out, "winner");
    const char *folder = text_of(winner, "run");
    ck_same_end(folder, at("whole/finals/top6%s", strrchr(folder, '/')));
    ck_assert_int_eq(count_of(run, "test_split", "finals/*/*/log.jsonl"), 1);
    json_decref(out);
}

START_TEST(held) {
    json_t *f = file_of(at("whole/finals/top6/finals.json")), *list = json_object_get(f, "finalists"), *a;
    size_t i, scores = 0;
    ck_assert_uint_eq(json_array_size(list), FINALISTS);
    ck_assert_uint_eq(json_array_size(json_object_get(f, "rungs")), 3);
    json_array_foreach(list, i, a) scores += json_array_size(json_object_get(a, "scores"));
    ck_assert_uint_eq(scores, 6 + 3 + 2);
    json_t *out = result_of(whole), *first = json_array_get(json_object_get(out, "finalists"), 0);
    ck_assert_str_eq(text_of(first, "arch"), text_of(f, "winner"));
    ck_assert_str_eq(text_of(json_object_get(out, "winner"), "arch"), text_of(f, "winner"));
    ck_assert_uint_eq(json_array_size(json_object_get(first, "scores")), 3);
    ck_assert_int_eq((int)number(json_object_get(out, "winner"), "test_images"), 100);
    // losers keep one checkpoint, the winner's folder is like that of `retrain`
    json_array_foreach(json_object_get(out, "finalists"), i, a) {
        char folder[512];
        snprintf(folder, sizeof folder, "%s/checkpoints", text_of(a, "run"));
        int n = count_files(folder);
        ck_assert(i ? n == 1 : n >= 3); // train.keep, and the best
    }
    ck_assert_int_eq(count_of(whole, "\"test_split\":\"finals\"", "finals/*/*/log.jsonl"), 1);
    ck_code(0, RUN(PLAIN, FINALS(whole))); // says it again, in words
    ck_assert_ptr_nonnull(strstr(printed, "4 epochs\n"));
    ck_assert_ptr_nonnull(strstr(printed, "\nwinner: "));
    ck_assert_ptr_nonnull(strstr(printed, "\ntest: top-1 "));
    ck_assert_int_eq(count_of(whole, "test_split", "finals/*/*/log.jsonl"), 1);
    // scores are those of `eval`
    ck_code(0, RUN(PLAIN, "eval", text_of(first, "run"), "--bn", "running", "--images", "60", "--json"));
    json_t *eval = json_loads(printed, 0, NULL);
    ck_assert_double_eq(number(json_array_get(json_object_get(eval, "archs"), 0), "top1"),
                        number(json_array_get(json_object_get(first, "scores"), 2), "top1"));
    ck_code(0, RUN(PLAIN, "export", text_of(first, "run"), "-o", at("winner.onnx")));
    json_decref(eval);
    json_decref(out);
    json_decref(f);
}
END_TEST

// A finalist's training is that of `retrain` in the same bits, from new weights and from the supernet's.
START_TEST(as_retrained) {
    static const char *const init[] = {"scratch", "inherited"};
    const char *run = copy(base, init[_i]);
    ck_code(0, RUN(PLAIN, FINALS(run), "--init", init[_i], "--json"));
    json_t *out = json_loads(printed, 0, NULL), *winner = json_object_get(out, "winner");
    ck_code(0, RUN(PLAIN, "retrain", run, "--arch", text_of(winner, "arch"), "--init", init[_i], "--name", "one", "--set",
                   "retrain.epochs=4", "--json"));
    json_t *one = json_loads(printed, 0, NULL);
    ck_same_end(text_of(one, "run"), text_of(winner, "run"));
    ck_assert_double_eq(number(one, "test_top1"), number(winner, "test_top1"));
    ck_assert_double_eq(number(one, "test_loss"), number(winner, "test_loss"));
    json_decref(one);
    json_decref(out);
}
END_TEST

// Killed at random times, and by a signal at each call of saves of finals.json.
START_TEST(killed) {
    const char *run = copy(base, "killed");
    int kills = 0;
    for (int code = -1; code; kills += code != 0) {
        ck_assert_int_lt(kills, 200);
        bool inside = kills % 2;
        char fault[32];
        snprintf(fault, sizeof fault, "1:%d:s9", kills / 2 % 8);
        pid_t p = START(((how){.fault = inside ? fault : NULL, .folder = "/finals/top6"}), 0, FINALS(run), "-q");
        if (!inside) {
            wait_ms(whole_ms * 0.02 * (draw() % 20));
            kill(p, SIGKILL);
        }
        code = finish(p, 0);
        ck_assert_msg(code == 0 || code == SIGNALLED + SIGKILL, "exit %d: %s", code, said);
    }
    ck_assert_int_ge(kills, 4);
    ck_as_whole(run);
}
END_TEST

START_TEST(stopped) {
    const char *run = copy(base, "stopped");
    int stops = 0;
    for (int code = -1; code;) {
        ck_assert_int_lt(stops, 200);
        pid_t p = START(PLAIN, 0, FINALS(run));
        wait_for_file(at("stopped/finals/top6/%s", stops ? "finals.json" : ""), p);
        wait_ms(whole_ms * 0.02 * (draw() % 10 + 5));
        kill(p, SIGTERM);
        code = finish(p, 0);
        bool early = code == SIGNALLED + SIGTERM; // before the program heeds signals
        ck_assert_msg(code == 0 || code == 75 || early, "exit %d: %s", code, said);
        stops += code == 75;
    }
    ck_assert_int_ge(stops, 2);
    ck_as_whole(run);
}
END_TEST

// Killed between the score on the test split and the file that holds it: the log has that score.
START_TEST(tested_once) {
    const char *run = copy(whole, "once");
    const char *path = lasting(at("once/finals/top6/finals.json"));
    sn_finals f;
    ck_ok(sn_finals_read(path, &f));
    f.winner = -1;
    ck_ok(sn_finals_write(path, &f));
    sn_finals_free(&f);
    ck_code(0, RUN(PLAIN, FINALS(run)));
    ck_as_whole(run);
}
END_TEST

// What was scored is not trained again: without the losers' folders the result is the same.
START_TEST(scores_are_kept) {
    const char *run = copy(base, "kept");
    pid_t p = START(PLAIN, 0, FINALS(run));
    while (count_of(run, "\"epochs\": 2", "finals/top6/finals.json 2>/dev/null") < 1 && !is_over(p)) wait_ms(1);
    kill(p, SIGKILL);
    ck_code(SIGNALLED + SIGKILL, finish(p, 0));
    ck_code(0, RUN(PLAIN, FINALS(run)));
    ck_not_said("rung 1 of 3");
    ck_said("rung 3 of 3, ");
    ck_as_whole(run);
    // a finalist's folder is beyond what finals.json knows
    shell("rm '%s/finals/top6/finals.json'", run);
    ck_code(1, RUN(PLAIN, FINALS(run)));
    ck_said("after which it was to be scored");
}
END_TEST

START_TEST(other_finals_are_refused) {
    const char *run = copy(whole, "other");
    const struct {
        const char *arg[3], *said;
    } changes[] = {{{"--set", "retrain.epochs=5"}, "retrain.epochs was 4, now 5"},
                   {{"--set", "retrain.optimizer.lr=0.01"}, "retrain.optimizer.lr was "},
                   {{"--set", "data.augment.crop=1"}, "data.augment.crop was 2, now 1"},
                   {{"--by", "loss"}, "--by was accuracy, now loss"},
                   {{"--init", "inherited"}, "--init was scratch, now inherited"},
                   {{"--max-macs", "100000000"}, "--max-macs was not given, now 100000000"},
                   {{"--max-params", "100000000"}, "--max-params was not given, now 100000000"},
                   {{"--set", "rank.images=30"}, "nothing is ranked yet"}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        ck_code(2, RUN(PLAIN, FINALS(run), changes[i].arg[0], changes[i].arg[1]));
        ck_said(changes[i].said);
        if (i + 1 < sizeof changes / sizeof *changes) ck_said("--name");
    }
    ck_code(2, RUN(PLAIN, FINALS(run), "--name", "top6", "--top", "5"));
    ck_said("--top was 6, now 5");
    ck_code(0, RUN(PLAIN, "rank", run, "-q", "--set", "rank.images=20"));
    ck_code(2, RUN(PLAIN, FINALS(run), "--set", "rank.images=20"));
    ck_said("the ranking is another: finalist ");
    ck_code(0, RUN(PLAIN, FINALS(run), "--set", "rank.memory=64MiB", "--set", "train.keep=2", "--threads", "2"));
    ck_as_whole(run);
    // damaged
    shell("sed -i 's/\"right\": /\"right\": 1/' '%s/finals/top6/finals.json'", run);
    ck_code(4, RUN(PLAIN, FINALS(run)));
    ck_said("finals/top6/finals.json: damaged: finalist ");
    ck_said("move ");
}
END_TEST

START_TEST(refused_beforehand) {
    const char *run = copy(base, "refused");
    ck_code(3, RUN(PLAIN, FINALS(run), "--set", "retrain.use_validation=true"));
    ck_said("retrain.use_validation is true");
    ck_code(2, RUN(PLAIN, FINALS(run), "--max-macs", "10"));
    ck_said("none of 27 ranked architectures is within the limits; the smallest have 0.");
    ck_code(2, RUN(PLAIN, FINALS(run), "--top", "0"));
    ck_code(2, RUN(PLAIN, FINALS(run), "--top", "257"));
    ck_code(2, RUN(PLAIN, FINALS(run), "--by", "size"));
    ck_code(2, RUN(PLAIN, FINALS(run), "--init", "size"));
    ck_code(2, RUN(PLAIN, FINALS(run), "--name", "../x"));
    ck_code(2, RUN(PLAIN, "finals", checkpoint(run, 2 * STEPS_PER_EPOCH)));
    ck_assert(access(at("refused/finals"), F_OK)); // nothing was made
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", at("blind"), "-q", "--set", "data.validation=0"));
    ck_code(2, RUN(PLAIN, "finals", at("blind")));
    ck_said("without validation images, which judge the finalists");
    ck_code(0, RUN(PLAIN, "train", at("c.yaml"), "-o", at("unranked"), "-q"));
    ck_code(2, RUN(PLAIN, "finals", at("unranked")));
    ck_said("nothing is ranked yet");
    shell("printf 'skip,skip,skip\\nmb2_k3,skip,skip\\n' >'%s'", at("two"));
    ck_code(0, RUN(PLAIN, "rank", at("unranked"), "-q", "--archs", at("two")));
    ck_code(2, RUN(PLAIN, "finals", at("unranked"), "--by", "effects"));
    ck_said("best by effects: ");
    // one writer
    pid_t p = START(PLAIN, 1, FINALS(run));
    wait_for_file(at("refused/finals/top6/finals.json"), p);
    ck_code(1, RUN(PLAIN, FINALS(run)));
    ck_said("is in use by pid ");
    kill(p, SIGKILL);
    wait_for(p);
}
END_TEST

// Architectures that are the same net when trained alone take part once; fewer than asked for are told.
START_TEST(equal_nets) {
    const char *run = copy(base, "equal");
    ck_code(0, RUN(PLAIN, "finals", run, "--top", "256", "--set", "retrain.epochs=1", "--json"));
    ck_said("21 architectures are there to take, not 256");
    ck_said("left out: 6 that would be the same net");
    json_t *out = json_loads(printed, 0, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(out, "finalists")), 21);
    ck_assert_uint_eq(json_array_size(json_object_get(out, "rungs")), 1);
    json_decref(out);
}
END_TEST

START_TEST(one_finalist) {
    const char *run = copy(base, "single");
    ck_code(0, RUN(PLAIN, "finals", run, "--top", "1", "--by", "effects", "--max-params", "100000"));
    ck_assert_ptr_null(strstr(printed, "the ranking's first"));
    ck_assert_ptr_nonnull(strstr(printed, "\nwinner: "));
    shell("test -f '%s/finals/top1/finals.json'", run);
}
END_TEST

// A training that diverges drops out; when all do, that is the end, also the next time.
START_TEST(divergence) {
    const char *run = copy(base, "diverged");
    for (int i = 0; i < 2; i++) {
        ck_code(6, RUN(PLAIN, FINALS(run), "--set", "retrain.optimizer.lr=1e6", "--set", "retrain.optimizer.clip=0", "--set",
                       "retrain.optimizer.warmup=0"));
        ck_said("no finalist is left");
        if (!i) ck_said("drops out: ");
        if (i) ck_not_said("drops out: ");
    }
    ck_assert_int_eq(count_of(run, "\"diverged\": true", "finals/top6/finals.json"), FINALISTS);
}
END_TEST

int main(void) {
    Suite *s = suite_create("finals");
    TCase *t = tcase_create("arithmetic");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_test(t, rungs);
    tcase_add_test(t, halving);
    tcase_add_test(t, ties);
    tcase_add_test(t, paired);
    tcase_add_test(t, what_changed);
    tcase_add_test(t, file_read_and_written);
    tcase_add_test(t, file_damaged);
    tcase_add_test(t, file_random);
    suite_add_tcase(s, t);
    t = tcase_create("command");
    tcase_add_unchecked_fixture(t, make_runs, folder_remove);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, held);
    tcase_add_loop_test(t, as_retrained, 0, 2);
    tcase_add_test(t, killed);
    tcase_add_test(t, stopped);
    tcase_add_test(t, tested_once);
    tcase_add_test(t, scores_are_kept);
    tcase_add_test(t, other_finals_are_refused);
    tcase_add_test(t, refused_beforehand);
    tcase_add_test(t, equal_nets);
    tcase_add_test(t, one_finalist);
    tcase_add_test(t, divergence);
    suite_add_tcase(s, t);
    return run_suite(s);
}
