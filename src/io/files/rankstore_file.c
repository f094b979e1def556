// The ranking store as an HDF5 file: "/" has kind, version and settings (their number); "/setting0", "/setting1" ... each have
// weights, protocol, split and images as attributes and these datasets:
//   arch u8 (bytes)         the archs, each ended by a line feed
//   loss f64, top1 top5 macs params logits u64 (rows)
//   hits u64 (rows, words)  image i is bit i % 64 of word i / 64
//   losses f16 (rows, images), NaN where not known; stores of before have none
// Not here: rows in memory (rankstore.c), checksum and atomic replacement (h5file.h).
// Next: h5file.h.
#include "io/files/h5file.h"
#include "io/files/rankstore_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char kind[] = "ranking";
enum { VERSION = 1, MOST_SETTINGS = 1 << 20 };
static const size_t most_bytes = (size_t)16 << 30;

static const char *const count_name[SN_RANK_COUNTS] = {
#define X(id, name) [id] = name,
    SN_RANK_COUNT_TABLE(X)
#undef X
};

// "/settingK" or "/settingK/name".
typedef struct {
    char text[64];
} place;

static place place_of(size_t setting, const char *name) {
    place p;
    snprintf(p.text, sizeof p.text, "/setting%zu%s%s", setting, *name ? "/" : "", name);
    return p;
}

// --- saving

static sn_status put_archs(sn_h5w *w, size_t number, const sn_rank_group *g) {
    char *lines = sn_new(g->text_bytes, 1);
    if (!lines) return SN_RESOURCE;
    for (size_t i = 0; i < g->text_bytes; i++) lines[i] = g->text[i] ? g->text[i] : '\n';
    sn_status status = sn_h5_put(w, place_of(number, "arch").text, SN_U8, 1, &g->text_bytes, lines);
    free(lines);
    return status;
}

static sn_status put_group(sn_h5w *w, size_t number, const sn_rank_group *g) {
    const place here = place_of(number, "");
    size_t dims[2] = {g->rows, g->words}, by_image[2] = {g->rows, (size_t)g->images};
    SN_TRY(put_archs(w, number, g));
    SN_TRY(sn_h5_put(w, place_of(number, "loss").text, SN_F64, 1, dims, g->loss));
    for (int k = 0; k < SN_RANK_COUNTS; k++)
        SN_TRY(sn_h5_put(w, place_of(number, count_name[k]).text, SN_U64, 1, dims, g->count[k]));
    SN_TRY(sn_h5_put(w, place_of(number, "hits").text, SN_U64, 2, dims, g->hits));
    SN_TRY(sn_h5_put(w, place_of(number, "losses").text, SN_F16, 2, by_image, g->losses));
    SN_TRY(sn_h5_attr_text(w, here.text, "weights", g->weights));
    SN_TRY(sn_h5_attr_text(w, here.text, "protocol", g->protocol));
    SN_TRY(sn_h5_attr_text(w, here.text, "split", g->split));
    return sn_h5_attr_int(w, here.text, "images", (int64_t)g->images);
}

static sn_status put_store(sn_h5w *w, const sn_rankstore *s) {
    size_t number = 0;
    for (size_t k = 0; k < s->groups; k++)
        if (s->group[k].rows) SN_TRY(put_group(w, number++, &s->group[k]));
    SN_TRY(sn_h5_attr_text(w, "/", "kind", kind));
    SN_TRY(sn_h5_attr_int(w, "/", "version", VERSION));
    return sn_h5_attr_int(w, "/", "settings", (int64_t)number);
}

static size_t bytes_of(const sn_rankstore *s) {
    size_t sum = 4096;
    for (size_t k = 0; k < s->groups; k++) {
        const sn_rank_group *g = &s->group[k];
        sum += 16384 + g->text_bytes + g->rows * (8 * (1 + SN_RANK_COUNTS + g->words) + 2 * (size_t)g->images);
    }
    return sum;
}

sn_status sn_rankstore_save(sn_rankstore *s) {
    if (!s->unsaved) return SN_OK;
    sn_h5w *w = NULL;
    SN_TRY(sn_h5_create(bytes_of(s), &w));
    sn_status status = put_store(w, s);
    if (status == SN_OK) status = sn_h5_save(w, s->path);
    if (status == SN_OK) s->unsaved = 0;
    sn_h5w_free(w);
    return status;
}

