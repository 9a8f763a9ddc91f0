// File info both ways: one list of the members, in the order in which they are written.
#include "tie/file_info.hpp"

#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "tie/answers.hpp"
#include "tie/json_text.hpp"
#include "tie/payload_reader.hpp"

namespace tie {
namespace {

// Calls `f(name, member)` for every member. `Info` is FileInfo, const or not.
template <class Info, class F>
void for_each_member(Info& info, F&& f) {
  f("atdReputation", info.atd.level);
  f("atdReputationLastRefresh", info.atd.last_refresh);
  f("badRepCount", info.bad_rep_count);
  f("certEnterpriseReputation", info.cert_enterprise);
  f("certGtiReputation", info.cert_gti);
  f("certSha1", info.cert_sha1);
  f("comment", info.comment);
  f("company", info.company);
  f("compositeReputation", info.composite);
  f("ctdReputation", info.ctd.level);
  f("ctdReputationLastRefresh", info.ctd.last_refresh);
  f("detectionCount", info.detection_count);
  f("enterpriseCount", info.enterprise_count);
  f("enterpriseReputation", info.enterprise.level);
  f("enterpriseReputationLastRefresh", info.enterprise.last_refresh);
  f("fileNameCount", info.file_name_count);
  f("fileParents", info.file_parents);
  f("filePathCount", info.file_path_count);
  f("filePaths", info.file_paths);
  f("fileRules", info.file_rules);
  f("fileType", info.file_type);
  f("firstContact", info.first_contact);
  f("firstReference", info.first_reference);
  f("goodRepCount", info.good_rep_count);
  f("gtiReputation", info.gti.level);
  f("gtiReputationLastRefresh", info.gti.last_refresh);
  f("lastAccess", info.last_access);
  f("lastDetectionName", info.last_detection_name);
  f("lastUpdate", info.last_update);
  f("latestRuleId", info.latest_rule_id);
  f("localRepCount", info.local.count);
  f("localRepLatest", info.local_latest);
  f("localRepMax", info.local.max);
  f("localRepMin", info.local.min);
  f("localRepSum", info.local.sum);
  f("md5", info.hashes.md5);
  f("mwgReputation", info.mwg.level);
  f("mwgReputationLastRefresh", info.mwg.last_refresh);
  f("names", info.names);
  f("parentRepCount", info.parent.count);
  f("parentRepMax", info.parent.max);
  f("parentRepMin", info.parent.min);
  f("parentRepSum", info.parent.sum);
  f("prevalent", info.prevalent);
  f("productName", info.product_name);
  f("productVersion", info.product_version);
  f("profilerFlags", info.profiler_flags);
  f("promptRepCount", info.prompt.count);
  f("promptRepMax", info.prompt.max);
  f("promptRepMin", info.prompt.min);
  f("promptRepSum", info.prompt.sum);
  f("sha1", info.hashes.sha1);
  f("sha256", info.hashes.sha256);
  f("signedBits", info.signed_bits);
  f("size", info.size);
  f("urlRep", info.url);
  f("version", info.version);
}

template <class Tag, std::size_t N>
void append_value(std::string_view name, const Digest<Tag, N>& digest, std::string& out) {
  append_name(name, out);
  out += '"';
  tiara::base::append_base64(digest.view(), out);
  out += '"';
}
void append_value(std::string_view name, const std::vector<std::string>& texts, std::string& out) {
  append_name(name, out);
  out += '[';
  for (const std::string& text : texts) {
    separate(out);
    dxl::append_json_string(text, out);
  }
  out += ']';
}
template <class T>
void append_value(std::string_view name, const T& value, std::string& out) {
  append_member(name, value, out);
}

void append_info(const FileInfo& info, std::string& out) {
  separate(out);
  out += '{';
  for_each_member(info, [&](std::string_view name, const auto& member) {
    if (member) return append_value(name, *member, out);
    append_name(name, out);
    out += "null";
  });
  out += '}';
}

// Reads one member of each type that FileInfo has.
class MemberReader {
 public:
  MemberReader(const dxl::JsonValue& object, Findings& findings)
      : members_(object, "results[].", findings.request), findings_(findings) {}

