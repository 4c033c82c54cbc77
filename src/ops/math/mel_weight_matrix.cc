// MelWeightMatrix: weights that bring the bins of a spectrum to the mel scale, as overlapping triangles.
// Refuses sizes below zero and edges outside of the spectrum.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/math/fourier.h"
#include "ops/math/window_function.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

using graph::Dim;

Status Infer(InferContext& context) {
  ORTOLAN_RETURN_IF_ERROR(math::InferOutputDatatype(context));
  ORTOLAN_ASSIGN_OR_RETURN(const auto mels, math::IntScalarDim(context, 0, "num_mel_bins"));
  ORTOLAN_ASSIGN_OR_RETURN(const auto length, math::IntScalarDim(context, 1, "dft_length"));
  for (const auto& size : {mels, length}) {
    if (size && size->IsConstant() && size->constant() < 0)
      return InvalidArgument("MelWeightMatrix: a size of {}", size->constant());
  }
  context.SetShape(
      0, {length ? Dim::FloorDiv(*length, 2) + Dim(1) : context.Unknown(), mels ? *mels : context.Unknown()});
  return OkStatus();
}

Result<double> FloatScalar(const TensorRef& tensor, std::string_view what) {
  if (tensor.count() != 1) return InvalidArgument("MelWeightMatrix: {} must be a scalar", what);
  double number = 0;
  ORTOLAN_RETURN_IF_ERROR(WithFloatType(tensor.dtype, [&](auto tag) {
    number = static_cast<double>(AsNumber(*tensor.As<typename decltype(tag)::Type>()));
    return OkStatus();
  }));
  return number;
}

// The bin of the spectrum at which triangle edge i lies.
struct Edges {
  double low_mel, step, scale;  // scale: (dft_length + 1) / sample_rate
  double operator()(int64_t i) const {
    const double mel = static_cast<double>(i) * step + low_mel;
    return std::floor(scale * 700.0 * std::expm1(mel / 2595.0 * std::log(10.0)));
  }
};

Status Run(const void*, RunContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t mels, math::IntScalar(context.input(0), "num_mel_bins"));
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t length, math::IntScalar(context.input(1), "dft_length"));
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t rate, math::IntScalar(context.input(2), "sample_rate"));
  ORTOLAN_ASSIGN_OR_RETURN(const double lower, FloatScalar(context.input(3), "lower_edge_hertz"));
  ORTOLAN_ASSIGN_OR_RETURN(const double upper, FloatScalar(context.input(4), "upper_edge_hertz"));
  const TensorRef& out = context.output(0);
  ORTOLAN_RETURN_IF_ERROR(ExpectDims(out, {length / 2 + 1, mels}, "MelWeightMatrix: the output"));
  if (rate < 1) return InvalidArgument("MelWeightMatrix: sample_rate is {}", rate);
  auto mel = [](double hertz) { return 2595.0 * std::log1p(hertz / 700.0) / std::log(10.0); };
  const double step = (mel(upper) - mel(lower)) / static_cast<double>(mels + 2);
  const Edges edges{mel(lower), step, static_cast<double>(length + 1) / static_cast<double>(rate)};
  const int64_t bins = out.dims[0];
  for (int64_t i = 0; i < mels + 2; ++i) {
    const double edge = edges(i);
    if (!(edge >= 0 && edge <= static_cast<double>(bins)) || (i > 0 && edge < edges(i - 1))) {
      return InvalidArgument("MelWeightMatrix: the edges {} to {} leave the spectrum", lower, upper);
    }
  }
  if (out.count() > 0) std::memset(out.data, 0, out.bytes());
  return WithNumberType(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    T* weights = out.As<T>();
    for (int64_t i = 0; i < mels; ++i) {
      const auto left = static_cast<int64_t>(edges(i)), center = static_cast<int64_t>(edges(i + 1)),
                 right = static_cast<int64_t>(edges(i + 2));
      for (int64_t j = left; j <= center && j < bins; ++j) {
        const double rise =
            center == left ? 1.0 : static_cast<double>(j - left) / static_cast<double>(center - left);
        weights[j * mels + i] = StoredNumber<T>(rise);
      }
      for (int64_t j = center; j < right && j < bins; ++j) {
        weights[j * mels + i] =
            StoredNumber<T>(static_cast<double>(right - j) / static_cast<double>(right - center));
      }
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "mel_weight_matrix";
  return OkStatus();
}

constexpr int kVersions[] = {17};
constexpr FormalParameter kInputs[] = {{"num_mel_bins", "T1"},
                                       {"dft_length", "T1"},
                                       {"sample_rate", "T1"},
                                       {"lower_edge_hertz", "T2"},
                                       {"upper_edge_hertz", "T2"}};
constexpr FormalParameter kOutputs[] = {{"output", "T3"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", SetOf(DType::kInt32, DType::kInt64)}, {"T2", kFloatTypes}, {"T3", kNumericTypes}};
constexpr AttributeSpec kAttributes[] = {{"output_datatype", graph::AttributeType::kInt}};

}  // namespace

extern const OpDef kMelWeightMatrix;
constexpr OpDef kMelWeightMatrix{.domain = "",
                                 .name = "MelWeightMatrix",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
