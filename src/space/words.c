// Lists of words; see words.h.
#include "space/words.h"

#include <stddef.h>

const char *const sn_resize_words[] = {"crop", "stretch", NULL};
const char *const sn_pad_words[] = {"mean", "black", NULL};
const char *const sn_text_words[] = {"names", "digits", NULL};
const char *const sn_mode_words[] = {"sample", "relax", NULL};
const char *const sn_relax_data_words[] = {"half", "same", NULL};
const char *const sn_picks_words[] = {"all", "learned", NULL};
const char *const sn_collapse_words[] = {"warn", "stop", "rollback", NULL};
const char *const sn_update_words[] = {"part", "tensor", NULL};
const char *const sn_init_words[] = {"fan_out", "fan_in", "torch", NULL};
const char *const sn_optimizer_words[] = {"sgd", "adam", "adamw", NULL};
const char *const sn_schedule_words[] = {"cosine", "step", "constant", NULL};
const char *const sn_protocol_words[] = {"recalibrate", "batch", "running", NULL};
const char *const sn_best_by_words[] = {"accuracy", "loss", "effects", NULL};
const char *const sn_start_words[] = {"scratch", "inherited", NULL};
const char *const sn_format_words[] = {"onnx", "safetensors", NULL};
const char *const sn_export_bn_words[] = {"fold", "keep", NULL};
const char *const sn_device_words[] = {"cpu", "cpu-avx512", "cpu-avx2", "cpu-plain", "cpu-guarded", "ref", "ref64", NULL};
