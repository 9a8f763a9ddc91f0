// The rules of the reputation service (TIE reference §6, §12.2) as functions of values: records in,
// records and answers out. No store, clock or socket: commands carry time, ids and actor.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "reputation/match.hpp"
#include "reputation/record.hpp"
#include "reputation/settings.hpp"
#include "tie/codec.hpp"
#include "tie/reputation.hpp"

namespace tiara::reputation {

// What an answer needs besides the record.
struct AnswerContext {
  std::int64_t now = 0;
  std::uint64_t enterprise_size = 0;
  std::uint64_t server_version = 0;  // packed, attribute 2139285
  bool submit_metadata = false;
  Settings::CreateDate create_date = Settings::CreateDate::kChanged;
};

// Complete answer for a record, or for an unknown file (`record` null): entries 1 and 3 always,
// others if present (L5).
tie::Reputations make_answer(const FileRecord* record, const AnswerContext& context);

// Whether the answer to an endpoint lookup asks for metadata (§6.9); a pure read never does.
bool wants_metadata(const FileRecord* record);

// What the store knows under the supplied digests.
struct Known {
  std::vector<const FileRecord*> records;  // distinct, as for match_records()
  // Distinct systems over the main record and those that join it, when there are such. Records hold
  // only counts, so without it a merge adds them up: an upper bound.
  std::optional<std::uint64_t> joined_references;
};

struct Change {
  std::optional<FileRecord> before;  // nullopt: the file was unknown
  FileRecord after;
  friend bool operator==(const Change&, const Change&) = default;
};

// What a write did to the store and to the world. All empty: nothing changed.
struct Outcome {
  std::vector<FileRecord> store;  // records to write; they take over all their digests
  struct Move {
    tie::FileHashes from;
    tie::FileHashes to;
    friend bool operator==(const Move&, const Move&) = default;
  };
  std::vector<Move> moves;     // former records with references that now belong to another subject
  std::vector<Change> events;  // one change event each, in order (§6.10 rule 5, L6)
  bool conflict = false;       // a supplied digest or signer contradicts a record (§6.10 rule 4)
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Set Enterprise level (§3.2, L3, L7, L12). Always teaches.
Outcome apply_set(const tie::FileHashes& hashes, tie::TrustLevel level, std::string_view filename,
                  std::string_view comment, std::int64_t now, const Known& known);

// Accept a valid External report (§6.3, L1, L3, L7, L12). Teaches by `merge_learn`.
Outcome apply_external(const tie::ExternalReport& report, std::int64_t now,
                       const Settings& settings, const Known& known);

// Accept a sandbox's verdict (§3.16): as an External report, for provider 5, without regard to
// external.* settings. A level of kNotSet removes the entry.
Outcome apply_sandbox(const tie::SandboxReport& report, std::int64_t now, const Settings& settings,
                      const Known& known);

// Count an endpoint lookup (L4, L9, §6.7): creates the record if unknown. `new_reference` says
// whether this system was not among the references yet; `signer` is stored if none is known (L24).
struct LookupOutcome {
  Outcome outcome;
  FileRecord record;            // the record the lookup was counted for, afterwards
  bool first_instance = false;  // send the event now
  bool prevalence = false;      // send the event now
};
LookupOutcome apply_endpoint_lookup(const tie::FileHashes& hashes,
                                    const std::optional<tie::Certificate>& signer, std::int64_t now,
                                    bool new_reference, std::uint64_t enterprise_size,
                                    const Settings& settings, const Known& known);

// Whether so many systems make a file or a certificate prevalent (L19). A record that is stays it.
bool is_prevalent(std::uint64_t references, std::uint64_t enterprise_size,
                  const Settings& settings);

// Store what an endpoint told about a file (§3.8, §6.9): creates the record if unknown. The levels
// of a process are not aggregated.
struct MetadataOutcome {
  Outcome outcome;
  FileRecord record;       // afterwards
  bool detection = false;  // send the event now (L21)
};
MetadataOutcome apply_metadata(const tie::FileMetadata& metadata, std::int64_t now,
                               const Settings& settings, const Known& known);
// What the metadata of a file (not of a process) says about the one that created it: its record
// with one more child level.
FileRecord with_child(FileRecord parent, std::uint8_t child_level);

// Retention (§6.3, §6.16, L20). Purge: the record goes with all that is attached to it, without an
// event. An External entry beyond external.max_age_days goes alone, with one.
struct Aged {
  bool purge = false;
  std::optional<Change> change;  // the record without its External entry
};
Aged apply_age(const FileRecord& record, std::int64_t now, const Settings& settings);
// Whether `last_used`, as touch() leaves it, is more than `days` ago; 0 days: never.
bool is_unused(std::int64_t last_used, std::int64_t now, std::int64_t days);

}  // namespace tiara::reputation
