// ImageDecoder: the picture in the bytes of a BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP file as uint8
// samples (height, width, channels). Bytes that are no such picture give an empty one (0, 0, channels), as
// ONNX wants it; other pixel formats than RGB, BGR and Grayscale are refused.
#include <algorithm>

#include "kernels/image/picture.h"
#include "ops/op.h"

namespace ortolan {
namespace {

enum class PixelFormat : uint8_t { kRgb, kBgr, kGrey };

Result<PixelFormat> FormatOf(const graph::Attributes& attributes) {
  const std::string_view name = attributes.String("pixel_format", "RGB");
  if (name == "RGB") return PixelFormat::kRgb;
  if (name == "BGR") return PixelFormat::kBgr;
  if (name == "Grayscale") return PixelFormat::kGrey;
  return InvalidArgument("ImageDecoder: pixel_format is '{}', expected RGB, BGR or Grayscale", name);
}

int64_t Channels(PixelFormat format) {
  return format == PixelFormat::kGrey ? 1 : 3;
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const PixelFormat format, FormatOf(context.attributes()));
  context.SetType(0, DType::kUInt8);
  context.SetShape(0, {context.Unknown(), context.Unknown(), graph::Dim(Channels(format))});
  return OkStatus();
}

// The weights of ITU-R 601 in 16 bits, rounded: what Pillow's `convert("L")` gives.
uint8_t Grey(const uint8_t* rgb) {
  return static_cast<uint8_t>((rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >> 16);
}

Status Run(const void* state, RunContext& context) {
  const PixelFormat format = *static_cast<const PixelFormat*>(state);
  const TensorRef& encoded = context.input(0);
  if (encoded.dims.size() != 1)
    return InvalidArgument("ImageDecoder: the input has shape {}, expected one axis", DimsText(encoded.dims));
  auto picture = image::Decode(std::as_bytes(encoded.Items<const uint8_t>()));
  if (!picture.ok()) {
    if (picture.status().code() != StatusCode::kInvalidArgument) return std::move(picture).status();
    return context.Output(0, {0, 0, Channels(format)});
  }
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, {picture->height, picture->width, Channels(format)}));
  const uint8_t* from = picture->pixels.data();
  auto* to = context.output(0).As<uint8_t>();
  const size_t samples = picture->pixels.size();
  if (format == PixelFormat::kGrey) {
    for (size_t i = 0; i < samples / 3; ++i) to[i] = Grey(from + i * 3);
  } else if (format == PixelFormat::kBgr) {
    for (size_t i = 0; i < samples; i += 3) std::reverse_copy(from + i, from + i + 3, to + i);
  } else {
    std::copy(from, from + samples, to);
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const PixelFormat format, FormatOf(context.node.attributes));
  prepared->state = std::make_shared<const PixelFormat>(format);
  prepared->run = Run;
  prepared->kernel = "image_decoder";
  return OkStatus();
}

constexpr int kVersions[] = {20};
constexpr FormalParameter kInputs[] = {{"encoded_stream", "tensor(uint8)"}};
constexpr FormalParameter kOutputs[] = {{"image", "tensor(uint8)"}};
constexpr AttributeSpec kAttributes[] = {{"pixel_format", graph::AttributeType::kString}};

}  // namespace

extern const OpDef kImageDecoder;
constexpr OpDef kImageDecoder{.domain = "",
                              .name = "ImageDecoder",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .attributes = kAttributes,
                              .traits = {.data_dependent_shape = true},
                              .infer = Infer,
                              .prepare = Prepare};

}  // namespace ortolan
