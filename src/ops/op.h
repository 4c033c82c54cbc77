// OpDef: everything the engine knows of one operator, as plain data and function pointers. An operator's room
// (one file in ops/<topic>/) ends with its `constexpr OpDef` (declared extern above it, for the registry),
// and ops.inc has one row for it; there is nothing else to register.
//
// Only the newest form of an operator exists here. `raise` brings a node that was read at an older opset to
// that form.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu.h"
#include "base/status.h"
#include "graph/graph.h"
#include "kernels/packing.h"
#include "threads/pool.h"
#include "value/dtype.h"
#include "value/tensor.h"
#include "value/value.h"

namespace ortolan {

// ---------------------------------------------------------------------------------------------------- the
// declaration

enum class Arity : uint8_t { kSingle, kOptional, kVariadic };

struct FormalParameter {
  std::string_view name;
  std::string_view type;  // name of a TypeConstraint, or a plain type such as "tensor(int64)"
  Arity arity = Arity::kSingle;
};

struct TypeConstraint {
  std::string_view name;   // "T"
  DTypeSet tensors = 0;    // element types allowed as a tensor
  DTypeSet sequences = 0;  // ... as a sequence of tensors
  DTypeSet optionals = 0;  // ... as an optional tensor or optional sequence of tensors
};

struct AttributeSpec {
  std::string_view name;
  graph::AttributeType type;
  bool required = false;
};

// Sets of types that many operators share.
inline constexpr DTypeSet kFloatTypes =
    SetOf(DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16);
inline constexpr DTypeSet kIntegerTypes =
    SetOf(DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64, DType::kUInt8, DType::kUInt16,
          DType::kUInt32, DType::kUInt64);
inline constexpr DTypeSet kNumericTypes = kFloatTypes | kIntegerTypes;
inline constexpr DTypeSet kComplexTypes = SetOf(DType::kComplex64, DType::kComplex128);
inline constexpr DTypeSet kAllTypes = ((DTypeSet{1} << kDTypeCount) - 1) & ~DTypeSet{1};

// Whether an operator runs an epilogue that the fusion passes attach to it (ops/epilogue.h), and how its
// output 0 is then seen as (batch, m, n).
enum class EpilogueForm : uint8_t {
  kNone,
  kMatrix,    // the last two axes are m and n, those before them the batch
  kChannels,  // axis 0 is the batch, axis 1 (channels) m, the spatial axes are n
  kBlocked,   // axis 0 is the batch, axis 1 (blocks of channels) m, the spatial axes and the lanes (the last)
              // are n; no bias
};

struct Traits {
  bool pure = true;  // same inputs, same outputs: may be folded, merged and dropped
  bool data_dependent_shape =
      false;                  // some output shape follows from data: `run` calls RunContext::Output itself
  int8_t view_of = -1;        // output 0 is input `view_of`'s bytes under another shape: no run, no copy
  uint8_t in_place = 0;       // bit i: output 0 may be written over input i when types and shapes agree
  bool control_flow = false;  // run by exec/, which knows plans
  EpilogueForm epilogue = EpilogueForm::kNone;
};

// -------------------------------------------------------------------------------------------------------------
// raising

struct RaiseContext {
  graph::Graph& graph;
  graph::Node& node;  // attributes and inputs as the file has them; change them in place
  int opset;          // of the node's domain, as the model imports it

  // A constant of this graph, to be given as an input.
  graph::Value* Constant(Tensor tensor) const { return graph.NewConstant(node.name, std::move(tensor)); }
  // Moves attribute `name`, a list of integers, to input `index` as an int64 vector; nothing where it is
  // absent.
  void IntsToInput(std::string_view name, size_t index) const;
};

// -----------------------------------------------------------------------------------------------------------
// inference

// What inference knows of one input. At load shapes are symbolic; during a run, where a shape depended on
// data, the same function is called with constants and with the data itself.
struct InferInput {
  bool present = false;
  ValueType type;
  graph::Shape shape;
  const graph::Contents* contents = nullptr;  // of a small integer tensor, where known
  const TensorRef* data = nullptr;            // the elements, where they are constant or at hand
};

struct InferOutput {
  ValueType type;      // filled from the declaration where an output shares an input's type constraint
  graph::Shape shape;  // rank unknown unless `infer` sets it
  std::optional<graph::Contents> contents;
};

class InferContext {
 public:
  InferContext(const graph::Node& node, std::vector<InferInput> inputs, size_t output_count,
               graph::DimPool* pool)
      : node_(node),
        inputs_(std::move(inputs)),
        outputs_(output_count),
        pool_(pool),
        at_run_(pool == nullptr) {}

