#include "tiara/management_client.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/printable.hpp"
#include "broker/certificate.hpp"
#include "broker/client_request.hpp"

namespace tiara::app {
namespace {

using dxl::ErrorCode;

// A name in it would be shown to nobody; what matters is that a client can load the file.
dxl::Result<void> check_certificates(const std::string& pem, const char* what) {
  const auto found = broker::inspect_certificates(pem);
  if (found) return {};
  return dxl::fail(ErrorCode::kMalformed,
                   fmt::format("the server's answer: {}: {}", what, found.error().message));
}

}  // namespace

ManagementClient::ManagementClient(std::unique_ptr<https::HttpsClient> https, std::string server,
                                   std::string user)
    : https_(std::move(https)), server_(std::move(server)), user_(std::move(user)) {}

dxl::Result<ManagementClient> ManagementClient::make(https::HttpsClientOptions options) {
  std::string server = fmt::format("{}, port {}", options.host, options.port);
  std::string user = options.user;
  auto https = https::HttpsClient::make(std::move(options));
  if (!https) return dxl::fail(std::move(https).error());
  return ManagementClient(*std::move(https), std::move(server), std::move(user));
}

dxl::Error ManagementClient::refusal(const https::HttpsAnswer& answer,
                                     const std::string& name) const {
  const std::string reason =
      answer.reason.empty() ? "no reason given" : base::printable(answer.reason);
  switch (answer.status) {
    case 401:
    case 403:
      return {ErrorCode::kNotAuthorised,
              fmt::format("{} refuses user {}: {}", server_, base::printable(user_), reason)};
    case 404:
      return {ErrorCode::kPeer,
              fmt::format("{} has no {} ({}); is this a management port?", server_, name, reason)};
    case 429:
      return {ErrorCode::kUnavailable, fmt::format("{}: {}", server_, reason)};
    default:
      return {ErrorCode::kPeer, fmt::format("{} answers {}: {}", server_, answer.status, reason)};
  }
}

dxl::Result<std::string> ManagementClient::command(
    const std::string& name, std::vector<std::pair<std::string, std::string>> parameters) {
  parameters.emplace_back(":output", "json");
  const auto answer = https_->get("/remote/" + name, parameters);
  if (!answer) return dxl::fail(answer.error());
  if (answer->status != 200) return dxl::fail(refusal(*answer, name));
  return parse_result(answer->body);
}

dxl::Result<ProvisioningPackage> ManagementClient::provision(const std::string& request_pem) {
  const auto text = command("DxlBrokerMgmt.generateOpenDXLClientProvisioningPackageCmd",
                            {{"csrString", request_pem}});
  if (!text) return dxl::fail(text.error());
  auto package = parse_package(*text);
  if (!package) return package;
  if (auto checked = check_certificates(package->ca_bundle_pem, "the CA bundle"); !checked)
    return dxl::fail(std::move(checked).error());
  if (auto checked = check_certificates(package->certificate_pem, "the certificate"); !checked)
    return dxl::fail(std::move(checked).error());
  if (auto checked = broker::check_request_key(package->certificate_pem, request_pem); !checked)
    return dxl::fail(checked.error().code, "the server's answer: " + checked.error().message);
  return package;
}

dxl::Result<std::string> ManagementClient::ca_bundle() {
  auto text = command("DxlClientMgmt.createClientCaBundle");
  if (!text) return text;
  if (auto checked = check_certificates(*text, "the CA bundle"); !checked)
    return dxl::fail(std::move(checked).error());
  return text;
}

dxl::Result<BrokerLists> ManagementClient::brokers() {
  const auto text = command("DxlClientMgmt.getBrokerList");
  if (!text) return dxl::fail(text.error());
  return parse_broker_list(*text);
}

}  // namespace tiara::app
