#include "dxl/message_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/hex.hpp"

namespace dxl {
namespace {

using nlohmann::json;
using tiara::base::parse_hex;
using tiara::base::to_hex;

std::string sha256_of(std::string_view bytes) {
  unsigned char digest[32];
  EVP_Digest(bytes.data(), bytes.size(), digest, nullptr, EVP_sha256(), nullptr);
  return to_hex(std::string_view(reinterpret_cast<const char*>(digest), sizeof digest));
}

std::vector<json> vectors_for(std::initializer_list<std::string_view> uses) {
  static const json file =
      json::parse(std::ifstream(std::string(TIARA_FIXTURES) + "/dxl/messages.json"));
  std::vector<json> chosen;
  for (const json& vector : file.at("vectors")) {
    const std::string use = vector.at("use");
    if (std::find(uses.begin(), uses.end(), use) != uses.end()) chosen.push_back(vector);
  }
  EXPECT_FALSE(chosen.empty());
  return chosen;
}

std::string payload_of(const json& payload) {
  if (payload.contains("utf8")) return payload.at("utf8");
  if (payload.contains("hex")) return parse_hex(payload.at("hex").get<std::string>()).value();
  const json& repeat = payload.at("repeat");
  const std::string unit = parse_hex(repeat.at("hex").get<std::string>()).value();
  std::string bytes;
  for (int i = repeat.at("count"); i > 0; --i) bytes += unit;
  return bytes;
}

// Owns what a view of an encoded vector borrows.
struct OwnedMessage {
  json fields;
  std::string payload;
  std::map<std::string, std::vector<std::string>> lists;

