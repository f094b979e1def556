// Augmentation: draws as pure functions with the right distribution, crops, flips, cutout and normalising against plain formulas.
// Not here: reading pictures (test_dataset.c).
// Next: test_images.c.
#include "io/data/augment.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 5 };

static const double mean[] = {0.49, 0.48, 0.45}, deviation[] = {0.25, 0.24, 0.26};

static sn_augment make(sn_augment_options o, int channels, int from_height, int from_width, int height, int width) {
    sn_augment a;
    sn_status status = sn_augment_init(&a, &o, channels, from_height, from_width, height, width, mean, deviation);
    ck_ok(status);
    return a;
}

static float normal(int value, int c) {
    return (float)((value / 255.0 - mean[c]) / deviation[c]);
}

static void fill(uint8_t *picture, size_t n) {
    for (size_t i = 0; i < n; i++) picture[i] = (uint8_t)(1 + (i * 37 + i / 11) % 255); // never black
}

START_TEST(normalise) {
    sn_augment a = make((sn_augment_options){.padding = 4, .flip = true, .cutout = 5}, 3, 7, 5, 7, 5);
    uint8_t picture[105];
    float out[105];
    fill(picture, 105);
    sn_augment_image(&a, NULL, picture, out);
    for (int i = 0; i < 105; i++) ck_assert(out[i] == normal(picture[i], i % 3));

    double zero[] = {0.5, 0, 0}, none[] = {0, 0, 0}; // a constant channel: no division by 0
    sn_augment_options o = {0};
    ck_assert_int_eq(sn_augment_init(&a, &o, 1, 7, 5, 7, 5, zero, none), SN_OK);
    sn_augment_image(&a, NULL, picture, out);
    for (int i = 0; i < 35; i++) ck_assert(out[i] == (float)(picture[i] / 255.0 - 0.5));
}
END_TEST

// A larger picture without draw: its centre.
START_TEST(centre) {
    sn_augment a = make((sn_augment_options){0}, 1, 9, 12, 4, 5);
    uint8_t picture[108];
    float out[20];
    fill(picture, 108);
    sn_augment_image(&a, NULL, picture, out);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 5; x++) ck_assert(out[y * 5 + x] == normal(picture[(y + 2) * 12 + x + 3], 0));
}
END_TEST

// Every shift and both directions, against the definition: crop of the padded picture, flip, normalise, cut out.
START_TEST(shift_flip_cutout) {
    enum { H = 6, W = 5, C = 3, FH = 7, FW = 8, PAD = 3 };
    uint8_t picture[FH * FW * C];
    fill(picture, sizeof picture);
    for (int i = 0; i < 10; i++) {
        int cutout = i / 2;
        bool black = i % 2;
        sn_augment a =
            make((sn_augment_options){.padding = PAD, .black = black, .flip = true, .cutout = cutout}, C, FH, FW, H, W);
        for (int dy = -PAD; dy <= FH - H + PAD; dy++)
            for (int dx = -PAD; dx <= FW - W + PAD; dx++)
                for (int flip = 0; flip < 2; flip++) {
                    int cut_y = (dy + PAD) % H, cut_x = (dx + PAD) % W, top = cut_y - cutout / 2, left = cut_x - cutout / 2;
                    sn_draw d = {.dy = dy, .dx = dx, .height = H, .width = W, .flip = flip, .cut_y = cut_y, .cut_x = cut_x};
                    float out[H * W * C + 1];
                    out[H * W * C] = 77;
                    sn_augment_image(&a, &d, picture, out);
                    ck_assert(out[H * W * C] == 77);
                    for (int y = 0; y < H; y++)
                        for (int x = 0; x < W; x++)
                            for (int c = 0; c < C; c++) {
                                int py = y + dy, px = (flip ? W - 1 - x : x) + dx;
                                bool inside = py >= 0 && py < FH && px >= 0 && px < FW;
                                float expected = inside ? normal(picture[(py * FW + px) * C + c], c) : black ? normal(0, c) : 0;
                                if (y >= top && y < top + cutout && x >= left && x < left + cutout) expected = 0;
                                ck_assert_msg(out[(y * W + x) * C + c] == expected, "shift %d %d flip %d at %d %d", dy, dx, flip,
                                              y, x);
                            }
                }
    }
}
END_TEST

