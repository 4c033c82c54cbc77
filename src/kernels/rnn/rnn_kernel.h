// The plain side of the rnn room: what its ISA units and its driver share. Only data and function pointers.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace ortolan::kernels {

// One row of one step with the usual activations (sigmoid for gates, tanh for states), everything of a cell
// in one pass. Gates are sums of what comes from the input (gx, bias included) and from the state (gh), each
// `hidden` long, in ONNX's order. h and c are read and written in place.
struct RnnF32Variant {
  const char* name;
  Isa isa;
  void (*lstm)(const float* gx, const float* gh, int64_t hidden, float* h, float* c);  // gates i o f c
  // The update gate in front of its sigmoid: `z`, and reset * h in `rh`; for the form that multiplies the
  // state before its product.
  void (*gru_gates)(const float* gx, const float* gh, int64_t hidden, const float* h, float* z, float* rh);
  void (*gru_update)(const float* gx, const float* gh, int64_t hidden, const float* z, float* h);
  void (*gru)(const float* gx, const float* gh, int64_t hidden,
              float* h);  // linear_before_reset: gates z r h
  void (*rnn)(const float* gx, const float* gh, int64_t hidden, float* h);
};

}  // namespace ortolan::kernels
