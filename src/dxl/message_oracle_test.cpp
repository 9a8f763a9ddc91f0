// Random messages, packed and unpacked by msgpack-cxx as well: two implementations must agree.
#include <gtest/gtest.h>

#include <msgpack.hpp>
#include <random>

#include "dxl/message_codec.hpp"

namespace dxl {
namespace {

struct RandomMessage {
  std::uint32_t version = 0;
  std::uint32_t type = 0;
  std::vector<std::string> head;  // message id, source client, source broker
  std::vector<std::string> broker_ids, client_ids;
  std::string payload;
  std::vector<std::string> type_strings;  // the two ids or topics of all types but Event
  std::int64_t error_code = 0;
  std::string error_message;
  std::vector<std::string> other_fields;
  std::string source_tenant_guid;
  std::vector<std::string> destination_tenant_guids;
  std::string source_client_instance_id;
};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::string text() {
    // Around each border between two length headers.
    static constexpr std::size_t kSizes[] = {0, 1, 5, 31, 32, 38, 255, 256, 300};
    std::string value(below(200) == 0 ? 65535 + below(2) : kSizes[below(std::size(kSizes))], '\0');
    for (char& c : value) c = static_cast<char>(random_());
    return value;
  }

  std::vector<std::string> list(std::size_t step) {
    static constexpr std::size_t kCounts[] = {0, 0, 1, 2, 7, 8, 15, 16, 40};
    std::vector<std::string> values(kCounts[below(std::size(kCounts))] * step);
    for (std::string& value : values) value = below(10) == 0 ? text() : std::string(below(9), 'e');
    return values;
  }

  RandomMessage message() {
    RandomMessage made;
    made.version = static_cast<std::uint32_t>(below(4));
    made.type = static_cast<std::uint32_t>(below(4));
    made.head = {text(), text(), text()};
    made.broker_ids = list(1);
    made.client_ids = list(1);
    made.payload = text();
    if (made.type != 2) made.type_strings = {text(), text()};
    // Every width, either sign.
    const auto bits = static_cast<std::uint32_t>(random_()) >> below(32);
    made.error_code = below(2) == 0 ? std::int64_t{bits} : -std::int64_t{bits >> 1};
    made.error_message = text();
    made.other_fields = list(2);
    made.source_tenant_guid = text();
    made.destination_tenant_guids = list(1);
    made.source_client_instance_id = text();
    return made;
  }

 private:
  std::mt19937 random_;
};

// How a peer may write strings: old raw, and the forms that came later.
enum class Form { kRaw, kStr8, kBin };

class Packer {
 public:
  Packer(Form form, msgpack::sbuffer& out) : form_(form), packer_(out), out_(out) {}

  void number(std::int64_t value) { packer_.pack(value); }
  void string(const std::string& value) {
    const auto size = static_cast<std::uint32_t>(value.size());
    if (form_ == Form::kBin) {
      packer_.pack_bin(size).pack_bin_body(value.data(), size);
    } else if (form_ == Form::kStr8 || size < 32 || size > 255) {
      packer_.pack_str(size).pack_str_body(value.data(), size);
    } else {
      // msgpack-cxx has no switch for the old raw family, which lacks the 8-bit length.
      const char head[] = {'\xda', '\0', static_cast<char>(size)};
      out_.write(head, sizeof head);
      out_.write(value.data(), value.size());
    }
  }
  void list(const std::vector<std::string>& values) {
    packer_.pack_array(static_cast<std::uint32_t>(values.size()));
    for (const std::string& value : values) string(value);
  }
  void message(const RandomMessage& message) {
    number(message.version);
    number(message.type);
    for (const std::string& value : message.head) string(value);
    list(message.broker_ids);
    list(message.client_ids);
    string(message.payload);
    for (const std::string& value : message.type_strings) string(value);
    if (message.type == 3) {
      number(message.error_code);
      string(message.error_message);
    }
    if (message.version >= 1) list(message.other_fields);
    if (message.version >= 2) {
      string(message.source_tenant_guid);
      list(message.destination_tenant_guids);
    }
    if (message.version >= 3) string(message.source_client_instance_id);
  }

