// The cells of recurrent layers, written once over simd/vec.h and compiled by each ISA unit.
#pragma once

#include "kernels/rnn/rnn_kernel.h"
#include "simd/math.h"
#include "simd/vec.h"

namespace ortolan::kernels {
namespace {

// Elements i.. of a gate: both parts added. n lanes are real.
inline F32 GateAt(const float* gx, const float* gh, int64_t i, int64_t n) {
  return LoadN(gx + i, n) + LoadN(gh + i, n);
}

inline int64_t LanesLeft(int64_t count, int64_t i) {
  return count - i < kLanes ? count - i : int64_t{kLanes};
}

void Lstm(const float* gx, const float* gh, int64_t hidden, float* h, float* c) {
  for (int64_t i = 0; i < hidden; i += kLanes) {
    const int64_t n = LanesLeft(hidden, i);
    const F32 in = Sigmoid(GateAt(gx, gh, i, n));
    const F32 out = Sigmoid(GateAt(gx, gh, hidden + i, n));
    const F32 forget = Sigmoid(GateAt(gx, gh, 2 * hidden + i, n));
    const F32 fresh = Tanh(GateAt(gx, gh, 3 * hidden + i, n));
    const F32 cell = Fma(forget, LoadN(c + i, n), in * fresh);
    StoreN(c + i, cell, n);
    StoreN(h + i, out * Tanh(cell), n);
  }
}

void GruGates(const float* gx, const float* gh, int64_t hidden, const float* h, float* z, float* rh) {
  for (int64_t i = 0; i < hidden; i += kLanes) {
    const int64_t n = LanesLeft(hidden, i);
    StoreN(z + i, GateAt(gx, gh, i, n), n);
    StoreN(rh + i, Sigmoid(GateAt(gx, gh, hidden + i, n)) * LoadN(h + i, n), n);
  }
}

// (1 - z) * fresh + z * h with z = sigmoid(x). Both weights have their full precision, also where z is next
// to 1 and the difference would be all rounding: of e = e^-x they are 1 / (1 + e) and e / (1 + e).
inline F32 Blend(F32 x, F32 fresh, F32 h) {
  const F32 e = FastExp2(Max(Set(-125.0f), Min(Set(125.9f), x * Set(-1.44269504f))));
  const F32 z = FastReciprocal(Set(1.0f) + e);
  return Fma(z, h, (z * e) * fresh);
}

void GruUpdate(const float* gx, const float* gh, int64_t hidden, const float* z, float* h) {
  for (int64_t i = 0; i < hidden; i += kLanes) {
    const int64_t n = LanesLeft(hidden, i);
    StoreN(h + i, Blend(LoadN(z + i, n), Tanh(GateAt(gx, gh, i, n)), LoadN(h + i, n)), n);
  }
}

void Gru(const float* gx, const float* gh, int64_t hidden, float* h) {
  for (int64_t i = 0; i < hidden; i += kLanes) {
    const int64_t n = LanesLeft(hidden, i);
    const F32 z = GateAt(gx, gh, i, n);
    const F32 reset = Sigmoid(GateAt(gx, gh, hidden + i, n));
    const F32 fresh = Tanh(Fma(reset, LoadN(gh + 2 * hidden + i, n), LoadN(gx + 2 * hidden + i, n)));
    StoreN(h + i, Blend(z, fresh, LoadN(h + i, n)), n);
  }
}

void Rnn(const float* gx, const float* gh, int64_t hidden, float* h) {
  for (int64_t i = 0; i < hidden; i += kLanes) {
    const int64_t n = LanesLeft(hidden, i);
    StoreN(h + i, Tanh(GateAt(gx, gh, i, n)), n);
  }
}

}  // namespace
}  // namespace ortolan::kernels
