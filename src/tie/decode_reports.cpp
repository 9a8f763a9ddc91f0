// The decoders of reports.hpp.
#include "tie/reports.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "tie/payload_reader.hpp"

namespace tie {
namespace {

constexpr std::uint32_t kMalformedReport = static_cast<std::uint32_t>(ReportRefusal::kMalformed);

constexpr std::int64_t kProcess = 4;  // objectType
constexpr std::int64_t kHighestLevel = 100;

// An absent text is fine; a digest that does not parse is a mistake.
template <class D>
void read_hex(std::string_view path, std::optional<std::string_view> text, std::optional<D>& digest,
              Mistake& mistake) {
  if (!text) return;
  auto parsed = D::parse(*text);
  if (parsed)
    digest = *parsed;
  else
    mistake.note(std::string(path) + ": " + parsed.error().message);
}

// Computed on a system: any whole number a level may lie between.
std::optional<std::int64_t> read_local_level(ObjectReader& members, std::string_view name,
                                             Findings& findings) {
  const auto level = members.integer(name);
  if (level && (*level < 0 || *level > kHighestLevel)) {
    findings.request.note(
        fmt::format("{}: {} is not from 0 to {}", members.full_name(name), *level, kHighestLevel));
  }
  return level;
}

void read_description(ObjectReader& members, FileMetadata& metadata, Findings& findings) {
  metadata.name = read_cut(members, "name");
  metadata.path = read_cut(members, "path");
  metadata.version =
      cut(read_text_or_number(members, "version", findings.request).value_or(std::string()));
  metadata.company_name = read_cut(members, "companyName");
  metadata.product_name = read_cut(members, "productName");
  metadata.product_version = read_cut(members, "productVersion");
  metadata.profiler_flags = read_cut(members, "profilerFlags");
  metadata.size = members.count("size");
  metadata.file_type = members.count("fileType");
  metadata.signed_bits = members.integer("signedBits");
  metadata.signer = read_signer(members, findings);
  metadata.is_process = members.integer("objectType") == kProcess;
}

void read_local_levels(ObjectReader& members, FileMetadata& metadata, Findings& findings) {
  metadata.local_rep = read_local_level(members, "localRep", findings);
  metadata.pre_prompt_local_rep = read_local_level(members, "prePromptLocalRep", findings);
  metadata.local_rep_rule_id = members.integer("localRepRuleId");
  metadata.parent_sha1 = read_sha1(members, "parentSha1", findings);
  metadata.parent_local_rep = read_local_level(members, "parentLocalRep", findings);
  metadata.actor_sha1 = read_sha1(members, "actorSha1", findings);
  metadata.actor_local_rep = read_local_level(members, "actorLocalRep", findings);
}

std::string read_serial(ObjectReader& members, Findings& findings) {
  const auto text = members.text("serialNumber");
  if (!text) return {};
  auto raw = tiara::base::parse_base64(*text);
  if (!raw)
    findings.request.note("serialNumber: not base64");
  else if (raw->size() > kMaxSerialBytes)
    findings.request.note(fmt::format("serialNumber: more than {} bytes", kMaxSerialBytes));
  return raw ? std::move(*raw) : std::string();
}

// §4.4, from severity -2 on.
constexpr std::int64_t kLowestSeverity = -2;
constexpr std::array kLevelOfSeverity = {TrustLevel::kNotSet,
                                         TrustLevel::kKnownTrusted,
                                         TrustLevel::kMostLikelyTrusted,
                                         TrustLevel::kMightBeTrusted,
                                         TrustLevel::kUnknown,
                                         TrustLevel::kMightBeMalicious,
                                         TrustLevel::kMostLikelyMalicious,
                                         TrustLevel::kKnownMalicious};

std::optional<TrustLevel> find_level_of_severity(std::int64_t severity) {
  if (severity < kLowestSeverity) return std::nullopt;
  const auto index =
      static_cast<std::uint64_t>(severity) - static_cast<std::uint64_t>(kLowestSeverity);
  if (index >= kLevelOfSeverity.size()) return std::nullopt;
  return kLevelOfSeverity[index];
}

// Engines whose severities TIE knows as attributes, in the order of their ids (§5.4).
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kEngines = {{
    {"Gateway Anti-Malware", "4194962"},
    {"Anti-Malware", "4195218"},
    {"Sandbox", "4195474"},
}};
constexpr std::string_view kVerdictAttribute = "4195730";

using EngineSeverities = std::array<std::optional<std::int64_t>, kEngines.size()>;

// Of an engine given twice the last one counts; one without a usable severity says nothing.
void read_selectors(const dxl::JsonValue& selectors, EngineSeverities& severities,
                    Mistake& mistake) {
  selectors.for_each_element([&](const dxl::JsonValue& selector) {
    if (!selector.is_object()) {
      mistake.note("Summary.Selectors: expected an array of objects");
      return false;
    }
    const auto name = ObjectReader(selector, "Summary.Selectors[].", mistake).text("Engine");
    const auto engine =
        std::ranges::find(kEngines, name.value_or(""), &decltype(kEngines)::value_type::first);
    if (engine == kEngines.end()) return !mistake.found();
    const auto value = selector.find("Severity");
    const auto severity = value ? value->integer_or_text() : std::nullopt;
    if (severity && find_level_of_severity(*severity))
      severities[static_cast<std::size_t>(engine - kEngines.begin())] = severity;
    return true;
  });
}

// A text that may be there without saying anything.
std::optional<std::string_view> read_available(ObjectReader& members, std::string_view name) {
  const auto text = members.text(name);
  if (!text || text->empty() || *text == "Not Available") return std::nullopt;
  return text;
}

void read_subject(const dxl::JsonValue& subject, SandboxReport& report, Mistake& form,
                  Mistake& hashes) {
  ObjectReader members(subject, "Summary.Subject.", form);
  report.filename = cut(read_available(members, "Name").value_or(""));
  read_hex("Summary.Subject.md5", read_available(members, "md5"), report.hashes.md5, hashes);
  read_hex("Summary.Subject.sha-1", read_available(members, "sha-1"), report.hashes.sha1, hashes);
  read_hex("Summary.Subject.sha-256", read_available(members, "sha-256"), report.hashes.sha256,
           hashes);
  if (report.hashes.empty()) hashes.note("Summary.Subject: no usable md5, sha-1 or sha-256");
  // A hint at most: a size that is not a number is none.
  const auto value = members.value("size");
  const auto size = value ? value->integer_or_text() : std::nullopt;
  if (size && *size >= 0) report.size = static_cast<std::uint64_t>(*size);
}

}  // namespace

std::string_view to_string(ReportRefusal refusal) {
  switch (refusal) {
    case ReportRefusal::kDisabled:
      return "disabled";
    case ReportRefusal::kUnauthorized:
      return "unauthorized";
    case ReportRefusal::kMalformed:
      return "malformed";
    case ReportRefusal::kProvider:
      return "provider";
    case ReportRefusal::kLevel:
      return "level";
    case ReportRefusal::kHashes:
      return "hashes";
    case ReportRefusal::kFilename:
      return "filename";
  }
  return "unknown";
}

dxl::Result<ExternalReport> decode_external_report(std::string_view payload) {
  const auto object = parse_object(payload, kMalformedReport);
  if (!object) return dxl::fail(object.error());
  Mistake mistake;
  std::optional<std::int64_t> type, score, provider;
  std::optional<std::string_view> md5, sha1, sha256, filename, comment;
  ObjectReader members(*object, "", mistake);
  if (const auto file = members.object("file", Need::kRequired)) {
    ObjectReader of_file(*file, "file.", mistake);
    type = of_file.integer("type");
    if (const auto by_type = of_file.object("hashes", Need::kRequired)) {
      ObjectReader of_hashes(*by_type, "file.hashes.", mistake);
      md5 = of_hashes.text(Md5Tag::kName);
      sha1 = of_hashes.text(Sha1Tag::kName);
      sha256 = of_hashes.text(Sha256Tag::kName);
    }
    if (const auto attributes = of_file.object("attributes"))
      filename = ObjectReader(*attributes, "file.attributes.", mistake).text("filename");
    if (const auto reputation = of_file.object("reputation", Need::kRequired)) {
      score =
          ObjectReader(*reputation, "file.reputation.", mistake).integer("score", Need::kRequired);
    }
  }
  if (const auto source = members.object("provider", Need::kRequired))
    provider = ObjectReader(*source, "provider.", mistake).integer("id", Need::kRequired);
  comment = members.text("comment");
  if (type.value_or(0) < 0) mistake.note(fmt::format("file.type: {} is negative", *type));
  if (mistake.found()) return refuse(ReportRefusal::kMalformed, std::move(mistake.text));

  if (*provider != static_cast<std::int64_t>(Provider::kExternal)) {
    return refuse(ReportRefusal::kProvider,
                  fmt::format("provider.id: expected 15, found {}", *provider));
  }
  const auto level = find_known_level(*score);
  if (!level) {
    return refuse(ReportRefusal::kLevel,
                  fmt::format("file.reputation.score: {} is not one of the nine levels", *score));
  }
  FileHashes hashes;
  Mistake unusable;
  read_hex("file.hashes", md5, hashes.md5, unusable);
  read_hex("file.hashes", sha1, hashes.sha1, unusable);
  read_hex("file.hashes", sha256, hashes.sha256, unusable);
  if (hashes.empty()) unusable.note("file.hashes: no usable md5, sha1 or sha256");
  if (unusable.found()) return refuse(ReportRefusal::kHashes, std::move(unusable.text));
  return ExternalReport{hashes, *level, static_cast<FileType>(type.value_or(0)),
                        cut(filename.value_or("")), cut(comment.value_or(""))};
}

dxl::Result<SandboxReport> decode_sandbox_report(std::string_view payload) {
  const auto object = parse_object(payload, kMalformedReport);
  if (!object) return dxl::fail(object.error());
  Mistake mistake, unusable;
  SandboxReport report;
  EngineSeverities engines;
  std::optional<std::int64_t> severity;
  if (const auto summary = ObjectReader(*object, "", mistake).object("Summary", Need::kRequired)) {
    ObjectReader members(*summary, "Summary.", mistake);
    if (const auto subject = members.object("Subject", Need::kRequired))
      read_subject(*subject, report, mistake, unusable);
    if (const auto selectors = members.array("Selectors"))
      read_selectors(*selectors, engines, mistake);
    if (const auto verdict = members.object("Verdict", Need::kRequired)) {
      severity = ObjectReader(*verdict, "Summary.Verdict.", mistake)
                     .integer_or_text("Severity", Need::kRequired);
    }
  }
  if (mistake.found()) return refuse(ReportRefusal::kMalformed, std::move(mistake.text));
  const auto level = find_level_of_severity(*severity);
  if (!level) {
    return refuse(ReportRefusal::kLevel,
                  fmt::format("Summary.Verdict.Severity: {} is not from -2 to 5", *severity));
  }
  if (unusable.found()) return refuse(ReportRefusal::kHashes, std::move(unusable.text));

  report.trust_level = *level;
  for (std::size_t i = 0; i < kEngines.size(); ++i) {
    if (engines[i]) report.attributes.emplace_back(kEngines[i].second, std::to_string(*engines[i]));
  }
  report.attributes.emplace_back(kVerdictAttribute, std::to_string(*severity));
  return report;
}

dxl::Result<FileMetadata> decode_file_metadata(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    FileMetadata metadata;
    metadata.hashes = read_hashes(members, findings);
    metadata.agent_guid = members.text("agentGuid").value_or("");
    read_description(members, metadata, findings);
    read_local_levels(members, metadata, findings);
    metadata.detection_name = read_cut(members, "detectionName");
    metadata.remediation = members.integer("remediation").value_or(0);
    return metadata;
  });
}

dxl::Result<CertMetadata> decode_cert_metadata(std::string_view payload) {
  return decode_request(payload, [](ObjectReader& members, Findings& findings) {
    CertMetadata metadata;
    metadata.certificate = read_certificate(members, findings);
    metadata.algorithm = read_cut(members, "algorithm");
    metadata.subject_name = read_cut(members, "subjectName");
    metadata.subject = read_cut(members, "subject");
    metadata.issuer = read_cut(members, "issuer");
    metadata.issuer_dn = read_cut(members, "issuerDN");
    metadata.serial_number = read_serial(members, findings);
    metadata.issuer_sha1 = read_sha1(members, "issuerSha1", findings);
    metadata.issuer_public_key_sha1 = read_sha1(members, "issuerPublicKeySha1", findings);
    metadata.valid_from = members.integer("validFrom");
    metadata.valid_to = members.integer("validTo");
    return metadata;
  });
}

}  // namespace tie
