#include "exec/control_flow.h"

#include <limits>

#include "ops/tensor/low_bits.h"

namespace ortolan::exec {
namespace {

using Bodies = std::span<const std::unique_ptr<Executor>>;

Result<std::vector<Value>> RunBody(Executor& body, std::span<const Value> inputs,
                                   const std::atomic<bool>* cancelled) {
  std::vector<Value> outputs(body.plan().outputs().size());
  ORTOLAN_RETURN_IF_ERROR(body.Run({inputs, outputs, cancelled, nullptr}));
  return outputs;
}

Result<bool> BoolOf(const Value& value, std::string_view what) {
  if (value.kind() != Value::Kind::kTensor || value.tensor().dtype() != DType::kBool ||
      value.tensor().count() != 1) {
    return InvalidArgument("{} must be a tensor(bool) with one element", what);
  }
  return value.tensor().Items<bool>()[0];
}

// Per-iteration results of a Loop or Scan, to be stacked along an axis.
class Stacker {
 public:
  Status Add(const Value& value) {
    if (value.kind() != Value::Kind::kTensor) return InvalidArgument("A scan output must be a tensor");
    items_.push_back(value.tensor());
    return OkStatus();
  }

  // `empty_dims` is the shape of one item where there was no iteration.
  Result<Value> Stack(int64_t axis, bool reversed, DType dtype, const Dims& empty_dims) const {
    const Dims& item_dims = items_.empty() ? empty_dims : items_[0].dims();
    const auto rank = static_cast<int64_t>(item_dims.size()) + 1;
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t at, NormalizeAxis(axis, rank));
    for (const Tensor& item : items_) {
      if (!(item.dims() == item_dims)) {
        return Fail("Scan outputs differ in shape between iterations: {} and {}", DimsText(item_dims),
                    DimsText(item.dims()));
      }
    }
    Dims dims = item_dims;
    const auto count = static_cast<int64_t>(items_.size());
    dims.insert(dims.begin() + at, count);
    ORTOLAN_ASSIGN_OR_RETURN(Tensor stacked,
                             Tensor::Allocate(items_.empty() ? dtype : items_[0].dtype(), dims));
    ClearPacked(stacked.ref());
    const std::span<const int64_t> all(item_dims.data(), item_dims.size());
    const int64_t outer = ElementCount(all.first(static_cast<size_t>(at)));
    const int64_t inner = ElementCount(all.subspan(static_cast<size_t>(at)));
    for (int64_t k = 0; k < count; ++k) {
      const Tensor& item = items_[static_cast<size_t>(reversed ? count - 1 - k : k)];
      for (int64_t o = 0; o < outer; ++o)
        CopyRange(item.ref(), o * inner, stacked.ref(), (o * count + k) * inner, inner);
    }
    return Value(std::move(stacked));
  }

