// Bytes -> view -> graph, as far as a model file goes before a plan is made. Whatever the bytes are, the
// answer is a graph that passes its own verifier or a status.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "import/import.h"
#include "model/model.h"

namespace {

void Use(const std::string& text) {
  // Reads every byte, so that a text built from dead memory is seen.
  volatile unsigned sum = 0;
  for (const char c : text) sum = sum + static_cast<unsigned char>(c);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ortolan::Result<ortolan::model::ModelView> view =
      ortolan::model::ParseModel(std::as_bytes(std::span(data, size)), nullptr);
  if (!view.ok()) {
    Use(view.status().message());
    return 0;
  }
  Use(ortolan::model::DumpModel(*view));
  for (const bool overridable_as_inputs : {false, true}) {
    ortolan::import::ImportOptions options;
    options.overridable_as_inputs = overridable_as_inputs;
    options.most_nodes = 2000;  // keeps a run short
    options.most_expanded_bytes = 16 << 20;
    const ortolan::Result<ortolan::import::ImportedModel> model = ortolan::import::Import(*view, options);
    if (!model.ok()) {
      Use(model.status().message());
    } else {
      const ortolan::Status valid = ortolan::graph::Verify(*model->graph);
      if (!valid.ok()) {
        fprintf(stderr, "%s\n", valid.message().c_str());
        std::abort();
      }
      Use(ortolan::graph::Dump(*model->graph));
    }
  }
  return 0;
}
