// RunEpilogue: a tile program over the output tile of another kernel. Wide tiles are walked row by row in
// place; narrow ones are packed, several rows to a strip, so that an instruction always has enough elements
// to be worth its call.
#include "kernels/elementwise/epilogue.h"

#include <algorithm>
#include <cstring>

#include "kernels/elementwise/frame.h"

namespace ortolan::kernels {
namespace {

constexpr int64_t kStrip = 1024;  // elements: 4 KB
constexpr int64_t kNarrow = 96;   // six vectors: below this a row alone does not pay for the calls

struct Area {
  int64_t batch, m, n;
};

bool IsSingle(const EpilogueOperand& operand, bool across_rows) {
  return operand.n_stride == 0 && (operand.n_block == 0 || operand.n_block_stride == 0) &&
         (!across_rows || operand.m_stride == 0);
}

// Rows of a packed strip are a few vectors long: a call to memcpy each would cost as much as the copy.
void CopyRow(const float* from, int64_t n, float* to) {
  constexpr int64_t kLine = 16;
  for (; n >= kLine; n -= kLine, from += kLine, to += kLine) std::memcpy(to, from, kLine * sizeof(float));
  for (; n > 0; --n) *to++ = *from++;
}

class EpilogueRunner {
 public:
  EpilogueRunner(const Epilogue& epilogue, int64_t strip)
      : program_(*epilogue.program), operands_(epilogue.operands), frame_(program_, strip) {}

  // `across_rows`: strips of several rows, packed.
  void Bind(bool across_rows) {
    for (size_t i = 0; i < program_.registers.size(); ++i) {
      const Program::Register& info = program_.registers[i];
      if (info.source != Program::Source::kInput) continue;
      const int16_t reg = static_cast<int16_t>(i);
      const bool single =
          info.index > 0 && IsSingle(operands_[static_cast<size_t>(info.index - 1)], across_rows);
      frame_.Bind(reg, frame_.SlotOf(reg), single);
    }
    frame_.Resolve();
    result_ = program_.outputs[0].reg;
    const Program::Register& result = program_.registers[static_cast<size_t>(result_)];
    direct_ = !across_rows && result.output == 0 && !result.input_read_later && !frame_.single(result_);
  }

  void RunRow(float* row, Area at, int64_t n) {
    BindOperands(at, 1, n, row);
    if (direct_) frame_.Bind(result_, row);
    frame_.Run(n);
    if (!direct_) StoreRow(0, row, n);
  }

  void RunRows(float* tile, int64_t ld, Area at, int64_t rows, int64_t n) {
    BindOperands(at, rows, n, nullptr);
    if (const int16_t reg = TileRegister(); reg >= 0) {
      float* slot = static_cast<float*>(frame_.SlotOf(reg));
      for (int64_t i = 0; i < rows; ++i) CopyRow(tile + i * ld, n, slot + i * n);
    }
    frame_.Run(rows * n);
    for (int64_t i = 0; i < rows; ++i) StoreRow(i * n, tile + i * ld, n);
  }

 private:
  int16_t TileRegister() const {
    for (size_t i = 0; i < program_.registers.size(); ++i) {
      const Program::Register& info = program_.registers[i];
      if (info.source == Program::Source::kInput && info.index == 0) return static_cast<int16_t>(i);
    }
    return -1;  // a program that ignores its tile
  }

  void StoreRow(int64_t position, float* row, int64_t n) {
    const bool single = frame_.single(result_);
    const std::byte* from = frame_.at(result_) + (single ? 0 : position * 4);
    if (!single && SameForm(program_.registers[static_cast<size_t>(result_)].element)) {
      return CopyRow(reinterpret_cast<const float*>(from), n, row);
    }
    frame_.StoreFrom(from, Element::kF32, row, single ? 1 : n);
    if (single) SpreadFirst(row, 4, n);
  }

  void BindOperands(Area at, int64_t rows, int64_t n, float* tile_row) {
    for (size_t i = 0; i < program_.registers.size(); ++i) {
      const Program::Register& info = program_.registers[i];
      if (info.source != Program::Source::kInput) continue;
      const int16_t reg = static_cast<int16_t>(i);
      if (info.index == 0) {
        frame_.Bind(reg, tile_row != nullptr ? static_cast<void*>(tile_row) : frame_.SlotOf(reg));
        continue;
      }
      BindOperand(reg, info, operands_[static_cast<size_t>(info.index - 1)], at, rows, n);
    }
  }

  static const std::byte* Locate(const EpilogueOperand& operand, Element element, int64_t batch, int64_t m,
                                 int64_t n) {
    int64_t offset = batch * operand.batch_stride + m * operand.m_stride;
    if (operand.n_block > 0) {
      offset += n / operand.n_block * operand.n_block_stride + n % operand.n_block * operand.n_stride;
    } else {
      offset += n * operand.n_stride;
    }
    return static_cast<const std::byte*>(operand.data) + offset * ElementBytes(element);
  }

  void BindOperand(int16_t reg, const Program::Register& info, const EpilogueOperand& operand, Area at,
                   int64_t rows, int64_t n) {
    const std::byte* first = Locate(operand, info.element, at.batch, at.m, at.n);
    if (frame_.single(reg)) {
      if (SameForm(info.element)) {
        frame_.Bind(reg, const_cast<std::byte*>(first), true);
      } else {
        frame_.LoadTo(frame_.SlotOf(reg), info.element, first, 1);
      }
      return;
    }
    if (rows == 1 && operand.n_block == 0 && operand.n_stride == 1 && SameForm(info.element)) {
      frame_.Bind(reg, const_cast<std::byte*>(first));
      return;
    }
    std::byte* slot = static_cast<std::byte*>(frame_.SlotOf(reg));
    frame_.Bind(reg, slot);
    const int bytes = ComputeBytes(ComputeTypeOf(info.element));
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t done = 0; done < n;) {
        const int64_t column = at.n + done;
        const int64_t piece =
            operand.n_block > 0 ? std::min(n - done, operand.n_block - column % operand.n_block) : n;
        LoadPiece(slot + (row * n + done) * bytes, info.element,
                  Locate(operand, info.element, at.batch, at.m + row, column), operand.n_stride, piece);
        done += piece;
      }
    }
  }

