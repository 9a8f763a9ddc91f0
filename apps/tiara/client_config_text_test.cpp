#include "tiara/client_config_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dxl/client_config.hpp"

namespace tiara::app {
namespace {

using dxl::BrokerAddress;
using dxl::BrokerId;
using testing::ElementsAre;
using testing::HasSubstr;

const BrokerAddress kOne{BrokerId{"{one}"}, "one.example.com", 8883, "10.0.0.1"};
const BrokerAddress kTwo{BrokerId{"{two}"}, "two.example.com", 8884, ""};
const BrokerAddress kThree{BrokerId{"{three}"}, "three.example.com", 443, ""};

std::string updated(std::string_view text, const BrokerLists& lists) {
  const auto done = update_client_config(text, lists);
  return done ? *done : "error: " + done.error().message;
}

TEST(ClientConfigText, OfANewClientIsReadAsWhatItWasMadeFrom) {
  const auto config = dxl::ClientConfig::parse(
      new_client_config("site", "ca-bundle.crt", {{kOne, kTwo}, {{kThree}}}), "new");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->broker_cert_chain, "ca-bundle.crt");
  EXPECT_EQ(config->cert_file, "site.crt");
  EXPECT_EQ(config->private_key, "site.key");
  EXPECT_THAT(config->brokers, ElementsAre(kOne, kTwo));
  EXPECT_THAT(config->websocket_brokers, ElementsAre(kThree));
  EXPECT_TRUE(config->warnings.empty());
}

TEST(ClientConfigText, HasTheSectionOfWebSocketsAlsoWhenThereAreNone) {
  EXPECT_THAT(new_client_config("client", "b", {{kOne}, std::nullopt}),
              HasSubstr("\n[BrokersWebSockets]\n"));
}

TEST(ClientConfigText, AnUpdateKeepsAllButTheBrokers) {
  const std::string before =
      "; of the lab\n"
      "[Certs]\n"
      "BrokerCertChain = ca-bundle.crt  \n"
      "CertFile=client.crt\n"
      "PrivateKey = client.key\n"
      "\n"
      "[Brokers]\n"
      "# the old one\n"
      "{gone} = {gone};8883;gone.example.com\n"
      "# in the cellar\n"
      "{two}={two};1;elsewhere.example.com;10.0.0.9\n"
      "\n"
      "[Ours]\n"
      "{gone} = kept\n"
      "[General]\n"
      "UseWebSockets = no\n";
  EXPECT_EQ(updated(before, {{kOne, kTwo}, {{kThree}}}),
            "; of the lab\n"
            "[Certs]\n"
            "BrokerCertChain = ca-bundle.crt  \n"
            "CertFile=client.crt\n"
            "PrivateKey = client.key\n"
            "\n"
            "[Brokers]\n"
            "# the old one\n"
            "# in the cellar\n"
            "{two} = {two};8884;two.example.com\n"
            "{one} = {one};8883;one.example.com;10.0.0.1\n"
            "\n"
            "[Ours]\n"
            "{gone} = kept\n"
            "[General]\n"
            "UseWebSockets = no\n"
            "\n"
            "[BrokersWebSockets]\n"
            "{three} = {three};443;three.example.com\n");
}

constexpr std::string_view kCerts = "[Certs]\nBrokerCertChain=a\nCertFile=b\nPrivateKey=c\n";

TEST(ClientConfigText, AListThatTheServerDoesNotSpeakOfStays) {
  const std::string before = std::string(kCerts) + "[BrokersWebSockets]\nx = x;443;h\n[Brokers]\n";
  EXPECT_EQ(updated(before, {{kTwo}, std::nullopt}),
            before + "{two} = {two};8884;two.example.com\n");
  EXPECT_EQ(
      updated(before, {{kTwo}, std::vector<BrokerAddress>()}),
      std::string(kCerts) + "[BrokersWebSockets]\n[Brokers]\n{two} = {two};8884;two.example.com\n");
}

TEST(ClientConfigText, KeepsLineEndsAndAByteOrderMark) {
  EXPECT_EQ(updated("\xef\xbb\xbf[Brokers]\r\nx = 1;h\r\n[Certs]\r\nBrokerCertChain=a\r\nCertFile=b"
                    "\r\nPrivateKey=c",
                    {{kTwo}, std::nullopt}),
            "\xef\xbb\xbf[Brokers]\r\n{two} = {two};8884;two.example.com\r\n[Certs]\r\n"
            "BrokerCertChain=a\r\nCertFile=b\r\nPrivateKey=c\r\n");
}

TEST(ClientConfigText, SeveralSectionsOfOneNameBecomeOneList) {
  const std::string text =
      updated(std::string(kCerts) + "[Brokers]\na = a;1;h\n[Brokers]\nb = b;1;h\n",
              {{kOne, kTwo}, std::nullopt});
  const auto config = dxl::ClientConfig::parse(text, "text");
  ASSERT_TRUE(config) << text;
  EXPECT_THAT(config->brokers, ElementsAre(kOne, kTwo));
}

TEST(ClientConfigText, AnUpdateTwiceIsTheSameAsOnce) {
  const std::string once = updated(std::string(kCerts), {{kOne, kTwo}, {{kThree}}});
  EXPECT_EQ(updated(once, {{kOne, kTwo}, {{kThree}}}), once);
}

TEST(ClientConfigText, AFileThatCannotBeReadIsNotWritten) {
  EXPECT_THAT(updated("[Certs]\n", {{kOne}, std::nullopt}), HasSubstr("BrokerCertChain: missing"));
  EXPECT_THAT(updated("nonsense\n", {{kOne}, std::nullopt}), HasSubstr(":1: expected [section]"));
}

}  // namespace
}  // namespace tiara::app
