#include "ops/ml/features.h"

#include <algorithm>
#include <cmath>

namespace ortolan::ml {
namespace {

// The inverse of erf by a rational start (Giles) and two steps of Newton's.
double ErfInverse(double x) {
  if (!(x > -1 && x < 1)) return x == 1 ? HUGE_VAL : x == -1 ? -HUGE_VAL : std::nan("");
  const double w = std::log((1 - x) * (1 + x));
  const double a = 2 / (3.14159265358979323846 * 0.147) + w / 2;
  double y = std::copysign(std::sqrt(std::sqrt(a * a - w / 0.147) - a), x);
  for (int i = 0; i < 3; ++i) {
    y -= (std::erf(y) - x) / (2 / std::sqrt(3.14159265358979323846) * std::exp(-y * y));
  }
  return y;
}

void Softmax(float* scores, int64_t count, bool keep_zeros) {
  const float most = *std::max_element(scores, scores + count);
  float sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (keep_zeros && std::abs(scores[i]) <= 1e-7f) {
      scores[i] *= std::exp(-most);
    } else {
      scores[i] = std::exp(scores[i] - most);
      sum += scores[i];
    }
  }
  if (sum == 0) return;
  for (int64_t i = 0; i < count; ++i) scores[i] /= sum;
}

}  // namespace

Result<Rows> RowsOf(const Dims& dims) {
  if (dims.size() == 1) return Rows{1, dims[0]};
  if (dims.size() == 2) return Rows{dims[0], dims[1]};
  return InvalidArgument("the input has shape {}, expected N x C", DimsText(dims));
}

graph::Dim RowCount(const graph::Shape& x, InferContext& context) {
  if (!x.has_rank()) return context.Unknown();
  return x.rank() == 2 ? x[0] : graph::Dim(1);
}

graph::Shape RowsShape(const graph::Shape& x, graph::Dim columns) {
  if (!x.has_rank()) return {};
  return {x.rank() == 2 ? x[0] : graph::Dim(1), columns};
}

Result<PostTransform> PostTransformOf(std::string_view name) {
  if (name == "NONE") return PostTransform::kNone;
  if (name == "SOFTMAX") return PostTransform::kSoftmax;
  if (name == "LOGISTIC") return PostTransform::kLogistic;
  if (name == "SOFTMAX_ZERO") return PostTransform::kSoftmaxZero;
  if (name == "PROBIT") return PostTransform::kProbit;
  return InvalidArgument("post_transform cannot be '{}'", name);
}

float Logistic(float x) {
  const float v = 1.0f / (1.0f + std::exp(-std::abs(x)));
  return x < 0 ? 1.0f - v : v;
}

float Probit(float x) {
  return static_cast<float>(std::sqrt(2.0) * ErfInverse(2.0 * static_cast<double>(x) - 1.0));
}

void Transform(PostTransform transform, float* scores, int64_t count) {
  switch (transform) {
    case PostTransform::kNone:
      return;
    case PostTransform::kSoftmax:
    case PostTransform::kSoftmaxZero:
      if (count > 0) Softmax(scores, count, transform == PostTransform::kSoftmaxZero);
      return;
    case PostTransform::kLogistic:
      for (int64_t i = 0; i < count; ++i) scores[i] = Logistic(scores[i]);
      return;
    case PostTransform::kProbit:
      for (int64_t i = 0; i < count; ++i) scores[i] = Probit(scores[i]);
      return;
  }
}

void TransformTargets(PostTransform transform, float* scores, int64_t count) {
  if (count > 1 || transform == PostTransform::kProbit) Transform(transform, scores, count);
}

Labels LabelsOf(const graph::Attributes& attributes, std::string_view ints, std::string_view strings) {
  const auto numbers = attributes.Ints(ints);
  const auto texts = attributes.Strings(strings);
  return {{numbers.begin(), numbers.end()}, {texts.begin(), texts.end()}};
}

void StoreLabel(const Labels& labels, int64_t index, const TensorRef& to, int64_t i) {
  const auto at = static_cast<size_t>(index);
  if (to.dtype == DType::kString) {
    to.As<std::string>()[i] = at < labels.strings.size() ? labels.strings[at] : std::string();
  } else {
    to.As<int64_t>()[i] = at < labels.ints.size() ? labels.ints[at] : index;
  }
}

std::vector<double> NumbersOf(const Tensor& tensor) {
  std::vector<double> numbers;
  const Status status = WithNumberType(tensor.dtype(), [&](auto tag) {
    for (const auto& item : tensor.Items<const typename decltype(tag)::Type>())
      numbers.push_back(static_cast<double>(AsNumber(item)));
    return OkStatus();
  });
  if (!status.ok()) numbers.clear();
  return numbers;
}

std::vector<double> NumbersOf(const graph::Attributes& attributes, std::string_view floats,
                              std::string_view tensor) {
  if (const Tensor* given = attributes.TensorOrNull(tensor); given != nullptr) return NumbersOf(*given);
  const auto numbers = attributes.Floats(floats);
  return {numbers.begin(), numbers.end()};
}

}  // namespace ortolan::ml
