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

struct LstmCell {
  F32 h, c;
};

// Of the gates in front of their activations.
inline LstmCell CellOf(F32 in, F32 out, F32 forget, F32 fresh, F32 c) {
  const F32 cell = Fma(Sigmoid(forget), c, Sigmoid(in) * Tanh(fresh));
  return {Sigmoid(out) * Tanh(cell), cell};
}

void Lstm(const float* gx, const float* gh, int64_t hidden, bool blocks, float* h, float* c) {
  const int64_t gate = blocks ? kLanes : hidden;
  for (int64_t i = 0; i < hidden; i += kLanes) {
    const int64_t n = LanesLeft(hidden, i), at = blocks ? 4 * i : i;
    const LstmCell cell =
        CellOf(GateAt(gx, gh, at, n), GateAt(gx, gh, at + gate, n), GateAt(gx, gh, at + 2 * gate, n),
               GateAt(gx, gh, at + 3 * gate, n), LoadN(c + i, n));
    StoreN(c + i, cell.c, n);
    StoreN(h + i, cell.h, n);
  }
}

// Bound by reading the weights, which L2 gives at 32 bytes a cycle: half of what one FMA a cycle could use.
// So the two panels of a block's four gates are read side by side, which takes one broadcast of the state for
// four FMA, and the cell of a block is computed while the next one's weights come in. No prefetch: it takes
// turns from the loads (measured 9 %), and the hardware's own follows two streams.
void StepOfLstm(const LstmStep& step) {
  const int64_t hidden = step.hidden, blocks = hidden / kLanes, panel = hidden * 2 * kLanes;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t block = step.backwards ? blocks - 1 - i : i;
    const float* left = step.r + block * 2 * panel;
    const float* right = left + panel;
    const float* h = step.h;
    F32 even[4] = {Zero(), Zero(), Zero(), Zero()}, odd[4] = {Zero(), Zero(), Zero(), Zero()};
    for (int64_t k = hidden; k > 0; k -= 2) {
      const F32 first = Set(h[0]), second = Set(h[1]);
      even[0] = Fma(first, Load(left), even[0]);
      even[1] = Fma(first, Load(left + kLanes), even[1]);
      even[2] = Fma(first, Load(right), even[2]);
      even[3] = Fma(first, Load(right + kLanes), even[3]);
      odd[0] = Fma(second, Load(left + 2 * kLanes), odd[0]);
      odd[1] = Fma(second, Load(left + 3 * kLanes), odd[1]);
      odd[2] = Fma(second, Load(right + 2 * kLanes), odd[2]);
      odd[3] = Fma(second, Load(right + 3 * kLanes), odd[3]);
      h += 2;
      left += 4 * kLanes;
      right += 4 * kLanes;
    }
    const float* gx = step.gx + block * 4 * kLanes;
    const LstmCell cell = CellOf(even[0] + odd[0] + Load(gx), even[1] + odd[1] + Load(gx + kLanes),
                                 even[2] + odd[2] + Load(gx + 2 * kLanes),
                                 even[3] + odd[3] + Load(gx + 3 * kLanes), Load(step.c + block * kLanes));
    Store(step.c + block * kLanes, cell.c);
    Store(step.next_h + block * kLanes, cell.h);
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
