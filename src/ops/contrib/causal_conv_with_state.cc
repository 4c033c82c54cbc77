// CausalConvWithState: a depthwise convolution over the past of a sequence, whose end is handed on; with
// channels behind the sequence, dilation, SiLU, and a window of states. Of several spatial axes the last is
// the sequence, and the others keep their sizes by zeros around them, as many in front as behind or one less.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

using graph::Value;

struct Form {
  int64_t window, dilation, state;  // state: elements handed on
  bool last;
  int64_t axis;  // of the sequence
};

// (batch, length, d1, ..., dn) -> (batch, channels, length).
Value* Inward(Composer& make, Value* x) {
  return make.Node("Transpose", {make.Reshaped(x, {0, 0, -1})}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
}

// The way back, to the trailing axes of `like`.
Value* Outward(Composer& make, Value* x, Value* like) {
  Value* turned = make.Node("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
  Value* shape =
      make.Node("Concat", {make.Sizes(turned, 0, 2), make.Sizes(like, 2, INT64_MAX)}, {{"axis", int64_t{0}}});
  return make.Node("Reshape", {turned, shape});
}

// The state behind each of the last positions, zeros where the position was in an earlier call.
Value* States(Composer& make, const Form& form, Value* all, Value* x, Value* like) {
  const auto shaped = [&](Value* state) { return form.last ? Outward(make, state, like) : state; };
  const auto ending = [&](Value* from) {
    Value* to = make.Node("Add", {from, make.Int(form.state)});
    return shaped(make.Node("Slice", {all, from, to, make.Ints({form.axis})}));
  };
  Value* length = make.Sizes(x, form.axis, form.axis + 1);
  if (form.window == 0) return ending(length);
  std::vector<Value*> slots;
  for (int64_t j = 0; j < form.window; ++j) {
    Value* position = make.Node("Add", {length, make.Ints({j + 1 - form.window})});
    Value* state = ending(make.Node("Max", {position, make.Ints({0})}));
    Value* there = make.Node("Greater", {position, make.Ints({0})});
    slots.push_back(
        make.Node("Unsqueeze", {make.Node("Where", {there, state, make.Number(x, 0)}), make.Ints({0})}));
  }
  return make.Node("Concat", std::move(slots), {{"axis", int64_t{0}}});
}

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::string_view activation = attributes.String("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish") {
    return InvalidArgument("CausalConvWithState: activation cannot be '{}'", activation);
  }
  Form form{attributes.Int("state_window", 0), attributes.Int("dilation", 1), 0,
            attributes.Int("channels_last", 0) != 0, attributes.Int("ndim", 1) + 1};
  if (form.axis < 2 || form.axis > 4 || (form.last && form.axis != 2)) {
    return InvalidArgument("CausalConvWithState: ndim {} and channels_last {}", form.axis - 1, form.last);
  }
  if (form.window < 0 || form.window > 8 || form.dilation < 1 || form.dilation > INT32_MAX) {
    return InvalidArgument("CausalConvWithState: state_window {} and dilation {}", form.window,
                           form.dilation);
  }
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t channels, KnownDim(make.input(1), 0, "CausalConvWithState: weight"));
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t taps,
                           KnownDim(make.input(1), form.axis, "CausalConvWithState: weight"));
  if (taps < 1 || taps > INT32_MAX) return InvalidArgument("CausalConvWithState: {} taps", taps);
  form.state = (taps - 1) * form.dilation;
  std::vector<int64_t> pads(static_cast<size_t>(2 * (form.axis - 1)), 0), dilations(pads.size() / 2, 1);
  dilations.back() = form.dilation;
  for (int64_t i = 2; i < form.axis; ++i) {
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t size, KnownDim(make.input(1), i, "CausalConvWithState: weight"));
    if (size < 1 || size > INT32_MAX) return InvalidArgument("CausalConvWithState: {} taps", size);
    const auto at = static_cast<size_t>(i - 2);
    pads[at] = (size - 1) / 2, pads[at + dilations.size()] = size - 1 - pads[at];
  }
  Value* x = form.last ? Inward(make, make.input(0)) : make.input(0);
  Value* past = make.input(3);
  if (past != nullptr && form.window > 0) {
    past = make.Node("Squeeze", {make.Sliced(past, 0, form.window - 1, form.window), make.Ints({0})});
  }
  Value* all = nullptr;
  if (past != nullptr) {
    all = make.Node("Concat", {form.last ? Inward(make, past) : past, x}, {{"axis", form.axis}});
  } else {
    all = make.Node("Pad", {x, make.Ints({form.state, 0}), nullptr, make.Ints({form.axis})});
  }
  Value* y = make.Node("Conv", {all, make.input(1), make.input(2)},
                       {{"group", channels}, {"dilations", std::move(dilations)}, {"pads", std::move(pads)}});
  if (activation != "none") y = make.Node("Swish", {y});
  if (form.last) y = Outward(make, y, make.input(0));
  Value* present = make.Wants(1) ? States(make, form, all, x, make.input(0)) : nullptr;
  return make.Finish({y, present});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"input", "T"}, {"weight", "T"}, {"bias", "T", Arity::kOptional}, {"past_state", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"present_state", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"activation", AttributeType::kString},
                                         {"channels_last", AttributeType::kInt},
                                         {"dilation", AttributeType::kInt},
                                         {"ndim", AttributeType::kInt},
                                         {"state_window", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsCausalConvWithState;
constexpr OpDef kMsCausalConvWithState{.domain = "com.microsoft",
                                       .name = "CausalConvWithState",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .attributes = kAttributes,
                                       .raise = Raise};

}  // namespace ortolan
