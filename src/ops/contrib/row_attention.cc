#include "ops/contrib/row_attention.h"

#include <algorithm>
#include <cmath>

#include "base/small_float.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {

void AttendRows(const float* q, int64_t size, int64_t value_size, int64_t count, const RowScores& form,
                FunctionRef<void(int64_t i, float* to)> key, FunctionRef<void(int64_t i, float* to)> value,
                float* y) {
  std::vector<float> scores(static_cast<size_t>(count)), row(static_cast<size_t>(std::max(size, value_size)));
  std::fill_n(y, value_size, 0.0f);
  float most = form.sink ? form.sink_score : -INFINITY;
  for (int64_t i = 0; i < count; ++i) {
    key(i, row.data());
    float score = 0;
    for (int64_t c = 0; c < size; ++c) score += q[c] * row[static_cast<size_t>(c)];
    score *= form.scale;
    if (form.softcap > 0) score = form.softcap * std::tanh(score / form.softcap);
    scores[static_cast<size_t>(i)] = score;
    most = std::max(most, score);
  }
  if (count == 0) return;
  float sum = form.sink ? std::exp(form.sink_score - most) : 0;
  for (float& score : scores) sum += score = std::exp(score - most);
  for (int64_t i = 0; i < count; ++i) {
    const float weight = scores[static_cast<size_t>(i)] / sum;
    if (weight == 0) continue;
    value(i, row.data());
    for (int64_t c = 0; c < value_size; ++c) y[c] += weight * row[static_cast<size_t>(c)];
  }
}

void MakeHead(const HeadForm& form, const float* from, int64_t position, float* to) {
  float factor = 1;
  if (form.norm != nullptr) {
    float sum = 0;
    for (int64_t i = 0; i < form.size; ++i) sum += from[i] * from[i];
    factor = 1 / std::sqrt(sum / static_cast<float>(form.size) + form.epsilon);
  }
  for (int64_t i = 0; i < form.size; ++i)
    to[i] = form.norm != nullptr ? from[i] * factor * form.norm[i] : from[i];
  if (form.cosine == nullptr) return;
  float* turned = to + form.offset;
  const int64_t step = form.interleaved ? 2 : 1, apart = form.interleaved ? 1 : form.half;
  for (int64_t i = 0; i < form.half; ++i) {
    const float c = form.cosine[position * form.half + i], s = form.sine[position * form.half + i];
    const float a = turned[i * step], b = turned[i * step + apart];
    turned[i * step] = c * a - s * b;
    turned[i * step + apart] = s * a + c * b;
  }
}

int64_t CacheRows::row_bytes() const {
  return dtype == DType::kUInt8 ? (size + 1) / 2 : static_cast<int64_t>(DTypeBytes(dtype, size));
}

void CacheRows::Read(int64_t row, int64_t head, float* to) const {
  const auto* bytes = static_cast<const uint8_t*>(data) + row * row_bytes();
  switch (dtype) {
    case DType::kUInt8:
      for (int64_t i = 0; i < size; ++i) {
        const auto code = static_cast<uint8_t>(bytes[i / 2] >> i % 2 * 4 & 15);
        const int whole = biased4 ? code - 8 : code < 8 ? code : code - 16;
        to[i] = float4 ? DecodeSmallFloat(kE2M1, code) : static_cast<float>(whole);
      }
      break;
    case DType::kInt8:
      for (int64_t i = 0; i < size; ++i) to[i] = static_cast<float>(static_cast<int8_t>(bytes[i]));
      break;
    case DType::kFloat8E4M3FN:
      for (int64_t i = 0; i < size; ++i) to[i] = DecodeSmallFloat(kE4M3FN, bytes[i]);
      break;
    case DType::kFloat16:
      for (int64_t i = 0; i < size; ++i)
        to[i] = static_cast<float>(reinterpret_cast<const Float16*>(bytes)[i]);
      return;
    case DType::kBFloat16:
      for (int64_t i = 0; i < size; ++i)
        to[i] = static_cast<float>(reinterpret_cast<const BFloat16*>(bytes)[i]);
      return;
    default:
      std::copy_n(reinterpret_cast<const float*>(bytes), size, to);
      return;
  }
  for (int64_t i = 0; i < size && scales != nullptr; ++i)
    to[i] *= by_channel ? scales[head * size + i] : scales[0];
}

void CacheRows::Write(int64_t row, int64_t head, const float* from) const {
  auto* bytes = static_cast<uint8_t*>(data) + row * row_bytes();
  const auto scaled = [&](int64_t i) {
    if (scales == nullptr) return from[i];
    const float scale = by_channel ? scales[head * size + i] : scales[0];
    return scale == 0 ? 0.0f : from[i] / scale;
  };
  const auto whole = [&](int64_t i, float most) {
    return std::clamp(std::nearbyint(scaled(i)), -most - 1, most);
  };
  switch (dtype) {
    case DType::kUInt8:
      for (int64_t i = 0; i < size; ++i) {
        const int code = float4 ? EncodeSmallFloat(kE2M1, scaled(i), true)
                                : (static_cast<int>(whole(i, 7)) + (biased4 ? 8 : 0)) & 15;
        bytes[i / 2] = static_cast<uint8_t>(i % 2 == 0 ? code : (bytes[i / 2] & 15) | code << 4);
      }
      return;
    case DType::kInt8:
      for (int64_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(static_cast<int8_t>(whole(i, 127)));
      return;
    case DType::kFloat8E4M3FN:
      for (int64_t i = 0; i < size; ++i) bytes[i] = EncodeSmallFloat(kE4M3FN, scaled(i), true);
      return;
    case DType::kFloat16:
      for (int64_t i = 0; i < size; ++i) reinterpret_cast<Float16*>(bytes)[i] = Float16(from[i]);
      return;
    case DType::kBFloat16:
      for (int64_t i = 0; i < size; ++i) reinterpret_cast<BFloat16*>(bytes)[i] = BFloat16(from[i]);
      return;
    default:
      std::copy_n(from, size, reinterpret_cast<float*>(bytes));
  }
}

}  // namespace ortolan
