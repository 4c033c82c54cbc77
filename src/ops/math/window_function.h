// What HannWindow, HammingWindow and BlackmanWindow share: sums of a few cosines over a length that is an
// input.
#pragma once

#include "ops/op.h"

namespace ortolan::math {

// constant - first * cos(2 pi i / n) + second * cos(4 pi i / n); n is the length, or one less where the
// window is symmetric and not periodic.
struct WindowFunction {
  double constant;
  double first;
  double second;
};

Status InferWindowFunction(InferContext& context);
Status PrepareWindowFunction(PrepareContext& context, const WindowFunction& function, Prepared* prepared);

inline constexpr FormalParameter kWindowInputs[] = {{"size", "T1"}};
inline constexpr FormalParameter kWindowOutputs[] = {{"output", "T2"}};
inline constexpr TypeConstraint kWindowTypes[] = {{"T1", SetOf(DType::kInt32, DType::kInt64)},
                                                  {"T2", kNumericTypes}};
inline constexpr AttributeSpec kWindowAttributes[] = {{"periodic", graph::AttributeType::kInt},
                                                      {"output_datatype", graph::AttributeType::kInt}};

// Output 0 gets the type that attribute output_datatype names, float where it is absent.
Status InferOutputDatatype(InferContext& context);

}  // namespace ortolan::math