  void operator()(std::string_view name, std::optional<std::string>& place) {
    place = read_text_or_number(members_, name, findings_.request);
  }
  void operator()(std::string_view name, std::optional<std::int64_t>& place) {
    place = members_.integer(name);
  }
  void operator()(std::string_view name, std::optional<std::uint64_t>& place) {
    place = members_.count(name);
  }
  void operator()(std::string_view name, std::optional<bool>& place) {
    if (members_.value(name)) place = members_.flag(name);
  }
  void operator()(std::string_view name, std::optional<FileType>& place) {
    if (const auto number = members_.count(name)) place = static_cast<FileType>(*number);
  }
  void operator()(std::string_view name, std::optional<TrustLevel>& place) {
    const auto number = members_.integer(name);
    if (number && !std::in_range<std::int32_t>(*number))
      findings_.request.note(members_.full_name(name) + ": out of range");
    else if (number)
      place = static_cast<TrustLevel>(*number);
  }
  template <class Tag, std::size_t N>
  void operator()(std::string_view name, std::optional<Digest<Tag, N>>& place) {
    const auto text = members_.text(name);
    if (!text || text->empty()) return;
    const auto raw = tiara::base::parse_base64(*text);
    if (raw) place = Digest<Tag, N>::from_bytes(*raw);
    if (!place) findings_.hashes.note(fmt::format("{}: unusable", members_.full_name(name)));
  }
  // Nobody says what these lists hold: texts and numbers are kept, anything else says nothing.
  void operator()(std::string_view name, std::optional<std::vector<std::string>>& place) {
    const auto list = members_.array(name);
    if (!list) return;
    place.emplace();
    list->for_each_element([&](const dxl::JsonValue& item) {
      if (const auto text = item.string())
        place->emplace_back(*text);
      else if (const auto number = item.integer())
        place->push_back(std::to_string(*number));
      return true;
    });
  }

 private:
  ObjectReader members_;
  Findings& findings_;
};

}  // namespace

std::string to_composite_text(TrustLevel level, Provider provider) {
  return fmt::format(" {:03}|{}", static_cast<std::int32_t>(level),
                     static_cast<std::int32_t>(provider));
}

void append_file_infos_open(std::string& out) { out += R"({"results":[)"; }

bool append_file_info(const FileInfo& info, std::string& out) {
  const auto append = [&out](const FileInfo* each) { append_info(*each, out); };
  return append_what_fits(std::initializer_list<const FileInfo*>{&info}, out, append);
}

void append_file_infos_close(bool all, std::string& out) {
  out += all ? "]}" : R"(],"truncated":true})";
}

void append_file_infos(const std::vector<FileInfo>& infos, std::string& out) {
  append_file_infos_open(out);
  bool all = true;
  for (auto info = infos.begin(); all && info != infos.end(); ++info)
    all = append_file_info(*info, out);
  append_file_infos_close(all, out);
}

dxl::Result<std::vector<FileInfo>> decode_file_infos(std::string_view payload) {
  const auto object = parse_object(payload, kNoCode);
  if (!object) return dxl::fail(object.error());
  std::vector<FileInfo> infos;
  Findings findings;
  const auto list = ObjectReader(*object, "", findings.request).array("results");
  if (list) {
    list->for_each_element([&](const dxl::JsonValue& item) {
      if (!item.is_object()) {
        findings.request.note("results: expected an array of objects");
      } else if (infos.size() == kMaxInfoFiles) {
        findings.request.note(fmt::format("results: more than {}", kMaxInfoFiles));
      } else {
        for_each_member(infos.emplace_back(), MemberReader(item, findings));
      }
      return !findings.request.found();
    });
  }
  if (findings.any()) return unreadable(findings);
  return infos;
}

}  // namespace tie
