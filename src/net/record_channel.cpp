#include "net/record_channel.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "net/socket.hpp"

namespace tiara::net {
namespace {

// More than one write of the stream makes; only a peer that keeps asking for key updates without
// reading gets here.
constexpr std::size_t kMaxUnsent = 1024 * 1024;

}  // namespace

// The functions OpenSSL calls.
struct RecordChannelBio {
  static RecordChannel& channel_of(BIO* bio) {
    return *static_cast<RecordChannel*>(BIO_get_data(bio));
  }

  static int read(BIO* bio, char* into, std::size_t capacity, std::size_t* count) {
    RecordChannel& channel = channel_of(bio);
    BIO_clear_retry_flags(bio);
    *count = channel.read(into, capacity);
    if (*count > 0) return 1;
    if (!channel.saw_end() && !channel.failed()) BIO_set_retry_read(bio);
    return 0;
  }

  static int write(BIO* bio, const char* bytes, std::size_t size, std::size_t* count) {
    BIO_clear_retry_flags(bio);
    if (!channel_of(bio).write({bytes, size})) {
      BIO_set_retry_write(bio);
      return 0;
    }
    *count = size;
    return 1;
  }

  static long control(BIO* bio, int command, long, void*) {
    switch (command) {
      case BIO_CTRL_FLUSH:
        return 1;
      case BIO_CTRL_EOF:
        return channel_of(bio).saw_end() ? 1 : 0;
      default:
        return 0;
    }
  }

  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  static const BIO_METHOD* method() {
    static const std::unique_ptr<BIO_METHOD, FreeWith<BIO_meth_free>> method = [] {
      std::unique_ptr<BIO_METHOD, FreeWith<BIO_meth_free>> made(
          BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "record channel"));
      if (made == nullptr) return made;
      BIO_meth_set_read_ex(made.get(), read);
      BIO_meth_set_write_ex(made.get(), write);
      BIO_meth_set_ctrl(made.get(), control);
      BIO_meth_set_create(made.get(), create);
      return made;
    }();
    return method.get();
  }
};

RecordChannel::RecordChannel(std::unique_ptr<Descriptor> descriptor)
    : descriptor_(std::move(descriptor)) {}

bool RecordChannel::attach(SSL* ssl) {
  const BIO_METHOD* const method = RecordChannelBio::method();
  BIO* const bio = method != nullptr ? BIO_new(method) : nullptr;
  if (bio == nullptr) return false;
  BIO_set_data(bio, this);
  SSL_set_bio(ssl, bio, bio);
  return true;
}

void RecordChannel::begin(std::size_t read_budget) {
  budget_ = read_budget;
  drained_ = false;
  descriptor_->loop().record_output().clear();
}

void RecordChannel::finish() {
  kept_.append(fresh_);
  fresh_ = {};
  std::string& fresh_output = descriptor_->loop().record_output();
  if (!unsent_.empty()) {
    unsent_.append(fresh_output);
    unsent_.erase(0, send_some(unsent_));
    if (unsent_.empty()) unsent_.shrink_to_fit();
  } else if (!fresh_output.empty()) {
    unsent_.assign(fresh_output, send_some(fresh_output));
  }
  fresh_output.clear();
}

std::size_t RecordChannel::held_bytes() const {
  const std::size_t inside = std::string().capacity();  // what a string holds itself
  return (kept_.capacity() > inside ? kept_.capacity() + 1 : 0) +
         (unsent_.capacity() > inside ? unsent_.capacity() + 1 : 0);
}

void RecordChannel::drop_buffers() {
  std::string().swap(kept_);
  std::string().swap(unsent_);
  kept_at_ = 0;
}

std::size_t RecordChannel::send_some(std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size() && !failed()) {
    IoResult result = send(descriptor_->fd(), bytes.substr(sent));
    if (result.status == IoResult::Status::kWouldBlock) break;
    if (result.status == IoResult::Status::kFailed) failure_ = std::move(result);
    sent += result.bytes;
  }
  return sent;
}

std::size_t RecordChannel::read(char* into, std::size_t capacity) {
  if (has_kept_input()) {
    const std::size_t count = std::min(capacity, kept_.size() - kept_at_);
    std::memcpy(into, kept_.data() + kept_at_, count);
    kept_at_ += count;
    if (kept_at_ == kept_.size()) {
      std::string().swap(kept_);
      kept_at_ = 0;
    }
    return count;
  }
  if (fresh_.empty()) {
    // A short read has emptied the socket: asking again would only cost a system call.
    if (drained_ || budget_ == 0 || saw_end_) return 0;
    std::vector<char>& buffer = descriptor_->loop().record_input();
    const std::size_t wanted = std::min(buffer.size(), budget_);
    IoResult result = receive(descriptor_->fd(), buffer.data(), wanted);
    drained_ = result.bytes < wanted;
    saw_end_ = result.status == IoResult::Status::kEnd;
    if (result.status == IoResult::Status::kFailed) failure_ = std::move(result);
    budget_ -= result.bytes;
    fresh_ = {buffer.data(), result.bytes};
  }
  const std::size_t count = std::min(capacity, fresh_.size());
  std::memcpy(into, fresh_.data(), count);
  fresh_.remove_prefix(count);
  return count;
}

bool RecordChannel::write(std::string_view bytes) {
  std::string& output = descriptor_->loop().record_output();
  if (unsent_.size() + output.size() > kMaxUnsent) return false;
  output.append(bytes);
  return true;
}

}  // namespace tiara::net
