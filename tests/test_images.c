// Pictures: channels and sizes, every kind of PNG and JPEG, folders and tars of them, good and bad.
// Not here: the other formats (test_dataset.c, test_hdf5data.c).
// Next: test_hdf5data.c.
#include "datafiles.h"

#include "io/data/decode.h"
#include "io/data/imagefile.h"
#include "io/data/picture.h"

#include <archive.h>
#include <archive_entry.h>
#include <arpa/inet.h>
#include <math.h>
#include <spng.h>
#include <turbojpeg.h>
#include <zlib.h>

// --- making pictures

typedef struct {
    uint8_t data[1 << 17];
    size_t n;
} encoded;

static uint8_t noise(int i) {
    uint32_t v = (uint32_t)i * 2654435761u;
    return (uint8_t)(v >> 24 ^ v >> 13);
}

// A PNG of noise; bytes_per_row: of the unpacked rows.
static encoded *png(int colour, int depth, int height, int width, int interlaced) {
    static const int samples[] = {[SPNG_COLOR_TYPE_GRAYSCALE] = 1,
                                  [SPNG_COLOR_TYPE_TRUECOLOR] = 3,
                                  [SPNG_COLOR_TYPE_INDEXED] = 1,
                                  [SPNG_COLOR_TYPE_GRAYSCALE_ALPHA] = 2,
                                  [SPNG_COLOR_TYPE_TRUECOLOR_ALPHA] = 4};
    static encoded e;
    size_t bytes = ((size_t)width * (size_t)samples[colour] * (size_t)depth + 7) / 8 * (size_t)height;
    uint8_t *raw = malloc(bytes);
    for (size_t i = 0; i < bytes; i++) raw[i] = noise((int)i);
    spng_ctx *c = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr head = {.width = (uint32_t)width,
                             .height = (uint32_t)height,
                             .bit_depth = (uint8_t)depth,
                             .color_type = (uint8_t)colour,
                             .interlace_method = (uint8_t)interlaced};
    ck_assert_int_eq(spng_set_option(c, SPNG_ENCODE_TO_BUFFER, 1), 0);
    ck_assert_int_eq(spng_set_ihdr(c, &head), 0);
    if (colour == SPNG_COLOR_TYPE_INDEXED) {
        struct spng_plte palette = {.n_entries = 1u << depth};
        for (uint32_t i = 0; i < palette.n_entries; i++)
            palette.entries[i] = (struct spng_plte_entry){noise((int)i + 1000), noise((int)i + 2000), noise((int)i + 3000), 255};
        struct spng_trns clear = {.n_type3_entries = 2, .type3_alpha = {0, 128}};
        ck_assert_int_eq(spng_set_plte(c, &palette), 0);
        ck_assert_int_eq(spng_set_trns(c, &clear), 0);
    }
    ck_assert_int_eq(spng_encode_image(c, raw, bytes, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE), 0);
    int error;
    void *made = spng_get_png_buffer(c, &e.n, &error);
    ck_assert(made && e.n <= sizeof e.data);
    memcpy(e.data, made, e.n);
    free(made);
    free(raw);
    spng_ctx_free(c);
    return &e;
}

// RGB that a pixel of png() must give; 16-bit samples lie high byte first in the file, in the machine's order in memory.
static void png_pixel(int colour, int depth, int width, int y, int x, uint8_t rgb[3]) {
    if (depth < 8 || colour == SPNG_COLOR_TYPE_INDEXED) {
        int row = (width * depth + 7) / 8, bit = x * depth;
        int v = noise(y * row + bit / 8) >> (8 - depth - bit % 8) & ((1 << depth) - 1);
        for (int c = 0; c < 3; c++) {
            int value = colour == SPNG_COLOR_TYPE_INDEXED ? noise(v + 1000 * (c + 1)) : v * 255 / ((1 << depth) - 1);
            rgb[c] = (uint8_t)value;
        }
        return;
    }
    int samples = colour == SPNG_COLOR_TYPE_TRUECOLOR         ? 3
                  : colour == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA ? 4
                  : colour == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ? 2
                                                              : 1;
    for (int c = 0; c < 3; c++) {
        int i = (y * width + x) * samples + (samples > 2 ? c : 0);
        rgb[c] = depth == 16 ? noise(2 * i + 1) : noise(i); // little-endian memory
    }
}

// A smooth JPEG.
static encoded *jpeg(int height, int width, int format, int sampling, int flags) {
    static encoded e;
    int samples = tjPixelSize[format];
    uint8_t *raw = malloc((size_t)(height * width * samples));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < samples; c++) raw[(y * width + x) * samples + c] = (uint8_t)(40 * c + 3 * y + 2 * x);
    tjhandle h = tjInitCompress();
    unsigned char *made = NULL;
    unsigned long n = 0;
    ck_assert_int_eq(tjCompress2(h, raw, width, 0, height, format, &made, &n, sampling, 95, flags), 0);
    ck_assert_uint_le(n, sizeof e.data);
    memcpy(e.data, made, n);
    e.n = n;
    tjFree(made);
    tjDestroy(h);
    free(raw);
    return &e;
}

// --- channels and sizes

