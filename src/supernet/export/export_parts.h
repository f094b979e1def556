// What the two exported formats share: the tensors of an arch in file order, and the notes about it. For export*.c only.
// Not here: what callers use (export.h). Next: export_parts.c.
#ifndef SN_EXPORT_PARTS_H
#define SN_EXPORT_PARTS_H

#include "supernet/export/export.h"

// A tensor by name; name and data are the list's.
typedef struct {
    char *name;
    int ndim;
    size_t dims[4];
    float *data;
} sn_export_tensor;

typedef struct {
    sn_export_tensor *item;
    size_t n, capacity;
} sn_export_tensors;

void sn_export_tensors_free(sn_export_tensors *);
// Takes over name and data (also on failure); either may be NULL after a failed allocation, which is then passed on.
sn_status sn_export_add(sn_export_tensors *, char *name, int ndim, const size_t *dims, float *data);
// A parameter in file order under its own name.
sn_status sn_export_add_param(sn_export_tensors *, const sn_supernet *, int param);
// NAME.running_mean and NAME.running_var.
sn_status sn_export_add_stats(sn_export_tensors *, const sn_supernet *, int stats);

// A parameter's numbers in file order, in new memory; NULL with the message set.
float *sn_export_numbers(const sn_supernet *, int param);

// live[node] as sn_graph_live gives it, in new memory; and the numbers that the arch's parameters hold. SN_FAIL when a name would
// leave the alphabet of exported names: letters, digits, ".", "_", "-".
sn_status sn_export_live(const sn_supernet *, const sn_arch *, uint8_t **live, int64_t *params);

// Notes by key; both texts are the list's.
typedef struct {
    sn_export_note *item;
    size_t n, capacity;
} sn_export_notes;

sn_status sn_export_notes_make(const sn_graph *, const sn_export_about *, sn_export_notes *out);
// Copies both texts.
sn_status sn_export_note_add(sn_export_notes *, const char *key, const char *value);
void sn_export_notes_free(sn_export_notes *);

#endif
