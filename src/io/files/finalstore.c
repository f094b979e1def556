// Finals as JSON, both ways; see finalstore.h. Reading comes first: what is read was perhaps written by somebody else.
#include "io/files/finalstore.h"
#include "base/utf8.h"
#include "io/files/atomic.h"
#include "space/arch.h"
#include "space/words.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA = 1, MOST_BYTES = 256 << 20, MOST_EPOCHS = 100000, WORD_DIGITS = 16 };

static void free_finalist(sn_finalist *a) {
    free(a->arch);
    for (int j = 0; j < SN_MOST_RUNGS; j++) free(a->score[j].hits);
}

void sn_finals_free(sn_finals *f) {
    for (int i = 0; i < f->n; i++) free_finalist(&f->finalist[i]);
    free(f->finalist);
    free(f->config);
    *f = (sn_finals){0};
}

// ---------------------------------------------------------------- values of an object
static sn_status whole(const json_t *o, const char *key, int64_t low, int64_t high, int64_t *out) {
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v) || json_integer_value(v) < low || json_integer_value(v) > high)
        return sn_error(SN_DATA, "'%s' is no whole number from %lld to %lld", key, (long long)low, (long long)high);
    *out = json_integer_value(v);
    return SN_OK;
}

static sn_status small(const json_t *o, const char *key, int low, int high, int *out) {
    int64_t v = 0;
    SN_TRY(whole(o, key, low, high, &v));
    *out = (int)v;
    return SN_OK;
}

// null: no limit.
static sn_status limit(const json_t *o, const char *key, int64_t *out) {
    *out = INT64_MAX;
    return json_is_null(json_object_get(o, key)) ? SN_OK : whole(o, key, 1, INT64_MAX, out);
}

// null, where it may be, is NAN.
static sn_status real(const json_t *o, const char *key, bool may_lack, double low, double high, double *out) {
    const json_t *v = json_object_get(o, key);
    double x = json_is_number(v) ? json_number_value(v) : NAN;
    if (!(json_is_null(v) && may_lack) && !(x >= low && x <= high))
        return sn_error(SN_DATA, "'%s' is no number from %g to %g%s", key, low, high, may_lack ? ", nor null" : "");
    *out = x;
    return SN_OK;
}

static sn_status word(const json_t *o, const char *key, const char *const *words, int *out) {
    const char *text = json_string_value(json_object_get(o, key));
    for (*out = 0; text && words[*out]; ++*out)
        if (!strcmp(words[*out], text)) return SN_OK;
    return sn_error(SN_DATA, "'%s' is none of the words from %s on", key, words[0]);
}

static bool clean(const char *text, const char *allowed) {
    uint32_t code;
    for (int n; *text; text += n) {
        n = sn_utf8_char(text, &code);
        if (n < 1 || ((code < 32 || (code >= 127 && code < 160)) && !(code < 128 && strchr(allowed, (int)code)))) return false;
    }
    return true;
}

static sn_status text(const json_t *o, const char *key, size_t most, const char *allowed, char **out) {
    const char *t = json_string_value(json_object_get(o, key));
    if (!t || !*t || strlen(t) >= most || !clean(t, allowed))
        return sn_error(SN_DATA, "'%s' is no text of 1 to %zu bytes without control characters", key, most - 1);
    return (*out = sn_strdup(t)) ? SN_OK : SN_RESOURCE;
}

// ---------------------------------------------------------------- reading
static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static sn_status read_hits(const json_t *o, int64_t images, sn_finals_score *s) {
    const char *t = json_string_value(json_object_get(o, "hits"));
    size_t words = sn_finals_words(images);
    long right = 0;
    if (!t || strlen(t) != words * WORD_DIGITS)
        return sn_error(SN_DATA, "'hits' is no text of %zu hexadecimal digits", words * WORD_DIGITS);
    if (!(s->hits = sn_new(words, sizeof *s->hits))) return SN_RESOURCE;
    for (size_t i = 0; i < words * WORD_DIGITS; i++) {
        int d = digit(t[i]);
        if (d < 0) return sn_error(SN_DATA, "'hits' is no text of %zu hexadecimal digits", words * WORD_DIGITS);
        s->hits[i / WORD_DIGITS] = s->hits[i / WORD_DIGITS] << 4 | (uint64_t)d;
    }
    for (size_t i = 0; i < words; i++) right += __builtin_popcountll(s->hits[i]);
    bool beyond = images % 64 && s->hits[words - 1] >> images % 64;
    if (beyond || right != s->right) return sn_error(SN_DATA, "'hits' are not those of %ld right images", s->right);
    return SN_OK;
}

