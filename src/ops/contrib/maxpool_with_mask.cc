// MaxpoolWithMask: the largest element of each window up to the first element of a row whose mask is 0; the
// first element of a plane of two or three axes counts always. Refuses windows outside of one to three axes.
#include <algorithm>
#include <limits>

#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Dim;

struct State {
  std::vector<int64_t> kernel, strides, pads;
};

Result<State> Read(const graph::Attributes& attributes) {
  const auto list = [&](std::string_view name) {
    const std::span<const int64_t> ints = attributes.Ints(name);
    return std::vector<int64_t>(ints.begin(), ints.end());
  };
  State state{list("kernel_shape"), list("strides"), list("pads")};
  const size_t axes = state.kernel.size();
  if (axes < 1 || axes > 3) return InvalidArgument("MaxpoolWithMask: kernel_shape of {} axes", axes);
  const std::string_view pad = attributes.String("auto_pad", "NOTSET");
  if (pad != "NOTSET" && pad != "VALID") return NotImplemented("MaxpoolWithMask: auto_pad '{}'", pad);
  if (state.strides.empty()) state.strides.assign(axes, 1);
  if (state.pads.empty()) state.pads.assign(2 * axes, 0);
  bool fine = state.strides.size() == axes && state.pads.size() == 2 * axes;
  for (size_t i = 0; fine && i < axes; ++i) {
    fine = state.kernel[i] > 0 && state.kernel[i] <= INT32_MAX && state.strides[i] > 0 &&
           state.pads[i] >= 0 && state.pads[axes + i] >= 0 && state.pads[i] < state.kernel[i] &&
           state.pads[axes + i] < state.kernel[i];
  }
  if (!fine) return InvalidArgument("MaxpoolWithMask: kernel_shape, strides and pads do not fit together");
  // Three axes always.
  while (state.kernel.size() < 3) {
    state.kernel.insert(state.kernel.begin(), 1);
    state.strides.insert(state.strides.begin(), 1);
    state.pads.insert(state.pads.begin() + static_cast<ptrdiff_t>(state.pads.size() / 2), 0);
    state.pads.insert(state.pads.begin(), 0);
  }
  return state;
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const State state, Read(context.attributes()));
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  const size_t axes = context.attributes().Ints("kernel_shape").size();
  if (static_cast<size_t>(x.rank()) != axes + 2) {
    return Fail("[ShapeInferenceError] MaxpoolWithMask: X of rank {} for {} axes", x.rank(), axes);
  }
  graph::Shape::DimList dims{x[0], x[1]};
  for (size_t i = 0; i < axes; ++i) {
    const size_t at = 3 - axes + i;
    const Dim span = x[2 + i] + Dim(state.pads[at] + state.pads[3 + at] - state.kernel[at]);
    dims.push_back(Dim::FloorDiv(span, state.strides[at]) + Dim(1));
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef &x = context.input(0), &mask = context.input(1), &y = context.output(0);
  if (mask.rank() != x.rank()) return InvalidArgument("MaxpoolWithMask: mask {}", DimsText(mask.dims));
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  const size_t axes = x.rank() - 2;
  for (size_t i = 0; i < axes; ++i) in[3 - axes + i] = x.dims[2 + i], out[3 - axes + i] = y.dims[2 + i];
  for (size_t i = 2; i < x.rank(); ++i) {
    if (mask.dims[i] != x.dims[i]) return InvalidArgument("MaxpoolWithMask: mask {}", DimsText(mask.dims));
  }
  const int64_t plane = in[0] * in[1] * in[2], results = out[0] * out[1] * out[2];
  if (mask.count() == 0) return OkStatus();
  context.threads().ParallelFor(x.dims[0] * x.dims[1], [&](int64_t p) {
    const float* from = x.As<const float>() + p * plane;
    // onnxruntime counts planes where it should count elements, and models are made with it.
    const int32_t* seen = mask.As<const int32_t>() + p * plane % (mask.dims[0] * mask.dims[1]);
    float* to = y.As<float>() + p * results;
    // The rows and slices that a window meets change with its row of outputs only.
    for (int64_t line = 0; line < out[0] * out[1]; ++line) {
      const int64_t at[2] = {line / out[1], line % out[1]};
      int64_t begin[2], end[2];
      for (size_t a = 0; a < 2; ++a) {
        const int64_t start = at[a] * state.strides[a] - state.pads[a];
        begin[a] = std::max<int64_t>(start, 0), end[a] = std::min(start + state.kernel[a], in[a]);
      }
      for (int64_t o = 0; o < out[2]; ++o, ++to) {
        const int64_t start = o * state.strides[2] - state.pads[2];
        const int64_t first = std::max<int64_t>(start, 0), last = std::min(start + state.kernel[2], in[2]);
        float most = std::numeric_limits<float>::lowest();
        for (int64_t d = begin[0]; d < end[0]; ++d) {
          for (int64_t h = begin[1]; h < end[1]; ++h) {
            const int64_t row = (d * in[1] + h) * in[2];
            for (int64_t place = row + first; place < row + last; ++place) {
              if (seen[place] == 0 && (place > 0 || axes == 1)) break;
              most = from[place] > most ? from[place] : most;
            }
          }
        }
        *to = most;
      }
    }
  });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(State state, Read(context.node.attributes));
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->run = Run;
  prepared->kernel = "maxpool_with_mask";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"M", "tensor(int32)"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"auto_pad", AttributeType::kString},
                                         {"kernel_shape", AttributeType::kInts},
                                         {"pads", AttributeType::kInts},
                                         {"storage_order", AttributeType::kInt},
                                         {"strides", AttributeType::kInts}};

}  // namespace

extern const OpDef kMsMaxpoolWithMask;
constexpr OpDef kMsMaxpoolWithMask{.domain = "com.microsoft",
                                   .name = "MaxpoolWithMask",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .attributes = kAttributes,
                                   .infer = Infer,
                                   .prepare = Prepare};

}  // namespace ortolan
