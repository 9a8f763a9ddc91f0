// Whether somebody else serves the TIE topics on this fabric: with a store of its own, clients
// would get now one answer, now another. Asks the broker's service registry.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dxl/result.hpp"
#include "sdk/link.hpp"

namespace tiara::service {

inline constexpr std::string_view kServiceType = "/opendxl-tiara/service/tie";
inline constexpr std::string_view kStoreIdKey = "storeId";  // in the registration's metadata

struct OtherService {
  std::string service_id;
  std::string type;
  std::string store_id;  // empty: not one of ours
  friend bool operator==(const OtherService&, const OtherService&) = default;
};

// Services in a registry answer (DXL reference §5.5.4) that serve file lookups from another store
// than `own_store`.
dxl::Result<std::vector<OtherService>> find_other_services(std::string_view registry_answer,
                                                           std::string_view own_id,
                                                           std::string_view own_store);

// Asks once a minute as long as it lives. Network thread only.
class OtherServices {
 public:
  // `found` is called when the answer differs from the last one. `link` must outlive it.
  OtherServices(sdk::Link& link, std::string own_id, std::string own_store,
                std::function<void(const std::vector<OtherService>&)> found);
  void ask();

 private:
  sdk::Link& link_;
  std::string own_id_, own_store_;
  std::function<void(const std::vector<OtherService>&)> found_;
  std::vector<OtherService> last_;
  std::unique_ptr<net::Loop::Timer> timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tiara::service
