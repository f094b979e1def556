// Points of curves for TensorBoard: files of events in a folder, one for each start of the program. A file is a sequence of
// records (TFRecord): length (8 bytes, little-endian), masked CRC-32C of these, the event (events.proto), masked CRC-32C of it.
// The only files of a run with times of the clock in them; nothing reads them back but TensorBoard. Next: events.c.
#ifndef SN_EVENTS_H
#define SN_EVENTS_H

#include "base/status.h"
#include <stdint.h>

typedef struct sn_events sn_events;

typedef struct {
    const char *tag;
    double value;
} sn_point;

// Begins a new file in the folder, which is made if needed, for points beyond `step`. What our earlier files there have beyond it
// is cut off, so that no reader sees a step twice; and the new file begins by saying so, for a TensorBoard that has read them
// already.
sn_status sn_events_open(const char *folder, int64_t step, sn_events **out);
void sn_events_close(sn_events *);
// The points of a step, now. On failure the file ends with its last whole record.
sn_status sn_events_add(sn_events *, int64_t step, const sn_point *, size_t n);

#endif
