// JPEG and PNG to RGB; see imagefile.h.
// Not here: finding files.
// Next: decode_images.c.
#include "io/data/imagefile.h"

#include "io/data/cache.h"

#include <spng.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

enum { MOST_PNG_CHUNK = 16 << 20 };

void sn_imagefile_free(sn_imagefile *f) {
    if (f->jpeg) tjDestroy(f->jpeg);
    free(f->pixels);
    *f = (sn_imagefile){0};
}

static sn_status check_size(const char *kind, long long width, long long height) {
    if (width < 1 || height < 1 || width > SN_MOST_SIDE || height > SN_MOST_SIDE)
        return sn_error(SN_DATA, "%s of %lldx%lld pixels: sides of 1 to %d are allowed", kind, height, width, SN_MOST_SIDE);
    return SN_OK;
}

// Checks the size and makes room for the pixels.
static sn_status prepare(sn_imagefile *f, const char *kind, long long width, long long height, sn_picture *out) {
    SN_TRY(check_size(kind, width, height));
    SN_TRY(sn_grow(&f->pixels, &f->room, (size_t)height * (size_t)width * 3, 1));
    *out = (sn_picture){.pixels = f->pixels, .channels = 3, .height = (int)height, .width = (int)width};
    return SN_OK;
}

static sn_status decode_jpeg(sn_imagefile *f, const void *data, size_t n, sn_picture *out) {
    int width = 0, height = 0, sampling = 0, space = 0; // a header cut short leaves them alone, without an error
    if (!f->jpeg && !(f->jpeg = tjInitDecompress())) return sn_error(SN_RESOURCE, "libjpeg-turbo: %s", tjGetErrorStr2(NULL));
    if (tjDecompressHeader3(f->jpeg, data, n, &width, &height, &sampling, &space))
        return sn_error(SN_DATA, "damaged JPEG: %s", tjGetErrorStr2(f->jpeg));
    if (width < 1 || height < 1) return sn_error(SN_DATA, "damaged JPEG: cut short before its size");
    if (space == TJCS_CMYK || space == TJCS_YCCK)
        return sn_error(SN_DATA, "JPEG in CMYK: its colours depend on a profile; convert it to RGB");
    SN_TRY(prepare(f, "JPEG", width, height, out));
    if (tjDecompress2(f->jpeg, data, n, f->pixels, width, 0, height, TJPF_RGB, TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS))
        return sn_error(SN_DATA, "damaged JPEG: %s", tjGetErrorStr2(f->jpeg));
    return SN_OK;
}

static size_t big_endian(const unsigned char *b) {
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

// Whether the end mark is there: libspng is content with whole pixels.
static bool png_ends(const unsigned char *b, size_t n) {
    for (size_t at = 8; n >= 12 && at <= n - 12;) {
        if (!memcmp(b + at + 4, "IEND", 4)) return true;
        at += 12 + big_endian(b + at);
    }
    return false;
}

static sn_status png_to_rgb(sn_imagefile *f, spng_ctx *png, const void *data, size_t n, sn_picture *out) {
    struct spng_ihdr head;
    const unsigned char *b = data;
    if (!png_ends(data, n)) return sn_error(SN_DATA, "damaged PNG: cut short");
    int error = spng_set_crc_action(png, SPNG_CRC_ERROR, SPNG_CRC_ERROR);
    if (!error) error = spng_set_chunk_limits(png, MOST_PNG_CHUNK, MOST_PNG_CHUNK);
    if (!error) error = spng_set_png_buffer(png, data, n);
    if (!error) error = spng_get_ihdr(png, &head);
    if (error == SPNG_EOVERFLOW && n >= 24) // of sizes, which stand behind IHDR
        SN_TRY(check_size("PNG", (long long)big_endian(b + 16), (long long)big_endian(b + 20)));
    if (error) return sn_error(SN_DATA, "damaged PNG: %s", spng_strerror(error));
    SN_TRY(prepare(f, "PNG", head.width, head.height, out));
    error = spng_decode_image(png, f->pixels, f->room, SPNG_FMT_RGB8, 0);
    if (!error) error = spng_decode_chunks(png); // up to the end mark
    return error ? sn_error(SN_DATA, "damaged PNG: %s", spng_strerror(error)) : SN_OK;
}

static sn_status decode_png(sn_imagefile *f, const void *data, size_t n, sn_picture *out) {
    spng_ctx *png = spng_ctx_new(0);
    if (!png) return sn_error(SN_RESOURCE, "libspng: out of memory");
    sn_status status = png_to_rgb(f, png, data, n, out);
    spng_ctx_free(png);
    return status;
}

sn_status sn_imagefile_decode(sn_imagefile *f, const void *data, size_t n, sn_picture *out) {
    static const unsigned char jpeg[] = {0xff, 0xd8, 0xff}, png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const unsigned char *b = data;
    if (!n) return sn_error(SN_DATA, "an empty file");
    if (n >= sizeof jpeg && !memcmp(b, jpeg, sizeof jpeg)) return decode_jpeg(f, data, n, out);
    if (n >= sizeof png && !memcmp(b, png, sizeof png)) return decode_png(f, data, n, out);
    return sn_error(SN_DATA, "neither JPEG nor PNG: it begins with 0x%02x 0x%02x", b[0], n > 1 ? b[1] : 0);
}
