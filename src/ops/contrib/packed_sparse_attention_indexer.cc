// PackedSparseAttentionIndexer: which keys each query of a sparse attention reads (ops/contrib/indexer.h), of
// sequences of several lengths that stand one behind the other, with states of a fixed size. Refuses a call
// whose new keys do not fit into its state, and states that do not fit the lengths of the past.
#include <algorithm>
#include <cstring>
#include <vector>

#include "ops/contrib/indexer.h"

namespace ortolan {
namespace {

enum Input : size_t {
  kQuery,
  kKey,
  kQueryNorm,
  kKeyNorm,
  kCos,
  kSin,
  kOffsets,
  kPastLengths,
  kGate,
  kBias,
  kHeadWeights,
  kPositions,
  kKeyState,
  kBuffer,
  kGateBuffer,
  kStateLengths,
  kCaptured,
  kCapture
};
enum Output : size_t { kSelected, kCounts, kKeysOut, kBufferOut, kGatesOut, kLengthsOut, kUpdate };

struct State {
  IndexerForm form;
  int64_t capacity = 0;  // entries of the state
  int64_t captured = 0;  // tokens of which the transition is given
};

Result<State> ReadState(const graph::Node& node) {
  State state;
  ORTOLAN_ASSIGN_OR_RETURN(state.form, ReadIndexerForm(node));
  state.capacity = node.attributes.Int("state_capacity", 0);
  state.captured = node.attributes.Int("state_update_capacity", 0);
  if (state.capacity < 1 || state.captured < 0 || state.captured > 8)
    return InvalidArgument("PackedSparseAttentionIndexer: state_capacity {}, state_update_capacity {}",
                           state.capacity, state.captured);
  for (const size_t i : {kGate, kBias, kHeadWeights, kPositions, kGateBuffer}) {
    if (node.HasInput(i) != state.form.folded)
      return InvalidArgument("PackedSparseAttentionIndexer: input {} goes with policy_mode csa", i);
  }
  if (state.form.folded && (!node.HasInput(kKey) || state.captured > 0 || node.HasInput(kCaptured)))
    return InvalidArgument("PackedSparseAttentionIndexer: policy_mode csa needs a key and captures nothing");
  if (state.captured > 0 && !node.HasInput(kCaptured))
    return InvalidArgument("PackedSparseAttentionIndexer: state_update_capture_count is absent");
  return state;
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const State state, ReadState(context.node()));
  constexpr size_t kInts[] = {kSelected, kCounts, kLengthsOut};
  for (size_t i = 0; i < context.output_count(); ++i)
    context.SetType(i,
                    std::ranges::find(kInts, i) != std::end(kInts) ? DType::kInt32 : context.dtype(kQuery));
  const graph::Shape &query = context.shape(kQuery), &keys = context.shape(kKeyState);
  context.SetShape(kKeysOut, keys);
  context.SetShape(kBufferOut, context.shape(kBuffer));
  if (context.HasInput(kGateBuffer)) context.SetShape(kGatesOut, context.shape(kGateBuffer));
  context.SetShape(kLengthsOut, context.shape(kStateLengths));
  if (query.has_rank() && query.rank() == 2) {
    context.SetShape(kSelected, {query[0], state.form.capacity()});
    context.SetShape(kCounts, {query[0]});
  }
  if (keys.has_rank() && keys.rank() == 3) context.SetShape(kUpdate, {keys[0], state.captured, keys[2]});
  return OkStatus();
}

class Indexer {
 public:
  Indexer(const State& state, RunContext& context) : s_(state), form_(state.form), context_(context) {
    heads_.form = form_;
  }

  Status Run() {
    for (const size_t i : {kSelected, kCounts, kKeysOut, kBufferOut, kLengthsOut}) {
      if (!context_.HasOutput(i)) return InvalidArgument("output {} is not optional", i);
    }
    ORTOLAN_RETURN_IF_ERROR(ReadSizes());
    ORTOLAN_RETURN_IF_ERROR(ReadSequences());
    heads_.query_norm = Floats(kQueryNorm), heads_.key_norm = Floats(kKeyNorm);
    ORTOLAN_ASSIGN_OR_RETURN(
        heads_.tables, ReadIndexerTables(form_, context_.input(kCos), context_.input(kSin), batch_, size_));
    CopyInput(kKeyState, kKeysOut);
    CopyInput(kBuffer, kBufferOut);
    if (form_.folded && context_.HasOutput(kGatesOut)) CopyInput(kGateBuffer, kGatesOut);
    CopyInput(kStateLengths, kLengthsOut);
    if (context_.HasOutput(kUpdate))
      std::fill_n(context_.output(kUpdate).As<float>(), batch_ * s_.captured * size_, 0.0f);
    context_.threads().ParallelFor(batch_, [&](int64_t item) { form_.folded ? Fold(item) : Append(item); });
    context_.threads().ParallelFor(tokens_, [&](int64_t token) { Select(token); });
    return OkStatus();
  }

