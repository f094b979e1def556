// What every test program adds to Check: the end of its main, and checks of a status, of a message and of a number.
// Not here: files (folder.h), nets and kernels.
// Next: any test_*.c.
#ifndef SN_TEST_SUITE_H
#define SN_TEST_SUITE_H

#include "base/status.h"

#include <check.h>
#include <math.h>
#include <string.h>

#define ck_ok(call)                                                                                                              \
    do {                                                                                                                         \
        sn_status ck_status_ = (call);                                                                                           \
        ck_assert_msg(ck_status_ == SN_OK, "%s: status %d, %s", #call, (int)ck_status_, sn_error_text());                        \
    } while (0)
// Whether the current message holds a text; prints it if not.
#define ck_message(text) ck_assert_msg(strstr(sn_error_text(), text), "message '%s' lacks '%s'", sn_error_text(), text)

// How often something is tried again that the plain build tries n times in full: where sanitizers slow it down and watch memory,
// which the first tries show them, a quarter as often.
#if defined(__SANITIZE_ADDRESS__)
#define SN_OFTEN(n) (((n) + 3) / 4)
#else
#define SN_OFTEN(n) (n)
#endif

// NaN is near NaN only.
static inline void ck_near(double found, double expected, double tol, const char *what) {
    if (isnan(expected) ? isnan(found) : fabs(found - expected) <= tol) return;
    ck_abort_msg("%s: %.17g, expected %.17g", what, found, expected);
}

// Runs and releases the suite; what main returns.
static inline int run_suite(Suite *s) {
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

#endif
