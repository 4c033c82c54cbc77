// Pictures for ortolan.vision: what is too slow in Python, on arrays. Errors are ValueError and
// FileNotFoundError; the package turns them into its own.
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "vision/draw.h"
#include "vision/encode.h"
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
  return ArrayOf<NewPixels>(std::move(image.pixels), {height, width, size_t{3}});
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

NewFloats<4> ClassifierInput(const Pixels& pixels, int width, int height, const std::vector<float>& mean,
                             const std::vector<float>& deviation) {
  if (mean.size() != 3 || deviation.size() != 3) throw nb::value_error("mean and std have three numbers");
  const ImageView view = ViewOf(pixels);
  std::vector<float> planes;
  OrRaise(Released([&]() -> Status {
    ORTOLAN_ASSIGN_OR_RETURN(const Image small, vision::ShrinkToSize(view, width, height));
    planes.resize(small.pixels.size());
    vision::NormalizeToPlanes(small, {mean[0], mean[1], mean[2]}, {deviation[0], deviation[1], deviation[2]},
                              planes);
    return OkStatus();
  }));
  return ArrayOf<NewFloats<4>>(
      std::move(planes), {size_t{1}, size_t{3}, static_cast<size_t>(height), static_cast<size_t>(width)});
}

std::tuple<NewFloats<4>, double, std::tuple<int, int>> DetectorInput(const Pixels& pixels, int width,
                                                                     int height) {
  if (width < 1 || height < 1 || width > 1 << 14 || height > 1 << 14)
    throw nb::value_error(fmt::format("an input of {} x {} pixels is out of range", width, height).c_str());
  const ImageView view = ViewOf(pixels);
  const vision::Letterbox place = OrRaise(vision::FitInto(view.width, view.height, width, height));
  const auto rows = static_cast<size_t>(height), columns = static_cast<size_t>(width);
  // Every element is written, so that none needs to be zero first.
  auto* planes = new float[3 * rows * columns];
  nb::capsule owner(planes, [](void* self) noexcept { delete[] static_cast<float*>(self); });
  OrRaise(Released([&] {
    return vision::LetterboxToPlanes(view, place, width, height, {planes, 3 * rows * columns});
  }));
  return {NewFloats<4>(planes, {size_t{1}, size_t{3}, rows, columns}, owner),
          place.scale,
          {place.left, place.top}};
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
  if (std::max(prototypes.shape(1), prototypes.shape(2)) > vision::kMostPixels)
    throw nb::value_error("prototypes are too large");
  const size_t stride = output.shape(1);
  for (const int64_t cell : cells)
    if (cell < 0 || static_cast<size_t>(cell) >= stride) throw nb::value_error("there is no such cell");
  vision::Letterbox place;
  place.scale = scale;
  std::tie(place.left, place.top) = pad;
  const vision::Prototypes planes{{prototypes.data(), prototypes.size()},
                                  prototypes.shape(0),
                                  static_cast<int>(prototypes.shape(1)),
                                  static_cast<int>(prototypes.shape(2))};
  std::vector<vision::Mask> masks(cells.size());
  std::vector<Image> cuts(picture ? cells.size() : 0);
  std::optional<ImageView> view;
  if (picture) view = ViewOf(*picture);
  OrRaise(Released([&]() -> Status {
    for (size_t i = 0; i < cells.size(); ++i) {
      const float* edges = boxes.data() + i * 4;
      const vision::Box box{edges[0], edges[1], edges[2], edges[3]};
      const float* coefficients = output.data() + (4 + classes) * stride + static_cast<size_t>(cells[i]);
      ORTOLAN_ASSIGN_OR_RETURN(
          masks[i], vision::DecodeMask(planes, coefficients, stride, box, place, std::get<0>(input),
                                       std::get<1>(input), threshold));
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
                    const std::vector<MaskPixels>& masks) {
  if (captions.size() != boxes.size() || class_ids.size() != boxes.size() ||
      (!masks.empty() && masks.size() != boxes.size()))
    throw nb::value_error("as many captions, class ids and masks as boxes are needed");
  Image image = CopyOf(pixels);
  std::vector<vision::Marking> markings;
  for (size_t i = 0; i < boxes.size(); ++i) {
    const auto& [left, top, right, bottom] = boxes[i];
    markings.push_back({{left, top, right, bottom}, captions[i], vision::ColorOf(class_ids[i]), {}});
    if (!masks.empty()) markings.back().mask = MaskOf(masks[i]);
  }
  OrRaise(Released([&] { return vision::DrawMarkings(image, markings); }));
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
  module.def("suppress_overlaps", &SuppressOverlaps, nb::arg("boxes"), nb::arg("scores"), nb::arg("overlap"),
             "Indices of the boxes that are no doubles of better ones, best first.");
  module.def("draw_boxes", &DrawBoxes, nb::arg("image"), nb::arg("boxes"), nb::arg("captions"),
             nb::arg("class_ids"), nb::arg("masks"),
             "A copy with frames, captions and, where there are any, masks; the first box on top.");
  module.def("draw_lines", &DrawLines, nb::arg("image"), nb::arg("lines"),
             "A copy with lines of text in its upper left corner.");
  module.def("write_image", &WriteImage, nb::arg("image"), nb::arg("path"),
             "Writes JPEG, PNG or WebP, by the path's ending.");
}

}  // namespace ortolan::python
