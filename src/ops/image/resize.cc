// Resize: nearest, linear and cubic interpolation to given sizes or by given scales, every coordinate mode,
// antialiased where asked. Refuses sizes and scales that are absent, of wrong length or not positive.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/aligned_buffer.h"
#include "kernels/resize/resize.h"
#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Dim;
using kernels::ResizeAxis;
using kernels::ResizeForm;

// Inputs: 0 X, 1 roi, 2 scales, 3 sizes. At opset 10 there were X and scales, and nearest rounded in its own
// way.
Status Raise(RaiseContext& context) {
  if (context.opset >= 11) return OkStatus();
  graph::Node& node = context.node;
  node.SetInputs({node.input(0), nullptr, node.input(1)});
  node.attributes.Set("coordinate_transformation_mode", std::string("asymmetric"));
  node.attributes.Set("nearest_mode", std::string("ortolan_simple"));
  return OkStatus();
}

enum class Policy : uint8_t { kStretch, kNotLarger, kNotSmaller };

struct State {
  ResizeForm form;
  Policy policy = Policy::kStretch;
  bool has_axes = false;
  Dims axes;
  DType dtype = DType::kFloat;
  const kernels::ResizeRows* rows = nullptr;
  bool by_sizes = false;
  bool fixed = false;               // the tables follow from shapes and constants: they are made in `bind`
  Dims sizes;                       // the same; read where the policy makes one scale of them
  std::vector<double> scales, roi;  // constants, where they are
};

template <typename Enum, size_t kCount>
Status Choose(const graph::Attributes& attributes, std::string_view name,
              const std::pair<std::string_view, Enum> (&choices)[kCount], Enum* chosen) {
  const std::string_view given = attributes.String(name, choices[0].first);
  for (const auto& [text, value] : choices) {
    if (text != given) continue;
    *chosen = value;
    return OkStatus();
  }
  return InvalidArgument("Resize: {} cannot be '{}'", name, given);
}

Status ReadForm(const graph::Attributes& attributes, State* state) {
  using kernels::ResizeCoordinates;
  using kernels::ResizeMode;
  using kernels::ResizeNearest;
  constexpr std::pair<std::string_view, ResizeMode> kModes[] = {{"nearest", ResizeMode::kNearest},
                                                                {"linear", ResizeMode::kLinear},
                                                                {"cubic", ResizeMode::kCubic},
                                                                {"bilinear", ResizeMode::kLinear}};
  constexpr std::pair<std::string_view, ResizeCoordinates> kCoordinates[] = {
      {"half_pixel", ResizeCoordinates::kHalfPixel},
      {"half_pixel_symmetric", ResizeCoordinates::kHalfPixelSymmetric},
      {"pytorch_half_pixel", ResizeCoordinates::kPytorchHalfPixel},
      {"align_corners", ResizeCoordinates::kAlignCorners},
      {"asymmetric", ResizeCoordinates::kAsymmetric},
      {"tf_half_pixel_for_nn", ResizeCoordinates::kTfHalfPixelForNn},
      {"tf_crop_and_resize", ResizeCoordinates::kTfCropAndResize}};
  constexpr std::pair<std::string_view, ResizeNearest> kNearest[] = {
      {"round_prefer_floor", ResizeNearest::kRoundPreferFloor},
      {"round_prefer_ceil", ResizeNearest::kRoundPreferCeil},
      {"floor", ResizeNearest::kFloor},
      {"ceil", ResizeNearest::kCeil},
      {"ortolan_simple", ResizeNearest::kSimple}};
  constexpr std::pair<std::string_view, Policy> kPolicies[] = {{"stretch", Policy::kStretch},
                                                               {"not_larger", Policy::kNotLarger},
                                                               {"not_smaller", Policy::kNotSmaller}};
  ORTOLAN_RETURN_IF_ERROR(Choose(attributes, "mode", kModes, &state->form.mode));
  ORTOLAN_RETURN_IF_ERROR(
      Choose(attributes, "coordinate_transformation_mode", kCoordinates, &state->form.coordinates));
  ORTOLAN_RETURN_IF_ERROR(Choose(attributes, "nearest_mode", kNearest, &state->form.nearest));
  ORTOLAN_RETURN_IF_ERROR(Choose(attributes, "keep_aspect_ratio_policy", kPolicies, &state->policy));
  state->form.cubic_a = attributes.Float("cubic_coeff_a", -0.75f);
  state->form.exclude_outside = attributes.Int("exclude_outside", 0) != 0;
  state->form.antialias = attributes.Int("antialias", 0) != 0;
  state->form.extrapolation = attributes.Float("extrapolation_value", 0);
  state->has_axes = attributes.Has("axes");
  const auto axes = attributes.Ints("axes");
  state->axes = Dims(axes.begin(), axes.end());
  return OkStatus();
}

