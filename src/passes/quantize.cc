// Operators between DequantizeLinear and QuantizeLinear become operators over 8-bit integers: what a
// quantiser writes around float operators is what shall be computed in integers. Convolutions and products
// become QLinearConv and QLinearMatMul; sums, products and means ortolan's own; every function of one 8-bit
// number a table of 256 entries; what only moves elements moves bytes.
//
// The DequantizeLinear nodes stay where something else reads them; dead code elimination takes the others.
#include <algorithm>
#include <cmath>
#include <optional>

#include "ops/all_ops.h"
#include "ops/elementwise.h"
#include "ops/quant/byte_facts.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// An 8-bit value and what its numbers mean.
struct Bytes {
  Value* value = nullptr;
  Value* scale_value = nullptr;
  Value* zero_value = nullptr;
  float scale = 1;
  int32_t zero = 0;

  bool is_signed() const { return value->type.dtype == DType::kInt8; }
  DType dtype() const { return value->type.dtype; }
  bool SameNumbers(const Bytes& other) const {
    return scale == other.scale && zero == other.zero && dtype() == other.dtype();
  }
};

bool IsFloat(const Value* value) {
  return value != nullptr && value->type == ValueType::TensorOf(DType::kFloat);
}

// Reads scale and zero point of a node QuantizeLinear or DequantizeLinear, one number each.
std::optional<Bytes> NumbersOf(const Node& node, Value* bytes) {
  if (node.attributes.Int("block_size", 0) != 0 || node.attributes.Int("precision", 0) != 0)
    return std::nullopt;
  if (bytes == nullptr || !bytes->type.IsTensor() || !quant::IsBytes(bytes->type.dtype)) return std::nullopt;
  const std::optional<float> scale = quant::FloatOf(node.input(1));
  const std::optional<int32_t> zero = quant::ZeroOf(node.input(2));
  if (!scale || !zero || !(*scale > 0) || !std::isfinite(*scale)) return std::nullopt;
  return Bytes{bytes, node.input(1), node.input(2), *scale, *zero};
}

// The 8-bit value that `value` is the float form of.
std::optional<Bytes> Dequantized(const Value* value) {
  if (!IsFloat(value) || !IsOp(value->producer(), "DequantizeLinear")) return std::nullopt;
  return NumbersOf(*value->producer(), value->producer()->input(0));
}

// The node that alone reads `value`, and it is no output.
Node* OnlyReader(const Value* value) {
  return value->HasOneUse() && !value->IsOutput() ? value->consumers()[0] : nullptr;
}

class Quantize {
 public:
  Quantize(Graph& graph, PassContext& context) : graph_(graph), context_(context) {}

  Status Run() {
    for (Node* node = graph_.first(); node != nullptr; node = next_) {
      next_ = node->next();
      ORTOLAN_RETURN_IF_ERROR(Visit(*node));
    }
    TellOfFloats();
    return OkStatus();
  }

 private:
  void TellOfFloats() const {
    if (!context_.left) return;
    for (const Node* node = graph_.first(); node != nullptr; node = node->next()) {
      if (!IsOp(node, "DequantizeLinear") || node->input(0)->IsConstant()) continue;
      for (const Node* reader : node->output(0)->consumers())
        context_.Left(*reader, "it reads floats: what it computes, or its result, is not of 8 bits");
    }
  }

  Status Visit(Node& node) {
    if (node.payload != nullptr || node.outputs().empty() || node.output(0) == nullptr) return OkStatus();
    if (!node.op->domain.empty()) return OkStatus();
    const std::string_view name = node.op->name;
    if (name == "Conv") return VisitConv(node);
    if (name == "MatMul") return VisitMatMul(node);
    if (name == "Gemm") return VisitGemm(node);
    if (name == "MatMulInteger") return VisitMatMulInteger(node);
    if (name == "Where") return VisitWhere(node);
    if (name == "Add" || name == "Mul") {
      ORTOLAN_ASSIGN_OR_RETURN(const bool done, VisitBinary(node, name == "Mul"));
      if (done) return OkStatus();
    }
    if (name == "GlobalAveragePool") return VisitAverage(node);
    if (name == "Concat") return VisitConcat(node);
    if (Moves(node)) return VisitMove(node);
    if (node.op->emit != nullptr) return VisitFunction(node);
    return OkStatus();
  }

