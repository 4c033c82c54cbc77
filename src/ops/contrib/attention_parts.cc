#include "ops/contrib/attention_parts.h"

#include <cmath>
#include <limits>

namespace ortolan {
namespace {

// (batch) -> (batch, 1, 1, 1) of int64.
graph::Value* AsColumn(Composer& make, graph::Value* vector) {
  return make.Reshaped(make.Cast(vector, DType::kInt64), {-1, 1, 1, 1});
}

Result<graph::Value*> SeenByLengths(Composer& make, graph::Value* mask, const graph::Dim& batch,
                                    graph::Value* keys) {
  const graph::Dim& count = mask->shape[0];
  graph::Value* scalar = make.Node("Reshape", {keys, make.Ints({})});
  graph::Value* columns = make.Node("Range", {make.Int(0), scalar, make.Int(1)});
  const auto ends = [&](graph::Value* end) { return make.Node("Less", {columns, AsColumn(make, end)}); };
  if (count == batch || count.Is(1)) return ends(mask);
  if (count == batch * graph::Dim(2)) {
    const auto halves = make.Outputs(2, "Split", {mask}, {{"axis", int64_t{0}}, {"num_outputs", int64_t{2}}});
    graph::Value* started = make.Node("GreaterOrEqual", {columns, AsColumn(make, halves[1])});
    return make.Node("And", {ends(halves[0]), started});
  }
  if (count == batch * graph::Dim(3) + graph::Dim(2)) {
    // size / 3 is the batch, since 2 / 3 is none.
    graph::Value* items = make.Node("Div", {make.Sizes(mask, 0, 1), make.Int(3)});
    return ends(make.Node("Slice", {mask, make.Ints({0}), items, make.Ints({0})}));
  }
  if (!count.IsConstant() || !batch.IsConstant()) return ends(mask);
  return InvalidArgument("a mask of {} numbers for a batch of {}", count.constant(), batch.constant());
}

}  // namespace

Result<int64_t> KnownDim(const graph::Value* value, size_t axis, std::string_view what) {
  const graph::Shape& shape = value->shape;
  if (!shape.has_rank() || static_cast<size_t>(shape.rank()) <= axis || !shape[axis].IsConstant()) {
    return NotImplemented("{} of unknown size", what);
  }
  return shape[axis].constant();
}

Thirds SplitThirds(Composer& make, graph::Value* value, std::vector<int64_t> sizes, int64_t axis) {
  const Tensor counts = Tensor::Of<int64_t>({3}, sizes);
  const auto parts = make.Outputs(3, "Split", {value, make.Constant(counts)}, {{"axis", axis}});
  return {parts[0], parts[1], parts[2]};
}

Status AddBiases(Composer& make, graph::Value* bias, bool only_query, AttentionInputs* inputs) {
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t all, KnownDim(bias, 0, "the bias"));
  const size_t last = static_cast<size_t>(inputs->q->shape.rank() - 1);
  // Q and K are equally wide; V has what remains.
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t width, KnownDim(inputs->q, last, "the queries"));
  if (all < 2 * width) return InvalidArgument("a bias of {} elements for queries of {}", all, width);
  const Thirds parts = SplitThirds(make, bias, {width, width, all - 2 * width}, 0);
  inputs->q = make.Node("Add", {inputs->q, parts.q});
  if (only_query) return OkStatus();
  inputs->k = make.Node("Add", {inputs->k, parts.k});
  inputs->v = make.Node("Add", {inputs->v, parts.v});
  return OkStatus();
}