Result<Dims> AxesOf(const State& state, size_t rank) {
  if (state.has_axes) return NormalizeAxes(state.axes, static_cast<int64_t>(rank));
  Dims all;
  for (size_t i = 0; i < rank; ++i) all.push_back(static_cast<int64_t>(i));
  return all;
}

Status CheckCount(std::string_view what, size_t got, size_t expected) {
  if (got == expected) return OkStatus();
  return InvalidArgument("Resize: {} must have {} elements, got {}", what, expected, got);
}

// Sizes of an axis by the policy: one scale for all axes, and what it makes of each.
float PolicyScale(Policy policy, std::span<const int64_t> in, std::span<const int64_t> wanted,
                  const Dims& axes) {
  float scale =
      policy == Policy::kNotLarger ? std::numeric_limits<float>::max() : std::numeric_limits<float>::lowest();
  for (size_t i = 0; i < axes.size(); ++i) {
    const float own = static_cast<float>(wanted[i]) / static_cast<float>(in[static_cast<size_t>(axes[i])]);
    scale = policy == Policy::kNotLarger ? std::min(scale, own) : std::max(scale, own);
  }
  return scale;
}

Result<int64_t> Scaled(int64_t size, double scale, bool rounds) {
  const double out = std::floor(static_cast<double>(size) * scale + (rounds ? 0.5 : 0.0));
  if (!(out >= 0 && out < 0x1p31))
    return InvalidArgument("Resize: an axis of {} scaled by {} is out of range", size, scale);
  return static_cast<int64_t>(out);
}

// dim * scale for a symbol, where the scale is a ratio of small integers.
Dim ScaledDim(InferContext& context, const Dim& dim, float scale) {
  for (int64_t divisor = 1; divisor <= 16; ++divisor) {
    const float product = scale * static_cast<float>(divisor);
    if (product != std::floor(product) || product > 65536) continue;
    return Dim::FloorDiv(dim * Dim(static_cast<int64_t>(product)), divisor);
  }
  return context.Unknown();
}

Status InferBySizes(InferContext& context, const State& state, const Dims& axes,
                    graph::Shape::DimList* dims) {
  const auto sizes = context.Ints(3);
  if (sizes) ORTOLAN_RETURN_IF_ERROR(CheckCount("sizes", sizes->size(), axes.size()));
  Dims in, wanted;
  for (const Dim& dim : *dims) in.push_back(dim.IsConstant() ? dim.constant() : -1);
  bool known = sizes.has_value();
  for (size_t i = 0; i < axes.size() && known; ++i) {
    known = (*sizes)[i].IsConstant() && in[static_cast<size_t>(axes[i])] > 0;
    if (known) wanted.push_back((*sizes)[i].constant());
    if (known && wanted.back() < 0) return InvalidArgument("Resize: size {} is negative", wanted.back());
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    Dim& dim = (*dims)[static_cast<size_t>(axes[i])];
    if (state.policy == Policy::kStretch) {
      dim = sizes ? (*sizes)[i] : context.Unknown();
    } else if (known) {
      const float scale = PolicyScale(state.policy, in, wanted, axes);
      ORTOLAN_ASSIGN_OR_RETURN(const int64_t out, Scaled(dim.constant(), static_cast<double>(scale), true));
      dim = out;
    } else {
      dim = context.Unknown();
    }
  }
  return OkStatus();
}

