#include "ops/contrib/indexer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ortolan {

Result<IndexerForm> ReadIndexerForm(const graph::Node& node) {
  const graph::Attributes& attributes = node.attributes;
  const std::string_view policy = attributes.String("policy_mode", "");
  if (policy != "qsa" && policy != "csa")
    return InvalidArgument("{}: policy_mode is '{}', expected qsa or csa", node.op_type, policy);
  IndexerForm form;
  form.folded = policy == "csa";
  const char* own = form.folded ? "index_topk" : "token_budget";
  const char* other = form.folded ? "token_budget" : "index_topk";
  form.ratio = attributes.Int("compress_ratio", 0), form.take = attributes.Int(own, 0);
  if (form.ratio < 1 || form.ratio > INT32_MAX / 4 || form.take < 1 || form.take > INT32_MAX / 4 ||
      (!form.folded && form.take % form.ratio != 0)) {
    return InvalidArgument("{}: compress_ratio {} and {} {}", node.op_type, form.ratio, own, form.take);
  }
  if (attributes.Find(other) != nullptr ||
      (!form.folded && attributes.Find("head_weight_scale") != nullptr)) {
    return InvalidArgument("{}: {} or head_weight_scale does not go with policy_mode {}", node.op_type, other,
                           policy);
  }
  form.epsilon = attributes.Float("epsilon", 1e-6f);
  form.scale = attributes.Float("scale", 0.0f);
  form.head_scale = attributes.Float("head_weight_scale", 0.0f);
  return form;
}

Result<IndexerTables> ReadIndexerTables(const IndexerForm& form, const TensorRef& cosine,
                                        const TensorRef& sine, int64_t batch, int64_t size) {
  const Dims& dims = cosine.dims;
  const bool shared = dims.size() == 2, each = dims.size() == 3 && dims[0] == batch;
  if ((!shared && !each) || !(sine.dims == dims))
    return InvalidArgument("cos_cache {} and sin_cache {} for {} items", DimsText(dims), DimsText(sine.dims),
                           batch);
  IndexerTables tables{cosine.As<const float>(), sine.As<const float>(), dims[dims.size() - 2], dims.back()};
  if (tables.positions < 1 || tables.width < 0 ||
      (form.folded ? tables.width > size / 2 : tables.width > size || tables.width % 2 != 0))
    return InvalidArgument("cos_cache {} for heads of {}", DimsText(dims), size);
  if (each) tables.item_stride = tables.positions * tables.width;
  return tables;
}

void IndexerHeads::Make(const float* from, const float* norm, int64_t item, int64_t position,
                        float* to) const {
  float sum = 0;
  for (int64_t i = 0; i < size; ++i) sum += from[i] * from[i];
  const float factor = 1 / std::sqrt(sum / static_cast<float>(size) + form.epsilon);
  for (int64_t i = 0; i < size; ++i) to[i] = from[i] * factor * norm[i];
  const int64_t row = std::clamp<int64_t>(position, 0, tables.positions - 1);
  const int64_t at = item * tables.item_stride + row * tables.width;
  const float *c = tables.cosine + at, *s = tables.sine + at;
  if (form.folded) {  // pairs of neighbours at the end
    float* turned = to + size - 2 * tables.width;
    for (int64_t i = 0; i < tables.width; ++i) {
      const float a = turned[2 * i], b = turned[2 * i + 1];
      turned[2 * i] = a * c[i] - b * s[i], turned[2 * i + 1] = b * c[i] + a * s[i];
    }
    return;
  }
  const int64_t half = tables.width / 2;  // two halves at the beginning, which may turn differently
  for (int64_t i = 0; i < half; ++i) {
    const float a = to[i], b = to[i + half];
    to[i] = a * c[i] - b * s[i], to[i + half] = b * c[i + half] + a * s[i + half];
  }
}

