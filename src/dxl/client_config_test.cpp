#include "dxl/client_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace dxl {
namespace {

constexpr std::string_view kCerts =
    "[Certs]\nBrokerCertChain=ca.crt\nCertFile=client.crt\nPrivateKey=client.key\n";

Result<ClientConfig> parsed(std::string_view rest) {
  return ClientConfig::parse(std::string(kCerts) + std::string(rest), "test.config");
}

std::string complaint_about(std::string_view rest) {
  const auto config = parsed(rest);
  if (config) return "accepted";
  EXPECT_EQ(config.error().code, ErrorCode::kConfiguration);
  return config.error().message;
}

TEST(ClientConfig, ReadsEverySectionOfTheReference) {
  const auto config = ClientConfig::parse(
      "\xef\xbb\xbf# a comment\r\n"
      "[General]\r\n"
      "UseWebSockets = True\r\n"
      "ClientId = {2f1c}\r\n"
      "\r\n"
      "[Certs]\r\n"
      "BrokerCertChain = ca-bundle.crt\r\n"
      "CertFile = \"with space.crt\"\r\n"
      "PrivateKey = client.key\r\n"
      "[Brokers]\r\n"
      "; another comment\r\n"
      "{65b2} = {65b2};8883;broker.example.com;10.0.0.1\r\n"
      "[BrokersWebSockets]\r\n"
      "{65b2} = {65b2};443;broker.example.com\r\n"
      "[Proxy]\r\n"
      "Address = proxy.example.com\r\n"
      "Port = 3128\r\n"
      "User = joe\r\n"
      "Password = se=c;ret#\r\n",
      "test.config");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->broker_cert_chain, "ca-bundle.crt");
  EXPECT_EQ(config->cert_file, "with space.crt");
  EXPECT_EQ(config->private_key, "client.key");
  EXPECT_EQ(config->brokers,
            (std::vector<BrokerAddress>{{{"{65b2}"}, "broker.example.com", 8883, "10.0.0.1"}}));
  EXPECT_EQ(config->websocket_brokers,
            (std::vector<BrokerAddress>{{{"{65b2}"}, "broker.example.com", 443, ""}}));
  EXPECT_TRUE(config->use_websockets);
  EXPECT_EQ(config->client_id, ClientId{"{2f1c}"});
  ASSERT_TRUE(config->proxy);
  EXPECT_EQ(config->proxy->address, "proxy.example.com");
  EXPECT_EQ(config->proxy->port, 3128);
  EXPECT_EQ(config->proxy->user, "joe");
  EXPECT_EQ(config->proxy->password, "se=c;ret#");
  EXPECT_THAT(config->warnings, testing::IsEmpty());
}

TEST(ClientConfig, NeedsOnlyTheCertificates) {
  const auto config = parsed("");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->brokers, testing::IsEmpty());
  EXPECT_EQ(config->client_id, std::nullopt);
  EXPECT_FALSE(config->proxy);
  EXPECT_FALSE(config->use_websockets);
  for (const char* key : {"BrokerCertChain", "CertFile", "PrivateKey"}) {
    std::string text(kCerts);
    text.insert(text.find(key), "#");
    const auto missing = ClientConfig::parse(text, "c");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().message, fmt::format("c: [Certs] {}: missing", key));
  }
}

TEST(ClientConfig, ReadsBrokerLines) {
  const std::pair<std::string_view, BrokerAddress> cases[] = {
      {"{id};8883;host", {{"{id}"}, "host", 8883, ""}},
      {"8883;host", {{}, "host", 8883, ""}},
      {"8883;host;10.0.0.1", {{}, "host", 8883, "10.0.0.1"}},
      {" {id} ; 1 ; host ; 10.0.0.1 ", {{"{id}"}, "host", 1, "10.0.0.1"}},
      {"{id};65535;[::1];[fe80::1]", {{"{id}"}, "::1", 65535, "fe80::1"}},
      {"8ab1c2;8883;host", {{"8ab1c2"}, "host", 8883, ""}},
      {"{id};8883;host;10.0.0.1;more;", {{"{id}"}, "host", 8883, "10.0.0.1"}},
      {";8883;host", {{}, "host", 8883, ""}},
      {"{id};8883;host;", {{"{id}"}, "host", 8883, ""}},
  };
  for (const auto& [line, address] : cases) {
    const auto config = parsed(fmt::format("[Brokers]\nb={}\n", line));
    ASSERT_TRUE(config) << line << ": " << config.error().message;
    EXPECT_EQ(config->brokers, std::vector<BrokerAddress>{address}) << line;
  }
}

