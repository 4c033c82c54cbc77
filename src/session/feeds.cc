// Checks of feeds against the declaration, in onnxruntime's words.
#include "session/feeds.h"

#include "session/session.h"

namespace ortolan::session {
namespace {

std::string ActualType(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kTensor:
      return fmt::format("tensor({})", DTypeName(value.tensor().dtype()));
    case Value::Kind::kSequence:
      return fmt::format("seq(tensor({}))", DTypeName(value.sequence().element));
    case Value::Kind::kMap:
      return "map";
    case Value::Kind::kNone:
      break;
  }
  return "nothing";
}

Status TypeError(const import::DeclaredValue& declared, const Value& feed, std::string_view role = "input") {
  return InvalidArgument("Unexpected {} data type. Actual: ({}) , expected: ({})", role, ActualType(feed),
                         TypeText(declared.type));
}

// Items of a sequence have a type, but no declared shape that onnxruntime would hold them to.
Status CheckItems(const import::DeclaredValue& declared, const ValueType& item, const Value& feed) {
  if (!item.IsTensor()) return OkStatus();
  for (const Value& value : feed.sequence().items) {
    if (value.kind() != Value::Kind::kTensor)
      return InvalidArgument("An item of the sequence for input '{}' is no tensor", declared.name);
    if (value.tensor().dtype() != item.dtype) return TypeError(declared, feed);
  }
  return OkStatus();
}

}  // namespace

Status CheckTensor(const import::DeclaredValue& declared, const ValueType& type, const Value& feed,
                   std::string_view role, bool any_rank_for_scalar) {
  if (feed.kind() != Value::Kind::kTensor || feed.tensor().dtype() != type.dtype)
    return TypeError(declared, feed, role);
  if (!declared.has_rank) return OkStatus();
  const Dims& dims = feed.tensor().dims();
  if (any_rank_for_scalar && declared.IsScalar()) return OkStatus();
  constexpr std::string_view kAdvice = " Please fix either the inputs/outputs or the model.";
  if (dims.size() != declared.dims.size()) {
    return InvalidArgument("Invalid rank for {}: {} Got: {} Expected: {}{}", role, declared.name, dims.size(),
                           declared.dims.size(), kAdvice);
  }
  std::string wrong;
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t expected = declared.dims[i].size;
    if (expected >= 0 && dims[i] != expected) {
      wrong += fmt::format("\n index: {} Got: {} Expected: {}", i, dims[i], expected);
    }
  }
  if (wrong.empty()) return OkStatus();
  return InvalidArgument("Got invalid dimensions for {}: {} for the following indices{}\n{}", role,
                         declared.name, wrong, kAdvice);
}

Status Session::CheckFeed(size_t input, const Value& feed) const {
  const bool required = input < model_.inputs.size();
  const import::DeclaredValue& declared =
      required ? model_.inputs[input] : model_.overridable[input - model_.inputs.size()];
  const ValueType& type = declared.type;
  if (feed.kind() == Value::Kind::kNone) {
    if (!required || type.kind == ValueType::Kind::kOptional) return OkStatus();
    return InvalidArgument("Missing Input: {}", declared.name);
  }
  switch (type.kind) {
    case ValueType::Kind::kTensor:
    case ValueType::Kind::kSparseTensor:
      return CheckTensor(declared, type, feed, "input", required && !scalars_.empty());
    case ValueType::Kind::kOptional:
      if (type.inner->IsTensor()) return CheckTensor(declared, *type.inner, feed, "input");
      return OkStatus();
    case ValueType::Kind::kSequence:
      // 3 is onnxruntime's number for a sequence of tensors.
      if (feed.kind() == Value::Kind::kTensor) {
        return InvalidArgument("input with name: '{}' expected to be of type: 3 but received a tensor",
                               declared.name);
      }
      if (feed.kind() != Value::Kind::kSequence) return TypeError(declared, feed);
      return CheckItems(declared, *type.inner, feed);
    case ValueType::Kind::kMap:
      return feed.kind() == Value::Kind::kMap ? OkStatus() : TypeError(declared, feed);
    case ValueType::Kind::kUnknown:
      return OkStatus();
  }
  return OkStatus();
}

}  // namespace ortolan::session
