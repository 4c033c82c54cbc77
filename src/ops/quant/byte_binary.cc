// ortolan::ByteBinary: the sum or product of two 8-bit tensors of one type with scales and zero points, as
// com.microsoft's QLinearAdd and QLinearMul define them; numpy's broadcasting. Made by the quantize pass.
#include <algorithm>

#include "kernels/quant/byte_maps.h"
#include "ops/op.h"

namespace ortolan {
namespace {

constexpr int64_t kGrain = 16384;  // 4 to 10 microseconds

struct State {
  const kernels::ByteMaps* maps;
  kernels::ByteBinaryFacts facts;      // of a and b
  kernels::ByteBinaryFacts exchanged;  // of b and a
};

// The result as rows: of `length` elements, row r reads a at a_rows[r] and b at b_rows[r], in steps of 0
// or 1.
struct Bound {
  int64_t length = 0;
  int64_t a_step = 1, b_step = 1;
  std::vector<int64_t> a_rows, b_rows;
};

Status Bind(const void*, const BindContext& context, Binding* binding) {
  auto bound = std::make_shared<Bound>();
  const Dims& y = context.outputs[0];
  const size_t rank = y.size();
  Dims sizes[2] = {Dims(), Dims()};
  for (size_t i = 0; i < 2; ++i) {
    if (context.inputs[i].size() > rank) return InvalidArgument("an input has more axes than the output");
    for (size_t axis = 0; axis < rank; ++axis) {
      const size_t missing = rank - context.inputs[i].size();
      const int64_t own = axis < missing ? 1 : context.inputs[i][axis - missing];
      if (own != y[axis] && own != 1)
        return InvalidArgument("shapes {} and {} do not broadcast", DimsText(context.inputs[0]),
                               DimsText(context.inputs[1]));
      sizes[i].push_back(own);
    }
  }
  // The innermost axes that both read alike are one row.
  size_t first = rank;
  int64_t length = 1;
  bool a_full = true, b_full = true;
  while (first > 0) {
    const size_t axis = first - 1;
    const bool a_own = sizes[0][axis] == y[axis], b_own = sizes[1][axis] == y[axis];
    if (first < rank && y[axis] != 1 && length != 1 && (a_own != a_full || b_own != b_full)) break;
    if (y[axis] != 1) {
      if (length == 1) {
        a_full = a_own;
        b_full = b_own;
      }
      length *= y[axis];
    }
    --first;
  }
  bound->length = length;
  bound->a_step = a_full ? 1 : 0;
  bound->b_step = b_full ? 1 : 0;
  const int64_t rows = length == 0 ? 0 : ElementCount(std::span<const int64_t>(y.data(), first));
  for (int64_t row = 0; row < rows; ++row) {
    int64_t rest = row, at[2] = {0, 0}, stride[2] = {a_full ? length : 1, b_full ? length : 1};
    for (size_t axis = first; axis-- > 0;) {
      const int64_t i = rest % y[axis];
      rest /= y[axis];
      for (size_t k = 0; k < 2; ++k) {
        if (sizes[k][axis] != 1) at[k] += i * stride[k];
        stride[k] *= sizes[k][axis];
      }
    }
    bound->a_rows.push_back(at[0]);
    bound->b_rows.push_back(at[1]);
  }
  binding->data = std::move(bound);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  const auto* a = context.input(0).As<const uint8_t>();
  const auto* b = context.input(1).As<const uint8_t>();
  auto* y = context.output(0).As<uint8_t>();
  const auto piece = [&](int64_t row, int64_t begin, int64_t count) {
    const uint8_t* left = a + bound.a_rows[static_cast<size_t>(row)] + begin * bound.a_step;
    const uint8_t* right = b + bound.b_rows[static_cast<size_t>(row)] + begin * bound.b_step;
    uint8_t* to = y + row * bound.length + begin;
    if (bound.a_step == 0) {
      state.maps->binary(state.exchanged, right, left, 0, count, to);
    } else {
      state.maps->binary(state.facts, left, right, bound.b_step, count, to);
    }
  };
  const auto rows = static_cast<int64_t>(bound.a_rows.size());
  if (rows == 1) {
    context.threads().ParallelRanges(bound.length, kGrain,
                                     [&](int64_t begin, int64_t end) { piece(0, begin, end - begin); });
    return OkStatus();
  }
  context.threads().ParallelRanges(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(bound.length, 1)),
                                   [&](int64_t begin, int64_t end) {
                                     for (int64_t row = begin; row < end; ++row) piece(row, 0, bound.length);
                                   });
  return OkStatus();
}

Status Infer(InferContext& context) {
  return InferBroadcast(context);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  State state;
  state.maps = &kernels::SelectByteMaps(context.isa);
  const bool product = attributes.Int("product", 0) != 0;
  const bool is_signed = context.input_dtype(0) == DType::kInt8;
  const auto facts = [&](const char* a, const char* b) {
    const auto scale = [&](std::string_view name) {
      return attributes.Float(std::string(name) + "_scale", 1);
    };
    const auto zero = [&](std::string_view name) {
      return static_cast<int32_t>(attributes.Int(std::string(name) + "_zero", 0));
    };
    return kernels::BinaryFacts(product, is_signed, scale(a), zero(a), scale(b), zero(b), scale("y"),
                                zero("y"));
  };
  state.facts = facts("a", "b");
  state.exchanged = facts("b", "a");
  prepared->state = std::make_shared<State>(state);
  prepared->kernel = fmt::format("byte_{}_{}", product ? "mul" : "add", state.maps->name);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"a", "T"}, {"b", "T"}};
constexpr FormalParameter kOutputs[] = {{"y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kInt8, DType::kUInt8)}};
constexpr AttributeSpec kAttributes[] = {
    {"a_scale", AttributeType::kFloat}, {"a_zero", AttributeType::kInt},  {"b_scale", AttributeType::kFloat},
    {"b_zero", AttributeType::kInt},    {"product", AttributeType::kInt}, {"y_scale", AttributeType::kFloat},
    {"y_zero", AttributeType::kInt}};

}  // namespace

extern const OpDef kByteBinary;
constexpr OpDef kByteBinary{.domain = "ortolan",
                            .name = "ByteBinary",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .attributes = kAttributes,
                            .infer = Infer,
                            .prepare = Prepare};

}  // namespace ortolan
