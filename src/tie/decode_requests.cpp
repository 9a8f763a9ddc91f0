// The decoders of requests.hpp.
#include "tie/requests.hpp"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "tie/payload_reader.hpp"

namespace tie {
namespace {

std::optional<std::int64_t> read_query_limit(ObjectReader& members, Findings& findings) {
  return read_clamped(members, "queryLimit", 1, kMaxQueryLimit, findings);
}

std::string read_agent(ObjectReader& members) {
  return std::string(members.text("agentGuid").value_or(""));
}

std::optional<GetUpdates::FileType> find_file_type(std::string_view name) {
  if (name == Md5Tag::kName) return GetUpdates::FileType::kMd5;
  if (name == Sha1Tag::kName) return GetUpdates::FileType::kSha1;
  if (name == Sha256Tag::kName) return GetUpdates::FileType::kSha256;
  return std::nullopt;
}

// A class without a type of digest is left out.
void read_target_types(const dxl::JsonValue& types, GetUpdates& get, Findings& findings) {
  const auto file = types.find("file");
  const auto certificate = types.find("cert");
  get.files = file.has_value();
  get.certificates = certificate.has_value();
  if (file) {
    const auto type = find_file_type(file->string().value_or(""));
    if (!type) findings.parameter.note("targetTypes.file: expected md5, sha1 or sha256");
    get.file_type = type.value_or(GetUpdates::FileType::kAny);
  }
  if (certificate && certificate->string() != Sha1Tag::kName)
    findings.parameter.note("targetTypes.cert: expected sha1");
}

// One list of `file/info`, a level deeper than elsewhere.
bool read_info_list(const dxl::JsonValue& list, std::vector<FileHashes>& files,
                    Findings& findings) {
  if (!list.is_array()) {
    findings.request.note("hashes: expected an array of arrays");
    return false;
  }
  if (files.size() == kMaxInfoFiles) {
    findings.request.note(fmt::format("hashes: more than {} files", kMaxInfoFiles));
    return false;
  }
  files.push_back(read_hashes(list, findings));
  return !findings.request.found();
}

}  // namespace

dxl::Result<GetFileReputation> decode_get_file_reputation(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    GetFileReputation get;
    get.hashes = read_hashes(members, findings);
    get.scan_type = members.integer("scanType");
    get.file_type = members.integer("fileType");
    get.agent_guid = read_agent(members);
    get.signer = read_signer(members, findings);
    return get;
  });
}

dxl::Result<SetFileReputation> decode_set_file_reputation(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    SetFileReputation set;
    set.hashes = read_hashes(members, findings);
    set.trust_level = read_level(members, findings);
    read_provider(members, Provider::kEnterprise, findings);
    set.filename = read_cut(members, "filename");
    set.comment = read_cut(members, "comment");
    return set;
  });
}

dxl::Result<GetCertReputation> decode_get_cert_reputation(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    GetCertReputation get;
    get.certificate = read_certificate(members, findings);
    get.scan_type = members.integer("scanType");
    get.agent_guid = read_agent(members);
    return get;
  });
}

dxl::Result<SetCertReputation> decode_set_cert_reputation(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    SetCertReputation set;
    set.certificate = read_certificate(members, findings);
    set.trust_level = read_level(members, findings);
    read_provider(members, Provider::kCertEnterprise, findings);
    set.comment = read_cut(members, "comment");
    return set;
  });
}

dxl::Result<GetFileAgents> decode_get_file_agents(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    const GetFileAgents get{read_hashes(members, findings), read_query_limit(members, findings)};
    return get;
  });
}

dxl::Result<GetCertAgents> decode_get_cert_agents(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    const GetCertAgents get{read_certificate(members, findings),
                            read_query_limit(members, findings)};
    return get;
  });
}

dxl::Result<GetUpdates> decode_get_updates(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    GetUpdates get;
    get.since = read_clamped(members, "sinceTime", 0, std::numeric_limits<std::int64_t>::max(),
                             findings, Need::kRequired)
                    .value_or(0);
    get.query_limit = read_query_limit(members, findings);
    if (members.value("targeted")) get.targeted = members.flag("targeted");
    if (const auto types = members.value("targetTypes")) {
      if (types->is_object())
        read_target_types(*types, get, findings);
      else
        findings.parameter.note("targetTypes: expected object");
    }
    return get;
  });
}

dxl::Result<std::vector<FileHashes>> decode_get_file_info(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    std::vector<FileHashes> files;
    if (const auto lists = members.array("hashes", Need::kRequired)) {
      lists->for_each_element(
          [&](const dxl::JsonValue& list) { return read_info_list(list, files, findings); });
      if (files.empty()) findings.hashes.note("hashes: no file");
    }
    return files;
  });
}

dxl::Result<SearchFiles> decode_search_files(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    SearchFiles search;
    search.text = cut(members.text("searchString", Need::kRequired).value_or(""));
    search.rows =
        read_clamped(members, "numberOfRows", 1, kMaxSearchRows, findings).value_or(search.rows);
    return search;
  });
}

}  // namespace tie