  // The QuantizeLinear behind `value`, with what it makes. A Relu before it that takes away nothing which
  // the range of the result would not take away, too, is passed over.
  std::optional<Bytes> QuantizedOf(const Value* value, bool through_relu = true) const {
    const Node* reader = OnlyReader(value);
    if (reader == nullptr) return std::nullopt;
    if (through_relu && (IsOp(reader, "Relu") || IsOp(reader, "Clip")) && reader->input(0) == value) {
      const auto result = QuantizedOf(reader->output(0), false);
      if (!result || !Covers(*reader, *result)) return std::nullopt;
      return result;
    }
    if (!IsOp(reader, "QuantizeLinear") || reader->input(0) != value || !IsFloat(value)) return std::nullopt;
    return NumbersOf(*reader, reader->output(0));
  }
  // Whether the clamp of Relu or Clip is no narrower than that of the numbers.
  static bool Covers(const Node& node, const Bytes& numbers) {
    const int32_t low = numbers.is_signed() ? -128 : 0, high = low + 255;
    const float least = static_cast<float>(low - numbers.zero) * numbers.scale;
    const float most = static_cast<float>(high - numbers.zero) * numbers.scale;
    if (IsOp(&node, "Relu")) return least >= 0;
    const auto lower = quant::FloatOf(node.input(1)), upper = quant::FloatOf(node.input(2));
    if ((node.HasInput(1) && !lower) || (node.HasInput(2) && !upper)) return false;
    return (!lower || least >= *lower) && (!upper || most <= *upper);
  }

  // Takes the QuantizeLinear that makes `result` (and a Relu before it) away.
  Status Put(Node& origin, Node& made, const Bytes& result) {
    Value* const value = result.value;
    Node* quantize = value->producer();
    AddSources(made, *quantize);
    made.SetOutput(0, value);
    Value* between = quantize->input(0);
    Erase(quantize);
    while (between->producer() != &origin) {
      Node* node = between->producer();
      Value* before = node->input(0);
      Erase(node);
      graph_.EraseValue(between);
      between = before;
    }
    return InferInPlace(made, *graph_.dims());
  }

  // The walk goes on behind a node that goes.
  void Erase(Node* node) {
    if (node == next_) next_ = node->next();
    graph_.EraseNode(node);
  }

  Node* Make(Node& origin, const OpDef& op) {
    Node* made = graph_.InsertBefore(&origin);
    InitNode(*made, op, origin);
    return made;
  }

  // A zero point for a node whose schema wants one.
  Value* ZeroValue(const Bytes& bytes) {
    return bytes.zero_value ? bytes.zero_value : ZeroFor(bytes.value, {});
  }
  Value* ZeroFor(const Value* like, const Dims& dims) {
    auto tensor = Tensor::Allocate(like->type.dtype, dims);
    if (!tensor.ok()) return nullptr;
    std::fill_n(static_cast<std::byte*>(tensor->data()), tensor->bytes(), std::byte{0});
    return graph_.NewConstant(like->name() + "_zero_point", std::move(*tensor));
  }

  void EraseIfUnused(Node& node) {
    Value* value = node.output(0);
    if (!value->consumers().empty() || value->IsOutput()) return;
    Erase(&node);
    graph_.EraseValue(value);
  }

  // ------------------------------------------------------------------------------------------------ products

  // The int32 bias of a convolution or Gemm from its DequantizeLinear.
  std::optional<Value*> BiasOf(const Value* value) const {
    if (value == nullptr) return nullptr;
    const Node* node = value->producer();
    if (!IsOp(node, "DequantizeLinear") || node->input(0)->type.dtype != DType::kInt32 ||
        !node->input(0)->IsConstant() || node->attributes.Int("block_size", 0) != 0) {
      return std::nullopt;
    }
    return node->input(0);
  }

