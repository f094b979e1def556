// Lists of architectures; see archlist.h.
#include "supernet/rank/archlist.h"
#include "base/amount.h"
#include "io/config/problems.h"
#include "io/files/atomic.h"
#include "sampler/method.h"
#include "space/notation.h"

#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- a file of them
typedef struct {
    sn_arch *arch;
    size_t capacity;
    long n;
} list;

static const char blanks[] = " \t\r\n";

// What a text in the space's own notation may not hold, so that a forgotten # is no mystery.
static sn_status check_blanks(const sn_space *s, char *p) {
    char shown[2][SN_SHOWN];
    if (sn_notation_of(s, p)->looks) return SN_OK;
    char *rest = p + strcspn(p, blanks);
    if (!*rest) return SN_OK;
    *rest++ = 0;
    return sn_error(SN_USAGE, "found '%s' behind '%s'; allowed is one architecture a line, without blanks in it",
                    sn_show(rest + strspn(rest, blanks), shown[0]), sn_show(p, shown[1]));
}

// The architecture of a text, if it is one; it is changed.
static sn_status parse_text(const sn_space *s, char *p, list *l) {
    size_t n = strlen(p);
    while (n && strchr(blanks, p[n - 1])) p[--n] = 0;
    if (!p[strspn(p, blanks)] || !strcmp(p, "---")) return SN_OK;
    if (!sn_notation_of(s, p)->document) p += strspn(p, blanks);
    SN_TRY(check_blanks(s, p));
    SN_TRY(sn_grow(&l->arch, &l->capacity, (size_t)l->n + 1, sizeof *l->arch));
    SN_TRY(sn_arch_parse(s, p, &l->arch[l->n]));
    l->n++;
    return SN_OK;
}

static sn_status parse_texts(const sn_space *s, const char *path, char *text, list *l) {
    long line = 1;
    while (*text) {
        const char *end;
        char *next = (char *)sn_notation_end(text, &end);
        long lines = 0;
        for (const char *p = text; p < next; p++) lines += *p == '\n';
        text[end - text] = 0;
        sn_status status = parse_text(s, text, l);
        if (status != SN_OK) return sn_error_prefix(status, "%s:%ld", path, line);
        line += lines;
        text = next;
    }
    return l->n ? SN_OK : sn_error(SN_USAGE, "%s: no architecture found; allowed is one a line, at least one", path);
}

sn_status sn_archs_read(const sn_space *s, const char *path, const volatile sig_atomic_t *stop, sn_arch **archs, long *n) {
    enum { MOST_BYTES = 256 << 20 };
    char *text;
    size_t size;
    list l = {0};
    SN_TRY(sn_input_read(path, MOST_BYTES, stop, &text, &size));
    sn_status status = strlen(text) == size ? parse_texts(s, path, text, &l)
                                            : sn_error(SN_USAGE, "%s: a zero byte in it; allowed is text", path);
    free(text);
    if (status != SN_OK)
        free(l.arch);
    else
        *archs = l.arch, *n = l.n;
    return status;
}

// ---------------------------------------------------------------- of a run
static bool limited(sn_cost most) {
    return most.macs != INT64_MAX || most.params != INT64_MAX;
}

// Keeps, in place, those within the limits.
static sn_status keep_within(const sn_run *r, sn_cost most, sn_arch *archs, long *n) {
    char macs[32];
    long kept = 0, all = *n;
    sn_cost least = SN_NO_LIMIT;
    for (long i = 0; i < all; i++) {
        sn_cost cost;
        SN_TRY(sn_cost_arch(r->graph, &archs[i], &cost));
        if (cost.macs < least.macs) least.macs = cost.macs;
        if (cost.params < least.params) least.params = cost.params;
        if (cost.macs <= most.macs && cost.params <= most.params) archs[kept++] = archs[i];
    }
    if (!kept)
        return sn_error(SN_USAGE, "none of %ld architecture%s is within the limits; the smallest have %s MMACs and %lld params",
                        all, all == 1 ? "" : "s", sn_millions(least.macs, macs), (long long)least.params);
    *n = kept;
    return SN_OK;
}

sn_status sn_archs_choose(const sn_run *r, const char *path, long sample, sn_cost most, const volatile sig_atomic_t *stop,
                          sn_arch **archs, long *n) {
    const sn_config *c = r->config;
    const sn_method *m = sn_method_find(SN_STRATEGY, path ? "list" : sample ? "random" : c->rank.strategy);
    if (!m) return sn_error(SN_CONFIG, "no strategy '%s'", c->rank.strategy);
    double *share = NULL;
    if (r->alphas) {
        if (!(share = sn_new((size_t)r->alphas->places, sizeof *share))) return SN_RESOURCE;
        sn_alphas_shares(r->alphas, c, share);
    }
    const sn_question q = {.space = r->space,
                           .graph = limited(most) ? r->graph : NULL,
                           .share = share,
                           .limit = most,
                           .seed = (uint32_t)c->train.seed,
                           .sample = sample ? sample : c->rank.sample,
                           .most = SN_MOST_ARCHS};
    sn_status s = m->ask ? m->ask(&q, archs, n) : sn_archs_read(r->space, path ? path : c->rank.archs, stop, archs, n);
    free(share);
    SN_TRY(s);
    s = limited(most) ? keep_within(r, most, *archs, n) : SN_OK;
    if (s != SN_OK) free(*archs), *archs = NULL;
    return s;
}

sn_status sn_arch_within(const sn_graph *g, const sn_space *s, const sn_arch *a, sn_cost most) {
    sn_cost cost;
    char shown[SN_ARCH_TEXT], macs[32];
    SN_TRY(sn_cost_arch(g, a, &cost));
    if (cost.macs <= most.macs && cost.params <= most.params) return SN_OK;
    return sn_error(SN_USAGE, "%s has %s MMACs and %lld params, which is not within the limits", sn_arch_text(s, a, shown),
                    sn_millions(cost.macs, macs), (long long)cost.params);
}

static sn_status likeliest(const sn_run *r, sn_arch *out) {
    if (!r->alphas) return sn_error(SN_USAGE, "likeliest: this run has no alphas; allowed with runs of train.mode: relax");
    return sn_alphas_decode(r->alphas, r->config, out);
}

sn_status sn_arch_named(const sn_run *r, const char *text, sn_cost most, sn_arch *out) {
    if (!text) text = r->config->space.arch[0] ? "best" : r->config->export.arch; // of one, that one is the best
    if (!strcmp(text, "likeliest"))
        SN_TRY(likeliest(r, out));
    else
        SN_TRY(strcmp(text, "best") ? sn_arch_parse(r->space, text, out) : sn_rank_best(r, most, out));
    return sn_arch_within(r->graph, r->space, out, most);
}
