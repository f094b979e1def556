// Buffers in the host's memory; see memory.h. Each is a mapping of its own. A guarded backend keeps them closed to reading and
// writing but inside the verbs, so that whoever reaches past them stops there. Not here: running (backend.c).
#include "kernels/memory.h"
#include "base/available.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    void *base;
    int64_t elements;
    size_t bytes; // whole pages
} buffer;

struct sn_memory {
    sn_backend *backend;
    size_t real;
    bool guarded;
    buffer buffer[SN_BUFFERS];
};

// ---------------------------------------------------------------- opening and closing for a verb
static void protect(const sn_memory *m, sn_buffer b, int how) {
    if (m->guarded && m->buffer[b].bytes) mprotect(m->buffer[b].base, m->buffer[b].bytes, how);
}

static char *enter(const sn_memory *m, sn_buffer b, sn_off offset) {
    protect(m, b, PROT_READ | PROT_WRITE);
    size_t size = b == SN_BUFFER_LABELS ? sizeof(int32_t) : m->real;
    return (char *)m->buffer[b].base + (size_t)offset * size;
}

static void leave(const sn_memory *m, sn_buffer b) {
    protect(m, b, PROT_NONE);
}

// ---------------------------------------------------------------- room
// Refuses what the machine cannot give: it would promise, and kill the process when the pages are touched.
static sn_status check_room(size_t bytes, const char *what) {
    size_t room = sn_available_memory();
    return bytes <= room ? SN_OK
                         : sn_error(SN_RESOURCE, "out of memory: %s: %.0f MiB more are needed, %.0f MiB are free", what,
                                    (double)bytes / 0x1p20, (double)room / 0x1p20);
}

static size_t bytes_of(const sn_memory *m, sn_buffer b, int64_t elements) {
    size_t size = b == SN_BUFFER_LABELS ? sizeof(int32_t) : m->real;
    enum { VECTOR = 16, PAGE = 4096 }; // kernels read whole vectors
    return elements ? (((size_t)elements + VECTOR) * size + PAGE - 1) / PAGE * PAGE : 0;
}

// New pages are touched now, so that no step pays for them.
static sn_status map(sn_memory *m, sn_buffer b, int64_t elements, const char *what) {
    buffer *x = &m->buffer[b];
    size_t bytes = bytes_of(m, b, elements);
    if (bytes > x->bytes) {
        void *p = x->bytes ? mremap(x->base, x->bytes, bytes, MREMAP_MAYMOVE)
                           : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) return sn_error(SN_RESOURCE, "out of memory: %s: cannot map %.0f MiB", what, (double)bytes / 0x1p20);
        madvise(p, bytes, MADV_HUGEPAGE);
        long page = sysconf(_SC_PAGESIZE);
        for (size_t i = x->bytes; i < bytes; i += (size_t)page) ((volatile char *)p)[i] = 0;
        x->base = p;
        x->bytes = bytes;
    }
    x->elements = elements;
    return SN_OK;
}

sn_status sn_memory_open(sn_backend *backend, const int64_t elements[SN_BUFFERS], const char *what, sn_memory **out) {
    sn_memory *m = sn_new(1, sizeof *m);
    if (!m) return SN_RESOURCE;
    m->backend = backend;
    m->real = sn_backend_real(backend);
    size_t all = 0;
    for (sn_buffer b = 0; b < SN_BUFFERS; b++) all += bytes_of(m, b, elements[b]);
    sn_status s = check_room(all, what);
    for (sn_buffer b = 0; b < SN_BUFFERS && s == SN_OK; b++) s = map(m, b, elements[b], what);
    m->guarded = sn_backend_guarded(backend);
    for (sn_buffer b = 0; b < SN_BUFFERS; b++) leave(m, b);
    if (s != SN_OK)
        sn_memory_close(m);
    else
        *out = m;
    return s;
}

