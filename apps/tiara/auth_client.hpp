// Which client `tiara auth` is asked about: a member's name, a thumbprint or a certificate file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"
#include "fabric/authorization.hpp"

namespace tiara::app {

// SHA-256 if there is one, else SHA-1.
const std::string& thumbprint_of(const fabric::Member& member);

// What somebody wrote to name a client.
struct NamedClient {
  std::string name;                 // of a member; with a file, the certificate's common name
  fabric::Thumbprints certificate;  // empty: it is named by its name alone
  std::string pem;                  // of a file
  bool is_ca = false;               // the file's certificate is one that signs others
};

// 40 or 64 hexadecimal digits, colons between them or not, are a thumbprint and never a name: who
// asks for a certificate may choose its name. A file is what has a `/` in it, or ends with .crt,
// .pem or .cer, and is there. kInvalidArgument for a file that is a member's name as well; the
// file's error if it holds no certificate.
dxl::Result<NamedClient> parse_client(const fabric::Policy& policy, const std::string& text);

struct FoundClient {
  fabric::Member member;  // all its entries as one
  bool is_member = true;  // false: a certificate that the policy does not speak of
};
// kInvalidArgument: nobody has the name, then it tells of similar ones; or several certificates
// have, which it lists.
dxl::Result<FoundClient> find_client(const fabric::Policy& policy, const NamedClient& client);

// The entries of that client, in the policy's order; those of all its certificates if it is a name.
// Empty for a certificate that the policy does not speak of.
dxl::Result<std::vector<fabric::Member>> find_entries(const fabric::Policy& policy,
                                                      const NamedClient& client);

}  // namespace tiara::app
