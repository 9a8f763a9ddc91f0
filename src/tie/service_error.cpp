#include "tie/service_error.hpp"

namespace tie {
namespace {

constexpr std::uint32_t kFabricBit = 0x80000000;

}  // namespace

ErrorSource source_of(const dxl::Error& error) {
  if (error.peer_code & kFabricBit) return ErrorSource::kFabric;
  const bool told = error.code == dxl::ErrorCode::kPeer ||
                    (error.code == dxl::ErrorCode::kNotAuthorised && error.peer_code != 0);
  return told ? ErrorSource::kService : ErrorSource::kClient;
}

bool is_unknown_to_stand_in(const dxl::Error& error) {
  return error.code == dxl::ErrorCode::kPeer && error.peer_code == 0;
}

}  // namespace tie