static sn_status read_score(const json_t *o, const sn_finals *f, int rung, sn_finals_score *s) {
    int epochs;
    int64_t right;
    SN_TRY(small(o, "epochs", 1, MOST_EPOCHS, &epochs));
    if (epochs != f->rung[rung]) return sn_error(SN_DATA, "%d epochs, but the rung is at %d", epochs, f->rung[rung]);
    s->right = -1, s->loss = NAN;
    if (json_is_true(json_object_get(o, "diverged"))) return SN_OK;
    SN_TRY(whole(o, "right", 0, f->images, &right));
    s->right = (long)right;
    SN_TRY(real(o, "loss", true, 0, HUGE_VAL, &s->loss));
    return read_hits(o, f->images, s);
}

static sn_status read_finalist(const json_t *o, const sn_finals *f, sn_finalist *a) {
    const json_t *scores = json_object_get(o, "scores");
    size_t n = json_array_size(scores);
    SN_TRY(text(o, "arch", SN_ARCH_TEXT, "", &a->arch));
    SN_TRY(whole(o, "place", 1, INT64_MAX, &a->place));
    SN_TRY(real(o, "top1", false, 0, 1, &a->top1));
    SN_TRY(real(o, "fitted_top1", true, 0, 1, &a->fitted_top1));
    SN_TRY(whole(o, "macs", 0, INT64_MAX, &a->macs));
    SN_TRY(whole(o, "params", 0, INT64_MAX, &a->params));
    if (!json_is_array(scores) || n > (size_t)f->rungs) return sn_error(SN_DATA, "'scores' is no list of at most %d", f->rungs);
    for (; a->scores < (int)n; a->scores++) {
        sn_status s = read_score(json_array_get(scores, (size_t)a->scores), f, a->scores, &a->score[a->scores]);
        if (s != SN_OK) return sn_error_prefix(s, "score %d", a->scores + 1);
    }
    return SN_OK;
}

static sn_status read_finalists(const json_t *list, sn_finals *f) {
    size_t n = json_array_size(list);
    if (n < 1 || n > SN_MOST_FINALISTS) return sn_error(SN_DATA, "'finalists' is no list of 1 to %d", SN_MOST_FINALISTS);
    if (!(f->finalist = sn_new(n, sizeof *f->finalist))) return SN_RESOURCE;
    for (size_t i = 0; i < n; i++) {
        f->n++; // also of one that is read half, to be freed
        sn_status s = read_finalist(json_array_get(list, i), f, &f->finalist[i]);
        if (s != SN_OK) return sn_error_prefix(s, "finalist %zu", i + 1);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(f->finalist[k].arch, f->finalist[i].arch))
                return sn_error(SN_DATA, "finalists %zu and %zu are the same", k + 1, i + 1);
    }
    return SN_OK;
}

static sn_status read_rungs(const json_t *list, sn_finals *f) {
    size_t n = json_array_size(list);
    bool good = n >= 1 && n <= SN_MOST_RUNGS;
    for (size_t i = 0; good && i < n; i++) {
        json_int_t v = json_integer_value(json_array_get(list, i)); // 0 for what is none
        good = v > (i ? f->rung[i - 1] : 0) && v <= MOST_EPOCHS;
        if (good) f->rung[i] = (int)v;
    }
    f->rungs = (int)n;
    return good ? SN_OK : sn_error(SN_DATA, "'rungs' is no list of 1 to %d rising numbers of epochs", SN_MOST_RUNGS);
}

static sn_status read_result(const json_t *root, sn_finals *f) {
    const json_t *winner = json_object_get(root, "winner"), *test = json_object_get(root, "test");
    f->winner = -1;
    if (json_is_null(winner)) return SN_OK;
    for (int i = 0; i < f->n && json_is_string(winner); i++)
        if (!strcmp(f->finalist[i].arch, json_string_value(winner))) f->winner = i;
    if (f->winner < 0) return sn_error(SN_DATA, "'winner' is none of the finalists, nor null");
    f->test = (sn_log_score){NAN, NAN, NAN, 0};
    if (json_is_null(test)) return SN_OK;
    SN_TRY(whole(test, "images", 1, INT64_MAX, &f->test.images));
    SN_TRY(real(test, "top1", false, 0, 1, &f->test.top1));
    SN_TRY(real(test, "top5", false, 0, 1, &f->test.top5));
    return real(test, "loss", true, 0, HUGE_VAL, &f->test.loss);
}

static sn_status read_all(const json_t *root, sn_finals *f) {
    int schema;
    SN_TRY(small(root, "schema", SCHEMA, SCHEMA, &schema));
    SN_TRY(whole(root, "top", 1, SN_MOST_FINALISTS, &f->top));
    SN_TRY(word(root, "by", sn_best_by_words, &f->by));
    SN_TRY(word(root, "init", sn_start_words, &f->init));
    SN_TRY(limit(root, "max_macs", &f->max_macs));
    SN_TRY(limit(root, "max_params", &f->max_params));
    SN_TRY(text(root, "config", 1 << 20, "\n", &f->config));
    SN_TRY(whole(root, "supernet_step", 0, UINT32_MAX, &f->step));
    SN_TRY(whole(root, "images", 1, UINT32_MAX, &f->images));
    SN_TRY(read_rungs(json_object_get(root, "rungs"), f));
    SN_TRY(read_finalists(json_object_get(root, "finalists"), f));
    return read_result(root, f);
}

