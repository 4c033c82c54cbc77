// SparseAttentionIndexer: which keys each query of a sparse attention reads (ops/contrib/indexer.h), of
// sequences of one length with their caches. Refuses inputs that belong to the other policy.
#include <algorithm>
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
  kMask,
  kPast,
  kGate,
  kBias,
  kHeadWeights,
  kPositions,
  kPastLength,
  kBuffer
};

using graph::Dim;

Status CheckInputs(const IndexerForm& form, const graph::Node& node) {
  for (const size_t i : {kGate, kBias, kHeadWeights, kPositions, kBuffer}) {
    if (node.HasInput(i) != form.folded)
      return InvalidArgument("SparseAttentionIndexer: input {} goes with policy_mode csa", i);
  }
  if (form.folded && (!node.HasInput(kKey) || node.HasInput(kMask)))
    return InvalidArgument("SparseAttentionIndexer: policy_mode csa needs a key and has no mask");
  return OkStatus();
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const IndexerForm form, ReadIndexerForm(context.node()));
  ORTOLAN_RETURN_IF_ERROR(CheckInputs(form, context.node()));
  context.SetType(0, DType::kInt32);
  for (size_t i = 1; i < context.output_count(); ++i) context.SetType(i, context.dtype(kQuery));
  const graph::Shape &query = context.shape(kQuery), &past = context.shape(kPast);
  if (!query.has_rank() || !past.has_rank()) return OkStatus();
  if (query.rank() != 3 || past.rank() != 3)
    return InvalidArgument("SparseAttentionIndexer: query {} and past_key {}", ShapeText(query),
                           ShapeText(past));
  context.SetShape(0, {query[0], query[1], form.capacity()});
  Dim added = query[1], left = context.Unknown();
  if (form.folded) {
    const graph::Shape& buffer = context.shape(kBuffer);
    added = context.Unknown();
    if (buffer.has_rank() && buffer.rank() == 4 && buffer[2].IsConstant() && query[1].IsConstant()) {
      const WindowPlan plan = PlanWindows(form.ratio, buffer[2].constant(), query[1].constant());
      added = plan.windows, left = plan.left;
    }
    const graph::Shape& key = context.shape(kKey);
    if (key.has_rank() && key.rank() == 3) context.SetShape(2, {2, query[0], left, key[2]});
  }
  const bool fixed = context.HasInput(kPastLength), unknown = context.at_run() && added.Is(-1);
  context.SetShape(1, {query[0], fixed ? past[1] : unknown ? context.Unknown() : past[1] + added, past[2]});
  return OkStatus();
}

class Indexer {
 public:
  Indexer(const IndexerForm& form, RunContext& context) : form_(form), context_(context) {
    heads_.form = form;
  }

  Status Run() {
    if (!context_.HasOutput(0) || !context_.HasOutput(1))
      return InvalidArgument("selected_indices and present_key are no optional outputs");
    ORTOLAN_RETURN_IF_ERROR(ReadSizes());
    ORTOLAN_RETURN_IF_ERROR(ReadPast());
    heads_.query_norm = Floats(kQueryNorm), heads_.key_norm = Floats(kKeyNorm);
    ORTOLAN_ASSIGN_OR_RETURN(
        heads_.tables, ReadIndexerTables(form_, context_.input(kCos), context_.input(kSin), batch_, size_));
    ORTOLAN_RETURN_IF_ERROR(context_.Output(0, {batch_, rows_, form_.capacity()}));
    ORTOLAN_RETURN_IF_ERROR(form_.folded ? Fold() : Pool());
    context_.threads().ParallelFor(batch_ * rows_, [&](int64_t row) { Select(row); });
    return OkStatus();
  }

 private:
  const Dims& dims(size_t i) const { return context_.input(i).dims; }
  const float* Floats(size_t i) const { return context_.input(i).As<const float>(); }

  Status ReadSizes() {
    const Dims& query = dims(kQuery);
    packed_ = !context_.HasInput(kKey);
    size_ = context_.input(kQueryNorm).count();
    if (query.size() != 3 || size_ < 1 || query[2] % size_ != 0 || query[2] / size_ < (packed_ ? 2 : 1) ||
        context_.input(kKeyNorm).count() != size_) {
      return InvalidArgument("query {}, key_norm_weight {} for heads of {}", DimsText(query),
                             DimsText(dims(kKeyNorm)), size_);
    }
    batch_ = query[0], rows_ = query[1], width_ = query[2];
    heads_.size = size_, heads_.heads = width_ / size_ - (packed_ ? 1 : 0);
    const Dims keys = {batch_, rows_, form_.key_width(size_)};
    if (!packed_ && !(dims(kKey) == keys))
      return InvalidArgument("key {}, expected {}", DimsText(dims(kKey)), DimsText(keys));
    if (!form_.folded) return OkStatus();
    const Dims bias = {form_.ratio, 2 * size_}, weights = {batch_, rows_, heads_.heads};
    if (!(dims(kGate) == keys) || !(dims(kBias) == bias) || !(dims(kHeadWeights) == weights) ||
        context_.input(kPositions).count() != batch_ * rows_) {
      return InvalidArgument("gate {}, position_bias {}, head_weights {} for {} heads of {}",
                             DimsText(dims(kGate)), DimsText(dims(kBias)), DimsText(dims(kHeadWeights)),
                             heads_.heads, size_);
    }
    const Dims& buffer = dims(kBuffer);
    if (buffer.size() != 4 || buffer[0] != 2 || buffer[1] != batch_ || buffer[3] != 2 * size_ ||
        buffer[2] >= 2 * form_.ratio)
      return InvalidArgument("past_proj_buffer {}", DimsText(buffer));
    buffered_ = buffer[2];
    plan_ = PlanWindows(form_.ratio, buffered_, rows_);
    return OkStatus();
  }