START_TEST(channels) {
    static const uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30}, grey[] = {3, 5, 7, 9};
    static const uint8_t planes[] = {255, 0, 0, 10, 0, 255, 0, 20, 0, 0, 255, 30};
    uint8_t out[12];
    sn_picture p = {.pixels = rgb, .channels = 3, .height = 2, .width = 2};
    ck_assert_int_eq(sn_picture_fit(&p, SN_FIT_CROP, 1, 2, 2, out), SN_OK);
    ck_assert(out[0] == 76 && out[1] == 150 && out[2] == 29 && out[3] == 18); // 0.299, 0.587, 0.114
    p = (sn_picture){.pixels = planes, .channels = 3, .height = 2, .width = 2, .planar = true};
    ck_assert_int_eq(sn_picture_fit(&p, SN_FIT_CROP, 3, 2, 2, out), SN_OK);
    ck_assert(!memcmp(out, rgb, 12));
    ck_assert_int_eq(sn_picture_fit(&p, SN_FIT_CROP, 1, 2, 2, out), SN_OK);
    ck_assert(out[0] == 76 && out[3] == 18);
    p = (sn_picture){.pixels = grey, .channels = 1, .height = 1, .width = 4, .planar = true};
    ck_assert_int_eq(sn_picture_fit(&p, SN_FIT_CROP, 3, 1, 4, out), SN_OK);
    for (int i = 0; i < 12; i++) ck_assert_int_eq(out[i], grey[i / 3]);
    static const int bad[][2] = {{4, 3}, {3, 4}, {2, 1}, {1, 2}};
    for (int i = 0; i < 4; i++) {
        p = (sn_picture){.pixels = rgb, .channels = bad[i][0], .height = 1, .width = 3};
        ck_assert_int_eq(sn_picture_fit(&p, SN_FIT_CROP, bad[i][1], 1, 3, out), SN_DATA);
    }
}
END_TEST

// The definition in double: every output is the triangle-weighted mean of inputs near it, sides one after the other.
static double triangle(const double *in, int from, int to, int i) {
    double scale = (double)from / to, wide = fmax(scale, 1), at = (i + 0.5) * scale, sum = 0, weight = 0;
    for (int k = 0; k < from; k++) {
        double w = fmax(0, 1 - fabs((k + 0.5 - at) / wide));
        sum += w * in[k];
        weight += w;
    }
    return sum / weight;
}

START_TEST(sizes) {
    static const int size[][4] = {{7, 5, 3, 4},  {5, 7, 11, 13}, {40, 30, 8, 8},   {1, 1, 4, 5},
                                  {2, 9, 1, 1},  {64, 3, 64, 6}, {33, 33, 32, 32}, {6, 6, 6, 12},
                                  {1, 50, 2, 2}, {50, 1, 3, 3},  {200, 10, 10, 5}};
    for (size_t k = 0; k < sizeof size / sizeof *size; k++)
        for (int fit = SN_FIT_CROP; fit <= SN_FIT_STRETCH; fit++) {
            int fh = size[k][0], fw = size[k][1], h = size[k][2], w = size[k][3], top = 0, left = 0, bh = fh, bw = fw;
            uint8_t in[2048 * 3], out[1024 * 3];
            for (int i = 0; i < fh * fw * 3; i++) in[i] = noise(i);
            if (fit == SN_FIT_CROP) { // the largest box of the ratio, in the middle
                if (fw * h > fh * w)
                    bw = (int)fmax(1, floor((double)fh * w / h + 0.5));
                else
                    bh = (int)fmax(1, floor((double)fw * h / w + 0.5));
                top = (fh - bh) / 2, left = (fw - bw) / 2;
            }
            sn_picture p = {.pixels = in, .channels = 3, .height = fh, .width = fw};
            ck_assert_int_eq(sn_picture_fit(&p, (sn_fit)fit, 3, h, w, out), SN_OK);
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++)
                    for (int c = 0; c < 3; c++) {
                        double column[256], row[256];
                        for (int r = 0; r < bh; r++) {
                            for (int q = 0; q < bw; q++) row[q] = in[((top + r) * fw + left + q) * 3 + c];
                            column[r] = triangle(row, bw, w, x);
                        }
                        double expected = triangle(column, bh, h, y); // rounded twice: 1 at most
                        ck_assert_msg(fabs(out[(y * w + x) * 3 + c] - expected) <= 1.01,
                                      "%dx%d to %dx%d fit %d at %d %d: %d, not %g", fh, fw, h, w, fit, y, x,
                                      out[(y * w + x) * 3 + c], expected);
                    }
        }
}
END_TEST

START_TEST(constant_stays) {
    static uint8_t in[100 * 90], out[64 * 64 * 3];
    for (int v = 0; v < 256; v += 5) {
        memset(in, v, sizeof in);
        sn_picture p = {.pixels = in, .channels = 1, .height = 100, .width = 90};
        ck_assert_int_eq(sn_picture_fit(&p, SN_FIT_STRETCH, 3, 64, 64, out), SN_OK);
        for (size_t i = 0; i < sizeof out; i++) ck_assert_int_eq(out[i], v);
    }
}
END_TEST

// --- files of one picture

