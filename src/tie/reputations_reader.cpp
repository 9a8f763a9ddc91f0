#include "tie/reputations_reader.hpp"

#include <utility>

#include <fmt/format.h>

#include "tie/answers.hpp"

namespace tie {
namespace {

void read_attributes(const dxl::JsonValue& object, Reputation& entry, Mistake& mistake) {
  object.for_each_member([&](std::string_view id, const dxl::JsonValue& value) {
    if (entry.attributes.size() == kMaxAttributes) {
      mistake.note(fmt::format("attributes: more than {} of one provider", kMaxAttributes));
      return false;
    }
    // The original always writes text; a number means the same and anything else says nothing.
    if (const auto text = value.string())
      entry.attributes.emplace_back(id, *text);
    else if (const auto number = value.integer())
      entry.attributes.emplace_back(id, std::to_string(*number));
    return true;
  });
}

OverriddenFiles read_overridden(const dxl::JsonValue& object, Findings& findings) {
  OverriddenFiles overridden;
  ObjectReader members(object, "overridden.", findings.request);
  overridden.truncated = members.flag("truncated");
  const auto files = members.array("files");
  if (!files) return overridden;
  files->for_each_element([&](const dxl::JsonValue& file) {
    if (!file.is_object()) {
      findings.request.note("overridden.files: expected an array of objects");
      return false;
    }
    const auto list = ObjectReader(file, "overridden.files[].", findings.request)
                          .array("hashes", Need::kRequired);
    if (!list) return false;
    // A file named by nothing we know concerns nobody.
    const FileHashes hashes = read_hashes(*list, findings, Need::kOptional);
    if (!hashes.empty()) overridden.files.push_back(hashes);
    return !findings.request.found();
  });
  return overridden;
}

// Adds what an entry says to the answer; false stops at a mistake.
bool read_entry(const dxl::JsonValue& value, Reputations& answer, Findings& findings) {
  Mistake& mistake = findings.request;
  if (!value.is_object()) {
    mistake.note("reputations: expected an array of objects");
    return false;
  }
  ObjectReader members(value, "reputations[].", mistake);
  const auto provider = members.integer_or_text("providerId", Need::kRequired);
  const auto level = members.integer_or_text("trustLevel").value_or(0);
  auto date = members.integer("createDate");
  // The schema's generic object calls it so, its examples do not (§3.1).
  if (!date) date = members.integer("detectTime");
  const auto attributes = members.object("attributes");
  if (mistake.found()) return false;
  if (!std::in_range<std::int32_t>(*provider) || !std::in_range<std::int32_t>(level)) {
    mistake.note(fmt::format("reputations[]: providerId {} or trustLevel {} is out of range",
                             *provider, level));
    return false;
  }

  Reputation entry{
      static_cast<Provider>(*provider), static_cast<TrustLevel>(level), date.value_or(0), {}};
  if (attributes) read_attributes(*attributes, entry, mistake);
  if (const auto object = members.object("overridden"))
    answer.overridden = read_overridden(*object, findings);
  // A provider given twice: the last one counts, as in both original clients.
  for (Reputation& known : answer.entries) {
    if (known.provider != entry.provider) continue;
    known = std::move(entry);
    return !mistake.found();
  }
  answer.entries.push_back(std::move(entry));
  if (answer.entries.size() > kMaxReputationEntries)
    mistake.note(fmt::format("reputations: more than {} providers", kMaxReputationEntries));
  return !mistake.found();
}

}  // namespace

Reputations read_reputations(const dxl::JsonValue& object, Findings& findings) {
  Reputations answer;
  ObjectReader members(object, "", findings.request);
  if (const auto list = members.array("reputations")) {
    list->for_each_element(
        [&](const dxl::JsonValue& value) { return read_entry(value, answer, findings); });
  }
  // The vendor's place (§3.4); what the original clients look at is in the entry.
  if (const auto overridden = members.object("overridden"))
    answer.overridden = read_overridden(*overridden, findings);
  if (const auto object_of_props = members.object("props")) {
    ObjectReader props(*object_of_props, "props.", findings.request);
    answer.server_time = props.integer("serverTime").value_or(0);
    answer.submit_metadata = props.flag("submitMetaData");
    answer.atd_candidate = props.flag("atdCandidate");
    answer.master_server = props.text("masterServer").value_or("");
  }
  return answer;
}

}  // namespace tie