  void LoadPiece(std::byte* to, Element element, const std::byte* from, int64_t stride, int64_t n) {
    const int bytes = ComputeBytes(ComputeTypeOf(element));
    if (stride == 1) {
      frame_.LoadTo(to, element, from, n);
    } else if (stride == 0) {
      frame_.LoadTo(to, element, from, 1);
      SpreadFirst(to, bytes, n);
    } else {
      for (int64_t i = 0; i < n; ++i)
        frame_.LoadTo(to + i * bytes, element, from + i * stride * ElementBytes(element), 1);
    }
  }

  const Program& program_;
  std::span<const EpilogueOperand> operands_;
  int16_t result_ = 0;
  bool direct_ = false;
  Frame frame_;
};

// Floats of a plane that all steps of a chain run over before the next ones come: half of L1.
constexpr int64_t kPlane = 4096;
// Narrower rows waste most of a vector.
constexpr int64_t kNarrowestPlane = 8;

struct PlaneOperand {
  PlaneFunction function = nullptr;
  const float* data = nullptr;
  int64_t m_stride = 0;
  int64_t n_stride = 0;
};
constexpr size_t kMostPlaneSteps = 8;

// The steps of a chain with their operands at (batch, 0, 0); 0 where an operand does not stand as a plane
// does.
size_t PlaneOperands(const Epilogue& epilogue, int64_t batch, PlaneOperand (&found)[kMostPlaneSteps]) {
  const Program& program = *epilogue.program;
  const size_t count = program.plane_steps.size();
  if (count > kMostPlaneSteps) return 0;
  for (size_t i = 0; i < count; ++i) {
    const Program::PlaneStep& step = program.plane_steps[i];
    if (step.operand < 0) {
      found[i].function = step.function[0];
      continue;
    }
    const Program::Register& reg = program.registers[static_cast<size_t>(step.operand)];
    if (reg.source == Program::Source::kConstant) {
      found[i] = {step.function[1],
                  reinterpret_cast<const float*>(&program.constants[static_cast<size_t>(reg.index)]), 0, 0};
      continue;
    }
    const EpilogueOperand& operand = epilogue.operands[static_cast<size_t>(reg.index - 1)];
    const bool single = IsSingle(operand, false);
    if (!single && (operand.n_block != 0 || operand.n_stride != 1)) return 0;
    found[i] = {step.function[single ? 1 : 0],
                static_cast<const float*>(operand.data) + batch * operand.batch_stride, operand.m_stride,
                operand.n_stride};
  }
  return count;
}

bool RunPlane(const Epilogue& epilogue, float* tile, int64_t ld, int64_t batch, int64_t m0, int64_t m_count,
              int64_t n0, int64_t n_count) {
  PlaneOperand steps[kMostPlaneSteps];
  const size_t count = PlaneOperands(epilogue, batch, steps);
  if (count == 0) return false;
  const int64_t columns = count == 1 ? n_count : std::min(n_count, kPlane);
  const int64_t rows = count == 1 ? m_count : std::max<int64_t>(1, kPlane / columns);
  for (int64_t i = 0; i < m_count; i += rows) {
    for (int64_t j = 0; j < n_count; j += columns) {
      for (size_t s = 0; s < count; ++s) {
        const PlaneOperand& step = steps[s];
        step.function(tile + i * ld + j, ld, step.data + (m0 + i) * step.m_stride + (n0 + j) * step.n_stride,
                      step.m_stride, std::min(rows, m_count - i), std::min(columns, n_count - j));
      }
    }
  }
  return true;
}

}  // namespace

void RunEpilogue(const Epilogue& epilogue, float* tile, int64_t ld, int64_t batch, int64_t m0,
                 int64_t m_count, int64_t n0, int64_t n_count) {
  if (epilogue.program == nullptr || m_count <= 0 || n_count <= 0) return;
  if ((n_count >= kNarrowestPlane || m_count == 1) &&
      RunPlane(epilogue, tile, ld, batch, m0, m_count, n0, n_count))
    return;
  const int64_t slots = epilogue.program->slot_count + static_cast<int64_t>(epilogue.program->inputs.size());
  const int64_t room = kFrameBytes / (std::max<int64_t>(1, slots) * epilogue.program->slot_bytes) / 16 * 16;
  const int64_t strip = std::min(kStrip, room);
  EpilogueRunner runner(epilogue, strip);
  if (n_count >= kNarrow || m_count == 1) {
    runner.Bind(false);
    for (int64_t i = 0; i < m_count; ++i) {
      for (int64_t j = 0; j < n_count; j += strip) {
        runner.RunRow(tile + i * ld + j, {batch, m0 + i, n0 + j}, std::min(strip, n_count - j));
      }
    }
    return;
  }
  const int64_t step = std::max<int64_t>(1, strip / n_count);
  runner.Bind(true);
  for (int64_t i = 0; i < m_count; i += step) {
    runner.RunRows(tile + i * ld, ld, {batch, m0 + i, n0}, std::min(step, m_count - i), n_count);
  }
}

}  // namespace ortolan::kernels
