#include "tie_records.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "store/maintenance.hpp"

namespace tiara::bench {
namespace {

using Clock = std::chrono::steady_clock;
using reputation::FileRecord;

constexpr std::uint64_t kRecordsPerBatch = 10'000;
constexpr std::uint64_t kReported = 500'000;
constexpr std::int64_t kFirstSecond = 1'600'000'000;
constexpr std::array kLevels{
    tie::TrustLevel::kKnownTrusted,        tie::TrustLevel::kMostLikelyTrusted,
    tie::TrustLevel::kMightBeTrusted,      tie::TrustLevel::kMightBeMalicious,
    tie::TrustLevel::kMostLikelyMalicious, tie::TrustLevel::kKnownMalicious};

// `stream` tells the digests of one record apart.
template <class Digest>
Digest digest_of(std::uint64_t seed, std::uint64_t index, std::uint64_t stream) {
  Digest digest;
  std::uint64_t state = mix(mix(seed * 8 + stream) ^ index);
  for (std::size_t i = 0; i < Digest::kSize; ++i) {
    if (i % 8 == 0) state = mix(state);
    digest.bytes[i] = static_cast<std::uint8_t>(state >> (i % 8 * 8));
  }
  return digest;
}

bool is_each(std::uint64_t index, std::uint64_t every) { return every != 0 && index % every == 0; }

void add_to(store::Batch& batch, const Filling& filling, std::uint64_t index) {
  FileRecord record = record_of(filling, index);
  const auto subject = reputation::strongest_key(record.hashes);
  if (is_each(index, filling.every_override))
    batch.overrides.push_back({.certificate = signer_of(filling),
                               .file = subject,
                               .changed = record.entries.front().create_date,
                               .present = true});
  if (is_each(index, filling.every_change)) {
    batch.change_id = index / filling.every_change + 1;
    batch.updates.push_back(
        {.time = change_time(index), .change_id = *batch.change_id, .subject = subject});
  }
  batch.put.push_back(std::move(record));
}

dxl::Result<void> put_all(const std::filesystem::path& directory, const Filling& filling) {
  auto opened = store::open_rocks_store({.directory = store_of(directory)});
  if (!opened) return dxl::fail(opened.error());
  const auto begin = Clock::now();
  for (std::uint64_t first = 0; first < filling.records; first += kRecordsPerBatch) {
    store::Batch batch;
    const std::uint64_t end = std::min(filling.records, first + kRecordsPerBatch);
    for (std::uint64_t index = first; index < end; ++index) add_to(batch, filling, index);
    if (auto committed = (*opened)->commit(batch, store::Durability::kBuffered); !committed)
      return committed;
    if (end % kReported != 0 && end != filling.records) continue;
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    fmt::print(stderr, "tie_bench: {} of {} records, {:.0f}/s\n", end, filling.records,
               static_cast<double>(end) / seconds);
  }
  return {};
}

std::filesystem::path note_of(const std::filesystem::path& directory) {
  return directory / "filling";
}

}  // namespace

tie::FileHashes hashes_of(const Filling& filling, std::uint64_t index) {
  tie::FileHashes hashes{.sha256 = digest_of<tie::Sha256>(filling.seed, index, 3)};
  if (filling.only_sha256) return hashes;
  hashes.md5 = digest_of<tie::Md5>(filling.seed, index, 1);
  hashes.sha1 = digest_of<tie::Sha1>(filling.seed, index, 2);
  return hashes;
}

tie::Sha1 signer_of(const Filling& filling) { return digest_of<tie::Sha1>(filling.seed, 0, 4); }

FileRecord record_of(const Filling& filling, std::uint64_t index) {
  FileRecord record;
  record.hashes = hashes_of(filling, index);
  record.created = kFirstSecond + static_cast<std::int64_t>(index);
  record.first_contact = record.created;
  record.last_used = filling.day * reputation::kSecondsPerDay;
  record.entries.push_back({.provider = tie::Provider::kEnterprise,
                            .trust_level = kLevels[mix(index) % kLevels.size()],
                            .create_date = record.created,
                            .comment = {}});
  if (filling.names) record.names.push_back(fmt::format("file{:08}.exe", index % 100'000'000));
  if (is_each(index, filling.every_override))
    record.signer = tie::Certificate{.sha1 = signer_of(filling)};
  return record;
}

std::optional<Filling> read_filling(const std::filesystem::path& directory) {
  std::ifstream note(note_of(directory));
  Filling filling;
  note >> filling.records >> filling.seed >> filling.only_sha256 >> filling.names >>
      filling.every_change >> filling.every_override >> filling.day;
  if (!note) return std::nullopt;
  return filling;
}

dxl::Result<void> fill(const std::filesystem::path& directory, const Filling& filling) {
  std::error_code ignored;
  if (std::filesystem::exists(directory, ignored) && !std::filesystem::is_empty(directory, ignored))
    return dxl::fail(dxl::ErrorCode::kInvalidArgument,
                     fmt::format("{}: not empty, and not filled with this", directory.string()));
  if (auto put = put_all(directory, filling); !put) return put;
  std::fputs("tie_bench: compacting\n", stderr);
  if (auto compacted = store::compact_store(store_of(directory), nullptr); !compacted)
    return dxl::fail(compacted.error());
  std::ofstream note(note_of(directory));
  note << filling.records << ' ' << filling.seed << ' ' << filling.only_sha256 << ' '
       << filling.names << ' ' << filling.every_change << ' ' << filling.every_override << ' '
       << filling.day << '\n';
  if (!note.flush())
    return dxl::fail(dxl::ErrorCode::kStorage,
                     fmt::format("{}: cannot be written", note_of(directory).string()));
  return {};
}

}  // namespace tiara::bench
