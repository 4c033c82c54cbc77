#include "ops/converted.h"

#include <algorithm>
#include <vector>

#include "ops/elementwise.h"

namespace ortolan {
namespace {

constexpr DTypeSet kIntegersOf32 =
    SetOf(DType::kInt8, DType::kInt16, DType::kInt32, DType::kUInt8, DType::kUInt16);
// They add and scale elements, so that the two parts of complex numbers can go through them one after the
// other.
constexpr std::string_view kLinear[] = {"Col2Im", "GridSample", "Resize"};

// How elements of one type stand as elements of another.
enum class Form : uint8_t {
  kCast,
  kParts,     // real numbers, then imaginary ones: two runs
  kPosition,  // strings by where they stand, from 1 on; 0 is the empty one
};

struct Conversion {
  DType from = DType::kUndefined;
  DType to = DType::kUndefined;
  Form form = Form::kCast;
};

// Types that may serve, the exact ones first.
std::vector<Conversion> ConversionsOf(const graph::Node& node, DType dtype) {
  std::vector<Conversion> found;
  const auto cast = [&](std::initializer_list<DType> targets) {
    for (DType to : targets) {
      if (to != dtype) found.push_back({dtype, to});
    }
  };
  if (Contains(kComplexTypes, dtype)) {
    const bool linear = std::ranges::find(kLinear, node.op->name) != std::end(kLinear);
    const DType real = dtype == DType::kComplex64 ? DType::kFloat : DType::kDouble;
    if (linear && node.op->domain.empty()) found.push_back({dtype, real, Form::kParts});
    if (linear && node.op->domain.empty()) found.push_back({dtype, DType::kFloat, Form::kParts});
  } else if (dtype == DType::kString) {
    if (node.attributes.String("mode", "nearest") == "nearest" && node.op->name == "Resize")
      found.push_back({dtype, DType::kInt64, Form::kPosition});
  } else if (dtype == DType::kBool) {
    cast({DType::kFloat, DType::kDouble, DType::kInt32});
  } else if (Contains(kIntegersOf32, dtype)) {
    cast({DType::kInt32, DType::kInt64, DType::kDouble, DType::kFloat});
  } else if (dtype == DType::kUInt32) {
    cast({DType::kInt64, DType::kDouble, DType::kFloat});
  } else if (dtype == DType::kDouble) {
    cast({DType::kFloat});
  } else {  // 64 bits: what no floating type holds is rounded; small floats: exact
    cast({DType::kFloat, DType::kDouble});
    if (dtype == DType::kInt64 || dtype == DType::kUInt64) std::ranges::reverse(found);
  }
  return found;
}

Result<Tensor> CastTo(const TensorRef& from, DType to, ThreadPool& threads) {
  graph::Graph scratch(std::make_shared<graph::DimPool>());
  graph::Node& node = *scratch.AppendNode();
  node.op = FindOp("", "Cast");
  if (node.op == nullptr) return NotImplemented("no Cast");
  node.op_type = "Cast";
  node.attributes.Set("to", static_cast<int64_t>(to));
  const Tensor wrapped = Tensor::Wrap(from.dtype, from.dims, from.data, nullptr);
  graph::Value* input = scratch.NewValue("");
  input->type = ValueType::TensorOf(from.dtype);
  node.SetInput(0, input);
  node.SetOutput(0, scratch.NewValue(""));
  const Value value = wrapped;
  ORTOLAN_ASSIGN_OR_RETURN(std::vector<Value> results, Evaluate(node, {&value, 1}, threads));
  return results[0].tensor();
}

template <typename Real, typename To>
void CopyPart(const TensorRef& complex, int part, const TensorRef& real) {
  const Real* from = static_cast<const Real*>(complex.data) + part;
  for (int64_t i = 0; i < complex.count(); ++i) real.As<To>()[i] = static_cast<To>(from[2 * i]);
}

template <typename Real, typename From>
void StorePart(const TensorRef& real, int part, const TensorRef& complex) {
  Real* to = static_cast<Real*>(complex.data) + part;
  for (int64_t i = 0; i < complex.count(); ++i) to[2 * i] = static_cast<Real>(real.As<const From>()[i]);
}

Result<Tensor> Converted(const TensorRef& from, const Conversion& how, int part, ThreadPool& threads) {
  if (how.form == Form::kCast) return CastTo(from, how.to, threads);
  ORTOLAN_ASSIGN_OR_RETURN(Tensor made, Tensor::Allocate(how.to, from.dims));
  if (how.form == Form::kPosition) {
    for (int64_t i = 0; i < from.count(); ++i) made.ref().As<int64_t>()[i] = i + 1;
  } else if (how.from == DType::kComplex64) {
    CopyPart<float, float>(from, part, made.ref());
  } else if (how.to == DType::kDouble) {
    CopyPart<double, double>(from, part, made.ref());
  } else {
    CopyPart<double, float>(from, part, made.ref());
  }
  return made;
}

Status StoreConverted(const TensorRef& from, const Conversion& how, int part, const TensorRef* source,
                      const TensorRef& to, ThreadPool& threads) {
  if (how.form == Form::kCast) {
    ORTOLAN_ASSIGN_OR_RETURN(const Tensor made, CastTo(from, to.dtype, threads));
    CopyElements(made.ref(), to);
  } else if (how.form == Form::kPosition) {
    const int64_t known = source != nullptr ? source->count() : 0;
    for (int64_t i = 0; i < to.count(); ++i) {
      const int64_t position = from.As<const int64_t>()[i];
      to.As<std::string>()[i] =
          position < 1 || position > known ? std::string() : source->As<const std::string>()[position - 1];
    }
  } else if (how.from == DType::kComplex64) {
    StorePart<float, float>(from, part, to);
  } else if (how.to == DType::kDouble) {
    StorePart<double, double>(from, part, to);
  } else {
    StorePart<double, float>(from, part, to);
  }
  return OkStatus();
}

// A copy of the node alone in a graph, with other types.
struct Twin {
  graph::Graph graph{std::make_shared<graph::DimPool>()};
  graph::Node* node = graph.AppendNode();
  Conversion how;
  std::vector<bool> inputs, outputs;  // which are converted
  Prepared prepared;

