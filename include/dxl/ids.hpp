// Identifiers of the fabric as distinct types: passing one where another belongs does not compile.
#pragma once

#include <compare>
#include <string>

#pragma GCC visibility push(default)
namespace dxl {

// Opaque, case-sensitive text (DXL reference §2.2): never parsed, only compared.
template <class Tag>
struct Id {
  std::string value;
  bool empty() const { return value.empty(); }
  friend bool operator==(const Id&, const Id&) = default;
  friend auto operator<=>(const Id&, const Id&) = default;
};

using MessageId = Id<struct MessageIdTag>;  // `{uuid}` from clients, `uuid` from brokers
using ClientId = Id<struct ClientIdTag>;    // `{uuid}` a client chose, or what a broker stamped
using BrokerId = Id<struct BrokerIdTag>;
using ServiceId = Id<struct ServiceIdTag>;  // `{uuid}` of one registration

}  // namespace dxl
#pragma GCC visibility pop
