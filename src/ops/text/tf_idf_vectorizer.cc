// TfIdfVectorizer: how often each n-gram of a pool stands in a row of tokens (strings or integers), with up
// to max_skip_count tokens left out between its tokens; the counts as they are, as 0 and 1, or weighted.
#include <algorithm>
#include <unordered_map>

#include "ops/op.h"

namespace ortolan {
namespace {

enum class Mode : uint8_t { kCounts, kPresence, kWeightedCounts };

// The output has one number for each value of ngram_indexes: a file may claim any.
constexpr int64_t kMostOutputs = int64_t{1} << 31;

// Numbers of keys, in open addressing: a look-up in a table of std walks a list and divides by a prime, which
// here is most of the work.
class Numbering {
 public:
  int32_t Find(uint64_t key) const {
    for (size_t at = Home(key);; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.number < 0 || slot.key == key) return slot.number;
    }
  }
  // The number of a key that is there, or `number`, which it then has.
  int32_t Enter(uint64_t key, int32_t number) {
    if (2 * (count_ + 1) > slots_.size()) Grow();
    return EnterSlot(key, number);
  }
  size_t size() const { return count_; }

 private:
  struct Slot {
    uint64_t key = 0;
    int32_t number = -1;  // of a free slot
  };
  // The high bits of a product with 2^64 over the golden ratio depend on all bits of the key.
  size_t Home(uint64_t key) const { return static_cast<size_t>(key * 0x9E3779B97F4A7C15u >> shift_); }
  int32_t EnterSlot(uint64_t key, int32_t number) {
    size_t at = Home(key);
    while (slots_[at].number >= 0 && slots_[at].key != key) at = (at + 1) & mask_;
    if (slots_[at].number < 0) slots_[at] = {key, number}, ++count_;
    return slots_[at].number;
  }
  void Grow() {
    const std::vector<Slot> old = std::move(slots_);
    slots_.assign(2 * old.size(), {});
    mask_ = slots_.size() - 1, --shift_, count_ = 0;
    for (const Slot& slot : old)
      if (slot.number >= 0) EnterSlot(slot.key, slot.number);
  }

  std::vector<Slot> slots_ = std::vector<Slot>(16);
  size_t mask_ = 15, count_ = 0;
  int shift_ = 60;
};

// The n-grams as a tree of tokens. Tokens are numbered; node 0 is the root.
struct State {
  std::unordered_map<std::string, int32_t> words;
  Numbering numbers;
  Numbering children;           // node << 32 | token -> node
  std::vector<int64_t> column;  // of the n-gram that ends at a node, -1 where none does
  std::vector<float> weights;   // of columns; none: all 1
  Mode mode = Mode::kCounts;
  int64_t shortest = 1, longest = 1, most_skipped = 0;
  int64_t columns = 0;

  int32_t TokenOf(const std::string& word) const {
    const auto found = words.find(word);
    return found == words.end() ? -1 : found->second;
  }
  int32_t TokenOf(int64_t number) const { return numbers.Find(static_cast<uint64_t>(number)); }
  int32_t Child(int32_t node, int32_t token) const {
    return token < 0 ? -1 : children.Find(Key(node, token));
  }
  void Insert(std::span<const int32_t> ngram, int64_t at) {
    int32_t node = 0;
    for (int32_t token : ngram) {
      const auto next = static_cast<int32_t>(column.size());
      node = children.Enter(Key(node, token), next);
      if (node == next) column.push_back(-1);
    }
    column[static_cast<size_t>(node)] = at;
  }
  static uint64_t Key(int32_t node, int32_t token) {
    return static_cast<uint64_t>(static_cast<uint32_t>(node)) << 32 | static_cast<uint32_t>(token);
  }
};

Result<int64_t> ColumnsOf(const graph::Attributes& attributes) {
  int64_t most = -1;
  for (int64_t index : attributes.Ints("ngram_indexes")) {
    if (index < 0 || index >= kMostOutputs)
      return InvalidArgument("TfIdfVectorizer: negative or absurd ngram_indexes value {}", index);
    most = std::max(most, index);
  }
  if (most < 0) return InvalidArgument("TfIdfVectorizer: attribute ngram_indexes must not be empty");
  return most + 1;
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t columns, ColumnsOf(context.attributes()));
  context.SetType(0, DType::kFloat);
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() > 2)
    return InvalidArgument("TfIdfVectorizer: the input has rank {}, expected 0 to 2", x.rank());
  graph::Shape::DimList dims;
  if (x.rank() == 2) dims.push_back(x[0]);
  dims.emplace_back(columns);
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

