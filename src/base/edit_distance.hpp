// How unlike two names are, to find what somebody may have meant.
#pragma once

#include <cstddef>
#include <string_view>

namespace tiara::base {

// How many bytes have to be put in, left out or changed. Costs the product of the lengths.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace tiara::base
