// What the attention operators of onnxruntime's domain share: masks in its many forms, caches in buffers, and
// the inputs of ONNX's Attention, which they all become.
#pragma once

#include "ops/compose.h"

namespace ortolan {

// What becomes ONNX's Attention. Values are null where they are absent.
struct AttentionInputs {
  graph::Value* q = nullptr;  // (batch, rows, heads * size), as are k and v, or (batch, heads, rows, size)
  graph::Value* k = nullptr;
  graph::Value* v = nullptr;
  graph::Value* mask = nullptr;  // onnxruntime's integers: see SeenKeys
  graph::Value* bias = nullptr;  // added to the scores
  graph::Value* past_k = nullptr;
  graph::Value* past_v = nullptr;
  bool causal = false;
};

struct AttentionOutputs {
  graph::Value* y = nullptr;
  graph::Value* present_k = nullptr;
  graph::Value* present_v = nullptr;
  graph::Value* scores = nullptr;
};

// Reads num_heads, scale and mask_filter_value of the composed node. presents, scores: whether they are
// wanted; scores are the products of queries and keys.
Result<AttentionOutputs> ComposeAttention(Composer& make, const AttentionInputs& inputs, bool presents,
                                          bool scores);

// Which keys may be seen, as a bool tensor that broadcasts to (batch, heads, queries, keys), of a mask
//   (batch)                      how many keys of each item are valid
//   (2 * batch)                  the ends, then the starts of the valid keys
//   (3 * batch + 2)              the lengths, then sums of lengths
//   (batch, keys), (batch, queries, keys)   not zero: seen
//   (batch, 1, most, most)       the rows of the queries and the columns of the keys are cut out
// batch, queries and keys are int64 vectors of one element; past: keys before the first query's.
Result<graph::Value*> SeenKeys(Composer& make, graph::Value* mask, const graph::Dim& batch_dim,
                               graph::Value* past, graph::Value* queries, graph::Value* keys);

// The parts of a bias (or of the columns of weights) that belong to Q, K and V.
struct Thirds {
  graph::Value *q, *k, *v;
};
Thirds SplitThirds(Composer& make, graph::Value* value, std::vector<int64_t> sizes, int64_t axis);

// Q, K and V with their thirds of a bias; only_query: K and V have theirs already.
Status AddBiases(Composer& make, graph::Value* bias, bool only_query, AttentionInputs* inputs);

// Caches as the node has them: whole tensors, or with a past length the first rows of buffers.
struct Buffers {
  graph::Value* past_k = nullptr;  // what WritePresent writes behind: this beam's own
  graph::Value* past_v = nullptr;
  graph::Value* tail_k = nullptr;  // the rest of the buffer, which the present keeps; null without one
  graph::Value* tail_v = nullptr;
  bool other_beams = false;
};
// What the node has of them; null where it is absent.
struct PastInputs {
  graph::Value* key = nullptr;
  graph::Value* value = nullptr;
  graph::Value* length = nullptr;
  graph::Value* beams = nullptr;
};
// Fills past_k and past_v of `inputs`. Where an input tells from which beam each token came, the caches of
// those beams are gathered.
Status ReadPast(Composer& make, const PastInputs& given, AttentionInputs* inputs, Buffers* buffers);
// The presents that the node gives, in place of those of the attention.
void WritePresent(Composer& make, const Buffers& buffers, AttentionOutputs* outputs);

// x (batch, rows, heads * size) with heads turned as GPT-J and its kin do: pairs i of a place p by the angle
// p / 10000^(2 i / size); the first row stands at place `past`, an int64 vector of one element.
graph::Value* TurnedByPlace(Composer& make, graph::Value* x, graph::Value* past, int64_t heads, int64_t size);

// Tokens without padding, (tokens, width), as (batch, rows, width) with zeros for padding, and back. offsets
// (batch, rows): where each token goes, and behind those where the padding is.
graph::Value* Padded(Composer& make, graph::Value* tokens, graph::Value* offsets);
// Lengths from their sums: (batch + 1) -> (batch).
graph::Value* LengthsOf(Composer& make, graph::Value* sums);
graph::Value* Unpadded(Composer& make, graph::Value* padded, graph::Value* offsets, graph::Value* like);

// The size of axis `axis`, or kNotImplemented with the words of `what`.
Result<int64_t> KnownDim(const graph::Value* value, size_t axis, std::string_view what);

}  // namespace ortolan
