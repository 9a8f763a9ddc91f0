#include "fabric/revocation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/hex.hpp"
#include "base/text_map.hpp"

namespace tiara::fabric {
namespace {

using dxl::ErrorCode;

constexpr std::size_t kSha1Digits = 40, kSha256Digits = 64;
constexpr std::string_view kBlanks = " \t\r";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// "AA:BB" as "AABB": how OpenSSL and browsers show thumbprints. Other colons stay.
std::string without_colons(std::string_view text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_between = i % 3 == 2 && i + 1 < text.size();
    if ((text[i] == ':') != is_between) return std::string(text);
    if (!is_between) digits += text[i];
  }
  return digits;
}

// Lower-case; empty if `text` is no thumbprint.
std::string to_thumbprint(std::string_view line) {
  constexpr std::size_t kLongest = kSha256Digits / 2 * 3;
  if (line.size() > kLongest) return {};
  const std::string text = without_colons(line);
  if (text.size() != kSha1Digits && text.size() != kSha256Digits) return {};
  const auto bytes = base::parse_hex(text);
  return bytes ? base::to_hex(*bytes) : std::string();
}

// Calls `take(line number, content)` for each line with content, until it returns false.
template <class Take>
void for_each_line(std::string_view text, Take&& take) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = trim(line.substr(0, line.find('#')));
    if (!line.empty() && !take(number, line)) return;
  }
}

}  // namespace

struct RevocationList::Sets {
  base::TextSet thumbprints, issuer_serials;
};

RevocationList::RevocationList() : sets_(std::make_shared<const Sets>()) {}

RevocationList::RevocationList(const std::vector<std::string>& thumbprints,
                               const std::vector<std::string>& issuer_serials) {
  auto sets = std::make_shared<Sets>();
  sets->thumbprints.insert(thumbprints.begin(), thumbprints.end());
  sets->issuer_serials.insert(issuer_serials.begin(), issuer_serials.end());
  sets->thumbprints.erase("");  // what a connection without such a name would match
  sets->issuer_serials.erase("");
  sets_ = std::move(sets);
}

bool RevocationList::contains(std::string_view sha1, std::string_view sha256,
                              std::string_view issuer_serial) const {
  return sets_->thumbprints.contains(sha1) || sets_->thumbprints.contains(sha256) ||
         sets_->issuer_serials.contains(issuer_serial);
}

bool RevocationList::revokes(const Identity& identity) const {
  const base::TextSet& serials = sets_->issuer_serials;
  return std::any_of(identity.chain.begin(), identity.chain.end(),
                     [this](const Thumbprints& certificate) {
                       return contains(certificate.sha1, certificate.sha256, {});
                     }) ||
         std::any_of(identity.issuer_serials.begin(), identity.issuer_serials.end(),
                     [&serials](const std::string& serial) { return serials.contains(serial); });
}

std::size_t RevocationList::size() const { return sets_->thumbprints.size(); }

std::vector<std::string> RevocationList::thumbprints() const {
  return {sets_->thumbprints.begin(), sets_->thumbprints.end()};
}

dxl::Result<std::vector<std::string>> parse_revocation_file(std::string_view text,
                                                            std::string_view name) {
  std::vector<std::string> thumbprints;
  std::string mistake;
  ErrorCode code = ErrorCode::kConfiguration;
  for_each_line(text, [&](std::size_t number, std::string_view line) {
    std::string thumbprint = to_thumbprint(line);
    if (thumbprint.empty()) {
      mistake = fmt::format(
          "{}:{}: expected a SHA-1 (40) or SHA-256 (64 hexadecimal digits) thumbprint, or # and a "
          "comment",
          name, number);
    } else if (thumbprints.size() == kMaxRevocations) {
      code = ErrorCode::kLimitExceeded;
      mistake = fmt::format("{}:{}: more than {} thumbprints", name, number, kMaxRevocations);
    } else {
      thumbprints.push_back(std::move(thumbprint));
    }
    return mistake.empty();
  });
  if (!mistake.empty()) return dxl::fail(code, mistake);
  return thumbprints;
}

RevocationEvent parse_revocation_event(std::string_view payload) {
  RevocationEvent event;
  std::size_t lines = 0, broken = 0, first_broken = 0;
  for_each_line(payload, [&](std::size_t number, std::string_view line) {
    std::string thumbprint = to_thumbprint(line);
    if (!thumbprint.empty())
      event.thumbprints.push_back(std::move(thumbprint));
    else if (++broken == 1)
      first_broken = number;
    return ++lines <= kMaxRevocationsPerEvent;
  });
  if (lines > kMaxRevocationsPerEvent)
    return {{}, fmt::format("more than {} lines; nothing of it counts", kMaxRevocationsPerEvent)};
  if (broken > 0)
    event.complaint = fmt::format(
        "{} of its lines are no SHA-1 or SHA-256 thumbprint, line {} first", broken, first_broken);
  else if (lines == 0)
    event.complaint = "it holds no thumbprint";
  return event;
}

}  // namespace tiara::fabric
