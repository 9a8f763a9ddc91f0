// The client's side of a certificate request (DXL reference §7.2): a new RSA-2048 key and a PKCS#10
// request for it, and what belongs to what.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"

namespace tiara::broker {

struct ClientSubject {
  std::string common_name;
  // Left out when empty.
  std::string country, state_or_province, locality, organization, organizational_unit,
      email_address;
  std::vector<std::string> names{};  // subjectAltName: host names and addresses
};

struct KeyAndRequest {
  std::string private_key_pem;  // PKCS#8, encrypted with AES-256 when there is a pass phrase
  std::string request_pem;
};

inline constexpr std::size_t kShortestPassphrase = 4;  // what OpenSSL's own programs ask for
inline constexpr std::size_t kLongestPassphrase = 1000;

// The subject in the Python client's order, and its extensions. kInvalidArgument names the part
// that cannot be, as the option is called.
dxl::Result<KeyAndRequest> make_client_request(const ClientSubject& subject,
                                               const std::string& passphrase);

// The request in `pem` alone, written anew: what else the file holds, perhaps its key, is nobody's
// business. kConfiguration when there is none, or its signature is not that of its key.
dxl::Result<std::string> read_request(std::string_view pem);

// kMalformed when the first certificate is not for the key of the request.
dxl::Result<void> check_request_key(std::string_view certificate_pem, std::string_view request_pem);

}  // namespace tiara::broker