// What is drawn, at several sizes: each number of the padding is 0 after normalising, whatever the mean and deviation, and no
// other number is; with black it is what a black pixel is.
START_TEST(padding) {
    static const int sizes[][5] = {{3, 32, 32, 4, 32}, {1, 28, 28, 2, 28}, {3, 9, 5, 5, 5}, {2, 40, 36, 3, 32}, {3, 1, 1, 1, 1}};
    static uint8_t picture[40 * 36 * 3];
    static float out[2][32 * 32 * 3];
    static const double awkward[] = {0.1 + 0.2, 0.334, 0.9999}, narrow[] = {1e-3, 0.1, 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int channels = sizes[i][0], h = sizes[i][1], w = sizes[i][2], side = sizes[i][4], padded = 0;
        int oh = h < side ? h : side, ow = w < side ? w : side;
        sn_augment a[2];
        for (int pad = 0; pad < 2; pad++) {
            sn_augment_options o = {.padding = sizes[i][3], .black = pad, .flip = true};
            ck_ok(sn_augment_init(&a[pad], &o, channels, h, w, oh, ow, awkward, narrow));
        }
        fill(picture, (size_t)h * (size_t)w * (size_t)channels);
        for (uint32_t sample = 0; sample < 200; sample++) {
            sn_draw d = sn_augment_draw(&a[0], SEED, 0, sample);
            for (int pad = 0; pad < 2; pad++) sn_augment_image(&a[pad], &d, picture, out[pad]);
            for (int k = 0; k < oh * ow * channels; k++) {
                int x = k / channels % ow, py = k / channels / ow + d.dy, px = (d.flip ? ow - 1 - x : x) + d.dx;
                bool inside = py >= 0 && py < h && px >= 0 && px < w;
                float mean_pad = out[0][k], black_pad = out[1][k];
                padded += !inside;
                ck_assert((mean_pad == 0) == !inside);
                ck_assert(black_pad == (inside ? mean_pad : a->table[k % channels][0]));
            }
        }
        ck_assert_int_gt(padded, 0);
    }
}
END_TEST

// Counts of n draws over k values: chi-squared below mean + 5 deviations.
static void uniform(const int *count, int k, double n, const char *what) {
    double chi = 0;
    for (int i = 0; i < k; i++) chi += (count[i] - n / k) * (count[i] - n / k) / (n / k);
    ck_assert_msg(chi <= k - 1 + 5 * sqrt(2.0 * (k - 1)), "%s: chi-squared %g for %d values", what, chi, k);
}

START_TEST(draws) {
    enum { N = 20000 };
    sn_augment a = make((sn_augment_options){.padding = 4, .flip = true, .cutout = 8}, 3, 32, 32, 32, 32);
    int dy[9] = {0}, dx[9] = {0}, flip[2] = {0}, cut_y[32] = {0}, cut_x[32] = {0}, both[18] = {0};
    for (uint32_t i = 0; i < N; i++) {
        sn_draw d = sn_augment_draw(&a, SEED, i % 10, i / 10), again = sn_augment_draw(&a, SEED, i % 10, i / 10);
        ck_assert(!memcmp(&d.dy, &again.dy, 4 * sizeof(int)) && d.flip == again.flip && d.cut_y == again.cut_y &&
                  d.cut_x == again.cut_x);
        ck_assert(d.height == 32 && d.width == 32 && abs(d.dy) <= 4 && abs(d.dx) <= 4);
        ck_assert(d.cut_y >= 0 && d.cut_y < 32 && d.cut_x >= 0 && d.cut_x < 32);
        dy[d.dy + 4]++, dx[d.dx + 4]++, flip[d.flip]++, cut_y[d.cut_y]++, cut_x[d.cut_x]++, both[(d.dy + 4) * 2 + d.flip]++;
    }
    uniform(dy, 9, N, "dy");
    uniform(dx, 9, N, "dx");
    uniform(flip, 2, N, "flip");
    uniform(cut_y, 32, N, "cut_y");
    uniform(cut_x, 32, N, "cut_x");
    uniform(both, 18, N, "dy and flip");
}
END_TEST