  std::string_view text(const char* name) const {
    const auto found = fields.find(name);
    if (found == fields.end() || found->is_null()) return {};
    return found->get_ref<const std::string&>();
  }
  StringListView list(const char* name) {
    for (const json& item : fields.value(name, json::array())) {
      if (item.is_array()) {
        for (const json& part : item) lists[name].push_back(part);
      } else {
        lists[name].push_back(item);
      }
    }
    return std::span<const std::string>(lists[name]);
  }
};

MessageType type_of(const json& vector) {
  const std::map<std::string, MessageType> types{{"request", MessageType::kRequest},
                                                 {"response", MessageType::kResponse},
                                                 {"event", MessageType::kEvent},
                                                 {"error", MessageType::kErrorResponse}};
  return types.at(vector.at("type"));
}

MessageView view_of(const json& vector, OwnedMessage& owned) {
  owned.fields = vector.at("fields");
  owned.payload = payload_of(owned.fields.at("payload"));
  return MessageView{
      .version = vector.at("version"),
      .type = type_of(vector),
      .message_id = owned.text("messageId"),
      .source_client_id = owned.text("sourceClientId"),
      .source_broker_id = owned.text("sourceBrokerId"),
      .broker_ids = owned.list("brokerIds"),
      .client_ids = owned.list("clientIds"),
      .payload = owned.payload,
      .reply_to_topic = owned.text("replyToTopic"),
      .request_message_id = owned.text("requestMessageId"),
      .service_id = owned.text("serviceId"),
      .error_code =
          static_cast<std::uint32_t>(owned.fields.value("errorCode", std::int64_t{0}) & 0xffffffff),
      .error_message = owned.text("errorMessage"),
      .other_fields = owned.list("otherFields"),
      .source_tenant_guid = owned.text("sourceTenantGuid"),
      .destination_tenant_guids = owned.list("destinationTenantGuids"),
      .source_client_instance_id = owned.text("sourceClientInstanceId"),
  };
}

ErrorCodeForm form_of(const json& vector) {
  const bool minimal = vector.value("errorCodeEncoding", "minimal") == "minimal";
  return minimal ? ErrorCodeForm::kMinimal : ErrorCodeForm::kInt32;
}

// Large vectors are not written out: ours must be encoded from their fields, and of the one that a
// JavaScript client encoded both ends are given. The digest proves either.
std::string bytes_of(const json& vector) {
  std::string bytes;
  if (vector.contains("hex")) {
    bytes = parse_hex(vector.at("hex").get<std::string>()).value();
  } else if (vector.at("use") == "roundtrip") {
    OwnedMessage owned;
    append_message(view_of(vector, owned), bytes, form_of(vector));
  } else {
    bytes = parse_hex(vector.at("prefixHex").get<std::string>()).value();
    const std::string end = parse_hex(vector.at("suffixHex").get<std::string>()).value();
    const std::size_t gap = vector.at("length").get<std::size_t>() - bytes.size() - end.size();
    bytes += payload_of(vector.at("fields").at("payload")).substr(0, gap) + end;
  }
  EXPECT_EQ(bytes.size(), vector.at("length").get<std::size_t>());
  EXPECT_EQ(sha256_of(bytes), vector.at("sha256").get<std::string>());
  return bytes;
}

// Everything a view says, comparable and printable whatever bytes it holds.
json describe(const MessageView& view) {
  const auto list = [](const StringListView& strings) {
    json array = json::array();
    strings.for_each([&array](std::string_view text) { array.push_back(to_hex(text)); });
    return array;
  };
  return json{
      {"version", view.version},
      {"type", static_cast<int>(view.type)},
      {"message_id", to_hex(view.message_id)},
      {"source_client_id", to_hex(view.source_client_id)},
      {"source_broker_id", to_hex(view.source_broker_id)},
      {"broker_ids", list(view.broker_ids)},
      {"client_ids", list(view.client_ids)},
      {"payload", to_hex(view.payload)},
      {"reply_to_topic", to_hex(view.reply_to_topic)},
      {"request_message_id", to_hex(view.request_message_id)},
      {"service_id", to_hex(view.service_id)},
      {"error_code", view.error_code},
      {"error_message", to_hex(view.error_message)},
      {"other_fields", list(view.other_fields)},
      {"source_tenant_guid", to_hex(view.source_tenant_guid)},
      {"destination_tenant_guids", list(view.destination_tenant_guids)},
      {"source_client_instance_id", to_hex(view.source_client_instance_id)},
  };
}

TEST(MessageCodec, EncodesEveryRoundtripVectorToItsBytes) {
  for (const json& vector : vectors_for({"roundtrip"})) {
    OwnedMessage owned;
    std::string bytes;
    append_message(view_of(vector, owned), bytes, form_of(vector));
    EXPECT_EQ(bytes.size(), vector.at("length").get<std::size_t>()) << vector.at("name");
    EXPECT_EQ(sha256_of(bytes), vector.at("sha256").get<std::string>()) << vector.at("name");
    if (vector.contains("hex")) {
      EXPECT_EQ(to_hex(bytes), vector.at("hex").get<std::string>()) << vector.at("name");
    } else {
      EXPECT_THAT(to_hex(bytes), testing::StartsWith(vector.at("prefixHex").get<std::string>()));
      EXPECT_THAT(to_hex(bytes), testing::EndsWith(vector.at("suffixHex").get<std::string>()));
    }
  }
}

TEST(MessageCodec, DecodesEveryVectorToItsFields) {
  for (const json& vector : vectors_for({"roundtrip", "decode"})) {
    OwnedMessage owned;
    const std::string bytes = bytes_of(vector);
    const auto view = decode_message(bytes);
    ASSERT_TRUE(view) << vector.at("name") << ": " << view.error().message;
    EXPECT_EQ(describe(*view), describe(view_of(vector, owned))) << vector.at("name");
  }
}

TEST(MessageCodec, RefusesEveryRejectVector) {
  for (const json& vector : vectors_for({"reject"})) {
    const auto view = decode_message(bytes_of(vector));
    ASSERT_FALSE(view) << vector.at("name");
    EXPECT_NE(view.error().message, "") << vector.at("name");
  }
}

TEST(MessageCodec, RejectsEveryTruncationOfAValidMessage) {
  for (const json& vector : vectors_for({"roundtrip"})) {
    const std::string bytes = bytes_of(vector);
    // Cuts inside a long payload all look alike: both ends of it are enough.
    constexpr std::size_t kEnd = 1000;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      if (size == kEnd && bytes.size() > 2 * kEnd) size = bytes.size() - kEnd;
      // Its own allocation, so that reading past it is seen, unless that takes too long.
      const std::string copy = size <= kEnd ? bytes.substr(0, size) : std::string();
      const auto view =
          decode_message(size <= kEnd ? copy : std::string_view(bytes).substr(0, size));
      ASSERT_FALSE(view) << vector.at("name") << " cut at " << size;
      ASSERT_EQ(view.error().code, ErrorCode::kMalformed);
    }
  }
}

TEST(MessageCodec, SurvivesEverySingleByteChange) {
  std::string again;
  for (const json& vector : vectors_for({"roundtrip"})) {
    if (!vector.contains("hex")) continue;
    const std::string bytes = bytes_of(vector);
    std::string changed = bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (int value = 0; value < 256; ++value) {
        changed[i] = static_cast<char>(value);
        const auto view = decode_message(changed);
        if (!view) continue;
        again.clear();
        append_message(*view, again);  // reads every field and list
        ASSERT_TRUE(decode_message(again));
      }
      changed[i] = bytes[i];
    }
  }
}

