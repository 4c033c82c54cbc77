// RunProgram: walks a TileLoop in chunks and feeds tiles to the program. Operands that already have a
// register's form are read where they stand, and results are written to their destination, so a single
// instruction is a direct loop.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/elementwise/frame.h"
#include "kernels/elementwise/program.h"

namespace ortolan::kernels {
namespace {

class ChunkRunner {
 public:
  ChunkRunner(const Program& program, const TileLoop& loop, std::span<const void* const> inputs,
              std::span<void* const> outputs)
      : program_(program), loop_(loop), inputs_(inputs), outputs_(outputs), frame_(program, loop.tile) {}

  uint32_t Run(int64_t begin, int64_t end) {
    BindSingles();
    frame_.Resolve();
    ChooseDirect();
    if (loop_.by_rows) {
      RunRows(begin, end);
    } else {
      RunFlat(begin, end);
    }
    return frame_.fault();
  }

 private:
  const Program::Register& Info(int16_t reg) const { return program_.registers[static_cast<size_t>(reg)]; }
  const TileLoop::Side& InputSide(const Program::Register& reg) const {
    return loop_.inputs[static_cast<size_t>(reg.index)];
  }
  static const std::byte* Offset(const void* base, Element element, int64_t elements) {
    return static_cast<const std::byte*>(base) + elements * ElementBytes(element);
  }
  static std::byte* Offset(void* base, Element element, int64_t elements) {
    return static_cast<std::byte*>(base) + elements * ElementBytes(element);
  }

  template <typename Body>
  void ForEachInput(Body body) {
    for (size_t i = 0; i < program_.registers.size(); ++i) {
      const Program::Register& reg = program_.registers[i];
      if (reg.source == Program::Source::kInput) body(static_cast<int16_t>(i), reg, InputSide(reg));
    }
  }

  void BindSingles() {
    ForEachInput([&](int16_t reg, const Program::Register& info, const TileLoop::Side& side) {
      const bool single = loop_.by_rows ? side.strides.back() == 0 : side.scalar;
      frame_.Bind(reg, frame_.SlotOf(reg), single);
      if (side.scalar) BindOne(reg, info, 0);
    });
  }

  // A single element at `offset` of its input.
  void BindOne(int16_t reg, const Program::Register& info, int64_t offset) {
    const std::byte* from = Offset(inputs_[static_cast<size_t>(info.index)], info.element, offset);
    if (SameForm(info.element)) {
      frame_.Bind(reg, const_cast<std::byte*>(from), true);
    } else {
      frame_.LoadTo(frame_.SlotOf(reg), info.element, from, 1);
    }
  }

  // A tile that stands in one piece at `offset` of its input.
  void BindPiece(int16_t reg, const Program::Register& info, int64_t offset, int64_t n) {
    const std::byte* from = Offset(inputs_[static_cast<size_t>(info.index)], info.element, offset);
    if (SameForm(info.element)) {
      frame_.Bind(reg, const_cast<std::byte*>(from));
    } else {
      frame_.LoadTo(frame_.SlotOf(reg), info.element, from, n);
    }
  }

  // A tile of whole periods that start at `offset`.
  void FillPeriods(int16_t reg, const Program::Register& info, const TileLoop::Side& side, int64_t offset) {
    const auto bytes = static_cast<size_t>(ComputeBytes(ComputeTypeOf(info.element)));
    auto* slot = static_cast<std::byte*>(frame_.SlotOf(reg));
    frame_.LoadTo(slot, info.element, Offset(inputs_[static_cast<size_t>(info.index)], info.element, offset),
                  side.period);
    const size_t whole = static_cast<size_t>(std::min(loop_.tile, loop_.dims.back())) * bytes;
    for (size_t filled = static_cast<size_t>(side.period) * bytes; filled < whole;) {
      const size_t more = std::min(filled, whole - filled);
      std::memcpy(slot + filled, slot, more);
      filled += more;
    }
  }

  // n elements, `stride` apart in memory, to a place in register form.
  void LoadStrided(std::byte* to, Element element, const std::byte* from, int64_t stride, int64_t n) {
    const int bytes = ComputeBytes(ComputeTypeOf(element));
    if (stride == 1) {
      frame_.LoadTo(to, element, from, n);
    } else if (stride == 0) {
      frame_.LoadTo(to, element, from, 1);
      SpreadFirst(to, bytes, n);
    } else {
      for (int64_t i = 0; i < n; ++i)
        frame_.LoadTo(to + i * bytes, element, Offset(from, element, i * stride), 1);
    }
  }

