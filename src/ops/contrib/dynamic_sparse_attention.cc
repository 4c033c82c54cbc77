// DynamicSparseAttention: attention of each query to the keys that an input selects for it, of its own cache
// or of another sequence, and to a window of its own. Refuses selections outside of what there is.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>
#include "ops/contrib/row_attention.h"

namespace ortolan {
namespace {

enum Input : size_t {
  kQuery,
  kKey,
  kValue,
  kPastKey,
  kPastValue,
  kOtherKey,
  kOtherValue,
  kSelected,
  kCounts,
  kLengths,
  kTotal,
  kCos,
  kSin,
  kPositions,
  kQueryNorm,
  kKeyNorm,
  kSink
};

struct State {
  int64_t heads, kv_heads, window, offset;
  float scale, epsilon;
  bool local, other, shared, rotary, interleaved, smooth;
};

using graph::Dim;

Status Infer(InferContext& context) {
  const graph::Attributes& attributes = context.attributes();
  const int64_t heads = attributes.Int("num_heads", 0), kv = attributes.Int("kv_num_heads", 0);
  if (heads < 1 || kv < 1 || heads > INT32_MAX || kv > INT32_MAX || heads % kv != 0)
    return InvalidArgument("DynamicSparseAttention: {} heads over {} heads of keys", heads, kv);
  for (size_t i = 0; i < context.output_count(); ++i) context.SetType(i, context.dtype(kQuery));
  const graph::Shape& query = context.shape(kQuery);
  if (!query.has_rank()) return OkStatus();
  if (query.rank() != 3) return InvalidArgument("DynamicSparseAttention: query of rank {}", query.rank());
  const Dim size = Dim::FloorDiv(query[2], context.HasInput(kKey) ? heads : heads + 2 * kv);
  context.SetShape(0, {query[0], query[1], size * Dim(heads)});
  const auto total = context.Ints(kTotal);
  Dim capacity = total && total->size() == 1 ? (*total)[0] : context.Unknown();
  if (context.HasInput(kPastKey)) {
    const graph::Shape& past = context.shape(kPastKey);
    const bool known = past.has_rank() && past.rank() == 4 && !(context.at_run() && capacity.Is(-1));
    capacity = known ? Dim::Max(past[2], capacity) : context.Unknown();
  }
  context.SetShape(1, {query[0], kv, capacity, size});
  context.SetShape(2, {query[0], kv, capacity, size});
  return OkStatus();
}

class Sparse {
 public:
  Sparse(const State& state, RunContext& context) : s_(state), context_(context) {}

  Status Run() {
    ORTOLAN_RETURN_IF_ERROR(ReadSizes());
    ORTOLAN_RETURN_IF_ERROR(ReadLengths());
    ORTOLAN_RETURN_IF_ERROR(ReadHeads());
    ORTOLAN_RETURN_IF_ERROR(ReadSelected());
    ORTOLAN_RETURN_IF_ERROR(MakeCaches());
    context_.threads().ParallelFor(batch_ * s_.kv_heads, [&](int64_t task) { Append(task); });
    context_.threads().ParallelFor(batch_ * rows_ * s_.heads,
                                   [&](int64_t task) { Attend(task / s_.heads, task % s_.heads); });
    return OkStatus();
  }

 private:
  const Dims& dims(size_t i) const { return context_.input(i).dims; }
  bool Has(size_t i) const { return context_.HasInput(i); }
  const float* Floats(size_t i) const { return Has(i) ? context_.input(i).As<const float>() : nullptr; }
  const int32_t* Ints(size_t i) const { return context_.input(i).As<const int32_t>(); }

  Status ReadSizes() {
    const Dims& q = dims(kQuery);
    packed_ = !Has(kKey);
    const int64_t parts = packed_ ? s_.heads + 2 * s_.kv_heads : s_.heads;
    if (q.size() != 3 || q[2] % parts != 0 || q[2] == 0)
      return InvalidArgument("query {} for {} heads", DimsText(q), parts);
    batch_ = q[0], rows_ = q[1], size_ = q[2] / parts, width_ = q[2];
    key_width_ = packed_ ? width_ : s_.kv_heads * size_;
    const Dims wanted = {batch_, rows_, s_.kv_heads * size_};
    if (!packed_ && (!Has(kValue) || !(dims(kKey) == wanted) || !(dims(kValue) == wanted)))
      return InvalidArgument("key {}, expected {}, as value", DimsText(dims(kKey)), DimsText(wanted));
    past_ = 0;
    if (Has(kPastKey)) {
      past_ = dims(kPastKey).size() == 4 ? dims(kPastKey)[2] : -1;
      const Dims past = {batch_, s_.kv_heads, past_, size_};
      if (!(dims(kPastKey) == past) || !Has(kPastValue) || !(dims(kPastValue) == past))
        return InvalidArgument("past_key {}", DimsText(dims(kPastKey)));
    }
    return OkStatus();
  }