 private:
  const Dims& dims(size_t i) const { return context_.input(i).dims; }
  const float* Floats(size_t i) const { return context_.input(i).As<const float>(); }
  const int32_t* Ints(size_t i) const { return context_.input(i).As<const int32_t>(); }
  void CopyInput(size_t from, size_t to) const {
    const TensorRef &source = context_.input(from), &target = context_.output(to);
    if (target.data != source.data) std::memmove(target.data, source.data, source.bytes());
  }

  Status ReadSizes() {
    const Dims &query = dims(kQuery), &state = dims(kKeyState);
    packed_ = !context_.HasInput(kKey);
    size_ = context_.input(kQueryNorm).count();
    if (query.size() != 2 || size_ < 1 || query[1] % size_ != 0 || query[1] / size_ < (packed_ ? 2 : 1) ||
        context_.input(kKeyNorm).count() != size_) {
      return InvalidArgument("query {}, key_norm_weight {} for heads of {}", DimsText(query),
                             DimsText(dims(kKeyNorm)), size_);
    }
    tokens_ = query[0], width_ = query[1], batch_ = state.empty() ? 0 : state[0];
    heads_.size = size_, heads_.heads = width_ / size_ - (packed_ ? 1 : 0);
    const int64_t key = form_.key_width(size_);
    const auto fits = [&](size_t i, const Dims& wanted) {
      return !context_.HasInput(i) || dims(i) == wanted;
    };
    const Dims buffer = {batch_, 2 * form_.ratio - 1, key};
    if (!fits(kKey, {tokens_, key}) || !fits(kKeyState, {batch_, s_.capacity, size_}) ||
        !fits(kBuffer, buffer) || !fits(kGateBuffer, buffer) || !fits(kStateLengths, {batch_, 2}) ||
        !fits(kOffsets, {batch_ + 1}) || !fits(kPastLengths, {batch_}) || !fits(kGate, {tokens_, key}) ||
        !fits(kBias, {form_.ratio, key}) || !fits(kHeadWeights, {tokens_, heads_.heads}) ||
        !fits(kPositions, {tokens_}) || !fits(kCaptured, {batch_})) {
      return InvalidArgument("key {}, past_key_state {}, past_kv_buffer {} for query {} of {} heads of {}",
                             packed_ ? "" : DimsText(dims(kKey)), DimsText(state), DimsText(dims(kBuffer)),
                             DimsText(query), heads_.heads, size_);
    }
    return OkStatus();
  }

  Status ReadSequences() {
    const int32_t* offsets = Ints(kOffsets);
    for (int64_t b = 0; b < batch_; ++b) {
      const int64_t entries = Ints(kStateLengths)[2 * b], pending = Ints(kStateLengths)[2 * b + 1],
                    past = Ints(kPastLengths)[b];
      if (offsets[b] < 0 || offsets[b] > offsets[b + 1] || offsets[b + 1] > tokens_)
        return InvalidArgument("cumulative_sequence_lengths falls, or is above {}", tokens_);
      const int64_t most = form_.folded ? 2 * form_.ratio : form_.ratio;
      if (entries < 0 || entries > s_.capacity || pending < 0 || pending >= most)
        return InvalidArgument("past_state_lengths[{}] is {}, {} of {}, {}", b, entries, pending, s_.capacity,
                               most - 1);
      const int64_t open = pending >= form_.ratio ? pending - form_.ratio : pending;
      if (past != entries * form_.ratio + open)
        return InvalidArgument("past_sequence_lengths[{}] is {}, the state holds {} tokens", b, past,
                               entries * form_.ratio + open);
      const int64_t length = offsets[b + 1] - offsets[b];
      if (entries + (open + length) / form_.ratio > s_.capacity)
        return InvalidArgument("sequence {} with {} new tokens does not fit into a state of {}", b, length,
                               s_.capacity);
    }
    if (offsets[0] != 0 || offsets[batch_] != tokens_)
      return InvalidArgument("cumulative_sequence_lengths ends at {}, there are {} tokens", offsets[batch_],
                             tokens_);
    owner_.resize(static_cast<size_t>(tokens_));
    for (int64_t b = 0; b < batch_; ++b)
      std::fill(owner_.begin() + offsets[b], owner_.begin() + offsets[b + 1], b);
    return OkStatus();
  }

