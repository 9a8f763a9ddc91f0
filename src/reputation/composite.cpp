#include "reputation/composite.hpp"

namespace tiara::reputation {
namespace {

template <class Record>
void read(const Record* record, tie::LevelSource& source) {
  const ProviderEntry* entry = record == nullptr ? nullptr : record->find(*source.provider);
  if (entry == nullptr) return;
  source.level = entry->trust_level;
  source.time = entry->create_date;
}

tie::LevelSources gather(const FileRecord* file, const CertRecord* signer) {
  tie::LevelSources sources;
  tie::for_each_file_source(sources, [&](tie::LevelSource& source) { read(file, source); });
  tie::for_each_cert_source(sources, [&](tie::LevelSource& source) { read(signer, source); });
  if (file != nullptr && file->details.local.count != 0) {
    sources.local.level = static_cast<tie::TrustLevel>(file->details.local.latest);
    sources.local.time = file->details.local_time;
  }
  return sources;
}

}  // namespace

tie::Explanation explain_file(const FileRecord* file, const CertRecord* signer) {
  return tie::explain_sources(gather(file, signer));
}

Decision decide_file(const FileRecord* file, const CertRecord* signer) {
  return tie::decide_sources(gather(file, signer));
}

tie::Explanation explain_certificate(const CertRecord* certificate) {
  return tie::explain_cert_sources(gather(nullptr, certificate));
}

}  // namespace tiara::reputation
