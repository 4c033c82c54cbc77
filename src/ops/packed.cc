#include "ops/packed.h"

#include <algorithm>
#include <vector>

#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

bool IsPacked(DType dtype) {
  return dtype != DType::kUndefined && DTypeBits(dtype) < 8;
}
bool IsPacked(const graph::Value* value) {
  return value != nullptr && value->type.IsTensor() && IsPacked(value->type.dtype);
}

DType ByteTypeOf(DType dtype) {
  return dtype == DType::kInt4 || dtype == DType::kInt2 ? DType::kInt8 : DType::kUInt8;
}

Result<Tensor> Unpacked(const TensorRef& packed) {
  ORTOLAN_ASSIGN_OR_RETURN(Tensor bytes, Tensor::Allocate(ByteTypeOf(packed.dtype), packed.dims));
  UnpackElements(packed.dtype, packed.data, 0, packed.count(), static_cast<uint8_t*>(bytes.data()));
  return bytes;
}

// A copy of the node alone in a graph, with bytes in place of packed elements.
struct ByteNode {
  graph::Graph graph{std::make_shared<graph::DimPool>()};
  graph::Node* node = graph.AppendNode();

  Status Fill(const graph::Node& original) {
    node->op = original.op;
    node->op_type = original.op_type;
    node->name = original.name;
    node->attributes = original.attributes;
    node->device = original.device;
    for (const auto& [name, value] : original.attributes.items()) {
      const Tensor* tensor = std::get_if<Tensor>(&value);
      if (tensor == nullptr || !IsPacked(tensor->dtype())) continue;
      ORTOLAN_ASSIGN_OR_RETURN(Tensor bytes, Unpacked(tensor->ref()));
      node->attributes.Set(name, std::move(bytes));
    }
    for (size_t i = 0; i < original.inputs().size(); ++i) {
      ORTOLAN_ASSIGN_OR_RETURN(graph::Value * value, Copied(original.input(i)));
      node->SetInput(i, value);
    }
    for (size_t i = 0; i < original.outputs().size(); ++i) {
      ORTOLAN_ASSIGN_OR_RETURN(graph::Value * value, Copied(original.output(i)));
      node->SetOutput(i, value);
    }
    return OkStatus();
  }

 private:
  Result<graph::Value*> Copied(const graph::Value* from) {
    if (from == nullptr) return static_cast<graph::Value*>(nullptr);
    graph::Value* value = graph.NewValue(from->name());
    if (from->IsConstant() && IsPacked(from)) {
      ORTOLAN_ASSIGN_OR_RETURN(Tensor bytes, Unpacked(from->constant().ref()));
      value->set_constant(std::move(bytes));
    } else if (from->IsConstant()) {
      value->set_constant(from->constant());
    }
    value->type = IsPacked(from) ? ValueType::TensorOf(ByteTypeOf(from->type.dtype)) : from->type;
    value->shape = from->shape;
    value->contents = from->contents;
    return value;
  }
};

struct UnpackedState {
  ByteNode bytes;  // what the operator prepared may refer to it
  Prepared inner;
};

// What the operator sees: bytes where the run has packed elements. Its memory is the run's own: these types
// are rare, and none of their operators runs often.
class UnpackedContext final : public RunContext {
 public:
  explicit UnpackedContext(RunContext& outer)
      : outer_(outer),
        tensors_(outer.input_count() + outer.output_count()),
        refs_(tensors_.size()),
        input_refs_(outer.input_count(), nullptr),
        output_refs_(outer.output_count(), nullptr) {}

