#include "kernels/rnn/rnn.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <type_traits>

namespace ortolan::kernels {

#define ORTOLAN_RNN_F32(identifier) extern const RnnF32Variant identifier;
#include "kernels/rnn/variants.inc"
#undef ORTOLAN_RNN_F32

namespace {

constexpr const RnnF32Variant* kVariants[] = {
#define ORTOLAN_RNN_F32(identifier) &identifier,
#include "kernels/rnn/variants.inc"
#undef ORTOLAN_RNN_F32
};

constexpr size_t RoundUp(size_t bytes) {
  return (bytes + 63) & ~size_t{63};
}

// B = weights transposed: weights are [n][k] row-major.
GemmShape ShapeOf(int64_t m, int64_t n, int64_t k, bool packed) {
  GemmShape shape;
  shape.m = m;
  shape.n = n;
  shape.k = k;
  shape.a.row_stride = k;
  shape.b.row_stride = 1;
  shape.b.column_stride = k;
  shape.b_packed = packed;
  return shape;
}

// What one direction works with.
template <typename T>
struct Workspace {
  T* projected;  // [steps * batch][gates]: the input's part, bias included
  T* recurred;   // [batch][gates]
  T* h;          // [batch][hidden]
  T* c;
  T* z;       // GRU with two products
  T* rh;      // the same; of one row of an LSTM the next state
  T* x_bias;  // [gates]
  T* h_bias;  // [gates], GRU with linear_before_reset
  std::byte* gemm;
};

// Without memory it only counts.
template <typename T>
Workspace<T> Carve(const RnnPlan& plan, std::byte* memory, size_t* bytes = nullptr) {
  const int64_t gates = plan.form.gates(), state = plan.batch * plan.form.hidden;
  size_t used = 0;
  auto take = [&](int64_t count) {
    T* at = memory != nullptr ? reinterpret_cast<T*>(memory + used) : nullptr;
    used += RoundUp(static_cast<size_t>(count) * sizeof(T));
    return at;
  };
  Workspace<T> space;
  space.projected = take(plan.steps * plan.batch * gates);
  space.recurred = take(plan.batch * gates);
  space.h = take(state);
  space.c = take(state);
  space.z = take(state);
  space.rh = take(state);
  space.x_bias = take(gates);
  space.h_bias = take(gates);
  space.gemm = memory != nullptr ? memory + used : nullptr;
  if (bytes != nullptr) *bytes = used + RoundUp(plan.gemm_bytes);
  return space;
}

template <typename T>
class Direction {
 public:
  Direction(const RnnPlan& plan, const GemmVariant& gemm, const RnnF32Variant& cells, const RnnCall<T>& call,
            int index, std::byte* memory, ThreadPool& threads)
      : plan_(plan),
        form_(plan.form),
        gemm_(gemm),
        cells_(cells),
        call_(call),
        weights_(call.weights[index]),
        activations_(plan.form.activations[index]),
        index_(index),
        reverse_(plan.form.reverse[index]),
        space_(Carve<T>(plan, memory)),
        threads_(threads) {}

  void Run() {
    const int64_t hidden = form_.hidden;
    MakeBias();
    LoadState(call_.initial_h, space_.h);
    if (form_.cell == RnnCell::kLstm) LoadState(call_.initial_c, space_.c);
    Multiply(plan_.project, call_.x, weights_.w, space_.projected, form_.gates(), space_.x_bias,
             weights_.w_bytes);
    int64_t steps = 0;
    for (int64_t b = 0; b < plan_.batch; ++b) steps = std::max(steps, LengthOf(b));
    for (int64_t step = 0; step < steps; ++step) Step(step);
    for (int64_t b = 0; b < plan_.batch; ++b) {
      ClearBehind(b);
      if (call_.y_h != nullptr) std::copy_n(space_.h + b * hidden, hidden, call_.y_h + StateOffset(b));
      if (call_.y_c != nullptr) std::copy_n(space_.c + b * hidden, hidden, call_.y_c + StateOffset(b));
    }
  }

