// Runs that are ranked together; see rankruns.h. One is open at a time beside the first: a run holds its data and its net.
#include "rankruns.h"
#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---------------------------------------------------------------- one of them
// RUN of RUN/checkpoints/NAME; any other name is taken for that of a folder.
static char *folder_of(const char *name) {
    static const char in[] = "checkpoints";
    const char *slash = strrchr(name, '/'), *end = slash;
    struct stat st;
    if (!slash || stat(name, &st) || !S_ISREG(st.st_mode)) return sn_strdup(name);
    while (end > name && end[-1] == '/') end--;
    size_t n = (size_t)(end - name), in_n = sizeof in - 1;
    if (n < in_n || strncmp(end - in_n, in, in_n)) return sn_strdup(name);
    if (n == in_n) return sn_strdup(".");
    return end[-1 - (long)in_n] == '/' ? sn_format("%.*s", (int)(n - in_n - 1), name) : sn_strdup(name);
}

static bool same_folder(const char *a, const char *b) {
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

// What is stored in a folder that cannot be written is ranked all the same.
static bool is_read_only(const char *folder) {
    return access(folder, W_OK) && (errno == EROFS || errno == EACCES);
}

// *lock stays NULL there, and where the first's holds this folder too.
static sn_status open_one(const rank_runs *x, const rank_member *m, sn_folder **lock, sn_run **out) {
    sn_run *r = NULL;
    if (cli_get(x->c, "epoch") && strcmp(m->name, m->folder))
        return sn_error(SN_USAGE, "--epoch is found beside %s, a checkpoint, which is of one epoch; allowed are run folders",
                        m->name);
    if (!is_read_only(m->folder) && (m == x->member || !same_folder(m->folder, x->member->folder)))
        SN_TRY(cli_lock_run(x->c, m->folder, lock));
    sn_status s = cli_open_run(x->c, m->folder, &r);
    if (s == SN_OK && strcmp(m->name, m->folder)) s = sn_run_load(r, m->name);
    if (s != SN_OK) {
        sn_run_free(r);
        sn_folder_close(*lock);
        *lock = NULL;
    } else {
        *out = r;
    }
    return s;
}

// ---------------------------------------------------------------- all of them
static sn_status check_other(rank_runs *x, rank_member *m, const sn_run *r) {
    SN_TRY(sn_runs_alike(x->run, x->member->name, r, m->name));
    for (const rank_member *o = x->member; o < m; o++)
        if (o->weights == m->weights)
            return sn_error(SN_USAGE, "%s and %s have the same weights, those of step %lld; each may count once", o->name,
                            m->name, (long long)m->step);
    return SN_OK;
}

static sn_status look_at(rank_member *m, const sn_run *r) {
    m->step = r->step;
    return sn_supernet_weights_hash(r->net, &m->weights);
}

static sn_status open_other(rank_runs *x, rank_member *m) {
    sn_folder *lock = NULL;
    sn_run *r = NULL;
    SN_TRY(open_one(x, m, &lock, &r));
    sn_status s = look_at(m, r);
    if (s == SN_OK) s = check_other(x, m, r);
    sn_run_free(r);
    sn_folder_close(lock);
    return s;
}

static sn_status open_all(rank_runs *x, int by) {
    for (int i = 0; i < x->n; i++) {
        x->member[i].name = x->c->operand[i];
        if (!(x->member[i].folder = folder_of(x->member[i].name))) return SN_RESOURCE;
    }
    SN_TRY(open_one(x, x->member, &x->lock, &x->run));
    if (by >= 0) x->run->config->rank.by = by;
    SN_TRY(look_at(x->member, x->run));
    for (int i = 1; i < x->n; i++) SN_TRY(open_other(x, &x->member[i]));
    return SN_OK;
}

sn_status rank_runs_open(const cli *c, int by, rank_runs *out) {
    *out = (rank_runs){.c = c, .n = c->operands, .member = sn_new((size_t)c->operands, sizeof *out->member)};
    sn_status s = out->member ? open_all(out, by) : SN_RESOURCE;
    if (s != SN_OK) rank_runs_close(out);
    return s;
}

void rank_runs_close(rank_runs *x) {
    for (int i = 0; x->member && i < x->n; i++) free(x->member[i].folder);
    free(x->member);
    sn_folder_close(x->lock);
    sn_run_free(x->run);
    *x = (rank_runs){0};
}

// ---------------------------------------------------------------- scoring
typedef struct {
    const cli *c;
    double start, first; // seconds, and archs done then
    bool told;           // that a sample would do, or need not be
} watcher;

// Once, where all of a large space would take long.
static void propose_sample(watcher *w, double done, long all) {
    enum { PATIENCE = 3600, SAMPLE = 1000 };
    char all_time[32], some_time[32];
    double spent = sn_now() - w->start, each = done > w->first ? spent / (done - w->first) : 0;
    if (w->told || spent < 5 || each * (double)all < PATIENCE) return;
    w->told = true;
    cli_say(
        w->c,
        "all %ld architectures take about %s; --sample %d of them about %s, and effects speak of the rest. Scores are kept when "
        "this is stopped",
        all, cli_duration(each * (double)all, all_time), SAMPLE, cli_duration(each * SAMPLE, some_time));
}

static void progress(void *arg, double done, long all) {
    watcher *w = arg;
    if (!(w->start > 0)) w->start = sn_now(), w->first = done;
    char left[32] = "";
    if (done > w->first) cli_duration((sn_now() - w->start) / (done - w->first) * ((double)all - done), left);
    propose_sample(w, done, all);
    cli_progress(w->c, done / (double)all, "%s%s%ld of %ld architecture%s", left, *left ? " left, " : "", (long)done, all,
                 cli_plural(all));
}

static void layout(void *arg, const sn_score_layout *l) {
    const watcher *w = arg;
    cli_say_layout(w->c, l);
}

static sn_status score_one(const rank_runs *x, sn_run *r, const sn_arch *archs, long n, sn_ranking *out) {
    watcher w = {.c = x->c, .told = cli_get(x->c, "sample") || cli_get(x->c, "archs")};
    sn_rank_watch watch = {&cli_stop, &w, progress, layout};
    return sn_rank(r, archs, n, &watch, out);
}

static sn_status score_other(rank_runs *x, const rank_member *m, const sn_arch *archs, long n, sn_ranking *out) {
    sn_folder *lock = NULL;
    sn_run *r = NULL;
    uint64_t weights;
    SN_TRY(open_one(x, m, &lock, &r));
    sn_status s = sn_supernet_weights_hash(r->net, &weights);
    if (s == SN_OK && weights != m->weights)
        s = sn_error(SN_FAIL, "%s was trained on meanwhile, from step %lld to %lld; the same command begins again", m->name,
                     (long long)m->step, (long long)r->step);
    if (s == SN_OK) s = score_one(x, r, archs, n, out);
    sn_run_free(r);
    sn_folder_close(lock);
    return s;
}

sn_status rank_runs_score(rank_runs *x, const sn_arch *archs, long n, sn_ranking *out) {
    if (x->n == 1) return score_one(x, x->run, archs, n, out);
    sn_ranking *part = sn_new((size_t)x->n, sizeof *part);
    sn_status s = part ? SN_OK : SN_RESOURCE;
    for (int i = 0; s == SN_OK && i < x->n; i++) {
        cli_say(x->c, "run %d of %d: %s, step %lld", i + 1, x->n, x->member[i].name, (long long)x->member[i].step);
        s = i ? score_other(x, &x->member[i], archs, n, &part[i]) : score_one(x, x->run, archs, n, &part[i]);
    }
    if (s == SN_OK)
        s = sn_ranking_join(x->run->space, x->run->config->rank.by, part, x->n, out, &x->left_out);
    else if (part)
        for (int i = 0; i < x->n; i++) sn_ranking_free(&part[i]);
    free(part);
    return s;
}
