// Renewing and replacing what is in a keystore, and checking it. Callers hold the keystore's lock;
// every change is one for all files, also when the program is killed in between (file_set.hpp).
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "broker/certificate.hpp"
#include "dxl/result.hpp"

namespace tiara::broker {

struct HeldCertificate {
  std::string role;  // "client CA", "old client CA", "broker"
  std::filesystem::path file;
  CertificateFacts facts;
};
dxl::Result<std::vector<HeldCertificate>> list_certificates(const std::filesystem::path& keystore);

// Whether each key belongs to its certificate and the broker's chain leads to the CAs: what would
// otherwise be found out by the first client. A CA's key may be missing (kept elsewhere). kStorage
// with the file.
dxl::Result<void> check_keystore(const std::filesystem::path& keystore);

// A new broker certificate and key from the present broker CA, for the host `names`. While a
// rotation is under way: kInvalidArgument, because old clients know the old CA only.
dxl::Result<void> renew_broker(const std::filesystem::path& keystore, const std::string& broker_id,
                               const std::vector<std::string>& names = {});

// Certificates of the old CAs, then the new ones: what the policy is still to be told after the
// first step and after the last (broker/rotation_policy.hpp). Written in the same change as the
// CAs.
inline constexpr const char* kPolicyToAdd = "policy-add.crt";
inline constexpr const char* kPolicyToRetire = "policy-retire.crt";

// Rotation, first step: new CAs sign from now on, the old ones are still accepted, and the bundle
// for clients holds both. The broker keeps its certificate, which old clients can verify.
bool is_rotating(const std::filesystem::path& keystore);
// `serial` makes the names of the new CAs unlike those of the old: epoch seconds.
dxl::Result<void> begin_rotation(const std::filesystem::path& keystore,
                                 const std::string& broker_id, std::int64_t serial);
// Second step: the old CAs go, and the broker's certificate comes from the new one. `revoke` gets
// the CAs that are dropped when everything is written but nothing has changed yet: whoever is
// killed between the two is still rotating and can do it again. If it fails, nothing changes.
using RevokeCas = std::function<dxl::Result<void>(const std::vector<CertificateFacts>& dropped)>;
dxl::Result<void> finish_rotation(const std::filesystem::path& keystore,
                                  const std::string& broker_id,
                                  const std::vector<std::string>& names, const RevokeCas& revoke);

}  // namespace tiara::broker
