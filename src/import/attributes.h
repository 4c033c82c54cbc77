// AttributeProto -> AttributeValue, with the references of a function's body resolved.
#pragma once

#include <optional>
#include <string_view>

#include "graph/attribute.h"
#include "model/model.h"
#include "model/tensor.h"

namespace ortolan::import {

// "FLOAT", "INTS", as ONNX's checker writes them.
std::string_view KindName(model::AttributeKind kind);
model::AttributeKind KindOf(graph::AttributeType type);
// The other way round; nothing for kinds that no operator declares.
std::optional<graph::AttributeType> TypeOf(model::AttributeKind kind);

// The value of an attribute that is no graph; those are the importer's. A sparse tensor becomes a dense one.
// kNotImplemented for lists of graphs, types and sparse tensors, which no operator has.
Result<graph::AttributeValue> ToAttributeValue(const model::AttributeView& attribute,
                                               model::AttributeKind kind, model::TensorReader& tensors);

}  // namespace ortolan::import
