#include "broker/management.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/printable.hpp"
#include "broker/policy_file.hpp"
#include "broker/state_directory.hpp"
#include "dxl/json.hpp"

namespace tiara::broker {
namespace {

using base::LogLevel;
using net::HttpRequest;
using net::HttpResponse;
using net::refuse_request;

constexpr std::string_view kRemote = "/remote/";
constexpr std::string_view kIssue = "DxlBrokerMgmt.generateOpenDXLClientProvisioningPackageCmd";
constexpr std::string_view kBundle = "DxlClientMgmt.createClientCaBundle";
constexpr std::string_view kBrokers = "DxlClientMgmt.getBrokerList";
constexpr std::size_t kMaxHost = 253;
constexpr std::size_t kLoggedPath = 100;
// Peers without a password, or braked, could fill the log.
constexpr std::chrono::seconds kRefusalLogInterval{1};

// The form all clients parse: OK, then one JSON string.
HttpResponse ok(std::string_view text) {
  HttpResponse response;
  response.body = "OK:\r\n";
  dxl::append_json_string(text, response.body);
  response.body += "\r\n";
  return response;
}

bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= kMaxHost &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_';
         });
}

bool is_ipv6(std::string_view text) {
  return text.size() >= 2 && text.size() <= 45 && text.find(':') != std::string_view::npos &&
         text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

// "name:8443", "[::1]:8443" → the host alone; empty if it is none.
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return {};
    const std::string_view inside = authority.substr(1, end - 1);
    return is_ipv6(inside) ? inside : std::string_view();
  }
  const std::string_view host = authority.substr(0, authority.find(':'));
  return is_host_name(host) ? host : std::string_view();
}

// The id is in braces because the JavaScript client reads leading digits as the port.
std::string broker_line(const std::string& id, std::uint16_t port, const ReachedAt& at) {
  return fmt::format("{{{0}}}={{{0}}};{1};{2};{3}\n", id, port, at.host, at.address);
}

// Always with `ipAddress`: the Python client fails without it.
std::string broker_entry(const std::string& id, std::uint16_t port, const ReachedAt& at) {
  if (port == 0) return "[]";
  return fmt::format(
      "[{{\"guid\":\"{{{}}}\",\"hostName\":\"{}\",\"ipAddress\":\"{}\",\"port\":{}}}]", id, at.host,
      at.address, port);
}

HttpResponse json(std::string body) {
  HttpResponse response;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

}  // namespace

ReachedAt find_reached(const HttpRequest& request) {
  // Of a link-local address, the part behind '%' means nothing elsewhere.
  const std::string address = request.local_address.substr(0, request.local_address.find('%'));
  const std::string_view host = host_of(request.host);
  return {host.empty() ? address : std::string(host), address};
}

Management::Management(ManagementOptions options, Keystore keystore, const base::Clock& clock)
    : options_(std::move(options)),
      keystore_(std::move(keystore)),
      clock_(clock),
      access_(std::exchange(options_.password, {})) {}

HttpResponse Management::handle(const HttpRequest& request) {
  HttpResponse response = [&] {
    if (request.path.starts_with(kRemote)) return remote(request);
    if (request.path == "/healthz") return HttpResponse{.body = "ok\n"};
    if (request.path == "/readyz") return ready();
    if (request.path == "/version")
      return json(fmt::format("{{\"name\":\"tiara\",\"version\":\"{}\"}}\n", options_.version));
    if (request.path == "/metrics" && options_.metrics) {
      if (!is_loopback(request.peer_address))
        if (auto refusal = find_refusal(request)) return *std::move(refusal);
      return HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                          .body = options_.metrics()};
    }
    return refuse_request(404,
                          "nothing here; known are /remote/, /healthz, /readyz, /version and "
                          "/metrics");
  }();
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

std::optional<HttpResponse> Management::find_refusal(const HttpRequest& request) {
  switch (access_.check(request.authorization, request.peer_address, clock_.now())) {
    case AdminAccess::Verdict::kGranted:
      return std::nullopt;
    case AdminAccess::Verdict::kTooMany: {
      audit_refusal(request, "too many wrong passwords", false);
      HttpResponse response = refuse_request(429, "too many wrong passwords; try again later");
      response.headers.emplace_back("Retry-After",
                                    std::to_string(AdminAccess::kForgivenPerAddress.count()));
      return response;
    }
    case AdminAccess::Verdict::kMissing:
    case AdminAccess::Verdict::kWrong:
      break;
  }
  const bool is_guess = !request.authorization.empty();
  const std::string_view why =
      is_guess ? "wrong user name or password" : "user name and password are missing";
  audit_refusal(request, why, is_guess);
  HttpResponse response = refuse_request(401, std::string(why));
  response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"tiara\", charset=\"UTF-8\"");
  return response;
}

