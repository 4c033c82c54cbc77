// SearchStart: how a search for text begins, of the first tokens (batch, length): sequences (rows, length)
// with a row for each beam of an item, the item of each row, the scores of the beams, room for the hypotheses
// of each item (tokens, scores, lengths) and whether it is done, and how many steps there are at most. Checks
// the numbers that say how far and how wide to search. Composed into BeamSearch, GreedySearch and their kin.
#include <algorithm>
#include <cstring>

#include "ops/op.h"

namespace ortolan {
namespace {

enum Input : size_t { kTokens, kMaxLength, kBeams, kReturned, kMinLength };
enum Output : size_t { kSequences, kItems, kScores, kHypotheses, kHypothesisScores, kLengths, kDone, kSteps };

Status Infer(InferContext& context) {
  const DType types[] = {DType::kInt32, DType::kInt64, DType::kFloat, DType::kInt32,
                         DType::kFloat, DType::kInt32, DType::kBool,  DType::kInt64};
  for (size_t i = 0; i < context.output_count(); ++i) context.SetType(i, types[i]);
  const graph::Shape& tokens = context.shape(kTokens);
  if (tokens.has_rank() && tokens.rank() != 2) {
    return InvalidArgument("input_ids shall have 2 dimensions. Got {}", tokens.rank());
  }
  const graph::Dim batch = tokens.has_rank() ? tokens[0] : context.Unknown();
  const graph::Dim length = tokens.has_rank() ? tokens[1] : context.Unknown();
  const auto beams_known = context.HasInput(kBeams) ? context.ConstantInts(kBeams) : std::vector<int64_t>{1};
  const graph::Dim beams = beams_known && beams_known->size() == 1 && (*beams_known)[0] > 0
                               ? graph::Dim((*beams_known)[0])
                               : context.Unknown();
  const bool known = beams.IsConstant() && !beams.Is(-1);
  const graph::Dim rows = known ? batch * beams : context.Unknown();
  const auto most = context.ConstantInts(kMaxLength);
  const graph::Dim max =
      most && most->size() == 1 && (*most)[0] > 0 ? graph::Dim((*most)[0]) : context.Unknown();
  context.SetShape(kSequences, {rows, length});
  context.SetShape(kItems, {rows});
  context.SetShape(kScores, {rows});
  context.SetShape(kHypotheses, {batch, beams, max});
  context.SetShape(kHypothesisScores, {batch, beams});
  context.SetShape(kLengths, {batch, beams});
  context.SetShape(kDone, {batch});
  context.SetShape(kSteps, graph::Shape::DimList());
  return OkStatus();
}

Result<int64_t> Number(RunContext& context, size_t i, int64_t otherwise) {
  if (!context.HasInput(i)) return otherwise;
  if (context.input(i).count() != 1) {
    return InvalidArgument("a parameter of shape {}, expected one number", DimsText(context.input(i).dims));
  }
  return context.input(i).As<const int32_t>()[0];
}

Status Run(const void*, RunContext& context) {
  constexpr int64_t kMostLength = 4096, kMostBeams = 128;
  const TensorRef& tokens = context.input(kTokens);
  if (tokens.rank() != 2) return InvalidArgument("input_ids shall have 2 dimensions. Got {}", tokens.rank());
  const int64_t batch = tokens.dims[0], length = tokens.dims[1];
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t most, Number(context, kMaxLength, kMostLength));
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t beams, Number(context, kBeams, 1));
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t returned, Number(context, kReturned, 1));
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t least, Number(context, kMinLength, 0));
  if (length < 1) return InvalidArgument("input_ids is empty");
  if (most <= length) {
    return InvalidArgument("max_length ({}) shall be greater than input sequence length ({})", most, length);
  }
  if (most > kMostLength)
    return InvalidArgument("max_length ({}) shall be no more than {}", most, kMostLength);
  if (least >= most) return InvalidArgument("min_length shall be smaller than max_length");
  if (beams < 1 || beams > kMostBeams)
    return InvalidArgument("num_beams shall be a positive integer no more than {}, got {}", kMostBeams,
                           beams);
  if (returned < 1)
    return InvalidArgument("num_return_sequences shall be a positive integer, got {}", returned);
  if (returned > beams) {
    return InvalidArgument("num_return_sequences ({}) shall be be no more than num_beams ({})", returned,
                           beams);
  }
  const int64_t rows = batch * beams;
  const Dims shapes[] = {{rows, length}, {rows},         {rows},  {batch, beams, most},
                         {batch, beams}, {batch, beams}, {batch}, {}};
  for (size_t i = 0; i < std::size(shapes); ++i) {
    if (!context.HasOutput(i)) continue;
    ORTOLAN_RETURN_IF_ERROR(context.Output(i, shapes[i]));
    std::memset(context.output(i).data, 0, context.output(i).bytes());
  }
  for (int64_t r = 0; r < rows; ++r) {
    if (context.HasOutput(kSequences)) {
      std::copy_n(tokens.As<const int32_t>() + r / beams * length, length,
                  context.output(kSequences).As<int32_t>() + r * length);
    }
    if (context.HasOutput(kItems)) context.output(kItems).As<int64_t>()[r] = r / beams;
    // Beams but the first begin far behind, so that they do not all say the same.
    if (context.HasOutput(kScores)) context.output(kScores).As<float>()[r] = r % beams == 0 ? 0.0f : -1e9f;
  }
  if (context.HasOutput(kSteps)) context.output(kSteps).As<int64_t>()[0] = most - length;
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->kernel = "search_start";
  prepared->run = Run;
  return OkStatus();
}

constexpr FormalParameter kInputs[] = {{"tokens", "I"},
                                       {"max_length", "I"},
                                       {"num_beams", "I", Arity::kOptional},
                                       {"num_return_sequences", "I", Arity::kOptional},
                                       {"min_length", "I", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {
    {"sequences", "tensor(int32)", Arity::kOptional}, {"items", "tensor(int64)", Arity::kOptional},
    {"scores", "tensor(float)", Arity::kOptional},    {"hypotheses", "tensor(int32)", Arity::kOptional},
    {"rank", "tensor(float)", Arity::kOptional},      {"lengths", "tensor(int32)", Arity::kOptional},
    {"done", "tensor(bool)", Arity::kOptional},       {"steps", "tensor(int64)", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"I", SetOf(DType::kInt32)}};

}  // namespace

extern const OpDef kSearchStart;
constexpr OpDef kSearchStart{.domain = "ortolan",
                             .name = "SearchStart",
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .traits = {.data_dependent_shape = true},
                             .infer = Infer,
                             .prepare = Prepare};

}  // namespace ortolan
