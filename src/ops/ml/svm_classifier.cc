// SVMClassifier: support vectors that vote between each two classes, or one linear function a class. Scores
// are the decisions of the pairs, or with prob_a and prob_b the probabilities that fit them best. Refuses
// lists whose lengths do not fit together.
#include <algorithm>

#include "ops/ml/svm.h"

namespace ortolan {
namespace {

size_t LabelCount(const graph::Attributes& attributes) {
  return std::max(attributes.Ints("classlabels_ints").size(),
                  attributes.Strings("classlabels_strings").size());
}
size_t ClassCount(const graph::Attributes& attributes) {
  const size_t voting = attributes.Ints("vectors_per_class").size();
  return voting > 0 ? voting : LabelCount(attributes);
}
// What is computed for each row.
size_t ScoreCount(const graph::Attributes& attributes) {
  const size_t classes = ClassCount(attributes);
  const bool pairs = !attributes.Ints("vectors_per_class").empty() && attributes.Floats("prob_a").empty();
  return pairs ? classes * (classes - 1) / 2 : classes;
}

Status Infer(InferContext& context) {
  const graph::Attributes& attributes = context.attributes();
  context.SetType(0, attributes.Has("classlabels_strings") ? DType::kString : DType::kInt64);
  context.SetType(1, DType::kFloat);
  context.SetShape(0, {ml::RowCount(context.shape(0), context)});
  const size_t columns = std::max<size_t>(ScoreCount(attributes), ClassCount(attributes) <= 2 ? 2 : 0);
  context.SetShape(1, ml::RowsShape(context.shape(0), static_cast<int64_t>(columns)));
  return OkStatus();
}

struct State {
  ml::SvmKernel kernel;
  ml::Labels labels;
  std::vector<float> coefficients, rho, prob_a, prob_b;
  kernels::SupportVectors vectors;  // of a linear one the coefficients of each class
  std::vector<int64_t> first;       // vector of each class, and their number at the end; empty: linear
  int64_t classes, scores;
  ml::PostTransform transform;
  bool all_positive;