  const graph::Node& node() const { return node_; }
  const graph::Attributes& attributes() const { return node_.attributes; }
  size_t input_count() const { return inputs_.size(); }
  size_t output_count() const { return outputs_.size(); }
  bool HasInput(size_t i) const { return i < inputs_.size() && inputs_[i].present; }
  const InferInput& input(size_t i) const { return inputs_[i]; }
  const graph::Shape& shape(size_t i) const { return inputs_[i].shape; }
  DType dtype(size_t i) const { return inputs_[i].type.dtype; }
  InferOutput& output(size_t i) { return outputs_[i]; }
  void SetShape(size_t i, graph::Shape shape) {
    if (i < outputs_.size()) outputs_[i].shape = std::move(shape);
  }
  void SetType(size_t i, DType dtype) {
    if (i < outputs_.size()) outputs_[i].type = ValueType::TensorOf(dtype);
  }

  // The elements of integer input i (int32 or int64) as Dims, from contents or data; nothing where they are
  // not known.
  std::optional<graph::Contents> Ints(size_t i) const;
  // The same where every element is a constant.
  std::optional<std::vector<int64_t>> ConstantInts(size_t i) const;
  // A dimension that only the data will tell. During a run there is no pool and the result is the constant
  // -1: the operator's `run` then gives the shape.
  graph::Dim Unknown() const { return pool_ ? pool_->Fresh() : graph::Dim(-1); }
  // Whether the shapes are those of a run (constants, or unknown where data decides) and not of a model being
  // loaded.
  bool at_run() const { return at_run_; }
  void set_at_run(bool at_run) { at_run_ = at_run; }

 private:
  const graph::Node& node_;
  std::vector<InferInput> inputs_;
  std::vector<InferOutput> outputs_;
  graph::DimPool* pool_;
  bool at_run_;
};

// Helpers that many rooms share.
// The numpy broadcast; kFail "[ShapeInferenceError] Incompatible dimensions" where two constants contradict.
// Of a symbol and a constant other than 1 the constant wins (the run checks); two different symbols become
// Dim::Broadcast of them.
Result<graph::Shape> BroadcastShapes(const graph::Shape& a, const graph::Shape& b, InferContext& context);
// Output i gets the shape of input 0.
Status InferSameShape(InferContext& context);
// Output 0 gets the broadcast of all inputs.
Status InferBroadcast(InferContext& context);

// -------------------------------------------------------------------------------------------------------------
// running

// What a kernel sees of a run. Inputs and outputs are dense tensors with at least their element's alignment.
class RunContext {
 public:
  virtual ~RunContext() = default;

  size_t input_count() const { return input_count_; }
  size_t output_count() const { return output_count_; }
  bool HasInput(size_t i) const { return i < input_count_ && inputs_[i] != nullptr; }
  bool HasOutput(size_t i) const { return i < output_count_ && outputs_[i] != nullptr; }
  const TensorRef& input(size_t i) const { return *inputs_[i]; }
  const TensorRef& output(size_t i) const {
    return *outputs_[i];
  }  // allocated, with its dims, unless data-dependent

  // Data-dependent outputs: gives output i these dims and memory for them. A no-op where it has them already.
  virtual Status Output(size_t i, const Dims& dims) = 0;

  // Sequences, maps and optionals.
  virtual const Value& InputValue(size_t i) const = 0;
  virtual void SetOutputValue(size_t i, Value value) = 0;

  std::byte* scratch() const { return scratch_; }   // as many bytes as `bind` asked for, 64-byte aligned
  const void* binding() const { return binding_; }  // what `bind` made, or null
  ThreadPool& threads() const { return *threads_; }
  // True once the user asked this run to stop: long kernels look now and then and return early with any
  // status.
  virtual bool cancelled() const = 0;

