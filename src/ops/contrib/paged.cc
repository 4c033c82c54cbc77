#include "ops/contrib/paged.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "ops/contrib/row_attention.h"

namespace ortolan {
namespace {

struct State {
  PagedInputs in;
  int64_t heads, kv_heads, window, offset, value_size;
  float scale, softcap, epsilon;
  bool causal, rotary, interleaved, latent;
  bool key4, value4;  // caches of e2m1
  bool local, selected, other, shared;
};

int64_t Parts(const InferContext& context, const PagedInputs& in) {
  const graph::Attributes& attributes = context.attributes();
  const int64_t heads = attributes.Int("num_heads", 0), kv = attributes.Int("kv_num_heads", 0);
  const bool latent = attributes.String("kv_cache_layout", "SEPARATE") == "LATENT";
  return context.HasInput(in.key) ? heads : heads + (latent ? 1 : 2) * kv;
}

class Paged {
 public:
  Paged(const State& state, RunContext& context) : s_(state), in_(state.in), context_(context) {}

  Status Run() {
    ORTOLAN_RETURN_IF_ERROR(ReadSizes());
    ORTOLAN_RETURN_IF_ERROR(ReadSequences());
    ORTOLAN_RETURN_IF_ERROR(ReadCaches());
    ORTOLAN_RETURN_IF_ERROR(ReadHeads());
    if (s_.selected) ORTOLAN_RETURN_IF_ERROR(ReadSelected());
    WriteCaches();
    context_.threads().ParallelFor(tokens_ * s_.heads,
                                   [&](int64_t task) { Attend(task / s_.heads, task % s_.heads); });
    return OkStatus();
  }

 private:
  const Dims& dims(size_t i) const { return context_.input(i).dims; }
  bool Has(size_t i) const { return i != 0 && context_.HasInput(i); }
  const float* Floats(size_t i) const { return Has(i) ? context_.input(i).As<const float>() : nullptr; }
  const float* Query() const { return context_.input(0).As<const float>(); }
  const int32_t* Ints(size_t i) const { return Has(i) ? context_.input(i).As<const int32_t>() : nullptr; }

  Status ReadSizes() {
    const Dims& q = dims(0);
    packed_ = !Has(in_.key);
    const int64_t parts = s_.heads + (packed_ ? (s_.latent ? 1 : 2) * s_.kv_heads : 0);
    if (q.size() != 2 || q[1] % parts != 0 || q[1] == 0) {
      return InvalidArgument("query {} for {} heads", DimsText(q), parts);
    }
    tokens_ = q[0], size_ = q[1] / parts, width_ = q[1];
    value_size_ = s_.value_size > 0 ? s_.value_size : size_;
    key_width_ = packed_ ? width_ : s_.kv_heads * size_;
    if (value_size_ > size_) return InvalidArgument("v_head_size {} of {}", value_size_, size_);
    const Dims wanted = {tokens_, s_.kv_heads * size_};
    if (!packed_ &&
        (!(dims(in_.key) == wanted) || (!s_.latent && (!Has(in_.value) || !(dims(in_.value) == wanted))))) {
      return InvalidArgument("key {}, expected {}, as value", DimsText(dims(in_.key)), DimsText(wanted));
    }
    return OkStatus();
  }

  Status ReadSequences() {
    batch_ = context_.input(in_.past).count();
    const Dims& table = dims(in_.table);
    if (context_.input(in_.offsets).count() != batch_ + 1 || table.size() != 2 || table[0] != batch_) {
      return InvalidArgument("cumulative_sequence_length {}, block_table {} for {} sequences",
                             DimsText(dims(in_.offsets)), DimsText(table), batch_);
    }
    const int32_t *offsets = Ints(in_.offsets), *past = Ints(in_.past);
    item_.resize(static_cast<size_t>(tokens_));
    for (int64_t b = 0; b < batch_; ++b) {
      if (offsets[b] < 0 || offsets[b] > offsets[b + 1] || offsets[b + 1] > tokens_ || past[b] < 0) {
        return InvalidArgument("sequence {} has tokens {} to {} of {} and {} before them", b, offsets[b],
                               offsets[b + 1], tokens_, past[b]);
      }
      std::fill(item_.begin() + offsets[b], item_.begin() + offsets[b + 1], b);
    }
    if (offsets[0] != 0 || offsets[batch_] != tokens_)
      return InvalidArgument("cumulative_sequence_length ends at {} of {}", offsets[batch_], tokens_);
    return OkStatus();
  }

