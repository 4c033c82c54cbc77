// What MemcpyFromHost and MemcpyToHost share: onnxruntime puts them where a value moves between devices.
#pragma once

#include "ops/compose.h"
#include "ops/elementwise_room.h"

namespace ortolan {

inline constexpr FormalParameter kMemcpyInputs[] = {{"X", "T"}};
inline constexpr FormalParameter kMemcpyOutputs[] = {{"Y", "T"}};
inline constexpr DTypeSet kMemcpyElements = kNumericTypes | kComplexTypes | kBoolType | kFloat8Types;
inline constexpr TypeConstraint kMemcpyTypes[] = {{"T", kMemcpyElements, kMemcpyElements}};

// Nothing has to move.
inline Status RaiseMemcpy(RaiseContext& context) {
  Composer make(context);
  make.Last("Identity", {make.input(0)});
  return OkStatus();
}

}  // namespace ortolan