 private:
  std::vector<Tensor> items_;
};

// What a body's output looks like when the body never ran.
Dims DeclaredDims(const plan::Plan& body, size_t output) {
  const graph::Shape& shape = body.graph().outputs()[output]->shape;
  Dims dims;
  if (shape.has_rank()) {
    for (const graph::Dim& dim : shape.dims()) dims.push_back(dim.IsConstant() ? dim.constant() : 0);
  }
  return dims;
}

Result<std::vector<Value>> RunIf(const plan::Step& step, Bodies bodies, std::span<const Value> inputs,
                                 const std::atomic<bool>* cancelled) {
  ORTOLAN_ASSIGN_OR_RETURN(const bool condition, BoolOf(inputs[0], "The condition of If"));
  size_t b = 0;
  for (const auto& [name, value] : step.node->attributes.items()) {
    if (!std::holds_alternative<std::shared_ptr<graph::Graph>>(value)) continue;
    Executor& body = *bodies[b++];
    if ((name == "then_branch") == condition) return RunBody(body, inputs.subspan(1), cancelled);
  }
  return Fail("If has no {} branch", condition ? "then" : "else");
}

// Body inputs: iteration, condition, carried values, captured values; outputs: condition, carried values,
// scan outputs.
Result<std::vector<Value>> RunLoop(const plan::Step& step, Bodies bodies, std::span<const Value> inputs,
                                   const std::atomic<bool>* cancelled) {
  Executor& body = *bodies[0];
  const auto captured = graph::CapturedCount(*step.node);
  const size_t carried = inputs.size() - 2 - captured;
  const size_t scans = body.plan().outputs().size() - 1 - carried;
  int64_t trips = std::numeric_limits<int64_t>::max();
  if (inputs[0].kind() == Value::Kind::kTensor) {
    if (inputs[0].tensor().dtype() != DType::kInt64 || inputs[0].tensor().count() != 1) {
      return InvalidArgument("The trip count of Loop must be a tensor(int64) with one element");
    }
    trips = inputs[0].tensor().Items<int64_t>()[0];
  }
  bool go_on = true;
  if (inputs[1].kind() == Value::Kind::kTensor) {
    ORTOLAN_ASSIGN_OR_RETURN(go_on, BoolOf(inputs[1], "The condition of Loop"));
  }
  std::vector<Value> feeds(body.plan().inputs().size());
  for (size_t i = 0; i < carried + captured; ++i) feeds[2 + i] = inputs[2 + i];
  std::vector<Stacker> stackers(scans);
  for (int64_t i = 0; i < trips && go_on; ++i) {
    feeds[0] = Tensor::Scalar<int64_t>(i);
    feeds[1] = Tensor::Scalar<bool>(go_on);
    ORTOLAN_ASSIGN_OR_RETURN(std::vector<Value> made, RunBody(body, feeds, cancelled));
    ORTOLAN_ASSIGN_OR_RETURN(go_on, BoolOf(made[0], "The condition that a Loop body returns"));
    for (size_t c = 0; c < carried; ++c) feeds[2 + c] = std::move(made[1 + c]);
    for (size_t s = 0; s < scans; ++s) ORTOLAN_RETURN_IF_ERROR(stackers[s].Add(made[1 + carried + s]));
  }
  std::vector<Value> outputs(feeds.begin() + 2, feeds.begin() + 2 + static_cast<ptrdiff_t>(carried));
  for (size_t s = 0; s < scans; ++s) {
    const size_t at = 1 + carried + s;
    ORTOLAN_ASSIGN_OR_RETURN(Value stacked,
                             stackers[s].Stack(0, false, body.plan().graph().outputs()[at]->type.dtype,
                                               DeclaredDims(body.plan(), at)));
    outputs.push_back(std::move(stacked));
  }
  return outputs;
}

// One slice of a scan input.
Result<Value> SliceAt(const Tensor& whole, int64_t axis, int64_t at) {
  Dims dims = whole.dims();
  const std::span<const int64_t> all(whole.dims().data(), whole.dims().size());
  const int64_t outer = ElementCount(all.first(static_cast<size_t>(axis)));
  const int64_t inner = ElementCount(all.subspan(static_cast<size_t>(axis) + 1));
  const int64_t length = dims[static_cast<size_t>(axis)];
  dims.erase(dims.begin() + axis);
  ORTOLAN_ASSIGN_OR_RETURN(Tensor slice, Tensor::Allocate(whole.dtype(), dims));
  ClearPacked(slice.ref());
  for (int64_t o = 0; o < outer; ++o) {
    CopyRange(whole.ref(), (o * length + at) * inner, slice.ref(), o * inner, inner);
  }
  return Value(std::move(slice));
}

int64_t At(std::span<const int64_t> list, size_t i) {
  return i < list.size() ? list[i] : 0;
}

// Inputs: initial states, scan inputs, captured values; body outputs: states, scan outputs.
Result<std::vector<Value>> RunScan(const plan::Step& step, Bodies bodies, std::span<const Value> inputs,
                                   const std::atomic<bool>* cancelled) {
  Executor& body = *bodies[0];
  const graph::Attributes& attributes = step.node->attributes;
  const auto captured = graph::CapturedCount(*step.node);
  const auto scan_inputs = static_cast<size_t>(attributes.Int("num_scan_inputs", 0));
  const size_t states = inputs.size() - captured - scan_inputs;
  const size_t scans = body.plan().outputs().size() - states;
  std::vector<int64_t> axes(scan_inputs);
  int64_t length = -1;
  for (size_t i = 0; i < scan_inputs; ++i) {
    if (inputs[states + i].kind() != Value::Kind::kTensor)
      return InvalidArgument("A scan input must be a tensor");
    const Tensor& tensor = inputs[states + i].tensor();
    ORTOLAN_ASSIGN_OR_RETURN(axes[i], NormalizeAxis(At(attributes.Ints("scan_input_axes"), i),
                                                    static_cast<int64_t>(tensor.dims().size())));
    const int64_t own = tensor.dims()[static_cast<size_t>(axes[i])];
    if (length >= 0 && own != length)
      return InvalidArgument("Scan inputs have different lengths: {} and {}", length, own);
    length = own;
  }
  std::vector<Value> feeds(inputs.begin(), inputs.end());
  std::vector<Stacker> stackers(scans);
  for (int64_t t = 0; t < length; ++t) {
    for (size_t i = 0; i < scan_inputs; ++i) {
      const bool backwards = At(attributes.Ints("scan_input_directions"), i) != 0;
      ORTOLAN_ASSIGN_OR_RETURN(feeds[states + i],
                               SliceAt(inputs[states + i].tensor(), axes[i], backwards ? length - 1 - t : t));
    }
    ORTOLAN_ASSIGN_OR_RETURN(std::vector<Value> made, RunBody(body, feeds, cancelled));
    for (size_t s = 0; s < states; ++s) feeds[s] = std::move(made[s]);
    for (size_t s = 0; s < scans; ++s) ORTOLAN_RETURN_IF_ERROR(stackers[s].Add(made[states + s]));
  }
  std::vector<Value> outputs(feeds.begin(), feeds.begin() + static_cast<ptrdiff_t>(states));
  for (size_t s = 0; s < scans; ++s) {
    const bool reversed = At(attributes.Ints("scan_output_directions"), s) != 0;
    ORTOLAN_ASSIGN_OR_RETURN(Value stacked,
                             stackers[s].Stack(At(attributes.Ints("scan_output_axes"), s), reversed,
                                               body.plan().graph().outputs()[states + s]->type.dtype,
                                               DeclaredDims(body.plan(), states + s)));
    outputs.push_back(std::move(stacked));
  }
  return outputs;
}

// Body inputs: an item of each sequence, tensors whole, captured values; body outputs: items of the outputs.
Result<std::vector<Value>> RunSequenceMap(const plan::Step& step, Bodies bodies,
                                          std::span<const Value> inputs, const std::atomic<bool>* cancelled) {
  Executor& body = *bodies[0];
  const size_t own = inputs.size() - graph::CapturedCount(*step.node);
  if (inputs[0].kind() != Value::Kind::kSequence)
    return InvalidArgument("The first input of SequenceMap must be a sequence");
  const size_t length = inputs[0].sequence().items.size();
  for (size_t i = 1; i < own; ++i) {
    if (inputs[i].kind() != Value::Kind::kSequence) continue;
    if (inputs[i].sequence().items.size() != length) {
      return InvalidArgument("The sequences of SequenceMap have {} and {} items", length,
                             inputs[i].sequence().items.size());
    }
  }
  const auto& declared = body.plan().graph().outputs();
  std::vector<std::shared_ptr<Sequence>> sequences;
  for (const graph::Value* output : declared) {
    sequences.push_back(std::make_shared<Sequence>());
    sequences.back()->element = output->type.dtype;
  }
  std::vector<Value> feeds(inputs.begin(), inputs.end());
  for (size_t k = 0; k < length; ++k) {
    for (size_t i = 0; i < own; ++i) {
      if (inputs[i].kind() == Value::Kind::kSequence) feeds[i] = inputs[i].sequence().items[k];
    }
    ORTOLAN_ASSIGN_OR_RETURN(std::vector<Value> made, RunBody(body, feeds, cancelled));
    for (size_t o = 0; o < made.size(); ++o) {
      if (made[o].kind() == Value::Kind::kTensor) sequences[o]->element = made[o].tensor().dtype();
      sequences[o]->items.push_back(std::move(made[o]));
    }
  }
  std::vector<Value> outputs;
  for (std::shared_ptr<Sequence>& made : sequences) {
    outputs.emplace_back(std::shared_ptr<const Sequence>(std::move(made)));
  }
  return outputs;
}

}  // namespace

Result<std::vector<Value>> RunControlFlow(const plan::Step& step, Bodies bodies,
                                          std::span<const Value> inputs, const std::atomic<bool>* cancelled) {
  const std::string_view name = step.node->op->name;
  if (name == "If") return RunIf(step, bodies, inputs, cancelled);
  if (name == "Loop") return RunLoop(step, bodies, inputs, cancelled);
  if (name == "Scan") return RunScan(step, bodies, inputs, cancelled);
  if (name == "SequenceMap") return RunSequenceMap(step, bodies, inputs, cancelled);
  return NotImplemented("{} is not a control-flow operator that can be run", name);
}

}  // namespace ortolan::exec
