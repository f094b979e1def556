// Reading whole files, and replacing files so that a crash at any moment leaves the old or the new one; see atomic.h.
// Plain system calls; every one of them is checked, and made to fail once by tests/test_faults.c.
// Next: h5file.h.
#include "io/files/atomic.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME = 64, TRIES = 100 };

sn_status sn_file_failed(const char *path, const char *what, sn_status otherwise) {
    int e = errno;
    sn_status code = otherwise;
    switch (e) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EIO:
    case EROFS:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
        code = SN_RESOURCE;
        break;
    default:
        break;
    }
    char text[128];
    const char *name = strerrorname_np(e);
    return sn_error(code, "%s: cannot %s: %s (%s)", path, what, strerror_r(e, text, sizeof text), name ? name : "unknown error");
}

// open, repeated when a signal interrupts it.
static int open_in(int folder, const char *name, int flags) {
    int fd;
    do fd = openat(folder, name, flags | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int sync_fd(int fd) {
    int rc;
    do rc = fsync(fd);
    while (rc < 0 && errno == EINTR);
    return rc;
}

// On Linux a close that was interrupted has closed.
static int close_fd(int fd) {
    return close(fd) < 0 && errno != EINTR ? -1 : 0;
}

static int write_all(int fd, const unsigned char *p, size_t n) {
    while (n) {
        ssize_t done = write(fd, p, n < (1u << 30) ? n : 1u << 30);
        if (done < 0 && errno == EINTR) continue;
        if (done == 0) errno = EIO;
        if (done <= 0) return -1;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

// A new file of a name that no other process uses: ".supernet-PID-K.tmp". K moves on when an older process of this id left one.
static int open_temporary(int folder, char name[NAME]) {
    for (int k = 0; k < TRIES; k++) {
        snprintf(name, NAME, ".supernet-%ld-%d.tmp", (long)getpid(), k);
        int fd = open_in(folder, name, O_WRONLY | O_CREAT | O_EXCL);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

// 0, or -1 with *what naming the step that failed and errno telling why.
static int fill(int fd, const sn_piece *pieces, size_t n, const char **what) {
    *what = "write";
    for (size_t i = 0; i < n; i++)
        if (write_all(fd, pieces[i].data, pieces[i].size) < 0) return -1;
    *what = "write (fsync)";
    return sync_fd(fd);
}

static int rename_in(int folder, const char *from, const char *to) {
    int rc;
    do rc = renameat(folder, from, folder, to);
    while (rc < 0 && errno == EINTR);
    return rc;
}

// Some network file systems have no fsync of folders (EINVAL); they order the rename themselves.
static sn_status sync_folder(int folder, const char *path) {
    if (sync_fd(folder) >= 0 || errno == EINVAL) return SN_OK;
    return sn_file_failed(path, "make sure that the new content, which is in place, survives a power cut (fsync of the folder)",
                          SN_FAIL);
}

static sn_status save_in(int folder, const char *path, const char *name, const sn_piece *pieces, size_t n) {
    char temporary[NAME];
    int fd = open_temporary(folder, temporary);
    if (fd < 0) return sn_file_failed(path, "create a temporary file beside it", SN_FAIL);
    const char *what;
    int rc = fill(fd, pieces, n, &what), why = errno;
    if (close_fd(fd) < 0 && rc == 0) what = "write (close)", why = errno, rc = -1;
    if (rc == 0 && rename_in(folder, temporary, name) < 0) what = "put the new content in place (rename)", why = errno, rc = -1;
    if (rc < 0) {
        unlinkat(folder, temporary, 0); // a failure here adds nothing to the first one; sn_atomic_clean comes by again
        errno = why;
        return sn_file_failed(path, what, SN_FAIL);
    }
    return sync_folder(folder, path);
}

// The folder of a path; name points at its last part.
static char *folder_of(const char *path, const char **name) {
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (!slash) return sn_strdup(".");
    return sn_format("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static sn_status check_folder(const char *path) {
    const char *name;
    char *folder = folder_of(path, &name);
    if (!folder) return SN_RESOURCE;
    sn_status s = SN_OK;
    if (!*name)
        s = sn_error(SN_USAGE, "%s: cannot write: not a file name", path);
    else if (access(folder, W_OK | X_OK))
        s = sn_file_failed(path, "write to its folder", SN_FAIL);
    free(folder);
    return s;
}

sn_status sn_file_replaceable(const char *path) {
    struct stat old;
    SN_TRY(check_folder(path));
    if (lstat(path, &old) || S_ISREG(old.st_mode)) return SN_OK;
    const char *what = S_ISDIR(old.st_mode) ? "a folder" : S_ISLNK(old.st_mode) ? "a symbolic link" : "a device or pipe";
    return sn_error(SN_FAIL, "%s: cannot write: there is %s of that name; allowed is a file or nothing", path, what);
}

// Opens the folder in which a file may be put in place under the last part of path.
static sn_status open_folder_of(const char *path, int *fd, const char **name) {
    SN_TRY(sn_file_replaceable(path));
    char *folder = folder_of(path, name);
    if (!folder) return SN_RESOURCE;
    *fd = open_in(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY);
    free(folder);
    return *fd < 0 ? sn_file_failed(path, "open its folder", SN_FAIL) : SN_OK;
}

sn_status sn_atomic_save(const char *path, const sn_piece *pieces, size_t n) {
    const char *name;
    int fd;
    SN_TRY(open_folder_of(path, &fd, &name));
    sn_status status = save_in(fd, path, name, pieces, n);
    close(fd); // only read: nothing can be lost
    return status;
}

char *sn_file_beside(const char *path) {
    const char *name;
    char *folder = folder_of(path, &name);
    char *beside = folder ? sn_format("%s/.supernet-%ld-%d.tmp", folder, (long)getpid(), TRIES) : NULL;
    free(folder);
    return beside;
}

static sn_status put_in_place(const char *beside, const char *path) {
    const char *name, *slash = strrchr(beside, '/');
    int fd;
    SN_TRY(open_folder_of(path, &fd, &name));
    sn_status s = rename_in(fd, slash + 1, name) < 0 ? sn_file_failed(path, "put the new content in place (rename)", SN_FAIL)
                                                     : sync_folder(fd, path);
    close(fd);
    return s;
}

sn_status sn_file_settle(sn_status s, const char *beside, const char *path) {
    if (s == SN_OK) s = put_in_place(beside, path);
    if (s != SN_OK) unlink(beside); // absent where only the last step failed
    return s;
}

// Whether a name is that of a temporary file whose process is gone.
static bool stale(const char *name) {
    static const char head[] = ".supernet-";
    if (strncmp(name, head, sizeof head - 1) != 0 || !isdigit((unsigned char)name[sizeof head - 1])) return false;
    char *end;
    errno = 0;
    long pid = strtol(name + sizeof head - 1, &end, 10);
    if (errno || pid <= 0 || (pid_t)pid != pid || *end++ != '-' || !isdigit((unsigned char)*end)) return false;
    (void)strtol(end, &end, 10);
    if (strcmp(end, ".tmp") != 0) return false;
    return pid == getpid() || (kill((pid_t)pid, 0) < 0 && errno == ESRCH);
}

sn_status sn_atomic_clean(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) return sn_file_failed(folder, "list the folder", SN_FAIL);
    sn_status status = SN_OK;
    struct dirent *entry;
    while ((errno = 0, entry = readdir(dir)) != NULL)
        if (stale(entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT) {
            char *path = sn_format("%s/%s", folder, entry->d_name);
            status = sn_file_failed(path ? path : folder, "remove this left-over file", SN_FAIL);
            free(path);
        }
    if (errno) status = sn_file_failed(folder, "list the folder", SN_FAIL);
    closedir(dir);
    return status;
}

bool sn_folders_make(char *path) {
    for (char *p = path + (*path != 0);; p++) {
        if (*p && *p != '/') continue;
        char kept = *p;
        *p = 0;
        if (mkdir(path, 0777) && errno != EEXIST) return false;
        if (!kept) return true;
        *p = kept;
    }
}

static sn_status read_open(int fd, const char *path, size_t cap, unsigned char **bytes, size_t *size) {
    struct stat st;
    if (fstat(fd, &st) < 0) return sn_file_failed(path, "read (fstat)", SN_DATA);
    if (!S_ISREG(st.st_mode)) return sn_error(SN_DATA, "%s: not a regular file", path);
    size_t n = (size_t)st.st_size;
    if (n > cap) return sn_error(SN_DATA, "%s: %zu bytes; at most %zu are allowed here", path, n, cap);
    unsigned char *p = sn_new(n, 1);
    if (!p) return sn_error_prefix(SN_RESOURCE, "%s", path);
    for (size_t done = 0; done < n;) {
        ssize_t got = read(fd, p + done, n - done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            sn_status status = got < 0
                                   ? sn_file_failed(path, "read", SN_DATA)
                                   : sn_error(SN_DATA, "%s: became shorter while it was read: %zu of %zu bytes", path, done, n);
            free(p);
            return status;
        }
        done += (size_t)got;
    }
    *bytes = p;
    *size = n;
    return SN_OK;
}

static sn_status open_regular(const char *path, int *fd) {
    *fd = open_in(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY); // not to wait on a pipe
    if (*fd < 0 && errno == ELOOP) return sn_error(SN_DATA, "%s: is a symbolic link; allowed are regular files", path);
    return *fd < 0 ? sn_file_failed(path, "open", SN_DATA) : SN_OK;
}

sn_status sn_file_read(const char *path, size_t cap, unsigned char **bytes, size_t *size) {
    int fd;
    SN_TRY(open_regular(path, &fd));
    sn_status status = read_open(fd, path, cap, bytes, size);
    close(fd); // only read: nothing can be lost
    return status;
}

sn_status sn_file_begin(const char *path, void *begin, size_t n, size_t *got) {
    int fd;
    struct stat st;
    SN_TRY(open_regular(path, &fd));
    sn_status status = fstat(fd, &st) < 0     ? sn_file_failed(path, "read (fstat)", SN_DATA)
                       : !S_ISREG(st.st_mode) ? sn_error(SN_DATA, "%s: not a regular file", path)
                                              : SN_OK;
    for (*got = 0; status == SN_OK && *got < n;) {
        ssize_t more = read(fd, (char *)begin + *got, n - *got);
        if (more < 0 && errno != EINTR) status = sn_file_failed(path, "read", SN_DATA);
        if (more == 0) break;
        if (more > 0) *got += (size_t)more;
    }
    close(fd); // only read: nothing can be lost
    return status;
}

// Bytes of the next read, 0 at the end, -1 on failure; of a pipe that has none yet, when they come or *stop is set.
static ssize_t read_some(int fd, char *to, size_t room, const volatile sig_atomic_t *stop) {
    enum { LOOK_MS = 100 };
    for (;;) {
        ssize_t got = read(fd, to, room);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN)) return got;
        if (stop && *stop) return errno = EINTR, -1;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (errno == EAGAIN) poll(&p, 1, LOOK_MS);
    }
}

static sn_status read_stream(int fd, const char *path, size_t cap, const volatile sig_atomic_t *stop, char **data, size_t *size) {
    size_t room = 0;
    for (ssize_t got = 1; got && *size <= cap; *size += (size_t)got) {
        SN_TRY(sn_grow(data, &room, *size + (64 << 10) + 1, 1));
        got = read_some(fd, *data + *size, room - *size - 1, stop);
        if (got < 0 && errno == EINTR) return sn_error(SN_INTERRUPTED, "%s: reading it was stopped", path);
        if (got < 0) return sn_file_failed(path, "read", SN_USAGE);
    }
    struct stat st;
    if (!*size && !fstat(fd, &st) && S_ISFIFO(st.st_mode))
        return sn_error(SN_USAGE, "%s: a pipe that nobody writes to; start the writer first", path);
    if (*size > cap) return sn_error(SN_DATA, "%s: larger than %zu MiB", path, cap >> 20);
    (*data)[*size] = 0;
    return SN_OK;
}

sn_status sn_input_read(const char *path, size_t cap, const volatile sig_atomic_t *stop, char **text, size_t *size) {
    int fd = open_in(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY); // a pipe without a writer would block here for ever
    if (fd < 0) return sn_file_failed(path, "open", SN_USAGE);
    char *data = NULL;
    size_t n = 0;
    sn_status status = read_stream(fd, path, cap, stop, &data, &n);
    close(fd); // only read: nothing can be lost
    if (status != SN_OK) {
        free(data);
        return status;
    }
    *text = data;
    *size = n;
    return SN_OK;
}