  // `formals`: names of the type constraints that change.
  bool Fill(const graph::Node& original, const Conversion& conversion,
            std::span<const std::string_view> formals) {
    how = conversion;
    node->op = original.op;
    node->op_type = original.op_type;
    node->name = original.name;
    node->attributes = original.attributes;
    node->device = original.device;
    for (size_t i = 0; i < original.inputs().size(); ++i) {
      const graph::Value* from = original.input(i);
      const auto& all = original.op->inputs;
      const std::string_view formal = all[std::min(i, all.size() - 1)].type;
      inputs.push_back(from != nullptr && from->type == ValueType::TensorOf(how.from) &&
                       std::ranges::find(formals, formal) != formals.end());
      node->SetInput(i, from != nullptr ? CopyOf(*from, inputs.back()) : nullptr);
    }
    for (size_t i = 0; i < original.outputs().size(); ++i) {
      node->SetOutput(i, original.output(i) != nullptr ? graph.NewValue("") : nullptr);
    }
    if (!InferNode(*node, *graph.dims()).ok()) return false;
    for (size_t i = 0; i < original.outputs().size(); ++i) {
      const graph::Value* wanted = original.output(i);
      outputs.push_back(wanted != nullptr && !(node->output(i)->type == wanted->type));
      if (outputs.back() && !(node->output(i)->type == ValueType::TensorOf(how.to))) return false;
    }
    return std::ranges::find(inputs, true) != inputs.end();
  }

 private:
  graph::Value* CopyOf(const graph::Value& from, bool converted) {
    graph::Value* value = graph.NewValue(from.name());
    if (from.IsConstant() && !converted) value->set_constant(from.constant());
    value->type = converted ? ValueType::TensorOf(how.to) : from.type;
    value->shape = from.shape;
    return value;
  }
};

class TwinContext final : public RunContext {
 public:
  TwinContext(const Twin& twin, RunContext& outer, int part)
      : twin_(twin),
        outer_(outer),
        part_(part),
        tensors_(outer.input_count() + outer.output_count()),
        refs_(tensors_.size()),
        input_refs_(outer.input_count(), nullptr),
        output_refs_(outer.output_count(), nullptr) {}

