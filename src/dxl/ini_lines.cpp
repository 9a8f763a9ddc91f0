#include "dxl/ini_lines.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "dxl/ini_text.hpp"

namespace dxl {
namespace {

bool is_comment(std::string_view line) {
  return !line.empty() && (line[0] == '#' || line[0] == ';');
}

std::optional<std::string_view> section_of(std::string_view line) {
  line = trimmed(line);
  if (line.size() < 2 || line.front() != '[' || line.back() != ']') return std::nullopt;
  return trimmed(line.substr(1, line.size() - 2));
}

// Key and value of a line that has them.
std::optional<std::pair<std::string_view, std::string_view>> key_value(std::string_view line) {
  line = trimmed(line);
  const std::size_t equals = line.find('=');
  if (line.empty() || is_comment(line) || line[0] == '[' || equals == std::string_view::npos) {
    return std::nullopt;
  }
  return std::pair(unquoted(trimmed(line.substr(0, equals))),
                   unquoted(trimmed(line.substr(equals + 1))));
}

}  // namespace

IniLines::IniLines(std::string_view text) {
  crlf_ = text.find("\r\n") != std::string_view::npos;
  ends_with_newline_ = text.empty() || text.back() == '\n';
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines_.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string IniLines::text() const {
  std::string text;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    text += lines_[i];
    if (i + 1 < lines_.size() || ends_with_newline_) text += '\n';
  }
  return text;
}

std::string IniLines::with_ending(std::string line) const {
  if (crlf_) line += '\r';
  return line;
}

std::optional<std::string> IniLines::find_repeated_section() const {
  std::set<std::string_view> seen;
  for (const std::string& line : lines_) {
    const auto section = section_of(without_mark(line));
    if (section && !seen.insert(*section).second) return std::string(*section);
  }
  return std::nullopt;
}

std::optional<IniLines::Span> IniLines::find_section(std::string_view section) const {
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (section_of(without_mark(lines_[i])) != section) continue;
    std::size_t end = i + 1;
    while (end < lines_.size() && !section_of(lines_[end])) ++end;
    return Span{i + 1, end};
  }
  return std::nullopt;
}

IniLines::Span IniLines::make_section(std::string_view section) {
  if (const auto found = find_section(section)) return *found;
  if (!lines_.empty() && !trimmed(lines_.back()).empty()) {
    if (crlf_ && !lines_.back().ends_with('\r')) lines_.back() += '\r';
    lines_.push_back(with_ending(""));
  }
  lines_.push_back(with_ending(fmt::format("[{}]", section)));
  ends_with_newline_ = true;
  return {lines_.size(), lines_.size()};
}

std::optional<std::size_t> IniLines::find_line(std::string_view section,
                                               std::string_view key) const {
  const auto span = find_section(section);
  if (!span) return std::nullopt;
  for (std::size_t i = span->begin; i < span->end; ++i) {
    const auto found = key_value(lines_[i]);
    if (found && found->first == key) return i;
  }
  return std::nullopt;
}

std::optional<std::string> IniLines::find(std::string_view section, std::string_view key) const {
  const auto line = find_line(section, key);
  if (!line) return std::nullopt;
  return std::string(key_value(lines_[*line])->second);
}

// Blank lines and comments at a section's end may belong to what follows.
std::size_t IniLines::end_of_content(Span span) const {
  std::size_t end = span.end;
  while (end > span.begin && trimmed(lines_[end - 1]).empty()) --end;
  return end;
}

void IniLines::set(std::string_view section, std::string_view key, std::string_view value) {
  if (const auto line = find_line(section, key)) {
    // What stands before the value stays: indentation, quotes of the key, spaces or none.
    std::string& text = lines_[*line];
    const std::size_t equals = text.find('=');
    const std::size_t old = std::min(text.find_first_not_of(" \t", equals + 1), text.size());
    const bool cr = text.ends_with('\r');
    text = text.substr(0, std::min(old, text.size() - (cr ? 1U : 0U)));
    text += value;
    if (cr) text += '\r';
    return;
  }
  const Span span = make_section(section);
  std::size_t at = end_of_content(span);
  for (std::size_t i = span.begin; i < span.end; ++i) {
    const std::string_view line = trimmed(lines_[i]);
    if (!is_comment(line)) continue;
    const auto shown = key_value(line.substr(1));
    if (shown && shown->first == key) at = i + 1;
  }
  if (at == lines_.size()) {
    if (crlf_ && !lines_.back().ends_with('\r')) lines_.back() += '\r';
    ends_with_newline_ = true;
  }
  lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(at),
                with_ending(fmt::format("{} = {}", key, value)));
}

void IniLines::remove(std::string_view section, std::string_view key) {
  const auto line = find_line(section, key);
  if (!line) return;
  const std::size_t start = comment_start(*line, find_section(section)->begin);
  lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(start),
               lines_.begin() + static_cast<std::ptrdiff_t>(*line) + 1);
}

std::size_t IniLines::comment_start(std::size_t line, std::size_t floor) const {
  while (line > floor && is_comment(trimmed(lines_[line - 1]))) --line;
  return line;
}

std::vector<IniLines::Entry> IniLines::entries(std::string_view section) const {
  std::vector<Entry> entries;
  const auto span = find_section(section);
  if (!span) return entries;
  for (std::size_t i = span->begin; i < span->end; ++i) {
    const auto found = key_value(lines_[i]);
    if (!found) continue;
    Entry entry{std::string(found->first), std::string(found->second), {}};
    for (std::size_t j = comment_start(i, span->begin); j <= i; ++j) {
      entry.lines.push_back(lines_[j]);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

void IniLines::replace_entries(std::string_view section, const std::vector<Entry>& entries) {
  const Span span = make_section(section);
  std::vector<std::string> kept;
  std::optional<std::size_t> first;
  for (std::size_t i = span.begin; i < span.end; ++i) {
    if (!key_value(lines_[i])) {
      kept.push_back(lines_[i]);
      continue;
    }
    const std::size_t comments = i - comment_start(i, span.begin);
    kept.resize(kept.size() - comments);
    if (!first) first = kept.size();
  }
  if (!first) {
    first = kept.size();
    while (*first > 0 && trimmed(kept[*first - 1]).empty()) --*first;
  }
  std::vector<std::string> added;
  for (const Entry& entry : entries) {
    for (const std::string& line : entry.lines) added.push_back(line);
    if (entry.lines.empty()) {
      added.push_back(with_ending(fmt::format("{} = {}", entry.key, entry.value)));
    }
  }
  kept.insert(kept.begin() + static_cast<std::ptrdiff_t>(*first), added.begin(), added.end());
  if (span.end == lines_.size() && !added.empty()) ends_with_newline_ = true;
  const auto begin = lines_.begin() + static_cast<std::ptrdiff_t>(span.begin);
  lines_.erase(begin, lines_.begin() + static_cast<std::ptrdiff_t>(span.end));
  lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(span.begin), kept.begin(), kept.end());
}

}  // namespace dxl
