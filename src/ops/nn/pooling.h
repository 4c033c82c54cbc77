// What the rooms of MaxPool, AveragePool, LpPool and the global pools share: reading attributes, inference,
// binding, and running the half types through float.
#pragma once

#include "kernels/pool/pool.h"
#include "ops/nn/window.h"
#include "ops/op.h"

namespace ortolan::nn {

struct PoolState {
  WindowSpec spec;      // unused where global
  bool global = false;  // the window is the whole map
  DType dtype = DType::kFloat;
  bool count_padding = false;
  kernels::IndexOrder order = kernels::IndexOrder::kRowMajor;
  double p = 2;
  const kernels::PoolVariant* variant = nullptr;
};

struct PoolBinding {
  kernels::Window window;
  int64_t planes = 0;
};

// Output shapes of a pool with attributes, and of a pool over the whole map. Every output gets the same
// shape.
Status InferPool(InferContext& context);
Status InferGlobalPool(InferContext& context);

Result<std::shared_ptr<PoolState>> ReadPool(const PrepareContext& context, bool global);

// Window and planes; scratch for the half types: input, then output, as float.
Status BindPool(const void* state, const BindContext& context, Binding* binding);

// A floating attribute p, as LpPool and GlobalLpPool had at opset 1, becomes an integer; kNotImplemented
// where it is none.
Status RaiseFloatP(RaiseContext& context);

void ToFloat(DType dtype, const void* from, float* to, int64_t count);  // float16 and bfloat16
void FromFloat(DType dtype, const float* from, void* to, int64_t count);

// Calls kernel(x, y) with pointers of the input's element type; of float for the half types.
template <typename Kernel>
Status RunFloating(const PoolState& state, RunContext& context, Kernel kernel) {
  const TensorRef& x = context.input(0);
  const TensorRef& y = context.output(0);
  switch (state.dtype) {
    case DType::kFloat:
      kernel(x.As<float>(), y.As<float>());
      break;
    case DType::kDouble:
      kernel(x.As<double>(), y.As<double>());
      break;
    default: {
      float* wide_x = reinterpret_cast<float*>(context.scratch());
      float* wide_y = wide_x + x.count();
      ToFloat(state.dtype, x.data, wide_x, x.count());
      kernel(wide_x, wide_y);
      FromFloat(state.dtype, wide_y, y.data, y.count());
    }
  }
  return OkStatus();
}

}  // namespace ortolan::nn
