// What travels between the network thread, the read pool and the writer thread: plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ports.hpp"
#include "reputation/digest_key.hpp"
#include "service/queries.hpp"
#include "service/reply_address.hpp"
#include "store/audit_entry.hpp"
#include "tie/codec.hpp"
#include "tie/hash.hpp"
#include "tie/reputation.hpp"

namespace tiara::service {

struct Publication {
  std::string_view topic;  // one of topics.hpp's
  std::string payload;
  std::vector<std::string> client_ids{};  // for these only; empty: for everybody (L15)
};

// Who sent a command, for the audit log; all empty: nobody known.
using store::Actor;

struct SetCommand {
  ReplyTo reply{};
  tie::SetFileReputation set;
  Actor actor{};
};

struct CertSetCommand {
  ReplyTo reply{};
  tie::SetCertReputation set;
  Actor actor{};
};

// What became of a set batch so far: outcomes in the order of the items, and the events that
// follow the answer.
struct BatchProgress {
  std::vector<tie::BatchOutcome> outcomes;
  std::vector<Publication> events;
};

// Items that are refused already carry their error and are only reported.
struct BatchSetCommand {
  ReplyTo reply{};
  std::vector<tie::BatchSetItem> items;
  Actor actor{};
  std::shared_ptr<BatchProgress> progress = std::make_shared<BatchProgress>();
};

// One item on its way through the processor.
struct BatchItemCommand {
  std::shared_ptr<BatchProgress> progress;
  std::size_t index = 0;
};

struct ReportCommand {
  std::string message_id;
  std::string sender;  // certificate; empty: unknown
  tie::ExternalReport report;
  Actor actor{};
};

struct SandboxCommand {
  std::string message_id;
  std::string sender;  // as above
  tie::SandboxReport report;
  Actor actor{};
};

// A lookup that is not answered from the cache, and the counting of one that was.
struct LookupCommand {
  ReplyTo reply{};
  bool answered = false;  // only to be counted
  tie::FileHashes hashes;
  std::string agent{};  // empty: a pure read (L4, L11)
  std::optional<tie::Certificate> signer{};
};

// The counting of a certificate's lookup; its answer is a query.
struct CertLookupCommand {
  tie::Certificate certificate;
  std::string agent;
};

struct MetadataCommand {
  std::string message_id;
  std::string sender;
  tie::FileMetadata metadata;  // its agent is the reporting system
};

struct CertMetadataCommand {
  std::string message_id;
  std::string sender;  // also the system that counts
  tie::CertMetadata metadata;
};

// Files and certificates that may have aged; the writer looks again (L20).
struct AgeCommand {
  std::vector<tie::FileHashes> files;
  std::vector<tie::Sha1> certificates;
};

// A query about digests with a write on its way: answered once that is on disk.
struct BarrierCommand {
  std::shared_ptr<ReadTask> task;
};

using Command = std::variant<SetCommand, CertSetCommand, BatchSetCommand, BatchItemCommand,
                             ReportCommand, SandboxCommand, LookupCommand, CertLookupCommand,
                             MetadataCommand, CertMetadataCommand, AgeCommand, BarrierCommand>;

// Calls `f(digest)` for each digest whose level the command may change: lookups of them wait
// behind it, so that a sender sees what it has set.
template <class F>
void for_each_written_digest(const Command& command, F&& f) {
  const auto of_file = [&f](const tie::FileHashes& hashes) {
    for (const reputation::DigestKey& digest : reputation::DigestKeys(hashes)) f(digest);
  };
  const auto of_certificate = [&f](const tie::Sha1& sha1) {
    f(reputation::DigestKey::of_certificate(sha1));
  };
  if (const auto* set = std::get_if<SetCommand>(&command)) {
    of_file(set->set.hashes);
  } else if (const auto* cert = std::get_if<CertSetCommand>(&command)) {
    of_certificate(cert->set.certificate.sha1);
  } else if (const auto* report = std::get_if<ReportCommand>(&command)) {
    of_file(report->report.hashes);
  } else if (const auto* sandbox = std::get_if<SandboxCommand>(&command)) {
    of_file(sandbox->report.hashes);
  } else if (const auto* batch = std::get_if<BatchSetCommand>(&command)) {
    for (const tie::BatchSetItem& item : batch->items) {
      if (item.error) continue;
      item.certificate ? of_certificate(item.certificate->sha1) : of_file(item.file);
    }
  }
}

// Whom a command's result answers; null: nobody.
inline const ReplyTo* reply_of(const Command& command) {
  if (const auto* set = std::get_if<SetCommand>(&command)) return &set->reply;
  if (const auto* set = std::get_if<CertSetCommand>(&command)) return &set->reply;
  if (const auto* set = std::get_if<BatchSetCommand>(&command)) return &set->reply;
  const auto* lookup = std::get_if<LookupCommand>(&command);
  return lookup != nullptr && !lookup->answered ? &lookup->reply : nullptr;
}

// Which front-end a command came from, and its result goes to.
using Origin = std::size_t;
struct Submitted {
  Command command;
  Origin origin = 0;
};

// What became of a command; everything to be sent for it, in order: answer, then events (L13).
struct Completed {
  Command command;
  Origin origin = 0;
  bool failed = false;  // nothing was changed
  tie::ServiceError error = tie::ServiceError::kUnavailable;
  std::string text{};  // of the answer, or of the error
  std::vector<Publication> events{};
  bool changed = false;   // a level changed
  bool repeated = false;  // the same message came before, by way of another front-end (L16)
  std::int64_t time = 0;  // of the commit
};

}  // namespace tiara::service