  // Calls body(position in the tile, elements, offset in the operand) for each piece of a row of elements
  // [at, at + n).
  template <typename Body>
  void ForEachRowPiece(const TileLoop::Side& side, int64_t at, int64_t n, Body body) {
    const size_t last = loop_.dims.size() - 1;
    int64_t coordinates[kMostLoopDims];
    int64_t offset = 0;
    int64_t rest = at;
    for (size_t axis = last + 1; axis-- > 0;) {
      coordinates[axis] = rest % loop_.dims[axis];
      rest /= loop_.dims[axis];
      if (axis != last) offset += coordinates[axis] * side.strides[axis];
    }
    int64_t column = coordinates[last];
    for (int64_t done = 0; done < n; column = 0) {
      const int64_t piece = std::min(loop_.dims[last] - column, n - done);
      body(done, piece, offset + column * side.strides[last]);
      done += piece;
      for (size_t axis = last; axis-- > 0;) {
        offset += side.strides[axis];
        if (++coordinates[axis] < loop_.dims[axis]) break;
        offset -= side.strides[axis] * loop_.dims[axis];
        coordinates[axis] = 0;
      }
    }
  }

  void Gather(int16_t reg, const Program::Register& info, const TileLoop::Side& side, int64_t at, int64_t n) {
    const int bytes = ComputeBytes(ComputeTypeOf(info.element));
    std::byte* slot = static_cast<std::byte*>(frame_.SlotOf(reg));
    const void* base = inputs_[static_cast<size_t>(info.index)];
    ForEachRowPiece(side, at, n, [&](int64_t position, int64_t piece, int64_t offset) {
      LoadStrided(slot + position * bytes, info.element, Offset(base, info.element, offset),
                  side.strides.back(), piece);
    });
  }

  // A result may go straight to its destination unless that is also an input which is read afterwards.
  void ChooseDirect() {
    for (size_t o = 0; o < outputs_.size(); ++o) {
      const int16_t reg = program_.outputs[o].reg;
      const Program::Register& info = Info(reg);
      const TileLoop::Side& side = loop_.outputs[o];
      const bool whole = loop_.by_rows ? side.strides.back() == 1 : side.flat;
      const bool aliased =
          info.input_read_later && std::find(inputs_.begin(), inputs_.end(), outputs_[o]) != inputs_.end();
      direct_[o] = info.output == static_cast<int16_t>(o) && whole && !frame_.single(reg) && !aliased;
    }
  }

  // Stores output o, whose tile starts at `offset` of its destination and goes on by `stride`.
  void StoreRow(size_t o, int64_t position, int64_t offset, int64_t stride, int64_t n) {
    const Program::Output& output = program_.outputs[o];
    const Element element = output.element;
    const int bytes = ComputeBytes(ComputeTypeOf(Info(output.reg).element));
    std::byte* to = Offset(outputs_[o], element, offset);
    const bool single = frame_.single(output.reg);
    const std::byte* from = frame_.at(output.reg) + (single ? 0 : position * bytes);
    if (single && stride == 1) {
      frame_.StoreFrom(from, element, to, 1);
      SpreadFirst(to, ElementBytes(element), n);
    } else if (stride == 1) {
      frame_.StoreFrom(from, element, to, n);
    } else {
      for (int64_t i = 0; i < n; ++i) {
        frame_.StoreFrom(from + (single ? 0 : i * bytes), element, Offset(to, element, i * stride), 1);
      }
    }
  }

  // What a walk by rows knows of an operand: all that does not change from row to row is looked up once,
  // since a row may be as short as a dozen vectors.
  struct RowSide {
    const Program::Register* info;
    const TileLoop::Side* side;
    std::byte* base;
    int64_t stride, offset;  // in elements; the offset is the row's
    int64_t filled;          // the offset whose periods the tile holds, or -1
    int bytes;               // of an element
    int16_t reg;
    bool in_place;  // read or written where it stands

    void* At(int64_t column) const { return base + (offset + column * stride) * bytes; }
  };

  RowSide RowSideOf(int16_t reg, const TileLoop::Side& side, const void* base, Element element,
                    const int64_t* coordinates) const {
    const size_t last = loop_.dims.size() - 1;
    RowSide made{&Info(reg),
                 &side,
                 static_cast<std::byte*>(const_cast<void*>(base)),
                 side.strides[last],
                 0,
                 -1,
                 ElementBytes(element),
                 reg,
                 false};
    for (size_t axis = 0; axis < last; ++axis) made.offset += coordinates[axis] * side.strides[axis];
    return made;
  }

