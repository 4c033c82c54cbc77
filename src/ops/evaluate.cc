// Evaluate: one node on constants, without a plan. Inference runs on the data itself, then the node is
// prepared, bound and run as the executor would do it.
#include <algorithm>
#include <deque>

#include "base/aligned_buffer.h"
#include "ops/elementwise.h"
#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Dim;
using graph::Shape;

// The dims of a shape that is fully known; -1 is what inference without a pool gives for "only the data will
// tell".
std::optional<Dims> KnownDims(const Shape& shape) {
  if (!shape.IsConstant()) return std::nullopt;
  Dims dims;
  for (const Dim& dim : shape.dims()) {
    if (dim.constant() < 0) return std::nullopt;
    dims.push_back(dim.constant());
  }
  return dims;
}

ValueType TypeOf(const Value& value, const ValueType& declared) {
  if (value.kind() == Value::Kind::kTensor && declared.kind != ValueType::Kind::kOptional) {
    return ValueType::TensorOf(value.tensor().dtype());
  }
  if (declared.known() || value.kind() != Value::Kind::kSequence) return declared;
  const Sequence& sequence = value.sequence();
  return sequence.element == DType::kUndefined ? declared
                                               : ValueType::SequenceOf(ValueType::TensorOf(sequence.element));
}

class EvaluateContext final : public RunContext {
 public:
  EvaluateContext(const graph::Node& node, std::span<const Value> inputs, ThreadPool& threads)
      : values_(inputs), input_refs_(inputs.size(), nullptr), output_refs_(node.outputs().size(), nullptr) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const bool tensor = inputs[i].kind() == Value::Kind::kTensor;
      if (node.HasInput(i)) input_refs_[i] = tensor ? &inputs[i].tensor().ref() : &placeholder_;
    }
    tensors_.resize(output_refs_.size());
    results_.resize(output_refs_.size());
    for (size_t i = 0; i < output_refs_.size(); ++i) {
      if (node.output(i) == nullptr) continue;
      const ValueType& type = node.output(i)->type;
      refs_.push_back({type.IsTensor() ? type.dtype : DType::kUndefined, {}, nullptr});
      output_refs_[i] = &refs_.back();
    }
    inputs_ = input_refs_.data();
    outputs_ = output_refs_.data();
    input_count_ = input_refs_.size();
    output_count_ = output_refs_.size();
    threads_ = &threads;
  }

  Status Output(size_t i, const Dims& dims) override {
    if (!HasOutput(i)) return OkStatus();
    if (tensors_[i].defined()) {
      if (tensors_[i].dims() == dims) return OkStatus();
      return Fail("Output {} has shape {} where {} was inferred", i, DimsText(dims),
                  DimsText(tensors_[i].dims()));
    }
    ORTOLAN_ASSIGN_OR_RETURN(tensors_[i], Tensor::Allocate(output_refs_[i]->dtype, dims));
    *output_refs_[i] = tensors_[i].ref();
    return OkStatus();
  }

  const Value& InputValue(size_t i) const override {
    static const Value none;
    return i < values_.size() ? values_[i] : none;
  }
  void SetOutputValue(size_t i, Value value) override {
    if (!HasOutput(i)) return;
    results_[i] = std::move(value);
    given_.push_back(i);
  }
  bool cancelled() const override { return false; }

  Status Bind(const Prepared& prepared) {
    if (prepared.bind == nullptr) return OkStatus();
    std::vector<Dims> input_dims(input_count_), output_dims(output_count_);
    for (size_t i = 0; i < input_count_; ++i) {
      if (HasInput(i)) input_dims[i] = input_refs_[i]->dims;
    }
    for (size_t i = 0; i < output_count_; ++i) {
      if (HasOutput(i)) output_dims[i] = output_refs_[i]->dims;
    }
    Binding binding;
    const BindContext context{input_dims, output_dims, threads_->thread_count()};
    ORTOLAN_RETURN_IF_ERROR(prepared.bind(prepared.state.get(), context, &binding));
    if (binding.scratch_bytes > 0) {
      ORTOLAN_ASSIGN_OR_RETURN(scratch_buffer_, AlignedBuffer::Allocate(binding.scratch_bytes));
    }
    scratch_ = scratch_buffer_.data();
    bound_ = std::move(binding.data);
    binding_ = bound_.get();
    return OkStatus();
  }

  Result<std::vector<Value>> TakeResults() {
    for (size_t i = 0; i < output_count_; ++i) {
      if (!HasOutput(i) || std::ranges::find(given_, i) != given_.end()) continue;
      if (!tensors_[i].defined()) return Fail("Output {} was not produced", i);
      results_[i] = std::move(tensors_[i]);
    }
    return std::move(results_);
  }

 private:
  std::span<const Value> values_;
  TensorRef placeholder_;  // stands for inputs that are no tensors
  std::vector<const TensorRef*> input_refs_;
  std::vector<TensorRef*> output_refs_;
  std::deque<TensorRef> refs_;
  std::vector<Tensor> tensors_;
  std::vector<Value> results_;
  std::vector<size_t> given_;
  AlignedBuffer scratch_buffer_;
  std::shared_ptr<const void> bound_;
};

