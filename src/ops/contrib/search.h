// How the searches for text (BeamSearch, WhisperBeamSearch, GreedySearch, Sampling) become a Loop: its body
// is the model's decoder and one step of the search, the caches are carried from one iteration to the next,
// and what never changes (masks, an encoder's results) is captured. Nothing else runs decoders.
#pragma once

#include "base/function_ref.h"
#include "ops/compose.h"

namespace ortolan {

enum class DecoderForm : uint8_t { kGpt = 0, kEncoder = 1, kWhisper = 2 };

// Inputs of the composed node; null where it has none.
struct SearchInputs {
  graph::Value* tokens = nullptr;  // or features, for Whisper
  graph::Value *max_length = nullptr, *min_length = nullptr, *beams = nullptr, *returned = nullptr;
  graph::Value *attention_mask = nullptr, *first_tokens = nullptr;
};

// What a step makes of the logits and the state.
struct SearchStep {
  std::vector<graph::Value*> state;  // of the next step; [0] are the sequences
  graph::Value* tokens = nullptr;    // (rows, 1), int32
  graph::Value* rows = nullptr;      // that the sequences go on from, or null: their own
  graph::Value* go_on = nullptr;
  std::vector<graph::Value*> results;  // of this step alone
};
// options: inputs of the composed node in the graph of the step.
using StepFunction =
    FunctionRef<SearchStep(Composer& make, graph::Value* logits, const std::vector<graph::Value*>& state,
                           graph::Value* number, const std::vector<graph::Value*>& options)>;

struct SearchEnd {
  std::vector<graph::Value*> state;
  std::vector<graph::Value*> results;  // of all steps, along a new first axis
};

class Search {
 public:
  Search(RaiseContext& context, Composer& make, DecoderForm form)
      : context_(context), make_(make), form_(form) {}

  // SearchStart's outputs.
  Result<std::vector<graph::Value*>> Start(const SearchInputs& inputs);
  // Steps from `state`, whose first value are the sequences, until one of them says that it was the last.
  Result<SearchEnd> Run(const std::vector<graph::Value*>& state, const std::vector<graph::Value*>& options,
                        StepFunction step);

 private:
  // What the decoder reads and each step changes. Positions and masks are GPT's.
  struct Feeds {
    graph::Value *tokens = nullptr, *positions = nullptr, *next_positions = nullptr, *mask = nullptr;
    std::vector<graph::Value*> pasts;
  };
  // What stays: the encoder's mask, states and caches; for caches in buffers the number of beams and the
  // beam of each token.
  struct Fixed {
    graph::Value *mask = nullptr, *states = nullptr, *beams = nullptr, *indirection = nullptr;
    std::vector<graph::Value*> caches;
  };

  Status ReadDecoder();
  Status RunEncoder(graph::Value** start, std::vector<graph::Value*>* outputs);
  Result<Feeds> FirstFeeds();
  Status FirstCaches(Feeds* feeds);
  Result<graph::Value*> EmptyCache(const graph::Value* like);
  void ReadFixed();
  graph::Value* PerRow(graph::Value* value);
  Result<std::vector<graph::Value*>> Decode(Composer& make, graph::Graph& graph, const graph::Graph& decoder,
                                            const Feeds& feeds, const Fixed& fixed, graph::Value* sequences,
                                            const std::vector<graph::Value*>& captured) const;
  Feeds Next(Composer& make, const Feeds& feeds, const std::vector<graph::Value*>& outputs,
             const SearchStep& step) const;
  Result<SearchEnd> RunLoop(const Feeds& feeds, const std::vector<graph::Value*>& state,
                            const std::vector<graph::Value*>& options, graph::Value* first,
                            graph::Value* go_on, StepFunction step);

  RaiseContext& context_;
  Composer& make_;
  DecoderForm form_;
  SearchInputs inputs_;
  const graph::Graph *decoder_ = nullptr, *first_decoder_ = nullptr, *encoder_ = nullptr;
  std::vector<graph::Value*> captured_;
  graph::Value *rows_ = nullptr, *steps_ = nullptr;  // the item of each row; how many steps there may be
  graph::Value *sequences_ = nullptr, *encoder_mask_ = nullptr;
  std::vector<graph::Value*> encoded_;
  Fixed fixed_;
  size_t caches_ = 0;  // that the decoder appends to
  bool states_ = false, buffers_ = false, beam_inputs_ = false, whole_ = false;
};

// The attributes among these that the node has.
std::vector<graph::Attributes::Item> PickedAttributes(const graph::Node& node,
                                                      std::initializer_list<std::string_view> names);

}  // namespace ortolan
