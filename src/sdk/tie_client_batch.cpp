// tie::Client: many lookups or sets in one call. What is asked is here; how it is sent and repeated
// is in tie_batch.cpp.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sdk/tie_ask.hpp"
#include "sdk/tie_batch.hpp"
#include "sdk/tie_client_shared.hpp"
#include "tie/codec.hpp"
#include "tie/json_text.hpp"

namespace tie {
namespace {

using dxl::ErrorCode;
using tiara::sdk::BatchJob;

dxl::Error to_error(const BatchError& error) {
  const bool not_authorised = error.code == ServiceError::kNotAuthorised;
  return {not_authorised ? ErrorCode::kNotAuthorised : ErrorCode::kPeer, error.message,
          static_cast<std::uint32_t>(error.code)};
}

// Places for answers, and what was the last that kept an item waiting.
template <class T>
class Places {
 public:
  explicit Places(std::size_t size) : places_(size) {}
  void keep(std::size_t item, dxl::Result<T> result) { places_[item] = std::move(result); }
  std::vector<dxl::Result<T>> take() {
    std::vector<dxl::Result<T>> all;
    all.reserve(places_.size());
    for (auto& place : places_) all.push_back(std::move(*place));
    return all;
  }

 private:
  std::vector<std::optional<dxl::Result<T>>> places_;
};

// `Item`: what a lookup names; how it is written differs, the answers do not.
class GetJob : public BatchJob {
 public:
  explicit GetJob(std::size_t size) : places_(size) {}
  std::vector<dxl::Result<Reputations>> take() { return places_.take(); }

  std::string_view batch_topic() const override { return kTopicBatchGet; }
  bool is_read() const override { return true; }
  void encode_batch(std::span<const std::size_t> items, std::string& out) const override {
    BatchGet get;
    get.scan_type = kApiScanType;
    for (const std::size_t item : items) get.items.push_back(to_item(item));
    append_batch_get(get, out);
  }
  dxl::Result<Items> take_batch(std::span<const std::size_t> items,
                                std::string_view answer) override {
    auto told =
        tiara::sdk::read_answer(kTopicBatchGet, std::string(answer), decode_batch_reputations);
    if (!told) return dxl::fail(told.error());
    if (const auto same = check_count(told->items.size(), items.size()); !same)
      return dxl::fail(same.error());
    Items busy;
    for (std::size_t i = 0; i < items.size(); ++i) {
      BatchReputations::Item& one = told->items[i];
      if (!one.error) {
        places_.keep(items[i], std::move(one.reputations));
        continue;
      }
      dxl::Error error = to_error(*one.error);
      if (tiara::sdk::is_busy(error)) busy.push_back(items[i]);
      places_.keep(items[i], dxl::fail(std::move(error)));
    }
    return busy;
  }
  dxl::Result<void> take_single(std::size_t item, std::string_view answer) override {
    places_.keep(item,
                 tiara::sdk::read_answer(single_topic(), std::string(answer), decode_reputations));
    return {};
  }
  void fail(std::size_t item, const dxl::Error& why) override {
    places_.keep(item, dxl::fail(why));
  }

  static dxl::Result<void> check_count(std::size_t told, std::size_t asked) {
    if (told == asked) return {};
    return dxl::fail(ErrorCode::kMalformed, "an answer about " + std::to_string(told) +
                                                " items to a question about " +
                                                std::to_string(asked));
  }

 protected:
  virtual BatchGetItem to_item(std::size_t item) const = 0;

 private:
  Places<Reputations> places_;
};

class GetFiles final : public GetJob {
 public:
  explicit GetFiles(std::span<const FileHashes> files) : GetJob(files.size()), files_(files) {}
  std::string_view single_topic() const override { return kTopicFileReputation; }
  void encode_single(std::size_t item, std::string& out) const override {
    append_get_file_reputation(files_[item], out);
  }

 private:
  BatchGetItem to_item(std::size_t item) const override { return {.file = files_[item]}; }
  std::span<const FileHashes> files_;
};

class GetCertificates final : public GetJob {
 public:
  explicit GetCertificates(std::span<const Certificate> certificates)
      : GetJob(certificates.size()), certificates_(certificates) {}
  std::string_view single_topic() const override { return kTopicCertReputation; }
  void encode_single(std::size_t item, std::string& out) const override {
    append_get_cert_reputation(certificates_[item], out);
  }

 private:
  BatchGetItem to_item(std::size_t item) const override {
    return {.certificate = certificates_[item]};
  }
  std::span<const Certificate> certificates_;
};

// Our service begins the reason of what it could not write so.
constexpr std::string_view kUnavailableReason = "unavailable: ";

class SetJob : public BatchJob {
 public:
  explicit SetJob(std::size_t size) : places_(size) {}
  std::vector<dxl::Result<SetOutcome>> take() { return places_.take(); }