  Status ReadCache(size_t input, size_t output, size_t scale, bool float4, CacheRows* cache) {
    const TensorRef& given = context_.input(input);
    const int64_t row = given.dtype == DType::kUInt8 ? (size_ + 1) / 2 : size_;
    if (given.rank() != 4 || given.dims[1] < 1 || given.dims[2] != s_.kv_heads || given.dims[3] != row) {
      return InvalidArgument("a cache {} for {} heads of {}", DimsText(given.dims), s_.kv_heads, size_);
    }
    blocks_ = given.dims[0], block_ = given.dims[1];
    void* data = nullptr;
    if (context_.HasOutput(output)) {
      data = context_.output(output).data;
    } else {
      copies_.emplace_back(given.bytes());
      data = copies_.back().data();
    }
    if (data != given.data) std::memcpy(data, given.data, given.bytes());
    *cache = CacheRows{given.dtype, float4, size_, data, Floats(scale), false, s_.kv_heads};
    if (!Has(scale)) return OkStatus();
    const int64_t count = context_.input(scale).count();
    cache->by_channel = count != 1;
    if (count != 1 && count != s_.kv_heads * size_)
      return InvalidArgument("scales {}", DimsText(dims(scale)));
    return OkStatus();
  }

  Status ReadCaches() {
    copies_.reserve(2);
    ORTOLAN_RETURN_IF_ERROR(ReadCache(in_.key_cache, 1, in_.key_scale, s_.key4, &keys_));
    const int64_t blocks = blocks_, block = block_;
    if (s_.latent) {
      values_ = keys_;
    } else {
      if (!Has(in_.value_cache)) return InvalidArgument("value_cache is absent");
      ORTOLAN_RETURN_IF_ERROR(ReadCache(in_.value_cache, 2, in_.value_scale, s_.value4, &values_));
    }
    if (blocks_ != blocks || block_ != block) return InvalidArgument("key_cache and value_cache differ");
    // Every position that is read or written has a block.
    const int32_t *offsets = Ints(in_.offsets), *past = Ints(in_.past), *table = Ints(in_.table),
                  *slots = Ints(in_.slots);
    const int64_t columns = dims(in_.table)[1];
    for (int64_t b = 0; b < batch_; ++b) {
      const int64_t total = int64_t{past[b]} + offsets[b + 1] - offsets[b];
      const int64_t used = (total + block_ - 1) / block_;
      if (used > columns)
        return InvalidArgument("{} positions of sequence {} in {} blocks of {}", total, b, columns, block_);
      for (int64_t i = 0; i < used; ++i) {
        const int32_t at = table[b * columns + i];
        if (at < 0 || at >= blocks_)
          return InvalidArgument("block_table[{}][{}] is {} of {}", b, i, at, blocks_);
      }
    }
    if (slots == nullptr) return OkStatus();
    if (context_.input(in_.slots).count() != tokens_)
      return InvalidArgument("slot_mapping {}", DimsText(dims(in_.slots)));
    for (int64_t t = 0; t < tokens_; ++t) {
      if (slots[t] < -1 || slots[t] >= blocks_ * block_)
        return InvalidArgument("slot_mapping[{}] is {}", t, slots[t]);
    }
    return OkStatus();
  }

