#include "reputation/composite.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace tiara::reputation {
namespace {

using tie::Provider;
using tie::TrustLevel;

// One place a level can come from. `provider` nullopt: the latest local level.
struct Source {
  std::string_view name;
  std::optional<Provider> provider;
  TrustLevel level = TrustLevel::kNotSet;
  std::int64_t time = 0;

  bool is_set() const { return level != TrustLevel::kNotSet; }
};

// All that the steps look at; what is not known has no level. The vendor's "CTD" has no known
// provider id (TIE reference §3.10), so nothing can be stored for it.
struct Sources {
  Source file_enterprise{.name = "Enterprise", .provider = Provider::kEnterprise};
  Source cert_enterprise{.name = "Enterprise of the certificate",
                         .provider = Provider::kCertEnterprise};
  Source local{.name = "latest local", .provider = {}};
  Source cert_gti{.name = "GTI of the certificate", .provider = Provider::kCertGti};
  Source gti{.name = "GTI", .provider = Provider::kGti};
  Source atd{.name = "ATD", .provider = Provider::kAtd};
  Source mwg{.name = "MWG", .provider = Provider::kMwg};
  Source external{.name = "External", .provider = Provider::kExternal};
};

template <class Record>
void read(const Record* record, Source& source) {
  const ProviderEntry* entry = record == nullptr ? nullptr : record->find(*source.provider);
  if (entry == nullptr) return;
  source.level = entry->trust_level;
  source.time = entry->create_date;
}

Sources gather(const FileRecord* file, const CertRecord* signer) {
  Sources sources;
  for (Source* source :
       {&sources.file_enterprise, &sources.gti, &sources.atd, &sources.mwg, &sources.external})
    read(file, *source);
  for (Source* source : {&sources.cert_enterprise, &sources.cert_gti}) read(signer, *source);
  if (file != nullptr && file->details.local.count != 0) {
    sources.local.level = static_cast<TrustLevel>(file->details.local.latest);
    sources.local.time = file->details.local_time;
  }
  return sources;
}

// What one step finds: the source that decides if it matches, and what it looked at.
struct Finding {
  static constexpr std::size_t kMostLookedAt = 5;

