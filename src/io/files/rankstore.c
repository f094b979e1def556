// The ranking store in memory: settings, each with its rows by columns and a hash table of its archs; see rankstore.h.
// Not here: the file (rankstore_file.c).
// Next: rankstore_file.c.
#include "io/files/rankstore_memory.h"

#include "base/half.h"
#include "io/files/csv.h"
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void group_free(sn_rank_group *g) {
    free(g->weights);
    free(g->protocol);
    free(g->split);
    free(g->text);
    free(g->at);
    free(g->loss);
    for (int k = 0; k < SN_RANK_COUNTS; k++) free(g->count[k]);
    free(g->hits);
    free(g->losses);
    free(g->names.slot);
}

void sn_rankstore_close(sn_rankstore *s) {
    if (!s) return;
    for (size_t i = 0; i < s->groups; i++) group_free(&s->group[i]);
    free(s->group);
    free(s->path);
    free(s);
}

// --- settings

static sn_status check_text(const char *what, const char *text) {
    size_t n = strlen(text);
    if (!n || n > SN_RANK_LONGEST_TEXT)
        return sn_error(SN_USAGE, "%s of a score has %zu characters: 1 to %d are allowed", what, n, SN_RANK_LONGEST_TEXT);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 32 || *p == 127)
            return sn_error(SN_USAGE, "%s of a score holds the control character 0x%02x", what, (unsigned)*p);
    return SN_OK;
}

sn_status sn_rankstore_setting(sn_rankstore *s, const sn_rank_setting *k, size_t *number) {
    for (size_t i = 0; i < s->groups; i++) {
        const sn_rank_group *g = &s->group[i];
        if (g->images == k->images && !strcmp(g->weights, k->weights) && !strcmp(g->protocol, k->protocol) &&
            !strcmp(g->split, k->split)) {
            *number = i;
            return SN_OK;
        }
    }
    SN_TRY(check_text("the weights' hash", k->weights));
    SN_TRY(check_text("the protocol", k->protocol));
    SN_TRY(check_text("the split", k->split));
    if (k->images < 1 || k->images > UINT32_MAX)
        return sn_error(SN_USAGE, "scores on %" PRIu64 " images: 1 to %" PRIu32 " are allowed", k->images, UINT32_MAX);
    SN_TRY(sn_grow(&s->group, &s->room, s->groups + 1, sizeof *s->group));
    sn_rank_group g = {.weights = sn_strdup(k->weights),
                       .protocol = sn_strdup(k->protocol),
                       .split = sn_strdup(k->split),
                       .images = k->images,
                       .words = (size_t)((k->images + 63) / 64)};
    if (!g.weights || !g.protocol || !g.split) {
        group_free(&g);
        return SN_RESOURCE;
    }
    s->group[s->groups] = g;
    *number = s->groups++;
    return SN_OK;
}

size_t sn_rankstore_settings(const sn_rankstore *s) {
    return s->groups;
}

sn_rank_setting sn_rankstore_get_setting(const sn_rankstore *s, size_t setting) {
    const sn_rank_group *g = &s->group[setting];
    return (sn_rank_setting){g->weights, g->protocol, g->split, g->images};
}

// --- finding an arch

static const char *name_of(const void *group, size_t i) {
    const sn_rank_group *g = group;
    return g->text + g->at[i];
}

ptrdiff_t sn_rankstore_find(const sn_rankstore *s, size_t setting, const char *arch) {
    const sn_rank_group *g = &s->group[setting];
    return sn_names_find(&g->names, arch, name_of, g);
}

// --- rows

