#include "ops/contrib/fused_n_bits.h"

namespace ortolan {

Result<NormalizedInput> NormalizedForProducts(Composer& make, float epsilon) {
  graph::Value *x = make.input(0), *skip = make.input(1), *scale = make.input(2);
  if (skip != nullptr && scale == nullptr)
    return InvalidArgument("{}: skip needs norm_scale", make.composed().op_type);
  graph::Value* sum = skip != nullptr ? make.Node("Add", {x, skip}) : x;
  if (scale == nullptr) return NormalizedInput{sum, sum};
  epsilon = make.composed().attributes.Float("epsilon", epsilon);
  graph::Value* y =
      make.Node("RMSNormalization", {sum, scale}, {{"axis", int64_t{-1}}, {"epsilon", epsilon}});
  return NormalizedInput{y, sum};
}

graph::Value* NBitsProduct(Composer& make, graph::Value* x, size_t first, std::string_view columns) {
  const graph::Attributes& attributes = make.composed().attributes;
  return make.Node("com.microsoft::MatMulNBits",
                   {x, make.input(first), make.input(first + 1), nullptr, nullptr, make.input(first + 2)},
                   {{"K", attributes.Int("K", 0)},
                    {"N", attributes.Int(columns, 0)},
                    {"bits", attributes.Int("bits", 4)},
                    {"block_size", attributes.Int("block_size", 32)},
                    {"accuracy_level", attributes.Int("accuracy_level", 0)}});
}

}  // namespace ortolan
