#include "tie/composite.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>

#include <fmt/format.h>

namespace tie {
namespace {

// What one step finds: the source that decides if it matches, and what it looked at.
struct Finding {
  static constexpr std::size_t kMostLookedAt = 5;

  const LevelSource* source = nullptr;
  std::array<const LevelSource*, kMostLookedAt> looked_at{};  // then null
  const LevelSource* out_because_of = nullptr;
  bool is_outdated = false;
};

std::string describe(const LevelSource& source) {
  if (!source.is_set()) return fmt::format("{}: none", source.name);
  return fmt::format("{}: {}", source.name, static_cast<int>(source.level));
}

std::string describe(const Finding& finding) {
  std::string text;
  for (const LevelSource* source : finding.looked_at) {
    if (source == nullptr) break;
    if (!text.empty()) text += ", ";
    text += describe(*source);
  }
  if (finding.out_because_of != nullptr)
    text += "; out because of " + describe(*finding.out_because_of);
  if (finding.is_outdated) text += ", not the most recent";
  return text;
}

Finding match_if(const LevelSource& source, bool matches) {
  return Finding{.source = matches ? &source : nullptr, .looked_at = {&source}};
}

template <class Predicate>
const LevelSource* find_first(std::initializer_list<const LevelSource*> sources,
                              Predicate matches) {
  const auto found = std::find_if(sources.begin(), sources.end(),
                                  [&](const LevelSource* source) { return matches(*source); });
  return found == sources.end() ? nullptr : *found;
}

template <class Predicate>
Finding first_of(std::initializer_list<const LevelSource*> sources, Predicate matches) {
  Finding finding{.source = find_first(sources, matches)};
  std::ranges::copy(sources, finding.looked_at.begin());
  return finding;
}

bool is_set(const LevelSource& source) { return source.is_set(); }

// Step 5 leaves 30 and 70 out, unlike is_definitive() (§6.2).
bool decides_alone(const LevelSource& source) {
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
Finding external_rule(const LevelSources& s) {
  if (!s.external.is_set()) return match_if(s.external, false);
  const LevelSource* const against = find_first(
      {&s.file_enterprise, &s.cert_enterprise, &s.local, &s.cert_gti, &s.gti, &s.atd, &s.mwg},
      [&](const LevelSource& source) {
        const bool is_override = &source == &s.file_enterprise || &source == &s.cert_enterprise;
        return is_override ? source.is_set() : is_definitive(source.level);
      });
  Finding finding = match_if(s.external, against == nullptr);
  finding.out_because_of = against;
  return finding;
}

// External does not count: here it is not a source.
Finding local_rule(const LevelSources& s) {
  const std::array others{&s.cert_gti, &s.gti, &s.atd, &s.mwg};
  const bool latest = std::all_of(others.begin(), others.end(), [&](const LevelSource* other) {
    return !other->is_set() || other->time < s.local.time;
  });
  Finding finding = match_if(s.local, s.local.is_set() && latest);
  finding.is_outdated = s.local.is_set() && !latest;
  return finding;
}

struct Step {
  int number;
  const char* rule;
  Finding (*find)(const LevelSources&);
};

constexpr std::array kSteps{
    Step{0, "External level, if there is no override and no other verdict", external_rule},
    Step{1, "Enterprise level of the file, if set",
         [](const LevelSources& s) {
           return match_if(s.file_enterprise, s.file_enterprise.is_set());
         }},
    Step{2, "Enterprise level of the certificate, if set",
         [](const LevelSources& s) {
           return match_if(s.cert_enterprise, s.cert_enterprise.is_set());
         }},
    Step{3, "latest local level, if it is the most recent of all", local_rule},
    Step{4, "GTI level of the certificate, if clean",
         [](const LevelSources& s) {
           return match_if(s.cert_gti, s.cert_gti.level >= TrustLevel::kMightBeTrusted);
         }},
    Step{5, "first definitive level (1, 15, 85, 99, 100) of GTI, ATD, MWG",
         [](const LevelSources& s) {
           return first_of({&s.gti, &s.atd, &s.mwg}, decides_alone);
         }},
    Step{6, "GTI level of 30 or 70",
         [](const LevelSources& s) {
           return match_if(s.gti, s.gti.level == TrustLevel::kMightBeMalicious ||
                                      s.gti.level == TrustLevel::kMightBeTrusted);
         }},
    Step{7, "first other level of latest local, GTI of the certificate, GTI, ATD, MWG",
         [](const LevelSources& s) {
           return first_of({&s.local, &s.cert_gti, &s.gti, &s.atd, &s.mwg}, is_set);
         }},
};

bool concerns_certificates(const Step& step) {
  return step.number == 2 || step.number == 4 || step.number == 7;
}

template <class Wanted>
Explanation explain_wanted(const LevelSources& sources, Wanted wanted) {
  Explanation result;
  bool decided = false;
  for (const Step& step : kSteps) {
    if (!wanted(step)) continue;
    const Finding finding = step.find(sources);
    result.steps.push_back(ExplainStep{.step = step.number,
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

void read_entry(const Reputations* answer, LevelSource& source) {
  const Reputation* const entry = answer == nullptr ? nullptr : answer->find(*source.provider);
  if (entry == nullptr) return;
  source.level = entry->trust_level;
  source.time = entry->create_date;
}

}  // namespace

Explanation explain_sources(const LevelSources& sources) {
  return explain_wanted(sources, [](const Step&) { return true; });
}

Explanation explain_cert_sources(const LevelSources& sources) {
  return explain_wanted(sources, concerns_certificates);
}

Decision decide_sources(const LevelSources& sources) {
  for (const Step& step : kSteps) {
    if (const LevelSource* const source = step.find(sources).source; source != nullptr)
      return {.trust_level = source->level, .provider = source->provider, .step = step.number};
  }
  return {};
}

Explanation explain_file(const Reputations& file, const Reputations* signer,
                         const LocalLevel& local) {
  LevelSources sources;
  for_each_file_source(sources, [&](LevelSource& source) { read_entry(&file, source); });
  for_each_cert_source(sources, [&](LevelSource& source) { read_entry(signer, source); });
  sources.local.level = local.level;
  sources.local.time = local.time;
  return explain_sources(sources);
}

Explanation explain_certificate(const Reputations& certificate) {
  LevelSources sources;
  for_each_cert_source(sources, [&](LevelSource& source) { read_entry(&certificate, source); });
  return explain_cert_sources(sources);
}

}  // namespace tie
