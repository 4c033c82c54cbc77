// AttnLSTM: an LSTM that reads, beside its input, what an attention (Bahdanau's) found in a memory after the
// step before. Each direction becomes a Scan over an LSTM of one step and that attention. Refuses a memory
// that is absent.
#include <algorithm>
#include <cctype>
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

using graph::Value;

enum Input : size_t {
  kX,
  kW,
  kR,
  kB,
  kLengths,
  kInitialH,
  kInitialC,
  kP,
  kQueryWeight,
  kMemoryWeight,
  kV,
  kMemory,
  kMemoryLengths,
  kAttentionWeight
};

// What a direction reads, of it alone.
struct Direction {
  Value *w, *r, *b, *p, *query, *v, *attention;  // attention: weights behind it, or null
  Value *keys, *values, *mask;                   // of the memory
  std::vector<graph::Attributes::Item> attributes;
};

struct Results {
  Value *y, *h, *c;
};

// The part of the lists of activations and their numbers that belongs to a direction.
void SplitActivations(const graph::Attributes& attributes, bool second,
                      std::vector<graph::Attributes::Item>* items) {
  const auto names = attributes.Strings("activations");
  if (names.size() < 3) return;
  const bool both = names.size() >= 6;
  const auto counts = [&](std::string_view name, bool beta) {
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool two = lower == "affine" || lower == "scaledtanh" || lower == "hardsigmoid";
    return two || (!beta && (lower == "leakyrelu" || lower == "thresholdedrelu" || lower == "elu"));
  };
  const auto part = [&](std::span<const float> numbers, bool beta) {
    size_t first = 0;
    for (size_t i = 0; i < 3; ++i) first += counts(names[i], beta) ? 1 : 0;
    first = std::min(first, numbers.size());
    return second ? std::vector<float>(numbers.begin() + static_cast<std::ptrdiff_t>(first), numbers.end())
           : both ? std::vector<float>(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(first))
                  : std::vector<float>(numbers.begin(), numbers.end());
  };
  const std::ptrdiff_t at = second && both ? 3 : 0;
  items->emplace_back("activations", std::vector<std::string>(names.begin() + at, names.begin() + at + 3));
  if (auto alphas = part(attributes.Floats("activation_alpha"), false); !alphas.empty())
    items->emplace_back("activation_alpha", std::move(alphas));
  if (auto betas = part(attributes.Floats("activation_beta"), true); !betas.empty())
    items->emplace_back("activation_beta", std::move(betas));
}

class Body {
 public:
  explicit Body(RaiseContext& context)
      : graph_(std::make_shared<graph::Graph>(context.graph.dims())),
        end_(graph_->AppendNode()),
        inner_{*graph_, *end_, context.opset},
        make(inner_) {
    end_->name = context.node.name;
    end_->sources = context.node.sources;
  }

  // An input of the body for a value outside; without its first axis where it is scanned.
  Value* Input(Value* outside, bool scanned) {
    outside_.push_back(outside);
    Value* input = graph_->NewValue(outside->name());
    input->type = outside->type;
    if (outside->shape.has_rank()) {
      const auto& dims = outside->shape.dims();
      input->shape = graph::Shape::DimList(dims.begin() + (scanned ? 1 : 0), dims.end());
    }
    graph_->AddInput(input);
    return input;
  }
  Value* Captured(Value* outside) {
    if (outside == nullptr) return nullptr;
    if (outside->IsConstant()) return graph_->NewConstant(outside->name(), outside->constant());
    ++captured_;
    return Input(outside, false);
  }
  std::vector<Value*> Scan(Composer& out, const std::vector<Value*>& results, int64_t scans) {
    for (Value* value : results) graph_->AddOutput(value);
    graph_->EraseNode(end_);
    std::vector<graph::Attributes::Item> attributes = {{"body", graph_}, {"num_scan_inputs", scans}};
    if (captured_ > 0) attributes.emplace_back(graph::kCapturedAttribute, captured_);
    return out.Outputs(results.size(), "Scan", outside_, std::move(attributes));
  }

 private:
  std::shared_ptr<graph::Graph> graph_;
  graph::Node* end_;
  RaiseContext inner_;
  std::vector<Value*> outside_;
  int64_t captured_ = 0;

 public:
  Composer make;
};

