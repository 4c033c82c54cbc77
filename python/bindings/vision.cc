// Pictures for ortolan.vision: what is too slow in Python, on arrays. Errors are ValueError and
// FileNotFoundError; the package turns them into its own.
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <memory>
#include <mutex>
#include <span>

#include "bindings.h"
#include "vision/decode.h"
#include "vision/draw.h"
#include "vision/encode.h"
#include "vision/fit.h"
#include "vision/image.h"
#include "vision/letterbox.h"
#include "vision/masks.h"
#include "vision/scores.h"
#include "vision/yolo.h"

namespace ortolan::python {
namespace {

using vision::Image;
using vision::ImageView;

using Pixels = nb::ndarray<const uint8_t, nb::shape<-1, -1, 3>, nb::c_contig, nb::device::cpu>;
using NewPixels = nb::ndarray<nb::numpy, uint8_t, nb::ndim<3>>;
using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
template <size_t kRank>
using NewFloats = nb::ndarray<nb::numpy, float, nb::ndim<kRank>>;

template <typename T>
T OrRaise(Result<T> result) {
  if (result.ok()) return std::move(*result);
  const Status status = result.status();
  if (status.code() != StatusCode::kNoSuchFile) throw nb::value_error(status.message().c_str());
  PyErr_SetString(PyExc_FileNotFoundError, status.message().c_str());
  throw nb::python_error();
}
void OrRaise(const Status& status) {
  if (!status.ok()) throw nb::value_error(status.message().c_str());
}

ImageView ViewOf(const Pixels& pixels) {
  if (pixels.shape(0) > vision::kMostPixels || pixels.shape(1) > vision::kMostPixels)
    throw nb::value_error("image is too large");
  return {
      static_cast<int>(pixels.shape(1)), static_cast<int>(pixels.shape(0)), {pixels.data(), pixels.size()}};
}

// An array that owns a vector.
template <typename Array, typename T>
Array ArrayOf(std::vector<T> items, std::initializer_list<size_t> shape) {
  auto* kept = new std::vector<T>(std::move(items));
  nb::capsule owner(kept, [](void* self) noexcept { delete static_cast<std::vector<T>*>(self); });
  return Array(kept->data(), shape, owner);
}
NewPixels ArrayOf(Image image) {
  const auto height = static_cast<size_t>(image.height), width = static_cast<size_t>(image.width);
  auto* kept = new std::vector<uint8_t>(std::move(image.pixels));
  nb::capsule owner(kept, [](void* self) noexcept {
    const std::unique_ptr<std::vector<uint8_t>> pixels(static_cast<std::vector<uint8_t>*>(self));
    image::KeepMemory(std::move(*pixels));
  });
  return NewPixels(kept->data(), {height, width, size_t{3}}, owner);
}

// Runs `make` without the GIL.
template <typename Make>
auto Released(Make make) {
  nb::gil_scoped_release released;
  return make();
}

NewPixels DecodeImage(const nb::bytes& bytes) {
  const auto* data = static_cast<const std::byte*>(bytes.data());
  return ArrayOf(OrRaise(Released([&] { return vision::DecodeImage({data, bytes.size()}); })));
}

NewPixels ReadImage(const std::string& path) {
  return ArrayOf(OrRaise(Released([&] { return vision::LoadImageFile(path); })));
}

NewPixels Resize(const Pixels& pixels, int width, int height) {
  const ImageView view = ViewOf(pixels);
  return ArrayOf(OrRaise(Released([&] { return vision::ShrinkToSize(view, width, height); })));
}

// Memory for a model's input. It is kept for the next input of its size, since memory fresh from the system
// costs more than writing it; every element is written, so that none needs to be zero first.
class Planes {
 public:
  explicit Planes(size_t count) : count_(count) {
    const std::lock_guard lock(kept().mutex);
    for (Block& block : kept().blocks)
      if (block.count == count_ && block.data) data_ = std::move(block.data);
    if (!data_) data_.reset(new float[count_]);
  }
  ~Planes() {
    if (count_ > kMostKeptFloats) return;
    const std::lock_guard lock(kept().mutex);
    Kept& all = kept();
    all.blocks[all.next] = {std::move(data_), count_};
    all.next = (all.next + 1) % all.blocks.size();
  }
  Planes(const Planes&) = delete;
  Planes& operator=(const Planes&) = delete;

