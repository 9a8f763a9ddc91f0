// `tiara.toml`: settings as a table of keys. Each layer brings its own rows; this file knows none
// of them, so that the broker need not know the TIE part's settings.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dxl/result.hpp"

namespace tiara::broker {

using SettingValue = std::variant<bool, std::int64_t, double, std::string>;

struct Setting {
  std::string_view name;     // "prevalence.min_share": section and key, or a key alone
  std::string_view comment;  // one line for the file
  SettingValue fallback;     // its type is the type the file must use; an integer passes as double
  // Takes the value; the message names what is accepted instead. Called only with fallback's type.
  std::function<dxl::Result<void>(const SettingValue& value)> apply;
};

// Applies what `text` sets. kConfiguration with file, line and key for an unknown key (and the
// known ones), a value of another type, and what `apply` refuses.
dxl::Result<void> read_settings(std::string_view text, std::string_view name,
                                const std::vector<Setting>& settings);

// The file a new state starts with: every key with its comment, commented out at its default.
std::string initial_settings_text(const std::vector<Setting>& settings);

}  // namespace tiara::broker
