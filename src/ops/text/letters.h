// UTF-8 and the case of letters, the same on every machine: nothing here asks the system's locales.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ortolan::text {

enum class Case : uint8_t { kAsIs, kLower, kUpper };

// Whose letters: Turkish and Azerbaijani tell a dotted from a dotless i.
enum class Alphabet : uint8_t { kUsual, kTurkic };
// Of a locale's name such as "tr_TR.UTF-8".
Alphabet AlphabetOf(std::string_view locale);

// One letter for one, by Unicode's simple mappings: what has no single letter in the other case stays.
uint32_t ChangedLetter(uint32_t letter, Case to, Alphabet alphabet);

// The text with every letter changed. Bytes that are no UTF-8 stay as they are.
std::string Changed(std::string_view text, Case to, Alphabet alphabet);

// How many letters a text has; -1 where it is no UTF-8.
int64_t LetterCount(std::string_view text);

}  // namespace ortolan::text
