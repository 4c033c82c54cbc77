// ortolan::MaxPoolBlocked, AveragePoolBlocked and GlobalAveragePoolBlocked: pools over values in the blocked
// layout, float only. Made by the layout pass. Their attributes are those of the planar operators, without
// indices.
#include "kernels/pool/blocked.h"
#include "ops/nn/blocked.h"
#include "ops/nn/pooling.h"

namespace ortolan {
namespace {

constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString},
    {"ceil_mode", graph::AttributeType::kInt},
    {"count_include_pad", graph::AttributeType::kInt},
    {"dilations", graph::AttributeType::kInts},
    {"kernel_shape", graph::AttributeType::kInts, true},
    {"pads", graph::AttributeType::kInts},
    {"strides", graph::AttributeType::kInts},
};

struct State {
  nn::WindowSpec spec;
  bool count_padding = false;
  std::span<const kernels::PoolVariant* const> variants;  // the block tells which
};

struct Bound {
  const kernels::PoolVariant* variant = nullptr;
  int64_t batch = 0, blocks = 0;
  kernels::BlockedPoolPlan plan;
};

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const nn::WindowSpec spec, nn::ReadWindow(context.attributes(), true));
  const graph::Shape& in = context.shape(0);
  if (!in.has_rank()) return OkStatus();
  if (in.rank() != static_cast<int>(spec.kernel.size()) + 3) {
    return InvalidArgument("the input has rank {}, expected {}", in.rank(), spec.kernel.size() + 3);
  }
  const graph::Shape::DimList kernel(spec.kernel.begin(), spec.kernel.end());
  graph::Shape::DimList dims = in.dims();
  ORTOLAN_ASSIGN_OR_RETURN(const graph::Shape::DimList spatial,
                           WindowOutputs(spec, std::span(dims).subspan(2, kernel.size()), kernel));
  std::copy(spatial.begin(), spatial.end(), dims.begin() + 2);
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status InferGlobal(InferContext& context) {
  const graph::Shape& in = context.shape(0);
  if (!in.has_rank()) return OkStatus();
  if (in.rank() < 3) return InvalidArgument("the input has rank {}, expected at least 3", in.rank());
  graph::Shape::DimList dims = in.dims();
  std::fill(dims.begin() + 2, dims.end() - 1, graph::Dim(1));
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  const Dims& in = context.inputs[0];
  if (in.size() < 3) return InvalidArgument("the input has shape {}, expected a blocked one", DimsText(in));
  auto bound = std::make_shared<Bound>();
  for (const kernels::PoolVariant* variant : state.variants) {
    if (!bound->variant && variant->block == in.back()) bound->variant = variant;
  }
  if (!bound->variant) return NotImplemented("no pool for blocks of {}", in.back());
  bound->batch = in[0];
  bound->blocks = in[1];
  const std::span<const int64_t> spatial(in.data() + 2, in.size() - 3);
  kernels::Window window;
  if (state.spec.kernel.empty()) {
    window.in[2] = window.kernel[2] = ElementCount(spatial);
  } else {
    ORTOLAN_ASSIGN_OR_RETURN(window, BindWindow(state.spec, spatial, state.spec.kernel));
  }
  const std::optional<int64_t> outputs = CheckedCount(context.outputs[0]);
  if (!outputs || *outputs != in[0] * in[1] * window.out_size() * in.back()) {
    return InvalidArgument("the output has shape {}, which the input {} does not give",
                           DimsText(context.outputs[0]), DimsText(in));
  }
  bound->plan = kernels::PlanBlockedPool(window, state.count_padding);
  binding->data = std::move(bound);
  return OkStatus();
}

enum class Kind { kMax, kAverage, kMean };

template <Kind kKind>
Status Run(const void*, RunContext& context) {
  const auto& bound = *static_cast<const Bound*>(context.binding());
  const float* x = context.input(0).As<const float>();
  float* y = context.output(0).As<float>();
  if constexpr (kKind == Kind::kMax) {
    MaxPoolBlocked(*bound.variant, bound.plan, bound.batch, bound.blocks, x, y, context.threads());
  } else if constexpr (kKind == Kind::kAverage) {
    AveragePoolBlocked(*bound.variant, bound.plan, bound.batch, bound.blocks, x, y, context.threads());
  } else {
    MeanBlocked(*bound.variant, bound.batch * bound.blocks, bound.plan.window.in[2], x, y, context.threads());
  }
  return OkStatus();
}

template <Kind kKind>
Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  if (kKind != Kind::kMean) {
    ORTOLAN_ASSIGN_OR_RETURN(state->spec, nn::ReadWindow(context.node.attributes, true));
  }
  state->count_padding = context.node.attributes.Int("count_include_pad", 0) != 0;
  state->variants = kernels::PoolVariants(context.isa);
  prepared->run = Run<kKind>;
  prepared->bind = Bind;
  constexpr const char* kName = kKind == Kind::kMax       ? "max_pool"
                                : kKind == Kind::kAverage ? "average_pool"
                                                          : "mean";
  prepared->kernel = fmt::format("{}_blocked_{}", kName, IsaName(state->variants[0]->isa));
  prepared->state = std::move(state);
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};

constexpr OpDef PoolOf(std::string_view name, Status (*infer)(InferContext&),
                       Status (*prepare)(PrepareContext&, Prepared*),
                       std::span<const AttributeSpec> attributes) {
  return {.domain = "ortolan",
          .name = name,
          .versions = kVersions,
          .inputs = kInputs,
          .outputs = kOutputs,
          .types = kTypes,
          .attributes = attributes,
          .infer = infer,
          .prepare = prepare};
}

}  // namespace

extern const OpDef kMaxPoolBlocked;
constexpr OpDef kMaxPoolBlocked = PoolOf("MaxPoolBlocked", Infer, Prepare<Kind::kMax>, kAttributes);
extern const OpDef kAveragePoolBlocked;
constexpr OpDef kAveragePoolBlocked =
    PoolOf("AveragePoolBlocked", Infer, Prepare<Kind::kAverage>, kAttributes);
extern const OpDef kGlobalAveragePoolBlocked;
constexpr OpDef kGlobalAveragePoolBlocked =
    PoolOf("GlobalAveragePoolBlocked", InferGlobal, Prepare<Kind::kMean>, {});

}  // namespace ortolan
