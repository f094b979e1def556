// Status codes, the per-thread error message, and allocation that reports failure.
// Not here: printing (only tools/ print) and exiting (only main exits).
// Next: rng.h, then space.h.
#ifndef SN_STATUS_H
#define SN_STATUS_H

#include <stddef.h>

// One table gives the enum, the names and the exit codes of the program.
#define SN_STATUS_TABLE(X)                                                                                                       \
    X(SN_OK, 0, "done")                                                                                                          \
    X(SN_FAIL, 1, "failure")                                                                                                     \
    X(SN_USAGE, 2, "usage")                                                                                                      \
    X(SN_CONFIG, 3, "config invalid")                                                                                            \
    X(SN_DATA, 4, "data or checkpoint damaged")                                                                                  \
    X(SN_RESOURCE, 5, "out of memory or disk")                                                                                   \
    X(SN_DIVERGED, 6, "diverged")                                                                                                \
    X(SN_DEVICE, 7, "device lost")                                                                                               \
    X(SN_INTERRUPTED, 75, "interrupted, checkpoint saved")

typedef enum {
#define X(name, code, text) name = code,
    SN_STATUS_TABLE(X)
#undef X
} sn_status;

// Sets this thread's message and returns code, so that a failure is `return sn_error(SN_DATA, "...", ...)`.
// A message says what failed, on which named thing, what was found and what is allowed.
sn_status sn_error(sn_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Puts "text: " before the current message (context added on the way up). Returns code.
sn_status sn_error_prefix(sn_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The last message of this thread; "" when none. Borrowed, valid until the next sn_error of the thread.
const char *sn_error_text(void);
// The code that came with it.
sn_status sn_error_code(void);

// Zeroed memory for n items of the given size, or NULL with the message set (code SN_RESOURCE); n = 0 gives a valid pointer.
// Release with free().
void *sn_new(size_t n, size_t size);
// Grows *items (of `size` bytes each) to hold at least n; *capacity is updated. On failure nothing changes.
sn_status sn_grow(void *items, size_t *capacity, size_t n, size_t size);
// Copy of a string, or NULL with the message set.
char *sn_strdup(const char *text);
// printf into new memory, or NULL with the message set.
char *sn_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define SN_TRY(call)                                                                                                             \
    do {                                                                                                                         \
        sn_status sn_try_ = (call);                                                                                              \
        if (sn_try_ != SN_OK) return sn_try_;                                                                                    \
    } while (0)

#endif