  Status ConvertInputs() {
    for (size_t i = 0; i < input_refs_.size(); ++i) {
      if (!outer_.HasInput(i)) continue;
      input_refs_[i] = &outer_.input(i);
      if (!twin_.inputs[i]) continue;
      ORTOLAN_ASSIGN_OR_RETURN(tensors_[i], Converted(outer_.input(i), twin_.how, part_, outer_.threads()));
      refs_[i] = tensors_[i].ref();
      input_refs_[i] = &refs_[i];
    }
    for (size_t i = 0; i < output_refs_.size(); ++i) {
      if (!outer_.HasOutput(i)) continue;
      TensorRef& own = refs_[input_refs_.size() + i];
      own = outer_.output(i);
      output_refs_[i] = &own;
      if (!twin_.outputs[i]) continue;
      const bool known = own.data != nullptr;
      own.dtype = twin_.how.to;
      own.data = nullptr;
      if (known) ORTOLAN_RETURN_IF_ERROR(AllocateOutput(i, outer_.output(i).dims));
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

  Status ConvertOutputs() {
    for (size_t i = 0; i < output_refs_.size(); ++i) {
      if (output_refs_[i] == nullptr || !twin_.outputs[i] || output_refs_[i]->data == nullptr) continue;
      ORTOLAN_RETURN_IF_ERROR(StoreConverted(*output_refs_[i], twin_.how, part_, &outer_.input(0),
                                             outer_.output(i), outer_.threads()));
    }
    return OkStatus();
  }

  Status Output(size_t i, const Dims& dims) override {
    ORTOLAN_RETURN_IF_ERROR(outer_.Output(i, dims));
    if (!outer_.HasOutput(i)) return OkStatus();
    if (twin_.outputs[i]) return AllocateOutput(i, dims);
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

  const Twin& twin_;
  RunContext& outer_;
  int part_;
  std::vector<Tensor> tensors_;  // inputs first
  std::vector<TensorRef> refs_;
  std::vector<const TensorRef*> input_refs_;
  std::vector<TensorRef*> output_refs_;
};

Status Run(const void* opaque, RunContext& context) {
  const Twin& twin = *static_cast<const Twin*>(opaque);
  const int parts = twin.how.form == Form::kParts ? 2 : 1;
  for (int part = 0; part < parts; ++part) {
    TwinContext inner(twin, context, part);
    ORTOLAN_RETURN_IF_ERROR(inner.ConvertInputs());
    ORTOLAN_RETURN_IF_ERROR(twin.prepared.run(twin.prepared.state.get(), inner));
    ORTOLAN_RETURN_IF_ERROR(inner.ConvertOutputs());
  }
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const Twin& twin = *static_cast<const Twin*>(opaque);
  return twin.prepared.bind(twin.prepared.state.get(), context, binding);
}

bool IsTensorNode(const graph::Node& node) {
  const auto tensor = [](const graph::Value* value) { return value == nullptr || value->type.IsTensor(); };
  return std::ranges::all_of(node.inputs(), tensor) && std::ranges::all_of(node.outputs(), tensor);
}

}  // namespace

Status PrepareConverted(PrepareContext& context, Prepared* prepared) {
  const graph::Node& node = context.node;
  const Status refused = NotImplemented("{} has no kernel for these types", node.op->name);
  if (node.op->inputs.empty() || !node.HasInput(0) || !IsTensorNode(node)) return refused;
  // The first input's constraint, then all: what else is of the same type may have to change with it.
  std::vector<std::string_view> all;
  for (const FormalParameter& formal : node.op->inputs) {
    if (!formal.type.starts_with("tensor(")) all.push_back(formal.type);
  }
  const std::string_view first[] = {node.op->inputs[0].type};
  for (const Conversion& how : ConversionsOf(node, context.input_dtype(0))) {
    for (std::span<const std::string_view> formals : {std::span<const std::string_view>(first), {all}}) {
      auto twin = std::make_shared<Twin>();
      if (!twin->Fill(node, how, formals)) continue;
      PrepareContext inner{*twin->node, context.isa, context.threads, context.deterministic};
      const Status status = PrepareKernel(inner, &twin->prepared);
      if (status.code() == StatusCode::kNotImplemented) continue;
      ORTOLAN_RETURN_IF_ERROR(status);
      prepared->kernel = twin->prepared.kernel + "_converted";
      prepared->run = Run;
      prepared->bind = twin->prepared.bind != nullptr ? Bind : nullptr;
      prepared->state = std::move(twin);
      return OkStatus();
    }
  }
  return refused;
}

}  // namespace ortolan