START_TEST(png_kinds) {
    static const struct {
        int colour, depth;
    } kinds[] = {
        {SPNG_COLOR_TYPE_GRAYSCALE, 1},       {SPNG_COLOR_TYPE_GRAYSCALE, 2},       {SPNG_COLOR_TYPE_GRAYSCALE, 4},
        {SPNG_COLOR_TYPE_GRAYSCALE, 8},       {SPNG_COLOR_TYPE_GRAYSCALE, 16},      {SPNG_COLOR_TYPE_TRUECOLOR, 8},
        {SPNG_COLOR_TYPE_TRUECOLOR, 16},      {SPNG_COLOR_TYPE_INDEXED, 1},         {SPNG_COLOR_TYPE_INDEXED, 4},
        {SPNG_COLOR_TYPE_INDEXED, 8},         {SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, 8}, {SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, 16},
        {SPNG_COLOR_TYPE_TRUECOLOR_ALPHA, 8}, {SPNG_COLOR_TYPE_TRUECOLOR_ALPHA, 16}};
    sn_imagefile f = {0};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int interlaced = 0; interlaced < 2; interlaced++) {
            encoded *e = png(kinds[k].colour, kinds[k].depth, 13, 11, interlaced);
            sn_picture p;
            ck_ok(sn_imagefile_decode(&f, e->data, e->n, &p));
            ck_assert(p.channels == 3 && p.height == 13 && p.width == 11 && !p.planar);
            for (int y = 0; y < 13; y++)
                for (int x = 0; x < 11; x++) {
                    uint8_t rgb[3];
                    png_pixel(kinds[k].colour, kinds[k].depth, 11, y, x, rgb);
                    for (int c = 0; c < 3; c++)
                        ck_assert_msg(p.pixels[(y * 11 + x) * 3 + c] == rgb[c], "kind %zu interlaced %d at %d %d %d: %d, not %d",
                                      k, interlaced, y, x, c, p.pixels[(y * 11 + x) * 3 + c], rgb[c]);
                }
        }
    sn_imagefile_free(&f);
}
END_TEST

START_TEST(jpeg_kinds) {
    static const struct {
        int format, sampling, flags;
    } kinds[] = {{TJPF_RGB, TJSAMP_444, 0},
                 {TJPF_RGB, TJSAMP_420, 0},
                 {TJPF_RGB, TJSAMP_422, TJFLAG_PROGRESSIVE},
                 {TJPF_GRAY, TJSAMP_GRAY, 0}};
    sn_imagefile f = {0};
    sn_picture p;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        encoded *e = jpeg(21, 34, kinds[k].format, kinds[k].sampling, kinds[k].flags);
        ck_ok(sn_imagefile_decode(&f, e->data, e->n, &p));
        ck_assert(p.channels == 3 && p.height == 21 && p.width == 34);
        for (int y = 0; y < 21; y++)
            for (int x = 0; x < 34; x++)
                for (int c = 0; c < 3; c++) {
                    int expected = (kinds[k].format == TJPF_GRAY ? 0 : 40 * c) + 3 * y + 2 * x;
                    ck_assert_int_le(abs(p.pixels[(y * 34 + x) * 3 + c] - expected), 6);
                }
    }
    encoded *e = jpeg(21, 34, TJPF_CMYK, TJSAMP_444, 0);
    ck_assert_int_eq(sn_imagefile_decode(&f, e->data, e->n, &p), SN_DATA);
    ck_assert_str_eq(sn_error_text(), "JPEG in CMYK: its colours depend on a profile; convert it to RGB");
    sn_imagefile_free(&f);
}
END_TEST

// Every beginning of a picture, and (PNG) every changed byte, is refused.
START_TEST(picture_damaged) {
    sn_imagefile f = {0};
    sn_picture p;
    encoded *e = png(SPNG_COLOR_TYPE_TRUECOLOR, 8, 9, 8, 0);
    for (size_t cut = 0; cut < e->n; cut++)
        ck_assert_msg(sn_imagefile_decode(&f, e->data, cut, &p) == SN_DATA, "PNG cut at %zu", cut);
    for (size_t i = 0; i < e->n; i++) {
        e->data[i] ^= 0x20;
        sn_status status = sn_imagefile_decode(&f, e->data, e->n, &p);
        ck_assert_msg(status == SN_DATA, "PNG with byte %zu changed: %d", i, status);
        e->data[i] ^= 0x20;
    }
    for (int flags = 0; flags <= TJFLAG_PROGRESSIVE; flags += TJFLAG_PROGRESSIVE) {
        e = jpeg(24, 24, TJPF_RGB, TJSAMP_420, flags);
        for (size_t cut = 0; cut + 2 < e->n; cut++) // the last two bytes are the end mark
            ck_assert_msg(sn_imagefile_decode(&f, e->data, cut, &p) == SN_DATA, "JPEG cut at %zu of %zu", cut, e->n);
        for (size_t i = 0; i < e->n; i++) { // no checksums: survive is all that can be asked
            e->data[i] ^= 0x20;
            sn_status status = sn_imagefile_decode(&f, e->data, e->n, &p);
            ck_assert(status == SN_OK || status == SN_DATA);
            e->data[i] ^= 0x20;
        }
    }
    ck_assert_int_eq(sn_imagefile_decode(&f, "", 0, &p), SN_DATA);
    ck_assert_str_eq(sn_error_text(), "an empty file");
    ck_assert_int_eq(sn_imagefile_decode(&f, "GIF89a", 6, &p), SN_DATA);
    ck_assert_str_eq(sn_error_text(), "neither JPEG nor PNG: it begins with 0x47 0x49");
    sn_imagefile_free(&f);
}
END_TEST