void CountRow(const State& state, std::span<const int32_t> row, float* counts) {
  const auto length = static_cast<int64_t>(row.size());
  int64_t shortest = state.shortest;
  for (int64_t step = 1; step <= state.most_skipped + 1 && step <= std::max<int64_t>(length, 1); ++step) {
    for (int64_t start = 0; start + step * (shortest - 1) < length; ++start) {
      int32_t node = 0;
      int64_t size = 1;
      for (int64_t at = start; at < length && size <= state.longest; at += step, ++size) {
        node = state.Child(node, row[static_cast<size_t>(at)]);
        if (node < 0) break;
        const int64_t column = state.column[static_cast<size_t>(node)];
        if (size >= shortest && column >= 0) counts[column] += 1;
      }
    }
    // Single tokens are the same at any distance.
    if (shortest == 1 && ++shortest > state.longest) break;
  }
}

void Weigh(const State& state, float* row) {
  if (state.mode == Mode::kCounts) return;
  for (int64_t i = 0; i < state.columns; ++i) {
    const auto at = static_cast<size_t>(i);
    const float weight = at < state.weights.size() ? state.weights[at] : 1.0f;
    const float count = state.mode == Mode::kPresence ? (row[i] > 0 ? 1.0f : 0.0f) : row[i];
    row[i] = count * weight;
  }
}

std::vector<int32_t> TokensOf(const State& state, const TensorRef& x) {
  std::vector<int32_t> tokens;
  tokens.reserve(static_cast<size_t>(x.count()));
  if (x.dtype == DType::kString) {
    for (const std::string& word : x.Items<const std::string>()) tokens.push_back(state.TokenOf(word));
  } else if (x.dtype == DType::kInt32) {
    for (int32_t number : x.Items<const int32_t>()) tokens.push_back(state.TokenOf(int64_t{number}));
  } else {
    for (int64_t number : x.Items<const int64_t>()) tokens.push_back(state.TokenOf(number));
  }
  return tokens;
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  const int64_t rows = x.rank() == 2 ? x.dims[0] : 1;
  const int64_t length = rows == 0 ? 0 : x.count() / rows;
  const std::vector<int32_t> tokens = TokensOf(state, x);
  auto* y = context.output(0).As<float>();
  std::fill_n(y, context.output(0).count(), 0.0f);
  context.threads().ParallelFor(rows, [&](int64_t row) {
    float* counts = y + row * state.columns;
    CountRow(state, std::span(tokens).subspan(static_cast<size_t>(row * length), static_cast<size_t>(length)),
             counts);
    Weigh(state, counts);
  });
  return OkStatus();
}

// The pool as numbered tokens.
std::vector<int32_t> NumberTokens(std::span<const int64_t> pool, State* state) {
  std::vector<int32_t> tokens;
  for (int64_t token : pool)
    tokens.push_back(
        state->numbers.Enter(static_cast<uint64_t>(token), static_cast<int32_t>(state->numbers.size())));
  return tokens;
}
std::vector<int32_t> NumberTokens(std::span<const std::string> pool, State* state) {
  std::vector<int32_t> tokens;
  for (const std::string& token : pool)
    tokens.push_back(state->words.emplace(token, static_cast<int32_t>(state->words.size())).first->second);
  return tokens;
}

