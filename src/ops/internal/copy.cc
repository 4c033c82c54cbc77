// ortolan::Copy: a tensor moved to the device of the node. Made by the partition pass alone; between CPU and
// CPU it copies memory, other devices bring their own.
#include "ops/op.h"

namespace ortolan {
namespace {

constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}};

Status InferCopy(InferContext& context) {
  if (!context.HasInput(0)) return OkStatus();
  context.SetShape(0, context.shape(0));
  if (context.input(0).contents != nullptr) context.output(0).contents = *context.input(0).contents;
  return OkStatus();
}

Status RunCopy(const void*, RunContext& context) {
  CopyElements(context.input(0), context.output(0));
  return OkStatus();
}

Status PrepareCopy(PrepareContext& context, Prepared* prepared) {
  if (!(context.node.device == context.node.input(0)->device)) {
    return NotImplemented("No copy between the devices of this node is known");
  }
  prepared->run = RunCopy;
  prepared->kernel = "copy";
  return OkStatus();
}

}  // namespace

extern const OpDef kCopy;
constexpr OpDef kCopy{.domain = "ortolan",
                      .name = "Copy",
                      .inputs = kInputs,
                      .outputs = kOutputs,
                      .types = kTypes,
                      .infer = InferCopy,
                      .prepare = PrepareCopy};

}  // namespace ortolan
