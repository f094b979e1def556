// The clock by which steps, forecasts and progress lines are timed.
// Not here: dates. No time ever enters a file, but those for TensorBoard (io/files/events.h).
// Next: bench.h.
#ifndef SN_CLOCK_H
#define SN_CLOCK_H

double sn_now(void); // seconds since some moment; only forwards

#endif
