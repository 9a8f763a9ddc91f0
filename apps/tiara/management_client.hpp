// A management port asked over HTTPS: ours, and the original console (DXL reference §7.4).
#pragma once

#include <memory>
#include <string>

#include "dxl/result.hpp"
#include "https/https_client.hpp"
#include "tiara/management_answers.hpp"

namespace tiara::app {

class ManagementClient {
 public:
  static dxl::Result<ManagementClient> make(https::HttpsClientOptions options);

  // Checked: the bundle and the certificate are some, and the certificate is for the request's key.
  dxl::Result<ProvisioningPackage> provision(const std::string& request_pem);
  // Checked to be certificates.
  dxl::Result<std::string> ca_bundle();
  dxl::Result<BrokerLists> brokers();

 private:
  ManagementClient(std::unique_ptr<https::HttpsClient> https, std::string server, std::string user);
  dxl::Result<std::string> command(
      const std::string& name, std::vector<std::pair<std::string, std::string>> parameters = {});
  dxl::Error refusal(const https::HttpsAnswer& answer, const std::string& name) const;

  std::unique_ptr<https::HttpsClient> https_;
  std::string server_, user_;
};

}  // namespace tiara::app