  Status ReadHeads() {
    form_.size = size_, form_.epsilon = s_.epsilon, form_.interleaved = s_.interleaved;
    if (s_.rotary) {
      if (!Has(in_.cosine) || !Has(in_.sine))
        return InvalidArgument("do_rotary needs cos_cache and sin_cache");
      const Dims& cosine = dims(in_.cosine);
      if (cosine.size() != 2 || !(dims(in_.sine) == cosine) || s_.offset < 0 ||
          s_.offset + 2 * cosine[1] > size_) {
        return InvalidArgument("cos_cache {} for heads of {} from channel {} on", DimsText(cosine), size_,
                               s_.offset);
      }
      form_.cosine = Floats(in_.cosine), form_.sine = Floats(in_.sine);
      form_.half = cosine[1], form_.positions = cosine[0], form_.offset = s_.offset;
      for (int64_t t = 0; t < tokens_; ++t) {
        if (PositionOf(t) >= form_.positions)
          return InvalidArgument("position {} of a cos_cache of {}", PositionOf(t), form_.positions);
      }
    }
    const auto fits = [&](size_t i, int64_t count) { return !Has(i) || context_.input(i).count() == count; };
    if (!fits(in_.query_norm, size_) || !fits(in_.key_norm, size_) || !fits(in_.sink, s_.heads))
      return InvalidArgument("norm weights or head_sink do not fit {} heads of {}", s_.heads, size_);
    return OkStatus();
  }

  Status ReadSelected() {
    const Dims& selected = dims(in_.selected);
    if (selected.size() != 2 || selected[0] != tokens_ || context_.input(in_.counts).count() != tokens_)
      return InvalidArgument("selected_indices {} for {} tokens", DimsText(selected), tokens_);
    columns_ = selected[1];
    if (s_.other) {
      if (!Has(in_.other_key) || !Has(in_.other_lengths) || (!s_.shared && !Has(in_.other_value)))
        return InvalidArgument("selected_kv_source 'auxiliary' needs its keys, values and lengths");
      const Dims& other = dims(in_.other_key);
      if (other.size() != 4 || other[0] != batch_ || (other[2] != 1 && other[2] != s_.kv_heads) ||
          other[3] != size_ || (!s_.shared && !(dims(in_.other_value) == other)) ||
          context_.input(in_.other_lengths).count() != batch_) {
        return InvalidArgument("auxiliary_key {}", DimsText(other));
      }
      other_rows_ = other[1], other_heads_ = other[2];
    }
    for (int64_t t = 0; t < tokens_; ++t) {
      const int64_t count = Ints(in_.counts)[t];
      if (count < 0 || count > columns_) return InvalidArgument("selected_counts[{}] is {}", t, count);
      const int64_t b = item_[static_cast<size_t>(t)];
      const int64_t most = s_.other ? std::min<int64_t>(other_rows_, Ints(in_.other_lengths)[b]) : TotalOf(b);
      for (int64_t i = 0; i < count; ++i) {
        const int32_t at = Ints(in_.selected)[t * columns_ + i];
        if (at < 0 || at >= most)
          return InvalidArgument("selected_indices[{}][{}] is {} of {}", t, i, at, most);
      }
    }
    return OkStatus();
  }

  int64_t PositionOf(int64_t t) const {
    const int64_t b = item_[static_cast<size_t>(t)];
    return int64_t{Ints(in_.past)[b]} + t - Ints(in_.offsets)[b];
  }
  int64_t TotalOf(int64_t b) const {
    return int64_t{Ints(in_.past)[b]} + Ints(in_.offsets)[b + 1] - Ints(in_.offsets)[b];
  }
  int64_t SlotOf(int64_t b, int64_t position) const {
    const int64_t block = Ints(in_.table)[b * dims(in_.table)[1] + position / block_];
    return block * block_ + position % block_;
  }