  Status VisitConv(Node& node) {
    const auto x = Dequantized(node.input(0));
    const Node* w = node.input(1) ? node.input(1)->producer() : nullptr;
    if (!x || !IsOp(w, "DequantizeLinear") || w->attributes.Int("block_size", 0) != 0) return OkStatus();
    Value* kernel = w->input(0);
    Value* scale = w->input(1);
    if (!kernel->IsConstant() || !quant::IsBytes(kernel->type.dtype) || !scale->IsConstant() ||
        scale->constant().dtype() != DType::kFloat || kernel->constant().dims().size() < 3) {
      return OkStatus();
    }
    const int64_t out = kernel->constant().dims()[0], axis = w->attributes.Int("axis", 1);
    const auto rank = static_cast<int64_t>(kernel->constant().dims().size());
    if (scale->constant().count() != 1 && (scale->constant().count() != out || (axis != 0 && axis != -rank)))
      return OkStatus();
    if (w->HasInput(2) && !w->input(2)->IsConstant()) return OkStatus();
    const auto bias = BiasOf(node.input(2));
    const auto y = QuantizedOf(node.output(0));
    if (!bias || !y) return OkStatus();
    Node* made = Make(node, kQLinearConv);
    made->attributes = node.attributes;
    Value* w_zero = w->HasInput(2) ? w->input(2) : ZeroFor(kernel, scale->constant().dims());
    std::vector<Value*> inputs = {x->value, x->scale_value, ZeroValue(*x),  kernel,
                                  scale,    w_zero,         y->scale_value, ZeroValue(*y)};
    if (*bias != nullptr) inputs.push_back(*bias);
    made->SetInputs(std::move(inputs));
    ORTOLAN_RETURN_IF_ERROR(Put(node, *made, *y));
    EraseIfUnused(node);
    return OkStatus();
  }

  Status VisitMatMul(Node& node) {
    const auto a = Dequantized(node.input(0)), b = Dequantized(node.input(1));
    if (!a || !b) return OkStatus();
    if (const auto y = QuantizedOf(node.output(0))) {
      Node* made = Make(node, kQLinearMatMul);
      made->SetInputs({a->value, a->scale_value, ZeroValue(*a), b->value, b->scale_value, ZeroValue(*b),
                       y->scale_value, ZeroValue(*y)});
      ORTOLAN_RETURN_IF_ERROR(Put(node, *made, *y));
      EraseIfUnused(node);
      return OkStatus();
    }
    return InPlace(node, kMatMulIntegerToFloat,
                   {a->value, b->value, a->scale_value, b->scale_value, ZeroValue(*a), ZeroValue(*b)}, {});
  }

  // Operator `op` in the node's place, giving the same float value.
  Status InPlace(Node& node, const OpDef& op, std::vector<Value*> inputs, graph::Attributes attributes) {
    Node* made = Make(node, op);
    made->attributes = std::move(attributes);
    made->SetInputs(std::move(inputs));
    Value* result = node.output(0);
    Erase(&node);
    made->SetOutput(0, result);
    return InferInPlace(*made, *graph_.dims());
  }

  // The constant 8-bit matrix that `value` is the float form of, its scales one number or one for each column
  // along `axis`.
  std::optional<Bytes> MatrixOf(const Value* value, int64_t axis) {
    if (const auto one = Dequantized(value)) return one;
    if (!IsFloat(value) || !IsOp(value->producer(), "DequantizeLinear")) return std::nullopt;
    const Node& node = *value->producer();
    Value* matrix = node.input(0);
    if (node.attributes.Int("block_size", 0) != 0 || !quant::IsBytes(matrix->type.dtype) ||
        !matrix->IsConstant() || matrix->constant().dims().size() != 2) {
      return std::nullopt;
    }
    const int64_t own = node.attributes.Int("axis", 1);
    if ((own < 0 ? own + 2 : own) != axis || !node.input(1)->IsConstant() ||
        node.input(1)->constant().dtype() != DType::kFloat ||
        (node.HasInput(2) && !node.input(2)->IsConstant())) {
      return std::nullopt;
    }
    Value* zero = node.HasInput(2) ? node.input(2) : ZeroFor(matrix, node.input(1)->constant().dims());
    return Bytes{matrix, node.input(1), zero, 1, 0};
  }