 private:
  Form form_;
  msgpack::packer<msgpack::sbuffer> packer_;
  msgpack::sbuffer& out_;
};

std::string packed(const RandomMessage& message, Form form) {
  msgpack::sbuffer buffer;
  Packer(form, buffer).message(message);
  return std::string(buffer.data(), buffer.size());
}

MessageView view_of(const RandomMessage& message) {
  const auto list = [](const std::vector<std::string>& values) {
    return StringListView(std::span<const std::string>(values));
  };
  MessageView view;
  view.version = message.version;
  view.type = static_cast<MessageType>(message.type);
  view.message_id = message.head[0];
  view.source_client_id = message.head[1];
  view.source_broker_id = message.head[2];
  view.broker_ids = list(message.broker_ids);
  view.client_ids = list(message.client_ids);
  view.payload = message.payload;
  if (view.type == MessageType::kRequest) {
    view.reply_to_topic = message.type_strings[0];
  } else if (view.type != MessageType::kEvent) {
    view.request_message_id = message.type_strings[0];
  }
  if (view.type != MessageType::kEvent) view.service_id = message.type_strings[1];
  if (view.type == MessageType::kErrorResponse) {
    view.error_code = static_cast<std::uint32_t>(message.error_code);
    view.error_message = message.error_message;
  }
  if (view.version >= 1) view.other_fields = list(message.other_fields);
  if (view.version >= 2) view.source_tenant_guid = message.source_tenant_guid;
  if (view.version >= 2) view.destination_tenant_guids = list(message.destination_tenant_guids);
  if (view.version >= 3) view.source_client_instance_id = message.source_client_instance_id;
  return view;
}

auto fields_of(const MessageView& view) {
  return std::tuple(view.version, view.type, view.message_id, view.source_client_id,
                    view.source_broker_id, view.broker_ids.to_strings(),
                    view.client_ids.to_strings(), view.payload, view.reply_to_topic,
                    view.request_message_id, view.service_id, view.error_code, view.error_message,
                    view.other_fields.to_strings(), view.source_tenant_guid,
                    view.destination_tenant_guids.to_strings(), view.source_client_instance_id);
}

constexpr int kMessages = 3000;

TEST(MessageOracle, WhatMsgpackPacksWeDecode) {
  Generator generate(20'241'124);
  for (int i = 0; i < kMessages; ++i) {
    const RandomMessage message = generate.message();
    for (const Form form : {Form::kRaw, Form::kStr8, Form::kBin}) {
      const std::string bytes = packed(message, form);
      const auto view = decode_message(bytes);
      ASSERT_TRUE(view) << "message " << i << ": " << view.error().message;
      ASSERT_TRUE(fields_of(*view) == fields_of(view_of(message))) << "message " << i;
    }
  }
}

TEST(MessageOracle, WeEncodeTheBytesThatMsgpackPacks) {
  Generator generate(1);
  std::string bytes;
  for (int i = 0; i < kMessages; ++i) {
    RandomMessage message = generate.message();
    bytes.clear();
    append_message(view_of(message), bytes, ErrorCodeForm::kMinimal);
    // The sign is not part of the value; below -2^15 the unsigned form is the one we write.
    if (message.error_code < -0x8000) message.error_code &= 0xffffffff;
    if (message.error_code >= 0xffff8000) message.error_code -= std::int64_t{1} << 32;
    ASSERT_TRUE(bytes == packed(message, Form::kRaw)) << "message " << i;
  }
}

// Strings of `object`, which is one or an array of them.
void collect(const msgpack::object& object, std::vector<std::string>& strings) {
  if (object.type == msgpack::type::ARRAY) {
    for (const msgpack::object& item : object.via.array) collect(item, strings);
  } else if (object.type == msgpack::type::STR) {
    strings.emplace_back(object.via.str.ptr, object.via.str.size);
  } else {
    strings.push_back(std::to_string(object.as<std::int64_t>()));
  }
}

TEST(MessageOracle, WhatWeEncodeMsgpackUnpacks) {
  Generator generate(2);
  std::string bytes;
  for (int i = 0; i < kMessages; ++i) {
    const RandomMessage message = generate.message();
    bytes.clear();
    append_message(view_of(message), bytes);
    std::vector<std::string> ours, theirs;
    for (const std::string* source : {&bytes}) {
      std::size_t at = 0;
      while (at < source->size())
        collect(msgpack::unpack(source->data(), source->size(), at).get(), ours);
    }
    const std::string expected = packed(message, Form::kStr8);
    std::size_t at = 0;
    while (at < expected.size()) {
      collect(msgpack::unpack(expected.data(), expected.size(), at).get(), theirs);
    }
    if (message.type == 3) {
      // Codes from 2^31 up go out as int32.
      const std::string code = std::to_string(static_cast<std::int32_t>(message.error_code));
      std::replace(theirs.begin(), theirs.end(), std::to_string(message.error_code), code);
    }
    ASSERT_TRUE(ours == theirs) << "message " << i;
  }
}

}  // namespace
}  // namespace dxl
