// Preloaded into the program by the reliability tests: makes the file calls of a save fail, or sends a signal in the middle of
// them. A save's calls are those of src/io/files/atomic.c: the open of a folder, then open, write, fsync, close, rename, fsync
// and close in it. Not part of the product. Environment:
//   SN_FAULT_FOLDER  only saves into folders whose path ends so
//   SN_FAULT         SAVE:CALL:ACTION, several with a comma. SAVE: its number from 1, 0 = every one. CALL: 0 to 7 as above.
//                    ACTION: eNUMBER = the call fails with that errno; sNUMBER = that signal is raised before the call
// Next: processes.h.
#undef _FORTIFY_SOURCE // its inline forms would clash with the definitions here
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    int folder, file; // descriptors of the save in hand, or -1
    int saves, calls;
} now = {-1, -1, 0, 0};

// Whether the call in hand has to fail; errno is set then.
static bool hit(void) {
    int call = now.calls++;
    for (const char *p = getenv("SN_FAULT"); p && *p; p += strcspn(p, ","), p += *p == ',') {
        int save, at, number;
        char action;
        if (sscanf(p, "%d:%d:%c%d", &save, &at, &action, &number) != 4) abort();
        if ((save && save != now.saves) || at != call) continue;
        if (action == 's') {
            raise(number);
        } else {
            errno = number;
            return true;
        }
    }
    return false;
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = end ? strlen(end) : 0;
    return m && n >= m && !strcmp(text + n - m, end);
}

static int open_at(int folder, const char *path, int flags, unsigned mode) {
    bool first = (flags & O_DIRECTORY) && ends_with(path, getenv("SN_FAULT_FOLDER"));
    bool second = now.folder >= 0 && folder == now.folder && (flags & O_CREAT);
    if (first) now.folder = now.file = -1, now.saves++, now.calls = 0;
    if ((first || second) && hit()) return -1;
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (first) now.folder = fd;
    if (second) now.file = fd;
    return fd;
}

int openat(int folder, const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    unsigned mode = flags & O_CREAT ? va_arg(args, unsigned) : 0;
    va_end(args);
    return open_at(folder, path, flags, mode);
}

int __openat_2(int folder, const char *path, int flags);
int __openat_2(int folder, const char *path, int flags) {
    return open_at(folder, path, flags, 0);
}

static bool ours(int fd) {
    return fd >= 0 && (fd == now.file || fd == now.folder);
}

ssize_t write(int fd, const void *data, size_t n) {
    if (ours(fd) && hit()) return -1;
    return syscall(SYS_write, fd, data, n);
}

int fsync(int fd) {
    if (ours(fd) && hit()) return -1;
    return (int)syscall(SYS_fsync, fd);
}

// As Linux does: the descriptor is gone whatever is returned.
int close(int fd) {
    bool fails = ours(fd) && hit();
    int why = errno;
    if (fd == now.file) now.file = -1;
    if (fd == now.folder) now.folder = -1;
    long rc = syscall(SYS_close, fd);
    if (fails) errno = why;
    return fails ? -1 : (int)rc;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    if (ours(from_fd) && hit()) return -1;
    return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}