  Status ReadLengths() {
    if (context_.input(kLengths).count() != batch_ || context_.input(kTotal).count() != 1)
      return InvalidArgument("seqlens_k {}", DimsText(dims(kLengths)));
    const int64_t total = Ints(kTotal)[0];
    capacity_ = std::max(past_, total);
    for (int64_t b = 0; b < batch_; ++b) {
      const int64_t length = int64_t{Ints(kLengths)[b]} + 1, before = total == rows_ ? 0 : length - rows_;
      if (length < 1 || length > total || before < 0 || before > past_ || before + rows_ > capacity_) {
        return InvalidArgument(
            "seqlens_k[{}] is {} where total_sequence_length is {} for {} new tokens and {} past ones", b,
            length - 1, total, rows_, past_);
      }
      before_.push_back(before);
    }
    return OkStatus();
  }

  int64_t PlaceOf(int64_t token) const {
    return Has(kPositions) ? context_.input(kPositions).As<const int64_t>()[token]
                           : before_[static_cast<size_t>(token / rows_)] + token % rows_;
  }

  Status ReadHeads() {
    form_.size = size_, form_.epsilon = s_.epsilon, form_.interleaved = s_.interleaved;
    const auto fits = [&](size_t i, int64_t count) { return !Has(i) || context_.input(i).count() == count; };
    if (!fits(kQueryNorm, size_) || !fits(kKeyNorm, size_) || !fits(kSink, s_.heads) ||
        !fits(kPositions, batch_ * rows_))
      return InvalidArgument("norm weights, head_sink or position_ids do not fit {} heads of {}", s_.heads,
                             size_);
    if (!s_.rotary) return OkStatus();
    if (!Has(kCos) || !Has(kSin)) return InvalidArgument("do_rotary needs cos_cache and sin_cache");
    const Dims& cosine = dims(kCos);
    if (cosine.size() != 2 || !(dims(kSin) == cosine) || s_.offset < 0 || s_.offset + 2 * cosine[1] > size_)
      return InvalidArgument("cos_cache {} for heads of {} from channel {} on", DimsText(cosine), size_,
                             s_.offset);
    form_.cosine = Floats(kCos), form_.sine = Floats(kSin), form_.half = cosine[1], form_.offset = s_.offset;
    for (int64_t t = 0; t < batch_ * rows_; ++t) {
      if (PlaceOf(t) < 0 || PlaceOf(t) >= cosine[0])
        return InvalidArgument("position {} of a cos_cache of {}", PlaceOf(t), cosine[0]);
    }
    return OkStatus();
  }

  Status ReadSelected() {
    const Dims& selected = dims(kSelected);
    if (selected.size() != 2 || selected[0] != batch_ * rows_ ||
        context_.input(kCounts).count() != selected[0])
      return InvalidArgument("selected_indices {} for {} queries", DimsText(selected), batch_ * rows_);
    columns_ = selected[1];
    if (s_.other) {
      if (!Has(kOtherKey) || (!s_.shared && !Has(kOtherValue)))
        return InvalidArgument("there is no auxiliary_key or value");
      const Dims& other = dims(kOtherKey);
      if (other.size() != 4 || other[0] != batch_ || other[1] != s_.kv_heads || other[3] != size_ ||
          (Has(kOtherValue) && !(dims(kOtherValue) == other)))
        return InvalidArgument("auxiliary_key {}", DimsText(other));
      others_ = other[2];
    }
    for (int64_t t = 0; t < selected[0]; ++t) {
      const int64_t count = Ints(kCounts)[t];
      const int64_t most = s_.other ? others_ : before_[static_cast<size_t>(t / rows_)] + rows_;
      if (count < 0 || count > columns_) return InvalidArgument("selected_counts[{}] is {}", t, count);
      for (int64_t i = 0; i < count; ++i) {
        const int32_t at = Ints(kSelected)[t * columns_ + i];
        if (at < 0 || at >= most)
          return InvalidArgument("selected_indices[{}][{}] is {} of {}", t, i, at, most);
      }
    }
    return OkStatus();
  }

