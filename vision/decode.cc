#include "vision/decode.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace ortolan::vision {
namespace {

std::string ShapeText(const Output& output) {
  std::string text;
  for (const int64_t size : output.shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "(" + text + ")";
}

// From the model's coordinates to the picture's. Single precision, as DecodeYolo has it.
class Mapper {
 public:
  Mapper(Fit fit, const View& view)
      : letterboxed_(fit == Fit::kLetterbox),
        scale_(static_cast<float>(view.place.scale)),
        left_(static_cast<float>(view.place.left)),
        top_(static_cast<float>(view.place.top)),
        across_(static_cast<float>(static_cast<double>(view.picture_width) / std::max(1, view.input_width))),
        down_(static_cast<float>(static_cast<double>(view.picture_height) / std::max(1, view.input_height))),
        width_(static_cast<float>(view.picture_width)),
        height_(static_cast<float>(view.picture_height)) {}

  float X(float x)
  const { return letterboxed_ ? (x - left_) / scale_ : x * across_; }
  float Y(float y) const { return letterboxed_ ? (y - top_) / scale_ : y * down_; }
  float Width(float width) const { return letterboxed_ ? width / scale_ : width * across_; }
  float Height(float height) const { return letterboxed_ ? height / scale_ : height * down_; }

  Box Clip(float left, float top, float right, float bottom) const {
    return {std::clamp(left, 0.0F, width_), std::clamp(top, 0.0F, height_), std::clamp(right, 0.0F, width_),
            std::clamp(bottom, 0.0F, height_)};
  }
  Box Edges(float left, float top, float right, float bottom) const {
    return Clip(X(left), Y(top), X(right), Y(bottom));
  }
  // Centre and size, as shares of the picture.
  Box Shares(const float* box) const {
    const float half_width = box[2] / 2, half_height = box[3] / 2;
    return Clip((box[0] - half_width) * width_, (box[1] - half_height) * height_,
                (box[0] + half_width) * width_, (box[1] + half_height) * height_);
  }
  float ClipX(float x) const { return std::clamp(x, 0.0F, width_); }
  float ClipY(float y) const { return std::clamp(y, 0.0F, height_); }

 private:
  bool letterboxed_;
  float scale_, left_, top_, across_, down_, width_, height_;
};

// One object's numbers in an output of rows: `step` apart.
struct Numbers {
  const float* first;
  size_t step;
  float at(size_t i) const { return first[i * step]; }
};

// The smallest upright box around a turned one.
Box Around(const TurnedBox& box, const Mapper& map) {
  const auto corners = box.Corners();
  Box around{corners[0], corners[1], corners[0], corners[1]};
  for (size_t i = 2; i < corners.size(); i += 2) {
    around.left = std::min(around.left, corners[i]);
    around.right = std::max(around.right, corners[i]);
    around.top = std::min(around.top, corners[i + 1]);
    around.bottom = std::max(around.bottom, corners[i + 1]);
  }
  return map.Clip(around.left, around.top, around.right, around.bottom);
}

float Sigmoid(float x) {
  const float power = std::exp(-std::abs(x));
  return x >= 0 ? 1.0F / (1.0F + power) : power / (1.0F + power);
}

// Decodes one picture's outputs.
class HeadDecoder {
 public:
  HeadDecoder(const HeadSpec& spec, std::span<const Output> outputs, const View& view,
              const YoloLimits& limits)
      : spec_(spec), outputs_(outputs), view_(view), limits_(limits), map_(spec.fit, view) {}

  Result<Decoded> Decode() {
    ORTOLAN_RETURN_IF_ERROR(CheckOutputs());
    switch (spec_.family) {
      case HeadFamily::kYolo:
      case HeadFamily::kYoloV5:
        ORTOLAN_RETURN_IF_ERROR(DecodeCells());
        break;
      case HeadFamily::kEnd2End:
        ORTOLAN_RETURN_IF_ERROR(DecodeReadyRows());
        break;
      case HeadFamily::kRtDetr:
      case HeadFamily::kDetr:
        ORTOLAN_RETURN_IF_ERROR(DecodeQueries());
        break;
      case HeadFamily::kBoxes:
        ORTOLAN_RETURN_IF_ERROR(DecodeBoxes());
        break;
      case HeadFamily::kSemantic:
        return InvalidArgument("the model labels pixels, it finds no objects");
    }
    return std::move(found_);
  }

 private:
  Status CheckOutputs() const {
    for (const int index : {spec_.rows, spec_.boxes, spec_.labels, spec_.scores, spec_.prototypes})
      if (index >= static_cast<int>(outputs_.size()))
        return InvalidArgument("the head needs output {}, there are {}", index, outputs_.size());
    for (const Output& output : outputs_) {
      uint64_t count = 1;
      for (const int64_t size : output.shape) {
        if (size < 0 || (size > 0 && count > (uint64_t{1} << 40) / static_cast<uint64_t>(size)))
          return InvalidArgument("an output of {} is out of range", ShapeText(output));
        count *= static_cast<uint64_t>(size);
      }
      if (count != output.count())
        return InvalidArgument("an output of {} has {} numbers", ShapeText(output), output.count());
    }
    return OkStatus();
  }

  const Output& At(int index) const { return outputs_[static_cast<size_t>(index)]; }

  // The sizes of a matrix of floats, for one picture.
  Status ReadMatrix(const Output& output, size_t* first, size_t* second) const {
    const size_t rank = output.shape.size();
    const bool one = rank == 2 || (rank == 3 && output.shape[0] == 1);
    if (!one || output.integers.size() != 0)
      return InvalidArgument("a {} head's output has three dimensions, the first of them 1, this is {}",
                             spec_.name(), ShapeText(output));
    *first = static_cast<size_t>(output.shape[rank - 2]);
    *second = static_cast<size_t>(output.shape[rank - 1]);
    return OkStatus();
  }

  // Of `numbers` that follow the box: how many are scores.
  Status CountClasses(int64_t numbers, size_t* classes) {
    int64_t extras = spec_.extra == HeadExtra::kMask    ? At(spec_.prototypes).size(1)
                     : spec_.extra == HeadExtra::kAngle ? 1
                                                        : spec_.extras;
    if (extras < 0) extras = numbers - std::max<int64_t>(spec_.classes, 1);
    const int64_t left = numbers - extras;
    if (left < 1 || extras < 0)
      return InvalidArgument("a {} head's output {} leaves no room for scores", spec_.name(),
                             ShapeText(At(spec_.rows)));
    if (spec_.extra == HeadExtra::kKeypoints && extras % static_cast<int64_t>(spec_.coordinates) != 0)
      return InvalidArgument("{} numbers are not keypoints of {} each", extras, spec_.coordinates);
    *classes = static_cast<size_t>(left);
    extras_ = static_cast<size_t>(extras);
    if (spec_.extra == HeadExtra::kKeypoints) found_.numbers = extras_ / spec_.coordinates;
    return OkStatus();
  }

  // YOLOv5 and v8: boxes that still overlap.
  Status DecodeCells() {
    const bool v5 = spec_.family == HeadFamily::kYoloV5;
    size_t first = 0, second = 0, classes = 0;
    ORTOLAN_RETURN_IF_ERROR(ReadMatrix(At(spec_.rows), &first, &second));
    const size_t numbers = v5 ? second : first, cells = v5 ? first : second, head = v5 ? 5 : 4;
    ORTOLAN_RETURN_IF_ERROR(
        CountClasses(static_cast<int64_t>(numbers) - static_cast<int64_t>(head), &classes));
    const std::span<const float> rows = At(spec_.rows).floats;
    if (!v5 && spec_.extra != HeadExtra::kAngle && spec_.fit == Fit::kLetterbox) {
      for (const ScoredBox& object :
           DecodeYolo(rows.first((4 + classes) * cells), classes, cells, view_.place, view_.picture_width,
                      view_.picture_height, limits_))
        Add(object, {rows.data() + (4 + classes) * cells + object.cell, cells});
      return OkStatus();
    }
    const auto candidates = v5 ? CandidatesOfV5(rows, classes, cells, numbers)
                               : FindCandidates(rows.data() + 4 * cells, classes, cells, limits_.score);
    const auto numbers_of = [&](size_t cell) {
      return v5 ? Numbers{rows.data() + cell * numbers, 1} : Numbers{rows.data() + cell, cells};
    };
    if (spec_.extra == HeadExtra::kAngle) {
      Suppress(candidates, classes, [&](size_t cell) { return Turned(numbers_of(cell), head + classes); });
      return OkStatus();
    }
    std::vector<std::vector<Box>> kept(classes);
    for (const Candidate& candidate : candidates) {
      if (found_.objects.size() >= limits_.most) break;
      const Numbers n = numbers_of(candidate.cell);
      const float half_width = n.at(2) / 2, half_height = n.at(3) / 2;
      const Box box = map_.Edges(n.at(0) - half_width, n.at(1) - half_height, n.at(0) + half_width,
                                 n.at(1) + half_height);
      std::vector<Box>& rivals = kept[static_cast<size_t>(candidate.class_id)];
      if (std::any_of(rivals.begin(), rivals.end(),
                      [&](const Box& rival) { return Overlap(rival, box) > limits_.overlap; }))
        continue;
      rivals.push_back(box);
      Add({box, candidate.class_id, candidate.score, candidate.cell},
          {n.first + (head + classes) * n.step, n.step});
    }
    return OkStatus();
  }

  // The box's score times that of its best class.
  std::vector<Candidate> CandidatesOfV5(std::span<const float> rows, size_t classes, size_t cells,
                                        size_t numbers) const {
    std::vector<Candidate> sure;
    for (size_t cell = 0; cell < cells; ++cell) {
      const float* row = rows.data() + cell * numbers;
      if (!(row[4] >= limits_.score)) continue;
      Candidate best{cell, 0, row[5] * row[4]};
      for (size_t c = 1; c < classes; ++c)
        if (row[5 + c] * row[4] > best.score) best = {cell, static_cast<int>(c), row[5 + c] * row[4]};
      if (best.score >= limits_.score) sure.push_back(best);
    }
    std::stable_sort(sure.begin(), sure.end(),
                     [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
    return sure;
  }

  TurnedBox Turned(const Numbers& n, size_t angle) const {
    return {
      map_.X(n.at(0))
      , map_.Y(n.at(1)), map_.Width(n.at(2)), map_.Height(n.at(3)), n.at(angle)
    };
  }

  // Ultralytics' rule for turned boxes: what overlaps any better box of its class goes, even where that one
  // goes too.
  template <typename TurnedOf>
  void Suppress(const std::vector<Candidate>& candidates, size_t classes, TurnedOf turned_of) {
    std::vector<std::vector<TurnedBox>> better(classes);
    for (const Candidate& candidate : candidates) {
      if (found_.objects.size() >= limits_.most) break;
      const TurnedBox box = turned_of(candidate.cell);
      std::vector<TurnedBox>& rivals = better[static_cast<size_t>(candidate.class_id)];
      const bool doubled = std::any_of(rivals.begin(), rivals.end(), [&](const TurnedBox& rival) {
        return TurnedOverlap(rival, box) > static_cast<double>(limits_.overlap);
      });
      rivals.push_back(box);
      if (doubled) continue;
      AddTurned(box, candidate.class_id, candidate.score, candidate.cell);
    }
  }

  void AddTurned(const TurnedBox& box, int class_id, float score, size_t cell) {
    found_.objects.push_back({Around(box, map_), class_id, score, cell});
    found_.turned.push_back(box);
  }

  // An object with what stands after its scores.
  void Add(const ScoredBox& object, const Numbers& extras) {
    found_.objects.push_back(object);
    if (spec_.extra == HeadExtra::kMask)
      for (size_t i = 0; i < extras_; ++i) found_.coefficients.push_back(extras.at(i));
    if (spec_.extra != HeadExtra::kKeypoints) return;
    for (size_t k = 0; k < found_.numbers; ++k) {
      const size_t at = k * spec_.coordinates;
      found_.keypoints.push_back(map_.ClipX(map_.X(extras.at(at))));
      found_.keypoints.push_back(map_.ClipY(map_.Y(extras.at(at + 1))));
      if (spec_.coordinates > 2) found_.keypoints.push_back(extras.at(at + 2));
    }
  }

  // Indices of the scores that reach the limit, best first, as many as are wanted.
  std::vector<size_t> Best(size_t count, const std::vector<float>& scores) const {
    std::vector<size_t> order;
    for (size_t i = 0; i < count; ++i)
      if (scores[i] >= limits_.score) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
    order.resize(std::min(order.size(), limits_.most));
    return order;
  }

  // A class that a model wrote as a number; -1 where it is none.
  static int ClassOf(double number) {
    return number >= 0 && number < 1 << 30 ? static_cast<int>(number) : -1;
  }

  // Rows whose suppression is done: four edges (or centre, size), score, class, extras.
  Status DecodeReadyRows() {
    size_t count = 0, numbers = 0;
    ORTOLAN_RETURN_IF_ERROR(ReadMatrix(At(spec_.rows), &count, &numbers));
    if (numbers < 6)
      return InvalidArgument("an end2end head's rows have 6 numbers or more, these are {}",
                             ShapeText(At(spec_.rows)));
    extras_ = numbers - 6;
    if (spec_.extra == HeadExtra::kAngle && extras_ < 1)
      return InvalidArgument("rows of {} numbers have no angle", numbers);
    if (spec_.extra == HeadExtra::kMask && At(spec_.prototypes).size(1) != static_cast<int64_t>(extras_))
      return InvalidArgument("rows of {} numbers do not fit prototypes {}", numbers,
                             ShapeText(At(spec_.prototypes)));
    if (spec_.extra == HeadExtra::kKeypoints) found_.numbers = extras_ / spec_.coordinates;
    const float* rows = At(spec_.rows).floats.data();
    std::vector<float> scores(count);
    for (size_t i = 0; i < count; ++i) scores[i] = rows[i * numbers + 4];
    for (const size_t i : Best(count, scores)) {
      const float* row = rows + i * numbers;
      const int class_id = ClassOf(row[5]);
      if (class_id < 0) continue;
      if (spec_.extra == HeadExtra::kAngle) {
        AddTurned(Turned({row, 1}, 6), class_id, row[4], i);
        continue;
      }
      Add({map_.Edges(row[0], row[1], row[2], row[3]), class_id, row[4], i}, {row + 6, 1});
    }
    return OkStatus();
  }

  // DETR and its kin: a box and scores for each query.
  Status DecodeQueries() {
    size_t count = 0, numbers = 0;
    ORTOLAN_RETURN_IF_ERROR(ReadMatrix(At(spec_.rows), &count, &numbers));
    const bool apart = spec_.boxes >= 0, softmax = spec_.family == HeadFamily::kDetr;
    const size_t skipped = apart ? 0 : 4;
    if (numbers < skipped + 1 + (softmax ? 1 : 0))
      return InvalidArgument("a {} head's output {} leaves no room for scores", spec_.name(),
                             ShapeText(At(spec_.rows)));
    const float* rows = At(spec_.rows).floats.data();
    const float* boxes = rows;
    if (apart) {
      size_t box_count = 0, box_numbers = 0;
      ORTOLAN_RETURN_IF_ERROR(ReadMatrix(At(spec_.boxes), &box_count, &box_numbers));
      if (box_numbers != 4 || box_count != count)
        return InvalidArgument("boxes {} do not fit logits {}", ShapeText(At(spec_.boxes)),
                               ShapeText(At(spec_.rows)));
      boxes = At(spec_.boxes).floats.data();
    }
    std::vector<float> scores(count);
    std::vector<int> classes(count);
    for (size_t i = 0; i < count; ++i) {
      const std::span<const float> values(rows + i * numbers + skipped, numbers - skipped);
      const auto best = std::max_element(values.begin(), values.end() - (softmax ? 1 : 0));
      classes[i] = static_cast<int>(best - values.begin());
      scores[i] = softmax ? SoftmaxAt(values, *best) : apart ? Sigmoid(*best) : *best;
    }
    const size_t step = apart ? 4 : numbers;
    for (const size_t i : Best(count, scores))
      found_.objects.push_back({map_.Shares(boxes + i * step), classes[i], scores[i], i});
    return OkStatus();
  }

  static float SoftmaxAt(std::span<const float> values, float value) {
    const float largest = *std::max_element(values.begin(), values.end());
    float sum = 0;
    for (const float other : values) sum += std::exp(other - largest);
    return std::exp(value - largest) / sum;
  }

  // Boxes, labels and scores as they are.
  Status DecodeBoxes() {
    const Output &boxes = At(spec_.boxes), &labels = At(spec_.labels), &scores = At(spec_.scores);
    const size_t count = scores.floats.size();
    if (boxes.floats.size() != 4 * count || labels.count() != count || boxes.shape.empty() ||
        boxes.shape.back() != 4)
      return InvalidArgument("boxes {}, labels {} and scores {} do not fit each other", ShapeText(boxes),
                             ShapeText(labels), ShapeText(scores));
    const std::vector<float> values(scores.floats.begin(), scores.floats.end());
    for (const size_t i : Best(count, values)) {
      const float* edges = boxes.floats.data() + i * 4;
      const int class_id = ClassOf(labels.integers.empty() ? static_cast<double>(labels.floats[i])
                                                           : static_cast<double>(labels.integers[i]));
      if (class_id < 0) continue;
      const Box box = spec_.picture_size >= 0 || spec_.fit == Fit::kWhole
                          ? map_.Clip(edges[0], edges[1], edges[2], edges[3])
                          : map_.Edges(edges[0], edges[1], edges[2], edges[3]);
      found_.objects.push_back({box, class_id, values[i], i});
    }
    return OkStatus();
  }

  const HeadSpec& spec_;
  std::span<const Output> outputs_;
  const View& view_;
  const YoloLimits& limits_;
  Mapper map_;
  size_t extras_ = 0;
  Decoded found_;
};

}  // namespace

std::array<float, 8> TurnedBox::Corners() const {
  const float cosine = std::cos(angle), sine = std::sin(angle);
  const float ax = width / 2 * cosine, ay = width / 2 * sine;     // along the width
  const float bx = -height / 2 * sine, by = height / 2 * cosine;  // along the height
  return {x - ax - bx, y - ay - by, x + ax - bx, y + ay - by,
          x + ax + bx, y + ay + by, x - ax + bx, y - ay + by};
}

double TurnedOverlap(const TurnedBox& one, const TurnedBox& other) {
  struct Moments {
    double a, b, c;
  };
  const auto moments = [](const TurnedBox& box) {
    const double across = static_cast<double>(box.width) * box.width / 12,
                 down = static_cast<double>(box.height) * box.height / 12;
    const double cosine = std::cos(static_cast<double>(box.angle)),
                 sine = std::sin(static_cast<double>(box.angle));
    return Moments{across * cosine * cosine + down * sine * sine,
                   across * sine * sine + down * cosine * cosine, (across - down) * cosine * sine};
  };
  // Keeps divisions and roots away from zero, as Ultralytics has it.
  constexpr double kLeast = 1e-7;
  const Moments p = moments(one), q = moments(other);
  const double a = p.a + q.a, b = p.b + q.b, c = p.c + q.c;
  const double x = static_cast<double>(one.x) - other.x, y = static_cast<double>(one.y) - other.y;
  const double determinant = a * b - c * c;
  const double apart =
      0.25 * (a * y * y + b * x * x) / (determinant + kLeast) - 0.5 * c * x * y / (determinant + kLeast);
  const double spread =
      4 * std::sqrt(std::max(0.0, p.a * p.b - p.c * p.c) * std::max(0.0, q.a * q.b - q.c * q.c)) + kLeast;
  const double unlike = 0.5 * std::log(determinant / spread + kLeast);
  const double distance = std::clamp(apart + unlike, kLeast, 100.0);
  return 1 - std::sqrt(1 - std::exp(-distance) + kLeast);
}

Result<Decoded> DecodeHead(const HeadSpec& spec, std::span<const Output> outputs, const View& view,
                           const YoloLimits& limits) {
  return HeadDecoder(spec, outputs, view, limits).Decode();
}

}  // namespace ortolan::vision