// 1x1 and 4096 wide are read, 4097 is refused before memory is taken.
START_TEST(picture_extremes) {
    sn_imagefile f = {0};
    sn_picture p;
    encoded *e = png(SPNG_COLOR_TYPE_TRUECOLOR, 8, 1, 1, 0);
    ck_assert(sn_imagefile_decode(&f, e->data, e->n, &p) == SN_OK && p.height == 1 && p.width == 1);
    e = png(SPNG_COLOR_TYPE_GRAYSCALE, 8, 2, 4096, 0);
    ck_assert(sn_imagefile_decode(&f, e->data, e->n, &p) == SN_OK && p.height == 2 && p.width == 4096);
    e = png(SPNG_COLOR_TYPE_GRAYSCALE, 1, 2, 4097, 0);
    ck_assert_int_eq(sn_imagefile_decode(&f, e->data, e->n, &p), SN_DATA);
    ck_assert_str_eq(sn_error_text(), "PNG of 2x4097 pixels: sides of 1 to 4096 are allowed");
    e = jpeg(1, 1, TJPF_RGB, TJSAMP_444, 0);
    ck_assert(sn_imagefile_decode(&f, e->data, e->n, &p) == SN_OK && p.height == 1 && p.width == 1);
    e = jpeg(4096, 3, TJPF_RGB, TJSAMP_444, 0);
    ck_assert(sn_imagefile_decode(&f, e->data, e->n, &p) == SN_OK && p.height == 4096 && p.width == 3);
    e = jpeg(4097, 3, TJPF_RGB, TJSAMP_444, 0);
    ck_assert_int_eq(sn_imagefile_decode(&f, e->data, e->n, &p), SN_DATA);
    ck_assert_str_eq(sn_error_text(), "JPEG of 4097x3 pixels: sides of 1 to 4096 are allowed");
    ck_assert_int_eq(sn_imagefile_decode(&f, e->data, 20, &p), SN_DATA);
    ck_assert_str_eq(sn_error_text(), "damaged JPEG: cut short before its size");
    e = png(SPNG_COLOR_TYPE_TRUECOLOR, 8, 1, 1, 0);
    memcpy(e->data + 16, "\x7f\xff\xff\xff\x7f\xff\xff\xff", 8); // the sides
    uint32_t crc = htonl((uint32_t)crc32(0, e->data + 12, 17));
    memcpy(e->data + 29, &crc, 4);
    ck_assert_int_eq(sn_imagefile_decode(&f, e->data, e->n, &p), SN_DATA);
    ck_assert_str_eq(sn_error_text(), "PNG of 2147483647x2147483647 pixels: sides of 1 to 4096 are allowed");
    sn_imagefile_free(&f);
}
END_TEST

// --- folders

static void put_png(const char *path, int height, int width) {
    encoded *e = png(SPNG_COLOR_TYPE_TRUECOLOR, 8, height, width, 0);
    put_file(path, e->data, e->n);
}

// An 8x8 PNG whose every value is v, so that images can be told apart.
static encoded *plain(int v) {
    static encoded e;
    uint8_t raw[192];
    memset(raw, v, sizeof raw);
    spng_ctx *c = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr head = {.width = 8, .height = 8, .bit_depth = 8, .color_type = SPNG_COLOR_TYPE_TRUECOLOR};
    spng_set_option(c, SPNG_ENCODE_TO_BUFFER, 1);
    spng_set_ihdr(c, &head);
    ck_assert_int_eq(spng_encode_image(c, raw, sizeof raw, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE), 0);
    int error;
    void *made = spng_get_png_buffer(c, &e.n, &error);
    memcpy(e.data, made, e.n);
    free(made);
    spng_ctx_free(c);
    return &e;
}

static const struct { // in the order of the data set: the value of each is its place here
    const char *path;
    int label;
} tree[] = {{"train/a/0.png", 0}, {"train/a/deep/er/1.PNG", 0}, {"train/a/x.JpEg", 0}, {"train/a-b/2.png", 1},
            {"train/b/1.png", 2}, {"train/b/10.png", 2},        {"train/b/2.jpg", 2},  {"val/a/1.png", 0},
            {"val/b/1.png", 2},   {"test/a-b/q.png", 1},        {"test/b/1.png", 2}};
enum { TREE = sizeof tree / sizeof *tree, TREE_TRAIN = 7, TREE_VAL = 2 };

static void put_tree(const char *top) {
    char path[256];
    for (int i = 0; i < TREE; i++) {
        encoded *e = plain(i);
        snprintf(path, sizeof path, "%s/%s", top, tree[i].path);
        put_file(path, e->data, e->n);
    }
}

static void check_tree(const sn_dataset *d) {
    ck_assert(sn_dataset_count(d, SN_TRAIN) == TREE_TRAIN && sn_dataset_count(d, SN_VALIDATION) == TREE_VAL);
    ck_assert(sn_dataset_count(d, SN_TEST) == TREE - TREE_TRAIN - TREE_VAL && sn_dataset_classes(d) == 3);
    static const char *const names[] = {"a", "a-b", "b"}; // in the order of their bytes
    for (int c = 0; c < 3; c++) ck_assert_str_eq(sn_dataset_class_name(d, c), names[c]);
    for (int s = SN_TRAIN; s <= SN_TEST; s++)
        for (uint32_t i = 0; i < sn_dataset_count(d, (sn_split)s); i++) {
            uint8_t pixels[192];
            int32_t label = read_one(d, (sn_split)s, i, pixels);
            uint32_t id = sn_dataset_sample_id(d, (sn_split)s, i);
            ck_assert_msg(pixels[0] == id && pixels[191] == id, "image %u is %d", id, pixels[0]);
            ck_assert_int_eq(label, tree[id].label);
        }
}

