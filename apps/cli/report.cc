#include "report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "command.h"
#include "page.h"

namespace ortolan::cli {
namespace {

std::string WithPrefix(double number, double step, std::span<const char* const> prefixes) {
  size_t at = 0;
  while (std::abs(number) >= step && at + 1 < prefixes.size()) {
    number /= step;
    ++at;
  }
  const int digits = at == 0 || number >= 100 ? 0 : number >= 10 ? 1 : 2;
  return fmt::format("{:.{}f}{}", number, digits, prefixes[at]);
}

}  // namespace

std::string Short(double number) {
  static constexpr const char* kPrefixes[] = {"", " k", " M", " G", " T"};
  return WithPrefix(number, 1000, kPrefixes);
}

std::string ShortBytes(double bytes) {
  static constexpr const char* kPrefixes[] = {" B", " KiB", " MiB", " GiB", " TiB"};
  return WithPrefix(bytes, 1024, kPrefixes);
}

std::string Curve(const std::vector<double>& values, size_t width, size_t height) {
  static constexpr const char* kEighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (values.empty()) return "";
  const size_t columns = std::min(width, values.size());
  std::vector<double> tops(columns, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    double& top = tops[i * columns / values.size()];
    top = std::max(top, values[i]);
  }
  const double most = *std::max_element(tops.begin(), tops.end());
  if (most <= 0) return "";
  std::string text;
  for (size_t row = height; row-- > 0;) {
    text += row + 1 == height ? fmt::format("{:>10} ", ShortBytes(most)) : std::string(11, ' ');
    for (const double top : tops) {
      const double eighths =
          std::ceil(top / most * static_cast<double>(8 * height)) - static_cast<double>(8 * row);
      text += kEighths[static_cast<size_t>(std::clamp(eighths, 0.0, 8.0))];
    }
    while (text.ends_with(' ')) text.pop_back();
    text += '\n';
  }
  return text;
}

std::string JsonText(const nlohmann::json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string Page(const nlohmann::json& report) {
  std::string data = report.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  // Names of a model must not end the script that holds them.
  for (size_t at = data.find('<'); at != std::string::npos; at = data.find('<', at))
    data.replace(at, 1, "\\u003c");
  std::string page(kPage);
  constexpr std::string_view kMark = "/*REPORT*/null";
  return page.replace(page.find(kMark), kMark.size(), data);
}

void WriteText(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw CommandError(kFailed, fmt::format("{} cannot be written", path));
}

}  // namespace ortolan::cli