  Status VisitGemm(Node& node) {
    const graph::Attributes& given = node.attributes;
    const int64_t transposed = given.Int("transB", 0);
    const auto a = Dequantized(node.input(0)), b = MatrixOf(node.input(1), transposed != 0 ? 0 : 1);
    const auto bias = BiasOf(node.input(2));
    if (!a || !b || !bias || given.Int("transA", 0) != 0) return OkStatus();
    if (given.Float("beta", 1.0f) != 1.0f && *bias != nullptr) return OkStatus();
    const auto y = QuantizedOf(node.output(0));
    graph::Attributes attributes;
    attributes.Set("alpha", given.Float("alpha", 1.0f));
    attributes.Set("transB", transposed);
    std::vector<Value*> inputs = {a->value,       a->scale_value, ZeroValue(*a), b->value,
                                  b->scale_value, ZeroValue(*b),  *bias};
    if (!y) return InPlace(node, kQGemm, std::move(inputs), std::move(attributes));
    inputs.push_back(y->scale_value);
    inputs.push_back(ZeroValue(*y));
    Node* made = Make(node, kQGemm);
    made->attributes = std::move(attributes);
    made->SetInputs(std::move(inputs));
    ORTOLAN_RETURN_IF_ERROR(Put(node, *made, *y));
    EraseIfUnused(node);
    return OkStatus();
  }

  // Cast to float and Mul by the scales behind a MatMulInteger, and the Add of a bias behind those.
  Status VisitMatMulInteger(Node& node) {
    Node* cast = OnlyReader(node.output(0));
    if (!IsOp(cast, "Cast") || !IsFloat(cast->output(0))) return OkStatus();
    Node* mul = OnlyReader(cast->output(0));
    if (!IsOp(mul, "Mul") || mul->inputs().size() != 2) return OkStatus();
    Value* scales = mul->input(0) == cast->output(0) ? mul->input(1) : mul->input(0);
    const Node* both = scales->producer();
    if (!IsOp(both, "Mul") || both == mul) return OkStatus();
    // One of the two is A's scale, a single number that is no constant as a rule; the other belongs to B.
    Value* a_scale = both->input(0);
    Value* b_scale = both->input(1);
    if (a_scale->IsConstant() && !b_scale->IsConstant()) std::swap(a_scale, b_scale);
    if (!IsFloat(a_scale) || !IsFloat(b_scale) || !a_scale->shape.Count().Is(1) || !b_scale->IsConstant())
      return OkStatus();
    const graph::Shape& y = mul->output(0)->shape;
    const Dims& dims = b_scale->constant().dims();
    if (!y.has_rank() || y.rank() < 2 || !(y == node.output(0)->shape) || a_scale->shape.rank() > y.rank())
      return OkStatus();
    const int64_t count = b_scale->constant().count();
    if (count != 1 && (dims.empty() || dims.back() != count || !y.dims().back().Is(count))) return OkStatus();
    if (node.HasInput(2) && !node.input(2)->shape.Count().Is(1)) return OkStatus();
    Node* last = mul;
    std::vector<Value*> inputs = {node.input(0), node.input(1), a_scale,
                                  b_scale,       node.input(2), node.input(3)};
    Node* add = OnlyReader(mul->output(0));
    if (IsOp(add, "Add") && add->inputs().size() == 2) {
      Value* bias = add->input(0) == mul->output(0) ? add->input(1) : add->input(0);
      if (IsFloat(bias) && bias->IsConstant() && bias->constant().dims().size() == 1 &&
          y.dims().back().Is(bias->constant().count())) {
        inputs.push_back(bias);
        last = add;
      }
    }
    while (!inputs.empty() && inputs.back() == nullptr) inputs.pop_back();
    Node* made = graph_.InsertBefore(last);
    InitNode(*made, kMatMulIntegerToFloat, node);
    made->SetInputs(std::move(inputs));
    Value* result = last->output(0);
    for (Node* old : {add, mul, cast, &node}) {
      if (old == add && last != add) continue;
      AddSources(*made, *old);
      Value* output = old->output(0);
      Erase(old);
      if (output != result) graph_.EraseValue(output);
    }
    made->SetOutput(0, result);
    return InferInPlace(*made, *graph_.dims());
  }