 private:
  int64_t LengthOf(int64_t b) const {
    return call_.lengths == nullptr ? plan_.steps : std::clamp<int64_t>(call_.lengths[b], 0, plan_.steps);
  }
  int64_t StateOffset(int64_t b) const {
    const int64_t at = form_.batch_first ? b * form_.directions + index_ : index_ * plan_.batch + b;
    return at * form_.hidden;
  }
  int64_t RowOf(int64_t time, int64_t b) const {
    return form_.batch_first ? b * plan_.steps + time : time * plan_.batch + b;
  }
  T* OutputAt(int64_t time, int64_t b) const {
    const int64_t at = form_.batch_first ? (b * plan_.steps + time) * form_.directions + index_
                                         : (time * form_.directions + index_) * plan_.batch + b;
    return call_.y + at * form_.hidden;
  }

  // The bias of input and state are one sum, but for the third gate of a GRU that resets after its product.
  void MakeBias() {
    const int64_t gates = form_.gates();
    std::fill_n(space_.h_bias, gates, T{0});
    for (int64_t i = 0; i < gates; ++i) {
      const int64_t from = RowInGates(form_, i);
      space_.x_bias[i] = weights_.bias == nullptr ? T{0} : weights_.bias[from];
      if (weights_.bias == nullptr) continue;
      const bool apart = form_.cell == RnnCell::kGru && form_.linear_before_reset && i >= 2 * form_.hidden;
      (apart ? space_.h_bias : space_.x_bias)[i] += weights_.bias[gates + from];
    }
  }

  void LoadState(const T* initial, T* state) {
    for (int64_t b = 0; b < plan_.batch; ++b) {
      T* row = state + b * form_.hidden;
      if (initial == nullptr) {
        std::fill_n(row, form_.hidden, T{0});
      } else {
        std::copy_n(initial + StateOffset(b), form_.hidden, row);
      }
    }
  }

  // c[m][c_stride] = a[m][k] * weights transposed + bias.
  void Multiply(const GemmPlan& gemm, const T* a, const T* weights, T* c, int64_t c_stride, const T* bias,
                const RnnBytes* bytes = nullptr, bool backwards = false) {
    const int64_t m = gemm.shape.m, n = gemm.shape.n, k = gemm.shape.k;
    if (m == 0 || n == 0) return;
    if constexpr (std::is_same_v<T, float>) {
      if (bytes != nullptr) return MultiplyBytes(*bytes, a, m, n, k, c, c_stride, bias);
      Epilogue epilogue;
      epilogue.bias = bias;
      GemmOperands operands;
      operands.a = a;
      operands.b = weights;
      operands.c = c;
      operands.c_stride = c_stride;
      operands.epilogue = bias != nullptr ? &epilogue : nullptr;
      operands.backwards = backwards;
      RunGemm(gemm_, gemm, operands, {space_.gemm, plan_.gemm_bytes}, threads_);
    } else {
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          T sum = bias != nullptr ? bias[j] : T{0};
          for (int64_t p = 0; p < k; ++p) sum += a[i * k + p] * weights[j * k + p];
          c[i * c_stride + j] = sum;
        }
      }
    }
  }

