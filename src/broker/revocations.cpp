#include "broker/revocations.hpp"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>

#include "base/log.hpp"
#include "broker/state_directory.hpp"

namespace tiara::broker {
namespace {

using base::LogLevel;
using Thumbprints = std::vector<std::string>;

constexpr std::string_view kArea = "revocation";
constexpr std::chrono::seconds kRetry{1};
constexpr std::size_t kNamedInLog = 20;  // of one event; it may name thousands
constexpr std::string_view kHeader =
    "# Revoked certificates: SHA-1 or SHA-256 thumbprints, one per line. After an edit: SIGHUP.\n";

}  // namespace

dxl::Result<Thumbprints> read_revocations(const std::filesystem::path& file) {
  if (!is_there(file)) return Thumbprints{};
  const auto text = read_file(file);
  if (!text) return dxl::fail(text.error());
  return fabric::parse_revocation_file(*text, file.string());
}

dxl::Result<void> append_revocations(const std::filesystem::path& file,
                                     const Thumbprints& thumbprints) {
  std::string text(kHeader);
  if (is_there(file)) {
    auto old = read_file(file);
    if (!old) return dxl::fail(old.error());
    text = *std::move(old);
  }
  if (!text.empty() && text.back() != '\n') text += '\n';
  for (const std::string& thumbprint : thumbprints) text += thumbprint + '\n';
  return write_file_atomically(follow_link(file), text);
}

struct Revocations::Impl {
  struct Reload {
    Thumbprints issuer_serials;
    std::promise<dxl::Result<void>> done;
  };

  void run();
  void publish();
  void take(const Thumbprints& added);
  dxl::Result<void> read_again(Thumbprints serials);
  void save();

  std::filesystem::path file, lock;
  std::mutex reload_mutex;
  mutable std::mutex mutex;
  std::condition_variable wake;
  Thumbprints pending;  // added and not looked at
  std::shared_ptr<Reload> reload;
  bool stopping = false;
  fabric::RevocationList list;
  std::mutex listener_mutex;  // held while the listener runs, so that it can be taken away
  Listener listener;
  // The thread's own:
  Thumbprints saved, unsaved, serials;
  bool complained = false;
  std::thread thread;
};

void Revocations::Impl::run() {
  std::unique_lock guard(mutex);
  while (true) {
    const auto has_work = [this] { return stopping || reload || !pending.empty(); };
    unsaved.empty() ? wake.wait(guard, has_work) : (void)wake.wait_for(guard, kRetry, has_work);
    const Thumbprints added = std::exchange(pending, {});
    const auto asked = std::exchange(reload, nullptr);
    const bool last = stopping;
    guard.unlock();
    if (!added.empty()) take(added);
    if (asked) asked->done.set_value(read_again(std::move(asked->issuer_serials)));
    if (!unsaved.empty()) save();
    guard.lock();
    if (last && pending.empty() && !reload) return;
  }
}

void Revocations::Impl::take(const Thumbprints& added) {
  std::unordered_set<std::string_view> seen;
  for (const std::string& thumbprint : added) {
    if (list.contains(thumbprint, thumbprint, {}) || !seen.insert(thumbprint).second) continue;
    if (saved.size() + unsaved.size() >= fabric::kMaxRevocations) {
      base::log(LogLevel::kError, kArea, "{} certificates are revoked, there is no room for more",
                fabric::kMaxRevocations);
      break;
    }
    unsaved.push_back(thumbprint);
  }
  publish();
}

dxl::Result<void> Revocations::Impl::read_again(Thumbprints new_serials) {
  auto read = read_revocations(file);
  if (!read) return dxl::fail(read.error());
  saved = *std::move(read);
  serials = std::move(new_serials);
  publish();
  return {};
}

// Those inside hear of it before the disk does.
void Revocations::Impl::publish() {
  Thumbprints all = saved;
  all.insert(all.end(), unsaved.begin(), unsaved.end());
  fabric::RevocationList made(all, serials);
  {
    const std::lock_guard guard(mutex);
    list = made;
  }
  const std::lock_guard guard(listener_mutex);
  if (listener) listener(made);
}

void Revocations::Impl::save() {
  dxl::Result<void> done;
  if (const auto held = FileLock::acquire(lock); !held)
    done = dxl::fail(held.error());
  else
    done = append_revocations(file, unsaved);
  if (!done) {
    if (!std::exchange(complained, true))
      base::log(LogLevel::kError, kArea,
                "{} certificates are revoked but not saved, a restart would forget them; trying "
                "again: {}",
                unsaved.size(), done.error().message);
    return;
  }
  complained = false;
  for (std::size_t i = 0; i < std::min(unsaved.size(), kNamedInLog); ++i)
    base::log(LogLevel::kInfo, kArea, "certificate {} is revoked, saved in {}", unsaved[i],
              file.string());
  if (unsaved.size() > kNamedInLog)
    base::log(LogLevel::kInfo, kArea, "{} more certificates are revoked, saved in {}",
              unsaved.size() - kNamedInLog, file.string());
  saved.insert(saved.end(), unsaved.begin(), unsaved.end());
  unsaved.clear();
}

Revocations::Revocations(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->thread = std::thread([running = impl_.get()] { running->run(); });
}

dxl::Result<std::shared_ptr<Revocations>> Revocations::open(std::filesystem::path file,
                                                            std::filesystem::path lock) {
  auto impl = std::make_unique<Impl>();
  impl->file = std::move(file);
  impl->lock = std::move(lock);
  auto read = read_revocations(impl->file);
  if (!read) return dxl::fail(read.error());
  impl->saved = *std::move(read);
  impl->list = fabric::RevocationList(impl->saved);
  return std::shared_ptr<Revocations>(new Revocations(std::move(impl)));
}

Revocations::~Revocations() {
  {
    const std::lock_guard guard(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  impl_->thread.join();
}

void Revocations::add(Thumbprints thumbprints) {
  {
    const std::lock_guard guard(impl_->mutex);
    const std::size_t room = fabric::kMaxRevocations - impl_->pending.size();
    const auto end =
        thumbprints.begin() + static_cast<std::ptrdiff_t>(std::min(room, thumbprints.size()));
    impl_->pending.insert(impl_->pending.end(), thumbprints.begin(), end);
  }
  impl_->wake.notify_all();
}

dxl::Result<void> Revocations::reload(Thumbprints issuer_serials) {
  const std::lock_guard one_at_a_time(impl_->reload_mutex);
  const auto asked = std::make_shared<Impl::Reload>();
  asked->issuer_serials = std::move(issuer_serials);
  auto done = asked->done.get_future();
  {
    const std::lock_guard guard(impl_->mutex);
    impl_->reload = asked;
  }
  impl_->wake.notify_all();
  return done.get();
}

fabric::RevocationList Revocations::list() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->list;
}

bool Revocations::is_revoked(const net::PeerCertificate& certificate) const {
  return list().contains(certificate.sha1, certificate.sha256, certificate.issuer_serial);
}

void Revocations::set_listener(Listener listener) {
  const std::lock_guard guard(impl_->listener_mutex);
  impl_->listener = std::move(listener);
}

}  // namespace tiara::broker
