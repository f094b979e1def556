// The rules of `supernet init`: input, splits, space, batch; see init.h. docs/first-run.md states them.
// Not here: epochs, which are timed (cmd_init.c).
// Next: init_config.c.
#include "init.h"

#include <string.h>

enum {
    LEAST_SIDE = 8,     // smaller pictures are enlarged to it
    LEAST_IMAGES = 8,   // for training, with what is held out of it
    MOST_HELD = 5000,   // for validation; for the test split 10000
    WIDE_STEM = 48,     // from this side on the first convolution halves it
    LAST_SIDE = 7,      // stages halve the picture until it is no larger
    MOST_WIDTH = 8,     // times the first stage's
    MOST_DECISIONS = 8, //
    MANY_CLASSES = 200,
};

// --- the input

static int round8(double v) {
    int r = (int)(v / 8 + 0.5) * 8;
    return r < LEAST_SIDE ? LEAST_SIDE : r;
}

static void choose_input(const sn_survey *s, int size, proposal *p) {
    int shorter = s->shorter.median, side = size ? size : shorter > INIT_SIDE ? INIT_SIDE : shorter;
    double h = s->height.median, w = s->width.median, ratio = h > w ? h / w : w / h;
    if (side < LEAST_SIDE && !size) side = LEAST_SIDE;
    if (!s->one_size) {
        if (!size) side = round8(side);
        if (ratio < 1.5) ratio = 1;
    }
    int longer = ratio > 1 ? (s->one_size ? (int)(side * ratio + 0.5) : round8(side * ratio)) : side;
    if (longer > SN_MOST_SIDE) longer = SN_MOST_SIDE;
    p->height = h > w ? longer : side;
    p->width = h > w ? side : longer;
    p->channels = s->grey ? 1 : s->channels;
    bool room =
        shorter * 8 >= side * 9 && side * 9 / 8 * ratio < SN_MOST_SIDE; // larger pictures: crop from them, without padding
    p->store = room ? side * 9 / 8 : 0;
    p->crop = room ? 0 : side / 8;
}

// --- the splits

// A tenth, two of each class at least, a quarter at most.
static long share(long n, int classes, long most) {
    long wanted = (n + 5) / 10;
    if (wanted < 2L * classes) wanted = 2L * classes;
    if (wanted > n / 4) wanted = n / 4;
    return wanted > most ? most : wanted;
}

static sn_status choose_splits(const sn_survey *s, proposal *p) {
    p->train = (long)s->count[0];
    if (s->classes < 2)
        return sn_error(SN_DATA, "%s: all its images are of one class, '%s'; at least two classes are needed", p->source,
                        s->name[0]);
    if (p->train < LEAST_IMAGES)
        return sn_error(SN_DATA, "%s: %ld images for training; at least %d are needed", p->source, p->train, LEAST_IMAGES);
    if (!s->count[2]) p->test = share(p->train, s->classes, 2 * MOST_HELD);
    p->train -= p->test;
    if (!s->count[1]) p->held = share(p->train, s->classes, MOST_HELD);
    p->train -= p->held;
    p->validation = s->count[1] ? (long)s->count[1] : p->held;
    return SN_OK;
}

// --- the space

bool init_size(proposal *p, int size) {
    static const int width[] = {16, 12, 8, 6, 4};
    enum {
        WIDTHS = sizeof width / sizeof *width,
        WHOLE = 2
    }; // the first of them with pictures as they are, where that is a question
    _Static_assert(WHOLE + WIDTHS == INIT_SIZES, "then each with a stem that halves");
    int shorter = p->height < p->width ? p->height : p->width;
    bool either = shorter >= 2 * LAST_SIDE && shorter < WIDE_STEM;
    p->stem_stride = shorter >= WIDE_STEM || (either && size >= WHOLE) ? 2 : 1;
    if (either && size >= WHOLE) size -= WHOLE;
    if (size >= WIDTHS) return false;
    int side = (shorter + p->stem_stride - 1) / p->stem_stride, first = width[size];
    p->stages = 0;
    for (int times = 1;; times *= 2) {
        p->out[p->stages++] = first * (times < MOST_WIDTH ? times : MOST_WIDTH);
        if (side <= LAST_SIDE || p->stages == INIT_STAGES) break;
        side = (side + 1) / 2;
    }
    for (int i = 0, left = MOST_DECISIONS; i < p->stages; i++) { // the last stages, which are cheap, get two
        p->layers[i] = p->stages <= 2 ? 3 : left - (p->stages - i - 1) * 2 >= 2 ? 2 : 1;
        left -= p->layers[i];
    }
    p->head = (p->s->classes > MANY_CLASSES ? 32 : 16) * first;
    return true;
}

// --- all

static void choose_batch(proposal *p) {
    p->batch = 128;
    while (p->batch > 16 && (long)p->batch * 32 > p->train) p->batch /= 2;
    if (p->batch > p->train) p->batch = (int)p->train;
    p->lr = 0.1 * p->batch / 128;
}

sn_status init_choose(const sn_survey *s, const char *source, int size, double hours, proposal *out) {
    proposal p = {.s = s, .source = source, .hours = hours, .epochs = 1};
    choose_input(s, size, &p);
    SN_TRY(choose_splits(s, &p));
    choose_batch(&p);
    init_size(&p, 0);
    *out = p;
    return SN_OK;
}