// Seed, epoch and sample each matter; what is switched on changes no other draw.
START_TEST(independent) {
    sn_augment all = make((sn_augment_options){.padding = 4, .flip = true, .cutout = 8}, 3, 32, 32, 32, 32);
    sn_augment flip = make((sn_augment_options){.flip = true}, 3, 32, 32, 32, 32);
    sn_augment crop = make((sn_augment_options){.padding = 4}, 3, 32, 32, 32, 32);
    int same[3] = {0};
    for (uint32_t i = 0; i < 200; i++) {
        sn_draw d = sn_augment_draw(&all, SEED, 3, i), f = sn_augment_draw(&flip, SEED, 3, i),
                c = sn_augment_draw(&crop, SEED, 3, i);
        ck_assert(f.flip == d.flip && f.dy == 0 && f.dx == 0 && c.dy == d.dy && c.dx == d.dx && !c.flip);
        sn_draw other[3] = {sn_augment_draw(&all, SEED + 1, 3, i), sn_augment_draw(&all, SEED, 4, i),
                            sn_augment_draw(&all, SEED, 3, i + 200)};
        for (int k = 0; k < 3; k++) same[k] += other[k].cut_y == d.cut_y && other[k].cut_x == d.cut_x;
    }
    for (int k = 0; k < 3; k++) ck_assert_int_lt(same[k], 5); // 200 / 1024 expected
}
END_TEST

// These draws belong to the meaning of a checkpoint: they must never change.
START_TEST(frozen) {
    static const int expected[4][5] = {{-4, 1, 0, 24, 30}, {1, 2, 1, 4, 24}, {3, -4, 0, 23, 26}, {-3, 3, 0, 5, 13}};
    sn_augment a = make((sn_augment_options){.padding = 4, .flip = true, .cutout = 8}, 3, 32, 32, 32, 32);
    for (uint32_t i = 0; i < 4; i++) {
        sn_draw d = sn_augment_draw(&a, 1, 2, 1000 + i);
        int found[5] = {d.dy, d.dx, d.flip, d.cut_y, d.cut_x};
        for (int k = 0; k < 5; k++)
            ck_assert_msg(found[k] == expected[i][k], "{%d, %d, %d, %d, %d}", found[0], found[1], found[2], found[3], found[4]);
    }
}
END_TEST

START_TEST(resized_draws) {
    enum { N = 20000 };
    sn_augment a = make((sn_augment_options){.crop = SN_CROP_RESIZED, .flip = true}, 3, 960, 1280, 64, 64);
    int area[10] = {0}, ratio[10] = {0}, used = 0;
    for (uint32_t i = 0; i < N; i++) {
        sn_draw d = sn_augment_draw(&a, SEED, 0, i);
        ck_assert(d.height >= 1 && d.width >= 1 && d.dy >= 0 && d.dx >= 0 && d.dy + d.height <= 960 && d.dx + d.width <= 1280);
        double share = d.height * d.width / (960.0 * 1280), r = (double)d.width / d.height;
        ck_assert(share >= 0.079 && share <= 1.001 && r >= 0.745 && r <= 1.34);
        if (share >= 0.08 && share < 0.5) { // there every ratio fits
            used++;
            area[(int)((share - 0.08) / 0.42 * 10)]++;
            double part = (log(r) / log(4.0 / 3) + 1) / 2 * 10;
            ratio[part < 0 ? 0 : part > 9 ? 9 : (int)part]++;
        }
    }
    ck_assert_int_gt(used, N / 3);
    for (int k = 0; k < 10; k++) { // whole pixels make steps
        double a_share = area[k] * 10.0 / used, r_share = ratio[k] * 10.0 / used;
        ck_assert_msg(fabs(a_share - 1) <= 0.12 && fabs(r_share - 1) <= 0.12, "tenth %d: area %g, ratio %g", k, a_share, r_share);
    }
    // A picture in which no box of such a ratio fits: the largest in the middle.
    a = make((sn_augment_options){.crop = SN_CROP_RESIZED}, 1, 4, 400, 2, 2);
    int fallback = 0;
    for (uint32_t i = 0; i < 100; i++) {
        sn_draw d = sn_augment_draw(&a, SEED, 0, i);
        fallback += d.height == 4 && d.width == 5 && d.dy == 0 && d.dx == 197;
    }
    ck_assert_int_gt(fallback, 90);
}
END_TEST