  // --------------------------------------------------------------------------------------------- elementwise

  // The value that `value` is a table of, with the table; itself with none.
  struct Source {
    Value* value;
    const uint8_t* table;  // null: the identity
  };
  static Source SourceOf(Value* value) {
    const Node* node = value->producer();
    if (node == nullptr || node->op != &kByteTable) return {value, nullptr};
    return {node->input(0), node->input(1)->constant().Items<const uint8_t>().data()};
  }
  static uint8_t Look(const Source& source, size_t i) {
    return source.table ? source.table[i] : static_cast<uint8_t>(i);
  }
  static int32_t NumberOf(uint8_t byte, bool is_signed) {
    return is_signed ? int32_t{static_cast<int8_t>(byte)} : int32_t{byte};
  }

  Node* MakeTable(Node& origin, Value* x, const std::vector<uint8_t>& table, bool is_signed) {
    Node* made = Make(origin, kByteTable);
    made->attributes.Set("signed", int64_t{is_signed ? 1 : 0});
    Value* entries = graph_.NewConstant(origin.name + "_table", Tensor::Of<uint8_t>({256}, table));
    made->SetInputs({x, entries});
    return made;
  }

  Result<bool> VisitBinary(Node& node, bool product) {
    const auto a = Dequantized(node.input(0)), b = Dequantized(node.input(1));
    if (!a || !b || a->dtype() != b->dtype()) return false;
    const auto y = QuantizedOf(node.output(0));
    if (!y || y->dtype() != a->dtype()) return false;
    const Source left = SourceOf(a->value), right = SourceOf(b->value);
    if (left.value == right.value) {
      // Both are functions of one value, and so is the result: x * sigmoid(x) is one table.
      const kernels::ByteMaps& maps = kernels::SelectByteMaps(Isa::kScalar);
      std::vector<uint8_t> l(256), r(256), table(256);
      for (size_t i = 0; i < 256; ++i) {
        l[i] = Look(left, i);
        r[i] = Look(right, i);
      }
      maps.binary(kernels::BinaryFacts(product, a->is_signed(), a->scale, a->zero, b->scale, b->zero,
                                       y->scale, y->zero),
                  l.data(), r.data(), 1, 256, table.data());
      ORTOLAN_RETURN_IF_ERROR(Put(node, *MakeTable(node, left.value, table, y->is_signed()), *y));
      EraseIfUnused(node);
      return true;
    }
    Node* made = Make(node, kByteBinary);
    graph::Attributes& attributes = made->attributes;
    attributes.Set("product", int64_t{product ? 1 : 0});
    attributes.Set("a_scale", a->scale);
    attributes.Set("a_zero", int64_t{a->zero});
    attributes.Set("b_scale", b->scale);
    attributes.Set("b_zero", int64_t{b->zero});
    attributes.Set("y_scale", y->scale);
    attributes.Set("y_zero", int64_t{y->zero});
    made->SetInputs({a->value, b->value});
    ORTOLAN_RETURN_IF_ERROR(Put(node, *made, *y));
    EraseIfUnused(node);
    return true;
  }

  static std::vector<uint8_t> QuantizedNumbers(std::span<const float> numbers, const Bytes& y) {
    std::vector<uint8_t> table(numbers.size());
    kernels::SelectByteMaps(Isa::kScalar)
        .quantize(numbers.data(), y.scale, y.zero, y.is_signed(), static_cast<int64_t>(numbers.size()),
                  table.data());
    return table;
  }
  static std::vector<float> NumbersOfCodes(const Bytes& x) {
    std::vector<float> numbers;
    for (int code = 0; code < 256; ++code) {
      const int32_t byte = NumberOf(static_cast<uint8_t>(code), x.is_signed());
      numbers.push_back(static_cast<float>(byte - x.zero) * x.scale);
    }
    return numbers;
  }

