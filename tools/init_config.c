// The config that `supernet init` writes; see init.h.
// Not here: choosing its numbers (init_choose.c).
// Next: cmd_init.c.
#include "init.h"

#include "io/config/config_table.h"

#include <stdlib.h>

enum { MOST_EXHAUSTIVE = 1000, SHOWN_CLASSES = 8, COLUMN = 47 };

// A key's line with the reason behind it.
__attribute__((format(printf, 3, 4))) static void line(FILE *f, const char *why, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(f, "%-*s # %s\n", COLUMN, text, why);
}

// Names are a stranger's: quoted, so that none ends the comment.
static void print_classes(const sn_survey *s, FILE *f) {
    fprintf(f, "# %d classes, images for training:", s->classes);
    for (int i = 0; i < s->classes && i < SHOWN_CLASSES; i++) {
        fputs(i ? ", " : " ", f);
        if (sn_text_clean(s->name[i]))
            sn_text_print(s->name[i], f);
        else
            fprintf(f, "class %d", i);
        fprintf(f, " (%llu)", (unsigned long long)s->each[i]);
    }
    fputs(s->classes > SHOWN_CLASSES ? ", ...\n" : "\n", f);
}

static void print_head(const proposal *p, FILE *f) {
    fputs("# Made by `supernet init` from what the source holds. Every value may be changed: `supernet help config`.\n", f);
    print_classes(p->s, f);
}

static void print_data(const proposal *p, FILE *f) {
    fputs("data:\n  source: ", f);
    sn_text_print(p->source, f);
    fputc('\n', f);
    if (p->test) line(f, "images; the source has no test split: these are kept for the end", "  test: %ld", p->test);
    if (p->held) line(f, "images; the source has no val split: architectures are ranked on these", "  validation: %ld", p->held);
    if (p->store) line(f, "pictures are kept a little larger, to crop from", "  store: %d", p->store);
    line(f,
         p->s->grey ? "flip: true where left and right do not matter; grey pictures may be letters or digits"
                    : "flip: false where left and right matter, as in letters",
         "  augment: {crop: %d, flip: %s}", p->crop, p->s->grey ? "false" : "true");
}

static void print_network(const proposal *p, FILE *f) {
    char why[64];
    int side = p->height < p->width ? p->height : p->width;
    side = (side + p->stem_stride - 1) / p->stem_stride;
    fputs("  blocks: # what each layer chooses from\n", f);
    line(f, "nothing: a shallower net", "    skip:   {op: identity}");
    line(f, "cheap", "    mb3_k3: {op: mbconv, expand: 3, kernel: 3}");
    line(f, "3 to 4 times as many multiplications, sees further", "    mb6_k5: {op: mbconv, expand: 6, kernel: 5}");
    fputs("  network:\n", f);
    snprintf(why, sizeof why, "%d pixels on the shorter side", side);
    line(f, why, p->stem_stride > 1 ? "    - {op: conv, kernel: 3, stride: 2, out: %d}" : "    - {op: conv, kernel: 3, out: %d}",
         p->out[0]);
    for (int i = 0; i < p->stages; i++) {
        if (i) side = (side + 1) / 2;
        fprintf(f, "    - {layers: %d, out: %d, %schoose: [skip, mb3_k3, mb6_k5]}", p->layers[i], p->out[i],
                i ? "stride: 2, " : "");
        fprintf(f, "  # %d pixels\n", side);
    }
    fprintf(f, "    - {op: conv, kernel: 1, out: %d}\n    - {op: classifier}\n", p->head);
}

static void print_space(const proposal *p, FILE *f) {
    const sn_survey *s = p->s;
    char why[256];
    fputs("space:\n", f);
    if (s->one_size)
        snprintf(why, sizeof why, "pictures are %dx%d%s", s->height.median, s->width.median, s->grey ? ", grey" : "");
    else
        snprintf(why, sizeof why, "pictures are %d to %d high, %d to %d wide, the median %dx%d%s", s->height.least,
                 s->height.most, s->width.least, s->width.most, s->height.median, s->width.median, s->grey ? ", grey" : "");
    line(f, why, "  input: {channels: %d, height: %d, width: %d}", p->channels, p->height, p->width);
    fprintf(f, "  classes: %d\n", s->classes);
    snprintf(why, sizeof why, "%.0f architectures of %.2f million multiplications on average", p->archs, p->mean_macs * 1e-6);
    fprintf(f, "  # %s\n", why);
    print_network(p, f);
}

static void print_training(const proposal *p, FILE *f) {
    char why[128];
    snprintf(why, sizeof why, "about %.3g h on the machine that wrote this, or the most that is of use", p->hours);
    fputs("train:\n  sampler: uniform\n", f);
    line(f, p->too_slow ? "the fewest that are of use: longer than was asked for" : why, "  epochs: %d", p->epochs);
    snprintf(why, sizeof why, "of %ld images", p->train);
    line(f, why, "  batch: %d", p->batch);
    line(f, "the same seed gives the same bits", "  seed: 1");
    fprintf(f, "  optimizer: {lr: %.4g, weight_decay: 3.0e-4, warmup: %.3g, clip: 5}  # lr: 0.1 at batch 128\n", p->lr,
            p->epochs > 1 ? 1 : 0.5);
}

static void print_rank(const proposal *p, FILE *f) {
    long calibrate = p->train < 1000 ? p->train : 1000, most = 5000;
    fputs("rank:\n", f);
    if (p->archs > MOST_EXHAUSTIVE) {
        line(f, "exhaustive: all", "  strategy: random");
        line(f, "`supernet rank --by effects` finds the best of all from these", "  sample: %d", MOST_EXHAUSTIVE);
    } else {
        line(f, "all architectures are scored", "  strategy: exhaustive");
    }
    fprintf(f, "  calibrate: %ld\n", calibrate);
    if (calibrate < 250) fprintf(f, "  calibrate_batch: %ld\n", calibrate);
    if (p->validation > most) line(f, "of the validation images", "  images: %ld", most);
}

char *init_config(const proposal *p) {
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f) {
        print_head(p, f);
        print_data(p, f);
        print_space(p, f);
        print_training(p, f);
        print_rank(p, f);
        fputs("retrain: # the best one, alone; epochs and the rest as in train\n", f);
        line(f, "from the supernet's weights; scratch: from new ones", "  init: inherited");
        fputs("export: {arch: best, format: onnx}\n", f);
        bool failed = ferror(f);
        if (!fclose(f) && !failed) return text;
    }
    free(text);
    sn_error(SN_RESOURCE, "out of memory while writing a config");
    return NULL;
}