void IndexerHeads::MakeQuery(const float* from, int64_t item, int64_t position, float* to) const {
  for (int64_t h = 0; h < heads; ++h) Make(from + h * size, query_norm, item, position, to + h * size);
}

float IndexerHeads::Score(const float* query, const float* weights, const float* key) const {
  const float scale = form.scale != 0 ? form.scale : 1 / std::sqrt(static_cast<float>(size));
  float sum = 0;
  for (int64_t h = 0; h < heads; ++h) {
    float product = 0;
    for (int64_t i = 0; i < size; ++i) product += query[h * size + i] * key[i];
    const float seen = std::max(product, 0.0f);
    sum += weights != nullptr ? weights[h] * (scale * seen) : seen;
  }
  if (weights == nullptr) return scale * sum;
  return sum * (form.head_scale != 0 ? form.head_scale : 1 / std::sqrt(static_cast<float>(heads)));
}

void IndexerHeads::Pool(FunctionRef<const float*(int64_t)> key, int64_t item, int64_t position,
                        float* to) const {
  std::vector<float> mean(static_cast<size_t>(size), 0.0f);
  for (int64_t t = 0; t < form.ratio; ++t) {
    const float* row = key(t);
    for (int64_t i = 0; i < size; ++i) mean[static_cast<size_t>(i)] += row[i];
  }
  for (float& x : mean) x /= static_cast<float>(form.ratio);
  Make(mean.data(), key_norm, item, position, to);
}

void IndexerHeads::Fold(const float* keys, const float* gates, const float* keys_before,
                        const float* gates_before, const float* bias, int64_t item, int64_t position,
                        float* to) const {
  std::vector<float> folded(static_cast<size_t>(size), 0.0f);
  const int64_t width = 2 * size;
  for (int64_t i = 0; i < size; ++i) {
    // The window in front gives its first half of channels, the own one its second half.
    const auto logit = [&](int64_t t, bool before) {
      const int64_t at = t * width + i + (before ? 0 : size);
      return (before ? gates_before : gates)[at] + bias[at];
    };
    float most = -INFINITY;
    for (const bool before : {true, false}) {
      for (int64_t t = 0; t < form.ratio && (!before || keys_before != nullptr); ++t)
        most = std::max(most, logit(t, before));
    }
    float sum = 0, value = 0;
    for (const bool before : {true, false}) {
      for (int64_t t = 0; t < form.ratio && (!before || keys_before != nullptr); ++t) {
        const float weight = std::exp(logit(t, before) - most);
        sum += weight;
        value += weight * (before ? keys_before : keys)[t * width + i + (before ? 0 : size)];
      }
    }
    // Nothing but -inf, or a +inf among them.
    folded[static_cast<size_t>(i)] = sum > 0 && std::isfinite(sum) ? value / sum : 0.0f;
  }
  Make(folded.data(), key_norm, item, position, to);
}

std::vector<int64_t> BestScores(const std::vector<float>& scores, int64_t take) {
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto count = std::min<int64_t>(take, static_cast<int64_t>(order.size()));
  // NaN goes behind all numbers, so that this is an order.
  const auto score = [&](int64_t i) {
    const float x = scores[static_cast<size_t>(i)];
    return std::isnan(x) ? -INFINITY : x;
  };
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](int64_t a, int64_t b) { return score(a) != score(b) ? score(a) > score(b) : a < b; });
  order.resize(static_cast<size_t>(count));
  return order;
}

WindowPlan PlanWindows(int64_t ratio, int64_t buffered, int64_t tokens) {
  WindowPlan plan;
  plan.overlap = buffered >= ratio ? ratio : 0;
  const int64_t pending = buffered - plan.overlap + tokens;
  plan.windows = pending / ratio;
  plan.first = plan.windows > 0 ? plan.overlap + (plan.windows - 1) * ratio : 0;
  plan.left = buffered + tokens - plan.first;
  return plan;
}

}  // namespace ortolan