// --- loading

// The columns of one setting as they stand in the file.
typedef struct {
    size_t rows, words, bytes;
    char *lines; // (bytes)
    double *loss;
    uint64_t *count[SN_RANK_COUNTS];
    uint64_t *hits;
    size_t images;    // of losses
    uint16_t *losses; // (rows, images), or NULL
} columns;

static void columns_free(columns *c) {
    free(c->lines);
    free(c->loss);
    for (int k = 0; k < SN_RANK_COUNTS; k++) free(c->count[k]);
    free(c->hits);
    free(c->losses);
}

// Room is what the file's own shapes say, which lie within the file; all other columns must agree with hits.
static sn_status read_losses(const sn_h5r *r, size_t number, columns *c) {
    size_t dims[2];
    const place here = place_of(number, "losses");
    if (!sn_h5_has(r, here.text)) return SN_OK;
    SN_TRY(sn_h5_shape(r, here.text, SN_F16, 2, dims));
    c->images = dims[1];
    dims[0] = c->rows;
    c->losses = sn_new(c->rows, c->images * sizeof *c->losses);
    return c->losses ? sn_h5_read(r, here.text, SN_F16, 2, dims, c->losses) : SN_RESOURCE;
}

static sn_status read_columns(const sn_h5r *r, size_t number, columns *c) {
    size_t dims[2];
    SN_TRY(sn_h5_shape(r, place_of(number, "arch").text, SN_U8, 1, &c->bytes));
    SN_TRY(sn_h5_shape(r, place_of(number, "hits").text, SN_U64, 2, dims));
    c->rows = dims[0];
    c->words = dims[1];
    c->lines = sn_new(c->bytes + 1, 1);
    c->loss = sn_new(c->rows, sizeof *c->loss);
    c->hits = sn_new(c->rows, c->words * sizeof *c->hits);
    if (!c->lines || !c->loss || !c->hits) return SN_RESOURCE;
    SN_TRY(sn_h5_read(r, place_of(number, "arch").text, SN_U8, 1, &c->bytes, c->lines));
    SN_TRY(sn_h5_read(r, place_of(number, "loss").text, SN_F64, 1, dims, c->loss));
    for (int k = 0; k < SN_RANK_COUNTS; k++) {
        c->count[k] = sn_new(c->rows, sizeof *c->count[k]);
        if (!c->count[k]) return SN_RESOURCE;
        SN_TRY(sn_h5_read(r, place_of(number, count_name[k]).text, SN_U64, 1, dims, c->count[k]));
    }
    SN_TRY(sn_h5_read(r, place_of(number, "hits").text, SN_U64, 2, dims, c->hits));
    return read_losses(r, number, c);
}

static sn_status add_rows(sn_rankstore *s, size_t setting, columns *c) {
    if (c->words != s->group[setting].words)
        return sn_error(SN_DATA, "%zu words of hits for %" PRIu64 " images", c->words, s->group[setting].images);
    if (c->losses && c->images != s->group[setting].images)
        return sn_error(SN_DATA, "losses of %zu of %" PRIu64 " images", c->images, s->group[setting].images);
    char *arch = c->lines;
    for (size_t i = 0; i < c->rows; i++) {
        char *end = memchr(arch, '\n', c->bytes - (size_t)(arch - c->lines));
        if (!end) return sn_error(SN_DATA, "%zu archs for %zu rows", i, c->rows);
        *end = 0;
        if (strlen(arch) != (size_t)(end - arch)) return sn_error(SN_DATA, "the arch of row %zu holds a zero byte", i);
        sn_rank_row row = {.arch = arch,
                           .loss = c->loss[i],
                           .top1 = c->count[SN_RANK_TOP1][i],
                           .top5 = c->count[SN_RANK_TOP5][i],
                           .macs = c->count[SN_RANK_MACS][i],
                           .params = c->count[SN_RANK_PARAMS][i],
                           .logits = c->count[SN_RANK_LOGITS][i],
                           .hits = c->hits + i * c->words,
                           .losses = c->losses ? c->losses + i * c->images : NULL};
        SN_TRY(sn_rankstore_add(s, setting, &row));
        arch = end + 1;
    }
    if (arch != c->lines + c->bytes) return sn_error(SN_DATA, "more archs than the %zu rows", c->rows);
    return SN_OK;
}