// Room for one more row in every column. A column that grew while another could not is only larger than it says.
static sn_status grow_columns(sn_rank_group *g, size_t text) {
    SN_TRY(sn_grow(&g->text, &g->text_room, g->text_bytes + text, 1));
    size_t rows = g->rows + 1, room[4 + SN_RANK_COUNTS];
    if (rows <= g->room) return SN_OK;
    for (size_t k = 0; k < sizeof room / sizeof *room; k++) room[k] = g->room;
    SN_TRY(sn_grow(&g->at, &room[0], rows, sizeof *g->at));
    SN_TRY(sn_grow(&g->loss, &room[1], rows, sizeof *g->loss));
    SN_TRY(sn_grow(&g->hits, &room[2], rows, g->words * sizeof *g->hits));
    SN_TRY(sn_grow(&g->losses, &room[3], rows, (size_t)g->images * sizeof *g->losses));
    for (size_t k = 0; k < SN_RANK_COUNTS; k++) SN_TRY(sn_grow(&g->count[k], &room[4 + k], rows, sizeof *g->count[k]));
    g->room = room[0];
    return SN_OK;
}

// Losses of images round to 11 bits, so does their mean.
static sn_status check_losses(const sn_rank_group *g, const sn_rank_row *r) {
    double sum = 0;
    uint64_t unknown = 0;
    for (uint64_t i = 0; i < g->images; i++) {
        float x = sn_half_value(r->losses[i]);
        unknown += isnan(x) ? 1 : 0;
        sum += (double)x;
    }
    double mean = sum / (double)g->images;
    bool apart = isfinite(mean) ? !(fabs(mean - r->loss) <= 0x1p-11 * fabs(r->loss) + 1e-6) : isnan(mean) && isfinite(r->loss);
    if (unknown == g->images || !apart) return SN_OK;
    return sn_error(SN_USAGE, "arch %s: mean loss %g, but its images have %g", r->arch, r->loss, mean);
}

static sn_status check_row(const sn_rank_group *g, const sn_rank_row *r) {
    SN_TRY(check_text("the arch", r->arch));
    uint64_t set = 0, beyond = g->images % 64 ? r->hits[g->words - 1] >> (g->images % 64) : 0;
    for (size_t w = 0; w < g->words; w++) set += (uint64_t)__builtin_popcountll(r->hits[w]);
    if (r->macs > INT64_MAX || r->params > INT64_MAX)
        return sn_error(SN_USAGE, "arch %s: %" PRIu64 " macs, %" PRIu64 " params; at most 2^63 - 1 are allowed", r->arch, r->macs,
                        r->params);
    if (r->top5 > g->images || r->top1 > r->top5 || set != r->top1 || beyond)
        return sn_error(SN_USAGE,
                        "arch %s: %" PRIu64 " right, %" PRIu64 " among five, %" PRIu64 " hits marked%s, on %" PRIu64 " images",
                        r->arch, r->top1, r->top5, set, beyond ? ", some beyond the last image" : "", g->images);
    return r->losses ? check_losses(g, r) : SN_OK;
}

sn_status sn_rankstore_add(sn_rankstore *s, size_t setting, const sn_rank_row *r) {
    sn_rank_group *g = &s->group[setting];
    SN_TRY(check_row(g, r));
    if (sn_rankstore_find(s, setting, r->arch) >= 0) return sn_error(SN_USAGE, "arch %s has a score already", r->arch);
    if (g->rows == UINT32_MAX) return sn_error(SN_USAGE, "more than %zu scores of one setting", g->rows);
    size_t text = strlen(r->arch) + 1;
    SN_TRY(grow_columns(g, text));
    SN_TRY(sn_names_room(&g->names, name_of, g));
    size_t i = g->rows;
    g->at[i] = g->text_bytes;
    memcpy(g->text + g->text_bytes, r->arch, text);
    g->text_bytes += text;
    g->loss[i] = r->loss;
    g->count[SN_RANK_TOP1][i] = r->top1;
    g->count[SN_RANK_TOP5][i] = r->top5;
    g->count[SN_RANK_MACS][i] = r->macs;
    g->count[SN_RANK_PARAMS][i] = r->params;
    g->count[SN_RANK_LOGITS][i] = r->logits;
    memcpy(g->hits + i * g->words, r->hits, g->words * sizeof *g->hits);
    uint16_t *losses = g->losses + i * g->images;
    if (r->losses) memcpy(losses, r->losses, g->images * sizeof *losses);
    for (uint64_t k = 0; !r->losses && k < g->images; k++) losses[k] = SN_HALF_NAN;
    sn_names_add(&g->names, r->arch);
    g->rows++;
    s->unsaved = 1;
    return SN_OK;
}