  std::span<float> items() const { return {data_.get(), count_}; }

 private:
  static constexpr size_t kMostKeptFloats = size_t{4} << 20;
  struct Block {
    std::unique_ptr<float[]> data;
    size_t count = 0;
  };
  struct Kept {
    std::mutex mutex;
    std::array<Block, 2> blocks;
    size_t next = 0;
  };
  // Never destroyed: the interpreter gives its last arrays back after everything else.
  static Kept& kept() {
    static auto& all = *new Kept;
    return all;
  }

  std::unique_ptr<float[]> data_;
  size_t count_;
};

void CheckInputSize(int width, int height) {
  if (width < 1 || height < 1 || width > 1 << 14 || height > 1 << 14)
    throw nb::value_error(fmt::format("an input of {} x {} pixels is out of range", width, height).c_str());
}

// A model's input (1, 3, height, width) whose planes are still to be written, and the array that keeps them.
struct NewInput {
  std::span<float> planes;
  NewFloats<4> array;
};
NewInput MakeInput(int width, int height) {
  const auto rows = static_cast<size_t>(height), columns = static_cast<size_t>(width);
  auto* planes = new Planes(3 * rows * columns);
  nb::capsule owner(planes, [](void* self) noexcept { delete static_cast<Planes*>(self); });
  const std::span<float> items = planes->items();
  return {items, NewFloats<4>(items.data(), {size_t{1}, size_t{3}, rows, columns}, owner)};
}

NewFloats<4> ClassifierInput(const Pixels& pixels, int width, int height, const std::vector<float>& mean,
                             const std::vector<float>& deviation) {
  if (mean.size() != 3 || deviation.size() != 3) throw nb::value_error("mean and std have three numbers");
  const ImageView view = ViewOf(pixels);
  CheckInputSize(width, height);
  const NewInput input = MakeInput(width, height);
  OrRaise(Released([&]() -> Status {
    ORTOLAN_ASSIGN_OR_RETURN(const Image small, vision::ShrinkToSize(view, width, height));
    vision::NormalizeToPlanes(small, {mean[0], mean[1], mean[2]}, {deviation[0], deviation[1], deviation[2]},
                              input.planes);
    return OkStatus();
  }));
  return input.array;
}

std::tuple<NewFloats<4>, double, std::tuple<int, int>> DetectorInput(const Pixels& pixels, int width,
                                                                     int height) {
  CheckInputSize(width, height);
  const ImageView view = ViewOf(pixels);
  const vision::Letterbox place = OrRaise(vision::FitInto(view.width, view.height, width, height));
  const NewInput input = MakeInput(width, height);
  OrRaise(Released([&] { return vision::LetterboxToPlanes(view, place, width, height, input.planes); }));
  return {input.array, place.scale, {place.left, place.top}};
}

using NewIds = nb::ndarray<nb::numpy, int64_t, nb::ndim<1>>;

std::tuple<NewIds, NewFloats<2>, NewIds, NewFloats<1>> DecodeYolo(const Floats& output, size_t classes,
                                                                  int width, int height,
                                                                  std::tuple<int, int> pad, double scale,
                                                                  float confidence, float overlap,
                                                                  int64_t most) {
  const size_t cells = output.ndim() == 2 ? output.shape(1) : 0;
  if (output.ndim() != 2 || classes < 1 || output.shape(0) < 4 + classes)
    throw nb::value_error("the output is not (4 + classes, cells)");
  vision::Letterbox place;
  place.scale = scale;
  std::tie(place.left, place.top) = pad;
  const auto found = Released([&] {
    return vision::DecodeYolo({output.data(), (4 + classes) * cells}, classes, cells, place, width, height,
                              {confidence, overlap, most < 0 ? 0 : static_cast<size_t>(most)});
  });
  std::vector<float> boxes, scores;
  std::vector<int64_t> cell_ids, class_ids;
  for (const vision::ScoredBox& object : found) {
    boxes.insert(boxes.end(), {object.box.left, object.box.top, object.box.right, object.box.bottom});
    scores.push_back(object.score);
    class_ids.push_back(object.class_id);
    cell_ids.push_back(static_cast<int64_t>(object.cell));
  }
  const size_t count = found.size();
  return {ArrayOf<NewIds>(std::move(cell_ids), {count}),
          ArrayOf<NewFloats<2>>(std::move(boxes), {count, size_t{4}}),
          ArrayOf<NewIds>(std::move(class_ids), {count}), ArrayOf<NewFloats<1>>(std::move(scores), {count})};
}

using NewMask = nb::ndarray<nb::numpy, uint8_t, nb::ndim<2>>;

vision::Prototypes PrototypesOf(const Floats& prototypes) {
  if (std::max(prototypes.shape(1), prototypes.shape(2)) > vision::kMostPixels)
    throw nb::value_error("prototypes are too large");
  return {{prototypes.data(), prototypes.size()},
          prototypes.shape(0),
          static_cast<int>(prototypes.shape(1)),
          static_cast<int>(prototypes.shape(2))};
}

vision::Letterbox PlaceOf(std::tuple<int, int> pad, double scale) {
  vision::Letterbox place;
  place.scale = scale;
  std::tie(place.left, place.top) = pad;
  return place;
}

struct MaskQuestion {
  vision::Prototypes prototypes;
  vision::Letterbox place;
  int input_width, input_height;
  float threshold;
  std::vector<const float*> coefficients;  // of each box, `stride` apart
  size_t stride = 1;
};

// Masks and, with a picture, what is under them: lists of arrays.
std::tuple<nb::list, nb::list> MaskArrays(const MaskQuestion& question, const Floats& boxes,
                                          const std::optional<Pixels>& picture) {
  const size_t count = question.coefficients.size();
  std::vector<vision::Mask> masks(count);
  std::vector<Image> cuts(picture ? count : 0);
  std::optional<ImageView> view;
  if (picture) view = ViewOf(*picture);
  OrRaise(Released([&]() -> Status {
    for (size_t i = 0; i < count; ++i) {
      const float* edges = boxes.data() + i * 4;
      const vision::Box box{edges[0], edges[1], edges[2], edges[3]};
      ORTOLAN_ASSIGN_OR_RETURN(
          masks[i], vision::DecodeMask(question.prototypes, question.coefficients[i], question.stride, box,
                                       question.place, question.input_width, question.input_height,
                                       question.threshold));
      if (view) cuts[i] = vision::CutOut(*view, box, masks[i]);
    }
    return OkStatus();
  }));
  nb::list mask_arrays, cut_arrays;
  for (vision::Mask& mask : masks)
    mask_arrays.append(ArrayOf<NewMask>(std::move(mask.pixels),
                                        {static_cast<size_t>(mask.height), static_cast<size_t>(mask.width)}));
  for (Image& cut : cuts) cut_arrays.append(ArrayOf(std::move(cut)));
  return {mask_arrays, cut_arrays};
}

// Each of `boxes` with the mask of its cell; with a picture, what is under each mask too. Both are lists of
// arrays.
std::tuple<nb::list, nb::list> DecodeMasks(const Floats& output, const Floats& prototypes, size_t classes,
                                           const Floats& boxes, const std::vector<int64_t>& cells,
                                           std::tuple<int, int> pad, double scale, std::tuple<int, int> input,
                                           float threshold, const std::optional<Pixels>& picture) {
  if (prototypes.ndim() != 3 || output.ndim() != 2 || output.shape(0) != 4 + classes + prototypes.shape(0))
    throw nb::value_error("the output is not (4 + classes + coefficients, cells)");
  if (boxes.ndim() != 2 || boxes.shape(1) != 4 || boxes.shape(0) != cells.size())
    throw nb::value_error("boxes are (n, 4), and a cell for each");
  const size_t stride = output.shape(1);
  MaskQuestion question{PrototypesOf(prototypes), PlaceOf(pad, scale), std::get<0>(input), std::get<1>(input),
                        threshold};
  question.stride = stride;
  for (const int64_t cell : cells) {
    if (cell < 0 || static_cast<size_t>(cell) >= stride) throw nb::value_error("there is no such cell");
    question.coefficients.push_back(output.data() + (4 + classes) * stride + static_cast<size_t>(cell));
  }
  return MaskArrays(question, boxes, picture);
}

// Each of `boxes` with the mask that its coefficients give; the rest as in DecodeMasks.
std::tuple<nb::list, nb::list> MasksOf(const Floats& coefficients, const Floats& prototypes,
                                       const Floats& boxes, std::tuple<int, int> pad, double scale,
                                       std::tuple<int, int> input, float threshold,
                                       const std::optional<Pixels>& picture) {
  if (coefficients.ndim() != 2 || prototypes.ndim() != 3 || coefficients.shape(1) != prototypes.shape(0))
    throw nb::value_error("coefficients are (n, m), and prototypes (m, h, w)");
  if (boxes.ndim() != 2 || boxes.shape(1) != 4 || boxes.shape(0) != coefficients.shape(0))
    throw nb::value_error("boxes are (n, 4), as many as coefficients");
  MaskQuestion question{PrototypesOf(prototypes), PlaceOf(pad, scale), std::get<0>(input), std::get<1>(input),
                        threshold};
  for (size_t i = 0; i < boxes.shape(0); ++i)
    question.coefficients.push_back(coefficients.data() + i * coefficients.shape(1));
  return MaskArrays(question, boxes, picture);
}

NewIds SuppressOverlaps(const Floats& boxes, const Floats& scores, float overlap) {
  if (boxes.ndim() != 2 || boxes.shape(1) != 4 || scores.ndim() != 1 || scores.shape(0) != boxes.shape(0))
    throw nb::value_error("boxes are (n, 4) and scores (n,)");
  std::vector<vision::Box> items;
  for (size_t i = 0; i < boxes.shape(0); ++i) {
    const float* box = boxes.data() + i * 4;
    items.push_back({box[0], box[1], box[2], box[3]});
  }
  const auto kept = vision::SuppressOverlaps(items, {scores.data(), scores.size()}, overlap);
  std::vector<int64_t> ids(kept.begin(), kept.end());
  const size_t count = ids.size();
  return ArrayOf<NewIds>(std::move(ids), {count});
}

// An argument of a model as Python tells it: name, type, sizes (-1: open).
using Declared = std::tuple<std::string, std::string, std::vector<int64_t>>;

std::vector<NodeArg> ArgumentsOf(const std::vector<Declared>& declared) {
  std::vector<NodeArg> arguments;
  for (const auto& [name, type, shape] : declared) arguments.push_back({name, type, shape, {}});
  return arguments;
}

vision::HeadSpec RecognizeHead(const std::vector<Declared>& inputs, const std::vector<Declared>& outputs,
                               const std::map<std::string, std::string>& metadata, const std::string& wanted,
                               int64_t labels, int width, int height) {
  const std::vector<NodeArg> takes = ArgumentsOf(inputs), gives = ArgumentsOf(outputs);
  return OrRaise(vision::RecognizeHead({takes, gives, metadata, wanted, labels, width, height}));
}

const char* FitName(const vision::HeadSpec& spec) {
  switch (spec.fit) {
    case vision::Fit::kLetterbox:
      return "letterbox";
    case vision::Fit::kStretch:
      return "stretch";
    case vision::Fit::kWhole:
      return "whole";
    case vision::Fit::kShortest:
      break;
  }
  return "shortest";
}

// The planes, the letterbox's scale and padding, and the input's width and height.
std::tuple<NewFloats<4>, double, std::tuple<int, int>, std::tuple<int, int>> FillInput(
    const vision::HeadSpec& spec, const Pixels& pixels, int width, int height) {
  const ImageView picture = ViewOf(pixels);
  const vision::View view = OrRaise(vision::PlanInput(spec, picture.width, picture.height, width, height));
  const NewInput input = MakeInput(view.input_width, view.input_height);
  OrRaise(Released([&] { return vision::FillInput(spec, picture, view, input.planes); }));
  return {input.array,
          view.place.scale,
          {view.place.left, view.place.top},
          {view.input_width, view.input_height}};
}

// The picture; the planes, scale, padding and size of FillInput; the milliseconds that these took. Only for
// heads that letterbox.
nb::tuple LoadInto(const vision::HeadSpec& spec, const nb::object& source, int width, int height) {
  CheckInputSize(width, height);
  const NewInput input = MakeInput(width, height);
  std::span<const std::byte> bytes;
  std::string path;
  if (nb::isinstance<nb::bytes>(source)) {
    const auto data = nb::borrow<nb::bytes>(source);
    bytes = {static_cast<const std::byte*>(data.data()), data.size()};
  } else {
    path = nb::cast<std::string>(source);
  }
  vision::Loaded loaded = OrRaise(Released([&] {
    const auto decode = [&](image::OnRows on_rows) {
      return path.empty() ? vision::DecodeImage(bytes, on_rows) : vision::LoadImageFile(path, on_rows);
    };
    return vision::LoadInto(spec, decode, width, height, input.planes);
  }));
  const vision::Letterbox& place = loaded.view.place;
  return nb::make_tuple(
      ArrayOf(std::move(loaded.image)), input.array, place.scale, std::tuple(place.left, place.top),
      std::tuple(loaded.view.input_width, loaded.view.input_height), loaded.fill_milliseconds);
}

using AnyArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

vision::Output OutputOf(const AnyArray& array) {
  vision::Output output;
  for (size_t i = 0; i < array.ndim(); ++i) output.shape.push_back(static_cast<int64_t>(array.shape(i)));
  if (array.dtype() == nb::dtype<float>()) {
    output.floats = {static_cast<const float*>(array.data()), array.size()};
  } else if (array.dtype() == nb::dtype<int64_t>()) {
    output.integers = {static_cast<const int64_t*>(array.data()), array.size()};
  } else {
    throw nb::value_error("outputs are float32 or int64");
  }
  return output;
}

// What is found, best first: cells, boxes (n, 4), classes, scores, keypoints (n, k, 2 or 3), turned boxes
// (n, 5), their corners (n, 4, 2), and coefficients of masks (n, m); each with no columns where there are
// none.
nb::tuple DecodeHead(const vision::HeadSpec& spec, const std::vector<AnyArray>& arrays,
                     std::tuple<int, int> picture, std::tuple<int, int> input, std::tuple<int, int> pad,
                     double scale, float confidence, float overlap, int64_t most) {
  std::vector<vision::Output> outputs;
  for (const AnyArray& array : arrays) outputs.push_back(OutputOf(array));
  vision::View view;
  view.place = PlaceOf(pad, scale);
  std::tie(view.picture_width, view.picture_height) = picture;
  std::tie(view.input_width, view.input_height) = input;
  vision::Decoded found = OrRaise(Released([&] {
    return vision::DecodeHead(spec, outputs, view,
                              {confidence, overlap, most < 0 ? 0 : static_cast<size_t>(most)});
  }));
  const size_t count = found.objects.size();
  std::vector<float> boxes, scores, turned, corners;
  std::vector<int64_t> cells, classes;
  for (const vision::ScoredBox& object : found.objects) {
    boxes.insert(boxes.end(), {object.box.left, object.box.top, object.box.right, object.box.bottom});
    scores.push_back(object.score);
    classes.push_back(object.class_id);
    cells.push_back(static_cast<int64_t>(object.cell));
  }
  for (const vision::TurnedBox& box : found.turned) {
    turned.insert(turned.end(), {box.x, box.y, box.width, box.height, box.angle});
    const auto around = box.Corners();
    corners.insert(corners.end(), around.begin(), around.end());
  }
  const size_t coefficients = count == 0 ? 0 : found.coefficients.size() / count;
  const size_t turned_count = found.turned.size();
  return nb::make_tuple(
      ArrayOf<NewIds>(std::move(cells), {count}), ArrayOf<NewFloats<2>>(std::move(boxes), {count, size_t{4}}),
      ArrayOf<NewIds>(std::move(classes), {count}), ArrayOf<NewFloats<1>>(std::move(scores), {count}),
      ArrayOf<NewFloats<3>>(std::move(found.keypoints), {count, found.numbers, spec.coordinates}),
      ArrayOf<NewFloats<2>>(std::move(turned), {turned_count, size_t{5}}),
      ArrayOf<NewFloats<3>>(std::move(corners), {turned_count, size_t{4}, size_t{2}}),
      ArrayOf<NewFloats<2>>(std::move(found.coefficients), {count, coefficients}));
}

using NewClasses = nb::ndarray<nb::numpy, uint16_t, nb::ndim<2>>;

NewClasses DecodeClassMap(const AnyArray& array, int width, int height) {
  const vision::Output output = OutputOf(array);
  auto map = OrRaise(Released([&] { return vision::DecodeClassMap(output, width, height); }));
  return ArrayOf<NewClasses>(std::move(map), {static_cast<size_t>(height), static_cast<size_t>(width)});
}

using ClassPixels = nb::ndarray<const uint16_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

using MaskPixels = nb::ndarray<const uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

vision::Mask MaskOf(const MaskPixels& pixels) {
  if (pixels.shape(0) > vision::kMostPixels || pixels.shape(1) > vision::kMostPixels)
    throw nb::value_error("mask is too large");
  return {static_cast<int>(pixels.shape(1)),
          static_cast<int>(pixels.shape(0)),
          {pixels.data(), pixels.data() + pixels.size()}};
}

Image CopyOf(const Pixels& pixels) {
  const ImageView view = ViewOf(pixels);
  return {view.width, view.height, {view.pixels.begin(), view.pixels.end()}};
}

NewPixels DrawBoxes(const Pixels& pixels, const std::vector<std::tuple<float, float, float, float>>& boxes,
                    const std::vector<std::string>& captions, const std::vector<int>& class_ids,
                    const std::vector<MaskPixels>& masks,
                    const std::vector<std::vector<std::tuple<float, float, float>>>& keypoints,
                    const std::vector<std::vector<std::tuple<float, float>>>& corners) {
  const auto fits = [&](const auto& list) { return list.empty() || list.size() == boxes.size(); };
  if (captions.size() != boxes.size() || class_ids.size() != boxes.size() || !fits(masks) ||
      !fits(keypoints) || !fits(corners))
    throw nb::value_error("as many captions, class ids and masks as boxes are needed");
  Image image = CopyOf(pixels);
  std::vector<vision::Marking> markings;
  for (size_t i = 0; i < boxes.size(); ++i) {
    const auto& [left, top, right, bottom] = boxes[i];
    markings.push_back({{left, top, right, bottom}, captions[i], vision::ColorOf(class_ids[i]), {}, {}, {}});
    if (!masks.empty()) markings.back().mask = MaskOf(masks[i]);
    if (!keypoints.empty())
      for (const auto& [x, y, certainty] : keypoints[i])
        markings.back().keypoints.push_back({x, y, certainty});
    if (!corners.empty())
      for (const auto& [x, y] : corners[i]) markings.back().corners.push_back({x, y});
  }
  OrRaise(Released([&] { return vision::DrawMarkings(image, markings); }));
  return ArrayOf(std::move(image));
}

NewPixels TintClasses(const Pixels& pixels, const ClassPixels& classes) {
  Image image = CopyOf(pixels);
  if (classes.shape(0) != pixels.shape(0) || classes.shape(1) != pixels.shape(1))
    throw nb::value_error("the classes are not of the picture's size");
  OrRaise(Released([&] {
    return vision::TintClasses(image, {classes.data(), classes.size()}, image.width, image.height);
  }));
  return ArrayOf(std::move(image));
}

NewPixels DrawLines(const Pixels& pixels, const std::vector<std::string>& lines) {
  Image image = CopyOf(pixels);
  OrRaise(Released([&] { return vision::DrawLines(image, lines); }));
  return ArrayOf(std::move(image));
}

void WriteImage(const Pixels& pixels, const std::string& path) {
  const ImageView view = ViewOf(pixels);
  OrRaise(Released([&] { return vision::SaveImageFile(view, path); }));
}

}  // namespace

void BindVision(nb::module_& module) {
  module.def("decode_image", &DecodeImage, nb::arg("data"), "The bytes of a picture file as RGB (h, w, 3).");
  module.def("read_image", &ReadImage, nb::arg("path"), "A picture file as RGB (h, w, 3).");
  module.def("resize", &Resize, nb::arg("image"), nb::arg("width"), nb::arg("height"),
             "Pillow's reduce, then its resize with BILINEAR.");
  module.def("classifier_input", &ClassifierInput, nb::arg("image"), nb::arg("width"), nb::arg("height"),
             nb::arg("mean"), nb::arg("std"), "Resized and normalised: (1, 3, height, width).");
  module.def("detector_input", &DetectorInput, nb::arg("image"), nb::arg("width"), nb::arg("height"),
             "Letterboxed: (1, 3, height, width) of 0..1, the scale, and the padding left and above.");
  module.def("decode_yolo", &DecodeYolo, nb::arg("output"), nb::arg("classes"), nb::arg("width"),
             nb::arg("height"), nb::arg("pad"), nb::arg("scale"), nb::arg("confidence"), nb::arg("overlap"),
             nb::arg("most"), "Cells, boxes, classes and scores of what is found, best first.");
  module.def("decode_masks", &DecodeMasks, nb::arg("output"), nb::arg("prototypes"), nb::arg("classes"),
             nb::arg("boxes"), nb::arg("cells"), nb::arg("pad"), nb::arg("scale"), nb::arg("input"),
             nb::arg("threshold"), nb::arg("picture").none() = nb::none(),
             "Masks of what decode_yolo found, and with a picture what is under them.");
  module.def("masks_of", &MasksOf, nb::arg("coefficients"), nb::arg("prototypes"), nb::arg("boxes"),
             nb::arg("pad"), nb::arg("scale"), nb::arg("input"), nb::arg("threshold"),
             nb::arg("picture").none() = nb::none(), "decode_masks, from coefficients (n, m).");
  nb::class_<vision::HeadSpec>(module, "Head", "What a model's outputs mean.")
      .def_prop_ro("name", &vision::HeadSpec::name)
      .def_prop_ro("fit", &FitName)
      .def_ro("classes", &vision::HeadSpec::classes)
      .def_ro("sure", &vision::HeadSpec::sure)
      .def_ro("batched", &vision::HeadSpec::batched)
      .def_ro("prototypes", &vision::HeadSpec::prototypes)
      .def_ro("picture", &vision::HeadSpec::picture)
      .def_ro("picture_size", &vision::HeadSpec::picture_size)
      .def_ro("pixel_mask", &vision::HeadSpec::pixel_mask)
      .def("fill", &FillInput, nb::arg("image"), nb::arg("width"), nb::arg("height"),
           "The input (1, 3, h, w), the letterbox's scale and padding, the input's width and height.")
      .def("load", &LoadInto, nb::arg("source"), nb::arg("width"), nb::arg("height"),
           "A picture file's path or bytes as RGB, what fill makes of it, the milliseconds that fill took.")
      .def("decode", &DecodeHead, nb::arg("outputs"), nb::arg("picture"), nb::arg("input"), nb::arg("pad"),
           nb::arg("scale"), nb::arg("confidence"), nb::arg("overlap"), nb::arg("most"),
           "Cells, boxes, classes, scores, keypoints, turned boxes, corners, coefficients.");
  module.def("recognize_head", &RecognizeHead, nb::arg("inputs"), nb::arg("outputs"), nb::arg("metadata"),
             nb::arg("wanted"), nb::arg("labels"), nb::arg("width"), nb::arg("height"),
             "Tells what outputs mean; inputs and outputs are (name, type, shape).");
  module.def("decode_class_map", &DecodeClassMap, nb::arg("output"), nb::arg("width"), nb::arg("height"),
             "The class of each pixel of a picture, from a semantic segmenter's output.");
  module.def("suppress_overlaps", &SuppressOverlaps, nb::arg("boxes"), nb::arg("scores"), nb::arg("overlap"),
             "Indices of the boxes that are no doubles of better ones, best first.");
  module.def("draw_boxes", &DrawBoxes, nb::arg("image"), nb::arg("boxes"), nb::arg("captions"),
             nb::arg("class_ids"), nb::arg("masks"), nb::arg("keypoints") = nb::list(),
             nb::arg("corners") = nb::list(),
             "A copy with frames, captions and, where there are any, masks, keypoints and turned frames; the "
             "first box on top.");
  module.def("tint_classes", &TintClasses, nb::arg("image"), nb::arg("classes"),
             "A copy in which each pixel of another class than 0 is tinted.");
  module.def("draw_lines", &DrawLines, nb::arg("image"), nb::arg("lines"),
             "A copy with lines of text in its upper left corner.");
  module.def("write_image", &WriteImage, nb::arg("image"), nb::arg("path"),
             "Writes JPEG, PNG or WebP, by the path's ending.");
}

}  // namespace ortolan::python
