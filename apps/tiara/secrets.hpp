// Secrets a command needs: from a file, from a variable of the environment, or asked for on the
// terminal. Never from the command line, which every user of the machine can read.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "dxl/result.hpp"

namespace tiara::app {

inline constexpr std::size_t kLongestSecret = 1000;

struct SecretSource {
  std::string what;            // "the password of admin at broker.example.com"
  std::string option;          // "--password-file", for messages
  std::filesystem::path file;  // of that option; empty: not given; "-": standard input
  std::string variable;        // TIARA_…
  bool twice = false;          // asked for a second time, because nobody can check it
};

// The first line of the file, else the variable if it is set, else what is typed without echo.
// kConfiguration when there is none of these, it is empty, too long, or has control characters.
dxl::Result<std::string> read_secret(const SecretSource& source);

}  // namespace tiara::app
