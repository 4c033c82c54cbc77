#include "session/pass_options.h"

#include <cstdlib>

#include "base/cpu.h"

namespace ortolan::session {
namespace {

passes::Level LevelOf(OptimizationLevel level) {
  switch (level) {
    case OptimizationLevel::kDisableAll:
      return passes::Level::kAlways;
    case OptimizationLevel::kBasic:
      return passes::Level::kBasic;
    case OptimizationLevel::kExtended:
      return passes::Level::kExtended;
    case OptimizationLevel::kLayout:
    case OptimizationLevel::kAll:
      return passes::Level::kLayout;
  }
  return passes::Level::kLayout;
}

}  // namespace

std::string_view ConfigOf(const std::map<std::string, std::string>& config, const std::string& key) {
  const auto found = config.find(key);
  return found == config.end() ? std::string_view() : std::string_view(found->second);
}

auto ImportOptionsOf(const Options& options, ThreadPool& threads) -> import::ImportOptions {
  import::ImportOptions made;
  made.free_dimensions_by_name = options.free_dimensions_by_name;
  made.free_dimensions_by_denotation = options.free_dimensions_by_denotation;
  for (const auto* list : {&options.initializers, &options.external_initializers}) {
    for (const auto& [name, value] : *list) {
      if (value.kind() == Value::Kind::kTensor) made.initializers.emplace_back(name, value.tensor());
    }
  }
  made.external_folder = ConfigOf(options.config, "session.model_external_initializers_file_folder_path");
  made.allow_unreleased_opsets = ConfigOf(options.config, "session.allow_released_opsets_only") == "0";
  if (const char* only_released = std::getenv("ALLOW_RELEASED_ONNX_OPSET_ONLY"))
    made.allow_unreleased_opsets = made.allow_unreleased_opsets || std::string_view(only_released) == "0";
  made.threads = &threads;
  return made;
}

passes::PassContext PassContextOf(const Options& options, ThreadPool& threads) {
  passes::PassContext context{threads};
  context.isa = GetCpuInfo().isa;
  context.level = LevelOf(options.optimization_level);
  context.winograd = ConfigOf(options.config, "ortolan.winograd") != "0";
  context.disabled.insert(options.disabled_passes.begin(), options.disabled_passes.end());
  for (std::string& name :
       passes::NamesInList(ConfigOf(options.config, "optimization.disable_specified_optimizers")))
    context.disabled.insert(std::move(name));
  if (ConfigOf(options.config, "session.disable_quant_qdq") == "1") context.disabled.insert("quantize");
  return context;
}

}  // namespace ortolan::session
