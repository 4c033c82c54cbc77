// ProgramBuilder::Activation: activations that a model spells out in several operators become the one
// instruction that computes them in a pass.
#include <algorithm>
#include <bit>
#include <cmath>

#include "base/small_vector.h"
#include "kernels/elementwise/program.h"

namespace ortolan::kernels {
namespace {

// Exporters write sqrt(2), 1 / sqrt(2) and the like with float's digits or fewer.
bool Near(double a, double b) {
  return std::abs(a - b) <= 2e-6 * std::abs(b);
}

}  // namespace

const Instruction* ProgramBuilder::MakerOf(Reg a, TileOp op) const {
  for (const Instruction& made : code_) {
    if (made.dst == a && made.op == op) return &made;
  }
  return nullptr;
}

bool ProgramBuilder::IsNumber(Reg a, double value) const {
  const Program::Register& info = registers_[static_cast<size_t>(a)];
  if (info.source != Program::Source::kConstant || info.element != Element::kF32) return false;
  const auto bits = static_cast<uint32_t>(constants_[static_cast<size_t>(info.index)]);
  return Near(static_cast<double>(std::bit_cast<float>(bits)), value);
}

// The other operand of a sum or product with a number.
Reg ProgramBuilder::Beside(Reg a, TileOp op, double value) const {
  const Instruction* made = MakerOf(a, op);
  if (made == nullptr) return kNoReg;
  if (IsNumber(made->args[1], value)) return made->args[0];
  return IsNumber(made->args[0], value) ? made->args[1] : kNoReg;
}

Reg ProgramBuilder::Times(Reg a, double value) const {
  if (const Reg x = Beside(a, TileOp::kMul, value); x != kNoReg) return x;
  const Instruction* made = MakerOf(a, TileOp::kDiv);
  return made != nullptr && IsNumber(made->args[1], 1 / value) ? made->args[0] : kNoReg;
}

// Whether `a` is x^3 in one of its forms.
bool ProgramBuilder::IsCube(Reg a, Reg x) const {
  if (const Instruction* power = MakerOf(a, TileOp::kPow)) {
    return power->args[0] == x && IsNumber(power->args[1], 3);
  }
  const auto is_square = [&](Reg b) {
    if (const Instruction* power = MakerOf(b, TileOp::kPow))
      return power->args[0] == x && IsNumber(power->args[1], 2);
    const Instruction* product = MakerOf(b, TileOp::kMul);
    return product != nullptr && product->args[0] == x && product->args[1] == x;
  };
  const Instruction* product = MakerOf(a, TileOp::kMul);
  return product != nullptr && ((product->args[0] == x && is_square(product->args[1])) ||
                                (product->args[1] == x && is_square(product->args[0])));
}

// x of 1 + erf(x / sqrt 2), and of 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)).
Reg ProgramBuilder::ErfGate(Reg a) const {
  const Reg inner = Beside(a, TileOp::kAdd, 1);
  const Instruction* erf = inner == kNoReg ? nullptr : MakerOf(inner, TileOp::kErf);
  return erf == nullptr ? kNoReg : Times(erf->args[0], 0.70710678118654752);
}
Reg ProgramBuilder::TanhGate(Reg a) const {
  const Reg inner = Beside(a, TileOp::kAdd, 1);
  const Instruction* tanh = inner == kNoReg ? nullptr : MakerOf(inner, TileOp::kTanh);
  const Reg sum = tanh == nullptr ? kNoReg : Times(tanh->args[0], 0.79788456080286536);
  const Instruction* add = sum == kNoReg ? nullptr : MakerOf(sum, TileOp::kAdd);
  if (add == nullptr) return kNoReg;
  for (const int i : {0, 1}) {
    const Reg cube = Times(add->args[1 - i], 0.044715);
    if (cube != kNoReg && IsCube(cube, add->args[i])) return add->args[i];
  }
  return kNoReg;
}

// The product of `a` and `b`, where it ends one of: x sigmoid(x); x clip(x / 6 + 0.5, 0, 1); x (1 + erf(x /
// sqrt 2)) / 2; the same with tanh. The factors of GELU come in any order.
Reg ProgramBuilder::Activation(Reg a, Reg b) {
  if (registers_[static_cast<size_t>(a)].element != Element::kF32) return kNoReg;
  for (const auto& [x, gate] : {std::pair(a, b), std::pair(b, a)}) {
    const Instruction* sigmoid = MakerOf(gate, TileOp::kSigmoid);
    if (sigmoid != nullptr && sigmoid->args[0] == x)
      return Append(TileOp::kSilu, Element::kF32, x, kNoReg, kNoReg);
    const Instruction* clip = MakerOf(gate, TileOp::kClip);
    if (clip == nullptr || !IsNumber(clip->args[1], 0) || !IsNumber(clip->args[2], 1)) continue;
    const Reg scaled = Beside(clip->args[0], TileOp::kAdd, 0.5);
    if (scaled != kNoReg && Times(scaled, 1.0 / 6) == x)
      return Append(TileOp::kHardSwish, Element::kF32, x, kNoReg, kNoReg);
  }
  SmallVector<Reg, 4> factors;
  for (const Reg side : {a, b}) {
    const Instruction* product = MakerOf(side, TileOp::kMul);
    const bool open = product != nullptr && factors.size() < 2;
    factors.push_back(open ? product->args[0] : side);
    if (open) factors.push_back(product->args[1]);
  }
  if (factors.size() != 3) return kNoReg;
  std::sort(factors.begin(), factors.end());
  do {
    const Reg x = factors[0], gate = factors[1];
    if (!IsNumber(factors[2], 0.5)) continue;
    if (ErfGate(gate) == x) return Append(TileOp::kGelu, Element::kF32, x, kNoReg, kNoReg);
    if (TanhGate(gate) == x) return Append(TileOp::kGeluTanh, Element::kF32, x, kNoReg, kNoReg);
  } while (std::next_permutation(factors.begin(), factors.end()));
  return kNoReg;
}

}  // namespace ortolan::kernels
