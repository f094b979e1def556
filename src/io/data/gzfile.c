// Strict reading through zlib; see gzfile.h.
// Not here: formats.
// Next: decode_idx.c.
#include "io/data/gzfile.h"

#include "io/data/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { BUFFER = 256 << 10, MOST_READ = 1 << 30 };

sn_status sn_gzfile_open(sn_gzfile *f, const char *source, const char *path) {
    struct stat s;
    *f = (sn_gzfile){.path = sn_path_join(source, path)};
    if (!f->path) return SN_RESOURCE;
    if (stat(f->path, &s) || !(f->gz = gzopen(f->path, "rbe"))) return sn_error(SN_DATA, "%s: %s", f->path, strerror(errno));
    gzbuffer(f->gz, BUFFER);
    f->bytes = (uint64_t)s.st_size;
    f->packed = !gzdirect(f->gz);
    return SN_OK;
}

void sn_gzfile_close(sn_gzfile *f) {
    if (f->gz) gzclose_r(f->gz);
    free(f->path);
    *f = (sn_gzfile){0};
}

sn_status sn_gzfile_expect(const sn_gzfile *f, uint64_t n) {
    uint64_t most = f->packed ? f->bytes * SN_MOST_GZ_RATIO : f->bytes;
    if (n <= most) return SN_OK;
    return sn_error(SN_DATA, "%s: its header promises %llu bytes in all, but the file has %llu%s", f->path, (unsigned long long)n,
                    (unsigned long long)f->bytes, f->packed ? " packed ones" : "");
}

static sn_status broken(const sn_gzfile *f, const char *what) {
    int code;
    const char *why = gzerror(f->gz, &code);
    if (code == Z_ERRNO) why = strerror(errno);
    if (code == Z_OK || code == Z_BUF_ERROR || code == Z_STREAM_END)
        return sn_error(SN_DATA, "%s: cut short: ends after %llu bytes, in %s", f->path, (unsigned long long)f->at, what);
    if (code == Z_MEM_ERROR) return sn_error(SN_RESOURCE, "%s: out of memory", f->path);
    return sn_error(SN_DATA, "%s: damaged after %llu bytes, in %s: %s", f->path, (unsigned long long)f->at, what, why);
}

sn_status sn_gzfile_read(sn_gzfile *f, void *data, size_t n, const char *what) {
    for (char *p = data; n;) {
        int got = gzread(f->gz, p, (unsigned)(n < MOST_READ ? n : MOST_READ));
        if (got <= 0) return broken(f, what);
        f->at += (uint64_t)got;
        p += got;
        n -= (size_t)got;
    }
    return SN_OK;
}

sn_status sn_gzfile_end(sn_gzfile *f) {
    char more;
    int got = gzread(f->gz, &more, 1), code; // also checks gzip's own checksum
    if (got > 0) return sn_error(SN_DATA, "%s: more than the %llu bytes of its header", f->path, (unsigned long long)f->at);
    gzerror(f->gz, &code);
    return got < 0 || code < 0 ? broken(f, "gzip's checksum") : SN_OK;
}
