#include "tiara/output.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

namespace tiara::app {
namespace {

using Json = nlohmann::ordered_json;

// Text from a peer is valid UTF-8 after decoding; a file name of this machine need not be.
std::string dump(const Json& json) {
  return base::printable_json(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Json hashes_json(const tie::FileHashes& hashes) {
  Json json = Json::object();
  if (hashes.md5) json["md5"] = hashes.md5->to_hex();
  if (hashes.sha1) json["sha1"] = hashes.sha1->to_hex();
  if (hashes.sha256) json["sha256"] = hashes.sha256->to_hex();
  return json;
}

Json answer_json(const tie::Reputations& reputations) {
  Json entries = Json::array();
  for (const tie::Reputation& entry : reputations.entries) {
    Json attributes = Json::object();
    for (const auto& [id, value] : entry.attributes) attributes[id] = value;
    entries.push_back({{"providerId", static_cast<std::int32_t>(entry.provider)},
                       {"trustLevel", static_cast<std::int32_t>(entry.trust_level)},
                       {"createDate", entry.create_date},
                       {"attributes", std::move(attributes)}});
  }
  return {{"reputations", std::move(entries)},
          {"props", {{"serverTime", reputations.server_time}}}};
}

Json target_json(const Target& target) {
  Json json = Json::object();
  if (target.path) json["file"] = *target.path;
  json["hashes"] = hashes_json(target.hashes);
  return json;
}

std::string time_text(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (!::gmtime_r(&time, &parts)) return fmt::format("{}", seconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", parts);
}

// The strongest digest names the file.
std::string strongest(const tie::FileHashes& hashes) {
  if (hashes.sha256) return "sha256 " + hashes.sha256->to_hex();
  if (hashes.sha1) return "sha1 " + hashes.sha1->to_hex();
  return hashes.md5 ? "md5 " + hashes.md5->to_hex() : std::string();
}

std::string provider_level(const tie::Reputations& reputations, tie::Provider provider) {
  const tie::Reputation* entry = reputations.find(provider);
  return tie::to_string(entry ? entry->trust_level : tie::TrustLevel::kNotSet);
}

std::string_view name_of(ExternalResult::Outcome outcome) {
  switch (outcome) {
    case ExternalResult::Outcome::kAccepted:
      return "accepted";
    case ExternalResult::Outcome::kUnchanged:
      return "unchanged";
    case ExternalResult::Outcome::kRefused:
      return "refused";
    case ExternalResult::Outcome::kCannotTell:
    case ExternalResult::Outcome::kNotSeen:
    case ExternalResult::Outcome::kNoAnswer:
      return "unknown";
    case ExternalResult::Outcome::kAborted:
      return "aborted";
  }
  return "unknown";
}

}  // namespace

std::string level_text(tie::TrustLevel level) {
  return fmt::format("{} ({})", tie::to_string(level), static_cast<std::int32_t>(level));
}

std::string reputations_text(const Target& target, const tie::Reputations& reputations) {
  std::string text = printable(target.argument) + "\n";
  if (target.path) text += fmt::format("  {}\n", strongest(target.hashes));
  for (const tie::Reputation& entry : reputations.entries)
    text += fmt::format("  {:<11} {:<30} {}\n", tie::to_string(entry.provider),
                        level_text(entry.trust_level), time_text(entry.create_date));
  if (reputations.entries.empty()) text += "  no reputations\n";
  return text;
}

std::string change_text(const tie::FileReputationChange& change) {
  std::string text = fmt::format("{} {}", time_text(change.update_time), strongest(change.hashes));
  // Providers of either snapshot, those of the new one first.
  std::vector<tie::Provider> providers;
  for (const auto* snapshot : {&change.new_reputations, &change.old_reputations})
    for (const tie::Reputation& entry : snapshot->entries)
      if (std::find(providers.begin(), providers.end(), entry.provider) == providers.end())
        providers.push_back(entry.provider);
  for (const tie::Provider provider : providers) {
    const std::string before = provider_level(change.old_reputations, provider);
    const std::string after = provider_level(change.new_reputations, provider);
    if (before != after)
      text += fmt::format(" {} {} -> {}", tie::to_string(provider), before, after);
  }
  return text;
}

std::string external_text(const Target& target, const ExternalResult& result) {
  const std::string name = printable(target.argument);
  if (result.outcome == ExternalResult::Outcome::kAborted)
    return fmt::format("{}: Abort: {}", name, printable(result.reason));
  std::string text = fmt::format("{}: Event Sent: {}, type {}: {}", name, level_text(result.level),
                                 tie::to_string(result.type), name_of(result.outcome));
  if (!result.reason.empty()) text += fmt::format(" ({})", printable(result.reason));
  return text;
}

std::string reputations_json(const Target& target, const tie::Reputations& reputations) {
  Json json = target_json(target);
  json.update(answer_json(reputations));
  json["props"]["submitMetaData"] = reputations.submit_metadata ? 1 : 0;
  return dump(json);
}

std::string change_json(const tie::FileReputationChange& change, const dxl::Event& event) {
  Json json{{"topic", event.topic},
            {"hashes", hashes_json(change.hashes)},
            {"oldReputations", answer_json(change.old_reputations)},
            {"newReputations", answer_json(change.new_reputations)},
            {"updateTime", change.update_time}};
  // Members that our own service adds (changeId, cause), if they are there.
  const Json original = Json::parse(event.payload, nullptr, false);
  for (const char* extra : {"changeId", "cause"})
    if (original.is_object() && original.contains(extra)) json[extra] = original[extra];
  return dump(json);
}

std::string external_json(const Target& target, const ExternalResult& result) {
  Json json = target_json(target);
  json["providerId"] = static_cast<std::int32_t>(tie::Provider::kExternal);
  json["trustLevel"] = static_cast<std::int32_t>(result.level);
  json["fileType"] = static_cast<std::uint64_t>(result.type);
  json["outcome"] = name_of(result.outcome);
  if (!result.reason.empty()) json["reason"] = result.reason;
  if (!result.report.empty()) json["messageId"] = result.report.value;
  return dump(json);
}

std::string set_json(const Target& target, tie::TrustLevel level) {
  Json json = target_json(target);
  json["providerId"] = static_cast<std::int32_t>(tie::Provider::kEnterprise);
  json["trustLevel"] = static_cast<std::int32_t>(level);
  json["outcome"] = "set";
  return dump(json);
}

std::string error_json(const std::string& argument, const dxl::Error& error) {
  return dump({{"argument", argument},
               {"error", {{"code", to_string(error.code)}, {"message", error.message}}}});
}

void JsonResults::add(std::string object) {
  if (!text_.empty()) text_ += ",\n ";
  text_ += object;
}

void JsonResults::print() const {
  if (as_array_)
    fmt::print("[{}]\n", text_);
  else if (!text_.empty())
    fmt::print("{}\n", text_);
}

}  // namespace tiara::app
