// MemcpyToHost: onnxruntime puts it where a value moves to the host; here nothing has to move.
#include "ops/contrib/memcpy.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1};

}  // namespace

extern const OpDef kMemcpyToHost;
constexpr OpDef kMemcpyToHost{.domain = "",
                              .name = "MemcpyToHost",
                              .versions = kVersions,
                              .inputs = kMemcpyInputs,
                              .outputs = kMemcpyOutputs,
                              .types = kMemcpyTypes,
                              .raise = RaiseMemcpy};

}  // namespace ortolan