  int64_t vector_count() const { return first.empty() ? 0 : first.back(); }
};

// Scratch of a row: decisions, probabilities of pairs, votes.
struct Work {
  double* scores;
  double* pairs;
  int64_t* votes;
};

int64_t WorkBytes(const State& state) {
  const int64_t classes = state.classes;
  return (3 * classes * classes + 4 * classes) * int64_t{sizeof(double)};
}

Work WorkAt(const State& state, std::byte* scratch) {
  const int64_t square = state.classes * state.classes;
  Work work{};
  work.scores = reinterpret_cast<double*>(scratch);
  work.pairs = work.scores + square + state.classes;
  work.votes = reinterpret_cast<int64_t*>(work.pairs + 2 * square + 2 * state.classes);
  return work;
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  return ml::BindSvm(state.vectors, WorkBytes(state), context, binding);
}

// Every two classes decide by their own vectors.
void Decide(const State& state, const float* values, const Work& work) {
  const int64_t count = state.vector_count();
  std::fill_n(work.votes, state.classes, int64_t{0});
  int64_t pair = 0;
  auto part = [&](int64_t row, int64_t of) {
    const int64_t first = state.first[static_cast<size_t>(of)],
                  end = state.first[static_cast<size_t>(of) + 1];
    return ml::WeightedSum(state.coefficients.data() + row * count + first, values + first, end - first);
  };
  for (int64_t i = 0; i < state.classes; ++i) {
    for (int64_t j = i + 1; j < state.classes; ++j, ++pair) {
      const double sum =
          part(j - 1, i) + part(i, j) + static_cast<double>(state.rho[static_cast<size_t>(pair)]);
      work.scores[pair] = sum;
      ++work.votes[sum > 0 ? i : j];
    }
  }
}

// The class probabilities whose ratios fit those of the pairs best (Wu, Lin and Weng, 2004), in `scores`.
void Couple(const State& state, const Work& work) {
  const int64_t n = state.classes;
  double* const r = work.pairs;
  int64_t pair = 0;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i + 1; j < n; ++j, ++pair) {
      const auto at = static_cast<size_t>(pair);
      const double value =
          work.scores[pair] * static_cast<double>(state.prob_a[at]) + static_cast<double>(state.prob_b[at]);
      const double chance = 1.0 - 1.0 / (1.0 + std::exp(-value));
      r[i * n + j] = std::clamp(chance, 1e-7, 1 - 1e-7);
      r[j * n + i] = 1 - r[i * n + j];
    }
  }
  double* const q = r + n * n;
  double* const qp = q + n * n;
  double* const p = work.scores;
  for (int64_t t = 0; t < n; ++t) {
    p[t] = 1.0 / static_cast<double>(n);
    q[t * n + t] = 0;
    for (int64_t j = 0; j < n; ++j) {
      if (j == t) continue;
      q[t * n + t] += r[j * n + t] * r[j * n + t];
      q[t * n + j] = -r[j * n + t] * r[t * n + j];
    }
  }
  const int64_t rounds = std::max<int64_t>(100, n);
  const double enough = 0.005 / static_cast<double>(n);
  for (int64_t round = 0; round < rounds; ++round) {
    double pqp = 0;
    for (int64_t t = 0; t < n; ++t) {
      qp[t] = 0;
      for (int64_t j = 0; j < n; ++j) qp[t] += q[t * n + j] * p[j];
      pqp += p[t] * qp[t];
    }
    double worst = 0;
    for (int64_t t = 0; t < n; ++t) worst = std::max(worst, std::abs(qp[t] - pqp));
    if (worst < enough) break;
    for (int64_t t = 0; t < n; ++t) {
      const double difference = (-qp[t] + pqp) / q[t * n + t];
      p[t] += difference;
      pqp =
          (pqp + difference * (difference * q[t * n + t] + 2 * qp[t])) / (1 + difference) / (1 + difference);
      for (int64_t j = 0; j < n; ++j) {
        qp[j] = (qp[j] + difference * q[t * n + j]) / (1 + difference);
        p[j] /= 1 + difference;
      }
    }
  }
}

// The label of one row and its scores.
void Finish(const State& state, const Work& work, RunContext& context, int64_t row) {
  const bool votes = !state.first.empty();  // with probabilities, too
  int64_t best = 0;
  double most = 0;
  if (votes) {
    best = std::max_element(work.votes, work.votes + state.classes) - work.votes;
    most = static_cast<double>(work.votes[best]);
  } else {
    best = std::max_element(work.scores, work.scores + state.classes) - work.scores;
    most = work.scores[best];
  }
  if (state.rho.size() == 1 && state.labels.size() == 2 && !votes) {
    if (state.all_positive ? most >= 0.5 : most > 0) best = 1;
  }
  if (context.HasOutput(0)) ml::StoreLabel(state.labels, best, context.output(0), row);
  if (!context.HasOutput(1)) return;
  const int64_t columns = context.output(1).dims[1];
  float* to = context.output(1).As<float>() + row * columns;
  for (int64_t i = 0; i < state.scores; ++i) to[i] = static_cast<float>(work.scores[i]);
  if (state.scores > 1) return ml::Transform(state.transform, to, state.scores);
  const float score = to[0];
  if (state.transform == ml::PostTransform::kNone) {
    to[0] = -score;
    to[1] = score;
  } else if (state.transform == ml::PostTransform::kLogistic) {
    to[0] = ml::Logistic(-score);
    to[1] = ml::Logistic(score);
  } else {
    to[0] = 1 - score;
    to[1] = score;
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Rows rows, ml::RowsOf(x.dims));
  const bool linear = state.first.empty();
  if (state.vectors.features() != rows.features)
    return InvalidArgument("SVMClassifier: its lists do not fit {} features", rows.features);
  return ml::ForEachSvmRow(state.kernel, state.vectors, WorkBytes(state), context, rows,
                           [&](int64_t row, const float* values, std::byte* scratch) {
                             const Work work = WorkAt(state, scratch);
                             if (linear) {
                               for (int64_t k = 0; k < state.classes; ++k)
                                 work.scores[k] =
                                     static_cast<double>(values[k]) + static_cast<double>(state.rho[0]);
                             } else {
                               Decide(state, values, work);
                               if (!state.prob_a.empty()) Couple(state, work);
                             }
                             Finish(state, work, context, row);
                           });
}

