// As much of JSON Schema as tests/fixtures/tie/schemas.json uses. For tests only.
#pragma once

#include <fstream>
#include <regex>
#include <string>

#include <nlohmann/json.hpp>

namespace tie {

class SchemaCheck {
 public:
  SchemaCheck()
      : all_(nlohmann::json::parse(
            std::ifstream(std::string(TIARA_FIXTURES) + "/tie/schemas.json"))) {}

  // The schema's name, or "" if the topic has none for that role.
  std::string name_for(const std::string& topic, const std::string& role) const {
    return all_.at("by_topic").value(topic, nlohmann::json::object()).value(role, "");
  }
  // What is wrong with `value`, or "".
  std::string problem(const nlohmann::json& value, const std::string& schema) const {
    return check(value, all_.at("payloads").at(schema), "");
  }

 private:
  using json = nlohmann::json;

  static bool has_type(const json& value, const std::string& type) {
    if (type == "integer")
      return value.is_number_integer() ||
             (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
    if (type == "boolean") return value.is_boolean();
    if (type == "string") return value.is_string();
    if (type == "array") return value.is_array();
    if (type == "object") return value.is_object();
    return type == "null" && value.is_null();
  }

  static std::string check_type(const json& value, const json& types, const std::string& at) {
    for (const json& type : types.is_array() ? types : json::array({types}))
      if (has_type(value, type)) return "";
    return at + ": not of type " + types.dump();
  }

  std::string check_members(const json& value, const json& schema, const std::string& at) const {
    const json& properties = schema.value("properties", json::object());
    for (const json& name : schema.value("required", json::array()))
      if (!value.contains(name)) return at + ": no " + name.get<std::string>();
    if (value.size() < schema.value("minProperties", 0U)) return at + ": too few members";
    const json others = schema.value("additionalProperties", json(true));
    for (const auto& [name, member] : value.items()) {
      std::string found;
      if (schema.contains("propertyNames"))
        found = check(name, schema.at("propertyNames"), at + "/" + name);
      if (found.empty() && properties.contains(name))
        found = check(member, properties.at(name), at + "/" + name);
      else if (found.empty() && others == false)
        found = at + ": unexpected " + name;
      else if (found.empty() && others.is_object())
        found = check(member, others, at + "/" + name);
      if (!found.empty()) return found;
    }
    return "";
  }

  std::string check_items(const json& value, const json& schema, const std::string& at) const {
    if (value.size() < schema.value("minItems", 0U)) return at + ": too few items";
    for (std::size_t i = 0; i < value.size() && schema.contains("items"); ++i) {
      const auto found = check(value.at(i), schema.at("items"), at + "/" + std::to_string(i));
      if (!found.empty()) return found;
    }
    return "";
  }

  std::string check_scalar(const json& value, const json& schema, const std::string& at) const {
    if (schema.contains("const") && schema.at("const") != value) return at + ": another constant";
    if (schema.contains("enum")) {
      const json& allowed = schema.at("enum");
      if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
        return at + ": not one of " + allowed.dump();
    }
    if (schema.contains("pattern") && value.is_string() &&
        !std::regex_search(value.get<std::string>(),
                           std::regex(schema.at("pattern").get<std::string>()))) {
      return at + ": does not match " + schema.at("pattern").dump();
    }
    if (value.is_number() && schema.contains("minimum") && value < schema.at("minimum"))
      return at + ": too small";
    if (value.is_number() && schema.contains("maximum") && value > schema.at("maximum"))
      return at + ": too large";
    return "";
  }

  std::string check_combined(const json& value, const json& schema, const std::string& at) const {
    for (const json& part : schema.value("allOf", json::array()))
      if (const auto found = check(value, part, at); !found.empty()) return found;
    if (schema.contains("anyOf")) {
      std::string first;
      for (const json& part : schema.at("anyOf")) {
        const auto found = check(value, part, at);
        if (found.empty()) return "";
        if (first.empty()) first = found;
      }
      return first;
    }
    if (schema.contains("if") && check(value, schema.at("if"), at).empty())
      return check(value, schema.at("then"), at);
    return "";
  }

  std::string check(const json& value, const json& schema, const std::string& at) const {
    if (schema.contains("$ref")) {
      const auto name = schema.at("$ref").get<std::string>().substr(sizeof "#/$defs/" - 1);
      return check(value, all_.at("$defs").at(name), at);
    }
    std::string found;
    if (schema.contains("type")) found = check_type(value, schema.at("type"), at);
    if (found.empty()) found = check_scalar(value, schema, at);
    if (found.empty()) found = check_combined(value, schema, at);
    if (found.empty() && value.is_object()) found = check_members(value, schema, at);
    if (found.empty() && value.is_array()) found = check_items(value, schema, at);
    return found;
  }

  json all_;
};

}  // namespace tie