START_TEST(folder) {
    put_tree(at("set"));
    put_file(at("set/train/notes.txt"), "x", 1);
    put_file(at("set/train/a/Thumbs.db"), "x", 1);
    put_file(at("set/train/a/._0.png"), "x", 1);
    put_file(at("set/.hidden/train/a/0.png"), "x", 1);
    put_file(at("set/README"), "x", 1);
    sn_data_options o = options(at("set"), 3, 8, 8);
    sn_dataset *d = good(&o);
    check_tree(d);
    o.validation = 1;
    refused(&o, SN_CONFIG, "data.validation: 1 images are to be held out, but %s has a val part of 2: 0 is allowed", o.source);

    put_tree(at("above/set")); // one folder above
    sn_data_options above = options(at("above"), 3, 8, 8);
    sn_dataset *e = good(&above);
    check_tree(e);
    ck_assert_str_eq(sn_dataset_fingerprint(d), sn_dataset_fingerprint(e));
    sn_dataset_close(e);
    mkdir(at("above/second"), 0777); // two of them
    sn_dataset *none = NULL;
    ck_assert_int_eq(sn_dataset_open(&above, &none), SN_DATA);
    ck_message("no known data set");

    remove_tree(at("set/val")); // val and test may be absent
    remove_tree(at("set/test"));
    o.validation = 2;
    e = good(&o);
    ck_assert(sn_dataset_count(e, SN_TRAIN) == 5 && sn_dataset_count(e, SN_VALIDATION) == 2 && sn_dataset_count(e, SN_TEST) == 0);
    sn_dataset_close(d);
    sn_dataset_close(e);
}
END_TEST

// What lies beside the parts is named, one by one: forgotten pictures would be missing in silence.
START_TEST(folder_unread) {
    put_tree(at("above/set"));
    for (int i = 0; i < 3; i++) {
        char *names = sn_images_unread(i < 2 ? at("above/set") : at("above"));
        ck_assert_str_eq(names, i ? "'extra'" : "");
        free(names);
        put_file(at("above/set/extra/a/0.png"), "x", 1);
        put_file(at("above/set/.hidden/a/0.png"), "x", 1);
        put_file(at("above/set/notes"), "x", 1);
    }
    char *names = sn_images_unread(at("above/set/train")); // classes are read
    ck_assert_str_eq(names, "");
    free(names);
}
END_TEST

START_TEST(folder_bad) {
    put_tree(at("set"));
    sn_data_options o = options(at("set"), 3, 8, 8);
    const char *s = o.source;
    mkdir(at("set/train/empty"), 0777);
    refused(&o, SN_DATA, "%s/train/empty: a class without .jpg, .jpeg or .png files", s);
    rmdir(at("set/train/empty"));
    put_file(at("set/train/a/9.BMP"), "BM", 2);
    refused(&o, SN_DATA, "%s/train/a/9.BMP: only JPEG and PNG pictures are read", s);
    unlink(at("set/train/a/9.BMP"));
    put_file(at("set/train/9.png"), "", 0);
    refused(&o, SN_DATA, "%s: train/9.png: a picture in no class folder", s);
    unlink(at("set/train/9.png"));
    put_file(at("set/test/c/9.png"), "", 0);
    refused(&o, SN_DATA, "%s: test/c/9.png: class 'c' is not among those of train", s);
    remove_tree(at("set/test/c"));
    put_file(at("set/train/b/5.png"), "", 0);
    refused(&o, SN_DATA, "%s: train/b/5.png: an empty file", s);
    put_file(at("set/train/b/5.png"), "hello", 5);
    refused(&o, SN_DATA, "%s: train/b/5.png: neither JPEG nor PNG: it begins with 0x68 0x65", s);
    encoded *e = plain(3);
    put_file(at("set/train/b/5.png"), e->data, e->n - 1);
    refused(&o, SN_DATA, "%s: train/b/5.png: damaged PNG: cut short", s);
    e = jpeg(40, 40, TJPF_RGB, TJSAMP_444, 0);
    put_file(at("set/train/b/5.png"), e->data, e->n - 50);
    refused(&o, SN_DATA, "%s: train/b/5.png: damaged JPEG: Premature end of JPEG file", s);
    unlink(at("set/train/b/5.png"));
    ck_assert_int_eq(symlink("..", at("set/train/b/loop")), 0);
    sn_dataset *d = NULL;
    ck_assert_int_eq(sn_dataset_open(&o, &d), SN_DATA);
    ck_message(": more than 8 folders deep");
    unlink(at("set/train/b/loop"));
    put_file(at("set/train/bad\nname/1.png"), plain(0)->data, plain(0)->n);
    refused(&o, SN_DATA, "%s: the name of class 3 holds control character 0x0a", s);
    remove_tree(at("set/train/bad\nname"));
    o.channels = 4;
    refused(&o, SN_DATA, "%s: train/a/0.png: 3 channels where 4 are wanted: only grey (1) and RGB (3) are converted", s);
    o.channels = 3;
    sn_dataset_close(good(&o));
    remove_tree(at("set/train"));
    remove_tree(at("set/val"));
    remove_tree(at("set/test"));
    mkdir(at("set/train"), 0777);
    refused(&o, SN_DATA, "%s: no .jpg, .jpeg or .png under [train/]CLASS/", s);
}
END_TEST