sn_status sn_finals_read(const char *path, sn_finals *out) {
    unsigned char *bytes = NULL;
    size_t size = 0;
    json_error_t at;
    sn_finals f = {0};
    SN_TRY(sn_file_read(path, MOST_BYTES, &bytes, &size));
    json_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &at);
    free(bytes);
    sn_status s = root ? SN_OK
                       : sn_error(json_error_code(&at) == json_error_out_of_memory ? SN_RESOURCE : SN_DATA, "line %d: %s",
                                  at.line, sn_utf8_printable(at.text, ""));
    if (s == SN_OK) s = read_all(root, &f);
    json_decref(root);
    if (s == SN_OK)
        *out = f;
    else
        sn_finals_free(&f);
    return s == SN_OK ? s : sn_error_prefix(s, "%s: damaged", path);
}

// ---------------------------------------------------------------- writing
static json_t *number(double v) {
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *limit_json(int64_t v) {
    return v == INT64_MAX ? json_null() : json_integer(v);
}

static json_t *hits_json(const uint64_t *hits, size_t words) {
    char *t = sn_new(words * WORD_DIGITS + 1, 1);
    for (size_t i = 0; t && i < words; i++)
        snprintf(t + i * WORD_DIGITS, WORD_DIGITS + 1, "%016llx", (unsigned long long)hits[i]);
    json_t *out = t ? json_string(t) : NULL;
    free(t);
    return out;
}

static json_t *score_json(const sn_finals *f, const sn_finals_score *s, int rung) {
    if (s->right < 0) return json_pack("{s:i,s:b}", "epochs", f->rung[rung], "diverged", 1);
    return json_pack("{s:i,s:I,s:o,s:o}", "epochs", f->rung[rung], "right", (json_int_t)s->right, "loss", number(s->loss), "hits",
                     hits_json(s->hits, sn_finals_words(f->images)));
}

static json_t *finalist_json(const sn_finals *f, const sn_finalist *a) {
    json_t *scores = json_array();
    int failed = 0;
    for (int j = 0; j < a->scores; j++) failed |= json_array_append_new(scores, score_json(f, &a->score[j], j));
    json_t *out = json_pack("{s:s,s:I,s:o,s:o,s:I,s:I,s:o}", "arch", a->arch, "place", (json_int_t)a->place, "top1",
                            number(a->top1), "fitted_top1", number(a->fitted_top1), "macs", (json_int_t)a->macs, "params",
                            (json_int_t)a->params, "scores", scores);
    if (!failed) return out;
    json_decref(out);
    return NULL;
}

static json_t *test_json(const sn_finals *f) {
    if (f->winner < 0 || !f->test.images) return json_null();
    return json_pack("{s:I,s:o,s:o,s:o}", "images", (json_int_t)f->test.images, "top1", number(f->test.top1), "top5",
                     number(f->test.top5), "loss", number(f->test.loss));
}

static json_t *all_json(const sn_finals *f) {
    json_t *rungs = json_array(), *list = json_array();
    int failed = 0;
    for (int j = 0; j < f->rungs; j++) failed |= json_array_append_new(rungs, json_integer(f->rung[j]));
    for (int i = 0; i < f->n; i++) failed |= json_array_append_new(list, finalist_json(f, &f->finalist[i]));
    json_t *winner = f->winner < 0 ? json_null() : json_string(f->finalist[f->winner].arch);
    json_t *out =
        json_pack("{s:i,s:I,s:s,s:s,s:o,s:o,s:I,s:I,s:o,s:o,s:o,s:o,s:s}", "schema", SCHEMA, "top", (json_int_t)f->top, "by",
                  sn_best_by_words[f->by], "init", sn_start_words[f->init], "max_macs", limit_json(f->max_macs), "max_params",
                  limit_json(f->max_params), "supernet_step", (json_int_t)f->step, "images", (json_int_t)f->images, "rungs",
                  rungs, "winner", winner, "test", test_json(f), "finalists", list, "config", f->config);
    if (!failed) return out;
    json_decref(out);
    return NULL;
}

sn_status sn_finals_write(const char *path, const sn_finals *f) {
    json_t *root = all_json(f);
    char *t = root ? json_dumps(root, JSON_INDENT(1)) : NULL, *line = t ? sn_format("%s\n", t) : NULL;
    sn_status s = line ? sn_text_write(path, line) : sn_error(SN_RESOURCE, "%s: out of memory for what is to be written", path);
    json_decref(root);
    free(t);
    free(line);
    return s;
}
