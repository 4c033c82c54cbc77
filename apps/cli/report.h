// What `explain` and `profile` write for people: numbers with units, a curve in letters, the page.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace ortolan::cli {

// "1.42 M": a number with three digits and a unit's prefix; bytes with those of 1024.
std::string Short(double number);
std::string ShortBytes(double bytes);

// Rows of blocks, as high as the values, `width` columns at most: the largest value of each part.
std::string Curve(const std::vector<double>& values, size_t width, size_t height);

// A self-contained HTML page that shows the report. `report["kind"]` is "profile" or "explain"; page.html
// says what else it reads.
std::string Page(const nlohmann::json& report);

// Ends the command with kFailed where the file cannot be written.
void WriteText(const std::string& path, const std::string& text);

std::string JsonText(const nlohmann::json& json);

}  // namespace ortolan::cli