Status FillTree(const graph::Attributes& attributes, State* state) {
  const std::span<const std::string> words = attributes.Strings("pool_strings");
  const std::span<const int64_t> numbers = attributes.Ints("pool_int64s");
  if (words.empty() == numbers.empty())
    return InvalidArgument("TfIdfVectorizer: exactly one of pool_strings and pool_int64s must be given");
  const std::vector<int32_t> tokens =
      words.empty() ? NumberTokens(numbers, state) : NumberTokens(words, state);
  const std::span<const int64_t> counts = attributes.Ints("ngram_counts");
  const std::span<const int64_t> indexes = attributes.Ints("ngram_indexes");
  const auto total = static_cast<int64_t>(tokens.size());
  size_t ngram = 0;
  state->column.assign(1, -1);
  for (size_t i = 0; i < counts.size(); ++i) {
    const int64_t begin = counts[i], end = i + 1 < counts.size() ? counts[i + 1] : total;
    const auto size = static_cast<int64_t>(i) + 1;
    if (begin < 0 || end < begin || end > total || (end - begin) % size != 0) {
      return InvalidArgument("TfIdfVectorizer: n-gram counts out of bounds for {}-grams", size);
    }
    for (int64_t at = begin; at < end; at += size, ++ngram) {
      if (ngram >= indexes.size())
        return InvalidArgument("TfIdfVectorizer: ngram_indexes has {} values, fewer than there are n-grams",
                               indexes.size());
      if (size < state->shortest || size > state->longest) continue;
      state->Insert(std::span(tokens).subspan(static_cast<size_t>(at), static_cast<size_t>(size)),
                    indexes[ngram]);
    }
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  const std::string_view mode = attributes.String("mode", "");
  if (mode == "IDF") {
    state->mode = Mode::kPresence;
  } else if (mode == "TFIDF") {
    state->mode = Mode::kWeightedCounts;
  } else if (mode != "TF") {
    return InvalidArgument("TfIdfVectorizer: attribute mode must be TF, IDF or TFIDF, got '{}'", mode);
  }
  state->shortest = attributes.Int("min_gram_length", 0);
  state->longest = attributes.Int("max_gram_length", 0);
  state->most_skipped = attributes.Int("max_skip_count", 0);
  if (state->shortest < 1 || state->longest < state->shortest || state->longest > INT32_MAX ||
      state->most_skipped < 0 || state->most_skipped > INT32_MAX) {
    return InvalidArgument("TfIdfVectorizer: n-grams of {} to {} tokens with {} left out cannot be",
                           state->shortest, state->longest, state->most_skipped);
  }
  ORTOLAN_ASSIGN_OR_RETURN(state->columns, ColumnsOf(attributes));
  const std::span<const float> weights = attributes.Floats("weights");
  if (!weights.empty() && weights.size() != attributes.Ints("ngram_indexes").size()) {
    return InvalidArgument("TfIdfVectorizer: weights has {} values, ngram_indexes {}", weights.size(),
                           attributes.Ints("ngram_indexes").size());
  }
  state->weights.assign(weights.begin(), weights.end());
  ORTOLAN_RETURN_IF_ERROR(FillTree(attributes, state.get()));
  prepared->state = std::move(state);
  prepared->run = Run;
  prepared->kernel = "tf_idf_vectorizer";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {9};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kString, DType::kInt32, DType::kInt64)},
                                     {"T1", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"max_gram_length", AttributeType::kInt, true},
                                         {"max_skip_count", AttributeType::kInt, true},
                                         {"min_gram_length", AttributeType::kInt, true},
                                         {"mode", AttributeType::kString, true},
                                         {"ngram_counts", AttributeType::kInts, true},
                                         {"ngram_indexes", AttributeType::kInts, true},
                                         {"pool_int64s", AttributeType::kInts},
                                         {"pool_strings", AttributeType::kStrings},
                                         {"weights", AttributeType::kFloats}};

}  // namespace

extern const OpDef kTfIdfVectorizer;
constexpr OpDef kTfIdfVectorizer{.domain = "",
                                 .name = "TfIdfVectorizer",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
