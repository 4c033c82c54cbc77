// Elementwise operators as tile programs: what OpDef::emit sees, how a single node runs by its emit, and the
// internal operator ortolan::Elementwise, a fused chain or DAG of such nodes.
//
// A fused node is made by a pass: it opens a kernels::ProgramBuilder, declares inputs, calls EmitNode for
// each node in order, declares outputs, builds, and stores the Program in graph::Node::payload. All inputs
// broadcast to the outputs' common shape.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "kernels/elementwise/program.h"
#include "ops/op.h"

namespace ortolan {

// The element type of tile programs, or nothing for strings, complex, and the packed and 8-bit float types.
std::optional<kernels::Element> ElementOf(DType dtype);

// What an operator's emit sees: the node, the registers that hold its inputs, and the program that grows.
class EmitContext {
 public:
  EmitContext(const graph::Node& node, kernels::ProgramBuilder& builder, std::span<const kernels::Reg> inputs)
      : node_(node), builder_(builder), inputs_(inputs) {}

  const graph::Node& node() const { return node_; }
  const graph::Attributes& attributes() const { return node_.attributes; }
  kernels::ProgramBuilder& builder() { return builder_; }

  size_t input_count() const { return inputs_.size(); }
  bool HasInput(size_t i) const { return i < inputs_.size() && inputs_[i] != kernels::kNoReg; }
  kernels::Reg input(size_t i) const { return inputs_[i]; }
  DType dtype(size_t i) const { return node_.input(i)->type.dtype; }
  DType output_dtype() const { return node_.output(0)->type.dtype; }

  kernels::Reg Emit(kernels::TileOp op, kernels::Reg a, kernels::Reg b = kernels::kNoReg,
                    kernels::Reg c = kernels::kNoReg) {
    return builder_.Emit(op, a, b, c);
  }
  // A constant of the type of register `like`.
  kernels::Reg Constant(kernels::Reg like, double value) {
    return builder_.Constant(builder_.TypeOf(like), value);
  }

  // Output 0. (Elementwise operators have one output; Dropout's mask is not emitted.)
  void SetOutput(kernels::Reg result) { output_ = result; }
  kernels::Reg output() const { return output_; }

 private:
  const graph::Node& node_;
  kernels::ProgramBuilder& builder_;
  std::span<const kernels::Reg> inputs_;
  kernels::Reg output_ = kernels::kNoReg;
};

// Whether EmitNode can take the node: its operator has emit, one output is wanted, and all its types have an
// Element.
bool CanEmit(const graph::Node& node);

// Appends the node to the program. inputs[i] holds input i (kNoReg where it is absent); gives the register of
// output 0, already in the output's element type.
Result<kernels::Reg> EmitNode(const graph::Node& node, kernels::ProgramBuilder& builder,
                              std::span<const kernels::Reg> inputs);

// Compiles a node by its emit: what runs an elementwise operator that no pass fused.
Status PrepareElementwise(PrepareContext& context, Prepared* prepared);

// A kernel that runs `program` over the node's inputs of these positions, broadcast to the node's first
// output.
Status PrepareProgram(std::shared_ptr<const kernels::Program> program, std::vector<int> inputs,
                      std::string kernel, Prepared* prepared);

// The elements of a float16 or bfloat16 constant as float32. Large ones are made when somebody looks at them,
// most often to pack them, so that they need not all be there at once. `threads` has to outlive the constant.
Result<Tensor> Widened(const Tensor& half, ThreadPool& threads);

// Prepare of ortolan::Elementwise: runs the Program in the node's payload.
Status PrepareFused(PrepareContext& context, Prepared* prepared);

// The one door for plan/ and Evaluate: PrepareKernel, and where no kernel knows the types, PrepareConverted.
Status PrepareNode(PrepareContext& context, Prepared* prepared);

// Emit where the node can be emitted, else OpDef::prepare (which an elementwise operator has only for types
// that tile programs lack, such as strings), else kNotImplemented.
Status PrepareKernel(PrepareContext& context, Prepared* prepared);

}  // namespace ortolan