// Steps of one direction over x (steps, batch, width).
Results RunDirection(RaiseContext& context, Composer& out, const Direction& d, Value* x, Value* lengths,
                     Value* h, Value* c, Value* attention) {
  Body body(context);
  Composer& make = body.make;
  Value* steps = out.Node("Squeeze", {out.Sizes(x, 0, 1)});
  Value* times = out.Node("Range", {out.Int(0), steps, out.Int(1)});
  Value *own_h = body.Input(h, false), *own_c = body.Input(c, false), *own_a = body.Input(attention, false);
  Value *own_x = body.Input(x, true), *time = body.Input(times, true);
  Value* alive = make.Node("Less", {time, body.Captured(lengths)});  // (batch)
  alive = make.Reshaped(alive, {1, -1, 1});
  Value* read =
      make.Node("Unsqueeze", {make.Node("Concat", {own_x, own_a}, {{"axis", int64_t{1}}}), make.Ints({0})});
  const std::vector<Value*> cell =
      make.Outputs(3, "LSTM",
                   {read, body.Captured(d.w), body.Captured(d.r), body.Captured(d.b), nullptr, own_h, own_c,
                    body.Captured(d.p)},
                   d.attributes);
  Value* now = make.Node("Squeeze", {cell[1], make.Ints({0})});  // (batch, hidden)
  Value* query = make.Node("Unsqueeze", {make.Node("MatMul", {now, body.Captured(d.query)}), make.Ints({1})});
  Value* tanh = make.Node("Tanh", {make.Node("Add", {body.Captured(d.keys), query})});
  Value* scores = make.Node("ReduceSum", {make.Node("Mul", {tanh, body.Captured(d.v)}), make.Ints({2})},
                            {{"keepdims", int64_t{0}}});
  if (d.mask != nullptr)
    scores = make.Node("Where", {body.Captured(d.mask), scores, make.Number(scores, -1e30)});
  Value* align = make.Node("Softmax", {scores}, {{"axis", int64_t{-1}}});
  Value* found =
      make.Node("MatMul", {make.Node("Unsqueeze", {align, make.Ints({1})}), body.Captured(d.values)});
  found = make.Node("Squeeze", {found, make.Ints({1})});
  if (d.attention != nullptr) {
    found = make.Node(
        "MatMul", {make.Node("Concat", {now, found}, {{"axis", int64_t{1}}}), body.Captured(d.attention)});
  }
  // A sequence that has ended keeps its state and gives zeros.
  Value* next_h = make.Node("Where", {alive, cell[1], own_h});
  Value* next_c = make.Node("Where", {alive, cell[2], own_c});
  Value* y = make.Node("Where", {alive, cell[1], make.Number(x, 0)});
  y = make.Node("Squeeze", {y, make.Ints({0})});
  const std::vector<Value*> made = body.Scan(out, {next_h, next_c, found, y}, 2);
  return {made[3], made[0], made[1]};
}