  void WriteCaches() {
    // One thread a head of keys, tokens in order: two tokens may have one slot.
    context_.threads().ParallelFor(s_.kv_heads, [&](int64_t head) {
      std::vector<float> made(static_cast<size_t>(size_));
      HeadForm form = form_;
      form.norm = Floats(in_.key_norm);
      for (int64_t t = 0; t < tokens_; ++t) {
        const int64_t b = item_[static_cast<size_t>(t)], position = PositionOf(t);
        const int64_t slot = Has(in_.slots) ? Ints(in_.slots)[t] : SlotOf(b, position);
        if (slot < 0) continue;
        const float* key = packed_ ? Query() + t * width_ + (s_.heads + head) * size_
                                   : Floats(in_.key) + t * key_width_ + head * size_;
        MakeHead(form, key, position, made.data());
        keys_.Write(slot * s_.kv_heads + head, head, made.data());
        if (s_.latent) continue;
        const float* value = packed_ ? Query() + t * width_ + (s_.heads + s_.kv_heads + head) * size_
                                     : Floats(in_.value) + t * key_width_ + head * size_;
        values_.Write(slot * s_.kv_heads + head, head, value);
      }
    });
  }

  void Attend(int64_t t, int64_t head) const {
    const int64_t b = item_[static_cast<size_t>(t)], position = PositionOf(t),
                  kv = head / (s_.heads / s_.kv_heads);
    std::vector<float> q(static_cast<size_t>(size_));
    HeadForm form = form_;
    form.norm = Floats(in_.query_norm);
    MakeHead(form, Query() + t * width_ + head * size_, position, q.data());
    const int64_t end = s_.causal ? position + 1 : TotalOf(b);
    const int64_t begin = s_.window > 0 ? std::max<int64_t>(0, position + 1 - s_.window) : 0;
    const int64_t local = s_.local ? end - begin : 0;
    const int32_t* selected = s_.selected ? Ints(in_.selected) + t * columns_ : nullptr;
    std::vector<int64_t> seen;  // selected places, of the other cache or of this one
    for (int64_t i = 0; s_.selected && i < Ints(in_.counts)[t]; ++i) {
      const bool twice = s_.local && !s_.other && selected[i] >= begin && selected[i] < end;
      if (!twice && (s_.other || !s_.causal || selected[i] <= position)) seen.push_back(selected[i]);
    }
    const auto row = [&](int64_t i) {
      const int64_t at = i < local ? begin + i : seen[static_cast<size_t>(i - local)];
      return SlotOf(b, at) * s_.kv_heads + kv;
    };
    const auto other = [&](int64_t i, size_t input) {
      const int64_t at = b * other_rows_ + seen[static_cast<size_t>(i - local)];
      return Floats(input) + (at * other_heads_ + (other_heads_ == 1 ? 0 : kv)) * size_;
    };
    RowScores scores{s_.scale != 0 ? s_.scale : 1 / std::sqrt(static_cast<float>(size_)), s_.softcap,
                     Has(in_.sink), 0};
    if (scores.sink) scores.sink_score = Floats(in_.sink)[head];
    AttendRows(
        q.data(), size_, value_size_, local + static_cast<int64_t>(seen.size()), scores,
        [&](int64_t i, float* to) {
          if (i >= local && s_.other) {
            std::copy_n(other(i, in_.other_key), size_, to);
          } else {
            keys_.Read(row(i), kv, to);
          }
        },
        [&](int64_t i, float* to) {
          if (i >= local && s_.other) {
            std::copy_n(other(i, s_.shared ? in_.other_key : in_.other_value), size_, to);
          } else {
            values_.Read(row(i), kv, to);
          }
        },
        context_.output(0).As<float>() + (t * s_.heads + head) * value_size_);
  }

