// Fuzzes the decoder of one format.
#include "picture_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return ortolan::FuzzDecoder(ortolan::image::DecodeJpeg2000, data, size);
}