TEST(MessageCodec, SaysWhichFieldIsWrongAndWhere) {
  const std::string head =
      std::string("\x02\x02", 2) + std::string("\xda\0\x20", 3) + std::string(32, 'x');  // 37 bytes
  const std::pair<std::string, std::string> cases[] = {
      {"", "version: expected integer at byte 0, found the end"},
      {"\xa1\x32", "version: expected integer at byte 0, found string"},
      {"\xff", "version: integer at byte 0 is cut short or out of range"},
      {"\xcd\x01", "version: integer at byte 0 is cut short or out of range"},
      {"\x02\x07", "message_type: integer at byte 1 is cut short or out of range"},
      {"\x02\x02\x90", "message_id: expected string at byte 2, found array"},
      {head + "\x90", "source_client_id: expected string at byte 37, found array"},
      {head + "\xc2", "source_client_id: expected string at byte 37, found boolean"},
      {head + "\xdb\xff\xff\xff\xff",
       "source_client_id: string at byte 37 is longer than the message"},
      {head + "\xa0\xa0\xa0", "broker_ids: expected array at byte 39, found string"},
      {head + "\xa0\xa0\xdc\x01", "broker_ids: array at byte 39 is longer than the message"},
      {head + "\xa0\xa0\x92\xa0\x05", "broker_ids: expected string at byte 41, found integer"},
      {head + "\xa0\xa0\x90\x90\xcb", "payload: expected string at byte 41, found float"},
      {head + "\xa0\xa0\x90\x90\xa0\x93\xa0\xa0\xa0\xa0\x90",
       "other_fields: 3 elements, expected pairs of key and value, before byte 46"},
  };
  for (const auto& [bytes, message] : cases) {
    const auto view = decode_message(bytes);
    ASSERT_FALSE(view) << message;
    EXPECT_EQ(view.error().message, message);
    EXPECT_EQ(view.error().code, ErrorCode::kMalformed);
  }
}

TEST(MessageCodec, DropsAnOddNumberOfOtherFieldsIfToldTo) {
  const std::vector<std::string> kFields{"k1", "v1", "k2"}, kTenants{"tenant"};
  MessageView view;
  view.payload = "payload";
  view.other_fields = std::span<const std::string>(kFields);
  view.destination_tenant_guids = std::span<const std::string>(kTenants);
  std::string bytes;
  append_message(view, bytes);
  EXPECT_FALSE(decode_message(bytes));
  const auto decoded = decode_message(bytes, {.drops_odd_other_fields = true});
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->other_fields.empty());
  EXPECT_EQ(decoded->payload, "payload");
  EXPECT_EQ(decoded->destination_tenant_guids.to_strings(), kTenants);
}

TEST(MessageCodec, RefusesMessagesBeyondItsLimits) {
  const std::vector<std::string> ids(11, "id");
  MessageView view;
  view.client_ids = std::span<const std::string>(ids);
  std::string bytes;
  append_message(view, bytes);
  EXPECT_TRUE(decode_message(bytes, {.message_bytes = bytes.size(), .list_elements = 11}));
  const auto too_long = decode_message(bytes, {.message_bytes = bytes.size() - 1});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, ErrorCode::kLimitExceeded);
  EXPECT_EQ(too_long.error().message, "message of 45 bytes, message_bytes is 44");
  const auto too_many = decode_message(bytes, {.list_elements = 10});
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().code, ErrorCode::kLimitExceeded);
  EXPECT_EQ(too_many.error().message, "client_ids: 11 elements, list_elements is 10");
}