  // The cache behind its old rows, and how many there are then.
  Status ReadPast() {
    const Dims& past = dims(kPast);
    if (past.size() != 3 || past[0] != batch_ || past[2] != size_)
      return InvalidArgument("past_key {} for {} items of heads of {}", DimsText(past), batch_, size_);
    past_ = past[1];
    const bool fixed = context_.HasInput(kPastLength);
    if (fixed) {
      if (context_.input(kPastLength).count() != 1)
        return InvalidArgument("past_sequence_length is no number");
      past_ = context_.input(kPastLength).As<const int32_t>()[0];
    }
    const int64_t added = form_.folded ? plan_.windows : rows_;
    stride_ = fixed ? past[1] : past_ + added;
    if (past_ < 0 || past_ + added > stride_)
      return InvalidArgument("past_sequence_length is {} of {}, {} are added", past_, past[1], added);
    ORTOLAN_RETURN_IF_ERROR(context_.Output(1, {batch_, stride_, size_}));
    total_ = past_ + added;
    const int64_t kept = fixed ? past[1] : past_;
    auto* present = context_.output(1).As<float>();
    for (int64_t b = 0; b < batch_; ++b)
      std::copy_n(Floats(kPast) + b * past[1] * size_, kept * size_, present + b * stride_ * size_);
    if (form_.folded || !context_.HasInput(kMask)) return OkStatus();
    const Dims mask = {batch_, total_};
    if (!(dims(kMask) == mask))
      return InvalidArgument("mask {}, expected {}", DimsText(dims(kMask)), DimsText(mask));
    return OkStatus();
  }

  float* Present(int64_t item, int64_t row) const {
    return context_.output(1).As<float>() + (item * stride_ + row) * size_;
  }

  // qsa: appends the keys, and makes the complete blocks ready. What a query sees of an item's visible tokens
  // is a beginning of them, so all queries have the same blocks.
  Status Pool() {
    visible_.resize(static_cast<size_t>(batch_));
    for (int64_t b = 0; b < batch_; ++b) {
      for (int64_t s = 0; s < rows_; ++s) {
        const int64_t token = b * rows_ + s;
        const float* from =
            packed_ ? Floats(kQuery) + token * width_ + heads_.heads * size_ : Floats(kKey) + token * size_;
        std::copy_n(from, size_, Present(b, past_ + s));
      }
      const int64_t* mask = context_.HasInput(kMask) ? context_.input(kMask).As<const int64_t>() : nullptr;
      for (int64_t t = 0; t < total_; ++t) {
        if (mask == nullptr || mask[b * total_ + t] != 0) visible_[static_cast<size_t>(b)].push_back(t);
      }
    }
    blocks_ = total_ / form_.ratio;
    keys_.resize(static_cast<size_t>(batch_ * blocks_ * size_));
    context_.threads().ParallelFor(batch_ * blocks_, [&](int64_t task) {
      const int64_t item = task / blocks_, block = task % blocks_;
      const std::vector<int64_t>& visible = visible_[static_cast<size_t>(item)];
      if ((block + 1) * form_.ratio > static_cast<int64_t>(visible.size())) return;
      const int64_t* tokens = visible.data() + block * form_.ratio;
      heads_.Pool([&](int64_t t) { return Present(item, tokens[t]); }, item, tokens[0],
                  keys_.data() + task * size_);
    });
    return OkStatus();
  }

  // csa: folds the windows that are complete now, and keeps what stays pending.
  Status Fold() {
    const int64_t width = 2 * size_, length = buffered_ + rows_;
    const Dims after = {2, batch_, plan_.left, width};
    ORTOLAN_RETURN_IF_ERROR(context_.Output(2, after));
    std::vector<float> all(static_cast<size_t>(2 * batch_ * length * width));
    for (int64_t b = 0; b < 2 * batch_; ++b) {
      float* to = all.data() + b * length * width;
      const float* fresh = Floats(b < batch_ ? kKey : kGate) + b % batch_ * rows_ * width;
      std::copy_n(Floats(kBuffer) + b * buffered_ * width, buffered_ * width, to);
      std::copy_n(fresh, rows_ * width, to + buffered_ * width);
      if (!context_.HasOutput(2)) continue;
      std::copy_n(to + plan_.first * width, plan_.left * width,
                  context_.output(2).As<float>() + b * plan_.left * width);
    }
    context_.threads().ParallelFor(batch_ * plan_.windows, [&](int64_t task) {
      const int64_t item = task / plan_.windows, window = task % plan_.windows;
      const int64_t at = (plan_.overlap + window * form_.ratio) * width, back = form_.ratio * width;
      const float *keys = all.data() + item * length * width + at, *gates = keys + batch_ * length * width;
      const bool before = window > 0 || plan_.overlap > 0;
      heads_.Fold(keys, gates, before ? keys - back : nullptr, before ? gates - back : nullptr, Floats(kBias),
                  item, (past_ + window) * form_.ratio, Present(item, past_ + window));
    });
    return OkStatus();
  }

