// JPEG and PNG files: refused, or a picture that is brought to another shape.
// Not here: finding them in folders and tar files (fuzz_data.c).
#include "fuzz.h"
#include "io/data/imagefile.h"

#include <spng.h>
#include <turbojpeg.h>

enum { SIDE = 12 };

static size_t keep(uint8_t *data, size_t most, const void *bytes, size_t n) {
    if (n > most) n = most;
    memcpy(data, bytes, n);
    return n;
}

static size_t seed_jpeg(uint8_t *data, size_t most, uint8_t *pixels, uint64_t random) {
    static const int sampling[] = {TJSAMP_444, TJSAMP_420, TJSAMP_GRAY};
    tjhandle h = tjInitCompress();
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    int flags = random & 4 ? TJFLAG_PROGRESSIVE : 0;
    if (!h || tjCompress2(h, pixels, SIDE, 0, SIDE, TJPF_RGB, &bytes, &n, sampling[random % 3], 80, flags)) abort();
    size_t kept = keep(data, most, bytes, n);
    tjFree(bytes);
    tjDestroy(h);
    return kept;
}

static size_t seed_png(uint8_t *data, size_t most, uint8_t *pixels, uint64_t random) {
    static const uint8_t types[] = {SPNG_COLOR_TYPE_TRUECOLOR, SPNG_COLOR_TYPE_GRAYSCALE, SPNG_COLOR_TYPE_TRUECOLOR_ALPHA};
    static const size_t channels[] = {3, 1, 4};
    spng_ctx *c = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr head = {.width = SIDE, .height = SIDE, .bit_depth = 8, .color_type = types[random % 3]};
    spng_set_option(c, SPNG_ENCODE_TO_BUFFER, 1);
    spng_set_ihdr(c, &head);
    size_t n;
    int code;
    if (spng_encode_image(c, pixels, SIDE * SIDE * channels[random % 3], SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE)) abort();
    void *bytes = spng_get_png_buffer(c, &n, &code);
    if (!bytes) abort();
    size_t kept = keep(data, most, bytes, n);
    free(bytes);
    spng_ctx_free(c);
    return kept;
}

static size_t seed(uint8_t *data, size_t most, uint64_t *random) {
    uint8_t pixels[SIDE * SIDE * 4];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)h5_random(random);
    uint64_t r = h5_random(random) >> 8;
    return r & 8 ? seed_jpeg(data, most, pixels, r >> 4) : seed_png(data, most, pixels, r >> 4);
}

static size_t change(uint8_t *data, size_t size, size_t most, uint64_t *random) {
    (void)random;
    return LLVMFuzzerMutate(data, size, most);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sn_imagefile f = {0};
    sn_picture p;
    uint8_t out[3 * 8 * 16];
    sn_status s = sn_imagefile_decode(&f, data, size, &p);
    fuzz_refused(s);
    if (s == SN_OK) {
        fuzz_refused(sn_picture_fit(&p, SN_FIT_CROP, 3, 8, 16, out));
        fuzz_refused(sn_picture_fit(&p, SN_FIT_STRETCH, 1, 16, 8, out));
    }
    sn_imagefile_free(&f);
    return 0;
}