TEST(MessageCodec, NormalisesErrorCodesAndWritesThemForJava) {
  struct Case {
    std::string wire;
    std::uint32_t code;
    std::string int32_form;
    std::string minimal_form;
  };
  const Case cases[] = {
      {"00", 0, "00", "00"},
      {"cc05", 5, "05", "05"},
      {"d37fffffff00000000", 0, "", ""},
      {"cd0194", 404, "cd0194", "cd0194"},
      {"d20001e240", 123456, "ce0001e240", "ce0001e240"},
      {"ce80000001", 0x80000001, "d280000001", "ce80000001"},
      {"d280000001", 0x80000001, "d280000001", "ce80000001"},
      {"cf0000000080000001", 0x80000001, "d280000001", "ce80000001"},
      {"d3ffffffff80000001", 0x80000001, "d280000001", "ce80000001"},
      {"ff", 0xffffffff, "d2ffffffff", "ff"},
      {"ceffffffff", 0xffffffff, "d2ffffffff", "ff"},
      {"d0df", 0xffffffdf, "d2ffffffdf", "d0df"},
      {"d18000", 0xffff8000, "d2ffff8000", "d18000"},
      {"cf0000000100000000", 0, "", ""},
      {"cfffffffffffffffff", 0, "", ""},
      {"d3ffffffff7fffffff", 0, "", ""},
      {"cb3ff0000000000000", 0, "", ""},
      {"c0", 0, "", ""},
  };
  const std::string before = parse_hex("0003a0a0a09090a0a0a0").value();
  for (const Case& c : cases) {
    const std::string bytes = before + parse_hex(c.wire).value() + "\xa0";
    const auto view = decode_message(bytes);
    ASSERT_EQ(view.has_value(), !c.int32_form.empty()) << c.wire;
    if (!view) continue;
    EXPECT_EQ(view->error_code, c.code) << c.wire;
    std::string for_java, minimal;
    append_message(*view, for_java);
    append_message(*view, minimal, ErrorCodeForm::kMinimal);
    EXPECT_EQ(to_hex(for_java), to_hex(before) + c.int32_form + "a0") << c.wire;
    EXPECT_EQ(to_hex(minimal), to_hex(before) + c.minimal_form + "a0") << c.wire;
  }
}

TEST(MessageCodec, WritesVersionsAboveThreeAsThreeAndAppends) {
  MessageView view;
  view.version = 9;
  std::string out = "before";
  append_message(view, out);
  EXPECT_EQ(to_hex(out), to_hex("before") + "0302a0a0a09090a090a090a0");
}

Header full_header() {
  return Header{.message_id = {"{m}"},
                .source_client_id = {"c"},
                .source_broker_id = {"b"},
                .broker_ids = {"b1", "b2"},
                .client_ids = {"c1"},
                .other_fields = {{"k1", "v1"}, {"k2", ""}},
                .source_tenant_guid = "t",
                .destination_tenant_guids = {"t1", "t2"},
                .source_client_instance_id = "c:1"};
}

TEST(MessageValues, SurviveTheWayThroughBytes) {
  const Message messages[] = {
      Event{.topic = "/t", .payload = "p", .header = full_header()},
      Request{.topic = "/t",
              .payload = "p",
              .reply_to_topic = "/r",
              .service_id = {"{s}"},
              .header = full_header()},
      Response{.topic = "/t",
               .payload = "p",
               .request_message_id = {"{q}"},
               .service_id = {"{s}"},
               .header = full_header()},
      ErrorResponse{.topic = "/t",
                    .error_code = kServiceUnavailable,
                    .error_message = "no",
                    .request_message_id = {"{q}"},
                    .service_id = {"{s}"},
                    .header = full_header()},
      Event{},
  };
  for (const Message& message : messages) {
    std::vector<std::string_view> scratch, scratch_again;
    std::string bytes;
    append_message(to_view(message, scratch), bytes);
    const auto view = decode_message(bytes);
    ASSERT_TRUE(view) << view.error().message;
    const Message again = to_message(*view, "/t");
    EXPECT_EQ(again.index(), message.index());
    EXPECT_EQ(describe(to_view(again, scratch_again)), describe(to_view(message, scratch)));
    EXPECT_EQ(std::visit([](const auto& value) { return value.topic; }, again), "/t");
  }
}

}  // namespace
}  // namespace dxl