size_t sn_rankstore_count(const sn_rankstore *s, size_t setting) {
    return s->group[setting].rows;
}

sn_rank_row sn_rankstore_row(const sn_rankstore *s, size_t setting, size_t i) {
    const sn_rank_group *g = &s->group[setting];
    return (sn_rank_row){.arch = g->text + g->at[i],
                         .loss = g->loss[i],
                         .top1 = g->count[SN_RANK_TOP1][i],
                         .top5 = g->count[SN_RANK_TOP5][i],
                         .macs = g->count[SN_RANK_MACS][i],
                         .params = g->count[SN_RANK_PARAMS][i],
                         .logits = g->count[SN_RANK_LOGITS][i],
                         .hits = g->hits + i * g->words,
                         .losses = g->losses + i * g->images};
}

// --- CSV

static void put_known(FILE *out, const double *x, size_t i) {
    fputc(',', out);
    if (x && !isnan(x[i])) fprintf(out, "%.10g", x[i]);
}

static sn_status put_arch(sn_rank_words words, const char *arch, FILE *out) {
    sn_arch a;
    if (words.notation) SN_TRY(sn_arch_parse(words.space, arch, &a));
    char *text = words.notation ? sn_notation_text(words.notation, words.space, &a) : NULL;
    if (words.notation && !text) return sn_error_code();
    sn_csv_text(out, text ? text : arch);
    free(text);
    return SN_OK;
}

static sn_status put_row(const sn_rankstore *s, size_t group, size_t row, const sn_rank_fits *fits, sn_rank_words words,
                         FILE *out) {
    const sn_rank_group *g = &s->group[group];
    double images = (double)g->images;
    sn_rank_row r = sn_rankstore_row(s, group, row);
    SN_TRY(put_arch(words, r.arch, out));
    fprintf(out, ",%.10g,%.10g,%.10g,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", (double)r.top1 / images, (double)r.top5 / images,
            r.loss, r.macs, r.params, g->images);
    sn_csv_text(out, g->split);
    fputc(',', out);
    sn_csv_text(out, g->protocol);
    fputc(',', out);
    sn_csv_text(out, g->weights);
    put_known(out, fits ? fits->fitted_top1 : NULL, row);
    put_known(out, fits ? fits->fitted_loss : NULL, row);
    fputc('\n', out);
    return SN_OK;
}

sn_status sn_rankstore_csv(const sn_rankstore *s, const sn_rank_fits *fits, sn_rank_words words, FILE *out) {
    size_t ranked = fits ? fits->ranked : 0;
    bool *put = sn_new(fits ? s->group[fits->setting].rows : 1, sizeof *put);
    if (!put) return SN_RESOURCE;
    fputs("place,arch,top1,top5,loss,macs,params,images,split,protocol,weights,fitted_top1,fitted_loss\n", out);
    sn_status status = SN_OK;
    for (size_t i = 0; status == SN_OK && i < ranked; i++) {
        fprintf(out, "%zu,", i + 1);
        status = put_row(s, fits->setting, fits->order[i], fits, words, out);
        put[fits->order[i]] = true;
    }
    for (size_t k = 0; k < s->groups; k++) {
        bool fitted = fits && fits->setting == k;
        for (size_t i = 0; status == SN_OK && i < s->group[k].rows; i++) {
            if (fitted && put[i]) continue;
            fputc(',', out);
            status = put_row(s, k, i, fitted ? fits : NULL, words, out);
        }
    }
    free(put);
    SN_TRY(status);
    return ferror(out) ? sn_error(SN_RESOURCE, "the CSV of %s could not be written", s->path) : SN_OK;
}
