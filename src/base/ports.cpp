#include "base/ports.hpp"

#include <sys/random.h>

#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace tiara::base {
namespace {

void fill_from_system(void* out, std::size_t size) {
  // Requests of up to 256 bytes come whole; only a signal before the pool is ready interrupts them.
  while (getrandom(out, size, 0) != static_cast<ssize_t>(size)) {
    if (errno == EINTR) continue;
    std::fputs("the operating system gives no random numbers\n", stderr);
    std::abort();
  }
}

void append_hex_digits(std::uint64_t value, int count, std::string& out) {
  for (int shift = (count - 1) * 4; shift >= 0; shift -= 4) {
    out += "0123456789abcdef"[value >> shift & 15U];
  }
}

void append_uuid(Random& random, std::string& out) {
  constexpr std::uint64_t kVersion4 = 0x4000, kVersionMask = 0xf000;
  constexpr std::uint64_t kVariant = std::uint64_t{2} << 62, kVariantMask = std::uint64_t{3} << 62;
  const std::uint64_t high = (random.next() & ~kVersionMask) | kVersion4;
  const std::uint64_t low = (random.next() & ~kVariantMask) | kVariant;
  append_hex_digits(high >> 32, 8, out);
  out += '-';
  append_hex_digits(high >> 16, 4, out);
  out += '-';
  append_hex_digits(high, 4, out);
  out += '-';
  append_hex_digits(low >> 48, 4, out);
  out += '-';
  append_hex_digits(low, 12, out);
}

}  // namespace

SteadyTime SystemClock::now() const { return std::chrono::steady_clock::now(); }

std::int64_t SystemClock::epoch_seconds() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
}

SystemRandom::SystemRandom() {
  // The generator's only forbidden state is all zero.
  do {
    fill_from_system(state_, sizeof state_);
  } while ((state_[0] | state_[1] | state_[2] | state_[3]) == 0);
}

// xoshiro256** by Blackman and Vigna.
std::uint64_t SystemRandom::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::string make_uuid(Random& random) {
  std::string uuid;
  uuid.reserve(36);
  append_uuid(random, uuid);
  return uuid;
}

std::string make_braced_uuid(Random& random) {
  std::string uuid;
  uuid.reserve(38);
  uuid += '{';
  append_uuid(random, uuid);
  uuid += '}';
  return uuid;
}

}  // namespace tiara::base
