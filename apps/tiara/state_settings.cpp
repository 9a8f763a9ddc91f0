#include "tiara/state_settings.hpp"

#include <fmt/format.h>

#include <utility>

namespace tiara::app {
namespace {

using broker::Setting;
using broker::SettingValue;
using dxl::ErrorCode;
using Applied = dxl::Result<void>;

Setting flag(std::string_view name, std::string_view comment, bool& into) {
  return {name, comment, into, [&into](const SettingValue& value) -> Applied {
            into = std::get<bool>(value);
            return {};
          }};
}

template <class Integer>
Setting number(std::string_view name, std::string_view comment, Integer& into, std::int64_t minimum,
               std::int64_t maximum) {
  return {name, comment, static_cast<std::int64_t>(into),
          [&into, minimum, maximum](const SettingValue& value) -> Applied {
            const std::int64_t integer = std::get<std::int64_t>(value);
            if (integer < minimum || integer > maximum)
              return dxl::fail(ErrorCode::kConfiguration,
                               fmt::format("expected {} to {}", minimum, maximum));
            into = static_cast<Integer>(integer);
            return {};
          }};
}

Setting share(std::string_view name, std::string_view comment, double& into) {
  return {name, comment, into, [&into](const SettingValue& value) -> Applied {
            const double part = std::get<double>(value);
            if (!(part >= 0 && part <= 1))
              return dxl::fail(ErrorCode::kConfiguration, "expected 0 to 1");
            into = part;
            return {};
          }};
}

template <class Enum>
using Choices = std::vector<std::pair<std::string_view, Enum>>;

// The first choice is the default.
template <class Enum>
Setting choice(std::string_view name, std::string_view comment, Enum& into, Choices<Enum> choices) {
  const std::string first(choices.front().first);
  return {name, comment, first,
          [&into, choices = std::move(choices)](const SettingValue& value) -> Applied {
            std::string expected;
            for (const auto& [text, meaning] : choices) {
              if (text == std::get<std::string>(value)) {
                into = meaning;
                return {};
              }
              expected += fmt::format("{}\"{}\"", expected.empty() ? "" : ", ", text);
            }
            return dxl::fail(ErrorCode::kConfiguration, "expected one of " + expected);
          }};
}

}  // namespace

std::vector<Setting> setting_rows(StateSettings& settings) {
  using Reputation = reputation::Settings;
  using Learn = Reputation::MergeLearn;
  using Date = Reputation::CreateDate;
  constexpr std::int64_t kMaxSystems = 1'000'000'000;
  Reputation& tie = settings.reputation;
  return {
      choice<Date>("create_date",
                   "createDate of an Enterprise entry: \"changed\" = of the last level change, "
                   "\"record\" = of the record.",
                   tie.create_date, {{"changed", Date::kChanged}, {"record", Date::kRecord}}),
      number("listen.port", "MQTT over TLS; `tiara up --port` overrides it. 0: any free port.",
             settings.port, 0, 65535),
      flag("tls.legacy_ciphers",
           "Offer AES128-SHA256 under TLS 1.2, which the OpenDXL Python client needs there.",
           settings.legacy_ciphers),
      flag("external.enabled", "Whether External reports are taken; otherwise they are dropped.",
           tie.external_enabled),
      flag("external.require_filename", "Drop External reports without a file name.",
           tie.external_require_filename),
      flag("lookup.count_scan_type_3",
           "Count lookups of API clients (scanType 3) as sightings of the file.",
           tie.lookup_count_scan_type_3),
      choice<Learn>("merge.learn",
                    "When others than administrators may tie digests together: \"safe\", "
                    "\"never\", \"always\".",
                    tie.merge_learn,
                    {{"safe", Learn::kSafe}, {"never", Learn::kNever}, {"always", Learn::kAlways}}),
      number("prevalence.min_systems", "A file is prevalent when so many systems have seen it,",
             tie.prevalence_min_systems, 0, kMaxSystems),
      share("prevalence.min_share", "and this share of all systems.", tie.prevalence_min_share),
      number("enterprise.size", "Number of all systems; 0: those that have been seen.",
             tie.enterprise_size, 0, kMaxSystems),
      flag("authorization.accept_unidentified",
           "Take writes from senders whose identity the fabric does not show.",
           tie.authorization_accept_unidentified),
  };
}

dxl::Result<StateSettings> parse_state_settings(std::string_view text, std::string_view name) {
  StateSettings settings;
  if (auto read = broker::read_settings(text, name, setting_rows(settings)); !read)
    return dxl::fail(read.error());
  return settings;
}

std::string initial_state_settings_text() {
  StateSettings defaults;
  return broker::initial_settings_text(setting_rows(defaults));
}

}  // namespace tiara::app
