// A tie::Client on a FakeBroker that plays the service. For tests only.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sdk/test_client.hpp"
#include "tie/client.hpp"
#include "tie/codec.hpp"

namespace tie {

inline FileHashes some_hashes() {
  FileHashes hashes;
  hashes.md5 = *Md5::parse("00112233445566778899aabbccddeeff");
  return hashes;
}
inline Certificate some_certificate() {
  return {.sha1 = *Sha1::parse("00112233445566778899aabbccddeeff00112233"),
          .public_key_sha1 = *Sha1::parse("ffeeddccbbaa99887766554433221100ffeeddcc")};
}
// As many different files as there are numbers.
inline FileHashes numbered_hashes(std::uint32_t number) {
  FileHashes hashes;
  hashes.md5.emplace();
  for (int i = 0; i < 4; ++i)
    hashes.md5->bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> (8 * i));
  return hashes;
}
inline std::uint32_t number_of(const FileHashes& hashes) {
  std::uint32_t number = 0;
  for (int i = 0; i < 4; ++i)
    number |= std::uint32_t{hashes.md5->bytes[static_cast<std::size_t>(i)]} << (8 * i);
  return number;
}

class TieClient : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(client->connect()); }
  static std::string topic(std::string_view name) { return std::string(name); }
  std::string payload_on(std::string_view name) const {
    return std::get<dxl::Request>(*broker.last(std::string(name))).payload;
  }
  // Answers in turn, the last one for ever.
  void answers(std::string_view name, const std::vector<std::string>& payloads) {
    const auto next = std::make_shared<std::size_t>(0);
    broker.answer(topic(name), [payloads, next](const dxl::MessageView& request) {
      dxl::Response response;
      response.payload = payloads[std::min((*next)++, payloads.size() - 1)];
      response.request_message_id.value = request.message_id;
      return dxl::Message(response);
    });
  }
  // Answers with what `make(payload)` says: a text, or an error's code and text.
  template <class Make>
  void serve(std::string_view name, Make make) {
    broker.answer(topic(name),
                  [make](const dxl::MessageView& request) -> std::optional<dxl::Message> {
                    const auto made = make(std::string(request.payload));
                    if (const auto* refusal = std::get_if<dxl::ErrorResponse>(&made)) {
                      dxl::ErrorResponse error = *refusal;
                      error.request_message_id.value = request.message_id;
                      return dxl::Message(error);
                    }
                    dxl::Response response;
                    response.payload = std::get<std::string>(made);
                    response.request_message_id.value = request.message_id;
                    return dxl::Message(response);
                  });
  }
  using Made = std::variant<std::string, dxl::ErrorResponse>;
  static dxl::ErrorResponse refusal(std::uint32_t code, const std::string& text = "said no") {
    dxl::ErrorResponse error;
    error.error_code = code;
    error.error_message = text;
    return error;
  }
  void silence(std::string_view name) {
    broker.answer(topic(name),
                  [](const dxl::MessageView&) { return std::optional<dxl::Message>(); });
  }
  std::size_t times_asked(std::string_view name) const {
    const auto lines = broker.log();
    return static_cast<std::size_t>(std::ranges::count_if(lines, [&](const std::string& line) {
      return line.starts_with("PUBLISH " + std::string(name) + " ");
    }));
  }

  tiara::sdk::FakeBroker broker;
  std::unique_ptr<dxl::Client> client = tiara::sdk::make_client(broker);
  Client tie{*client, tiara::sdk::kPatience};
};

}  // namespace tie