  // The left side becomes uint8 by the range of all its rows, as DynamicQuantizeLinear does it.
  void MultiplyBytes(const RnnBytes& bytes, const float* a, int64_t m, int64_t n, int64_t k, float* c,
                     int64_t c_stride, const float* bias) {
    auto* start = reinterpret_cast<int32_t*>(space_.gemm);
    auto* scale = reinterpret_cast<float*>(start + bytes.padded);
    float* padded_bias = scale + bytes.padded;
    auto* rows = reinterpret_cast<uint8_t*>(padded_bias + bytes.padded);
    float low = 0, high = 0;
    bytes.maps->range(a, m * k, &low, &high);
    const float a_scale = high == low ? 1.0f : (high - low) / 255.0f;
    const auto zero = static_cast<int32_t>(std::nearbyint(std::clamp(0.0f - low / a_scale, 0.0f, 255.0f)));
    bytes.maps->quantize(a, a_scale, zero, false, m * k, rows);
    std::memset(rows + m * k, 0, 4);
    for (int64_t j = 0; j < bytes.padded; ++j) scale[j] = a_scale * bytes.scale[j];
    if (bias != nullptr) {
      std::copy_n(bias, n, padded_bias);
      std::fill(padded_bias + n, padded_bias + bytes.padded, 0.0f);
    }
    ByteStart(bytes.sums, nullptr, bytes.zeros, zero, k, n, bytes.padded, start);
    ByteProduct product;
    product.variant = bytes.variant;
    product.k_bytes = k;
    product.n = n;
    product.panels = bytes.panels;
    product.start = start;
    product.b_zero = bytes.zeros;
    product.scale = scale;
    product.bias = bias != nullptr ? padded_bias : nullptr;
    product.finish.output = ByteOutput::kFloats;
    product.c = c;
    product.c_stride = c_stride;
    RunByteProduct(
        product, m,
        [rows, k](int64_t first, int64_t count, const uint8_t** at) {
          for (int64_t i = 0; i < count; ++i) at[i] = rows + (first + i) * k;
        },
        threads_);
  }

  // Step number `step` of every row that is not at its end: the time runs backwards from each row's own last
  // step where the direction is reverse.
  //
  // Every second step reads the recurrent weights from their end. Where they are as large as L2, what a step
  // has read last is what the next one finds there; read always from the start, each part would be pushed out
  // shortly before its turn.
  void Step(int64_t step) {
    const int64_t hidden = form_.hidden, gates = form_.gates();
    const bool backwards = step % 2 != 0;
    if constexpr (std::is_same_v<T, float>) {
      if (form_.gate_block > 0 && plan_.batch == 1) return OneRow(step, backwards);
    }
    const bool third_bias = form_.cell == RnnCell::kGru && form_.linear_before_reset;
    Multiply(plan_.recur, space_.h, weights_.r, space_.recurred, gates, third_bias ? space_.h_bias : nullptr,
             weights_.r_bytes, backwards);
    if (form_.two_products()) {
      for (int64_t b = 0; b < plan_.batch; ++b) {
        if (step < LengthOf(b)) GruGates(Projected(step, b), b);
      }
      Multiply(plan_.recur_last, space_.rh, weights_.r_last, space_.recurred + 2 * hidden, gates, nullptr,
               nullptr, backwards);
    }
    for (int64_t b = 0; b < plan_.batch; ++b) {
      if (step >= LengthOf(b)) continue;
      Cell(Projected(step, b), b);
      if (call_.y != nullptr) std::copy_n(space_.h + b * hidden, hidden, OutputAt(TimeOf(step, b), b));
    }
  }

  // An LSTM's step for a batch of one.
  void OneRow(int64_t step, bool backwards) {
    LstmStep work{};
    work.gx = Projected(step, 0);
    work.r = weights_.r;
    work.hidden = form_.hidden;
    work.h = space_.h;
    work.next_h = space_.rh;
    work.c = space_.c;
    work.backwards = backwards;
    cells_.lstm_step(work);
    std::swap(space_.h, space_.rh);
    if (call_.y != nullptr) std::copy_n(space_.h, form_.hidden, OutputAt(TimeOf(step, 0), 0));
  }

  int64_t TimeOf(int64_t step, int64_t b) const { return reverse_ ? LengthOf(b) - 1 - step : step; }
  const T* Projected(int64_t step, int64_t b) const {
    return space_.projected + RowOf(TimeOf(step, b), b) * form_.gates();
  }

  void ClearBehind(int64_t b) {
    if (call_.y == nullptr) return;
    for (int64_t time = LengthOf(b); time < plan_.steps; ++time)
      std::fill_n(OutputAt(time, b), form_.hidden, T{0});
  }

  T Clipped(T x) const {
    const T limit = static_cast<T>(form_.clip);
    return x > limit ? limit : x < -limit ? -limit : x;  // NaN stays
  }

