// What the TIE service may know about whoever sends it something: a message names the certificate
// by its SHA-1 alone. Here are its other thumbprints, its name, its CAs and its groups.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/authorization.hpp"
#include "store/audit_entry.hpp"

namespace tiara::app {

// Any thread.
class KnownClients {
 public:
  // Of so many that connected, the last are remembered. One that is forgotten is known as the
  // policy names it.
  explicit KnownClients(std::size_t most = 100'000) : most_(most) {}

  // Nobody is a member before the first call.
  void set_authorization(fabric::Authorization authorization);
  // One that connected to a broker of ours. Costs nothing if it is known already.
  void add(const fabric::Identity& identity);

  // By any certificate of its chain if it connected here, else by the SHA-1 alone.
  bool is_member(std::string_view sha1, std::string_view group) const;
  // SHA-256 if that is known, else the SHA-1; the common name, or what the policy calls it.
  store::Actor describe(std::string_view sha1) const;

 private:
  using Certificates = std::shared_ptr<const fabric::Identity>;
  struct Rules {
    explicit Rules(fabric::Authorization given);
    const fabric::Authorization authorization;
    std::map<std::string_view, const fabric::Member*> members;  // by SHA-1, into `authorization`
  };

  Certificates find(std::string_view sha1) const;
  std::shared_ptr<const Rules> rules() const;

  const std::size_t most_;
  mutable std::shared_mutex mutex_;
  std::shared_ptr<const Rules> rules_;
  std::map<std::string, Certificates, std::less<>> clients_;  // by SHA-1
  std::vector<std::string> order_;  // a ring: which comes to go at `next_`
  std::size_t next_ = 0;
};

// The last CN of a subject in RFC 2253 text, without its escapes; empty if there is none.
std::string common_name(std::string_view subject);

}  // namespace tiara::app
