// The table of steps that makes one level of many (TIE reference §6.2), on what each source says:
// answers to lookups here, records in src/reputation.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tie/explanation.hpp"
#include "tie/reputation.hpp"

namespace tie {

// One place a level can come from. `provider` nullopt: the latest local level.
struct LevelSource {
  std::string_view name;
  std::optional<Provider> provider;
  TrustLevel level = TrustLevel::kNotSet;
  std::int64_t time = 0;

  bool is_set() const { return level != TrustLevel::kNotSet; }
};

// All that the steps look at; what is not known has no level. The vendor's "CTD" has no known
// provider id (TIE reference §3.10), so nothing can be stored for it.
struct LevelSources {
  LevelSource file_enterprise{.name = "Enterprise", .provider = Provider::kEnterprise};
  LevelSource cert_enterprise{.name = "Enterprise of the certificate",
                              .provider = Provider::kCertEnterprise};
  LevelSource local{.name = "latest local", .provider = {}};
  LevelSource cert_gti{.name = "GTI of the certificate", .provider = Provider::kCertGti};
  LevelSource gti{.name = "GTI", .provider = Provider::kGti};
  LevelSource atd{.name = "ATD", .provider = Provider::kAtd};
  LevelSource mwg{.name = "MWG", .provider = Provider::kMwg};
  LevelSource external{.name = "External", .provider = Provider::kExternal};
};

// Calls `read(source)` for each source that is the file's own, or its signer's.
template <class Read>
void for_each_file_source(LevelSources& sources, Read read) {
  for (LevelSource* source :
       {&sources.file_enterprise, &sources.gti, &sources.atd, &sources.mwg, &sources.external})
    read(*source);
}
template <class Read>
void for_each_cert_source(LevelSources& sources, Read read) {
  for (LevelSource* source : {&sources.cert_enterprise, &sources.cert_gti}) read(*source);
}

// Every step is listed, in order, with what it looked at; the first that matched decided. Step 0 is
// the External rule, which stands before the table because it looks at all of it.
Explanation explain_sources(const LevelSources& sources);
// The steps that look at certificates: 2, 4 and 7.
Explanation explain_cert_sources(const LevelSources& sources);

struct Decision {
  TrustLevel trust_level = TrustLevel::kNotSet;
  std::optional<Provider> provider{};  // nullopt: latest local level, or nothing
  int step = 0;
};
// The same decision without the steps.
Decision decide_sources(const LevelSources& sources);

}  // namespace tie