Status InferByScales(InferContext& context, const Dims& axes, graph::Shape::DimList* dims) {
  const TensorRef* scales = context.HasInput(2) ? context.input(2).data : nullptr;
  if (scales != nullptr)
    ORTOLAN_RETURN_IF_ERROR(CheckCount("scales", static_cast<size_t>(scales->count()), axes.size()));
  for (size_t i = 0; i < axes.size(); ++i) {
    Dim& dim = (*dims)[static_cast<size_t>(axes[i])];
    if (scales == nullptr) {
      dim = context.Unknown();
      continue;
    }
    const float scale = scales->As<float>()[i];
    if (!(scale > 0)) return InvalidArgument("Scale value should be greater than 0.");
    if (dim.IsConstant()) {
      ORTOLAN_ASSIGN_OR_RETURN(const int64_t out, Scaled(dim.constant(), static_cast<double>(scale), false));
      dim = out;
    } else {
      dim = ScaledDim(context, dim, scale);
    }
  }
  return OkStatus();
}

// An empty list of scales stands for none: sizes needed something in its place at opset 11.
bool HasSizes(const InferContext& context) {
  return context.HasInput(3);
}

Status Infer(InferContext& context) {
  State state;
  ORTOLAN_RETURN_IF_ERROR(ReadForm(context.attributes(), &state));
  const graph::Shape& shape = context.shape(0);
  if (!shape.has_rank()) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const Dims axes, AxesOf(state, static_cast<size_t>(shape.rank())));
  graph::Shape::DimList dims = shape.dims();
  ORTOLAN_RETURN_IF_ERROR(HasSizes(context) ? InferBySizes(context, state, axes, &dims)
                                            : InferByScales(context, axes, &dims));
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

double Float(double number) {
  return static_cast<float>(number);
}

// Scales empty: by sizes, where out / in is the scale.
Result<kernels::ResizePlan> PlanOf(const State& state, const Dims& in, const Dims& out,
                                   std::span<const double> scales, std::span<const double> roi,
                                   const Dims& sizes) {
  ORTOLAN_ASSIGN_OR_RETURN(const Dims axes, AxesOf(state, in.size()));
  if (in.size() != out.size())
    return Fail("Resize: the output's rank is {}, the input's {}", out.size(), in.size());
  if (!state.by_sizes) ORTOLAN_RETURN_IF_ERROR(CheckCount("scales", scales.size(), axes.size()));
  const bool crops = state.form.coordinates == kernels::ResizeCoordinates::kTfCropAndResize;
  if (crops) ORTOLAN_RETURN_IF_ERROR(CheckCount("roi", roi.size(), 2 * axes.size()));
  std::vector<ResizeAxis> all;
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] > int64_t{1} << 31 || out[i] > int64_t{1} << 31)
      return InvalidArgument("Resize: an axis is too long");
    if (in[i] == 0 && out[i] != 0)
      return InvalidArgument("Resize: an axis of no elements cannot be enlarged");
    all.push_back({in[i], out[i], 1.0, 0.0, 1.0});
  }
  float common = 0;
  if (state.by_sizes && state.policy != Policy::kStretch) {
    ORTOLAN_RETURN_IF_ERROR(CheckCount("sizes", sizes.size(), axes.size()));
    common = PolicyScale(state.policy, in, sizes, axes);
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    ResizeAxis& axis = all[static_cast<size_t>(axes[i])];
    if (!state.by_sizes) {
      axis.scale = scales[i];
      if (!(axis.scale > 0)) return InvalidArgument("Scale value should be greater than 0.");
    } else if (axis.in > 0) {
      const double ratio = static_cast<double>(axis.out) / static_cast<double>(axis.in);
      axis.scale = common != 0 ? common : state.form.wide ? ratio : Float(ratio);
    }
    if (crops) {
      axis.begin = roi[i];
      axis.end = roi[i + axes.size()];
    }
  }
  kernels::ResizePlan plan = kernels::MakeResizePlan(state.form, all);
  plan.rows = state.rows;
  return plan;
}

// Float and double interpolate as they are; other types through floats of the whole tensor.
size_t ScratchBytes(const State& state, const kernels::ResizePlan& plan) {
  if (plan.nearest) return 0;
  if (state.dtype == DType::kDouble) return plan.ScratchBytes(sizeof(double));
  const size_t converted =
      state.dtype == DType::kFloat ? 0 : static_cast<size_t>(plan.in_count + plan.out_count) * sizeof(float);
  return plan.ScratchBytes(sizeof(float)) + converted;
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  if (!state.fixed) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(kernels::ResizePlan plan, PlanOf(state, context.inputs[0], context.outputs[0],
                                                            state.scales, state.roi, state.sizes));
  binding->scratch_bytes = ScratchBytes(state, plan);
  binding->data = std::make_shared<const kernels::ResizePlan>(std::move(plan));
  return OkStatus();
}