// Bilinear: a ramp stays a ramp, whatever the box; the whole picture at its own size is itself; flipped is mirrored.
START_TEST(resized_image) {
    enum { FH = 40, FW = 50, H = 17, W = 23 };
    static uint8_t picture[FH * FW * 3];
    static float out[H * W * 3], mirror[H * W * 3];
    for (int y = 0; y < FH; y++)
        for (int x = 0; x < FW; x++)
            for (int c = 0; c < 3; c++)
                picture[(y * FW + x) * 3 + c] = (uint8_t)(c == 0 ? 5 * x : c == 1 ? 6 * y : 2 * x + 3 * y);
    sn_augment a = make((sn_augment_options){.crop = SN_CROP_RESIZED}, 3, FH, FW, H, W);
    static const int box[][4] = {{0, 0, FH, FW}, {3, 5, 30, 20}, {39, 49, 1, 1}, {10, 0, 5, 50}, {7, 8, 18, 24}};
    for (size_t b = 0; b < sizeof box / sizeof *box; b++) {
        sn_draw d = {.dy = box[b][0], .dx = box[b][1], .height = box[b][2], .width = box[b][3]};
        sn_augment_image(&a, &d, picture, out);
        d.flip = true;
        sn_augment_image(&a, &d, picture, mirror);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                double py = (y + 0.5) * d.height / H - 0.5, px = (x + 0.5) * d.width / W - 0.5;
                py = d.dy + fmin(fmax(py, 0), d.height - 1), px = d.dx + fmin(fmax(px, 0), d.width - 1);
                double expected[] = {5 * px, 6 * py, 2 * px + 3 * py};
                for (int c = 0; c < 3; c++) {
                    double value = (out[(y * W + x) * 3 + c] * deviation[c] + mean[c]) * 255;
                    ck_assert_msg(fabs(value - expected[c]) <= 0.51, "box %zu at %d %d: %g, not %g", b, y, x, value, expected[c]);
                    ck_assert(out[(y * W + x) * 3 + c] == mirror[(y * W + W - 1 - x) * 3 + c]);
                }
            }
    }
    a = make((sn_augment_options){.crop = SN_CROP_RESIZED}, 3, FH, FW, FH, FW);
    sn_draw whole = {.height = FH, .width = FW};
    float *same = malloc(sizeof picture * sizeof *same);
    ck_assert_ptr_nonnull(same);
    sn_augment_image(&a, &whole, picture, same);
    for (size_t i = 0; i < sizeof picture; i++) ck_assert(same[i] == normal(picture[i], (int)(i % 3)));
    free(same);
}
END_TEST

START_TEST(refusals) {
    sn_augment a = {.channels = -7};
    static const struct {
        sn_augment_options o;
        int channels, height;
        const char *message;
    } bad[] = {
        {{.padding = -1}, 3, 32, "data.augment.crop: -1: 0 to 32 are allowed"},
        {{.padding = 33}, 3, 32, "data.augment.crop: 33: 0 to 32 are allowed"},
        {{.cutout = -1}, 3, 32, "data.augment.cutout: -1: 0 to 64 are allowed"},
        {{.cutout = 65}, 3, 32, "data.augment.cutout: 65: 0 to 64 are allowed"},
        {{0}, 17, 32, "data: 17 channels: 1 to 16 are allowed"},
        {{0}, 3, 33, "data: 33x32 cannot be cropped from pictures of 32x32"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(sn_augment_init(&a, &bad[i].o, bad[i].channels, 32, 32, bad[i].height, 32, mean, deviation), SN_CONFIG);
        ck_assert_str_eq(sn_error_text(), bad[i].message);
        ck_assert_int_eq(a.channels, -7);
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("augment");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, normalise);
    tcase_add_test(t, centre);
    tcase_add_test(t, shift_flip_cutout);
    tcase_add_test(t, padding);
    tcase_add_test(t, draws);
    tcase_add_test(t, independent);
    tcase_add_test(t, frozen);
    tcase_add_test(t, resized_draws);
    tcase_add_test(t, resized_image);
    tcase_add_test(t, refusals);
    suite_add_tcase(s, t);
    return run_suite(s);
}