// Classes without train above them: all pictures are for training.
static void check_flat(const sn_dataset *d) {
    ck_assert(sn_dataset_count(d, SN_TRAIN) == 5 && !sn_dataset_count(d, SN_VALIDATION) && !sn_dataset_count(d, SN_TEST));
    ck_assert_int_eq(sn_dataset_classes(d), 2);
    ck_assert_str_eq(sn_dataset_class_name(d, 0), "cat");
    ck_assert_str_eq(sn_dataset_class_name(d, 1), "dog");
    for (uint32_t i = 0; i < 5; i++) {
        uint8_t pixels[192];
        ck_assert_int_eq(read_one(d, SN_TRAIN, i, pixels), i >= 2);
        ck_assert_int_eq(pixels[0], (int)i);
    }
}

static const char *const flat[] = {"cat/0.png", "cat/more/1.png", "dog/2.png", "dog/3.PNG", "dog/4.png"};

START_TEST(folder_flat) {
    for (int i = 0; i < 5; i++) put_file(at("set/%s", flat[i]), plain(i)->data, plain(i)->n);
    for (int i = 0; i < 5; i++) put_file(at("above/set/%s", flat[i]), plain(i)->data, plain(i)->n);
    put_file(at("set/README"), "x", 1);
    sn_data_options o = options(at("set"), 3, 8, 8), above = options(at("above"), 3, 8, 8);
    const char *s = o.source;
    sn_dataset *d = good(&o), *e = good(&above);
    check_flat(d);
    check_flat(e);
    sn_dataset_close(d);
    sn_dataset_close(e);
    mkdir(at("set/docs"), 0777);
    refused(&o, SN_DATA, "%s/docs: a class without .jpg, .jpeg or .png files", s);
    rmdir(at("set/docs"));
    put_file(at("set/9.png"), "", 0);
    refused(&o, SN_DATA, "%s: 9.png: a picture in no class folder", s);
    unlink(at("set/9.png"));
    put_file(at("set/Validation/9.png"), "", 0);
    refused(&o, SN_DATA,
            "%s: Validation/9.png: is this a split? they are called train, val and test; rename it, or put it elsewhere", s);
    remove_tree(at("set/Validation"));
    put_file(at("set/test/cat/9.png"), "", 0); // splits then, of which train is missing
    refused(&o, SN_DATA, "%s: no .jpg, .jpeg or .png under [train/]CLASS/", s);
    remove_tree(at("set"));
    put_tree(at("set"));
    put_file(at("set/valid/a/9.png"), "", 0);
    refused(&o, SN_DATA, "%s: valid: is this a split? they are called train, val and test; rename it, or put it elsewhere", s);
}
END_TEST

// Pictures of any size come to the wanted one, as sn_picture_fit says.
START_TEST(folder_sizes) {
    static const int size[][2] = {{1, 1}, {30, 50}, {8, 4096}, {16, 16}};
    for (int i = 0; i < 4; i++) put_png(at("set/train/a/%d.png", i), size[i][0], size[i][1]);
    sn_data_options o = options(at("set"), 3, 16, 16);
    for (int fit = SN_FIT_CROP; fit <= SN_FIT_STRETCH; fit++) {
        o.fit = (sn_fit)fit;
        sn_dataset *d = good(&o);
        for (int i = 0; i < 4; i++) {
            uint8_t found[768], expected[768];
            sn_imagefile f = {0};
            sn_picture p;
            encoded *e = png(SPNG_COLOR_TYPE_TRUECOLOR, 8, size[i][0], size[i][1], 0);
            ck_assert_int_eq(sn_imagefile_decode(&f, e->data, e->n, &p), SN_OK);
            ck_assert_int_eq(sn_picture_fit(&p, o.fit, 3, 16, 16, expected), SN_OK);
            read_one(d, SN_TRAIN, (uint32_t)i, found);
            ck_assert(!memcmp(found, expected, 768));
            sn_imagefile_free(&f);
        }
        sn_dataset_close(d);
    }
}
END_TEST

// --- tars

typedef struct {
    const char *path, *link;
    encoded *content;
} member;

static void put_tar(const char *path, bool gz, const member *m, int n) {
    struct archive *a = archive_write_new();
    archive_write_set_format_pax_restricted(a);
    if (gz) archive_write_add_filter_gzip(a);
    make_parents(path);
    ck_assert_int_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (int i = 0; i < n; i++) {
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, m[i].path);
        archive_entry_set_perm(e, 0644);
        bool is_folder = m[i].path[strlen(m[i].path) - 1] == '/';
        archive_entry_set_filetype(e, is_folder ? AE_IFDIR : AE_IFREG);
        archive_entry_set_size(e, m[i].content && !m[i].link ? (int64_t)m[i].content->n : 0);
        if (m[i].link) archive_entry_set_hardlink(e, m[i].link);
        ck_assert_int_ge(archive_write_header(a, e), ARCHIVE_WARN);
        if (m[i].content && !m[i].link)
            ck_assert_int_eq(archive_write_data(a, m[i].content->data, m[i].content->n), (int)m[i].content->n);
        archive_entry_free(e);
    }
    ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