static sn_status read_setting(const sn_h5r *r, size_t number, sn_rankstore *s) {
    char *weights = NULL, *protocol = NULL, *split = NULL;
    const place here = place_of(number, "");
    int64_t images = 0;
    size_t setting = 0;
    sn_status status = sn_h5_attr_text_read(r, here.text, "weights", SN_RANK_LONGEST_TEXT, &weights);
    if (status == SN_OK) status = sn_h5_attr_text_read(r, here.text, "protocol", SN_RANK_LONGEST_TEXT, &protocol);
    if (status == SN_OK) status = sn_h5_attr_text_read(r, here.text, "split", SN_RANK_LONGEST_TEXT, &split);
    if (status == SN_OK) status = sn_h5_attr_int_read(r, here.text, "images", &images);
    if (status == SN_OK) {
        sn_rank_setting k = {weights, protocol, split, images < 0 ? 0 : (uint64_t)images};
        status = sn_rankstore_setting(s, &k, &setting);
    }
    if (status == SN_OK && setting != number) status = sn_error(SN_DATA, "the same setting as number %zu", setting);
    columns c = {0};
    if (status == SN_OK) status = read_columns(r, number, &c);
    if (status == SN_OK) status = add_rows(s, setting, &c);
    columns_free(&c);
    free(weights);
    free(protocol);
    free(split);
    return status;
}

static sn_status check_header(const sn_h5r *r, size_t *settings) {
    char *found = NULL;
    int64_t version, n;
    SN_TRY(sn_h5_attr_text_read(r, "/", "kind", SN_RANK_LONGEST_TEXT, &found));
    int same = !strcmp(found, kind);
    sn_status status = same ? SN_OK : sn_error(SN_DATA, "a '%.40s', not a '%s'", found, kind);
    free(found);
    if (status != SN_OK) return status;
    SN_TRY(sn_h5_attr_int_read(r, "/", "version", &version));
    if (version != VERSION)
        return sn_error(SN_DATA, "version %" PRId64 " of the format: this program reads version %d", version, VERSION);
    SN_TRY(sn_h5_attr_int_read(r, "/", "settings", &n));
    if (n < 0 || n > MOST_SETTINGS) return sn_error(SN_DATA, "%" PRId64 " settings: 0 to %d are allowed", n, MOST_SETTINGS);
    *settings = (size_t)n;
    return SN_OK;
}

// SN_USAGE (a row that contradicts itself) means a damaged file here.
static sn_status blame(sn_status status, const char *path, size_t setting) {
    return sn_error_prefix(status == SN_RESOURCE ? SN_RESOURCE : SN_DATA, "ranking %s, setting %zu", path, setting);
}

static sn_status load(sn_rankstore *s) {
    sn_h5r *r = NULL;
    size_t settings = 0;
    SN_TRY(sn_h5_open(s->path, most_bytes, &r));
    sn_status status = check_header(r, &settings);
    if (status != SN_OK) status = sn_error_prefix(status, "ranking %s", s->path);
    for (size_t k = 0; k < settings && status == SN_OK; k++) {
        status = read_setting(r, k, s);
        if (status != SN_OK) status = blame(status, s->path, k);
    }
    s->unsaved = 0;
    sn_h5r_free(r);
    return status;
}

sn_status sn_rankstore_open(const char *path, sn_rankstore **out) {
    sn_rankstore *s = sn_new(1, sizeof *s);
    if (!s) return SN_RESOURCE;
    s->path = sn_strdup(path);
    sn_status status = s->path ? SN_OK : SN_RESOURCE;
    int missing = access(path, F_OK) != 0 && errno == ENOENT;
    if (status == SN_OK && !missing) status = load(s);
    if (status == SN_OK)
        *out = s;
    else
        sn_rankstore_close(s);
    return status;
}
