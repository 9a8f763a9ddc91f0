#include "broker/settings.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/edit_distance.hpp"
#include "broker/toml_text.hpp"

namespace tiara::broker {
namespace {

constexpr std::string_view kVariablePrefix = "TIARA_";
// A name that differs from a known one by so many letters is a mistake, not somebody else's.
constexpr std::size_t kNear = 3;
constexpr std::size_t kLongestName = 128;  // a distance costs the product of the lengths

// What is wrong, a line each, to be told together.
class Problems {
 public:
  void add(std::string_view problem) {
    if (!text_.empty()) text_ += '\n';
    text_ += problem;
  }
  template <class T>
  dxl::Result<T> or_value(T value) const {
    if (!text_.empty()) return dxl::fail(dxl::ErrorCode::kConfiguration, text_);
    return value;
  }

 private:
  std::string text_;
};

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

template <class Number>
std::optional<SettingValue> whole_number(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

// Outside a file a string stands without quotes.
std::optional<SettingValue> as_type_of(const SettingValue& fallback, std::string_view text) {
  if (std::holds_alternative<std::string>(fallback)) return std::string(text);
  if (std::holds_alternative<std::int64_t>(fallback)) return whole_number<std::int64_t>(text);
  if (std::holds_alternative<double>(fallback)) return whole_number<double>(text);
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

const Setting* find_setting(const std::vector<Setting>& settings, std::string_view name) {
  const auto at = std::find_if(settings.begin(), settings.end(),
                               [name](const Setting& row) { return row.name == name; });
  return at == settings.end() ? nullptr : &*at;
}

// For a key that nobody knows: all there are or, of many, the nearest.
std::string hint(std::string_view key, const std::vector<Setting>& settings) {
  constexpr std::size_t kFew = 8;
  if (settings.size() <= kFew) return "known are " + known_names(settings);
  const auto letters = [&](const Setting& row) {
    return base::edit_distance(key.substr(0, kLongestName), row.name);
  };
  const auto nearest =
      std::min_element(settings.begin(), settings.end(),
                       [&](const Setting& a, const Setting& b) { return letters(a) < letters(b); });
  return fmt::format("the nearest is {}; `tiara config reference` lists all", nearest->name);
}

void read_table(const TomlTable& table, const std::string& prefix, std::string_view file,
                const std::vector<Setting>& settings, SetValues& values, Problems& problems) {
  for (const auto& [key, value] : table) {
    const std::string path = prefix + key;
    const std::string origin = fmt::format("{}:{}", file, value.line);
    if (const TomlTable* section = value.as<TomlTable>()) {
      read_table(*section, path + ".", file, settings, values, problems);
    } else if (const Setting* setting = find_setting(settings, path); setting == nullptr) {
      problems.add(fmt::format("{}: unknown key {}; {}", origin, path, hint(path, settings)));
    } else if (auto typed = as_type_of(setting->fallback, value)) {
      values[path] = {*std::move(typed), origin};
    } else {
      problems.add(fmt::format("{}: {}: expected {}", origin, path, type_name(setting->fallback)));
    }
  }
}

struct Nearest {
  std::string name;
  std::size_t distance = 0;
};

Nearest find_nearest(std::string_view variable, const std::vector<Setting>& settings) {
  Nearest nearest{"", static_cast<std::size_t>(-1)};
  for (const Setting& setting : settings) {
    std::string name = environment_name(setting.name);
    const std::size_t distance = base::edit_distance(variable.substr(0, kLongestName), name);
    if (distance < nearest.distance) nearest = {std::move(name), distance};
  }
  return nearest;
}

std::string_view section_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

std::string_view key_of(std::string_view name) { return name.substr(name.rfind('.') + 1); }

bool begins_like_a_setting(std::string_view variable, const std::vector<Setting>& settings) {
  return std::any_of(settings.begin(), settings.end(), [variable](const Setting& setting) {
    const std::string_view section = section_of(setting.name);
    return !section.empty() && variable.starts_with(environment_name(section) + "_");
  });
}

// Keys without a section come first: after a section's header they would belong to it.
std::vector<const Setting*> in_sections(const std::vector<Setting>& settings) {
  std::vector<const Setting*> rows;
  for (const Setting& setting : settings) rows.push_back(&setting);
  std::stable_partition(rows.begin(), rows.end(),
                        [](const Setting* row) { return section_of(row->name).empty(); });
  return rows;
}

}  // namespace

std::string environment_name(std::string_view setting) {
  std::string name(kVariablePrefix);
  for (const char c : setting)
    name += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::string to_toml(const SettingValue& value) {
  if (const bool* boolean = std::get_if<bool>(&value)) return *boolean ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const double* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return toml_string(std::get<std::string>(value));
}

dxl::Result<SetValues> read_settings_text(std::string_view text, std::string_view file,
                                          const std::vector<Setting>& settings) {
  const auto table = parse_toml(text, file);
  if (!table) return dxl::fail(table.error());
  SetValues values;
  Problems problems;
  read_table(*table, "", file, settings, values, problems);
  return problems.or_value(std::move(values));
}

dxl::Result<SetValues> read_settings_environment(const std::vector<std::string>& environment,
                                                 const std::vector<Setting>& settings) {
  SetValues values;
  Problems problems;
  for (const std::string_view entry : environment) {
    if (!entry.starts_with(kVariablePrefix)) continue;
    const std::size_t end = std::min(entry.find('='), entry.size());
    const std::string variable(entry.substr(0, end));
    const std::string_view text = entry.substr(std::min(end + 1, entry.size()));
    const auto setting = std::find_if(settings.begin(), settings.end(), [&](const Setting& row) {
      return environment_name(row.name) == variable;
    });
    if (setting == settings.end()) {
      const Nearest nearest = find_nearest(variable, settings);
      if (nearest.distance <= kNear || begins_like_a_setting(variable, settings))
        problems.add(fmt::format("{}: no such setting; the nearest is {}", variable, nearest.name));
    } else if (auto typed = as_type_of(setting->fallback, text)) {
      values[std::string(setting->name)] = {*std::move(typed), variable};
    } else {
      problems.add(fmt::format("{}: expected {}, found {}", variable, type_name(setting->fallback),
                               toml_string(text)));
    }
  }
  return problems.or_value(std::move(values));
}

dxl::Result<SetValues> read_settings_arguments(const std::vector<SettingArgument>& arguments,
                                               const std::vector<Setting>& settings) {
  SetValues values;
  Problems problems;
  for (const SettingArgument& argument : arguments) {
    const Setting* setting = find_setting(settings, argument.name);
    if (setting == nullptr) {
      problems.add(fmt::format("{}: unknown key {}; {}", argument.flag, argument.name,
                               hint(argument.name, settings)));
    } else if (auto typed = as_type_of(setting->fallback, argument.text)) {
      values[argument.name] = {*std::move(typed), argument.flag};
    } else {
      problems.add(fmt::format("{}: {}: expected {}, found {}", argument.flag, argument.name,
                               type_name(setting->fallback), toml_string(argument.text)));
    }
  }
  return problems.or_value(std::move(values));
}

dxl::Result<SetValues> apply_settings(const std::vector<SetValues>& layers,
                                      const std::vector<Setting>& settings) {
  SetValues holds;
  for (const Setting& setting : settings)
    holds[std::string(setting.name)] = {setting.fallback, "default"};
  Problems problems;
  for (const SetValues& layer : layers) {
    for (const auto& [name, set] : layer) {
      const Setting* setting = find_setting(settings, name);
      if (setting == nullptr) continue;  // a layer read with other rows
      if (auto done = setting->apply(set.value); !done) {
        // A variable's name is the key's.
        const bool is_named = set.origin == environment_name(name);
        problems.add(is_named ? fmt::format("{}: {}", set.origin, done.error().message)
                              : fmt::format("{}: {}: {}", set.origin, name, done.error().message));
      }
      holds[name] = set;
    }
  }
  return problems.or_value(std::move(holds));
}

dxl::Result<void> read_settings(std::string_view text, std::string_view name,
                                const std::vector<Setting>& settings) {
  auto values = read_settings_text(text, name, settings);
  if (!values) return dxl::fail(std::move(values).error());
  if (auto applied = apply_settings({*std::move(values)}, settings); !applied)
    return dxl::fail(std::move(applied).error());
  return {};
}

std::string initial_settings_text(const std::vector<Setting>& settings, const SetValues& chosen) {
  std::string text =
      "# Settings of Tiara. Every key stands here with its default; remove the `#` to change one.\n"
      "# Read at start; a reload applies what it can and names the rest. An unknown key is an "
      "error.\n";
  std::string_view section;
  for (const Setting* row : in_sections(settings)) {
    if (section_of(row->name) != section) {
      section = section_of(row->name);
      text += fmt::format("\n[{}]", section);
    }
    text += fmt::format("\n# {}\n", row->comment);
    const auto set = chosen.find(row->name);
    if (set == chosen.end())
      text += fmt::format("#{} = {}\n", key_of(row->name), to_toml(row->fallback));
    else
      text += fmt::format("{} = {}\n", key_of(row->name), to_toml(set->second.value));
  }
  return text;
}

std::string settings_reference(const std::vector<Setting>& settings) {
  std::string text;
  std::optional<std::string_view> section;
  for (const Setting* row : in_sections(settings)) {
    if (section_of(row->name) != section) {
      section = section_of(row->name);
      text += section->empty() ? std::string("\n## Without a section\n")
                               : fmt::format("\n## [{}]\n", *section);
      text += "\n| Key | Type | Default | Accepted | Environment | Applied by |\n";
      text += "|---|---|---|---|---|---|\n";
    }
    text += fmt::format("| `{}` | {} | `{}` | {} | `{}` | {} |\n", key_of(row->name),
                        type_name(row->fallback), to_toml(row->fallback), row->accepted,
                        environment_name(row->name), row->reloads ? "reload" : "start");
  }
  text += "\n## Meaning\n\n";
  for (const Setting* row : in_sections(settings))
    text += fmt::format("* `{}`: {}\n", row->name, row->comment);
  return text;
}

}  // namespace tiara::broker
