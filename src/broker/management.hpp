// What the management port answers: the provisioning commands of DXL clients (DXL reference §7.4),
// and whether the program lives, is ready, which version it is and what it counts. Requests in,
// responses out; the sockets are net/https_server's.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ports.hpp"
#include "broker/admin_access.hpp"
#include "broker/keystore.hpp"
#include "broker/signing_request.hpp"
#include "dxl/result.hpp"
#include "net/http_message.hpp"

namespace tiara::broker {

struct ManagementOptions {
  std::string broker_id;  // uuid without braces
  std::uint16_t port = 8883;
  std::uint16_t web_socket_port = 0;  // 0: none
  std::string version;
  std::string password;  // of the user `admin`
  // authorization.toml: every certificate becomes a member without groups before it is given out,
  // so that `tiara auth` knows it. The locks as in StatePaths.
  std::filesystem::path policy, policy_lock, keystore_lock;
  // Why the program is not ready; empty or nullopt: it is. Called for /readyz.
  std::function<std::optional<std::string>()> find_problem{};
  // What /readyz adds to "ready", a line each: it does not keep clients from being served.
  std::function<std::vector<std::string>()> find_notes{};
  // In Prometheus' text format. Called for /metrics; empty: 404.
  std::function<std::string()> metrics{};
};

// One thread at a time: the HTTPS server's.
class Management {
 public:
  Management(ManagementOptions options, Keystore keystore, const base::Clock& clock);
  // /remote/… needs the administrator's password, /metrics needs it unless the peer is on this
  // machine; /healthz, /readyz and /version are for everybody.
  net::HttpResponse handle(const net::HttpRequest& request);

 private:
  // The refusal, or nullopt: go on.
  std::optional<net::HttpResponse> find_refusal(const net::HttpRequest& request);
  void audit_refusal(const net::HttpRequest& request, std::string_view why, bool is_guess);
  net::HttpResponse remote(const net::HttpRequest& request);
  net::HttpResponse issue(const net::HttpRequest& request);
  struct Package {
    std::string bundle;
    IssuedCertificate certificate;
  };
  dxl::Result<Package> sign(const SigningRequest& wanted) const;
  dxl::Result<void> record(const std::string& name, const IssuedCertificate& issued) const;
  net::HttpResponse ca_bundle() const;
  net::HttpResponse broker_list(const net::HttpRequest& request) const;
  net::HttpResponse ready() const;

  ManagementOptions options_;
  Keystore keystore_;
  const base::Clock& clock_;
  AdminAccess access_;
  std::optional<base::SteadyTime> last_refusal_log_;  // of one that was no guess
  std::uint64_t unlogged_refusals_ = 0;               // since then
};

// Where the client that sent `request` finds this machine: the name it used in the Host header (the
// address it reached if there is none), and that address. A client that uses the same name from
// elsewhere finds it, too.
struct ReachedAt {
  std::string host;
  std::string address;
};
ReachedAt find_reached(const net::HttpRequest& request);

}  // namespace tiara::broker
