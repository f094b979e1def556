// Whether bytes are UTF-8 text.
// Not here: anything about what the text says.
// Next: h5file.h and onnx.h, which hold texts.
#ifndef SN_UTF8_H
#define SN_UTF8_H

#include <stdbool.h>

// No surrogates, no overlong forms, at most U+10FFFF.
bool sn_utf8_valid(const char *text);

#endif
