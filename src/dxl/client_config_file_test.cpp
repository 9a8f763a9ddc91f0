#include "dxl/client_config_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace dxl {
namespace {

constexpr std::string_view kCerts =
    "[Certs]\nBrokerCertChain = ca.crt\nCertFile = client.crt\nPrivateKey = client.key\n";

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

ClientConfigFile file_of(std::string_view rest) {
  auto file = ClientConfigFile::parse(std::string(kCerts) + std::string(rest), "test.config");
  EXPECT_TRUE(file) << file.error().message;
  return *file;
}

// The text below [Certs] after `change`.
template <class Change>
std::string changed(std::string_view rest, Change change) {
  ClientConfigFile file = file_of(rest);
  ClientConfig config = *file.config();
  change(config);
  const auto updated = file.update(config);
  if (!updated) return "refused: " + updated.error().message;
  EXPECT_EQ(file.text().substr(0, kCerts.size()), kCerts);
  return file.text().substr(kCerts.size());
}

class OriginalFiles : public testing::TestWithParam<const char*> {
 protected:
  std::filesystem::path path_ =
      std::filesystem::path(TIARA_FIXTURES) / "client_config" / GetParam();
};
INSTANTIATE_TEST_SUITE_P(ClientConfigFile, OriginalFiles,
                         testing::Values("python.config", "java.config", "javascript.config"),
                         [](const auto& test) {
                           const std::string name = test.param;
                           return name.substr(0, name.find('.'));
                         });

TEST_P(OriginalFiles, StayByteForByteWhenNothingChanges) {
  const std::string before = content_of(path_);
  auto file = ClientConfigFile::load(path_);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->update(*file->config()));
  EXPECT_EQ(file->text(), before);
  const auto config = ClientConfig::load(path_);
  ASSERT_TRUE(config);
  ASSERT_TRUE(file->update(*config));
  EXPECT_EQ(file->text(), before);
}

TEST_P(OriginalFiles, ReadBackEveryChangedValue) {
  auto file = ClientConfigFile::load(path_);
  ASSERT_TRUE(file);
  ClientConfig config = *file->config();
  config.broker_cert_chain = "/etc/other/ca.crt";
  config.cert_file = "/etc/other/with space.crt";
  config.private_key = "/etc/other/client.key";
  config.brokers.insert(config.brokers.begin(), {{"{new}"}, "fd00::1", 8884, "10.1.1.1"});
  config.brokers.push_back({{}, "no-id.example.com", 8883, ""});
  config.websocket_brokers = {{{"{w}"}, "web.example.com", 443, ""}};
  config.use_websockets = !config.use_websockets;
  config.client_id = ClientId{"{2f1c}"};
  config.proxy = ProxyConfig{"other-proxy.example.com", 8080, "joe", "se=c;ret#"};
  const auto updated = file->update(config);
  ASSERT_TRUE(updated) << updated.error().message;

  const auto read = ClientConfig::parse(file->text(), "again");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->broker_cert_chain, config.broker_cert_chain);
  EXPECT_EQ(read->cert_file, config.cert_file);
  EXPECT_EQ(read->private_key, config.private_key);
  EXPECT_EQ(read->brokers, config.brokers);
  EXPECT_EQ(read->websocket_brokers, config.websocket_brokers);
  EXPECT_EQ(read->use_websockets, config.use_websockets);
  EXPECT_EQ(read->client_id, config.client_id);
  ASSERT_TRUE(read->proxy);
  EXPECT_EQ(read->proxy->address, "other-proxy.example.com");
  EXPECT_EQ(read->proxy->port, 8080);
  EXPECT_EQ(read->proxy->user, "joe");
  EXPECT_EQ(read->proxy->password, "se=c;ret#");
}

TEST(ClientConfigFile, AddsABrokerBelowTheOthers) {
  const auto text = changed("\n[Brokers]\n# first\na = a;1;one\n\n[Other]\nkey = 1 # kept\n",
                            [](ClientConfig& config) {
                              config.brokers.push_back({{"b"}, "two", 2, "10.0.0.2"});
                            });
  EXPECT_EQ(text,
            "\n[Brokers]\n# first\na = a;1;one\nb = b;2;two;10.0.0.2\n\n[Other]\nkey = 1 # kept\n");
}

