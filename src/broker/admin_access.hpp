// Who may use the management commands: user `admin` with the password of STATE/admin.token, by HTTP
// Basic, and a brake on guessing it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/ports.hpp"
#include "dxl/result.hpp"

namespace tiara::broker {

// Makes the file (0600) with a random password when it is missing. kConfiguration when it is there
// and others may read it, or when it does not hold one line of at least 16 characters.
dxl::Result<std::string> create_or_read_admin_password(const std::filesystem::path& file);
// As above, without a look at who may read the file.
dxl::Result<std::string> read_admin_password(const std::filesystem::path& file);

// One thread at a time.
class AdminAccess {
 public:
  enum class Verdict : std::uint8_t { kGranted, kMissing, kWrong, kTooMany };

  explicit AdminAccess(std::string_view password);
  // `authorization` is the header's value. After too many wrong ones from an address, or from all
  // together, the password is not even looked at until some time has passed. The machine itself is
  // spared the common limit, so that strangers cannot lock its administrator out.
  Verdict check(std::string_view authorization, std::string_view address, base::SteadyTime now);

  static constexpr int kGuessesPerAddress = 5;
  static constexpr int kGuessesOfAll = 100;
  // A guess is forgiven after so long.
  static constexpr std::chrono::seconds kForgivenPerAddress{10};
  static constexpr std::chrono::seconds kForgivenOfAll{1};

 private:
  // Guesses that are not forgiven yet.
  struct Guesses {
    int count = 0;
    base::SteadyTime since{};  // when forgiving was last reckoned
    void forgive(base::SteadyTime now, std::chrono::seconds each);
  };
  bool is_right(std::string_view authorization) const;
  void forget_forgiven(base::SteadyTime now);

  std::string digest_;  // SHA-256 of "admin:<password>"
  // Never larger than what the limit of all admits.
  std::map<std::string, Guesses, std::less<>> by_address_;
  Guesses of_all_;
};

// 127.0.0.0/8 and ::1.
bool is_loopback(std::string_view address);

}  // namespace tiara::broker