// Guesses are few, since they are braked; the others come as fast as the peer likes.
void Management::audit_refusal(const HttpRequest& request, std::string_view why, bool is_guess) {
  std::string more;
  if (!is_guess) {
    const auto now = clock_.now();
    if (last_refusal_log_ && now - *last_refusal_log_ < kRefusalLogInterval) {
      ++unlogged_refusals_;
      return;
    }
    last_refusal_log_ = now;
    if (const auto unlogged = std::exchange(unlogged_refusals_, 0); unlogged > 0)
      more = fmt::format(" (and {} more such requests before)", unlogged);
  }
  base::log(LogLevel::kWarning, "management", "{} refused to {}: {}{}",
            request.path.substr(0, kLoggedPath), request.peer, why, more);
}

HttpResponse Management::remote(const HttpRequest& request) {
  if (request.method != "GET") {
    HttpResponse response = refuse_request(405, "only GET is answered here");
    response.headers.emplace_back("Allow", "GET");
    return response;
  }
  if (auto refusal = find_refusal(request)) return *std::move(refusal);
  const std::string_view command = std::string_view(request.path).substr(kRemote.size());
  if (command == kIssue) return issue(request);
  if (command == kBundle || command == kBrokers) {
    base::log(LogLevel::kInfo, "management", "{} for {}", command, request.peer);
    return command == kBundle ? ca_bundle() : broker_list(request);
  }
  base::log(LogLevel::kWarning, "management", "unknown command {} of {}",
            command.substr(0, kLoggedPath), request.peer);
  return refuse_request(
      404, fmt::format("unknown command; known are {}, {} and {}", kIssue, kBundle, kBrokers));
}

// Nobody replaces the CAs in between.
dxl::Result<Management::Package> Management::sign(const SigningRequest& wanted) const {
  const auto held = FileLock::acquire(options_.keystore_lock);
  if (!held) return dxl::fail(held.error());
  auto bundle = read_file(keystore_.broker_ca_bundle());
  if (!bundle) return dxl::fail(std::move(bundle).error());
  auto issued = keystore_.sign_client(wanted);
  if (!issued) return dxl::fail(std::move(issued).error());
  return Package{*std::move(bundle), *std::move(issued)};
}

// In the place where `tiara provision` records its clients.
dxl::Result<void> Management::record(const std::string& name,
                                     const IssuedCertificate& issued) const {
  const auto held = FileLock::acquire(options_.policy_lock);
  if (!held) return dxl::fail(held.error());
  return add_member(options_.policy, {name, issued.thumbprints, {}});
}

// An ordinary client: it gets no groups.
HttpResponse Management::issue(const HttpRequest& request) {
  const auto refuse = [&request](int status, const std::string& why) {
    base::log(LogLevel::kWarning, "management", "no certificate for {}: {}", request.peer, why);
    return refuse_request(status, why);
  };
  const auto pem = net::find_parameter(request.query, "csrString");
  if (!pem) return refuse(400, pem.error().message);
  if (!*pem) return refuse(400, "query: csrString is missing");
  const auto wanted = parse_signing_request(**pem);
  if (!wanted) return refuse(400, wanted.error().message);
  const auto package = sign(*wanted);
  const auto recorded = package ? record(wanted->common_name, package->certificate)
                                : dxl::Result<void>(dxl::fail(package.error()));
  if (!recorded) {
    base::log(LogLevel::kError, "management", "no certificate for {}: {}", request.peer,
              recorded.error().message);
    return refuse_request(500, "the broker cannot issue certificates; its log says why");
  }
  const auto& [bundle, issued] = *package;
  base::log(LogLevel::kInfo, "management",
            "certificate for common name {} issued to {}: sha1 {}, sha256 {}",
            base::json_text(wanted->common_name), request.peer, issued.thumbprints.sha1,
            issued.thumbprints.sha256);
  const ReachedAt at = find_reached(request);
  const std::string& id = options_.broker_id;
  return ok(fmt::format(
      "{},{},{},{}", bundle, issued.certificate_pem, broker_line(id, options_.port, at),
      options_.web_socket_port == 0 ? "" : broker_line(id, options_.web_socket_port, at)));
}

HttpResponse Management::ca_bundle() const {
  const auto bundle = read_file(keystore_.broker_ca_bundle());
  if (bundle) return ok(*bundle);
  base::log(LogLevel::kError, "management", "no CA bundle: {}", bundle.error().message);
  return refuse_request(500, "the broker cannot read its CA bundle; its log says why");
}

// The second list under both names: the original console's, and the one its clients look for.
HttpResponse Management::broker_list(const HttpRequest& request) const {
  const ReachedAt at = find_reached(request);
  const std::string second = broker_entry(options_.broker_id, options_.web_socket_port, at);
  return ok(
      fmt::format("{{\"brokers\":{},\"webSocketBrokers\":{},\"brokersWebSockets\":{},"
                  "\"certVersion\":0}}",
                  broker_entry(options_.broker_id, options_.port, at), second, second));
}

HttpResponse Management::ready() const {
  const auto problem = options_.find_problem ? options_.find_problem() : std::nullopt;
  if (problem) return refuse_request(503, *problem);
  HttpResponse response{.body = "ready\n"};
  if (options_.find_notes)
    for (const std::string& note : options_.find_notes())
      response.body += base::printable(note) + "\n";
  return response;
}

}  // namespace tiara::broker
