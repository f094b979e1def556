// supernet finals RUN: trains the best of a ranking alone, for longer and longer, of which the better half goes on, until one is
// left, in RUN/finals/NAME. Who takes part and who goes on: supernet/rank/finals.h. What is printed: finals_print.c.
#include "base/clock.h"
#include "finals_print.h"
#include "io/files/atomic.h"
#include "training.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOP = 8 };
static const cli_option options[] = {{"top", 0, "K", "the K best of the ranking take part (default 8)"},
                                     {"by", 0, "WHAT", "what is best: accuracy, loss or effects (default: rank.by)"},
                                     CLI_LIMITS,
                                     {"init", 0, "NAME", "first weights: scratch or inherited (default: retrain.init)"},
                                     {"name", 0, "NAME", "folder below RUN/finals (default: top and K)"},
                                     {0}};

static const cli_choice choices[] = {{"by", sn_best_by_words}, {"init", sn_start_words}, {0}};

typedef struct {
    const cli *c;
    sn_finals f;
    sn_config *supernet; // its config
    char *folder, *path; // RUN/finals/NAME and its finals.json
    char *inherit;       // the supernet's checkpoint, or NULL
    double start;        // when this process began,
    int64_t epochs;      // with so many trained before
} finals;

static void finals_free(finals *x) {
    sn_finals_free(&x->f);
    sn_config_free(x->supernet);
    free(x->folder);
    free(x->path);
    free(x->inherit);
}

// ---------------------------------------------------------------- what is asked for
static sn_status read_wishes(const cli *c, const sn_run *r, sn_finals *f) {
    *f = (sn_finals){.by = r->config->rank.by};
    SN_TRY(cli_number(c, "top", 1, SN_MOST_FINALISTS, TOP, &f->top));
    SN_TRY(cli_word(c, "by", &f->by));
    sn_cost most;
    SN_TRY(cli_limits(c, &most));
    f->max_macs = most.macs;
    f->max_params = most.params;
    return retraining_init(c, r->config, &f->init);
}

// Validation images judge: there must be some, and nobody may learn them.
static sn_status check_judges(const sn_run *r) {
    if (r->config->retrain.use_validation)
        return sn_error(SN_CONFIG,
                        "retrain.use_validation is true: the finalists would be trained on the validation images, "
                        "which judge them; --set retrain.use_validation=false, and `retrain` the winner on all images");
    if (!sn_dataset_count(r->data, SN_VALIDATION))
        return sn_error(SN_USAGE,
                        "%s was made without validation images, which judge the finalists; train one with "
                        "data.validation above 0",
                        r->folder);
    return SN_OK;
}

static sn_status name_folder(finals *x, const char *run) {
    const char *name;
    char top[32];
    SN_TRY(retraining_name(x->c, &name));
    snprintf(top, sizeof top, "top%lld", (long long)x->f.top);
    x->folder = sn_format("%s/finals/%s", run, name ? name : top);
    x->path = x->folder ? sn_folder_file(x->folder, "finals.json") : NULL;
    if (!x->path) return SN_RESOURCE;
    if (!sn_folders_make(x->folder)) return sn_file_failed(x->folder, "make this folder", SN_FAIL);
    return sn_atomic_clean(x->folder);
}

static sn_status read_before(const finals *x, sn_finals *before) {
    SN_TRY(sn_finals_read(x->path, before));
    sn_status s = sn_finals_check(before);
    if (s != SN_OK) sn_finals_free(before);
    return s == SN_OK ? s : sn_error_prefix(s, "%s: damaged", x->path);
}

// What an earlier command measured counts, if it was the same.
static sn_status take_up(finals *x) {
    sn_finals before;
    struct stat st;
    if (lstat(x->path, &st) && errno == ENOENT) return SN_OK;
    sn_status s = read_before(x, &before);
    if (s == SN_DATA)
        sn_error(s, "%s; move %s away, or give other finals a name of their own with --name", sn_error_text(), x->folder);
    SN_TRY(s);
    s = sn_finals_same(&before, &x->f);
    if (s != SN_OK) {
        sn_finals_free(&before);
        return sn_error(s, "%s holds other finals: %s; go on as before, or give these a name of their own with --name", x->path,
                        sn_error_text());
    }
    sn_finals_free(&x->f);
    x->f = before;
    return SN_OK;
}