Status CheckLists(const State& state) {
  const auto pairs = static_cast<size_t>(state.classes * (state.classes - 1) / 2);
  const bool voting = !state.first.empty();
  const bool fits = state.classes >= 1 && state.classes <= 65536 && !state.rho.empty() &&
                    (!voting || (state.rho.size() == pairs && pairs > 0 &&
                                 static_cast<int64_t>(state.coefficients.size()) ==
                                     (state.classes - 1) * state.vector_count())) &&
                    state.prob_a.size() == state.prob_b.size() &&
                    (state.prob_a.empty() || (voting && state.prob_a.size() == pairs)) &&
                    (state.prob_a.empty() || !voting || state.scores == state.classes);
  return fits ? OkStatus() : InvalidArgument("SVMClassifier: lists of lengths that do not fit together");
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto list = [&](std::string_view name) {
    const auto items = attributes.Floats(name);
    return std::vector<float>(items.begin(), items.end());
  };
  State state;
  ORTOLAN_ASSIGN_OR_RETURN(state.kernel, ml::SvmKernelOf(attributes));
  ORTOLAN_ASSIGN_OR_RETURN(state.transform, ml::PostTransformOf(attributes.String("post_transform", "NONE")));
  state.labels = ml::LabelsOf(attributes, "classlabels_ints", "classlabels_strings");
  state.coefficients = list("coefficients"), state.rho = list("rho");
  state.prob_a = list("prob_a"), state.prob_b = list("prob_b");
  state.classes = static_cast<int64_t>(ClassCount(attributes));
  state.scores = static_cast<int64_t>(ScoreCount(attributes));
  state.all_positive =
      std::all_of(state.coefficients.begin(), state.coefficients.end(), [](float c) { return c >= 0; });
  int64_t vectors = 0;
  for (const int64_t count : attributes.Ints("vectors_per_class")) {
    if (count < 0 || count > INT32_MAX)
      return InvalidArgument("SVMClassifier: a class has {} vectors", count);
    state.first.push_back(vectors);
    vectors += count;
  }
  if (!state.first.empty()) state.first.push_back(vectors);
  ORTOLAN_RETURN_IF_ERROR(CheckLists(state));
  const std::vector<float> packed = state.first.empty() ? state.coefficients : list("support_vectors");
  const int64_t count = state.first.empty() ? state.classes : state.vector_count();
  if (count < 1 || packed.empty() || static_cast<int64_t>(packed.size()) % count != 0) {
    return InvalidArgument("SVMClassifier: {} numbers for {} vectors", packed.size(), count);
  }
  state.vectors = state.kernel.Pack(packed, count, context.isa);
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "svm_classifier";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}, {"Z", "tensor(float)"}};
constexpr AttributeSpec kAttributes[] = {
    {"classlabels_ints", AttributeType::kInts},
    {"rho", AttributeType::kFloats},
    {"prob_b", AttributeType::kFloats},
    {"coefficients", AttributeType::kFloats},
    {"classlabels_strings", AttributeType::kStrings},
    {"prob_a", AttributeType::kFloats},
    {"support_vectors", AttributeType::kFloats},
    {"vectors_per_class", AttributeType::kInts},
    {"post_transform", AttributeType::kString},
    {"kernel_params", AttributeType::kFloats},
    {"kernel_type", AttributeType::kString},
};

}  // namespace

extern const OpDef kSVMClassifier;
constexpr OpDef kSVMClassifier{.domain = "ai.onnx.ml",
                               .name = "SVMClassifier",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = ml::kClassifierTypes,
                               .attributes = kAttributes,
                               .infer = Infer,
                               .prepare = Prepare};

}  // namespace ortolan
