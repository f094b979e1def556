// Runs a function in a forked child with limits on memory and time; its status and message come back, also from a crash.
// Not here: results of any other kind (what is run writes a file).
// Next: cache.h, which makes cache files this way.
#ifndef SN_CHILD_H
#define SN_CHILD_H

#include "base/status.h"

#include <signal.h>

typedef struct {
    const char *what;                  // begins the messages about a dead child: the file that it was reading
    size_t memory;                     // bytes that it may map beyond what the process has mapped already (not under sanitizers)
    unsigned seconds;                  // of processor time
    const volatile sig_atomic_t *stop; // when it becomes nonzero the child is killed: SN_INTERRUPTED; NULL: never
} sn_child;

// Runs work(context) in a child whose standard error is silent and that dies with the caller. Returns its status, with its
// message as this thread's. A child that dies from a signal gives SN_DATA (its parser crashed or ran for too long),
// SN_RESOURCE (SIGKILL, as when memory runs out) or SN_INTERRUPTED (SIGINT, SIGTERM, SIGHUP).
sn_status sn_child_run(const sn_child *how, sn_status (*work)(void *context), void *context);

#endif
