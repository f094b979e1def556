// The child process that decodes: everything that can become of it is a status and a message, and the caller goes on.
// Not here: real damaged files (test_hdf5data.c).
// Next: test_dataset.c.
#include "io/data/child.h"
#include "suite.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static sn_child limits = {"the file", (size_t)1 << 30, 60, NULL};

static void becomes(sn_status (*work)(void *), void *context, sn_status expected, const char *message) {
    sn_error(SN_OK, "earlier");
    sn_status status = sn_child_run(&limits, work, context);
    ck_assert_str_eq(sn_error_text(), message);
    ck_assert_int_eq(status, expected);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); // nobody left behind
}

static sn_status fine(void *context) {
    return *(int *)context == 7 ? SN_OK : SN_FAIL;
}
static sn_status refuse(void *context) {
    return sn_error(SN_CONFIG, "line %s of it", (char *)context);
}
static sn_status long_message(void *context) {
    memset(context, 'x', 5000);
    return sn_error(SN_DATA, "%s", (char *)context);
}
static sn_status leave(void *context) {
    if (context) _exit(*(int *)context);
    return SN_OK;
}
static sn_status fall(void *context) {
    signal(*(int *)context, SIG_DFL);
    raise(*(int *)context);
    return SN_OK;
}
static sn_status spin(void *context) { // for ever
    volatile int *p = context;
    while (*p >= 0) *p = (*p + 1) % 100;
    return SN_OK;
}
static sn_status rest(void *context) {
    sleep((unsigned)*(int *)context);
    return SN_OK;
}
static sn_status take_memory(void *context) {
    size_t n = *(size_t *)context;
    char *p = sn_new(n, 1);
    if (!p) return SN_RESOURCE;
    free(p);
    return SN_OK;
}
static sn_status has_default_handlers(void *context) {
    struct sigaction a;
    sigset_t blocked;
    sigaction(*(int *)context, NULL, &a);
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    return a.sa_handler == SIG_DFL && !sigismember(&blocked, SIGUSR2) ? SN_OK : sn_error(SN_FAIL, "handlers kept");
}

START_TEST(answers) {
    int seven = 7;
    char text[5001] = "12";
    becomes(fine, &seven, SN_OK, "earlier");
    becomes(refuse, text, SN_CONFIG, "line 12 of it");
    char longest[4096];
    memset(longest, 'x', 4095);
    longest[4095] = 0;
    becomes(long_message, text, SN_DATA, longest);
}
END_TEST

START_TEST(deaths) {
    int s = SIGSEGV;
    becomes(fall, &s, SN_DATA, "the file: its reader crashed with signal 11 (Segmentation fault): the data is damaged");
    s = SIGABRT;
    becomes(fall, &s, SN_DATA, "the file: its reader crashed with signal 6 (Aborted): the data is damaged");
    s = SIGTERM;
    becomes(fall, &s, SN_INTERRUPTED, "the file: reading it was interrupted by signal 15 (Terminated)");
    s = SIGINT;
    becomes(fall, &s, SN_INTERRUPTED, "the file: reading it was interrupted by signal 2 (Interrupt)");
    s = SIGKILL;
    becomes(fall, &s, SN_RESOURCE, "the file: its reader was killed, by hand or because memory ran out (signal 9)");
    s = 3;
    becomes(leave, &s, SN_DATA, "the file: its reader ended with exit code 3");
    s = 0; // it said nothing, although it seems well
    becomes(leave, &s, SN_DATA, "the file: its reader ended with exit code 0");
}
END_TEST

START_TEST(endless) {
    int count = 0;
    limits.seconds = 1;
    becomes(spin, &count, SN_DATA, "the file: its reader did not end within 1 s of processor time");
}
END_TEST

START_TEST(memory) {
#if defined(__SANITIZE_ADDRESS__)
    return; // there is no limit under a sanitizer
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return;
#endif
#endif
    size_t n = (size_t)1 << 31;
    limits.memory = (size_t)1 << 30;
    becomes(take_memory, &n, SN_RESOURCE, "out of memory: 2147483648 items of 1 bytes");
    n >>= 2;
    becomes(take_memory, &n, SN_OK, "earlier");
}
END_TEST

static volatile sig_atomic_t told;
static void on_alarm(int s) {
    (void)s;
    told = 1;
}

// A signal to the caller only sets a flag; the child is ended by it, and does not inherit the handler or the mask.
START_TEST(stop) {
    struct sigaction a = {.sa_handler = on_alarm};
    sigset_t block;
    int s = SIGALRM;
    sigaction(SIGALRM, &a, NULL);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR2);
    sigprocmask(SIG_BLOCK, &block, NULL);
    becomes(has_default_handlers, &s, SN_OK, "earlier");
    limits.stop = &told;
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    alarm(1);
    s = 100;
    becomes(rest, &s, SN_INTERRUPTED, "the file: reading it was stopped");
    clock_gettime(CLOCK_MONOTONIC, &after);
    ck_assert_int_le(after.tv_sec - before.tv_sec, 3);
}
END_TEST

int main(void) {
    Suite *s = suite_create("child");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, answers);
    tcase_add_test(t, deaths);
    tcase_add_test(t, endless);
    tcase_add_test(t, memory);
    tcase_add_test(t, stop);
    suite_add_tcase(s, t);
    return run_suite(s);
}