  Status Unpack() {
    for (size_t i = 0; i < input_refs_.size(); ++i) {
      if (!outer_.HasInput(i)) continue;
      input_refs_[i] = &outer_.input(i);
      if (!IsPacked(outer_.input(i).dtype)) continue;
      ORTOLAN_ASSIGN_OR_RETURN(tensors_[i], Unpacked(outer_.input(i)));
      refs_[i] = tensors_[i].ref();
      input_refs_[i] = &refs_[i];
    }
    for (size_t i = 0; i < output_refs_.size(); ++i) {
      if (!outer_.HasOutput(i)) continue;
      const TensorRef& ref = outer_.output(i);
      TensorRef& own = refs_[input_refs_.size() + i];
      own = ref;
      output_refs_[i] = &own;
      if (!IsPacked(ref.dtype)) continue;
      own.dtype = ByteTypeOf(ref.dtype);
      own.data = nullptr;
      if (ref.data != nullptr) ORTOLAN_RETURN_IF_ERROR(AllocateOutput(i, ref.dims));
    }
    inputs_ = input_refs_.data();
    outputs_ = output_refs_.data();
    input_count_ = input_refs_.size();
    output_count_ = output_refs_.size();
    scratch_ = outer_.scratch();
    binding_ = outer_.binding();
    threads_ = &outer_.threads();
    return OkStatus();
  }

  void Pack() {
    for (size_t i = 0; i < output_refs_.size(); ++i) {
      if (output_refs_[i] == nullptr || !IsPacked(outer_.output(i).dtype)) continue;
      const TensorRef& to = outer_.output(i);
      if (to.data == nullptr || output_refs_[i]->data == nullptr) continue;
      PackElements(to.dtype, output_refs_[i]->As<const uint8_t>(), 0, to.count(), to.data);
    }
  }

  Status Output(size_t i, const Dims& dims) override {
    ORTOLAN_RETURN_IF_ERROR(outer_.Output(i, dims));
    if (IsPacked(outer_.output(i).dtype)) return AllocateOutput(i, dims);
    *output_refs_[i] = outer_.output(i);
    return OkStatus();
  }
  const Value& InputValue(size_t i) const override { return outer_.InputValue(i); }
  void SetOutputValue(size_t i, Value value) override { outer_.SetOutputValue(i, std::move(value)); }
  bool cancelled() const override { return outer_.cancelled(); }

 private:
  Status AllocateOutput(size_t i, const Dims& dims) {
    TensorRef& own = *output_refs_[i];
    if (own.data != nullptr && own.dims == dims) return OkStatus();
    Tensor& tensor = tensors_[input_refs_.size() + i];
    ORTOLAN_ASSIGN_OR_RETURN(tensor, Tensor::Allocate(own.dtype, dims));
    own = tensor.ref();
    return OkStatus();
  }

  RunContext& outer_;
  std::vector<Tensor> tensors_;  // inputs first
  std::vector<TensorRef> refs_;
  std::vector<const TensorRef*> input_refs_;
  std::vector<TensorRef*> output_refs_;
};

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const UnpackedState*>(opaque);
  UnpackedContext unpacked(context);
  ORTOLAN_RETURN_IF_ERROR(unpacked.Unpack());
  ORTOLAN_RETURN_IF_ERROR(state.inner.run(state.inner.state.get(), unpacked));
  unpacked.Pack();
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const UnpackedState*>(opaque);
  return state.inner.bind(state.inner.state.get(), context, binding);
}

}  // namespace

bool HasPackedTypes(const graph::Node& node) {
  const auto packed = [](const graph::Value* value) { return IsPacked(value); };
  return std::ranges::any_of(node.inputs(), packed) || std::ranges::any_of(node.outputs(), packed);
}

Status PrepareUnpacked(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<UnpackedState>();
  ORTOLAN_RETURN_IF_ERROR(state->bytes.Fill(context.node));
  PrepareContext inner{*state->bytes.node, context.isa, context.threads, context.deterministic};
  ORTOLAN_RETURN_IF_ERROR(context.node.op->prepare(inner, &state->inner));
  prepared->kernel = state->inner.kernel + "_unpacked";
  prepared->run = Run;
  prepared->bind = state->inner.bind != nullptr ? Bind : nullptr;
  prepared->state = std::move(state);
  return OkStatus();
}

}  // namespace ortolan
