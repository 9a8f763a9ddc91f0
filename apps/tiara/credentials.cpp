#include "tiara/credentials.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/log.hpp"
#include "broker/certificate.hpp"
#include "broker/file_set.hpp"
#include "fabric/revocation.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;
using Clock = std::chrono::system_clock;

constexpr const char* kCrlSuffix = ".crl";

dxl::Result<std::shared_ptr<const net::TlsContext>> make_fabric_tls(
    const State& state, std::function<bool(const net::PeerCertificate&)> is_revoked) {
  auto crls = find_crls(state.paths);
  if (!crls) return dxl::fail(crls.error());
  net::TlsServerOptions options;
  options.legacy_python_ciphers = state.settings.legacy_python_ciphers;
  options.crls = *std::move(crls);
  options.is_revoked = std::move(is_revoked);
  const broker::Keystore& keys = state.keystore;
  return net::TlsContext::make_server(
      {keys.broker_certificate(), keys.broker_key(), keys.client_ca()}, options);
}

}  // namespace

dxl::Result<std::vector<std::filesystem::path>> find_crls(const broker::StatePaths& paths) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator at(paths.keystore, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().extension() != kCrlSuffix) continue;
    if (files.size() == kMaxCrlFiles)
      return dxl::fail(ErrorCode::kLimitExceeded,
                       fmt::format("{}: more than {} files *{}", paths.keystore.string(),
                                   kMaxCrlFiles, kCrlSuffix));
    files.push_back(at->path());
  }
  if (error)
    return dxl::fail(ErrorCode::kStorage,
                     fmt::format("{}: {}", paths.keystore.string(), error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

dxl::Result<ListenerTls> load_tls(const State& state,
                                  std::shared_ptr<broker::Revocations> revocations) {
  // Nobody changes half of it meanwhile; what a killed program left half done is done first.
  const auto held = broker::FileLock::acquire(state.paths.keystore_lock);
  if (!held) return dxl::fail(held.error());
  if (auto finished = broker::finish_files(state.paths.keystore); !finished)
    return dxl::fail(finished.error());
  auto fabric = make_fabric_tls(
      state, [revocations = std::move(revocations)](const net::PeerCertificate& each) {
        return revocations->is_revoked(each);
      });
  if (!fabric) return dxl::fail(fabric.error());
  auto management = net::TlsContext::make_https_server(state.keystore.broker_certificate(),
                                                       state.keystore.broker_key());
  if (!management) return dxl::fail(management.error());
  return ListenerTls{*std::move(fabric), *std::move(management)};
}

dxl::Result<net::CheckedCertificate> check_client(const State& state, std::string_view pem) {
  const auto read = broker::read_revocations(state.paths.revocations);
  if (!read) return dxl::fail(read.error());
  const auto tls = make_fabric_tls(
      state, [list = fabric::RevocationList(*read)](const net::PeerCertificate& each) {
        return list.contains(each.sha1, each.sha256, each.issuer_serial);
      });
  if (!tls) return dxl::fail(tls.error());
  return net::check_client_certificate(**tls, pem);
}

std::vector<std::string> revoked_serials(const net::TlsContext& tls) {
  std::vector<std::string> serials;
  for (const net::Crl& crl : tls.crls())
    serials.insert(serials.end(), crl.issuer_serials.begin(), crl.issuer_serials.end());
  return serials;
}

std::vector<Expiry> find_expiries(const State& state, const net::TlsContext& tls) {
  const broker::Keystore& keys = state.keystore;
  std::vector<Expiry> found;
  for (const auto& [what, file] :
       {std::pair("client CA", keys.client_ca()), std::pair("broker CA", keys.broker_ca_bundle()),
        std::pair("broker certificate", keys.broker_certificate()),
        std::pair("service certificate", state.paths.service / "service.crt")}) {
    const auto text = broker::read_file(file);
    if (!text) continue;
    if (const auto facts = broker::inspect_certificate(*text))
      found.push_back({fmt::format("{} {}", what, facts->subject), facts->expires});
  }
  for (const net::Crl& crl : tls.crls())
    if (crl.next_update)
      found.push_back({fmt::format("CRL {} of {}", crl.file, crl.issuer), *crl.next_update});
  std::stable_sort(found.begin(), found.end(),
                   [](const Expiry& a, const Expiry& b) { return a.when < b.when; });
  return found;
}

std::int64_t days_left(const Expiry& expiry, Clock::time_point now) {
  return std::chrono::floor<std::chrono::days>(expiry.when - now).count();
}

std::string expiry_warning(const Expiry& expiry, Clock::time_point now) {
  if (expiry.when - now > kWarnBefore) return {};
  const bool is_crl = expiry.what.starts_with("CRL ");
  if (is_crl && expiry.when <= now)
    return fmt::format(
        "{} has expired on {:%Y-%m-%d}: nobody of that CA gets in; put a new one there",
        expiry.what, fmt::gmtime(expiry.when));
  const std::string_view remedy =
      is_crl ? "put a new one there" : "see `tiara cert-authority --help`";
  if (expiry.when <= now)
    return fmt::format("{} has expired on {:%Y-%m-%d}; {}", expiry.what, fmt::gmtime(expiry.when),
                       remedy);
  return fmt::format("{} expires in {} days, on {:%Y-%m-%d}; {}", expiry.what,
                     days_left(expiry, now), fmt::gmtime(expiry.when), remedy);
}

std::vector<std::string> expiry_warnings(const std::vector<Expiry>& expiries) {
  const Clock::time_point now = Clock::now();
  std::vector<std::string> warnings;
  for (const Expiry& expiry : expiries)
    if (auto warning = expiry_warning(expiry, now); !warning.empty())
      warnings.push_back(std::move(warning));
  return warnings;
}

void log_expiries(const std::vector<Expiry>& expiries) {
  for (const std::string& warning : expiry_warnings(expiries))
    base::log(base::LogLevel::kWarning, "up", "{}", warning);
}

}  // namespace tiara::app