  const Source* source = nullptr;
  std::array<const Source*, kMostLookedAt> looked_at{};  // then null
  const Source* out_because_of = nullptr;
  bool is_outdated = false;
};

std::string describe(const Source& source) {
  if (!source.is_set()) return fmt::format("{}: none", source.name);
  return fmt::format("{}: {}", source.name, static_cast<int>(source.level));
}

std::string describe(const Finding& finding) {
  std::string text;
  for (const Source* source : finding.looked_at) {
    if (source == nullptr) break;
    if (!text.empty()) text += ", ";
    text += describe(*source);
  }
  if (finding.out_because_of != nullptr)
    text += "; out because of " + describe(*finding.out_because_of);
  if (finding.is_outdated) text += ", not the most recent";
  return text;
}

Finding match_if(const Source& source, bool matches) {
  return Finding{.source = matches ? &source : nullptr, .looked_at = {&source}};
}

template <class Predicate>
const Source* find_first(std::initializer_list<const Source*> sources, Predicate matches) {
  const auto found = std::find_if(sources.begin(), sources.end(),
                                  [&](const Source* source) { return matches(*source); });
  return found == sources.end() ? nullptr : *found;
}

template <class Predicate>
Finding first_of(std::initializer_list<const Source*> sources, Predicate matches) {
  Finding finding{.source = find_first(sources, matches)};
  std::ranges::copy(sources, finding.looked_at.begin());
  return finding;
}

bool is_set(const Source& source) { return source.is_set(); }

// Step 5 leaves 30 and 70 out, unlike tie::is_definitive() (§6.2).
bool decides_alone(const Source& source) {
  switch (source.level) {
    case TrustLevel::kKnownMalicious:
    case TrustLevel::kMostLikelyMalicious:
    case TrustLevel::kMostLikelyTrusted:
    case TrustLevel::kKnownTrusted:
    case TrustLevel::kKnownTrustedInstaller:
      return true;
    case TrustLevel::kNotSet:
    case TrustLevel::kMightBeMalicious:
    case TrustLevel::kUnknown:
    case TrustLevel::kMightBeTrusted:
      break;
  }
  return false;
}

// External is a fallback: out as soon as an override, also one of 50, or any verdict exists.
Finding external_rule(const Sources& s) {
  if (!s.external.is_set()) return match_if(s.external, false);
  const Source* const against = find_first(
      {&s.file_enterprise, &s.cert_enterprise, &s.local, &s.cert_gti, &s.gti, &s.atd, &s.mwg},
      [&](const Source& source) {
        const bool is_override = &source == &s.file_enterprise || &source == &s.cert_enterprise;
        return is_override ? source.is_set() : tie::is_definitive(source.level);
      });
  Finding finding = match_if(s.external, against == nullptr);
  finding.out_because_of = against;
  return finding;
}

// External does not count: here it is not a source.
Finding local_rule(const Sources& s) {
  const std::array others{&s.cert_gti, &s.gti, &s.atd, &s.mwg};
  const bool latest = std::all_of(others.begin(), others.end(), [&](const Source* other) {
    return !other->is_set() || other->time < s.local.time;
  });
  Finding finding = match_if(s.local, s.local.is_set() && latest);
  finding.is_outdated = s.local.is_set() && !latest;
  return finding;
}

struct Step {
  int number;
  const char* rule;
  Finding (*find)(const Sources&);
};

constexpr std::array kSteps{
    Step{0, "External level, if there is no override and no other verdict", external_rule},
    Step{1, "Enterprise level of the file, if set",
         [](const Sources& s) { return match_if(s.file_enterprise, s.file_enterprise.is_set()); }},
    Step{2, "Enterprise level of the certificate, if set",
         [](const Sources& s) { return match_if(s.cert_enterprise, s.cert_enterprise.is_set()); }},
    Step{3, "latest local level, if it is the most recent of all", local_rule},
    Step{4, "GTI level of the certificate, if clean",
         [](const Sources& s) {
           return match_if(s.cert_gti, s.cert_gti.level >= TrustLevel::kMightBeTrusted);
         }},
    Step{5, "first definitive level (1, 15, 85, 99, 100) of GTI, ATD, MWG",
         [](const Sources& s) {
           return first_of({&s.gti, &s.atd, &s.mwg}, decides_alone);
         }},
    Step{6, "GTI level of 30 or 70",
         [](const Sources& s) {
           return match_if(s.gti, s.gti.level == TrustLevel::kMightBeMalicious ||
                                      s.gti.level == TrustLevel::kMightBeTrusted);
         }},
    Step{7, "first other level of latest local, GTI of the certificate, GTI, ATD, MWG",
         [](const Sources& s) {
           return first_of({&s.local, &s.cert_gti, &s.gti, &s.atd, &s.mwg}, is_set);
         }},
};

bool concerns_certificates(const Step& step) {
  return step.number == 2 || step.number == 4 || step.number == 7;
}

template <class Wanted>
tie::Explanation explain(const Sources& sources, Wanted wanted) {
  tie::Explanation result;
  bool decided = false;
  for (const Step& step : kSteps) {
    if (!wanted(step)) continue;
    const Finding finding = step.find(sources);
    result.steps.push_back(tie::ExplainStep{.step = step.number,
                                            .rule = step.rule,
                                            .matched = finding.source != nullptr,
                                            .detail = describe(finding)});
    if (decided || finding.source == nullptr) continue;
    decided = true;
    result.trust_level = finding.source->level;
    result.provider = finding.source->provider;
    result.step = step.number;
  }
  return result;
}

}  // namespace

tie::Explanation explain_file(const FileRecord* file, const CertRecord* signer) {
  return explain(gather(file, signer), [](const Step&) { return true; });
}

Decision decide_file(const FileRecord* file, const CertRecord* signer) {
  const Sources sources = gather(file, signer);
  for (const Step& step : kSteps) {
    if (const Source* const source = step.find(sources).source; source != nullptr)
      return {.trust_level = source->level, .provider = source->provider, .step = step.number};
  }
  return {};
}

tie::Explanation explain_certificate(const CertRecord* certificate) {
  return explain(gather(nullptr, certificate), concerns_certificates);
}

}  // namespace tiara::reputation
