// MemcpyFromHost: onnxruntime puts it where a value moves from the host; here nothing has to move.
#include "ops/contrib/memcpy.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1};

}  // namespace

extern const OpDef kMemcpyFromHost;
constexpr OpDef kMemcpyFromHost{.domain = "",
                                .name = "MemcpyFromHost",
                                .versions = kVersions,
                                .inputs = kMemcpyInputs,
                                .outputs = kMemcpyOutputs,
                                .types = kMemcpyTypes,
                                .raise = RaiseMemcpy};

}  // namespace ortolan