  // A float function of one 8-bit value and of single numbers.
  Status VisitFunction(Node& node) {
    if (!CanEmit(node) || !node.op->traits.pure || node.outputs().size() != 1) return OkStatus();
    std::optional<Bytes> x;
    std::vector<ortolan::Value> inputs;
    for (const Value* input : node.inputs()) {
      if (input == nullptr) {
        inputs.emplace_back();
        continue;
      }
      const auto own = Dequantized(input);
      if (own) {
        if (x) return OkStatus();
        x = own;
        const std::vector<float> numbers = NumbersOfCodes(*own);
        inputs.emplace_back(Tensor::Of<float>({256}, numbers));
      } else {
        const std::optional<float> number = quant::FloatOf(input);
        if (!number || input->constant().dims().size() > 1) return OkStatus();
        inputs.emplace_back(Tensor::Scalar(*number));
      }
    }
    if (!x || !(node.output(0)->shape == x->value->shape)) return OkStatus();
    const auto y = QuantizedOf(node.output(0));
    if (!y) return OkStatus();
    auto result = Evaluate(node, inputs, context_.threads);
    if (!result.ok() || result->size() != 1 || (*result)[0].kind() != ortolan::Value::Kind::kTensor)
      return OkStatus();
    const Tensor& floats = (*result)[0].tensor();
    if (floats.dtype() != DType::kFloat || floats.count() != 256) return OkStatus();
    return PutTable(node, x->value, QuantizedNumbers(floats.Items<const float>(), *y), *y);
  }

  // A table over `x`, joined with one that makes x.
  Status PutTable(Node& node, Value* x, std::vector<uint8_t> table, const Bytes& y) {
    const Source source = SourceOf(x);
    if (source.table != nullptr) {
      std::vector<uint8_t> joined(256);
      for (size_t i = 0; i < 256; ++i) joined[i] = table[source.table[i]];
      table = std::move(joined);
    }
    ORTOLAN_RETURN_IF_ERROR(Put(node, *MakeTable(node, source.value, table, y.is_signed()), y));
    EraseIfUnused(node);
    return OkStatus();
  }

  // ----------------------------------------------------------------------------------------- means and moves

  Status VisitAverage(Node& node) {
    const auto x = Dequantized(node.input(0));
    const auto y = QuantizedOf(node.output(0));
    if (!x || !y || !x->value->shape.has_rank() || x->value->shape.rank() < 3) return OkStatus();
    Node* made = Make(node, kByteGlobalAverage);
    graph::Attributes& attributes = made->attributes;
    attributes.Set("signed", int64_t{y->is_signed() ? 1 : 0});
    attributes.Set("x_scale", x->scale);
    attributes.Set("x_zero", int64_t{x->zero});
    attributes.Set("y_scale", y->scale);
    attributes.Set("y_zero", int64_t{y->zero});
    made->SetInput(0, x->value);
    ORTOLAN_RETURN_IF_ERROR(Put(node, *made, *y));
    EraseIfUnused(node);
    return OkStatus();
  }

  // `x` in the numbers of `y`, before `node`.
  Result<Value*> Requantized(Node& node, const Bytes& x, const Bytes& y) {
    if (x.SameNumbers(y)) return x.value;
    std::vector<uint8_t> table = QuantizedNumbers(NumbersOfCodes(x), y);
    const Source source = SourceOf(x.value);
    if (source.table != nullptr) {
      std::vector<uint8_t> joined(256);
      for (size_t i = 0; i < 256; ++i) joined[i] = table[source.table[i]];
      table = std::move(joined);
    }
    Node* made = MakeTable(node, source.value, table, y.is_signed());
    Value* value = graph_.NewValue(x.value->name() + "_requantized");
    made->SetOutput(0, value);
    ORTOLAN_RETURN_IF_ERROR(InferInPlace(*made, *graph_.dims()));
    return value;
  }