  float* Key(int64_t item, int64_t entry) const {
    return context_.output(kKeysOut).As<float>() + (item * s_.capacity + entry) * size_;
  }
  void SetLengths(int64_t item, int64_t entries, int64_t pending) const {
    auto* to = context_.output(kLengthsOut).As<int32_t>() + 2 * item;
    to[0] = static_cast<int32_t>(entries), to[1] = static_cast<int32_t>(pending);
  }

  // qsa: token by token into the pending block, which becomes a key when it is complete.
  void Append(int64_t item) const {
    const int64_t first = Ints(kOffsets)[item], length = Ints(kOffsets)[item + 1] - first;
    int64_t entries = Ints(kStateLengths)[2 * item], pending = Ints(kStateLengths)[2 * item + 1];
    float* buffer = context_.output(kBufferOut).As<float>() + item * (2 * form_.ratio - 1) * size_;
    const bool active =
        !context_.HasInput(kCapture) || context_.input(kCapture).count() == 0 || Ints(kCapture)[0] != 0;
    const int64_t captured =
        s_.captured > 0 && active && context_.HasOutput(kUpdate)
            ? std::min<int64_t>(std::min<int64_t>(Ints(kCaptured)[item], s_.captured), length)
            : 0;
    for (int64_t t = 0; t < length; ++t) {
      const float* raw = packed_ ? Floats(kQuery) + (first + t) * width_ + heads_.heads * size_
                                 : Floats(kKey) + (first + t) * size_;
      const float* made = raw;
      if (pending + 1 < form_.ratio) {
        std::copy_n(raw, size_, buffer + pending++ * size_);
      } else {
        heads_.Pool([&](int64_t i) { return i < pending ? buffer + i * size_ : raw; }, item,
                    entries * form_.ratio, Key(item, entries));
        made = Key(item, entries++);
        pending = 0;
      }
      if (t < captured)
        std::copy_n(made, size_, context_.output(kUpdate).As<float>() + (item * s_.captured + t) * size_);
    }
    SetLengths(item, entries, pending);
  }

  // csa: folds the windows that are complete now, and keeps what stays pending.
  void Fold(int64_t item) const {
    const int64_t first = Ints(kOffsets)[item], length = Ints(kOffsets)[item + 1] - first;
    const int64_t entries = Ints(kStateLengths)[2 * item], buffered = Ints(kStateLengths)[2 * item + 1];
    const WindowPlan plan = PlanWindows(form_.ratio, buffered, length);
    const int64_t width = 2 * size_, own = (buffered + length) * width,
                  rows = item * (2 * form_.ratio - 1) * width, back = form_.ratio * width;
    std::vector<float> all(static_cast<size_t>(2 * own));
    for (const bool gates : {false, true}) {
      float* to = all.data() + (gates ? own : 0);
      std::copy_n(Floats(gates ? kGateBuffer : kBuffer) + rows, buffered * width, to);
      std::copy_n(Floats(gates ? kGate : kKey) + first * width, length * width, to + buffered * width);
      const size_t output = gates ? kGatesOut : kBufferOut;
      if (context_.HasOutput(output))
        std::copy_n(to + plan.first * width, plan.left * width, context_.output(output).As<float>() + rows);
    }
    for (int64_t w = 0; w < plan.windows; ++w) {
      const float* keys = all.data() + (plan.overlap + w * form_.ratio) * width;
      const bool before = w > 0 || plan.overlap > 0;
      heads_.Fold(keys, keys + own, before ? keys - back : nullptr, before ? keys + own - back : nullptr,
                  Floats(kBias), item, (entries + w) * form_.ratio, Key(item, entries + w));
    }
    SetLengths(item, entries + plan.windows, plan.left);
  }