// The tree in a scrambled order, with the prefix before each path.
static void put_tree_tar(const char *path, bool gz, const char *prefix) {
    static encoded content[TREE];
    static char name[TREE + 3][128];
    member m[TREE + 3];
    for (int i = 0; i < TREE; i++) {
        int k = i * 7 % TREE;
        content[k] = *plain(k);
        snprintf(name[i], sizeof name[i], "%s%s", prefix, tree[k].path);
        m[i] = (member){name[i], NULL, &content[k]};
    }
    snprintf(name[TREE], sizeof name[0], "%strain/a/._0.png", prefix);
    snprintf(name[TREE + 1], sizeof name[0], "%strain/a/", prefix);
    snprintf(name[TREE + 2], sizeof name[0], "%sREADME", prefix);
    for (int i = 0; i < 3; i++) m[TREE + i] = (member){name[TREE + i], NULL, NULL};
    put_tar(path, gz, m, TREE + 3);
}

START_TEST(tar) {
    put_tree(at("set"));
    sn_data_options o = options(at("set"), 3, 8, 8);
    sn_dataset *d = good(&o);
    static const char *const prefix[] = {"", "./", "top/", "/", "../", "/top/", "./top/"}; // absolute and .. do no harm
    for (int i = 0; i < 14; i++) {
        put_tree_tar(at("%d.tar", i), i % 2, prefix[i / 2]);
        o.source = at("%d.tar", i);
        sn_dataset *e = good(&o);
        check_tree(e);
        ck_assert_str_eq(sn_dataset_fingerprint(d), sn_dataset_fingerprint(e));
        sn_dataset_close(e);
    }
    ck_assert(access(at("../train"), F_OK) && access("/train/a-b", F_OK)); // nothing was unpacked
    sn_dataset_close(d);
}
END_TEST

START_TEST(tar_flat) {
    static encoded content[5];
    member m[6];
    static char name[6][64];
    static const char *const prefix[] = {"", "./", "top/", "/top/"};
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < 5; i++) {
            int from = i * 3 % 5;
            content[from] = *plain(from);
            snprintf(name[i], sizeof name[i], "%s%s", prefix[k], flat[from]);
            m[i] = (member){name[i], NULL, &content[from]};
        }
        m[5] = (member){"README", NULL, NULL};
        put_tar(at("%d.tar", k), k % 2, m, 6);
        sn_data_options o = options(at("%d.tar", k), 3, 8, 8);
        sn_dataset *d = good(&o);
        check_flat(d);
        sn_dataset_close(d);
    }
}
END_TEST

// Facts in place of pixels: sizes, colour, equal hashes of equal pictures only.
START_TEST(facts) {
    static uint8_t bytes[3][300];
    sn_facts f[6];
    uint8_t out[SN_FACTS];
    for (int i = 0; i < 300; i++) bytes[0][i] = noise(i), bytes[1][i] = noise(i / 3), bytes[2][i] = noise(i % 100);
    const sn_picture p[] = {{bytes[0], 3, 10, 10, false}, {bytes[1], 3, 10, 10, false}, {bytes[2], 3, 10, 10, true},
                            {bytes[0], 1, 10, 10, false}, {bytes[0], 3, 20, 5, false},  {bytes[0], 3, 10, 10, false}};
    for (int i = 0; i < 6; i++) {
        if (i == 5) bytes[0][299] ^= 1;
        ck_ok(sn_picture_fit(&p[i], SN_FIT_FACTS, 1, 1, SN_FACTS, out));
        sn_facts_read(out, &f[i]);
        ck_assert(f[i].channels == p[i].channels && f[i].height == p[i].height && f[i].width == p[i].width);
        ck_assert_int_eq(f[i].grey, i >= 1 && i <= 3);
        for (int k = 0; k < i; k++) ck_assert(f[i].hash != f[k].hash);
    }
    bytes[0][299] ^= 1;
    ck_ok(sn_picture_fit(&p[5], SN_FIT_FACTS, 1, 1, SN_FACTS, out));
    sn_facts_read(out, &f[5]);
    ck_assert(f[5].hash == f[0].hash);
}
END_TEST

