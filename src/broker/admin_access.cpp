#include "broker/admin_access.hpp"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/hex.hpp"
#include "broker/state_directory.hpp"

namespace tiara::broker {
namespace {

using dxl::ErrorCode;

constexpr std::size_t kPasswordBytes = 24;      // of randomness; as many pairs of digits
constexpr std::size_t kMinPasswordLength = 16;  // of one that the administrator wrote
constexpr std::size_t kMaxPasswordLength = 1024;
constexpr std::string_view kUser = "admin";

std::string sha256(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), bytes.data(), &size, EVP_sha256(), nullptr) != 1)
    return {};
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

// Addresses that one peer can choose among freely count as one.
std::string group_of(std::string_view address) {
  if (is_loopback(address)) return "loopback";
  const std::string text(address.substr(0, address.find('%')));
  in6_addr parsed{};
  if (::inet_pton(AF_INET6, text.c_str(), &parsed) != 1) return text;
  return base::to_hex({reinterpret_cast<const char*>(parsed.s6_addr), 8});
}

dxl::Result<std::string> create_password(const std::filesystem::path& file) {
  std::array<unsigned char, kPasswordBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return dxl::fail(ErrorCode::kUnavailable, "no random bytes for the administrator's password");
  std::string password = base::to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (auto written = write_file_atomically(file, password + "\n"); !written)
    return dxl::fail(std::move(written).error());
  return password;
}

}  // namespace

dxl::Result<std::string> create_or_read_admin_password(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) return create_password(file);
  using std::filesystem::perms;
  if ((status.permissions() & (perms::group_all | perms::others_all)) != perms::none)
    return dxl::fail(
        ErrorCode::kConfiguration,
        fmt::format("{}: others may read or change it; expected mode 0600", file.string()));
  return read_admin_password(file);
}

dxl::Result<std::string> read_admin_password(const std::filesystem::path& file) {
  auto text = read_file(file, kMaxPasswordLength + 2);
  if (!text) return dxl::fail(std::move(text).error());
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  const bool is_plain =
      std::all_of(text->begin(), text->end(), [](char c) { return c >= ' ' && c != 0x7f; });
  if (text->size() < kMinPasswordLength || text->size() > kMaxPasswordLength || !is_plain)
    return dxl::fail(ErrorCode::kConfiguration,
                     fmt::format("{}: expected one line of {} to {} ASCII characters; delete the "
                                 "file to get a new one",
                                 file.string(), kMinPasswordLength, kMaxPasswordLength));
  return text;
}

void AdminAccess::Guesses::forgive(base::SteadyTime now, std::chrono::seconds each) {
  if (now <= since) return;
  const auto forgiven = (now - since) / each;
  if (forgiven >= count) {
    count = 0;
    since = now;
  } else {
    count -= static_cast<int>(forgiven);
    since += forgiven * each;
  }
}

AdminAccess::AdminAccess(std::string_view password)
    : digest_(sha256(fmt::format("{}:{}", kUser, password))) {}

// Digests have one length and tell nothing: the comparison takes as long for every guess.
bool AdminAccess::is_right(std::string_view authorization) const {
  constexpr std::string_view kScheme = "basic ";
  if (authorization.size() < kScheme.size()) return false;
  const bool is_basic =
      std::equal(kScheme.begin(), kScheme.end(), authorization.begin(), [](char scheme, char c) {
        return scheme == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
      });
  authorization.remove_prefix(kScheme.size());
  const auto given = base::parse_base64(authorization);
  if (!is_basic || !given || digest_.empty()) return false;
  const std::string digest = sha256(*given);
  return digest.size() == digest_.size() &&
         CRYPTO_memcmp(digest.data(), digest_.data(), digest.size()) == 0;
}

void AdminAccess::forget_forgiven(base::SteadyTime now) {
  for (auto& [group, guesses] : by_address_) guesses.forgive(now, kForgivenPerAddress);
  std::erase_if(by_address_, [](const auto& entry) { return entry.second.count == 0; });
}

AdminAccess::Verdict AdminAccess::check(std::string_view authorization, std::string_view address,
                                        base::SteadyTime now) {
  if (authorization.empty()) return Verdict::kMissing;
  forget_forgiven(now);
  of_all_.forgive(now, kForgivenOfAll);
  const std::string group = group_of(address);
  const auto entry = by_address_.find(group);
  if (entry != by_address_.end() && entry->second.count >= kGuessesPerAddress)
    return Verdict::kTooMany;
  if (of_all_.count >= kGuessesOfAll && !is_loopback(address)) return Verdict::kTooMany;
  if (is_right(authorization)) {
    if (entry != by_address_.end()) by_address_.erase(entry);
    return Verdict::kGranted;
  }
  Guesses& guesses = entry != by_address_.end() ? entry->second : by_address_[group];
  if (guesses.count++ == 0) guesses.since = now;
  if (of_all_.count++ == 0) of_all_.since = now;
  return Verdict::kWrong;
}

bool is_loopback(std::string_view address) {
  return address == "::1" || address.starts_with("127.");
}

}  // namespace tiara::broker
