// How both stores turn what they hold into answers, so that they cannot differ.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reputation/digest_key.hpp"
#include "reputation/record.hpp"
#include "store/agent_key.hpp"
#include "store/reputation_store.hpp"

namespace tiara::store {

// Collects the references of one or more subjects: each agent once, with its earliest date.
class ReferenceCollector {
 public:
  // With one subject no agent can come twice, so no more than `limit` are held.
  ReferenceCollector(std::size_t limit, bool one_subject)
      : limit_(limit), one_subject_(one_subject) {}

  void add(std::string_view agent_key, std::int64_t date, std::string_view agent) {
    if (!one_subject_) return add_distinct(agent_key, date, agent);
    ++total_;
    keep({.agent_guid = std::string(agent), .date = date});
  }

  ReferenceList take() {
    for (auto& [key, reference] : distinct_) keep(std::move(reference));
    std::sort(first_.begin(), first_.end(), before);
    return {.first = std::move(first_), .total = total_ + distinct_.size()};
  }

 private:
  static bool before(const tie::FirstReference& left, const tie::FirstReference& right) {
    return std::tie(left.date, left.agent_guid) < std::tie(right.date, right.agent_guid);
  }

  void add_distinct(std::string_view agent_key, std::int64_t date, std::string_view agent) {
    const auto [at, inserted] =
        distinct_.try_emplace(std::string(agent_key),
                              tie::FirstReference{.agent_guid = std::string(agent), .date = date});
    if (!inserted && date < at->second.date)
      at->second = {.agent_guid = std::string(agent), .date = date};
  }

  // A heap whose top is the latest of the earliest.
  void keep(tie::FirstReference reference) {
    if (limit_ == 0) return;
    if (first_.size() == limit_) {
      if (!before(reference, first_.front())) return;
      std::pop_heap(first_.begin(), first_.end(), before);
      first_.pop_back();
    }
    first_.push_back(std::move(reference));
    std::push_heap(first_.begin(), first_.end(), before);
  }

  std::size_t limit_;
  bool one_subject_;
  std::uint64_t total_ = 0;
  std::vector<tie::FirstReference> first_;
  std::map<std::string, tie::FirstReference> distinct_;
};

// Looks through files' names in the order of their subject keys.
class NameSearch {
 public:
  NameSearch(std::string_view text, std::size_t rows, std::size_t most_visited)
      : text_(fold_case(text)), rows_(rows), left_(most_visited) {}

  // Whether another file may be offered. If not, there was more than was looked at.
  bool may_go_on() {
    if (found_.files.size() < rows_ && left_ != 0) return true;
    found_.truncated = true;
    return false;
  }
  // Whether one of these (in lower case) contains the text.
  bool matches(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (left_ == 0) {
        found_.truncated = true;
        return false;
      }
      --left_;
      if (name.find(text_) != std::string::npos) return true;
    }
    return false;
  }
  void add(const tie::FileHashes& hashes) { found_.files.push_back(hashes); }
  ReputationStore::NamesFound take() { return std::move(found_); }

 private:
  std::string text_;
  std::size_t rows_;
  std::size_t left_;
  ReputationStore::NamesFound found_;
};

// The index of signed overrides is a hint: what the record itself says counts (docs/store.md).
class OverriddenCollector {
 public:
  OverriddenCollector(const tie::Sha1& certificate, std::size_t limit)
      : certificate_(certificate), limit_(limit) {}

  // Nullopt: the file is not there. False: no more needed.
  bool add(const std::optional<reputation::FileRecord>& file) {
    if (!file || !file->signer || file->signer->sha1 != certificate_ ||
        file->level(tie::Provider::kEnterprise) == tie::TrustLevel::kNotSet)
      return true;
    const reputation::DigestKey subject = reputation::strongest_key(file->hashes);
    if (seen_.contains(subject)) return true;
    if (result_.files.size() == limit_) {
      result_.truncated = true;
      return false;
    }
    seen_.insert(subject);
    result_.files.push_back(file->hashes);
    return true;
  }
  tie::OverriddenFiles take() { return std::move(result_); }

 private:
  tie::Sha1 certificate_;
  std::size_t limit_;
  std::set<reputation::DigestKey> seen_;
  tie::OverriddenFiles result_;
};

}  // namespace tiara::store
