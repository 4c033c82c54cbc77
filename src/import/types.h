// Declared types: TypeProto -> ValueType, shapes with their symbols, and what NodeArg reports of them.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "graph/dim.h"
#include "import/import.h"
#include "model/model.h"

namespace ortolan::import {

// kInvalidGraph for opaque types, unknown element types and containers without a content. A type that the
// file does not give is ValueType's kUnknown.
Result<ValueType> ToValueType(const model::TypeView& type);

// Sizes that the user gave to symbols.
class FreeDimensions {
 public:
  // kInvalidArgument for sizes below zero.
  static Result<FreeDimensions> Of(const ImportOptions& options);
  // The dimension as declared, with its override; kFail where an override contradicts a fixed size.
  Result<DeclaredDim> Declare(const model::DimView& dim) const;

 private:
  using Sizes = std::vector<std::pair<std::string, int64_t>>;
  Sizes by_name_;
  Sizes by_denotation_;
};

Result<DeclaredValue> Declare(const model::ValueInfoView& info, const FreeDimensions& free);

// Named dimensions are the pool's symbols of these names, unknown ones are fresh symbols.
graph::Shape ToShape(const DeclaredValue& declared, graph::DimPool& pool);

// Completes a declared output with what inference found, as onnxruntime does: a missing type, rank or size is
// filled in, a size that contradicts becomes unknown. Returns whether there was a contradiction.
bool Complete(DeclaredValue& declared, const ValueType& type, const graph::Shape& inferred,
              const graph::DimPool& pool);

}  // namespace ortolan::import
