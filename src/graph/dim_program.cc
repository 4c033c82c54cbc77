// DimProgram: expressions as straight-line code over registers, for evaluation once per shape signature.
#include <algorithm>
#include <unordered_set>

#include "graph/dim.h"
#include "graph/dim_store.h"

namespace ortolan::graph {
namespace {

// Saturating arithmetic never makes this value, so a register can say that it depends on an unknown symbol.
constexpr int64_t kUnknown = std::numeric_limits<int64_t>::min();

}  // namespace

int DimProgram::Emit(Instruction::Op op, int32_t a, int32_t b, int64_t constant) {
  instructions_.push_back({op, a, b, constant});
  return static_cast<int>(instructions_.size()) - 1;
}

int DimProgram::CompileConstant(int64_t constant) {
  const auto [found, made] = constants_.try_emplace(constant, 0);
  if (made) found->second = Emit(Instruction::Op::kConstant, 0, 0, std::max(constant, -kDimInfinity));
  return found->second;
}

int DimProgram::CompileAtom(const DimStore& store, int32_t index) {
  if (const auto found = atoms_.find(index); found != atoms_.end()) return found->second;
  const DimAtom& atom = store.atoms[static_cast<size_t>(index)];
  int result = 0;
  if (atom.op == DimOp::kSymbol) {
    result = Emit(Instruction::Op::kSymbol, atom.symbol, 0, 0);
  } else {
    const int a = Compile(atom.a);
    const int b = Compile(atom.b);
    using Op = Instruction::Op;
    const Op op = atom.op == DimOp::kAdd        ? Op::kAdd
                  : atom.op == DimOp::kMul      ? Op::kMul
                  : atom.op == DimOp::kFloorDiv ? Op::kFloorDiv
                  : atom.op == DimOp::kMin      ? Op::kMin
                  : atom.op == DimOp::kMax      ? Op::kMax
                                                : Op::kBroadcast;
    result = Emit(op, a, b, 0);
  }
  atoms_.emplace(index, result);
  return result;
}

int DimProgram::Compile(Dim dim) {  // recursion is bounded by DimStore::kMostDepth
  if (dim.IsConstant()) return CompileConstant(dim.constant());
  if (const auto found = expressions_.find(dim.expr()); found != expressions_.end()) return found->second;
  int sum = -1;
  for (const DimTerm& term : dim.expr()->terms) {
    int product = term.coefficient == 1 && !term.atoms.empty() ? -1 : CompileConstant(term.coefficient);
    for (int32_t atom : term.atoms) {
      const int factor = CompileAtom(*dim.expr()->store, atom);
      product = product < 0 ? factor : Emit(Instruction::Op::kMul, product, factor, 0);
    }
    sum = sum < 0 ? product : Emit(Instruction::Op::kAdd, sum, product, 0);
  }
  expressions_.emplace(dim.expr(), sum);
  return sum;
}

int DimProgram::Add(Dim dim) {
  const int next = slot_count();
  int& slot = dim.IsConstant() ? constant_slots_.try_emplace(dim.constant(), next).first->second
                               : expression_slots_.try_emplace(dim.expr(), next).first->second;
  if (slot != next) return slot;
  const int result = Compile(dim);
  slot_register_.push_back(result);
  // The symbols that this slot reads: every instruction that the result is made from, visited once.
  std::vector<int> symbols;
  std::vector<int> stack{result};
  std::unordered_set<int> seen{result};
  while (!stack.empty()) {
    const Instruction& instruction = instructions_[static_cast<size_t>(stack.back())];
    stack.pop_back();
    if (instruction.op == Instruction::Op::kSymbol) symbols.push_back(instruction.a);
    if (instruction.op == Instruction::Op::kSymbol || instruction.op == Instruction::Op::kConstant) continue;
    if (seen.insert(instruction.a).second) stack.push_back(instruction.a);
    if (seen.insert(instruction.b).second) stack.push_back(instruction.b);
  }
  std::sort(symbols.begin(), symbols.end());
  slot_symbols_.push_back(std::move(symbols));
  return next;
}

std::span<const int> DimProgram::SymbolsOf(int slot) const {
  return slot_symbols_[static_cast<size_t>(slot)];
}

void DimProgram::Evaluate(std::span<const int64_t> symbols, std::span<int64_t> out) const {
  SmallVector<int64_t, 128> registers(instructions_.size());
  for (size_t i = 0; i < instructions_.size(); ++i) {
    const Instruction& instruction = instructions_[i];
    if (instruction.op == Instruction::Op::kConstant) {
      registers[i] = instruction.constant;
      continue;
    }
    if (instruction.op == Instruction::Op::kSymbol) {
      const size_t index = static_cast<size_t>(instruction.a);
      registers[i] = index < symbols.size() && symbols[index] >= 0 ? symbols[index] : kUnknown;
      continue;
    }
    const int64_t a = registers[static_cast<size_t>(instruction.a)];
    const int64_t b = registers[static_cast<size_t>(instruction.b)];
    if (a == kUnknown || b == kUnknown) {
      registers[i] = kUnknown;
      continue;
    }
    switch (instruction.op) {
      case Instruction::Op::kAdd:
        registers[i] = SaturatingAdd(a, b);
        break;
      case Instruction::Op::kMul:
        registers[i] = SaturatingMul(a, b);
        break;
      case Instruction::Op::kFloorDiv:
        registers[i] = FloorDivInt(a, b);
        break;
      case Instruction::Op::kMin:
        registers[i] = std::min(a, b);
        break;
      case Instruction::Op::kBroadcast:
        registers[i] = a == 1 ? b : a;
        break;
      default:
        registers[i] = std::max(a, b);
        break;
    }
  }
  for (size_t slot = 0; slot < slot_register_.size() && slot < out.size(); ++slot) {
    const int64_t value = registers[static_cast<size_t>(slot_register_[slot])];
    out[slot] = value == kUnknown ? -1 : value;
  }
}

}  // namespace ortolan::graph