START_TEST(tar_bad) {
    static encoded one, two, empty;
    one = *plain(1);
    two = *plain(2);
    two.n -= 9;
    sn_data_options o = options(at("x.tar"), 3, 8, 8);
    const char *s = o.source;
#define TAR(...) put_tar(at("x.tar"), false, (member[]){__VA_ARGS__}, sizeof((member[]){__VA_ARGS__}) / sizeof(member))
    TAR({"train/a/1.png", NULL, &one}, {"train/b/2.png", NULL, &two});
    refused(&o, SN_DATA, "%s: train/b/2.png: damaged PNG: cut short", s);
    TAR({"train/a/1.png", NULL, &one}, {"train/a/1.png", NULL, &one});
    refused(&o, SN_DATA, "%s: train/a/1.png: twice in it", s);
    TAR({"train/a/1.png", NULL, &one}, {"train/a/2.png", "train/a/1.png", NULL});
    refused(&o, SN_DATA, "%s: train/a/2.png: a link or a special file", s);
    TAR({"x/train/a/1.png", NULL, &one}, {"y/train/a/2.png", NULL, &one});
    refused(&o, SN_DATA, "%s: both x/train/a/1.png and y/train/a/2.png: one folder of train, val and test is wanted", s);
    TAR({"train/a/1.png", NULL, &one}, {"train/a/2.gif", NULL, &one});
    refused(&o, SN_DATA, "%s: train/a/2.gif: only JPEG and PNG pictures are read", s);
    TAR({"train/a/1.png", NULL, &empty});
    refused(&o, SN_DATA, "%s: train/a/1.png: an empty file", s);
    TAR({"images/1.png", NULL, &one}, {"2.png", NULL, &one});
    refused(&o, SN_DATA, "%s: 2.png: a picture in no class folder", s);
    TAR({"README", NULL, &one});
    refused(&o, SN_DATA, "%s: no .jpg, .jpeg or .png under [train/]CLASS/", s);
    TAR({"x/train/a/1.png", NULL, &one}, {"x/valid/a/2.png", NULL, &one});
    refused(&o, SN_DATA,
            "%s: x/valid/a/2.png: is this a split? they are called train, val and test; rename it, or put it elsewhere", s);
    put_file(at("x.tar"), "PK\3\4 and more", 13);
    refused(&o, SN_DATA, "data.source: %s: zip files are not read: unpack it and name the folder, or make a tar of it", s);
    TAR({"train/\xc3\xa9t\xc3\xa9/1.png", NULL, &one}); // a class beyond ASCII, in any locale
    sn_dataset *d = good(&o);
    ck_assert_str_eq(sn_dataset_class_name(d, 0), "\xc3\xa9t\xc3\xa9");
    sn_dataset_close(d);
    TAR({"train/\xe9t\xe9/1.png", NULL, &one}); // of another encoding: no checkpoint could hold it
    refused(&o, SN_DATA, "%s: the name of class 0, '?t?', is not UTF-8", s);
    put_gz(at("x.tar"), "not a tar", 9);
    ck_assert(!survives(&o));
    ck_assert_msg(!strncmp(sn_error_text(), s, strlen(s)), "%s", sn_error_text());
}
END_TEST

// A tar that says it goes on and on (a hole in the file).
START_TEST(tar_large) {
    static encoded one;
    static uint8_t bytes[1 << 15];
    one = *plain(1);
    const int64_t hole = (int64_t)65 << 30;
    sn_data_options o = options(at("x.tar"), 3, 8, 8);
    put_tar(at("x.tar"), false, (member[]){{"train/a/1.png", NULL, &one}}, 1);
    size_t n = get_file(o.source, bytes, sizeof bytes);
    uint8_t head[512] = "large"; // fields: name, mode, owner, group, size, time, checksum, kind, magic
    snprintf((char *)head + 100, 24, "0000644");
    head[124] = 0x80; // a size in binary
    for (int i = 0; i < 8; i++) head[135 - i] = (uint8_t)(hole >> 8 * i);
    snprintf((char *)head + 136, 12, "00000000000");
    head[156] = '0';
    memcpy(head + 257,
           "ustar\0"
           "00",
           8);
    unsigned sum = 8 * ' ';
    for (int i = 0; i < 512; i++) sum += head[i];
    snprintf((char *)head + 148, 8, "%06o", sum);
    FILE *f = fopen(o.source, "wb");
    ck_assert(fwrite(head, 1, 512, f) == 512 && !fseeko(f, 512 + hole, SEEK_SET) && fwrite(bytes, 1, n, f) == n && !fclose(f));
    refused(&o, SN_DATA, "%s: more than 64 GiB unpacked", o.source);
}
END_TEST

// Cut anywhere: refused, or (beyond the last picture) the same data.
START_TEST(tar_cut) {
    static uint8_t bytes[1 << 16];
    static encoded one, two;
    one = *plain(1);
    two = *plain(2);
    member m[] = {{"train/a/1.png", NULL, &one}, {"train/b/2.png", NULL, &two}};
    for (int gz = 0; gz < 2; gz++) {
        sn_data_options o = options(at("whole.tar"), 3, 8, 8);
        put_tar(at("whole.tar"), gz, m, 2);
        sn_dataset *d = good(&o), *e;
        size_t n = get_file(at("whole.tar"), bytes, sizeof bytes);
        for (size_t cut = 0; cut < n; cut += gz ? 3 : 37) {
            put_file(at("whole.tar"), bytes, cut);
            if (sn_dataset_open(&o, &e) != SN_OK) continue;
            ck_assert_str_eq(sn_dataset_fingerprint(d), sn_dataset_fingerprint(e));
            sn_dataset_close(e);
        }
        sn_dataset_close(d);
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("images");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_test(t, channels);
    tcase_add_test(t, sizes);
    tcase_add_test(t, constant_stays);
    tcase_add_test(t, png_kinds);
    tcase_add_test(t, jpeg_kinds);
    tcase_add_test(t, picture_damaged);
    tcase_add_test(t, picture_extremes);
    tcase_add_test(t, folder);
    tcase_add_test(t, folder_unread);
    tcase_add_test(t, folder_bad);
    tcase_add_test(t, folder_flat);
    tcase_add_test(t, folder_sizes);
    tcase_add_test(t, tar);
    tcase_add_test(t, tar_flat);
    tcase_add_test(t, facts);
    tcase_add_test(t, tar_bad);
    tcase_add_test(t, tar_large);
    tcase_add_test(t, tar_cut);
    suite_add_tcase(s, t);
    return run_suite(s);
}