Status ReadPast(Composer& make, const PastInputs& given, AttentionInputs* inputs, Buffers* buffers) {
  graph::Value *past_k = given.key, *past_v = given.value;
  if ((past_k == nullptr) != (past_v == nullptr))
    return InvalidArgument("past_key and past_value go together");
  if (past_k == nullptr) return OkStatus();
  graph::Value* rows = nullptr;
  if (given.length != nullptr) {
    rows = make.Reshaped(make.Cast(given.length, DType::kInt64), {1});
    graph::Value* behind = make.Node("Add", {rows, make.Sizes(inputs->k, 1, 2)});
    const auto cut = [&](graph::Value* x, graph::Value* from, graph::Value* to) {
      return make.Node("Slice", {x, from, to, make.Ints({2})});
    };
    buffers->tail_k = cut(past_k, behind, make.Ints({INT64_MAX}));
    buffers->tail_v = cut(past_v, behind, make.Ints({INT64_MAX}));
    past_k = cut(past_k, make.Ints({0}), rows);
    past_v = cut(past_v, make.Ints({0}), rows);
  }
  buffers->past_k = past_k, buffers->past_v = past_v;
  if (graph::Value* beams = given.beams) {
    // (batch, beams, most) -> for each row of the flattened batch, which row its token came from.
    graph::Value* shape = make.Node("Shape", {past_k});
    graph::Value* width = make.Sizes(beams, 1, 2);
    graph::Value* first = make.Node("Reshape", {make.Sizes(beams, 0, 1), make.Ints({})});
    graph::Value* starts = make.Node("Mul", {make.Node("Range", {make.Int(0), first, make.Int(1)}), width});
    graph::Value* from =
        make.Node("Add", {make.Cast(beams, DType::kInt64), make.Reshaped(starts, {-1, 1, 1})});
    graph::Value* flat = make.Node("Concat", {make.Ints({-1, 1}), make.Sizes(beams, 2, 3), make.Ints({1})},
                                   {{"axis", int64_t{0}}});
    from = make.Node("Reshape", {from, flat});
    from = make.Node("Slice", {from, make.Ints({0}), make.Sizes(past_k, 2, 3), make.Ints({2})});
    from = make.Node("Expand", {from, shape});
    past_k = make.Node("GatherElements", {past_k, from}, {{"axis", int64_t{0}}});
    past_v = make.Node("GatherElements", {past_v, from}, {{"axis", int64_t{0}}});
    buffers->other_beams = true;
  }
  inputs->past_k = past_k, inputs->past_v = past_v;
  return OkStatus();
}

graph::Value* Padded(Composer& make, graph::Value* tokens, graph::Value* offsets) {
  graph::Value* width = make.Sizes(tokens, 1, 2);
  graph::Value* places = make.Cast(make.Reshaped(offsets, {-1}), DType::kInt64);
  graph::Value* flat = make.Node("Concat", {make.Sizes(places, 0, 1), width}, {{"axis", int64_t{0}}});
  graph::Value* zeros = make.Node("Expand", {make.Number(tokens, 0), flat});
  places = make.Node("Slice", {places, make.Ints({0}), make.Sizes(tokens, 0, 1), make.Ints({0})});
  graph::Value* filled = make.Node("ScatterND", {zeros, make.Reshaped(places, {-1, 1}), tokens});
  graph::Value* shape = make.Node("Concat", {make.Node("Shape", {offsets}), width}, {{"axis", int64_t{0}}});
  return make.Node("Reshape", {filled, shape});
}

graph::Value* LengthsOf(Composer& make, graph::Value* sums) {
  return make.Node("Sub", {make.Sliced(sums, 0, 1, INT64_MAX), make.Sliced(sums, 0, 0, -1)});
}

graph::Value* Unpadded(Composer& make, graph::Value* padded, graph::Value* offsets, graph::Value* like) {
  graph::Value* shape =
      make.Node("Concat", {make.Ints({-1}), make.Sizes(padded, 2, 3)}, {{"axis", int64_t{0}}});
  graph::Value* places = make.Cast(make.Reshaped(offsets, {-1}), DType::kInt64);
  places = make.Node("Slice", {places, make.Ints({0}), make.Sizes(like, 0, 1), make.Ints({0})});
  return make.Node("Gather", {make.Node("Reshape", {padded, shape}), places});
}

void WritePresent(Composer& make, const Buffers& buffers, AttentionOutputs* outputs) {
  const auto present = [&](graph::Value* made, graph::Value* past, graph::Value* tail) {
    if (made == nullptr) return made;
    if (buffers.other_beams) {
      graph::Value* behind =
          make.Node("Slice", {made, make.Sizes(past, 2, 3), make.Ints({INT64_MAX}), make.Ints({2})});
      made = make.Node("Concat", {past, behind}, {{"axis", int64_t{2}}});
    }
    return tail == nullptr ? made : make.Node("Concat", {made, tail}, {{"axis", int64_t{2}}});
  };
  outputs->present_k = present(outputs->present_k, buffers.past_k, buffers.tail_k);
  outputs->present_v = present(outputs->present_v, buffers.past_v, buffers.tail_v);
}

