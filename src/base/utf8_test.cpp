#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tiara::base {
namespace {

TEST(Utf8, AcceptsTheBoundariesOfEachLength) {
  for (const std::string_view text :
       {std::string_view("\0", 1), std::string_view("\x7f"), std::string_view("\xc2\x80"),
        std::string_view("\xdf\xbf"), std::string_view("\xe0\xa0\x80"),
        std::string_view("\xed\x9f\xbf"), std::string_view("\xee\x80\x80"),
        std::string_view("\xef\xbf\xbf"), std::string_view("\xf0\x90\x80\x80"),
        std::string_view("\xf4\x8f\xbf\xbf")}) {
    EXPECT_EQ(utf8_character_bytes(text), text.size());
    EXPECT_TRUE(is_valid_utf8(text));
  }
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_utf8("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z"));
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndStrayBytes) {
  for (const char* text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xc3(",
        "\xe2\x82", "\xe2\x82(", "\xf0\x9f\x98", "\xf0\x9f\x98("}) {
    EXPECT_EQ(utf8_character_bytes(text), 0U);
    EXPECT_FALSE(is_valid_utf8(text));
    for (std::size_t before = 0; before < 20; ++before) {
      EXPECT_FALSE(is_valid_utf8(std::string(before, 'x') + text)) << before;
      EXPECT_FALSE(is_valid_utf8(std::string(before, 'x') + text + "0123456789")) << before;
    }
  }
}

}  // namespace
}  // namespace tiara::base