 protected:
  const TensorRef* const* inputs_ = nullptr;
  TensorRef* const* outputs_ = nullptr;
  size_t input_count_ = 0;
  size_t output_count_ = 0;
  std::byte* scratch_ = nullptr;
  const void* binding_ = nullptr;
  ThreadPool* threads_ = nullptr;
};

using RunFunction = Status (*)(const void* state, RunContext& context);

// Stage two of the plan, once per shape signature: sizes that follow from concrete shapes.
struct BindContext {
  std::span<const Dims> inputs;  // empty dims for absent ones
  std::span<const Dims> outputs;
  int threads;
};
struct Binding {
  size_t scratch_bytes = 0;
  std::shared_ptr<const void> data;  // RunContext::binding()
};
using BindFunction = Status (*)(const void* state, const BindContext& context, Binding* binding);

// Stage one, once per model: the kernel is chosen and constants are packed.
struct PrepareContext {
  const graph::Node& node;
  Isa isa;
  ThreadPool& threads;  // for packing
  bool deterministic = false;
  WeightStore* store = nullptr;  // where packed weights go; null: memory of their own

  // For the functions of kernels/ that pack.
  kernels::Packing packing() const { return {threads, store}; }

  DType input_dtype(size_t i) const { return node.input(i)->type.dtype; }
  // The constant of input i, or null where the input is absent or not constant.
  const Tensor* Constant(size_t i) const {
    return node.HasInput(i) && node.input(i)->IsConstant() ? &node.input(i)->constant() : nullptr;
  }
};
// The floats of a constant for who packs them; not looked at before.
inline kernels::WeightSource FloatsToPack(const Tensor& constant) {
  return {&constant, [](const void* tensor) {
            return static_cast<const float*>(static_cast<const Tensor*>(tensor)->source());
          }};
}

struct Prepared {
  RunFunction run = nullptr;
  std::shared_ptr<const void> state;
  BindFunction bind = nullptr;
  std::string kernel;     // "gemm_f32_14x32_avx512": shown by inspect and in profiles
  uint32_t consumed = 0;  // bit i: constant input i was packed into `state` and is not read by `run`
};

struct Cost {
  double flops = 0;
  double bytes = 0;
};

// -----------------------------------------------------------------------------------------------------------------
// OpDef

class EmitContext;  // ops/elementwise.h

struct OpDef {
  std::string_view domain;  // "" is ai.onnx; "ortolan" for operators that only passes make
  std::string_view name;
  std::span<const int>
      versions;  // opsets at which the operator was (re)defined, rising; the last one is the form here
  std::span<const FormalParameter> inputs;
  std::span<const FormalParameter> outputs;
  std::span<const TypeConstraint> types;
  std::span<const AttributeSpec> attributes;
  Traits traits;
  Status (*raise)(RaiseContext& context) = nullptr;
  Status (*infer)(InferContext& context) = nullptr;
  Cost (*cost)(const graph::Node& node, const BindContext& shapes) = nullptr;
  Status (*prepare)(PrepareContext& context, Prepared* prepared) = nullptr;
  // For elementwise operators, in place of prepare: appends this node to a tile program.
  Status (*emit)(EmitContext& context) = nullptr;
  // Attributes that only older forms had, or had with another type or obligation. The importer accepts them
  // when the model's opset is below the newest version (where `attributes` count too, none of them required);
  // `raise` takes them away. `consumed_inputs`, which every operator of opset 1 to 5 may carry, need not be
  // named: the importer drops it.
  std::span<const AttributeSpec> old_attributes = {};
};

// Every operator of ops.inc.
std::span<const OpDef* const> AllOps();
// The operator, or null. The domain "ai.onnx" is the same as "".
const OpDef* FindOp(std::string_view domain, std::string_view name);

// Runs one node on constants: constant folding and tests. Allocates the outputs.
Result<std::vector<Value>> Evaluate(const graph::Node& node, std::span<const Value> inputs,
                                    ThreadPool& threads);

// The generic type rule (an output has the type of an input that shares its constraint), then OpDef::infer.
// What both InferNode and a run that meets a shape which depended on data do.
Status RunInference(InferContext& context);

// Fills type, shape and contents of the node's outputs from its inputs by RunInference. A type that inference
// does not know stays as it was declared; a shape that it does not know becomes unknown, because no
// declaration can be relied on.
Status InferNode(graph::Node& node, graph::DimPool& pool);

}  // namespace ortolan
