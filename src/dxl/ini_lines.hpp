// The lines of an INI file, for changing some of them and leaving the others as they are.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dxl {

class IniLines {
 public:
  explicit IniLines(std::string_view text);
  std::string text() const;

  // A section that stands there twice has no one place for a new key.
  std::optional<std::string> find_repeated_section() const;
  // As a reader takes it: trimmed, without quotes. Nullopt if section or key is missing.
  std::optional<std::string> find(std::string_view section, std::string_view key) const;

  // In place; or below a comment that shows the key; or at the end of the section, which is made
  // if it is missing.
  void set(std::string_view section, std::string_view key, std::string_view value);
  // With the comment right above it, which speaks of it.
  void remove(std::string_view section, std::string_view key);

  // A key line of a section with the comment right above it.
  struct Entry {
    std::string key;
    std::string value;
    std::vector<std::string> lines;
  };
  std::vector<Entry> entries(std::string_view section) const;
  // Puts these in the place of all entries, one after the other.
  void replace_entries(std::string_view section, const std::vector<Entry>& entries);

 private:
  struct Span {
    std::size_t begin;  // first line below the header
    std::size_t end;
  };
  std::optional<Span> find_section(std::string_view section) const;
  Span make_section(std::string_view section);
  std::optional<std::size_t> find_line(std::string_view section, std::string_view key) const;
  std::size_t end_of_content(Span span) const;
  std::size_t comment_start(std::size_t line, std::size_t floor) const;
  std::string with_ending(std::string line) const;

  std::vector<std::string> lines_;  // without '\n'; a '\r' stays
  bool ends_with_newline_ = true;
  bool crlf_ = false;
};

}  // namespace dxl
