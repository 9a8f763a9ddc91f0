// A digest of any type as one comparable value: what records, caches and indexes are keyed by.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tie/hash.hpp"

namespace tiara::reputation {

// Numbers of files grow with strength (TIE reference §6.10) and are on disk (docs/store.md): never
// reuse one. A certificate's SHA-1 is a type of its own, so that it never meets a file's.
enum class DigestType : std::uint8_t { kMd5 = 1, kSha1 = 2, kSha256 = 3, kCertificate = 16 };

// The type, then the digest, then zeros.
struct DigestKey {
  std::array<std::uint8_t, 1 + tie::Sha256::kSize> bytes{};

  DigestKey() = default;
  explicit DigestKey(const tie::Md5& digest) { assign(DigestType::kMd5, digest.view()); }
  explicit DigestKey(const tie::Sha1& digest) { assign(DigestType::kSha1, digest.view()); }
  explicit DigestKey(const tie::Sha256& digest) { assign(DigestType::kSha256, digest.view()); }

  static DigestKey of_certificate(const tie::Sha1& sha1) {
    DigestKey key;
    key.assign(DigestType::kCertificate, sha1.view());
    return key;
  }

  DigestType type() const { return static_cast<DigestType>(bytes[0]); }
  // Type and digest without the padding.
  std::string_view view() const;

  friend bool operator==(const DigestKey&, const DigestKey&) = default;
  friend auto operator<=>(const DigestKey&, const DigestKey&) = default;
  template <class H>
  friend H AbslHashValue(H state, const DigestKey& key) {
    return H::combine(std::move(state), key.bytes);
  }

 private:
  void assign(DigestType type, std::string_view digest);
};

// The keys of one file's digests, strongest first. Holds no memory of its own.
class DigestKeys {
 public:
  explicit DigestKeys(const tie::FileHashes& hashes);
  const DigestKey* begin() const { return keys_.data(); }
  const DigestKey* end() const { return keys_.data() + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const DigestKey& operator[](std::size_t index) const { return keys_[index]; }

 private:
  std::array<DigestKey, 3> keys_;
  std::size_t size_ = 0;
};

// `hashes` must not be empty.
DigestKey strongest_key(const tie::FileHashes& hashes);
// The file named by one digest, and the certificate by its key; the type must fit.
tie::FileHashes hashes_of(const DigestKey& key);
tie::Sha1 certificate_of(const DigestKey& key);
bool has_digest(const tie::FileHashes& hashes, const DigestKey& key);

}  // namespace tiara::reputation