static void say_who(const finals *x, long equal) {
    const sn_finals *f = &x->f;
    char text[32], rungs[SN_MOST_RUNGS * 12] = "";
    int64_t all, done = sn_finals_epochs(f, &all);
    if (f->n < f->top)
        cli_say(x->c, "%d architecture%s to take, not %lld", f->n, f->n == 1 ? " is there" : "s are there", (long long)f->top);
    if (equal) cli_say(x->c, "left out: %ld that would be the same net, trained alone, as one before", equal);
    for (int j = 0; j < f->rungs; j++)
        snprintf(rungs + strlen(rungs), sizeof rungs - strlen(rungs), "%s%d", j ? ", " : "", f->rung[j]);
    cli_say(x->c, "finals of %d in %s: scores after %s epoch%s; %s of training in all, %lld of them done", f->n, x->folder, rungs,
            cli_plural(f->rung[f->rungs - 1]), finals_epochs(all, text), (long long)done);
}

// From the supernet's run, of which only the config is needed from here on.
static sn_status plan(finals *x, sn_run *r) {
    long equal = 0;
    SN_TRY(read_wishes(x->c, r, &x->f));
    SN_TRY(check_judges(r));
    int by = r->config->rank.by; // which the finalists' configs keep, as those of `retrain` do
    r->config->rank.by = x->f.by;
    sn_status s = sn_finals_choose(r, &x->f, &equal);
    r->config->rank.by = by;
    SN_TRY(s);
    SN_TRY(name_folder(x, r->folder));
    SN_TRY(take_up(x));
    if (x->f.init == SN_START_INHERITED && !(x->inherit = sn_folder_checkpoint(r->folder, r->step))) return SN_RESOURCE;
    x->supernet = r->config;
    r->config = NULL;
    if (x->f.winner < 0) say_who(x, equal);
    return SN_OK;
}

// ---------------------------------------------------------------- training and scoring
typedef struct {
    const sn_finals *f;
    sn_finals_score *out;
} scoring;

static sn_status keep(void *arg, const sn_score *s) {
    scoring *k = arg;
    size_t words = sn_finals_words(k->f->images);
    if (s->images != k->f->images)
        return sn_error(SN_DATA, "scored on %ld validation images, not %lld", s->images, (long long)k->f->images);
    if (!(k->out->hits = sn_new(words, sizeof(uint64_t)))) return SN_RESOURCE;
    memcpy(k->out->hits, s->hits, words * sizeof(uint64_t));
    k->out->right = s->top1;
    k->out->loss = isfinite(s->loss) ? s->loss : NAN;
    return SN_OK;
}

// A finalist's training up to so many epochs; *out is its run.
static sn_status train_one(const finals *x, const sn_finalist *a, const char *name, int epochs, sn_run **out) {
    sn_config *config;
    char *folder;
    SN_TRY(retraining_of(x->supernet, a->arch, x->f.init, x->folder, NULL, &config, &folder));
    sn_status s = train_in_folder(x->c, config, folder, &(training){.inherit = x->inherit, .epochs = epochs, .name = name}, out);
    free(folder);
    return s;
}

static void say_score(const finals *x, int rung, int who) {
    const sn_finals *f = &x->f;
    const sn_finals_score *s = &f->finalist[who].score[rung];
    char epochs[32], time[32], left[64] = "";
    int64_t all, done = sn_finals_epochs(f, &all), now = done - x->epochs;
    if (s->right < 0) {
        cli_warn("%s drops out: %s", f->finalist[who].arch, sn_error_text());
        return;
    }
    if (now > 0 && done < all)
        snprintf(left, sizeof left, "; about %s left",
                 cli_duration((sn_now() - x->start) / (double)now * (double)(all - done), time));
    cli_say(x->c, "rung %d of %d, %d of %d: %s: validation top-1 %.4f after %s%s", rung + 1, f->rungs, who + 1, f->n,
            f->finalist[who].arch, (double)s->right / (double)f->images, finals_epochs(f->rung[rung], epochs), left);
}