  const State& s_;
  const PagedInputs& in_;
  RunContext& context_;
  bool packed_ = false;
  int64_t tokens_ = 0, size_ = 0, width_ = 0, value_size_ = 0, key_width_ = 0, batch_ = 0, blocks_ = 0,
          block_ = 1;
  int64_t columns_ = 0, other_rows_ = 0, other_heads_ = 0;
  std::vector<int64_t> item_;  // of each token
  std::vector<std::vector<std::byte>> copies_;
  CacheRows keys_, values_;
  HeadForm form_;
};

Status Run(const void* opaque, RunContext& context) {
  return Paged(*static_cast<const State*>(opaque), context).Run();
}

}  // namespace

Status InferPaged(InferContext& context, const PagedInputs& in) {
  context.SetType(0, context.dtype(0));
  context.SetType(1, context.dtype(in.key_cache));
  context.SetShape(1, context.shape(in.key_cache));
  if (context.HasInput(in.value_cache)) {
    context.SetType(2, context.dtype(in.value_cache));
    context.SetShape(2, context.shape(in.value_cache));
  }
  const graph::Shape& q = context.shape(0);
  const int64_t heads = context.attributes().Int("num_heads", 0), parts = Parts(context, in);
  if (heads < 1 || parts < 1 || heads > INT32_MAX) return InvalidArgument("num_heads {}", heads);
  if (!q.has_rank()) return OkStatus();
  if (q.rank() != 2) return InvalidArgument("query of rank {}, expected 2", q.rank());
  const int64_t given = context.attributes().Int("v_head_size", 0);
  const graph::Dim size = given > 0 ? graph::Dim(given) : graph::Dim::FloorDiv(q[1], parts);
  context.SetShape(0, {q[0], size * graph::Dim(heads)});
  return OkStatus();
}

Status PreparePaged(PrepareContext& context, const PagedInputs& inputs, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::string_view mode = attributes.String("attention_mode", "selected_only");
  const std::string_view source = attributes.String("selected_kv_source", "main");
  State state{};
  state.in = inputs;
  state.heads = attributes.Int("num_heads", 0), state.kv_heads = attributes.Int("kv_num_heads", 0);
  state.window = attributes.Int("local_window_size", -1), state.offset = attributes.Int("rotary_offset", 0);
  state.scale = attributes.Float("scale", 0.0f), state.softcap = attributes.Float("softcap", 0.0f);
  state.epsilon = attributes.Float("qk_norm_epsilon", 1e-6f);
  state.causal = attributes.Int("is_causal", 1) != 0, state.rotary = attributes.Int("do_rotary", 0) != 0;
  state.interleaved = attributes.Int("rotary_interleaved", 0) != 0;
  state.latent = attributes.String("kv_cache_layout", "SEPARATE") == "LATENT";
  state.value_size = state.latent ? attributes.Int("v_head_size", 0) : 0;
  state.key4 = attributes.String("k_cache_dtype", "") == "float4e2m1";
  state.value4 = attributes.String("v_cache_dtype", "") == "float4e2m1";
  state.selected = inputs.selected != 0;
  state.local = !state.selected || mode == "local_plus_selected";
  state.other = source == "auxiliary", state.shared = attributes.Int("auxiliary_kv_shared", 0) != 0;
  const std::string_view op = context.node.op_type;
  if (state.kv_heads < 1 || state.heads < 1 || state.heads % state.kv_heads != 0 || state.heads > INT32_MAX) {
    return InvalidArgument("{}: {} heads over {} heads of keys", op, state.heads, state.kv_heads);
  }
  if ((mode != "selected_only" && mode != "local_plus_selected") ||
      (source != "main" && source != "auxiliary"))
    return InvalidArgument("{}: attention_mode '{}', selected_kv_source '{}'", op, mode, source);
  if (state.latent && state.kv_heads != 1) return InvalidArgument("{}: a latent cache has one head", op);
  if (context.input_dtype(0) != DType::kFloat)
    return NotImplemented("{} of {}", op, DTypeName(context.input_dtype(0)));
  prepared->kernel = "paged_attention";
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  return OkStatus();
}

}  // namespace ortolan
