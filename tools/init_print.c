// What `supernet init` says about a source; see init.h.
// Not here: the config (init_config.c).
// Next: cmd_init.c.
#include "init.h"
#include "io/data/decode.h"

#include <stdarg.h>

enum { SHOWN = 10, FEW = 10, UNEVEN = 4 };

static const char *const part_name[SN_PARTS] = {"train", "val", "test"};

static void print_classes(const sn_survey *s) {
    cli_print("classes: %d:", s->classes);
    for (int i = 0; i < s->classes && i < SHOWN; i++)
        cli_print("%s%s (%llu)", i ? ", " : " ", s->name[i], (unsigned long long)s->each[i]);
    cli_print(s->classes > SHOWN ? ", ...\n" : "\n");
}

static void print_sizes(const sn_survey *s) {
    const char *colour = s->grey ? "grey" : s->channels == 3 ? "colour" : "arrays";
    if (s->one_size)
        cli_print("pictures: %dx%d (height x width), %s\n", s->height.median, s->width.median, colour);
    else
        cli_print("pictures: %d to %d high, %d to %d wide, median %dx%d (height x width), %s\n", s->height.least, s->height.most,
                  s->width.least, s->width.most, s->height.median, s->width.median, colour);
}

static void print_splits(const proposal *p) {
    const sn_survey *s = p->s;
    cli_print("splits:");
    for (int i = 0; i < SN_PARTS; i++)
        if (s->count[i]) cli_print(" %s %llu,", part_name[i], (unsigned long long)s->count[i]);
    cli_print(" of which %ld to train", p->train);
    if (p->held) cli_print(", %ld held out for validation", p->held);
    if (p->test) cli_print(", %ld held out for test", p->test);
    cli_print("\n");
}

void init_print_survey(const proposal *p) {
    cli_print("%s: %s\n", p->source, p->s->format);
    print_classes(p->s);
    print_sizes(p->s);
    print_splits(p);
}

// --- warnings

__attribute__((format(printf, 2, 3))) static void add(init_warnings *w, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(w->text[w->n], sizeof w->text[0], format, args);
    va_end(args);
    w->n++;
}

static void warn_classes(const sn_survey *s, init_warnings *w) {
    int least = 0, most = 0, few = 0;
    for (int i = 0; i < s->classes; i++) {
        if (s->each[i] < s->each[least]) least = i;
        if (s->each[i] > s->each[most]) most = i;
        few += s->each[i] < FEW;
    }
    if (few)
        add(w, "%d of %d classes have fewer than %d images for training; '%s' has %llu", few, s->classes, FEW, s->name[least],
            (unsigned long long)s->each[least]);
    if (s->each[most] >= UNEVEN * s->each[least])
        add(w, "the classes are uneven: '%s' has %llu images, '%s' %llu; accuracy counts images, so large classes count more",
            s->name[most], (unsigned long long)s->each[most], s->name[least], (unsigned long long)s->each[least]);
}

static void warn_copies(const sn_survey *s, init_warnings *w) {
    unsigned long long copies = s->copies, twice = s->twice, torn = s->torn;
    if (copies)
        add(w, "%llu image%s of val and test also in train, pixel by pixel: scores on them say nothing", copies,
            cli_plural((long)copies));
    if (twice)
        add(w, "%llu image%s of train copied from others, pixel by pixel%s", twice, cli_plural((long)twice),
            s->count[1] && s->count[2] ? "" : "; some will be held out while their twins are trained on");
    if (torn)
        add(w, "%llu image%s of train with the very pixels of another one, but of another class", torn, cli_plural((long)torn));
}

void init_warn(const proposal *p, init_warnings *out) {
    out->n = 0;
    warn_classes(p->s, out);
    warn_copies(p->s, out);
    char *unread = sn_images_unread(p->source);
    if (unread && *unread) add(out, "not read, beside the folder train: folder %s", unread);
    free(unread);
    if (p->too_slow)
        add(out,
            "%d epochs, the fewest that are of use, take longer than %.3g h here, even with the smallest of the proposed "
            "spaces; --size makes the pictures smaller",
            p->epochs, p->hours);
}
