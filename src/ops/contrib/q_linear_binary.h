// What QLinearAdd and QLinearMul share.
#pragma once

#include "ops/contrib/qdq.h"

namespace ortolan {

inline constexpr FormalParameter kQLinearBinaryInputs[] = {{"A", "T"},
                                                           {"A_scale", "tensor(float)"},
                                                           {"A_zero_point", "T", Arity::kOptional},
                                                           {"B", "T"},
                                                           {"B_scale", "tensor(float)"},
                                                           {"B_zero_point", "T", Arity::kOptional},
                                                           {"C_scale", "tensor(float)"},
                                                           {"C_zero_point", "T", Arity::kOptional}};
inline constexpr FormalParameter kQLinearBinaryOutputs[] = {{"C", "T"}};
inline constexpr TypeConstraint kQLinearBinaryTypes[] = {{"T", SetOf(DType::kInt8, DType::kUInt8)}};

inline Status RaiseQLinearBinary(RaiseContext& context, std::string_view op) {
  Qdq make(context);
  make.Finish(make.Node(op, {make.Floats(0), make.Floats(3)}), 6, 7);
  return OkStatus();
}

}  // namespace ortolan