TEST(ClientConfigFile, ARemovedBrokerTakesItsCommentWithIt) {
  const auto text = changed(
      "[Brokers]\n# first\na = a;1;one\n# of two\n# lines\nb = b;2;two\n\n# last\nc = c;3;three\n",
      [](ClientConfig& config) { config.brokers.erase(config.brokers.begin() + 1); });
  EXPECT_EQ(text, "[Brokers]\n# first\na = a;1;one\n\n# last\nc = c;3;three\n");
}

TEST(ClientConfigFile, AMovedBrokerKeepsPlaceKeyAndComment) {
  const auto text = changed("[Brokers]\n# first\n\"my key\"=a;1;one\nb = b;2;two\n",
                            [](ClientConfig& config) { config.brokers[0].host = "elsewhere"; });
  EXPECT_EQ(text, "[Brokers]\n# first\n\"my key\"=a;1;elsewhere\nb = b;2;two\n");
}

TEST(ClientConfigFile, ANewOrderOfBrokersIsTheOrderOfTheFile) {
  const auto text =
      changed("[Brokers]\n# first\na = a;1;one\nb = b;2;two\n",
              [](ClientConfig& config) { std::swap(config.brokers[0], config.brokers[1]); });
  EXPECT_EQ(text, "[Brokers]\nb = b;2;two\n# first\na = a;1;one\n");
}

TEST(ClientConfigFile, ReplacesTheHintOfTheOriginalByItsValueBelowIt) {
  const auto text = changed("[General]\n#UseWebSockets = False\n# end\n\n[Brokers]\na = a;1;one\n",
                            [](ClientConfig& config) { config.use_websockets = true; });
  EXPECT_EQ(text,
            "[General]\n#UseWebSockets = False\nUseWebSockets = True\n# end\n\n[Brokers]\na = "
            "a;1;one\n");
}

TEST(ClientConfigFile, MakesAMissingSectionAndKeepsLineEndings) {
  const auto file = ClientConfigFile::parse("[Brokers]\r\na = a;1;one", "test.config");
  ASSERT_TRUE(file);
  ClientConfigFile changed = *file;
  ClientConfig config = *changed.config();
  config.client_id = ClientId{"me"};
  ASSERT_TRUE(changed.update(config));
  EXPECT_EQ(changed.text(), "[Brokers]\r\na = a;1;one\r\n\r\n[General]\r\nClientId = me\r\n");
}

TEST(ClientConfigFile, WithoutAProxyThereAreNoKeysOfIt) {
  const auto text =
      changed("[Proxy]\nAddress = p\nPort = 1\nUser = joe\nPassword = secret\nMine = kept\n",
              [](ClientConfig& config) { config.proxy.reset(); });
  EXPECT_EQ(text, "[Proxy]\nMine = kept\n");
}

TEST(ClientConfigFile, CompletesAnEmptyFileAsTheOriginalWritesIt) {
  ClientConfigFile file = ClientConfigFile::make_empty();
  ClientConfig config = *file.config();
  config.broker_cert_chain = "ca-bundle.crt";
  config.cert_file = "client.crt";
  config.private_key = "client.key";
  config.brokers = {{{"{65b2}"}, "broker.example.com", 8883, "10.0.0.1"}};
  ASSERT_TRUE(file.update(config));
  EXPECT_EQ(file.text(),
            "[Certs]\nBrokerCertChain = ca-bundle.crt\nCertFile = client.crt\nPrivateKey = "
            "client.key\n\n[Brokers]\n{65b2} = {65b2};8883;broker.example.com;10.0.0.1\n\n"
            "[BrokersWebSockets]\n\n[General]\n#UseWebSockets = False\n");
}

