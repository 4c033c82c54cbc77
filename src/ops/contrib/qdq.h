// For onnxruntime's operators over quantized tensors that are float operators between DequantizeLinear and
// QuantizeLinear: they are written out so, and the quantize pass computes them in integers where it can.
#pragma once

#include "ops/compose.h"

namespace ortolan {

class Qdq : public Composer {
 public:
  explicit Qdq(RaiseContext& context) : Composer(context), context_(context) {}

  // Input i, whose scale and zero point are the inputs behind it, as floats.
  graph::Value* Floats(size_t i);
  // Gives `y` in the numbers of inputs `scale` and `zero`; without a zero point in the type of input `like`.
  void Finish(graph::Value* y, size_t scale, size_t zero, size_t like = 0);

  // The rank of input i; kNotImplemented where it is not known.
  Result<int> Rank(size_t i) const;
  static std::vector<int64_t> ToFirst(int rank);
  static std::vector<int64_t> ToLast(int rank);
  graph::Value* ChannelsFirst(graph::Value* value, int rank) {
    return Node("Transpose", {value}, {{"perm", ToFirst(rank)}});
  }
  graph::Value* ChannelsLast(graph::Value* value, int rank) {
    return Node("Transpose", {value}, {{"perm", ToLast(rank)}});
  }

 private:
  RaiseContext& context_;
};

// The node becomes the standard operator of this name, with its inputs and attributes.
Status ComposeAs(RaiseContext& context, std::string_view op);

}  // namespace ortolan
