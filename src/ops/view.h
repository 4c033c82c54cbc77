// What the operators whose output is a view of their input (Reshape, Squeeze, Flatten...) share with the
// stages that carry such views out.
#pragma once

#include "base/status.h"
#include "value/dims.h"

namespace ortolan {

// The failure of a view whose element count differs, in onnxruntime's words, which clients search for.
inline Status CannotReshape(const Dims& from, const Dims& to) {
  return Fail(
      "The input tensor cannot be reshaped to the requested shape. Input shape:{}, requested shape:{}",
      DimsText(from), DimsText(to));
}

}  // namespace ortolan