template <typename T>
void RunConverted(const State& state, const kernels::ResizePlan& plan, RunContext& context,
                  std::byte* scratch) {
  float* in = reinterpret_cast<float*>(scratch + plan.ScratchBytes(sizeof(float)));
  float* out = in + plan.in_count;
  const T* from = context.input(0).As<T>();
  for (int64_t i = 0; i < plan.in_count; ++i) in[i] = static_cast<float>(from[i]);
  kernels::ResizeInterpolate(plan, state.form.extrapolation, in, out, scratch, context.threads());
  T* to = context.output(0).As<T>();
  for (int64_t i = 0; i < plan.out_count; ++i) {
    if constexpr (std::is_integral_v<T>) {
      // Overshoot of the cubic would be undefined in the conversion.
      to[i] = static_cast<T>(
          std::clamp(out[i], static_cast<float>(std::numeric_limits<T>::min()),
                     static_cast<float>(std::numeric_limits<T>::max() - (sizeof(T) > 2 ? 64 : 0))));
    } else {
      to[i] = T(out[i]);
    }
  }
}

void RunNearest(const State& state, const kernels::ResizePlan& plan, RunContext& context) {
  std::byte fill[8] = {};
  auto set = [&fill](auto value) { std::memcpy(fill, &value, sizeof(value)); };
  const float extrapolation = state.form.extrapolation;
  switch (state.dtype) {
    case DType::kDouble:
      set(static_cast<double>(extrapolation));
      break;
    case DType::kFloat:
      set(extrapolation);
      break;
    case DType::kFloat16:
      set(Float16(extrapolation).bits);
      break;
    case DType::kBFloat16:
      set(BFloat16(extrapolation).bits);
      break;
    default:  // integers: small values are all that makes sense, and little-endian bytes serve every width
      set(static_cast<int64_t>(std::clamp(extrapolation, -1e9f, 1e9f)));
  }
  kernels::ResizeNearestCopy(plan, DTypeBits(state.dtype) / 8, context.input(0).data, fill,
                             context.output(0).data, context.threads());
}

Status RunPlan(const State& state, const kernels::ResizePlan& plan, RunContext& context, std::byte* scratch) {
  if (plan.in_count != context.input(0).count() || plan.out_count != context.output(0).count()) {
    return Fail("Resize: planned for other shapes");
  }
  if (plan.nearest) {
    RunNearest(state, plan, context);
    return OkStatus();
  }
  switch (state.dtype) {
    case DType::kFloat:
      kernels::ResizeInterpolate(plan, state.form.extrapolation, context.input(0).As<float>(),
                                 context.output(0).As<float>(), scratch, context.threads());
      return OkStatus();
    case DType::kDouble:
      kernels::ResizeInterpolate(plan, static_cast<double>(state.form.extrapolation),
                                 context.input(0).As<double>(), context.output(0).As<double>(), scratch,
                                 context.threads());
      return OkStatus();
    case DType::kFloat16:
      RunConverted<Float16>(state, plan, context, scratch);
      return OkStatus();
    case DType::kBFloat16:
      RunConverted<BFloat16>(state, plan, context, scratch);
      return OkStatus();
    case DType::kInt8:
      RunConverted<int8_t>(state, plan, context, scratch);
      return OkStatus();
    case DType::kUInt8:
      RunConverted<uint8_t>(state, plan, context, scratch);
      return OkStatus();
    case DType::kInt16:
      RunConverted<int16_t>(state, plan, context, scratch);
      return OkStatus();
    case DType::kUInt16:
      RunConverted<uint16_t>(state, plan, context, scratch);
      return OkStatus();
    default:
      RunConverted<int32_t>(state, plan, context, scratch);
      return OkStatus();
  }
}

// roi may be of another float type than scales.
std::vector<double> FloatsOf(const TensorRef& tensor) {
  std::vector<double> floats;
  for (int64_t i = 0; i < tensor.count(); ++i) {
    if (tensor.dtype == DType::kDouble) floats.push_back(tensor.As<double>()[i]);
    if (tensor.dtype == DType::kFloat) floats.push_back(tensor.As<float>()[i]);
    if (tensor.dtype == DType::kFloat16) floats.push_back(static_cast<float>(tensor.As<Float16>()[i]));
    if (tensor.dtype == DType::kBFloat16) floats.push_back(static_cast<float>(tensor.As<BFloat16>()[i]));
  }
  return floats;
}

