#include "reputation/digest_key.hpp"

#include <algorithm>

namespace tiara::reputation {

std::string_view DigestKey::view() const {
  std::size_t digest = 0;
  switch (type()) {
    case DigestType::kMd5:
      digest = tie::Md5::kSize;
      break;
    case DigestType::kSha1:
    case DigestType::kCertificate:
      digest = tie::Sha1::kSize;
      break;
    case DigestType::kSha256:
      digest = tie::Sha256::kSize;
      break;
  }
  return {reinterpret_cast<const char*>(bytes.data()), 1 + digest};
}

void DigestKey::assign(DigestType type, std::string_view digest) {
  bytes[0] = static_cast<std::uint8_t>(type);
  std::copy(digest.begin(), digest.end(), bytes.begin() + 1);
}

DigestKeys::DigestKeys(const tie::FileHashes& hashes) {
  if (hashes.sha256) keys_[size_++] = DigestKey(*hashes.sha256);
  if (hashes.sha1) keys_[size_++] = DigestKey(*hashes.sha1);
  if (hashes.md5) keys_[size_++] = DigestKey(*hashes.md5);
}

DigestKey strongest_key(const tie::FileHashes& hashes) { return DigestKeys(hashes)[0]; }

tie::FileHashes hashes_of(const DigestKey& key) {
  const std::string_view raw = key.view().substr(1);
  tie::FileHashes hashes;
  if (key.type() == DigestType::kMd5) hashes.md5 = tie::Md5::from_bytes(raw);
  if (key.type() == DigestType::kSha1) hashes.sha1 = tie::Sha1::from_bytes(raw);
  if (key.type() == DigestType::kSha256) hashes.sha256 = tie::Sha256::from_bytes(raw);
  return hashes;
}

tie::Sha1 certificate_of(const DigestKey& key) {
  return *tie::Sha1::from_bytes(key.view().substr(1));
}

bool has_digest(const tie::FileHashes& hashes, const DigestKey& key) {
  const DigestKeys keys(hashes);
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

}  // namespace tiara::reputation
