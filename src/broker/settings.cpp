#include "broker/settings.hpp"

#include <optional>
#include <utility>

#include "broker/toml_text.hpp"

namespace tiara::broker {
namespace {

std::string known_names(const std::vector<Setting>& settings) {
  std::string names;
  for (const Setting& setting : settings)
    names.append(names.empty() ? "" : ", ").append(setting.name);
  return names;
}

std::string_view type_name(const SettingValue& value) {
  constexpr std::string_view kNames[] = {"true or false", "an integer", "a number", "a string"};
  return kNames[value.index()];
}

std::string to_toml(const SettingValue& value) {
  if (const bool* boolean = std::get_if<bool>(&value)) return *boolean ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const double* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return toml_string(std::get<std::string>(value));
}

std::optional<SettingValue> as_type_of(const SettingValue& fallback, const TomlValue& value) {
  std::optional<SettingValue> result;
  if (const bool* boolean = value.as<bool>()) result = *boolean;
  if (const auto* number = value.as<double>()) result = *number;
  if (const auto* text = value.as<std::string>()) result = *text;
  if (const auto* integer = value.as<std::int64_t>()) {
    if (std::holds_alternative<double>(fallback))
      result = static_cast<double>(*integer);
    else
      result = *integer;
  }
  if (!result || result->index() != fallback.index()) return std::nullopt;
  return result;
}

dxl::Result<void> apply_table(const TomlTable& table, const std::string& prefix,
                              std::string_view name, const std::vector<Setting>& settings) {
  for (const auto& [key, value] : table) {
    const std::string path = prefix + key;
    if (const TomlTable* section = value.as<TomlTable>()) {
      if (auto done = apply_table(*section, path + ".", name, settings); !done) return done;
      continue;
    }
    const auto setting = std::find_if(settings.begin(), settings.end(),
                                      [&](const Setting& row) { return row.name == path; });
    if (setting == settings.end())
      return toml_failure(name, value.line,
                          fmt::format("unknown key {}; known are {}", path, known_names(settings)));
    const auto typed = as_type_of(setting->fallback, value);
    if (!typed)
      return toml_failure(name, value.line,
                          fmt::format("{}: expected {}", path, type_name(setting->fallback)));
    if (auto done = setting->apply(*typed); !done)
      return toml_failure(name, value.line, fmt::format("{}: {}", path, done.error().message));
  }
  return {};
}

std::string_view section_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

std::string_view key_of(std::string_view name) { return name.substr(name.rfind('.') + 1); }

}  // namespace

dxl::Result<void> read_settings(std::string_view text, std::string_view name,
                                const std::vector<Setting>& settings) {
  const auto table = parse_toml(text, name);
  if (!table) return dxl::fail(table.error());
  return apply_table(*table, "", name, settings);
}

std::string initial_settings_text(const std::vector<Setting>& settings) {
  std::string text =
      "# Settings of Tiara. Every key stands here with its default; remove the `#` to change one.\n"
      "# Read at start. An unknown key is an error.\n";
  // Keys without a section come first: after a section's header they would belong to it.
  std::vector<const Setting*> rows;
  for (const Setting& setting : settings) rows.push_back(&setting);
  std::stable_partition(rows.begin(), rows.end(),
                        [](const Setting* row) { return section_of(row->name).empty(); });
  std::string_view section;
  for (const Setting* row : rows) {
    if (section_of(row->name) != section) {
      section = section_of(row->name);
      text += fmt::format("\n[{}]", section);
    }
    text +=
        fmt::format("\n# {}\n#{} = {}\n", row->comment, key_of(row->name), to_toml(row->fallback));
  }
  return text;
}

}  // namespace tiara::broker