// A graph with one copy of the node in it, whose values have the types and shapes that the data has. Inputs
// are constants where the node's own are, so that `prepare` does what it would do in a plan.
struct ScratchNode {
  graph::Graph graph{std::make_shared<graph::DimPool>()};
  graph::Node* node = graph.AppendNode();

  ScratchNode(const graph::Node& original, std::span<const Value> inputs) {
    node->op = original.op;
    node->op_type = original.op_type;
    node->name = original.name;
    node->attributes = original.attributes;
    node->payload = original.payload;
    node->device = original.device;
    for (size_t i = 0; i < original.inputs().size(); ++i) {
      const graph::Value* from = original.input(i);
      node->SetInput(i, nullptr);
      if (from == nullptr) continue;
      graph::Value* value = graph.NewValue(from->name());
      const bool tensor = inputs[i].kind() == Value::Kind::kTensor;
      if (tensor && from->IsConstant()) value->set_constant(inputs[i].tensor());
      value->type = TypeOf(inputs[i], from->type);
      if (tensor) value->shape = Shape::OfConstants(inputs[i].tensor().dims());
      node->SetInput(i, value);
    }
    for (size_t i = 0; i < original.outputs().size(); ++i) {
      const graph::Value* from = original.output(i);
      if (from == nullptr) {
        node->SetOutput(i, nullptr);
        continue;
      }
      node->SetOutput(i, graph.NewValue(from->name()));
      node->output(i)->type = from->type;
    }
  }
};

// Infers from the data, and writes what it found to the node's outputs.
Status InferFromData(const graph::Node& node, std::span<const Value> values) {
  std::vector<InferInput> inputs(node.inputs().size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!node.HasInput(i)) continue;
    const graph::Value& value = *node.input(i);
    inputs[i] = {true, value.type, value.shape, nullptr, nullptr};
    if (values[i].kind() == Value::Kind::kTensor) inputs[i].data = &values[i].tensor().ref();
  }
  InferContext context(node, std::move(inputs), node.outputs().size(), nullptr);
  ORTOLAN_RETURN_IF_ERROR(RunInference(context));
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    if (node.output(i) == nullptr) continue;
    if (context.output(i).type.known()) node.output(i)->type = context.output(i).type;
    node.output(i)->shape = context.output(i).shape;
  }
  return OkStatus();
}

// A view shares its input's memory; what has no owner might not live as long as the result and is copied.
Result<std::vector<Value>> EvaluateView(const graph::Node& node, const Tensor& source) {
  const std::optional<Dims> dims = KnownDims(node.output(0)->shape);
  if (!dims) return Fail("The shape of the view is not known");
  if (CheckedCount(*dims) != source.count()) {
    return Fail("A tensor of shape {} cannot be seen as {}", DimsText(source.dims()), DimsText(*dims));
  }
  std::vector<Value> results(node.outputs().size());
  if (source.owner() != nullptr) {
    results[0] = source.Reshaped(*dims);
    return results;
  }
  ORTOLAN_ASSIGN_OR_RETURN(Tensor copy, Tensor::Allocate(source.dtype(), *dims));
  CopyElements(source.ref(), copy.ref());
  results[0] = std::move(copy);
  return results;
}

}  // namespace

Result<std::vector<Value>> Evaluate(const graph::Node& original, std::span<const Value> inputs,
                                    ThreadPool& threads) {
  if (original.op == nullptr || original.op->traits.control_flow) {
    return NotImplemented("{} cannot be evaluated outside of a run", original.op_type);
  }
  if (inputs.size() != original.inputs().size()) {
    return InvalidArgument("{} inputs given to a node with {}", inputs.size(), original.inputs().size());
  }
  const ScratchNode scratch(original, inputs);
  const graph::Node& node = *scratch.node;
  ORTOLAN_RETURN_IF_ERROR(InferFromData(node, inputs));

  const int view_of = node.op->traits.view_of;
  if (view_of >= 0) {
    const size_t source = static_cast<size_t>(view_of);
    if (source >= inputs.size() || inputs[source].kind() != Value::Kind::kTensor ||
        node.output(0) == nullptr) {
      return Fail("A view needs a tensor as input {}", source);
    }
    return EvaluateView(node, inputs[source].tensor());
  }

  Prepared prepared;
  PrepareContext prepare{node, GetCpuInfo().isa, threads};
  ORTOLAN_RETURN_IF_ERROR(PrepareNode(prepare, &prepared));
  if (prepared.run == nullptr) return NotImplemented("{} has no kernel", node.op_type);

  EvaluateContext context(node, inputs, threads);
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    if (node.output(i) == nullptr || !node.output(i)->type.IsTensor()) continue;
    if (const std::optional<Dims> dims = KnownDims(node.output(i)->shape)) {
      ORTOLAN_RETURN_IF_ERROR(context.Output(i, *dims));
    }
  }
  ORTOLAN_RETURN_IF_ERROR(context.Bind(prepared));
  ORTOLAN_RETURN_IF_ERROR(prepared.run(prepared.state.get(), context));
  return context.TakeResults();
}

}  // namespace ortolan
