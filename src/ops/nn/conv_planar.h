// What Conv and ConvTranspose share around their planar kernels: the check of the output that they were
// given, and the run in the type of X.
#pragma once

#include <optional>

#include "ops/nn/pooling.h"
#include "ops/op.h"

namespace ortolan::nn {

inline bool IsHalf(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

// kInvalidArgument unless the output has `count` elements.
inline Status CheckConvOutput(const BindContext& context, int64_t count) {
  const std::optional<int64_t> given = CheckedCount(context.outputs[0]);
  if (given && *given == count) return OkStatus();
  return InvalidArgument("the output has shape {}, which X {} and W {} do not give",
                         DimsText(context.outputs[0]), DimsText(context.inputs[0]),
                         DimsText(context.inputs[1]));
}

// Scratch in which RunPlanar widens half types to float: all inputs, and the output.
inline size_t PlanarScratch(DType dtype, const BindContext& context) {
  if (!IsHalf(dtype)) return 0;
  int64_t count = ElementCount(context.outputs[0]);
  for (const Dims& input : context.inputs) count += ElementCount(input);
  return sizeof(float) * static_cast<size_t>(count);
}

// Calls kernel(x, w, bias or null, y) on floats or doubles.
template <typename Kernel>
void RunPlanar(DType dtype, RunContext& context, const Kernel& kernel) {
  const auto run_as = [&]<typename T>(T* /*tag*/) {
    kernel(context.input(0).As<const T>(), context.input(1).As<const T>(),
           context.HasInput(2) ? context.input(2).As<const T>() : nullptr, context.output(0).As<T>());
  };
  if (dtype == DType::kFloat) return run_as(static_cast<float*>(nullptr));
  if (dtype == DType::kDouble) return run_as(static_cast<double*>(nullptr));
  float* next = reinterpret_cast<float*>(context.scratch());
  const float* wide[3] = {};
  for (size_t i = 0; i < 3; ++i) {
    if (!context.HasInput(i)) continue;
    const TensorRef& input = context.input(i);
    ToFloat(input.dtype, input.data, next, input.count());
    wide[i] = next;
    next += input.count();
  }
  const TensorRef& y = context.output(0);
  kernel(wide[0], wide[1], wide[2], next);
  FromFloat(y.dtype, next, y.data, y.count());
}

}  // namespace ortolan::nn