TEST(ClientConfig, NamesFileLineAndKeyOfWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"[Brokers]\nb=0;host\n",
       "test.config:6: [Brokers] b: expected a port from 1 to 65535, found \"0\""},
      {"[Brokers]\nb={id};65536;h\n",
       "test.config:6: [Brokers] b: expected a port from 1 to 65535, found \"65536\""},
      {"[Brokers]\nb={id};x;h\n",
       "test.config:6: [Brokers] b: expected a port from 1 to 65535, found \"x\""},
      {"[Brokers]\nb={id}\n",
       "test.config:6: [Brokers] b: expected a port from 1 to 65535, found \"\""},
      {"[Brokers]\nb=\n",
       "test.config:6: [Brokers] b: expected a port from 1 to 65535, found \"\""},
      {"[Brokers]\nb=8883\n", "test.config:6: [Brokers] b: no host in \"8883\""},
      {"[Brokers]\nb={id};8883;;10.0.0.1\n",
       "test.config:6: [Brokers] b: no host in \"{id};8883;;10.0.0.1\""},
      {"[Brokers]\nb=8883;a b\n",
       "test.config:6: [Brokers] b: space or control character in a host of \"8883;a b\""},
      {"[Brokers]\nb=1;h\nb=2;h\n", "test.config:7: [Brokers] b: given twice"},
      {"[Certs]\nCertFile=x\n", "test.config:6: [Certs] CertFile: given twice"},
      {"[General]\nUseWebSockets=maybe\n",
       "test.config:6: [General] UseWebSockets: expected true or false, found \"maybe\""},
      {"[General]\nClientId=a#b\n",
       "test.config:6: [General] ClientId: \"a#b\" cannot be part of a topic"},
      {"[Proxy]\nAddress=p\n", "test.config: [Proxy] Port: missing beside Address"},
      {"[Proxy]\nAddress=p\nPort=0\n",
       "test.config:7: [Proxy] Port: expected a port from 1 to 65535, found \"0\""},
      {"[General\n", "test.config:5: expected ] at the end of the line"},
      {"\njust text\n", "test.config:6: expected [section] or key = value"},
      {"a=\xff\n", "test.config:5: not UTF-8"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(complaint_about(text), message);
}

TEST(ClientConfig, WarnsAboutUnknownNamesAndGoesOn) {
  const auto config = parsed("certfile=x\n[Extra]\na=1\na=2\n[general]\nUseWebSockets=?\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->warnings,
              testing::ElementsAre("test.config:5: unknown key certfile in [Certs]",
                                   "test.config:6: unknown section [Extra]",
                                   "test.config:9: unknown section [general]"));
  const auto before = ClientConfig::parse("a=1\n" + std::string(kCerts), "c");
  ASSERT_TRUE(before);
  EXPECT_THAT(before->warnings, testing::ElementsAre("c:1: a stands before any section"));
}

TEST(ClientConfig, UsesWebSocketsWhenSaidSoOrWhenThereIsNothingElse) {
  constexpr std::string_view kPlain = "[Brokers]\nb=8883;h\n",
                             kWeb = "[BrokersWebSockets]\nb=443;h\n";
  const std::tuple<std::string_view, std::string, bool> cases[] = {
      {"", "", false},
      {"", std::string(kPlain), false},
      {"", std::string(kWeb), true},
      {"", std::string(kPlain) + std::string(kWeb), false},
      {"true", std::string(kPlain), true},
      {"YES", std::string(kPlain), true},
      {"on", std::string(kPlain), true},
      {"1", std::string(kPlain), true},
      {"False", std::string(kWeb), false},
      {"no", std::string(kWeb), false},
      {"Off", std::string(kWeb), false},
      {"0", std::string(kWeb), false},
  };
  for (const auto& [value, brokers, expected] : cases) {
    const std::string general =
        value.empty() ? "" : fmt::format("[General]\nUseWebSockets = {}\n", value);
    const auto config = parsed(general + brokers);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->use_websockets, expected) << value << "\n" << brokers;
  }
}

class ConfigFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "dxl-config-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path write(const char* name, std::string_view text) {
    std::ofstream(directory_ / name, std::ios::binary) << text;
    return directory_ / name;
  }

  std::filesystem::path directory_;
};

TEST_F(ConfigFile, TakesRelativePathsFromItsOwnDirectoryUnlessTheyExistAsTheyAre) {
  const std::filesystem::path there = write("there.crt", "x");
  const auto file = write(
      "dxlclient.config",
      fmt::format("[Certs]\nBrokerCertChain=ca.crt\nCertFile={}\nPrivateKey=.\n", there.string()));
  const auto config = ClientConfig::load(file);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->broker_cert_chain, (directory_ / "ca.crt").string());
  EXPECT_EQ(config->cert_file, there.string());
  EXPECT_EQ(config->private_key, ".");  // exists from the working directory
}

TEST_F(ConfigFile, FailsWithItsNameWhenItCannotBeUsed) {
  const auto missing = ClientConfig::load(directory_ / "none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kConfiguration);
  EXPECT_EQ(missing.error().message,
            (directory_ / "none").string() + ": cannot open: No such file or directory");
  const auto folder = ClientConfig::load(directory_);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().message, directory_.string() + ": cannot read: Is a directory");
  const auto large = ClientConfig::load(write("large", std::string(1024 * 1024 + 1, '#')));
  ASSERT_FALSE(large);
  EXPECT_THAT(large.error().message, testing::EndsWith("large: larger than 1 MiB"));
  const auto empty = ClientConfig::load(write("empty", ""));
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, testing::EndsWith("empty: [Certs] BrokerCertChain: missing"));
}

}  // namespace
}  // namespace dxl