  Status MakeCaches() {
    const Dims all = {batch_, s_.kv_heads, capacity_, size_};
    ORTOLAN_ASSIGN_OR_RETURN(const size_t bytes, CheckedBytes(DType::kFloat, all));
    for (const size_t i : {1, 2}) {
      float*& cache = i == 1 ? keys_ : values_;
      if (context_.HasOutput(i)) {
        ORTOLAN_RETURN_IF_ERROR(context_.Output(i, all));
        cache = context_.output(i).As<float>();
      } else {
        own_[i - 1].resize(bytes / sizeof(float));
        cache = own_[i - 1].data();
      }
    }
    return OkStatus();
  }

  void Append(int64_t task) {
    const int64_t item = task / s_.kv_heads, head = task % s_.kv_heads,
                  before = before_[static_cast<size_t>(item)];
    HeadForm form = form_;
    form.norm = Floats(kKeyNorm);
    const float* query = Floats(kQuery);
    for (const bool key : {true, false}) {
      float* to = (key ? keys_ : values_) + task * capacity_ * size_;
      if (Has(kPastKey))
        std::memmove(to, Floats(key ? kPastKey : kPastValue) + task * past_ * size_,
                     static_cast<size_t>(past_ * size_) * sizeof(float));
      std::fill(to + past_ * size_, to + capacity_ * size_, 0.0f);
      for (int64_t s = 0; s < rows_; ++s) {
        const int64_t token = item * rows_ + s;
        const int64_t part = s_.heads + (key ? 0 : s_.kv_heads) + head;
        const float* from = packed_ ? query + token * width_ + part * size_
                                    : Floats(key ? kKey : kValue) + token * key_width_ + head * size_;
        if (key) {
          MakeHead(form, from, PlaceOf(token), to + (before + s) * size_);
        } else {
          std::copy_n(from, size_, to + (before + s) * size_);
        }
      }
    }
  }

  void Attend(int64_t token, int64_t head) const {
    const int64_t item = token / rows_, kv = head / (s_.heads / s_.kv_heads);
    const int64_t position = before_[static_cast<size_t>(item)] + token % rows_;
    std::vector<float> q(static_cast<size_t>(size_));
    HeadForm form = form_;
    form.norm = Floats(kQueryNorm);
    MakeHead(form, Floats(kQuery) + token * width_ + head * size_, PlaceOf(token), q.data());
    std::vector<const float*> keys, values;
    const int64_t own = (item * s_.kv_heads + kv) * capacity_, other = (item * s_.kv_heads + kv) * others_;
    const int64_t begin = s_.window > 0 ? std::max<int64_t>(0, position + 1 - s_.window) : 0;
    for (int64_t i = s_.local ? begin : position + 1; i <= position; ++i) {
      keys.push_back(keys_ + (own + i) * size_);
      values.push_back(values_ + (own + i) * size_);
    }
    for (int64_t i = 0; i < Ints(kCounts)[token]; ++i) {
      const int64_t at = Ints(kSelected)[token * columns_ + i];
      if (s_.other) {
        keys.push_back(Floats(kOtherKey) + (other + at) * size_);
        values.push_back(Floats(Has(kOtherValue) ? kOtherValue : kOtherKey) + (other + at) * size_);
      } else if (at <= position && !(s_.local && at >= begin)) {
        keys.push_back(keys_ + (own + at) * size_);
        values.push_back(values_ + (own + at) * size_);
      }
    }
    RowScores scores{s_.scale != 0 ? s_.scale : 1 / std::sqrt(static_cast<float>(size_)), 0,
                     s_.smooth || Has(kSink), 0};
    if (Has(kSink)) scores.sink_score = Floats(kSink)[head];
    AttendRows(
        q.data(), size_, size_, static_cast<int64_t>(keys.size()), scores,
        [&](int64_t i, float* to) { std::copy_n(keys[static_cast<size_t>(i)], size_, to); },
        [&](int64_t i, float* to) { std::copy_n(values[static_cast<size_t>(i)], size_, to); },
        context_.output(0).As<float>() + (token * s_.heads + head) * size_);
  }

