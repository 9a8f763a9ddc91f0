// Rows of the settings' table (broker/settings.hpp) by the kind of their values. Each writes into
// `into`, whose value at the time is the default and which must outlive the row.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/settings.hpp"

namespace tiara::app {

broker::Setting flag(std::string_view name, std::string_view comment, bool& into);
broker::Setting share(std::string_view name, std::string_view comment, double& into);
// Any text, also none.
broker::Setting text(std::string_view name, std::string_view comment, std::string_view accepted,
                     std::string& into);
// Items between commas, each handed to `take` without the spaces around it; `take` is told to begin
// anew by `clear`. `what` they are, for the message and the reference.
broker::Setting list(std::string_view name, std::string_view comment, std::string_view what,
                     std::string fallback, std::function<void()> clear,
                     std::function<bool(std::string_view item)> take);
broker::Setting names(std::string_view name, std::string_view comment,
                      std::vector<std::string>& into);
// To listen on; at least one.
broker::Setting addresses(std::string_view name, std::string_view comment,
                          std::vector<std::string>& into);

template <class Integer>
broker::Setting number(std::string_view name, std::string_view comment, Integer& into,
                       std::int64_t minimum, std::int64_t maximum) {
  return {name, comment, static_cast<std::int64_t>(into),
          [&into, minimum, maximum](const broker::SettingValue& value) -> dxl::Result<void> {
            const std::int64_t integer = std::get<std::int64_t>(value);
            if (integer < minimum || integer > maximum)
              return dxl::fail(dxl::ErrorCode::kConfiguration,
                               fmt::format("expected {} to {}", minimum, maximum));
            into = static_cast<Integer>(integer);
            return {};
          },
          fmt::format("{} to {}", minimum, maximum)};
}

// Whole seconds.
template <class Duration>
broker::Setting seconds(std::string_view name, std::string_view comment, Duration& into,
                        std::int64_t maximum) {
  const auto fallback = std::chrono::duration_cast<std::chrono::seconds>(into).count();
  return {name, comment, std::int64_t{fallback},
          [&into, maximum](const broker::SettingValue& value) -> dxl::Result<void> {
            const std::int64_t count = std::get<std::int64_t>(value);
            if (count < 1 || count > maximum)
              return dxl::fail(dxl::ErrorCode::kConfiguration,
                               fmt::format("expected 1 to {} seconds", maximum));
            into = std::chrono::seconds(count);
            return {};
          },
          fmt::format("1 to {} seconds", maximum)};
}

template <class Enum>
using Choices = std::vector<std::pair<std::string_view, Enum>>;

// The first choice is the default.
template <class Enum>
broker::Setting choice(std::string_view name, std::string_view comment, Enum& into,
                       Choices<Enum> choices) {
  const std::string first(choices.front().first);
  std::string accepted;
  for (const auto& [text, meaning] : choices)
    accepted += fmt::format("{}`\"{}\"`", accepted.empty() ? "" : ", ", text);
  return {name, comment, first,
          [&into,
           choices = std::move(choices)](const broker::SettingValue& value) -> dxl::Result<void> {
            std::string expected;
            for (const auto& [text, meaning] : choices) {
              if (text == std::get<std::string>(value)) {
                into = meaning;
                return {};
              }
              expected += fmt::format("{}\"{}\"", expected.empty() ? "" : ", ", text);
            }
            return dxl::fail(dxl::ErrorCode::kConfiguration, "expected one of " + expected);
          },
          accepted};
}

}  // namespace tiara::app