  void RunRows(int64_t begin, int64_t end) {
    const size_t last = loop_.dims.size() - 1;
    const int64_t width = loop_.dims[last];
    int64_t coordinates[kMostLoopDims] = {};
    int64_t rest = begin / width;
    for (size_t axis = last; axis-- > 0;) {
      coordinates[axis] = rest % loop_.dims[axis];
      rest /= loop_.dims[axis];
    }
    row_input_count_ = 0;
    ForEachInput([&](int16_t reg, const Program::Register& info, const TileLoop::Side& side) {
      if (side.scalar) return;
      RowSide& made = row_inputs_[row_input_count_++];
      made = RowSideOf(reg, side, inputs_[static_cast<size_t>(info.index)], info.element, coordinates);
      made.in_place = SameForm(info.element) && side.period == 0 && made.stride <= 1;
    });
    for (size_t o = 0; o < outputs_.size(); ++o) {
      const Program::Output& output = program_.outputs[o];
      row_outputs_[o] = RowSideOf(output.reg, loop_.outputs[o], outputs_[o], output.element, coordinates);
      row_outputs_[o].in_place = direct_[o];
    }
    const bool in_place = last > 0 && width <= loop_.tile && IsInPlace();
    int64_t column = begin % width;
    for (int64_t at = begin; at < end;) {
      if (in_place && column == 0 && end - at >= width) {
        const int64_t rows = std::min((end - at) / width, loop_.dims[last - 1] - coordinates[last - 1]);
        RunWholeRows(rows, width);
        at += rows * width;
        coordinates[last - 1] += rows - 1;
        Move(last - 1, rows - 1);
        NextRow(coordinates);
        continue;
      }
      // One row, or what the chunk has of it.
      const int64_t row_end = std::min(width, column + end - at);
      StartRow();
      at += row_end - column;
      for (; column < row_end; column += loop_.tile)
        RunPieceOfRow(column, std::min(loop_.tile, row_end - column));
      column = 0;
      NextRow(coordinates);
    }
  }

  // Whether operands and results are all read and written where they stand.
  bool IsInPlace() const {
    const auto stands = [](const RowSide& row) { return row.in_place; };
    return std::all_of(row_inputs_, row_inputs_ + row_input_count_, stands) &&
           std::all_of(row_outputs_, row_outputs_ + outputs_.size(), stands);
  }

  // Rows one after the other, with nothing to do between them but to move along.
  void RunWholeRows(int64_t rows, int64_t width) {
    struct Moving {
      std::byte* at;
      int64_t step;
      int16_t reg;
      bool single;
    };
    Moving moving[kMostSlots + kMostOutputs];
    size_t count = 0;
    const auto add = [&](const RowSide& row) {
      moving[count++] = {static_cast<std::byte*>(row.At(0)),
                         row.side->strides[loop_.dims.size() - 2] * row.bytes, row.reg, row.stride == 0};
    };
    std::for_each(row_inputs_, row_inputs_ + row_input_count_, add);
    std::for_each(row_outputs_, row_outputs_ + outputs_.size(), add);
    for (; rows > 0; --rows) {
      for (size_t i = 0; i < count; ++i) {
        frame_.Bind(moving[i].reg, moving[i].at, moving[i].single);
        moving[i].at += moving[i].step;
      }
      frame_.Run(width);
    }
  }

  void Move(size_t axis, int64_t rows) {
    for (size_t i = 0; i < row_input_count_; ++i)
      row_inputs_[i].offset += rows * row_inputs_[i].side->strides[axis];
    for (size_t o = 0; o < outputs_.size(); ++o)
      row_outputs_[o].offset += rows * row_outputs_[o].side->strides[axis];
  }

  void NextRow(int64_t* coordinates) {
    for (size_t axis = loop_.dims.size() - 1; axis-- > 0;) {
      if (++coordinates[axis] < loop_.dims[axis]) return Move(axis, 1);
      Move(axis, 1 - loop_.dims[axis]);
      coordinates[axis] = 0;
    }
  }

  // What is the same for all pieces of a row.
  void StartRow() {
    for (size_t i = 0; i < row_input_count_; ++i) {
      RowSide& row = row_inputs_[i];
      if (row.side->period > 0) {
        if (row.filled != row.offset) FillPeriods(row.reg, *row.info, *row.side, row.offset);
        row.filled = row.offset;
      } else if (row.stride == 0) {
        BindOne(row.reg, *row.info, row.offset);
      }
    }
  }

