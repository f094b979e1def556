// One PNG file of given pixels, for tests that need pictures but not every kind of them.
// Not here: kinds of PNG (test_images.c).
// Next: test_init.c.
#ifndef SN_TEST_PNGFILE_H
#define SN_TEST_PNGFILE_H

#include "folder.h"

#include <spng.h>

// pixels (height, width), or (height, width, 3) in colour.
static inline void put_png(const char *path, int height, int width, bool colour, const uint8_t *pixels) {
    size_t n;
    int error;
    spng_ctx *c = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr head = {.width = (uint32_t)width,
                             .height = (uint32_t)height,
                             .bit_depth = 8,
                             .color_type = colour ? SPNG_COLOR_TYPE_TRUECOLOR : SPNG_COLOR_TYPE_GRAYSCALE};
    ck_assert_int_eq(spng_set_option(c, SPNG_ENCODE_TO_BUFFER, 1), 0);
    ck_assert_int_eq(spng_set_ihdr(c, &head), 0);
    size_t bytes = (size_t)height * (size_t)width * (colour ? 3 : 1);
    ck_assert_int_eq(spng_encode_image(c, pixels, bytes, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE), 0);
    void *made = spng_get_png_buffer(c, &n, &error);
    ck_assert_ptr_nonnull(made);
    put_file(path, made, n);
    free(made);
    spng_ctx_free(c);
}

#endif