  void GruGates(const T* gx, int64_t b) {
    const int64_t hidden = form_.hidden;
    const T* gh = space_.recurred + b * form_.gates();
    const T* h = space_.h + b * hidden;
    T* z = space_.z + b * hidden;
    T* rh = space_.rh + b * hidden;
    if constexpr (std::is_same_v<T, float>) {
      if (form_.fused) return cells_.gru_gates(gx, gh, hidden, h, z, rh);
    }
    for (int64_t i = 0; i < hidden; ++i) {
      z[i] = Activate(activations_[0], Clipped(gx[i] + gh[i]));
      rh[i] = Activate(activations_[0], Clipped(gx[hidden + i] + gh[hidden + i])) * h[i];
    }
  }

  void Cell(const T* gx, int64_t b) {
    const int64_t hidden = form_.hidden;
    const T* gh = space_.recurred + b * form_.gates();
    T* h = space_.h + b * hidden;
    T* c = space_.c + b * hidden;
    const T* z = space_.z + b * hidden;
    if constexpr (std::is_same_v<T, float>) {
      if (form_.fused) {
        if (form_.cell == RnnCell::kLstm) return cells_.lstm(gx, gh, hidden, form_.gate_block > 0, h, c);
        if (form_.cell == RnnCell::kRnn) return cells_.rnn(gx, gh, hidden, h);
        if (form_.linear_before_reset) return cells_.gru(gx, gh, hidden, h);
        return cells_.gru_update(gx + 2 * hidden, gh + 2 * hidden, hidden, z, h);
      }
    }
    switch (form_.cell) {
      case RnnCell::kLstm:
        return PlainLstm(gx, gh, h, c);
      case RnnCell::kGru:
        return PlainGru(gx, gh, z, h);
      case RnnCell::kRnn:
        for (int64_t i = 0; i < hidden; ++i) h[i] = Activate(activations_[0], Clipped(gx[i] + gh[i]));
    }
  }

  void PlainLstm(const T* gx, const T* gh, T* h, T* c) const {
    const int64_t hidden = form_.hidden;
    const T* peephole = weights_.peephole;
    auto gate = [&](int64_t which, int64_t i) { return gx[which * hidden + i] + gh[which * hidden + i]; };
    auto peep = [&](int64_t which, int64_t i, T cell) {
      return peephole == nullptr ? T{0} : peephole[which * hidden + i] * cell;
    };
    for (int64_t i = 0; i < hidden; ++i) {
      const T in = Activate(activations_[0], Clipped(gate(0, i) + peep(0, i, c[i])));
      const T forget =
          form_.input_forget ? T{1} - in : Activate(activations_[0], Clipped(gate(2, i) + peep(2, i, c[i])));
      const T fresh = Activate(activations_[1], Clipped(gate(3, i)));
      c[i] = forget * c[i] + in * fresh;
      const T out = Activate(activations_[0], Clipped(gate(1, i) + peep(1, i, c[i])));
      h[i] = out * Activate(activations_[2], c[i]);
    }
  }

  void PlainGru(const T* gx, const T* gh, const T* z, T* h) const {
    const int64_t hidden = form_.hidden;
    for (int64_t i = 0; i < hidden; ++i) {
      T update, fresh;
      if (form_.linear_before_reset) {
        update = Activate(activations_[0], Clipped(gx[i] + gh[i]));
        const T reset = Activate(activations_[0], Clipped(gx[hidden + i] + gh[hidden + i]));
        fresh = gx[2 * hidden + i] + reset * gh[2 * hidden + i];
      } else {
        update = z[i];
        fresh = gx[2 * hidden + i] + gh[2 * hidden + i];
      }
      h[i] = (T{1} - update) * Activate(activations_[1], Clipped(fresh)) + update * h[i];
    }
  }

  const RnnPlan& plan_;
  const RnnForm& form_;
  const GemmVariant& gemm_;
  const RnnF32Variant& cells_;
  const RnnCall<T>& call_;
  const RnnWeights<T>& weights_;
  const RnnActivation* activations_;
  int index_;
  bool reverse_;
  Workspace<T> space_;
  ThreadPool& threads_;
};

}  // namespace

const RnnF32Variant& SelectRnnF32(Isa isa) {
  for (const RnnF32Variant* variant : kVariants) {
    if (variant->isa <= isa) return *variant;
  }
  return *kVariants[std::size(kVariants) - 1];
}

