// The per-thread error message and checked allocation; see status.h.
// No global state but the thread's message.
#include "base/status.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE = 8192 };
static _Thread_local char message[MESSAGE];
static _Thread_local sn_status last;

// Names and texts in a message may come from anybody's file.
static sn_status set(sn_status code, char text[MESSAGE]) {
    memcpy(message, sn_utf8_printable(text, "\n"), sizeof message);
    return last = code;
}

sn_status sn_error(sn_status code, const char *format, ...) {
    char text[MESSAGE]; // an argument may be the current message
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return set(code, text);
}

sn_status sn_error_prefix(sn_status code, const char *format, ...) {
    char text[MESSAGE];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    int room = (int)(sizeof text - used) - 3; // ": " and the end
    if (room > 0) snprintf(text + used, sizeof text - used, ": %.*s", room, message);
    return set(code, text);
}

const char *sn_error_text(void) {
    return message;
}

sn_status sn_error_code(void) {
    return last;
}

void *sn_new(size_t n, size_t size) {
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p) sn_error(SN_RESOURCE, "out of memory: %zu items of %zu bytes", n, size);
    return p;
}

sn_status sn_grow(void *items, size_t *capacity, size_t n, size_t size) {
    if (n <= *capacity) return SN_OK;
    size_t want = *capacity ? *capacity : 16;
    while (want < n) want = want > SIZE_MAX / 2 ? n : want * 2;
    void *old, *grown = NULL;
    memcpy(&old, items, sizeof old);
    size_t bytes;
    if (!__builtin_mul_overflow(want, size, &bytes)) grown = realloc(old, bytes);
    if (!grown) return sn_error(SN_RESOURCE, "out of memory: %zu items of %zu bytes", want, size);
    memcpy(items, &grown, sizeof grown);
    *capacity = want;
    return SN_OK;
}

char *sn_strdup(const char *text) {
    size_t n = strlen(text) + 1;
    char *copy = sn_new(n, 1);
    if (copy) memcpy(copy, text, n);
    return copy;
}

char *sn_format(const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : sn_new((size_t)n + 1, 1);
    if (text) vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}
