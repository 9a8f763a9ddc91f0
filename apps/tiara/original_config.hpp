// The configuration of an original broker (DXL reference §6.3, §6.4) and what becomes of it here.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/settings.hpp"
#include "dxl/result.hpp"

namespace tiara::app {

// What becomes of one key.
struct ImportNote {
  enum class Verdict : std::uint8_t {
    kTaken,        // `text`: the setting it became
    kIgnored,      // has no meaning here, or is so anyway; `text` says why
    kUnsupported,  // asks for what this program does not do
  } verdict = Verdict::kTaken;
  std::string origin;  // FILE:LINE
  std::string key, value, text;
};
std::string_view to_string(ImportNote::Verdict verdict);

struct ImportPlan {
  broker::SetValues settings;               // for tiara.toml, with the origin of each
  std::optional<std::string> broker_id;     // lower-case uuid without braces
  std::optional<std::string> topic_policy;  // the text of topicauth.policy
  std::vector<std::string> warnings;        // of the topic policy: entries that mean nothing
  std::vector<ImportNote> notes;
};

// Reads `conf`, its sibling `.defaults` below it and the policies they name. kConfiguration with
// file and line for what is no such file at all or no policy; one that is missing is an empty one,
// as it is to the original.
dxl::Result<ImportPlan> plan_import(const std::filesystem::path& conf);

// `key=value` lines, `#` comments; later ones win.
struct OriginalValue {
  std::string value, origin;
  friend bool operator==(const OriginalValue&, const OriginalValue&) = default;
};
using OriginalValues = std::map<std::string, OriginalValue, std::less<>>;
dxl::Result<void> read_key_values(std::string_view text, std::string_view file,
                                  OriginalValues& values);

// The service zones of a broker in a brokerstate.policy: its own, or its hub's, then those of the
// ancestors. nullopt: the file does not name the broker.
dxl::Result<std::optional<std::vector<std::string>>> service_zones_of(const std::string& broker_id,
                                                                      const std::string& policy,
                                                                      std::string_view file);
// Without braces, in lower case: how ids are compared.
std::string plain_id(std::string_view id);

}  // namespace tiara::app