// Scales or a part to be read that only the run knows are rare: the tables are then made in the run, on the
// heap.
Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  if (state.fixed) {
    return RunPlan(state, *static_cast<const kernels::ResizePlan*>(context.binding()), context,
                   context.scratch());
  }
  const std::vector<double> scales = context.HasInput(2) ? FloatsOf(context.input(2)) : std::vector<double>();
  const std::vector<double> roi = context.HasInput(1) ? FloatsOf(context.input(1)) : std::vector<double>();
  const Dims sizes = context.HasInput(3) ? IntsOf(context.input(3)) : Dims();
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::ResizePlan plan,
                           PlanOf(state, context.input(0).dims, context.output(0).dims, scales, roi, sizes));
  ORTOLAN_ASSIGN_OR_RETURN(const AlignedBuffer scratch, AlignedBuffer::Allocate(ScratchBytes(state, plan)));
  return RunPlan(state, plan, context, scratch.data());
}

constexpr DTypeSet kInterpolated =
    kFloatTypes | SetOf(DType::kInt8, DType::kUInt8, DType::kInt16, DType::kUInt16, DType::kInt32);

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  ORTOLAN_RETURN_IF_ERROR(ReadForm(context.node.attributes, state.get()));
  state->dtype = context.input_dtype(0);
  state->rows = &kernels::SelectResizeRows(context.isa);
  const bool nearest = state->form.mode == kernels::ResizeMode::kNearest;
  state->form.wide = !nearest && state->dtype == DType::kDouble;
  const int bits = DTypeBits(state->dtype);
  if (nearest ? (state->dtype == DType::kString || bits < 8 || bits > 64)
              : !Contains(kInterpolated, state->dtype)) {
    return NotImplemented("Resize of {}", DTypeName(state->dtype));
  }
  state->by_sizes = context.node.HasInput(3);
  const bool crops = state->form.coordinates == kernels::ResizeCoordinates::kTfCropAndResize;
  const Tensor* scales = context.Constant(2);
  const Tensor* roi = context.Constant(1);
  const Tensor* sizes = context.Constant(3);
  const bool knows_sizes = state->policy == Policy::kStretch || sizes != nullptr;
  state->fixed = (state->by_sizes ? knows_sizes : scales != nullptr) && (!crops || roi != nullptr);
  if (!state->by_sizes && !context.node.HasInput(2))
    return InvalidArgument("Resize: either scales or sizes must be given");
  if (state->fixed && scales != nullptr) state->scales = FloatsOf(scales->ref());
  if (state->fixed && sizes != nullptr) state->sizes = IntsOf(sizes->ref());
  if (state->fixed && roi != nullptr) state->roi = FloatsOf(roi->ref());
  prepared->kernel = nearest ? "resize_nearest" : "resize_separable";
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {10, 11, 13, 18, 19};
constexpr FormalParameter kInputs[] = {{"X", "T1"},
                                       {"roi", "T2", Arity::kOptional},
                                       {"scales", "tensor(float)", Arity::kOptional},
                                       {"sizes", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T1", kAllTypes & ~kLowBitTypes},
                                     {"T2", SetOf(DType::kFloat, DType::kFloat16, DType::kDouble)}};
constexpr AttributeSpec kAttributes[] = {{"keep_aspect_ratio_policy", AttributeType::kString},
                                         {"axes", AttributeType::kInts},
                                         {"antialias", AttributeType::kInt},
                                         {"extrapolation_value", AttributeType::kFloat},
                                         {"exclude_outside", AttributeType::kInt},
                                         {"nearest_mode", AttributeType::kString},
                                         {"coordinate_transformation_mode", AttributeType::kString},
                                         {"cubic_coeff_a", AttributeType::kFloat},
                                         {"mode", AttributeType::kString}};

}  // namespace

extern const OpDef kResize;
constexpr OpDef kResize{.domain = "",
                        .name = "Resize",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .raise = Raise,
                        .infer = Infer,
                        .prepare = Prepare};

}  // namespace ortolan
