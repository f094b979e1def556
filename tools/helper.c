// The process; see helper.h. What it reads is a file in memory, so only one pipe is waited on.
#include "helper.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 60, MISSING = 127, UNCLEAR = 126 };
static const size_t most = 64u << 20; // bytes that it may print

// ---------------------------------------------------------------- in the child
static _Noreturn void become(const helper *h, pid_t caller, int in, int out, int err) {
    setpgid(0, 0); // with what it may start itself, to be killed together
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != caller) _exit(UNCLEAR);
    for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0) _exit(UNCLEAR);
    close_range(STDERR_FILENO + 1, ~0u, 0);
    char *environment[] = {"LC_ALL=C.UTF-8", "TZ=UTC", NULL};
    execvpe(h->program, h->arguments, environment);
    _exit(errno == ENOENT || errno == ENOTDIR || errno == EACCES ? MISSING : UNCLEAR);
}

// ---------------------------------------------------------------- in the caller
typedef struct {
    const helper *helper;
    int script, out[2], err;
    pid_t child;
} process;

static void close_one(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void close_all(process *p) {
    close_one(&p->script);
    close_one(&p->out[0]);
    close_one(&p->out[1]);
    close_one(&p->err);
}

// A number above those of the standard streams, so that dup2 in the child moves nothing that is still needed.
static int high(int fd) {
    if (fd < 0 || fd > STDERR_FILENO) return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(fd);
    return moved;
}

static sn_status no_process(const process *p, const char *what) {
    return sn_error(SN_RESOURCE, "no %s for %s: %s", what, p->helper->program, strerror(errno));
}

static sn_status put_script(const process *p, const char *script, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = write(p->script, script + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return no_process(p, "memory");
        done += (size_t)n;
    }
    return lseek(p->script, 0, SEEK_SET) ? no_process(p, "memory") : SN_OK;
}

static sn_status start(process *p, const char *script, size_t size) {
    p->script = high(memfd_create("script", MFD_CLOEXEC));
    p->err = high(memfd_create("messages", MFD_CLOEXEC));
    if (p->script < 0 || p->err < 0) return no_process(p, "memory");
    SN_TRY(put_script(p, script, size));
    if (pipe2(p->out, O_CLOEXEC)) return no_process(p, "pipe");
    p->out[0] = high(p->out[0]);
    p->out[1] = high(p->out[1]);
    if (p->out[0] < 0 || p->out[1] < 0) return no_process(p, "pipe");
    pid_t caller = getpid();
    p->child = fork();
    if (p->child < 0) return no_process(p, "process");
    if (!p->child) become(p->helper, caller, p->script, p->out[1], p->err);
    setpgid(p->child, p->child);
    close_one(&p->out[1]);
    return SN_OK;
}

// Until the end of what it prints. SN_RESOURCE when that does not come in time, or is too much.
static sn_status receive(process *p, char **text, size_t *size) {
    double end = sn_now() + SECONDS;
    size_t room = 0;
    for (;;) {
        SN_TRY(sn_grow(text, &room, *size + (64u << 10) + 1, 1));
        double left = end - sn_now();
        struct pollfd wait = {.fd = p->out[0], .events = POLLIN};
        if (left <= 0) return sn_error(SN_RESOURCE, "%s has not ended within %d s and was killed", p->helper->program, SECONDS);
        if (poll(&wait, 1, (int)(left * 1000) + 1) <= 0) continue; // a signal, or time
        ssize_t n = read(p->out[0], *text + *size, room - *size - 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return no_process(p, "pipe");
        if (!n) return SN_OK;
        *size += (size_t)n;
        if (*size > most)
            return sn_error(SN_RESOURCE, "%s printed more than %zu MiB and was killed", p->helper->program, most >> 20);
    }
}

// What it said, on one line.
static void said(int fd, char *text, size_t size) {
    ssize_t n = pread(fd, text, size - 1, 0);
    text[n > 0 ? n : 0] = 0;
    for (char *p = text; *p; p++)
        if (*p == '\n' || *p == '\t') *p = ' ';
    char *begin = text + strspn(text, " ");
    memmove(text, begin, strlen(begin) + 1);
    for (size_t k = strlen(text); k && text[k - 1] == ' '; k--) text[k - 1] = 0;
}

static sn_status judge(const process *p, int state) {
    const helper *h = p->helper;
    char text[512];
    said(p->err, text, sizeof text);
    const char *what = text[0] ? text : "it gave no reason";
    if (WIFSIGNALED(state))
        return sn_error(SN_RESOURCE, "%s was killed by signal %d (%s); %s", h->program, WTERMSIG(state),
                        strsignal(WTERMSIG(state)), what);
    if (WEXITSTATUS(state) == MISSING) return sn_error(SN_RESOURCE, "%s was not found in PATH; %s", h->program, h->install);
    if (WEXITSTATUS(state))
        return sn_error(SN_RESOURCE, "%s ended with exit code %d: %s; %s", h->program, WEXITSTATUS(state), what, h->known);
    return SN_OK;
}

static sn_status talk(process *p, const char *script, size_t size, char **text, size_t *got) {
    int state = 0;
    SN_TRY(start(p, script, size));
    sn_status s = receive(p, text, got);
    if (s != SN_OK) kill(-p->child, SIGKILL);
    close_one(&p->out[0]);
    for (double end = sn_now() + SECONDS; waitpid(p->child, &state, WNOHANG) == 0;) { // it may have closed its output and live
        if (sn_now() > end) kill(-p->child, SIGKILL);
        poll(NULL, 0, 1);
    }
    return s == SN_OK ? judge(p, state) : s;
}

sn_status helper_run(const helper *h, const char *script, size_t size, char **out, size_t *got) {
    process p = {h, -1, {-1, -1}, -1, 0};
    char *text = NULL;
    size_t n = 0;
    sn_status s = talk(&p, script, size, &text, &n);
    close_all(&p);
    if (s != SN_OK) {
        free(text);
        return s;
    }
    text[n] = 0;
    *out = text, *got = n;
    return SN_OK;
}