std::span<const RnnF32Variant* const> AllRnnF32() {
  return kVariants;
}

int64_t GateBlock(const RnnForm& form, const GemmVariant& gemm, const RnnF32Variant& cells) {
  const bool fits = form.cell == RnnCell::kLstm && form.fused && form.hidden % cells.lanes == 0 &&
                    form.hidden % 2 == 0 && gemm.columns == 2 * cells.lanes;
  return fits ? cells.lanes : 0;
}

int64_t RowInGates(const RnnForm& form, int64_t i) {
  const int64_t block = form.gate_block;
  if (block == 0) return i;
  return i / block % 4 * form.hidden + i / (4 * block) * block + i % block;
}

template <typename T>
RnnPlan PlanRnn(const RnnForm& form, const GemmVariant& gemm, int64_t steps, int64_t batch, int64_t input,
                bool w_packed, bool r_packed, int threads) {
  RnnPlan plan;
  plan.form = form;
  plan.steps = steps;
  plan.batch = batch;
  plan.input = input;
  plan.element_bytes = sizeof(T);
  const int64_t recurrent_gates = form.two_products() ? 2 * form.hidden : form.gates();
  const GemmShape shapes[] = {ShapeOf(steps * batch, form.gates(), input, w_packed),
                              ShapeOf(batch, recurrent_gates, form.hidden, r_packed),
                              ShapeOf(batch, form.hidden, form.hidden, r_packed)};
  GemmPlan* const plans[] = {&plan.project, &plan.recur, &plan.recur_last};
  for (int i = 0; i < 3; ++i) {
    if constexpr (std::is_same_v<T, float>) {
      *plans[i] = PlanGemm(gemm, shapes[i]);
      plan.gemm_bytes = std::max(plan.gemm_bytes, plans[i]->ScratchBytes(threads));
    } else {
      plans[i]->shape = shapes[i];
    }
  }
  Carve<T>(plan, nullptr, &plan.direction_bytes);
  return plan;
}

RnnPlan PlanByteRnn(const RnnForm& form, int64_t steps, int64_t batch, int64_t input, int64_t padded) {
  RnnPlan plan;
  plan.form = form;
  plan.steps = steps;
  plan.batch = batch;
  plan.input = input;
  plan.project.shape = ShapeOf(steps * batch, form.gates(), input, true);
  plan.recur.shape = ShapeOf(batch, form.gates(), form.hidden, true);
  const int64_t bytes = std::max(steps * batch * input, batch * form.hidden);
  plan.gemm_bytes = RoundUp(static_cast<size_t>(bytes + 4)) + static_cast<size_t>(padded) * 12;
  Carve<float>(plan, nullptr, &plan.direction_bytes);
  return plan;
}

template <typename T>
void RunRnn(const RnnPlan& plan, const GemmVariant& gemm, const RnnF32Variant& cells, const RnnCall<T>& call,
            std::byte* scratch, ThreadPool& threads, ThreadPool& serial) {
  const bool both = plan.form.directions == 2;
  threads.ParallelFor(plan.form.directions, [&](int64_t i) {
    std::byte* memory = scratch + static_cast<size_t>(i) * plan.direction_bytes;
    Direction<T>(plan, gemm, cells, call, static_cast<int>(i), memory, both ? serial : threads).Run();
  });
}

template RnnPlan PlanRnn<float>(const RnnForm&, const GemmVariant&, int64_t, int64_t, int64_t, bool, bool,
                                int);
template RnnPlan PlanRnn<double>(const RnnForm&, const GemmVariant&, int64_t, int64_t, int64_t, bool, bool,
                                 int);
template void RunRnn<float>(const RnnPlan&, const GemmVariant&, const RnnF32Variant&, const RnnCall<float>&,
                            std::byte*, ThreadPool&, ThreadPool&);
template void RunRnn<double>(const RnnPlan&, const GemmVariant&, const RnnF32Variant&, const RnnCall<double>&,
                             std::byte*, ThreadPool&, ThreadPool&);

}  // namespace ortolan::kernels
