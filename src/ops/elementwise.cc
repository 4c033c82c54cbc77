#include "ops/elementwise.h"

#include <array>

#include "ops/converted.h"
#include "ops/packed.h"

namespace ortolan {

using kernels::Element;
using kernels::Program;
using kernels::Reg;

std::optional<Element> ElementOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat:
      return Element::kF32;
    case DType::kDouble:
      return Element::kF64;
    case DType::kFloat16:
      return Element::kF16;
    case DType::kBFloat16:
      return Element::kBF16;
    case DType::kInt8:
      return Element::kI8;
    case DType::kUInt8:
      return Element::kU8;
    case DType::kInt16:
      return Element::kI16;
    case DType::kUInt16:
      return Element::kU16;
    case DType::kInt32:
      return Element::kI32;
    case DType::kUInt32:
      return Element::kU32;
    case DType::kInt64:
      return Element::kI64;
    case DType::kUInt64:
      return Element::kU64;
    case DType::kBool:
      return Element::kBool;
    default:
      return std::nullopt;
  }
}

namespace {

std::optional<Element> ElementOf(const graph::Value* value) {
  return value->type.IsTensor() ? ortolan::ElementOf(value->type.dtype) : std::nullopt;
}

struct ElementwiseState {
  std::shared_ptr<const Program> program;
  std::vector<int> inputs;  // input of the node for each input of the program
};

// Few operands: pointers are collected without allocation up to here, and with it beyond.
constexpr size_t kUsualOperands = 16;

Status RunElementwise(const void* state, RunContext& context) {
  const auto& compiled = *static_cast<const ElementwiseState*>(state);
  const auto& loop = *static_cast<const kernels::TileLoop*>(context.binding());
  SmallVector<const void*, kUsualOperands> inputs;
  SmallVector<void*, kUsualOperands> outputs;
  for (int i : compiled.inputs) inputs.push_back(context.input(static_cast<size_t>(i)).data);
  for (size_t o = 0; o < compiled.program->outputs.size(); ++o) outputs.push_back(context.output(o).data);
  const kernels::TileFault fault =
      kernels::RunProgram(*compiled.program, loop, {inputs.data(), inputs.size()},
                          {outputs.data(), outputs.size()}, context.threads());
  return fault == kernels::TileFault::kDivisionByZero ? Fail("Integer division by zero") : OkStatus();
}

Status BindElementwise(const void* state, const BindContext& context, Binding* binding) {
  const auto& compiled = *static_cast<const ElementwiseState*>(state);
  std::vector<std::span<const int64_t>> inputs;
  for (int i : compiled.inputs) {
    const Dims& dims = context.inputs[static_cast<size_t>(i)];
    inputs.emplace_back(dims.data(), dims.size());
  }
  const Dims& out = context.outputs[0];
  ORTOLAN_ASSIGN_OR_RETURN(kernels::TileLoop loop,
                           kernels::MakeBroadcastLoop(*compiled.program, {out.data(), out.size()}, inputs));
  binding->data = std::make_shared<const kernels::TileLoop>(std::move(loop));
  return OkStatus();
}

}  // namespace

Status PrepareProgram(std::shared_ptr<const Program> program, std::vector<int> inputs, std::string kernel,
                      Prepared* prepared) {
  prepared->kernel = std::move(kernel);
  prepared->run = RunElementwise;
  prepared->bind = BindElementwise;
  prepared->state =
      std::make_shared<const ElementwiseState>(ElementwiseState{std::move(program), std::move(inputs)});
  return OkStatus();
}

Result<Tensor> Widened(const Tensor& half, ThreadPool& threads) {
  const std::optional<Element> element = ElementOf(half.dtype());
  if (!element) return NotImplemented("{} cannot be widened", DTypeName(half.dtype()));
  kernels::ProgramBuilder builder;
  builder.Output(builder.Convert(builder.Input(*element), Element::kF32), Element::kF32);
  ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<const Program> program, builder.Build(GetCpuInfo().isa));
  const int64_t count[] = {half.count()};
  const std::span<const int64_t> dims = count;
  ORTOLAN_ASSIGN_OR_RETURN(kernels::TileLoop loop, kernels::MakeBroadcastLoop(*program, dims, {&dims, 1}));
  const auto make = [half, program, loop, &threads](const TensorRef& elements) {
    const void* from = half.data();
    void* to = elements.data;
    kernels::RunProgram(*program, loop, {&from, 1}, {&to, 1}, threads);
    half.DropPages();
  };
  constexpr size_t kLargeBytes = size_t{16} << 10;
  if (half.bytes() >= kLargeBytes) return Tensor::Deferred(DType::kFloat, half.dims(), make);
  ORTOLAN_ASSIGN_OR_RETURN(Tensor made, Tensor::Allocate(DType::kFloat, half.dims()));
  make(made.ref());
  return made;
}