  void Select(int64_t row) const {
    const int64_t item = row / rows_, ratio = form_.ratio;
    const int64_t position =
        form_.folded ? context_.input(kPositions).As<const int64_t>()[row] : past_ + row % rows_;
    std::vector<float> query(static_cast<size_t>(heads_.heads * size_));
    heads_.MakeQuery(Floats(kQuery) + row * width_, item, position, query.data());
    auto* to = context_.output(0).As<int32_t>() + row * form_.capacity();
    std::fill_n(to, form_.capacity(), -1);
    std::vector<float> scores;
    if (form_.folded) {
      const int64_t seen = std::clamp<int64_t>(
          position < 0 ? 0 : position / ratio + (position % ratio + 1) / ratio, 0, total_);
      const float* weights = Floats(kHeadWeights) + row * heads_.heads;
      for (int64_t e = 0; e < seen; ++e)
        scores.push_back(heads_.Score(query.data(), weights, Present(item, e)));
      for (const int64_t entry : BestScores(scores, form_.take)) *to++ = static_cast<int32_t>(entry);
      return;
    }
    const std::vector<int64_t>& visible = visible_[static_cast<size_t>(item)];
    const auto seen = std::upper_bound(visible.begin(), visible.end(), position) - visible.begin();
    for (int64_t j = 0; j < seen / ratio; ++j)
      scores.push_back(heads_.Score(query.data(), nullptr, keys_.data() + (item * blocks_ + j) * size_));
    const auto emit = [&](int64_t t) { *to++ = static_cast<int32_t>(visible[static_cast<size_t>(t)]); };
    for (const int64_t block : BestScores(scores, form_.take / ratio)) {
      for (int64_t t = 0; t < ratio; ++t) emit(block * ratio + t);
    }
    for (int64_t t = seen / ratio * ratio; t < seen; ++t) emit(t);
  }

  const IndexerForm& form_;
  RunContext& context_;
  IndexerHeads heads_;
  bool packed_ = false;
  int64_t batch_ = 0, rows_ = 0, width_ = 0, size_ = 0, past_ = 0, total_ = 0, stride_ = 0, blocks_ = 0,
          buffered_ = 0;
  WindowPlan plan_;
  std::vector<std::vector<int64_t>> visible_;
  std::vector<float> keys_;  // of complete blocks
};

Status Run(const void* opaque, RunContext& context) {
  return Indexer(*static_cast<const IndexerForm*>(opaque), context).Run();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const IndexerForm form, ReadIndexerForm(context.node));
  ORTOLAN_RETURN_IF_ERROR(CheckInputs(form, context.node));
  if (context.input_dtype(kQuery) != DType::kFloat)
    return NotImplemented("SparseAttentionIndexer of {}", DTypeName(context.input_dtype(kQuery)));
  prepared->kernel = "sparse_attention_indexer";
  prepared->state = std::make_shared<const IndexerForm>(form);
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
                                       {"mask", "TB", Arity::kOptional},
                                       {"past_key", "T"},
                                       {"gate", "T", Arity::kOptional},
                                       {"position_bias", "T", Arity::kOptional},
                                       {"head_weights", "T", Arity::kOptional},
                                       {"position_ids", "I", Arity::kOptional},
                                       {"past_sequence_length", "M", Arity::kOptional},
                                       {"past_proj_buffer", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {
    {"selected_indices", "M"}, {"present_key", "T"}, {"present_proj_buffer", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)},
                                     {"TB", SetOf(DType::kInt64)},
                                     {"I", SetOf(DType::kInt64)},
                                     {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {
    {"compress_ratio", AttributeType::kInt, true}, {"epsilon", AttributeType::kFloat},
    {"head_weight_scale", AttributeType::kFloat},  {"index_topk", AttributeType::kInt},
    {"policy_mode", AttributeType::kString, true}, {"scale", AttributeType::kFloat},
    {"token_budget", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsSparseAttentionIndexer;
constexpr OpDef kMsSparseAttentionIndexer{.domain = "com.microsoft",
                                          .name = "SparseAttentionIndexer",
                                          .versions = kVersions,
                                          .inputs = kInputs,
                                          .outputs = kOutputs,
                                          .types = kTypes,
                                          .attributes = kAttributes,
                                          .infer = Infer,
                                          .prepare = Prepare};

}  // namespace ortolan