  const State& s_;
  RunContext& context_;
  bool packed_ = false;
  int64_t batch_ = 0, rows_ = 0, size_ = 0, width_ = 0, key_width_ = 0, past_ = 0, capacity_ = 0,
          columns_ = 0, others_ = 0;
  std::vector<int64_t> before_;  // tokens in front of the new ones, of each item
  HeadForm form_;
  float *keys_ = nullptr, *values_ = nullptr;
  std::vector<float> own_[2];
};

Status Run(const void* opaque, RunContext& context) {
  return Sparse(*static_cast<const State*>(opaque), context).Run();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::string_view mode = attributes.String("attention_mode", "selected_only");
  const std::string_view source = attributes.String("selected_kv_source", "main");
  if ((mode != "selected_only" && mode != "local_plus_selected") ||
      (source != "main" && source != "auxiliary") || attributes.Int("is_causal", 1) != 1) {
    return InvalidArgument(
        "DynamicSparseAttention: attention_mode '{}', selected_kv_source '{}', is_causal {}", mode, source,
        attributes.Int("is_causal", 1));
  }
  State state{};
  state.heads = attributes.Int("num_heads", 0), state.kv_heads = attributes.Int("kv_num_heads", 0);
  state.window = attributes.Int("local_window_size", -1), state.offset = attributes.Int("rotary_offset", 0);
  state.scale = attributes.Float("scale", 0.0f), state.epsilon = attributes.Float("qk_norm_epsilon", 1e-6f);
  state.local = mode == "local_plus_selected", state.other = source == "auxiliary";
  state.shared = attributes.Int("auxiliary_kv_shared", 0) != 0,
  state.rotary = attributes.Int("do_rotary", 0) != 0;
  state.interleaved = attributes.Int("rotary_interleaved", 0) != 0,
  state.smooth = attributes.Int("smooth_softmax", 0) == 1;
  if (state.heads < 1 || state.kv_heads < 1 || state.heads % state.kv_heads != 0)
    return InvalidArgument("DynamicSparseAttention: {} heads over {} heads of keys", state.heads,
                           state.kv_heads);
  if (context.input_dtype(kQuery) != DType::kFloat)
    return NotImplemented("DynamicSparseAttention of {}", DTypeName(context.input_dtype(kQuery)));
  prepared->kernel = "dynamic_sparse_attention";
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T", Arity::kOptional},
                                       {"value", "T", Arity::kOptional},
                                       {"past_key", "T", Arity::kOptional},
                                       {"past_value", "T", Arity::kOptional},
                                       {"auxiliary_key", "T", Arity::kOptional},
                                       {"auxiliary_value", "T", Arity::kOptional},
                                       {"selected_indices", "M"},
                                       {"selected_counts", "M"},
                                       {"seqlens_k", "M"},
                                       {"total_sequence_length", "M"},
                                       {"cos_cache", "T", Arity::kOptional},
                                       {"sin_cache", "T", Arity::kOptional},
                                       {"position_ids", "tensor(int64)", Arity::kOptional},
                                       {"q_norm_weight", "T", Arity::kOptional},
                                       {"k_norm_weight", "T", Arity::kOptional},
                                       {"head_sink", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {
    {"output", "T"}, {"present_key", "T", Arity::kOptional}, {"present_value", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)},
                                     {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"attention_mode", AttributeType::kString},
                                         {"auxiliary_kv_shared", AttributeType::kInt},
                                         {"do_rotary", AttributeType::kInt},
                                         {"is_causal", AttributeType::kInt},
                                         {"kv_num_heads", AttributeType::kInt, true},
                                         {"local_window_size", AttributeType::kInt},
                                         {"num_heads", AttributeType::kInt, true},
                                         {"qk_norm_epsilon", AttributeType::kFloat},
                                         {"rotary_interleaved", AttributeType::kInt},
                                         {"rotary_offset", AttributeType::kInt},
                                         {"scale", AttributeType::kFloat},
                                         {"selected_kv_source", AttributeType::kString},
                                         {"smooth_softmax", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsDynamicSparseAttention;
constexpr OpDef kMsDynamicSparseAttention{.domain = "com.microsoft",
                                          .name = "DynamicSparseAttention",
                                          .versions = kVersions,
                                          .inputs = kInputs,
                                          .outputs = kOutputs,
                                          .types = kTypes,
                                          .attributes = kAttributes,
                                          .infer = Infer,
                                          .prepare = Prepare};

}  // namespace ortolan
