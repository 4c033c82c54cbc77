#include "ops/text/letters.h"

#include <gtest/gtest.h>

namespace ortolan::text {
namespace {

std::string Upper(std::string_view text, Alphabet alphabet = Alphabet::kUsual) {
  return Changed(text, Case::kUpper, alphabet);
}
std::string Lower(std::string_view text, Alphabet alphabet = Alphabet::kUsual) {
  return Changed(text, Case::kLower, alphabet);
}

TEST(Letters, ChangesCaseBeyondAscii) {
  EXPECT_EQ(Upper("straße, où? ñandú"), "STRAßE, OÙ? ÑANDÚ");  // ß has no single upper case
  EXPECT_EQ(Lower("ÀÉÎÕÜ ÆØÅ Ÿ"), "àéîõü æøå ÿ");
  EXPECT_EQ(Upper("жизнь ѣ ӏ"), "ЖИЗНЬ Ѣ Ӏ");
  EXPECT_EQ(Lower("ΑΒΓ ΣΊΣΥΦΟΣ"), "αβγ σίσυφοσ");
  EXPECT_EQ(Upper("āăą ǆ ŉ ƒ"), "ĀĂĄ Ǆ ŉ Ƒ");
  EXPECT_EQ(Upper("ա ვ ꭰ ⅷ ⓐ ａ 𐐨"), "Ա Ვ Ꭰ Ⅷ Ⓐ Ａ 𐐀");
  EXPECT_EQ(Lower("İ K Å"), "i k å");
  EXPECT_EQ(Upper("日本語 العربية 123"), "日本語 العربية 123");
}

TEST(Letters, LeavesWhatIsNoTextAsItIs) {
  for (const std::string_view text : {"\xff\xfe", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc0\xaf",
                                      "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80", "\x80\x80"}) {
    EXPECT_EQ(Upper(text), text);
    EXPECT_EQ(Lower(text), text);
  }
  EXPECT_EQ(Upper("a\xc3z"), "A\xc3Z");
}

TEST(Letters, CountsLetters) {
  EXPECT_EQ(LetterCount(""), 0);
  EXPECT_EQ(LetterCount("Köln 日本 😀"), 9);
  EXPECT_EQ(LetterCount("a\xff"), -1);
}

TEST(Letters, KnowsTheTurkishI) {
  EXPECT_EQ(AlphabetOf("tr_TR.UTF-8"), Alphabet::kTurkic);
  EXPECT_EQ(AlphabetOf("az"), Alphabet::kTurkic);
  for (const std::string_view locale : {"", "en_US", "tres_chic", "C.UTF-8"})
    EXPECT_EQ(AlphabetOf(locale), Alphabet::kUsual) << locale;
  EXPECT_EQ(Upper("diyarbakır", Alphabet::kTurkic), "DİYARBAKIR");
  EXPECT_EQ(Lower("DIYARBAKIR İ", Alphabet::kTurkic), "dıyarbakır i");
}

// Going there and back, letter by letter: each upper case letter that a lower case one has leads back to it,
// but for letters of which several share one.
TEST(Letters, AgreesWithItselfOverAllOfUnicode) {
  int changed = 0, back = 0;
  for (uint32_t letter = 0; letter < 0x110000; ++letter) {
    const uint32_t upper = ChangedLetter(letter, Case::kUpper, Alphabet::kUsual);
    ASSERT_LT(upper, 0x110000U);
    if (upper == letter) continue;
    ++changed;
    if (ChangedLetter(upper, Case::kLower, Alphabet::kUsual) == letter) ++back;
  }
  EXPECT_EQ(changed, 1450);
  EXPECT_EQ(back, 1423);
}

}  // namespace
}  // namespace ortolan::text
