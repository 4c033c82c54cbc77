// Checks of a tensor against a declared input or output, in onnxruntime's words.
#pragma once

#include <string_view>

#include "base/status.h"
#include "import/import.h"

namespace ortolan::session {

// Type, rank and sizes; `type` is the declared one or what an optional holds, `role` "input" or "output".
// Where a scalar is declared a feed of any rank may pass, as in onnxruntime.
Status CheckTensor(const import::DeclaredValue& declared, const ValueType& type, const Value& value,
                   std::string_view role, bool any_rank_for_scalar = false);

}  // namespace ortolan::session
