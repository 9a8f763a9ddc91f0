#include "tie/hash.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include <fmt/format.h>

#include "base/hex.hpp"
#include "tie/file_facts.hpp"

namespace tie {
namespace {

constexpr std::size_t kBlockBytes = 1024 * 1024;
constexpr std::size_t kHeadBytes = 64 * 1024;  // what the type is judged by

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// One running digest. A step that fails (MD5 under a FIPS provider, for example) makes all later
// ones fail.
template <class D>
class Hasher {
 public:
  explicit Hasher(const EVP_MD* algorithm) : context_(EVP_MD_CTX_new()) {
    ok_ = context_ && EVP_DigestInit_ex(context_.get(), algorithm, nullptr) == 1;
  }
  void update(const char* data, std::size_t size) {
    ok_ = ok_ && EVP_DigestUpdate(context_.get(), data, size) == 1;
  }
  std::optional<D> finish() {
    D digest;
    unsigned int size = 0;
    ok_ = ok_ && EVP_MD_CTX_get_size(context_.get()) == static_cast<int>(D::kSize) &&
          EVP_DigestFinal_ex(context_.get(), digest.bytes.data(), &size) == 1;
    if (!ok_) return std::nullopt;
    return digest;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
  bool ok_ = false;
};

tl::unexpected<dxl::Error> cannot(std::string_view verb, const std::string& path, int error) {
  return dxl::fail(
      dxl::ErrorCode::kInvalidArgument,
      fmt::format("{}: cannot {}: {}", path, verb, std::generic_category().message(error)));
}

}  // namespace

template <class Tag, std::size_t N>
dxl::Result<Digest<Tag, N>> Digest<Tag, N>::parse(std::string_view hex) {
  if (hex.size() != 2 * N) {
    return dxl::fail(dxl::ErrorCode::kInvalidArgument,
                     fmt::format("{}: expected {} hexadecimal digits, found {} characters",
                                 Tag::kName, 2 * N, hex.size()));
  }
  Digest digest;
  for (std::size_t i = 0; i < N; ++i) {
    const int high = nibble(hex[2 * i]);
    const int low = nibble(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return dxl::fail(dxl::ErrorCode::kInvalidArgument,
                       fmt::format("{}: expected a hexadecimal digit at character {}", Tag::kName,
                                   2 * i + (high < 0 ? 0 : 1)));
    }
    digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

template <class Tag, std::size_t N>
std::optional<Digest<Tag, N>> Digest<Tag, N>::from_bytes(std::string_view raw) {
  if (raw.size() != N) return std::nullopt;
  Digest digest;
  for (std::size_t i = 0; i < N; ++i) digest.bytes[i] = static_cast<std::uint8_t>(raw[i]);
  return digest;
}

template <class Tag, std::size_t N>
std::string Digest<Tag, N>::to_hex() const {
  return tiara::base::to_hex(view());
}

template struct Digest<Md5Tag, 16>;
template struct Digest<Sha1Tag, 20>;
template struct Digest<Sha256Tag, 32>;

namespace {

// Calls `on_block(bytes)` for each block of the file in between.
template <class OnBlock>
dxl::Result<FileHashes> read_and_hash(const std::string& path, OnBlock on_block) {
  // Not blocking, so that a named pipe is recognised instead of waited for.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return cannot("open", path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return cannot("examine", path, errno);
  if (S_ISDIR(status.st_mode)) return cannot("read", path, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    return dxl::fail(dxl::ErrorCode::kInvalidArgument,
                     fmt::format("{}: cannot read: not a regular file", path));
  }

  Hasher<Md5> md5(EVP_md5());
  Hasher<Sha1> sha1(EVP_sha1());
  Hasher<Sha256> sha256(EVP_sha256());
  const auto block = std::make_unique<char[]>(kBlockBytes);
  while (true) {
    const ssize_t got = ::read(file.get(), block.get(), kBlockBytes);
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      return cannot("read", path, errno);
    }
    const auto size = static_cast<std::size_t>(got);
    on_block(std::string_view(block.get(), size));
    md5.update(block.get(), size);
    sha1.update(block.get(), size);
    sha256.update(block.get(), size);
  }

  FileHashes hashes{md5.finish(), sha1.finish(), sha256.finish()};
  if (!hashes.md5 || !hashes.sha1 || !hashes.sha256) {
    return dxl::fail(
        dxl::ErrorCode::kInvalidArgument,
        fmt::format("{}: the cryptographic library refuses md5, sha1 or sha256", path));
  }
  return hashes;
}

}  // namespace

dxl::Result<FileHashes> hash_file(const std::string& path) {
  return read_and_hash(path, [](std::string_view) {});
}

dxl::Result<FileFacts> examine_file(const std::string& path) {
  FileFacts facts;
  facts.name = path.substr(path.find_last_of('/') + 1);
  std::string head;
  auto hashes = read_and_hash(path, [&](std::string_view block) {
    facts.size += block.size();
    if (head.size() < kHeadBytes) head += block.substr(0, kHeadBytes - head.size());
  });
  if (!hashes) return dxl::fail(hashes.error());
  facts.hashes = *hashes;
  facts.type = detect_file_type(head, facts.name);
  return facts;
}

}  // namespace tie
