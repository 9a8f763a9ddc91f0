#include "dxl/version.hpp"

namespace dxl {

std::string_view version() { return TIARA_VERSION; }

}  // namespace dxl