  void RunPieceOfRow(int64_t column, int64_t n) {
    for (size_t i = 0; i < row_input_count_; ++i) {
      const RowSide& row = row_inputs_[i];
      if (row.side->period > 0 || row.stride == 0) continue;
      if (row.in_place) {
        frame_.Bind(row.reg, row.At(column));
      } else {
        LoadStrided(static_cast<std::byte*>(frame_.SlotOf(row.reg)), row.info->element,
                    static_cast<const std::byte*>(row.At(column)), row.stride, n);
      }
    }
    for (size_t o = 0; o < outputs_.size(); ++o) {
      if (row_outputs_[o].in_place) frame_.Bind(row_outputs_[o].reg, row_outputs_[o].At(column));
    }
    frame_.Run(n);
    for (size_t o = 0; o < outputs_.size(); ++o) {
      const RowSide& row = row_outputs_[o];
      if (!row.in_place) StoreRow(o, 0, row.offset + column * row.stride, row.stride, n);
    }
  }

  void RunFlat(int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += loop_.tile) {
      const int64_t n = std::min(loop_.tile, end - at);
      ForEachInput([&](int16_t reg, const Program::Register& info, const TileLoop::Side& side) {
        if (side.scalar) return;
        if (side.flat) {
          BindPiece(reg, info, at, n);
        } else {
          Gather(reg, info, side, at, n);
        }
      });
      for (size_t o = 0; o < outputs_.size(); ++o) {
        const Program::Output& output = program_.outputs[o];
        if (direct_[o]) frame_.Bind(output.reg, Offset(outputs_[o], output.element, at));
      }
      frame_.Run(n);
      for (size_t o = 0; o < outputs_.size(); ++o) {
        if (direct_[o]) continue;
        const TileLoop::Side& side = loop_.outputs[o];
        if (side.flat) {
          StoreRow(o, 0, at, 1, n);
        } else {
          ForEachRowPiece(side, at, n, [&](int64_t position, int64_t piece, int64_t offset) {
            StoreRow(o, position, offset, side.strides.back(), piece);
          });
        }
      }
    }
  }

  const Program& program_;
  const TileLoop& loop_;
  std::span<const void* const> inputs_;
  std::span<void* const> outputs_;
  bool direct_[kMostOutputs];
  RowSide row_inputs_[kMostSlots];
  size_t row_input_count_ = 0;
  RowSide row_outputs_[kMostOutputs];
  Frame frame_;
};

// Not inlined: its frame is large.
[[gnu::noinline]] uint32_t RunTiles(const Program& program, const TileLoop& loop,
                                    std::span<const void* const> inputs, std::span<void* const> outputs,
                                    int64_t begin, int64_t end) {
  ChunkRunner runner(program, loop, inputs, outputs);
  return runner.Run(begin, end);
}

uint32_t RunInstruction(const Program& program, const TileLoop& loop, std::span<const void* const> inputs,
                        void* output, int64_t begin, int64_t end) {
  const void* operands[3] = {};
  for (int k = 0; k < 3; ++k) {
    const TileLoop::Operand& operand = loop.operands[k];
    operands[k] = operand.input < 0
                      ? operand.constant
                      : static_cast<const std::byte*>(inputs[static_cast<size_t>(operand.input)]) +
                            begin * operand.element_bytes;
  }
  uint32_t fault = 0;
  loop.instruction(static_cast<std::byte*>(output) + begin * ElementBytes(program.outputs[0].element),
                   operands[0], operands[1], operands[2], end - begin, &fault);
  return fault;
}

}  // namespace

TileFault RunProgram(const Program& program, const TileLoop& loop, std::span<const void* const> inputs,
                     std::span<void* const> outputs, ThreadPool& threads) {
  if (loop.count <= 0) return TileFault::kNone;
  const auto run = [&](int64_t begin, int64_t end) {
    if (loop.instruction != nullptr) return RunInstruction(program, loop, inputs, outputs[0], begin, end);
    return RunTiles(program, loop, inputs, outputs, begin, end);
  };
  if (loop.count <= loop.chunk) return static_cast<TileFault>(run(0, loop.count));
  std::atomic<uint32_t> fault{0};
  threads.ParallelFor((loop.count + loop.chunk - 1) / loop.chunk, [&](int64_t i) {
    const uint32_t seen = run(i * loop.chunk, std::min(loop.count, (i + 1) * loop.chunk));
    if (seen != 0) fault.fetch_or(seen, std::memory_order_relaxed);
  });
  return static_cast<TileFault>(fault.load());
}

}  // namespace ortolan::kernels