void sn_memory_close(sn_memory *m) {
    if (!m) return;
    for (sn_buffer b = 0; b < SN_BUFFERS; b++)
        if (m->buffer[b].bytes) munmap(m->buffer[b].base, m->buffer[b].bytes);
    free(m);
}

int64_t sn_memory_elements(const sn_memory *m, sn_buffer b) {
    return m->buffer[b].elements;
}

sn_status sn_memory_grow(sn_memory *m, sn_buffer b, int64_t elements, const char *what) {
    if (elements <= m->buffer[b].elements) return SN_OK;
    SN_TRY(check_room(bytes_of(m, b, elements) - m->buffer[b].bytes, what));
    enter(m, b, 0);
    sn_status s = map(m, b, elements, what);
    leave(m, b);
    return s;
}

// ---------------------------------------------------------------- the host's verbs
void sn_memory_put(sn_memory *m, sn_buffer b, sn_off offset, const float *in, int64_t n) {
    char *to = enter(m, b, offset);
    if (m->real == sizeof(float))
        memcpy(to, in, (size_t)n * sizeof *in);
    else
        for (int64_t i = 0; i < n; i++) ((double *)(void *)to)[i] = in[i];
    leave(m, b);
}

void sn_memory_get(const sn_memory *m, sn_buffer b, sn_off offset, float *out, int64_t n) {
    const char *from = enter(m, b, offset);
    if (m->real == sizeof(float))
        memcpy(out, from, (size_t)n * sizeof *out);
    else
        for (int64_t i = 0; i < n; i++) out[i] = (float)((const double *)(const void *)from)[i];
    leave(m, b);
}

void sn_memory_put_labels(sn_memory *m, const int32_t *labels, int64_t n) {
    sn_memory_write(m, SN_BUFFER_LABELS, 0, labels, (size_t)n * sizeof *labels);
}

void sn_memory_read(const sn_memory *m, sn_buffer b, sn_off offset, void *out, size_t bytes) {
    memcpy(out, enter(m, b, offset), bytes);
    leave(m, b);
}

void sn_memory_write(sn_memory *m, sn_buffer b, sn_off offset, const void *in, size_t bytes) {
    memcpy(enter(m, b, offset), in, bytes);
    leave(m, b);
}

const float *sn_memory_map(const sn_memory *m, sn_buffer b) {
    static const float nothing;
    if (!m->buffer[b].bytes) return &nothing;
    if (m->real == sizeof(float)) return (const float *)(const void *)enter(m, b, 0);
    float *copy = sn_new((size_t)m->buffer[b].elements, sizeof *copy);
    if (copy) sn_memory_get(m, b, 0, copy, m->buffer[b].elements);
    return copy;
}

void sn_memory_unmap(const sn_memory *m, sn_buffer b, const float *p) {
    if (m->real == sizeof(float))
        leave(m, b);
    else if (m->buffer[b].bytes)
        free((void *)p);
}

void sn_memory_fill(sn_memory *m, sn_buffer b, int byte) {
    if (m->buffer[b].bytes) memset(enter(m, b, 0), byte, m->buffer[b].bytes);
    leave(m, b);
}

void sn_memory_run(sn_memory *m, const sn_call *calls, const sn_launch *launches, int n_launches) {
    for (sn_buffer b = 0; b < SN_BUFFERS; b++) enter(m, b, 0);
    const sn_bases bases = {m->buffer[SN_BUFFER_ARENA].base, m->buffer[SN_BUFFER_WEIGHTS].base,
                            m->buffer[SN_BUFFER_GRADS].base, {m->buffer[SN_BUFFER_SLOT0].base, m->buffer[SN_BUFFER_SLOT1].base},
                            m->buffer[SN_BUFFER_STATS].base, m->buffer[SN_BUFFER_LABELS].base};
    sn_backend_run(m->backend, &bases, calls, launches, n_launches);
    for (sn_buffer b = 0; b < SN_BUFFERS; b++) leave(m, b);
}
