// Where: x where the condition is true, else y, all three broadcast to each other. All types that ONNX names.
#include <complex>

#include "ops/broadcast_elements.h"
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

template <typename T>
Status RunElements(const void*, RunContext& context) {
  const TensorRef& out = context.output(0);
  const uint8_t* condition = context.input(0).As<const uint8_t>();
  const T* x = context.input(1).As<const T>();
  const T* y = context.input(2).As<const T>();
  T* z = out.As<T>();
  return ForEachBroadcast<3>(
      out.dims, {&context.input(0), &context.input(1), &context.input(2)},
      [&](int64_t i, const auto& at) { z[i] = condition[at[0]] != 0 ? x[at[1]] : y[at[2]]; });
}

// For types that tile programs do not hold: others are emitted.
Status Prepare(PrepareContext& context, Prepared* prepared) {
  const DType dtype = context.input_dtype(1);
  if (dtype != context.input_dtype(2)) return InvalidArgument("Where: X and Y have different types");
  prepared->kernel = "where_elements";
  switch (dtype) {
    case DType::kString:
      prepared->run = RunElements<std::string>;
      return OkStatus();
    case DType::kComplex64:
      prepared->run = RunElements<std::complex<float>>;
      return OkStatus();
    case DType::kComplex128:
      prepared->run = RunElements<std::complex<double>>;
      return OkStatus();
    default:
      return NotImplemented("Where of {}", TypeText(context.node.input(1)->type));
  }
}

Status Emit(EmitContext& context) {
  context.SetOutput(context.Emit(TileOp::kSelect, context.input(0), context.input(1), context.input(2)));
  return OkStatus();
}

// The elements of the condition where they are at hand or follow from shapes; else nothing.
std::vector<uint8_t> ConditionOf(const InferInput& condition) {
  std::vector<uint8_t> chosen;
  if (condition.data != nullptr) {
    const auto items = condition.data->Items<const uint8_t>();
    if (items.size() <= graph::kMostContents) chosen.assign(items.begin(), items.end());
  } else if (condition.contents != nullptr) {
    for (const graph::Dim& dim : *condition.contents) {
      if (!dim.IsConstant()) return {};
      chosen.push_back(dim.Is(0) ? 0 : 1);
    }
  }
  return chosen;
}

// Shape arithmetic: integers chosen by a condition whose elements are known.
Status Infer(InferContext& context) {
  ORTOLAN_RETURN_IF_ERROR(InferBroadcast(context));
  if (context.input_count() != 3 || context.output_count() == 0 || !context.HasInput(0)) return OkStatus();
  const auto x = context.Ints(1), y = context.Ints(2);
  if (!x || !y) return OkStatus();
  const std::vector<uint8_t> chosen = ConditionOf(context.input(0));
  for (size_t i = 0; i < 3; ++i) {
    if (!context.shape(i).has_rank() || context.shape(i).rank() > 1) return OkStatus();
  }
  const size_t count = std::max({chosen.size(), x->size(), y->size()});
  if (count > graph::kMostContents || chosen.empty() || x->empty() || y->empty()) return OkStatus();
  graph::Contents contents;
  for (size_t i = 0; i < count; ++i) {
    const bool yes = chosen[chosen.size() == 1 ? 0 : i] != 0;
    contents.push_back(yes ? (*x)[x->size() == 1 ? 0 : i] : (*y)[y->size() == 1 ? 0 : i]);
  }
  context.output(0).contents = std::move(contents);
  return OkStatus();
}

constexpr int kVersions[] = {9, 16};
constexpr FormalParameter kInputs[] = {{"condition", "B"}, {"X", "T"}, {"Y", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"B", kBoolType}, {"T", kNumericTypes | kBoolType | kComplexTypes | SetOf(DType::kString)}};

}  // namespace

extern const OpDef kWhere;
constexpr OpDef kWhere{.domain = "",
                       .name = "Where",
                       .versions = kVersions,
                       .inputs = kInputs,
                       .outputs = kFormalOutput,
                       .types = kTypes,
                       .traits = {.in_place = 6},
                       .infer = Infer,
                       .cost = ElementwiseCost,
                       .prepare = Prepare,
                       .emit = Emit};

}  // namespace ortolan
