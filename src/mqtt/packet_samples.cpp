#include "mqtt/packet_samples.hpp"

namespace tiara::mqtt {

using namespace std::string_view_literals;

const std::vector<Sample>& valid_samples() {
  static const std::vector<Sample> samples{
      {"connect_311", Version::k311, "\x10\x0f\x00\x04MQTT\x04\x02\x07\x08\x00\x03{a}"sv},
      {"connect_31", Version::k31, "\x10\x11\x00\x06MQIsdp\x03\x02\x07\x08\x00\x03{a}"sv},
      {"connect_bridge", Version::k31, "\x10\x11\x00\x06MQIsdp\x83\x02\x00\x3c\x00\x03{b}"sv},
      {"connect_will", Version::k311,
       "\x10\x17\x00\x04MQTT\x04\x2e\x00\x3c\x00\x01"
       "c\x00\x04/w/#\x00\x02\x00\xff"sv},
      {"connect_promises_password", Version::k311,
       "\x10\x0d\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01u"sv},
      {"connack_accepted", Version::k311, "\x20\x02\x00\x00"sv},
      {"connack_not_authorised", Version::k31, "\x20\x02\x00\x05"sv},
      {"publish", Version::k311, "\x30\x08\x00\x03/t/hey"sv},
      {"publish_empty_payload", Version::k311, "\x30\x05\x00\x03/t/"sv},
      {"publish_qos2_dup_retain", Version::k311, "\x3d\x09\x00\x03/t/\x01\x02hi"sv},
      {"publish_utf8_topic", Version::k311, "\x30\x0d\x00\x0a/\xc3\xa9/\xf0\x9f\x92\x8e/zx"sv},
      {"puback", Version::k311, "\x40\x02\x00\x07"sv},
      {"pubrec", Version::k311, "\x50\x02\x00\x07"sv},
      {"pubrel", Version::k311, "\x62\x02\x00\x07"sv},
      {"pubcomp", Version::k311, "\x70\x02\x00\x07"sv},
      {"subscribe", Version::k311, "\x82\x08\x00\x01\x00\x03/a/\x00"sv},
      {"subscribe_many", Version::k311, "\x82\x0d\x00\x01\x00\x02/a\x01\x00\x03/b#\x02"sv},
      {"suback", Version::k311, "\x90\x04\x00\x01\x01\x80"sv},
      {"unsubscribe", Version::k311, "\xa2\x07\x00\x02\x00\x03/a/"sv},
      {"unsubscribe_many", Version::k31, "\xa2\x0b\x00\x02\x00\x02/a\x00\x03/b#"sv},
      {"unsuback", Version::k311, "\xb0\x02\x00\x02"sv},
      {"pingreq", Version::k311, "\xc0\x00"sv},
      {"pingresp", Version::k311, "\xd0\x00"sv},
      {"disconnect", Version::k311, "\xe0\x00"sv},
  };
  return samples;
}

}  // namespace tiara::mqtt