Result<graph::Value*> SeenKeys(Composer& make, graph::Value* mask, const graph::Dim& batch,
                               graph::Value* past, graph::Value* queries, graph::Value* keys) {
  const graph::Shape& shape = mask->shape;
  if (!shape.has_rank()) return NotImplemented("a mask of unknown rank");
  if (shape.rank() == 1) return SeenByLengths(make, mask, batch, keys);
  graph::Value* seen = make.Node("Greater", {mask, make.Constant(Tensor::Scalar<int32_t>(0))});
  switch (shape.rank()) {
    case 2:
      return make.Node("Unsqueeze", {seen, make.Ints({1, 2})});
    case 3:
      return make.Node("Unsqueeze", {seen, make.Ints({1})});
    case 4: {
      graph::Value* last = make.Node("Add", {past, queries});
      seen = make.Node("Slice", {seen, past, last, make.Ints({2})});
      return make.Node("Slice", {seen, make.Ints({0}), keys, make.Ints({3})});
    }
    default:
      return InvalidArgument("a mask of rank {}", shape.rank());
  }
}

Result<AttentionOutputs> ComposeAttention(Composer& make, const AttentionInputs& inputs, bool presents,
                                          bool scores) {
  const graph::Attributes& attributes = make.composed().attributes;
  const int64_t heads = attributes.Int("num_heads", 0);
  if (heads < 1) return InvalidArgument("num_heads {}", heads);
  if (!inputs.q->shape.has_rank() || !inputs.k->shape.has_rank()) {
    return NotImplemented("attention over tensors of unknown rank");
  }
  const auto rows = [&](graph::Value* x) {
    const int64_t axis = x->shape.rank() == 4 ? 2 : 1;
    return make.Sizes(x, axis, axis + 1);
  };
  graph::Value* added = inputs.bias;
  if (inputs.mask != nullptr) {
    graph::Value* past = inputs.past_k != nullptr ? rows(inputs.past_k) : make.Ints({0});
    graph::Value* keys = make.Node("Add", {past, rows(inputs.k)});
    ORTOLAN_ASSIGN_OR_RETURN(graph::Value * seen,
                             SeenKeys(make, inputs.mask, inputs.q->shape[0], past, rows(inputs.q), keys));
    const double filter = static_cast<double>(attributes.Float("mask_filter_value", -10000.0f));
    graph::Value* mask = make.Node("Where", {seen, make.Number(inputs.q, 0), make.Number(inputs.q, filter)});
    added = added != nullptr ? make.Node("Add", {mask, added}) : mask;
  }
  std::vector<graph::Attributes::Item> items = {{"q_num_heads", heads}, {"kv_num_heads", heads}};
  const float scale = attributes.Float("scale", 0.0f);
  if (scale != 0.0f) items.emplace_back("scale", scale);
  if (inputs.causal) items.emplace_back("is_causal", int64_t{1});
  if (scores) items.emplace_back("qk_matmul_output_mode", int64_t{2});
  const size_t count = scores ? 4 : presents ? 3 : 1;
  auto made =
      make.Outputs(count, "Attention", {inputs.q, inputs.k, inputs.v, added, inputs.past_k, inputs.past_v},
                   std::move(items));
  made.resize(4);
  // onnxruntime shows its least number where causality hides a key.
  if (scores && inputs.causal) {
    const double least = static_cast<double>(std::numeric_limits<float>::lowest());
    made[3] = make.Node("Max", {made[3], make.Number(inputs.q, least)});
  }
  return AttentionOutputs{made[0], made[1], made[2], made[3]};
}

graph::Value* TurnedByPlace(Composer& make, graph::Value* x, graph::Value* past, int64_t heads,
                            int64_t size) {
  std::vector<float> rates;
  for (int64_t i = 0; i < size / 2; ++i) {
    rates.push_back(
        static_cast<float>(std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(size))));
  }
  graph::Value* first = make.Node("Reshape", {past, make.Ints({})});
  graph::Value* last = make.Node("Add", {first, make.Node("Reshape", {make.Sizes(x, 1, 2), make.Ints({})})});
  graph::Value* places = make.Cast(make.Node("Range", {first, last, make.Int(1)}), DType::kFloat);
  graph::Value* table = make.Constant(Tensor::Of<float>({1, static_cast<int64_t>(rates.size())}, rates));
  graph::Value* angles =
      make.Node("Unsqueeze", {make.Node("Mul", {make.Reshaped(places, {-1, 1}), table}), make.Ints({0})});
  graph::Value* shape = make.Node("Concat", {make.Sizes(x, 0, 1), make.Ints({1, 1})}, {{"axis", int64_t{0}}});
  const auto spread = [&](std::string_view op) {
    return make.Cast(make.Node("Expand", {make.Node(op, {angles}), shape}), x->type.dtype);
  };
  return make.Node("RotaryEmbedding", {x, spread("Cos"), spread("Sin")},
                   {{"num_heads", heads}, {"rotary_embedding_dim", size}});
}

}  // namespace ortolan