  void Select(int64_t token) const {
    const int64_t item = owner_[static_cast<size_t>(token)], ratio = form_.ratio;
    const int64_t position = form_.folded ? context_.input(kPositions).As<const int64_t>()[token]
                                          : Ints(kPastLengths)[item] + token - Ints(kOffsets)[item];
    std::vector<float> query(static_cast<size_t>(heads_.heads * size_));
    heads_.MakeQuery(Floats(kQuery) + token * width_, item, position, query.data());
    auto* const begin = context_.output(kSelected).As<int32_t>() + token * form_.capacity();
    std::fill_n(begin, form_.capacity(), -1);
    const int64_t known = context_.output(kLengthsOut).As<int32_t>()[2 * item];
    const int64_t seen =
        std::clamp<int64_t>(position < 0 ? 0 : position / ratio + (position % ratio + 1) / ratio, 0, known);
    std::vector<float> scores;
    const float* weights = form_.folded ? Floats(kHeadWeights) + token * heads_.heads : nullptr;
    for (int64_t e = 0; e < seen; ++e) scores.push_back(heads_.Score(query.data(), weights, Key(item, e)));
    int32_t* to = begin;
    for (const int64_t entry : BestScores(scores, form_.folded ? form_.take : form_.take / ratio)) {
      const int64_t count = form_.folded ? 1 : ratio;
      for (int64_t t = 0; t < count; ++t) *to++ = static_cast<int32_t>(entry * count + t);
    }
    if (!form_.folded) {
      for (int64_t t = seen * ratio; t <= position; ++t) *to++ = static_cast<int32_t>(t);
    }
    context_.output(kCounts).As<int32_t>()[token] = static_cast<int32_t>(to - begin);
  }

  const State& s_;
  const IndexerForm& form_;
  RunContext& context_;
  IndexerHeads heads_;
  bool packed_ = false;
  int64_t batch_ = 0, tokens_ = 0, width_ = 0, size_ = 0;
  std::vector<int64_t> owner_;  // of each token
};

Status Run(const void* opaque, RunContext& context) {
  return Indexer(*static_cast<const State*>(opaque), context).Run();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const State state, ReadState(context.node));
  if (context.input_dtype(kQuery) != DType::kFloat)
    return NotImplemented("PackedSparseAttentionIndexer of {}", DTypeName(context.input_dtype(kQuery)));
  prepared->kernel = "packed_sparse_attention_indexer";
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T", Arity::kOptional},
                                       {"query_norm_weight", "T"},
                                       {"key_norm_weight", "T"},
                                       {"cos_cache", "T"},
                                       {"sin_cache", "T"},
                                       {"cumulative_sequence_lengths", "M"},
                                       {"past_sequence_lengths", "M"},
                                       {"gate", "T", Arity::kOptional},
                                       {"position_bias", "T", Arity::kOptional},
                                       {"head_weights", "T", Arity::kOptional},
                                       {"position_ids", "I", Arity::kOptional},
                                       {"past_key_state", "T"},
                                       {"past_kv_buffer", "T"},
                                       {"past_gate_buffer", "T", Arity::kOptional},
                                       {"past_state_lengths", "M"},
                                       {"state_update_capture_count", "M", Arity::kOptional},
                                       {"state_update_active", "M", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"selected_indices", "M"},
                                        {"selected_counts", "M"},
                                        {"present_key_state", "T"},
                                        {"present_kv_buffer", "T"},
                                        {"present_gate_buffer", "T", Arity::kOptional},
                                        {"present_state_lengths", "M"},
                                        {"state_update", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)},
                                     {"I", SetOf(DType::kInt64)},
                                     {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {
    {"compress_ratio", AttributeType::kInt, true}, {"epsilon", AttributeType::kFloat},
    {"head_weight_scale", AttributeType::kFloat},  {"index_topk", AttributeType::kInt},
    {"policy_mode", AttributeType::kString, true}, {"scale", AttributeType::kFloat},
    {"state_capacity", AttributeType::kInt, true}, {"state_update_capacity", AttributeType::kInt},
    {"token_budget", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsPackedSparseAttentionIndexer;
constexpr OpDef kMsPackedSparseAttentionIndexer{.domain = "com.microsoft",
                                                .name = "PackedSparseAttentionIndexer",
                                                .versions = kVersions,
                                                .inputs = kInputs,
                                                .outputs = kOutputs,
                                                .types = kTypes,
                                                .attributes = kAttributes,
                                                .infer = Infer,
                                                .prepare = Prepare};

}  // namespace ortolan
