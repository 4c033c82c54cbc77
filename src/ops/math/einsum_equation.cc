#include "ops/math/einsum_equation.h"

#include <algorithm>
#include <array>
#include <string>

namespace ortolan::math {
namespace {

// A term before the ellipsis is resolved.
constexpr Label kEllipsis = -1;
constexpr int kLetters = kFirstEllipsisLabel;

Result<Labels> ParseTerm(std::string_view term) {
  Labels labels;
  bool ellipsis = false;
  for (size_t i = 0; i < term.size(); ++i) {
    const char c = term[i];
    if (c >= 'A' && c <= 'Z') {
      labels.push_back(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      labels.push_back(c - 'a' + 26);
    } else if (term.substr(i, 3) == "..." && !ellipsis) {
      labels.push_back(kEllipsis);
      ellipsis = true;
      i += 2;
    } else {
      return InvalidArgument("Einsum: '{}' is no subscript", term);
    }
  }
  return labels;
}

bool HasEllipsis(const Labels& labels) {
  return std::find(labels.begin(), labels.end(), kEllipsis) != labels.end();
}

// `axes` labels in place of the ellipsis.
Labels Resolved(const Labels& labels, int64_t axes) {
  Labels resolved;
  for (const Label label : labels) {
    if (label != kEllipsis) {
      resolved.push_back(label);
      continue;
    }
    for (int64_t i = axes; i-- > 0;) resolved.push_back(kFirstEllipsisLabel + static_cast<Label>(i));
  }
  return resolved;
}

Status CheckOutput(const EinsumEquation& equation) {
  const Labels& output = equation.output;
  for (size_t i = 0; i < output.size(); ++i) {
    if (std::find(output.begin(), output.begin() + i, output[i]) != output.begin() + i) {
      return InvalidArgument("Einsum: a subscript stands twice in the output");
    }
    const bool known = std::any_of(equation.inputs.begin(), equation.inputs.end(), [&](const Labels& labels) {
      return std::find(labels.begin(), labels.end(), output[i]) != labels.end();
    });
    if (!known) return InvalidArgument("Einsum: the output has a subscript that no operand has");
  }
  return OkStatus();
}

}  // namespace

Result<EinsumEquation> ParseEinsum(std::string_view equation, std::span<const int64_t> ranks) {
  std::string text;
  for (const char c : equation) {
    if (c != ' ') text += c;
  }
  const size_t arrow = text.find("->");
  std::string_view left = std::string_view(text).substr(0, arrow);
  EinsumEquation parsed;
  std::array<int, kLetters> uses{};
  int64_t ellipsis_axes = 0;
  bool any_ellipsis = false;
  for (size_t i = 0; i < ranks.size(); ++i) {
    const size_t comma = left.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == ranks.size())) {
      return InvalidArgument("Einsum: '{}' does not have {} operands", equation, ranks.size());
    }
    ORTOLAN_ASSIGN_OR_RETURN(const Labels labels, ParseTerm(left.substr(0, comma)));
    left = comma == std::string_view::npos ? std::string_view() : left.substr(comma + 1);
    const bool ellipsis = HasEllipsis(labels);
    const int64_t axes = ranks[i] - static_cast<int64_t>(labels.size()) + (ellipsis ? 1 : 0);
    if (axes < 0 || (axes > 0 && !ellipsis)) {
      return InvalidArgument("Einsum: operand {} has rank {}, which '{}' does not fit", i, ranks[i],
                             equation);
    }
    if (ellipsis) ellipsis_axes = std::max(ellipsis_axes, axes);
    any_ellipsis = any_ellipsis || ellipsis;
    for (const Label label : labels) {
      if (label >= 0) ++uses[static_cast<size_t>(label)];
    }
    parsed.inputs.push_back(Resolved(labels, ellipsis ? axes : 0));
  }
  Labels output;
  if (arrow != std::string::npos) {
    ORTOLAN_ASSIGN_OR_RETURN(output, ParseTerm(std::string_view(text).substr(arrow + 2)));
  } else {
    if (any_ellipsis) output.push_back(kEllipsis);
    for (int i = 0; i < kLetters; ++i) {
      if (uses[static_cast<size_t>(i)] == 1) output.push_back(i);
    }
  }
  parsed.output = Resolved(output, ellipsis_axes);
  ORTOLAN_RETURN_IF_ERROR(CheckOutput(parsed));
  return parsed;
}

}  // namespace ortolan::math
