// Forks, limits, waits; see child.h.
// Not here: what is done in the child.
// Next: cache.c.
#include "io/data/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { MESSAGE = 4096, LOOK_MS = 100 };

typedef struct { // what comes through the pipe
    sn_status status;
    char message[MESSAGE];
} answer;

// --- in the child

static void lower(__rlimit_resource_t resource, uint64_t value) {
    struct rlimit limit;
    if (getrlimit(resource, &limit)) return;
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > value) limit.rlim_cur = value; // the hard limit of time kills unseen
    setrlimit(resource, &limit);
}

// Bytes that this process has mapped; 0 when unknown.
static uint64_t mapped(void) {
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%llu", &pages) != 1) pages = 0;
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

// Dies with its caller, also when that is dead already.
static void follow(pid_t caller) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != caller) _exit(1);
}

static void set_limits(const sn_child *how) {
    for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL); // the caller's handlers are not ours
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); // a write beyond the limit then fails with EFBIG
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    lower(RLIMIT_CORE, 0);
    lower(RLIMIT_CPU, how->seconds);
    uint64_t now = SANITIZED ? 0 : mapped();
    if (now) lower(RLIMIT_AS, now + how->memory);
    if (!SANITIZED) { // a dying C library or parser must not write over the caller's terminal
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
    }
}

static void send(int fd, const void *data, size_t n) {
    for (const char *p = data; n;) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return;
        p += done;
        n -= (size_t)done;
    }
}

// --- in the caller

// Reads the answer to its end; returns the bytes got. Kills the child when told to stop (*stopped).
static size_t receive(const sn_child *how, int fd, pid_t child, answer *a, int *stopped) {
    size_t n = 0;
    for (;;) {
        if (how->stop && *how->stop && !*stopped) {
            kill(child, SIGKILL);
            *stopped = 1;
        }
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, how->stop ? LOOK_MS : -1) <= 0) continue; // time to look at stop, or a signal
        ssize_t got = read(fd, (char *)a + n, sizeof *a - n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return n;
        n += (size_t)got;
    }
}

static sn_status died(const sn_child *how, int state) {
    if (!WIFSIGNALED(state)) return sn_error(SN_DATA, "%s: its reader ended with exit code %d", how->what, WEXITSTATUS(state));
    int s = WTERMSIG(state);
    switch (s) {
    case SIGINT:
    case SIGTERM:
    case SIGHUP:
        return sn_error(SN_INTERRUPTED, "%s: reading it was interrupted by signal %d (%s)", how->what, s, strsignal(s));
    case SIGKILL:
        return sn_error(SN_RESOURCE, "%s: its reader was killed, by hand or because memory ran out (signal %d)", how->what, s);
    case SIGXCPU:
        return sn_error(SN_DATA, "%s: its reader did not end within %u s of processor time", how->what, how->seconds);
    default:
        return sn_error(SN_DATA, "%s: its reader crashed with signal %d (%s): the data is damaged", how->what, s, strsignal(s));
    }
}

sn_status sn_child_run(const sn_child *how, sn_status (*work)(void *context), void *context) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return sn_error(SN_RESOURCE, "%s: no pipe for its reader: %s", how->what, strerror(errno));
    answer a = {0};
    pid_t caller = getpid(), child = fork();
    if (child < 0) {
        int why = errno;
        close(ends[0]);
        close(ends[1]);
        return sn_error(SN_RESOURCE, "%s: no process for its reader: %s", how->what, strerror(why));
    }
    if (!child) {
        follow(caller);
        set_limits(how);
        a.status = work(context);
        snprintf(a.message, sizeof a.message, "%s", sn_error_text());
        send(ends[1], &a, offsetof(answer, message) + strlen(a.message));
        _exit(0);
    }
    close(ends[1]);
    int stopped = 0, state = 0;
    size_t got = receive(how, ends[0], child, &a, &stopped);
    close(ends[0]);
    while (waitpid(child, &state, 0) < 0 && errno == EINTR) {}
    if (stopped) return sn_error(SN_INTERRUPTED, "%s: reading it was stopped", how->what);
    if (!WIFEXITED(state) || WEXITSTATUS(state) || got < offsetof(answer, message)) return died(how, state);
    a.message[MESSAGE - 1] = 0;
    return a.status == SN_OK ? SN_OK : sn_error(a.status, "%s", a.message);
}
