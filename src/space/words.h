// The words that configs, messages and files use for kinds of things: each enum with its list, in one order. Samplers and
// strategies have their own table (sampler/method.h). Next: io/config/config_keys.def.
#ifndef SN_WORDS_H
#define SN_WORDS_H

enum { SN_RESIZE_CROP, SN_RESIZE_STRETCH };                               // data.resize
enum { SN_PAD_MEAN, SN_PAD_BLACK };                                       // data.augment.pad
enum { SN_TEXT_NAMES, SN_TEXT_DIGITS };                                   // space.text
enum { SN_MODE_SAMPLE, SN_MODE_RELAX };                                   // train.mode
enum { SN_COLLAPSE_WARN, SN_COLLAPSE_STOP, SN_COLLAPSE_ROLLBACK };        // train.relax.on_collapse
enum { SN_PICKS_ALL, SN_PICKS_LEARNED };                                  // train.relax.picks
enum { SN_RELAX_HALF, SN_RELAX_SAME };                                    // train.relax.data
enum { SN_UPDATE_PART, SN_UPDATE_TENSOR };                                // train.update
enum { SN_INIT_FAN_OUT, SN_INIT_FAN_IN, SN_INIT_TORCH };                  // train.init; what they mean: params.h
enum { SN_OPTIMIZER_SGD, SN_OPTIMIZER_ADAM, SN_OPTIMIZER_ADAMW };         // *.optimizer.name
enum { SN_SCHEDULE_COSINE, SN_SCHEDULE_STEP, SN_SCHEDULE_CONSTANT };      // *.optimizer.schedule
enum { SN_PROTOCOL_RECALIBRATE, SN_PROTOCOL_BATCH, SN_PROTOCOL_RUNNING }; // rank.bn; what they mean: engine/evaluate.h
enum { SN_BEST_BY_ACCURACY, SN_BEST_BY_LOSS, SN_BEST_BY_EFFECTS };        // rank.by
enum { SN_START_SCRATCH, SN_START_INHERITED };                            // retrain.init
enum { SN_FORMAT_ONNX, SN_FORMAT_SAFETENSORS };                           // export.format
enum { SN_EXPORT_FOLD, SN_EXPORT_KEEP };                                  // export.bn

// Each ended by NULL.
extern const char *const sn_resize_words[];
extern const char *const sn_pad_words[];
extern const char *const sn_text_words[];
extern const char *const sn_mode_words[];
extern const char *const sn_relax_data_words[];
extern const char *const sn_collapse_words[];
extern const char *const sn_picks_words[];
extern const char *const sn_update_words[];
extern const char *const sn_init_words[];
extern const char *const sn_optimizer_words[];
extern const char *const sn_schedule_words[];
extern const char *const sn_protocol_words[];
extern const char *const sn_best_by_words[];
extern const char *const sn_start_words[];
extern const char *const sn_format_words[];
extern const char *const sn_export_bn_words[];
extern const char *const sn_device_words[]; // as kernels/backend.c opens them

#endif