bool CanEmit(const graph::Node& node) {
  if (node.op == nullptr || node.op->emit == nullptr || node.output(0) == nullptr) return false;
  for (size_t o = 1; o < node.outputs().size(); ++o) {
    if (node.output(o) != nullptr) return false;
  }
  if (!ElementOf(node.output(0))) return false;
  for (const graph::Value* input : node.inputs()) {
    if (input != nullptr && !ElementOf(input)) return false;
  }
  return true;
}

Result<Reg> EmitNode(const graph::Node& node, kernels::ProgramBuilder& builder, std::span<const Reg> inputs) {
  EmitContext context(node, builder, inputs);
  ORTOLAN_RETURN_IF_ERROR(node.op->emit(context));
  if (context.output() == kernels::kNoReg) return Fail("operator {} emitted no result", node.op->name);
  const std::optional<Element> element = ElementOf(node.output(0));
  if (!element) return NotImplemented("type {} in a tile program", TypeText(node.output(0)->type));
  return builder.Convert(context.output(), *element);
}

namespace {

// Operators on bits alone, of operands and a result of one type.
bool IsBitwise(const OpDef& op) {
  return op.domain.empty() && (op.name == "BitwiseAnd" || op.name == "BitwiseOr" || op.name == "BitwiseXor" ||
                               op.name == "BitwiseNot");
}

// Signed numbers of the same width, whose registers are as wide as they are: uint32 would compute as int64.
Element SameBits(Element element) {
  if (element == Element::kU32) return Element::kI32;
  return element == Element::kU64 ? Element::kI64 : element;
}

}  // namespace

Status PrepareElementwise(PrepareContext& context, Prepared* prepared) {
  const graph::Node& node = context.node;
  const bool bitwise = IsBitwise(*node.op);
  kernels::ProgramBuilder builder;
  std::vector<Reg> registers;
  std::vector<int> inputs;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    if (!node.HasInput(i)) {
      registers.push_back(kernels::kNoReg);
      continue;
    }
    const std::optional<Element> element = ElementOf(node.input(i));
    if (!element) return NotImplemented("{} of {}", node.op->name, TypeText(node.input(i)->type));
    registers.push_back(builder.Input(bitwise ? SameBits(*element) : *element));
    inputs.push_back(static_cast<int>(i));
  }
  const Element output = *ElementOf(node.output(0));
  if (bitwise) {
    EmitContext emitted(node, builder, registers);
    ORTOLAN_RETURN_IF_ERROR(node.op->emit(emitted));
    builder.Output(emitted.output(), SameBits(output));
  } else {
    ORTOLAN_ASSIGN_OR_RETURN(const Reg result, EmitNode(node, builder, registers));
    builder.Output(result, output);
  }
  ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<const Program> program, builder.Build(context.isa));
  return PrepareProgram(std::move(program), std::move(inputs),
                        fmt::format("elementwise_{}", IsaName(context.isa)), prepared);
}

Status PrepareFused(PrepareContext& context, Prepared* prepared) {
  if (context.node.payload == nullptr) return Fail("a fused elementwise node has no program");
  const auto made = std::static_pointer_cast<const Program>(context.node.payload);
  if (made->inputs.size() != context.node.inputs().size() ||
      made->outputs.size() != context.node.outputs().size()) {
    return Fail("a fused elementwise node has {} inputs and {} outputs, its program {} and {}",
                context.node.inputs().size(), context.node.outputs().size(), made->inputs.size(),
                made->outputs.size());
  }
  ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<const Program> program, kernels::ForIsa(made, context.isa));
  std::vector<int> inputs;
  for (size_t i = 0; i < context.node.inputs().size(); ++i) inputs.push_back(static_cast<int>(i));
  return PrepareProgram(std::move(program), std::move(inputs),
                        fmt::format("elementwise_fused_{}", IsaName(context.isa)), prepared);
}

Status PrepareNode(PrepareContext& context, Prepared* prepared) {
  Status status = PrepareKernel(context, prepared);
  if (status.code() != StatusCode::kNotImplemented) return status;
  Prepared converted;
  if (!PrepareConverted(context, &converted).ok()) return status;
  *prepared = std::move(converted);
  return OkStatus();
}

Status PrepareKernel(PrepareContext& context, Prepared* prepared) {
  const OpDef& op = *context.node.op;
  if (CanEmit(context.node)) return PrepareElementwise(context, prepared);
  if (op.prepare != nullptr) {
    Status status = op.prepare(context, prepared);
    // A movement operator knows no types that pack several elements to a byte.
    const bool unpack = status.code() == StatusCode::kNotImplemented && op.emit == nullptr;
    if (!unpack || !HasPackedTypes(context.node)) return status;
    *prepared = {};
    return PrepareUnpacked(context, prepared);
  }
  return NotImplemented("operator {} has no kernel for these types", op.name);
}

}  // namespace ortolan
