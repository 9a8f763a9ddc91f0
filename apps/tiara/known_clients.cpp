#include "tiara/known_clients.hpp"

#include <mutex>
#include <utility>

#include "base/hex.hpp"

namespace tiara::app {
namespace {

constexpr std::string_view kCommonName = "CN=";

// Where the part of a subject that begins at `from` ends: at a `,` or `+` without a backslash.
std::size_t end_of_part(std::string_view subject, std::size_t from) {
  for (std::size_t at = from; at < subject.size(); ++at) {
    if (subject[at] == '\\')
      ++at;
    else if (subject[at] == ',' || subject[at] == '+')
      return at;
  }
  return subject.size();
}

std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      plain += text[at];
    } else if (const auto byte = base::parse_hex(text.substr(at + 1, 2)); byte && !byte->empty()) {
      plain += *byte;
      at += 2;
    } else if (++at < text.size()) {
      plain += text[at];
    }
  }
  return plain;
}

}  // namespace

std::string common_name(std::string_view subject) {
  for (std::size_t at = 0; at < subject.size();) {
    const std::size_t end = end_of_part(subject, at);
    const std::string_view part = subject.substr(at, end - at);
    // The text has the subject's parts from the last to the first.
    if (part.starts_with(kCommonName)) return unescaped(part.substr(kCommonName.size()));
    at = end + 1;
  }
  return {};
}

KnownClients::Rules::Rules(fabric::Authorization given) : authorization(std::move(given)) {
  for (const fabric::Member& member : authorization.policy().members)
    if (!member.certificate.sha1.empty()) members.emplace(member.certificate.sha1, &member);
}

void KnownClients::set_authorization(fabric::Authorization authorization) {
  auto next = std::make_shared<const Rules>(std::move(authorization));
  const std::unique_lock guard(mutex_);
  rules_ = std::move(next);
}

void KnownClients::add(const fabric::Identity& identity) {
  if (identity.chain.empty()) return;
  const std::string& sha1 = identity.chain.back().sha1;
  if (find(sha1)) return;
  auto kept = std::make_shared<fabric::Identity>();
  kept->chain = identity.chain;
  kept->subject = identity.subject;
  const std::unique_lock guard(mutex_);
  if (!clients_.emplace(sha1, std::move(kept)).second) return;
  if (order_.size() < most_) {
    order_.push_back(sha1);
    return;
  }
  clients_.erase(order_[next_]);
  order_[next_] = sha1;
  next_ = (next_ + 1) % most_;
}

bool KnownClients::is_member(std::string_view sha1, std::string_view group) const {
  const auto rules = this->rules();
  if (!rules) return false;
  if (const Certificates known = find(sha1)) return rules->authorization.is_member(*known, group);
  fabric::Identity identity;
  identity.chain.push_back({.sha1 = std::string(sha1), .sha256 = {}});
  return rules->authorization.is_member(identity, group);
}

store::Actor KnownClients::describe(std::string_view sha1) const {
  const auto rules = this->rules();
  const auto at = rules ? rules->members.find(sha1) : decltype(rules->members.end()){};
  const fabric::Member* const member = rules && at != rules->members.end() ? at->second : nullptr;
  const Certificates known = find(sha1);
  store::Actor actor;
  actor.certificate = known && !known->chain.back().sha256.empty()    ? known->chain.back().sha256
                      : member && !member->certificate.sha256.empty() ? member->certificate.sha256
                                                                      : std::string(sha1);
  if (known) actor.name = common_name(known->subject);
  if (actor.name.empty() && member) actor.name = member->name;
  return actor;
}

KnownClients::Certificates KnownClients::find(std::string_view sha1) const {
  const std::shared_lock guard(mutex_);
  const auto at = clients_.find(sha1);
  return at == clients_.end() ? nullptr : at->second;
}

std::shared_ptr<const KnownClients::Rules> KnownClients::rules() const {
  const std::shared_lock guard(mutex_);
  return rules_;
}

}  // namespace tiara::app