  std::string_view batch_topic() const override { return kTopicBatchSet; }
  bool is_read() const override { return false; }
  void encode_batch(std::span<const std::size_t> items, std::string& out) const override {
    std::vector<BatchSetItem> sets;
    sets.reserve(items.size());
    for (const std::size_t item : items) sets.push_back(to_item(item));
    append_batch_set(sets, out);
  }
  dxl::Result<Items> take_batch(std::span<const std::size_t> items,
                                std::string_view answer) override {
    const auto told =
        tiara::sdk::read_answer(kTopicBatchSet, std::string(answer), decode_batch_outcomes);
    if (!told) return dxl::fail(told.error());
    if (const auto same = GetJob::check_count(told->size(), items.size()); !same)
      return dxl::fail(same.error());
    Items busy;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const BatchOutcome& one = (*told)[i];
      if (one.outcome == "refused" && one.reason.starts_with(kUnavailableReason))
        busy.push_back(items[i]);
      places_.keep(items[i], to_outcome(one));
    }
    return busy;
  }
  dxl::Result<void> take_single(std::size_t item, std::string_view) override {
    places_.keep(item, SetOutcome::kDone);
    return {};
  }
  void fail(std::size_t item, const dxl::Error& why) override {
    places_.keep(item, dxl::fail(why));
  }

 protected:
  virtual BatchSetItem to_item(std::size_t item) const = 0;

 private:
  static dxl::Result<SetOutcome> to_outcome(const BatchOutcome& told) {
    if (told.outcome == "changed") return SetOutcome::kChanged;
    if (told.outcome == "unchanged") return SetOutcome::kUnchanged;
    return dxl::fail(ErrorCode::kPeer, told.reason.empty() ? told.outcome : told.reason);
  }

  Places<SetOutcome> places_;
};

class SetFiles final : public SetJob {
 public:
  explicit SetFiles(std::span<const SetFileReputation> files)
      : SetJob(files.size()), files_(files) {}
  std::string_view single_topic() const override { return kTopicFileReputationSet; }
  void encode_single(std::size_t item, std::string& out) const override {
    append_set_file_reputation(files_[item], out);
  }

 private:
  BatchSetItem to_item(std::size_t item) const override {
    const SetFileReputation& set = files_[item];
    return {.provider = Provider::kEnterprise,
            .trust_level = set.trust_level,
            .file = set.hashes,
            .filename = set.filename,
            .comment = set.comment};
  }
  std::span<const SetFileReputation> files_;
};

class SetCertificates final : public SetJob {
 public:
  explicit SetCertificates(std::span<const SetCertReputation> certificates)
      : SetJob(certificates.size()), certificates_(certificates) {}
  std::string_view single_topic() const override { return kTopicCertReputationSet; }
  void encode_single(std::size_t item, std::string& out) const override {
    append_set_cert_reputation(certificates_[item], out);
  }

 private:
  BatchSetItem to_item(std::size_t item) const override {
    const SetCertReputation& set = certificates_[item];
    return {.provider = Provider::kCertEnterprise,
            .trust_level = set.trust_level,
            .file = {},
            .certificate = set.certificate,
            .filename = {},
            .comment = set.comment};
  }
  std::span<const SetCertReputation> certificates_;
};

// Those that can be meant; the others fail here.
template <class Items, class Check>
BatchJob::Items usable(const Items& items, BatchJob& job, Check check) {
  BatchJob::Items usable;
  usable.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const dxl::Result<void> valid = check(items[i]);
    if (valid) {
      usable.push_back(i);
    } else {
      job.fail(i, valid.error());
    }
  }
  return usable;
}

}  // namespace

std::vector<dxl::Result<Reputations>> Client::get_file_reputations(
    std::span<const FileHashes> files) {
  GetFiles job(files);
  tiara::sdk::run_batch(client_, job, usable(files, job, tiara::sdk::check_hashes), timeout_,
                        shared_->no_batch_get_until);
  return job.take();
}

std::vector<dxl::Result<Reputations>> Client::get_certificate_reputations(
    std::span<const Certificate> certificates) {
  GetCertificates job(certificates);
  const auto any = [](const Certificate&) { return dxl::Result<void>(); };
  tiara::sdk::run_batch(client_, job, usable(certificates, job, any), timeout_,
                        shared_->no_batch_get_until);
  return job.take();
}

std::vector<dxl::Result<SetOutcome>> Client::set_file_reputations(
    std::span<const SetFileReputation> files) {
  SetFiles job(files);
  const auto check = [](const SetFileReputation& set) {
    const auto level = tiara::sdk::check_level(set.trust_level);
    return level ? tiara::sdk::check_hashes(set.hashes) : level;
  };
  tiara::sdk::run_batch(client_, job, usable(files, job, check), timeout_,
                        shared_->no_batch_set_until);
  return job.take();
}

std::vector<dxl::Result<SetOutcome>> Client::set_certificate_reputations(
    std::span<const SetCertReputation> certificates) {
  SetCertificates job(certificates);
  const auto check = [](const SetCertReputation& set) {
    return tiara::sdk::check_level(set.trust_level);
  };
  tiara::sdk::run_batch(client_, job, usable(certificates, job, check), timeout_,
                        shared_->no_batch_set_until);
  return job.take();
}

}  // namespace tie