// Trains one to a rung, scores it there, writes that down. A divergence is a score too: the worst.
static sn_status measure(finals *x, int rung, int who) {
    sn_finalist *a = &x->f.finalist[who];
    sn_run *r = NULL;
    sn_finals_score score = {.right = -1, .loss = NAN};
    char name[64];
    snprintf(name, sizeof name, "rung %d of %d, %d of %d: ", rung + 1, x->f.rungs, who + 1, x->f.n);
    sn_status s = train_one(x, a, name, x->f.rung[rung], &r);
    if (s == SN_OK) s = retrained_score(r, SN_VALIDATION, &(scoring){&x->f, &score}, keep);
    sn_run_free(r);
    if (s == SN_OK || s == SN_DIVERGED) {
        a->score[a->scores++] = score;
        say_score(x, rung, who);
        return sn_finals_write(x->path, &x->f);
    }
    free(score.hits);
    return s;
}

// Those who do not go on keep their last checkpoint.
static sn_status prune_others(const finals *x, const bool *in) {
    for (int i = 0; i < x->f.n; i++) {
        char *folder = in[i] ? NULL : retraining_folder(x->folder, NULL, x->f.finalist[i].arch);
        sn_folder *lock = NULL;
        if (!in[i] && !folder) return SN_RESOURCE;
        sn_status s = folder && !access(folder, F_OK) ? cli_lock(x->c, folder, &lock) : SN_OK;
        if (s == SN_OK && lock) s = sn_folder_prune(folder, 1, NULL, 0);
        sn_folder_close(lock);
        free(folder);
        SN_TRY(s);
    }
    return SN_OK;
}

static sn_status hold(finals *x) {
    bool in[SN_MOST_FINALISTS];
    int64_t all;
    x->start = sn_now();
    x->epochs = sn_finals_epochs(&x->f, &all);
    for (int rung, who, last = -1; sn_finals_next(&x->f, &rung, &who); last = rung) {
        sn_finals_in(&x->f, rung, in);
        if (rung != last) SN_TRY(prune_others(x, in));
        SN_TRY(measure(x, rung, who));
    }
    return SN_OK;
}

// The winner is a finished training; its test score is the one use of the test split.
static sn_status finish(finals *x) {
    int order[SN_MOST_FINALISTS];
    bool in[SN_MOST_FINALISTS] = {false};
    sn_run *r = NULL;
    if (!sn_finals_order(&x->f, order))
        return sn_error(SN_DIVERGED,
                        "%s: no finalist is left, the training of the last ones diverged; a smaller learning rate, "
                        "retrain.optimizer.lr, under another --name may help",
                        x->folder);
    in[order[0]] = true;
    SN_TRY(prune_others(x, in));
    sn_status s = train_one(x, &x->f.finalist[order[0]], "the winner: ", 0, &r);
    if (s == SN_OK) s = retrained_test(x->c, r, &x->f.test);
    sn_run_free(r);
    SN_TRY(s);
    x->f.winner = order[0];
    return sn_finals_write(x->path, &x->f);
}

static sn_status run(const cli *c) {
    sn_folder *lock = NULL;
    sn_run *r = NULL;
    finals x = {.c = c};
    cli_watch_signals();
    sn_status s = cli_lock_run(c, c->operand[0], &lock);
    if (s == SN_OK) s = cli_open_run(c, c->operand[0], &r);
    if (s == SN_OK) s = plan(&x, r);
    sn_run_free(r);
    if (s == SN_OK && x.f.winner < 0) {
        s = hold(&x);
        if (s == SN_OK) s = finish(&x);
    }
    if (s == SN_OK) s = finals_print(c, &x.f, c->operand[0], x.folder, x.supernet);
    finals_free(&x);
    sn_folder_close(lock);
    return s;
}

const cli_command cmd_finals = {
    .name = "finals",
    .operands = "RUN",
    .summary = "train the best of the ranking alone, the better half on and on, until one is left",
    .details =
        "Successive halving with the keys of `retrain`: with K finalists all are trained for epochs / K, the better half by "
        "validation accuracy goes on to twice as many, and so on; each training is that of `retrain`, stopped in between, "
        "in RUN/finals/NAME/HASH. The winner is then scored on the test split. The same command line resumes, and says "
        "the result again.",
    .least = 1,
    .most = 1,
    .options = options,
    .choices = choices,
    .run = run,
};
