#include "service/housekeeping.hpp"

#include <optional>
#include <utility>

#include "base/hex.hpp"
#include "base/log.hpp"
#include "reputation/certificates.hpp"
#include "reputation/engine.hpp"

namespace tiara::service {
namespace {

using base::LogLevel;
using reputation::DigestKey;
using reputation::strongest_key;

// Read in one go before others get their turn, and handed to the writer as one command.
constexpr std::size_t kSlice = 1'000;
constexpr std::size_t kAgedPerCommand = 200;
constexpr std::chrono::milliseconds kBetweenSlices{10};
constexpr std::chrono::milliseconds kWriterIsBusy{1'000};

}  // namespace

Housekeeping::Housekeeping(const LookupContext& context, const base::Clock& clock,
                           std::function<bool(AgeCommand)> submit, const HousekeepingTimes& times)
    : context_(context), clock_(clock), submit_(std::move(submit)), times_(times), thread_([this] {
        run();
      }) {}

Housekeeping::~Housekeeping() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  thread_.join();
}

bool Housekeeping::wait_for(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !stopping_.wait_for(lock, time, [this] { return stop_; });
}

void Housekeeping::run() {
  for (bool go_on = wait_for(times_.first); go_on; go_on = wait_for(times_.every)) run_once();
}

void Housekeeping::run_once() {
  log_audit_head();
  look_for_aged();
}

void Housekeeping::log_audit_head() const {
  const store::AuditHead head = context_.store.audit_head();
  const std::string hash = base::to_hex(
      std::string_view(reinterpret_cast<const char*>(head.hash.data()), head.hash.size()));
  base::log_event(
      LogLevel::kInfo, "tie", "audit.head", "", {{"hash", hash}},
      fmt::format("the audit log has {} entries, the last one's hash is {}", head.count, hash));
}

bool Housekeeping::hand_in(AgeCommand& command) {
  if (command.files.empty() && command.certificates.empty()) return true;
  while (!submit_(command))
    if (!wait_for(kWriterIsBusy)) return false;
  command = {};
  return true;
}

void Housekeeping::look_for_aged() {
  const LiveSettings::Snapshot settings = context_.settings.get();
  const std::int64_t now = clock_.epoch_seconds();
  AgeCommand aged;
  std::optional<DigestKey> after;
  for (bool more = true; more;) {
    more = false;
    std::size_t seen = 0;
    const auto read = context_.store.scan_files(after, [&](const reputation::FileRecord& record) {
      after = strongest_key(record.hashes);
      const reputation::Aged age = reputation::apply_age(record, now, *settings);
      if (age.purge || age.change) aged.files.push_back(record.hashes);
      more = ++seen == kSlice;
      return !more;
    });
    if (!read) {
      base::log(LogLevel::kError, "tie", "retention stops: {}", read.error().message);
      return;
    }
    if (aged.files.size() >= kAgedPerCommand && !hand_in(aged)) return;
    if (more && !wait_for(kBetweenSlices)) return;
  }
  std::optional<tie::Sha1> after_certificate;
  for (bool more = true; more;) {
    more = false;
    std::size_t seen = 0;
    const auto read = context_.store.scan_certificates(
        after_certificate, [&](const reputation::CertRecord& record) {
          after_certificate = record.certificate.sha1;
          if (reputation::cert_is_aged(record, now, *settings))
            aged.certificates.push_back(record.certificate.sha1);
          more = ++seen == kSlice;
          return !more;
        });
    if (!read) return;
    if (more && !wait_for(kBetweenSlices)) return;
  }
  hand_in(aged);
}

}  // namespace tiara::service