  Status VisitConcat(Node& node) {
    std::vector<Bytes> parts;
    for (const Value* input : node.inputs()) {
      const auto part = Dequantized(input);
      if (!part) return OkStatus();
      parts.push_back(*part);
    }
    const auto y = QuantizedOf(node.output(0));
    if (!y) return OkStatus();
    std::vector<Value*> inputs;
    for (const Bytes& part : parts) {
      ORTOLAN_ASSIGN_OR_RETURN(Value * value, Requantized(node, part, *y));
      inputs.push_back(value);
    }
    Node* made = Make(node, *node.op);
    made->attributes = node.attributes;
    made->SetInputs(std::move(inputs));
    ORTOLAN_RETURN_IF_ERROR(Put(node, *made, *y));
    EraseIfUnused(node);
    return OkStatus();
  }

  Status VisitWhere(Node& node) {
    const auto a = Dequantized(node.input(1)), b = Dequantized(node.input(2));
    const auto y = QuantizedOf(node.output(0));
    if (!a || !b || !y) return OkStatus();
    Node* made = nullptr;
    ORTOLAN_ASSIGN_OR_RETURN(Value * left, Requantized(node, *a, *y));
    ORTOLAN_ASSIGN_OR_RETURN(Value * right, Requantized(node, *b, *y));
    made = Make(node, *node.op);
    made->SetInputs({node.input(0), left, right});
    ORTOLAN_RETURN_IF_ERROR(Put(node, *made, *y));
    EraseIfUnused(node);
    return OkStatus();
  }

  // Whether the node's outputs hold elements of input 0 alone, whatever their type.
  static bool Moves(const Node& node) {
    static constexpr std::string_view kMoves[] = {
        "Reshape", "Transpose", "Flatten",      "Squeeze",      "Unsqueeze", "Slice",    "Gather",
        "Expand",  "Tile",      "DepthToSpace", "SpaceToDepth", "Split",     "Identity", "GatherElements"};
    if (node.op->name == "MaxPool") return node.output(1) == nullptr;
    if (node.op->name == "Resize") {
      return node.attributes.String("mode", "nearest") == "nearest" &&
             node.attributes.String("coordinate_transformation_mode", "") != "tf_crop_and_resize";
    }
    return std::ranges::find(kMoves, node.op->name) != std::end(kMoves);
  }

  Status VisitMove(Node& node) {
    const auto x = Dequantized(node.input(0));
    if (!x) return OkStatus();
    std::vector<Bytes> results;
    for (const Value* output : node.outputs()) {
      const auto y = output ? QuantizedOf(output, false) : std::nullopt;
      if (!y) return OkStatus();
      results.push_back(*y);
    }
    Node* made = Make(node, *node.op);
    made->attributes = node.attributes;
    std::vector<Value*> inputs = node.inputs();
    inputs[0] = x->value;
    made->SetInputs(std::move(inputs));
    std::vector<std::optional<Bytes>> moved;
    for (size_t i = 0; i < results.size(); ++i) {
      Value* value =
          x->SameNumbers(results[i]) ? results[i].value : graph_.NewValue(node.output(i)->name() + "_bytes");
      if (value == results[i].value) {
        Node* quantize = value->producer();
        AddSources(*made, *quantize);
        Erase(quantize);
      }
      made->SetOutput(i, value);
    }
    ORTOLAN_RETURN_IF_ERROR(InferInPlace(*made, *graph_.dims()));
    for (size_t i = 0; i < results.size(); ++i) {
      if (made->output(i) == results[i].value) continue;
      Bytes own = *x;
      own.value = made->output(i);
      const std::vector<uint8_t> table = QuantizedNumbers(NumbersOfCodes(*x), results[i]);
      Node* requantize = MakeTable(node, own.value, table, results[i].is_signed());
      Node* quantize = results[i].value->producer();
      Erase(quantize);
      requantize->SetOutput(0, results[i].value);
      ORTOLAN_RETURN_IF_ERROR(InferInPlace(*requantize, *graph_.dims()));
    }
    const std::vector<Value*> outputs = node.outputs();
    Erase(&node);
    for (Value* output : outputs) graph_.EraseValue(output);
    return OkStatus();
  }

  Graph& graph_;
  PassContext& context_;
  Node* next_ = nullptr;
};

}  // namespace

Status RunQuantize(Graph& graph, PassContext& context) {
  return Quantize(graph, context).Run();
}

}  // namespace ortolan::passes
