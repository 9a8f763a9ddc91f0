#include "tie/json_text.hpp"

#include "base/hex.hpp"

namespace tie {
namespace {

template <class Tag, std::size_t N>
void append_item(const std::optional<Digest<Tag, N>>& digest, std::string& out) {
  if (!digest) return;
  separate(out);
  out += R"({"type":")";
  out += Tag::kName;
  out += R"(","value":")";
  tiara::base::append_base64(digest->view(), out);
  out += R"("})";
}

}  // namespace

void append_member(std::string_view name, const Sha1& digest, std::string& out) {
  append_name(name, out);
  out += '"';
  tiara::base::append_base64(digest.view(), out);
  out += '"';
}

void append_hash_items(const FileHashes& hashes, std::string& out) {
  append_item(hashes.md5, out);
  append_item(hashes.sha1, out);
  append_item(hashes.sha256, out);
}

void append_hash_array(const FileHashes& hashes, std::string& out) {
  append_name("hashes", out);
  out += '[';
  append_hash_items(hashes, out);
  out += ']';
}

void append_certificate_hashes(const Certificate& certificate, std::string& out) {
  append_hash_array({.md5 = {}, .sha1 = certificate.sha1, .sha256 = {}}, out);
}

void append_certificate(const Certificate& certificate, std::string& out) {
  append_certificate_hashes(certificate, out);
  append_optional("publicKeySha1", certificate.public_key_sha1, out);
}

}  // namespace tie
