// Settings as a table of keys, and the layers their values come from: arguments, environment, file,
// defaults. Each part of the program brings its own rows; this file knows none of them, so that the
// broker need not know the TIE part's settings.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
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
  std::string accepted{};  // for the reference: "1 to 64"; empty: whatever has the type
  bool reloads = false;    // a reload applies it; otherwise the next start does
};

// A value and who set it: "FILE:LINE", "TIARA_LISTEN_PORT", "--port", "default".
struct SetValue {
  SettingValue value;
  std::string origin;
  friend bool operator==(const SetValue&, const SetValue&) = default;
};
using SetValues = std::map<std::string, SetValue, std::less<>>;  // by name

// The layers, one function each. kConfiguration with everything that is wrong, a line each: an
// unknown key (and those that are known, or the nearest), a value of another type.
dxl::Result<SetValues> read_settings_text(std::string_view text, std::string_view file,
                                          const std::vector<Setting>& settings);
// `environment`: "NAME=value" each. Looked at are variables that begin as a setting's does and
// those that are nearly one; TIARA_ may begin other names, too.
dxl::Result<SetValues> read_settings_environment(const std::vector<std::string>& environment,
                                                 const std::vector<Setting>& settings);
struct SettingArgument {
  std::string name, text;
  std::string flag;  // as the user wrote it: "--port"
};
dxl::Result<SetValues> read_settings_arguments(const std::vector<SettingArgument>& arguments,
                                               const std::vector<Setting>& settings);

// Hands each value of each layer to its row, the weakest layer first, and returns what holds then,
// defaults included. kConfiguration with all that rows refuse, a line each: a bad value is an error
// even if a stronger layer overrides it.
dxl::Result<SetValues> apply_settings(const std::vector<SetValues>& layers,
                                      const std::vector<Setting>& settings);

// The two above for a file alone.
dxl::Result<void> read_settings(std::string_view text, std::string_view name,
                                const std::vector<Setting>& settings);

// "limits.message_bytes" -> "TIARA_LIMITS_MESSAGE_BYTES".
std::string environment_name(std::string_view setting);
// As it stands in the file: strings in quotes.
std::string to_toml(const SettingValue& value);
// The file a new state starts with: every key with its comment, commented out at its default, but
// for those that `chosen` sets.
std::string initial_settings_text(const std::vector<Setting>& settings,
                                  const SetValues& chosen = {});
// Every key as Markdown tables, one per section.
std::string settings_reference(const std::vector<Setting>& settings);

}  // namespace tiara::broker