Status Raise(RaiseContext& context) {
  const graph::Attributes attributes = context.node.attributes;
  Composer make(context);
  for (const size_t i : {kQueryWeight, kMemoryWeight, kV, kMemory}) {
    if (make.input(i) == nullptr) return InvalidArgument("AttnLSTM: input {} is absent", i);
  }
  const std::string_view direction = attributes.String("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    return InvalidArgument("AttnLSTM: direction '{}'", direction);
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t hidden, KnownDim(make.input(kR), 2, "AttnLSTM: R"));
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t given, KnownDim(make.input(kW), 0, "AttnLSTM: W"));
  if (given != directions || attributes.Int("hidden_size", hidden) != hidden) {
    return InvalidArgument("AttnLSTM: W of {} directions and R of {} for direction {} and hidden_size {}",
                           given, hidden, direction, attributes.Int("hidden_size", hidden));
  }
  Value* x = make.input(kX);
  Value* batch = make.Sizes(x, 1, 2);
  Value* lengths = make.input(kLengths);
  lengths = lengths != nullptr ? make.Cast(lengths, DType::kInt64)
                               : make.Node("Expand", {make.Sizes(x, 0, 1), batch});
  Value* memory = make.input(kMemory);
  Value* mask = nullptr;  // (batch, memory)
  if (make.input(kMemoryLengths) != nullptr) {
    Value* steps = make.Node("Squeeze", {make.Sizes(memory, 1, 2)});
    Value* places = make.Node("Range", {make.Int(0), steps, make.Int(1)});
    mask = make.Node("Less", {make.Reshaped(places, {1, -1}),
                              make.Reshaped(make.Cast(make.input(kMemoryLengths), DType::kInt64), {-1, 1})});
    memory =
        make.Node("Where", {make.Node("Unsqueeze", {mask, make.Ints({2})}), memory, make.Number(memory, 0)});
  }
  std::vector<Results> results;
  for (int64_t i = 0; i < directions; ++i) {
    const auto part = [&](size_t input) -> Value* {
      return make.input(input) != nullptr ? make.Sliced(make.input(input), 0, i, i + 1) : nullptr;
    };
    const auto flat = [&](size_t input) -> Value* {
      return make.input(input) != nullptr ? make.Node("Squeeze", {part(input), make.Ints({0})}) : nullptr;
    };
    Direction d{part(kW), part(kR), part(kB), part(kP), flat(kQueryWeight), flat(kV), flat(kAttentionWeight),
                nullptr,  memory,   mask,     {}};
    d.keys = make.Node("MatMul", {memory, flat(kMemoryWeight)});
    d.attributes = {{"hidden_size", hidden}, {"input_forget", attributes.Int("input_forget", 0)}};
    if (attributes.Has("clip")) d.attributes.emplace_back("clip", attributes.Float("clip", 0));
    SplitActivations(attributes, i == 1, &d.attributes);
    const auto state = [&](size_t input) {
      if (make.input(input) != nullptr) return part(input);
      Value* shape =
          make.Node("Concat", {make.Ints({1}), batch, make.Ints({hidden})}, {{"axis", int64_t{0}}});
      return make.Node("Expand", {make.Number(x, 0), shape});
    };
    // The attention before the first step is zero: as wide as what stands in W behind the input.
    Value* width = make.Node("Sub", {make.Sizes(make.input(kW), 2, 3), make.Sizes(x, 2, 3)});
    Value* none =
        make.Node("Expand", {make.Number(x, 0), make.Node("Concat", {batch, width}, {{"axis", int64_t{0}}})});
    const bool backwards = direction == "reverse" || i == 1;
    const auto turned = [&](Value* value) {
      return backwards ? make.Node("ReverseSequence", {value, lengths},
                                   {{"batch_axis", int64_t{1}}, {"time_axis", int64_t{0}}})
                       : value;
    };
    Results made =
        RunDirection(context, make, d, turned(x), lengths, state(kInitialH), state(kInitialC), none);
    made.y = make.Node("Unsqueeze", {turned(made.y), make.Ints({1})});
    results.push_back(made);
  }
  const auto joined = [&](Value* Results::*member, int64_t axis) {
    if (directions == 1) return results[0].*member;
    return make.Node("Concat", {results[0].*member, results[1].*member}, {{"axis", axis}});
  };
  return make.Finish({joined(&Results::y, 1), joined(&Results::h, 0), joined(&Results::c, 0)});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"},
                                       {"W", "T"},
                                       {"R", "T"},
                                       {"B", "T", Arity::kOptional},
                                       {"sequence_lens", "T1", Arity::kOptional},
                                       {"initial_h", "T", Arity::kOptional},
                                       {"initial_c", "T", Arity::kOptional},
                                       {"P", "T", Arity::kOptional},
                                       {"QW", "T", Arity::kOptional},
                                       {"MW", "T", Arity::kOptional},
                                       {"V", "T", Arity::kOptional},
                                       {"M", "T", Arity::kOptional},
                                       {"memory_seq_lens", "T1", Arity::kOptional},
                                       {"AW", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {
    {"Y", "T", Arity::kOptional}, {"Y_h", "T", Arity::kOptional}, {"Y_c", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kDouble)},
                                     {"T1", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {
    {"activation_alpha", AttributeType::kFloats}, {"activation_beta", AttributeType::kFloats},
    {"activations", AttributeType::kStrings},     {"clip", AttributeType::kFloat},
    {"direction", AttributeType::kString},        {"hidden_size", AttributeType::kInt},
    {"input_forget", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsAttnLSTM;
constexpr OpDef kMsAttnLSTM{.domain = "com.microsoft",
                            .name = "AttnLSTM",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .attributes = kAttributes,
                            .raise = Raise};

}  // namespace ortolan