TEST(ClientConfigFile, RefusesWhatTheFormatCannotHoldAndStaysAsItWas) {
  struct Case {
    void (*change)(ClientConfig&);
    const char* named;
  };
  const Case cases[] = {
      {[](ClientConfig& c) { c.cert_file = "a\n[Proxy]\nAddress = evil\nPort = 1"; }, "CertFile"},
      {[](ClientConfig& c) { c.private_key = " spaced "; }, "PrivateKey"},
      {[](ClientConfig& c) { c.private_key = "\"quoted\""; }, "PrivateKey"},
      {[](ClientConfig& c) {
         c.brokers.push_back({{}, "a;b", 1, ""});
       },
       "[Brokers]"},
      {[](ClientConfig& c) {
         c.brokers.push_back({{}, "", 1, ""});
       },
       "no host"},
      {[](ClientConfig& c) {
         c.brokers.push_back({{"8883"}, "host", 1, ""});
       },
       "[Brokers]"},
      {[](ClientConfig& c) {
         c.brokers.push_back({{"a=b"}, "host", 1, ""});
       },
       "[Brokers]"},
      {[](ClientConfig& c) {
         c.websocket_brokers.push_back({{"x\ny = 1;z"}, "h", 1, ""});
       },
       "[BrokersWebSockets]"},
      {[](ClientConfig& c) { c.client_id = ClientId{"a#"}; }, "ClientId"},
      {[](ClientConfig& c) {
         c.proxy = ProxyConfig{"p", 0, "", ""};
       },
       "Port"},
      {[](ClientConfig& c) {
         c.proxy = ProxyConfig{"p", 1, "joe", "a\nb"};
       },
       ""},
  };
  for (const Case& wrong : cases) {
    ClientConfigFile file = file_of("[Brokers]\na = a;1;one\n");
    const std::string before = file.text();
    ClientConfig config = *file.config();
    wrong.change(config);
    const auto updated = file.update(config);
    ASSERT_FALSE(updated) << file.text();
    EXPECT_EQ(updated.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(updated.error().message, testing::HasSubstr(wrong.named));
    EXPECT_EQ(file.text(), before);
  }
}

TEST(ClientConfigFile, RefusesToChangeASectionThatStandsTwice) {
  const auto text = changed("[Brokers]\na = a;1;one\n[General]\n[Brokers]\nb = b;2;two\n",
                            [](ClientConfig& config) { config.brokers.pop_back(); });
  EXPECT_THAT(text, testing::HasSubstr("refused: test.config: section [Brokers] stands"));
}

TEST(ClientConfigFile, NamesTheLineOfAWrongFile) {
  const auto file = ClientConfigFile::parse("[Brokers]\nnonsense\n", "test.config");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kConfiguration);
  EXPECT_THAT(file.error().message, testing::HasSubstr("test.config:2:"));
}

class SavedFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string made = (std::filesystem::temp_directory_path() / "config-XXXXXX").string();
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    directory_ = made;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
};

TEST_F(SavedFile, IsPrivateAndLeavesNothingBesideIt) {
  const auto path = directory_ / "dxlclient.config";
  std::ofstream(path) << "old text that is longer than the new one";
  ::chmod(path.c_str(), 0644);
  const auto file = ClientConfigFile::parse("[General]\n", path.string());
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->save(path));
  EXPECT_EQ(content_of(path), "[General]\n");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(SavedFile, ReplacesWhatASymbolicLinkLeadsTo) {
  const auto real = directory_ / "real";
  const auto link = directory_ / "dxlclient.config";
  std::ofstream(real) << "old";
  std::filesystem::create_symlink("real", link);
  ASSERT_TRUE(ClientConfigFile::make_empty().save(link));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(content_of(real), ClientConfigFile::make_empty().text());
}

TEST_F(SavedFile, SaysWhyItCannotBeWritten) {
  const auto saved = ClientConfigFile::make_empty().save(directory_ / "missing" / "x.config");
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, ErrorCode::kStorage);
  EXPECT_THAT(saved.error().message, testing::HasSubstr("x.config: cannot create"));
}

TEST_F(SavedFile, KeepsRelativePathsAsTheyAreWritten) {
  const auto path = directory_ / "dxlclient.config";
  std::ofstream(path) << kCerts;
  auto file = ClientConfigFile::load(path);
  ASSERT_TRUE(file);
  auto config = *ClientConfig::load(path);
  EXPECT_EQ(config.cert_file, (directory_ / "client.crt").string());
  config.private_key = (directory_ / "new.key").string();
  ASSERT_TRUE(file->update(config));
  EXPECT_EQ(file->text(),
            "[Certs]\nBrokerCertChain = ca.crt\nCertFile = client.crt\nPrivateKey = " +
                config.private_key + "\n");
}

}  // namespace
}  // namespace dxl
