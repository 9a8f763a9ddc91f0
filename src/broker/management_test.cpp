#include "broker/management.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "base/hex.hpp"
#include "broker/certificate.hpp"
#include "broker/policy_file.hpp"
#include "broker/state_directory.hpp"
#include "broker/test_requests.hpp"
#include "broker/testing_directory.hpp"
#include "dxl/json.hpp"

namespace tiara::broker {
namespace {

using net::HttpRequest;
using net::HttpResponse;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kId = "5a2d1c1e-0000-4000-8000-000000000001";
constexpr const char* kPassword = "0123456789abcdef";
constexpr const char* kIssue = "/remote/DxlBrokerMgmt.generateOpenDXLClientProvisioningPackageCmd";
constexpr const char* kBundle = "/remote/DxlClientMgmt.createClientCaBundle";
constexpr const char* kBrokers = "/remote/DxlClientMgmt.getBrokerList";

// As requests and urllib write it.
std::string form_encode(const std::string& text, bool plus) {
  std::string encoded;
  for (const char c : text) {
    if (c == ' ' && plus) {
      encoded += '+';
    } else if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

class ManagementTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::make_unique<TemporaryDirectory>();
    auto keystore = Keystore::create_or_open(directory_->path(), kId, {"localhost", "127.0.0.1"});
    ASSERT_TRUE(keystore) << keystore.error().message;
    keystore_ = *keystore;
    ASSERT_TRUE(write_file_atomically(policy(), initial_policy_text()));
  }
  static void TearDownTestSuite() { directory_.reset(); }

  static std::filesystem::path policy() { return directory_->path() / "authorization.toml"; }
  static std::vector<fabric::Member> members() {
    const auto loaded = load_policy(policy());
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? loaded->members : std::vector<fabric::Member>();
  }

  ManagementTest() : management_(options(), *keystore_, clock_) {}

  ManagementOptions options() {
    ManagementOptions options;
    options.broker_id = kId;
    options.port = 1883;
    options.web_socket_port = 1443;
    options.version = "1.2.3";
    options.password = kPassword;
    options.policy = policy();
    options.policy_lock = directory_->path() / "authorization.lock";
    options.keystore_lock = directory_->path() / "keystore.lock";
    options.find_problem = [this] { return problem_; };
    options.find_notes = [this] { return notes_; };
    options.metrics = [] { return std::string("tiara_up 1\n"); };
    return options;
  }
  static HttpRequest request(const std::string& path, const std::string& query = "") {
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    request.query = query;
    request.host = "broker.example.com:8443";
    request.peer = "192.0.2.1:1";
    request.peer_address = "192.0.2.1";
    request.local_address = "192.0.2.9";
    request.authorization = "Basic " + base::to_base64(std::string("admin:") + kPassword);
    return request;
  }
  // The string behind OK:.
  std::string value(const HttpRequest& request) {
    const HttpResponse response = management_.handle(request);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_THAT(response.body, StartsWith("OK:\r\n\""));
    EXPECT_THAT(response.body, EndsWith("\"\r\n"));
    dxl::JsonDocument document;
    const auto root = document.parse(response.body.substr(5));
    return root && root->string() ? std::string(*root->string()) : "not a JSON string";
  }
  std::vector<std::string> package(const std::string& csr, bool plus = true) {
    const std::string text =
        value(request(kIssue, "csrString=" + form_encode(csr, plus) + "&%3Aoutput=json"));
    std::vector<std::string> parts{""};
    for (const char c : text) {
      if (c == ',') {
        parts.emplace_back();
      } else {
        parts.back() += c;
      }
    }
    return parts;
  }

  static inline std::unique_ptr<TemporaryDirectory> directory_;
  static inline std::optional<Keystore> keystore_;
  base::SystemClock clock_;
  std::optional<std::string> problem_;
  std::vector<std::string> notes_;
  Management management_;
};

TEST_F(ManagementTest, IssuesACertificateForTheKeyOfTheRequest) {
  for (const bool plus : {true, false}) {
    const auto parts = package(make_request(), plus);
    ASSERT_EQ(parts.size(), 4u);
    EXPECT_EQ(parts[0], *read_file(keystore_->broker_ca_bundle()));
    const auto facts = inspect_certificate(parts[1]);
    ASSERT_TRUE(facts) << facts.error().message;
    EXPECT_EQ(facts->subject, "CN=reader");
    EXPECT_EQ(parts[2], fmt::format("{{{0}}}={{{0}}};1883;broker.example.com;192.0.2.9\n", kId));
    EXPECT_EQ(parts[3], fmt::format("{{{0}}}={{{0}}};1443;broker.example.com;192.0.2.9\n", kId));
  }
}

TEST_F(ManagementTest, EveryCertificateIsAMemberWithoutGroupsBeforeItIsGivenOut) {
  const std::size_t before = members().size();
  RequestRecipe recipe;
  recipe.subject = {{"CN", "over \"HTTPS\""}};
  std::vector<fabric::Thumbprints> issued;
  for (int i = 0; i < 2; ++i)  // the same name again is a second certificate
    issued.push_back(inspect_certificate(package(make_request(recipe)).at(1))->thumbprints);
  const auto all = members();
  ASSERT_EQ(all.size(), before + 2);
  EXPECT_NE(issued[0], issued[1]);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(all[before + i].name, "over \"HTTPS\"");
    EXPECT_EQ(all[before + i].certificate, issued[i]);
    EXPECT_EQ(all[before + i].groups, std::vector<std::string>{});
  }
}

TEST_F(ManagementTest, NothingIsGivenOutThatCannotBeRecorded) {
  const auto before = read_file(policy());
  ASSERT_TRUE(before && write_file_atomically(policy(), "[[member]\n"));
  const HttpResponse response =
      management_.handle(request(kIssue, "csrString=" + form_encode(make_request(), true)));
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(response.body, Not(HasSubstr("CERTIFICATE")));
  EXPECT_EQ(*read_file(policy()), "[[member]\n");
  ASSERT_TRUE(write_file_atomically(policy(), *before));
}

std::shared_ptr<X509> parse_pem(const std::string& pem) {
  const std::shared_ptr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                 BIO_free_all);
  return {PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free};
}

TEST_F(ManagementTest, NothingButKeyAndSubjectIsTakenOver) {
  RequestRecipe recipe;
  recipe.asks_for_ca = true;
  recipe.subject = {{"O", "Org"}, {"CN", "would-be CA"}};
  const auto certificate = parse_pem(package(make_request(recipe)).at(1));
  const auto ca = parse_pem(*read_file(keystore_->client_ca()));
  ASSERT_TRUE(certificate);
  EXPECT_EQ(X509_verify(certificate.get(), X509_get0_pubkey(ca.get())), 1);
  EXPECT_EQ(EVP_PKEY_eq(X509_get0_pubkey(certificate.get()), recipe.key.get()), 1);
  EXPECT_EQ(X509_check_ca(certificate.get()), 0);
  EXPECT_EQ(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_CLIENT, 0), 1);
  EXPECT_EQ(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_SERVER, 0), 0);
}

TEST_F(ManagementTest, IssuesToEllipticCurvesWithoutKeyEncipherment) {
  RequestRecipe recipe;
  recipe.key = ec_key("P-256");
  const auto certificate = parse_pem(package(make_request(recipe)).at(1));
  ASSERT_TRUE(certificate);
  EXPECT_EQ(X509_get_key_usage(certificate.get()), static_cast<unsigned>(KU_DIGITAL_SIGNATURE));
}

TEST_F(ManagementTest, BadRequestsAreToldWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "csrString is missing"},
      {"csrString=", "not a PKCS#10"},
      {"csrString=%4", "hexadecimal"},
      {"csrString=a&csrString=b", "twice"},
      {"csrString=" + std::string(20'000, 'a'), "20000 bytes; 16384 are accepted"},
  };
  for (const auto& [query, why] : cases) {
    const HttpResponse response = management_.handle(request(kIssue, query));
    EXPECT_EQ(response.status, 400) << query;
    EXPECT_THAT(response.reason, HasSubstr(why));
  }
}

TEST_F(ManagementTest, GivesTheCaBundle) {
  EXPECT_EQ(value(request(kBundle, "%3Aoutput=json")), *read_file(keystore_->broker_ca_bundle()));
  EXPECT_EQ(value(request(kBundle)), *read_file(keystore_->broker_ca_bundle()));  // Java
}

TEST_F(ManagementTest, GivesTheBrokerListUnderBothNames) {
  const std::string entry = fmt::format(
      "[{{\"guid\":\"{{{}}}\",\"hostName\":\"broker.example.com\",\"ipAddress\":\"192.0.2.9\","
      "\"port\":",
      kId);
  EXPECT_EQ(value(request(kBrokers)),
            fmt::format("{{\"brokers\":{0}1883}}],\"webSocketBrokers\":{0}1443}}],"
                        "\"brokersWebSockets\":{0}1443}}],\"certVersion\":0}}",
                        entry));
}

TEST_F(ManagementTest, WithoutWebSocketsTheSecondListIsEmpty) {
  ManagementOptions without = options();
  without.web_socket_port = 0;
  Management bare(without, *keystore_, clock_);
  EXPECT_THAT(bare.handle(request(kBrokers)).body, HasSubstr("webSocketBrokers\\\":[],"));
}

TEST(ManagementHost, IsTheNameTheClientUsedUnlessItIsNone) {
  const auto reached = [](const std::string& host, const std::string& local) {
    HttpRequest request;
    request.host = host;
    request.local_address = local;
    const ReachedAt at = find_reached(request);
    return at.host + " " + at.address;
  };
  EXPECT_EQ(reached("localhost:8443", "127.0.0.1"), "localhost 127.0.0.1");
  EXPECT_EQ(reached("broker", "192.0.2.9"), "broker 192.0.2.9");
  EXPECT_EQ(reached("[::1]:8443", "::1"), "::1 ::1");
  EXPECT_EQ(reached("fe80.example:1", "fe80::1%eth0"), "fe80.example fe80::1");
  for (const char* bad :
       {"", ":8443", "a;b", "a,b", "a=b", "a b", "[", "[]", "[::1", "[a;b]", "a\"b", "a\nb"})
    EXPECT_EQ(reached(bad, "192.0.2.9"), "192.0.2.9 192.0.2.9") << bad;
  EXPECT_EQ(reached(std::string(300, 'a'), "192.0.2.9"), "192.0.2.9 192.0.2.9");
}

TEST_F(ManagementTest, RemoteCommandsNeedThePassword) {
  for (const char* path : {kIssue, kBundle, kBrokers, "/remote/", "/remote/other"}) {
    HttpRequest without = request(path);
    without.authorization.clear();
    const HttpResponse response = management_.handle(without);
    EXPECT_EQ(response.status, 401) << path;
    EXPECT_THAT(response.reason, HasSubstr("missing"));
    EXPECT_THAT(response.body, Not(HasSubstr("BEGIN")));
  }
  HttpRequest wrong = request(kBundle);
  wrong.authorization = "Basic " + base::to_base64("admin:wrong");
  EXPECT_THAT(management_.handle(wrong).reason, HasSubstr("wrong user name or password"));
  EXPECT_EQ(management_.handle(request("/remote/other")).status, 404);
}

TEST_F(ManagementTest, TooManyWrongPasswordsAreBraked) {
  HttpRequest wrong = request(kBundle);
  wrong.authorization = "Basic " + base::to_base64("admin:wrong");
  for (int i = 0; i < AdminAccess::kGuessesPerAddress; ++i)
    EXPECT_EQ(management_.handle(wrong).status, 401);
  const HttpResponse response = management_.handle(wrong);
  EXPECT_EQ(response.status, 429);
  EXPECT_THAT(response.headers,
              testing::Contains(std::pair(std::string("Retry-After"), std::string("10"))));
  EXPECT_EQ(management_.handle(request(kBundle)).status, 429);
}

TEST_F(ManagementTest, RemoteCommandsAnswerGetOnly) {
  HttpRequest head = request(kIssue);
  head.method = "HEAD";
  EXPECT_EQ(management_.handle(head).status, 405);
}

TEST_F(ManagementTest, HealthAndVersionAreForEverybody) {
  HttpRequest open = request("/healthz");
  open.authorization.clear();
  EXPECT_EQ(management_.handle(open).body, "ok\n");
  open.path = "/version";
  EXPECT_EQ(management_.handle(open).body, "{\"name\":\"tiara\",\"version\":\"1.2.3\"}\n");
  open.path = "/readyz";
  EXPECT_EQ(management_.handle(open).body, "ready\n");
  // What does not keep clients from being served, on lines of their own whatever is in it.
  notes_ = {"another TIE service", "x\nready"};
  EXPECT_EQ(management_.handle(open).status, 200);
  EXPECT_EQ(management_.handle(open).body, "ready\nanother TIE service\nx\\x0aready\n");
  problem_ = "the store does not commit";
  EXPECT_EQ(management_.handle(open).status, 503);
  EXPECT_EQ(management_.handle(open).body, "the store does not commit\n");
  open.path = "/";
  EXPECT_EQ(management_.handle(open).status, 404);
}

TEST_F(ManagementTest, MetricsAreForTheMachineItselfOrWithThePassword) {
  HttpRequest metrics = request("/metrics");
  EXPECT_EQ(management_.handle(metrics).body, "tiara_up 1\n");
  metrics.authorization.clear();
  EXPECT_EQ(management_.handle(metrics).status, 401);
  metrics.peer_address = "::1";
  EXPECT_EQ(management_.handle(metrics).body, "tiara_up 1\n");
}

TEST_F(ManagementTest, TheBrokersCertificateCarriesItsNames) {
  const auto certificate = parse_pem(*read_file(keystore_->broker_certificate()));
  EXPECT_EQ(X509_check_host(certificate.get(), "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate.get(), "elsewhere", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.1", 0), 1);
  const auto injected = issue_certificate(
      {"broker", CertificateKind::kBroker, std::chrono::hours(1), {"localhost,email:copy"}},
      nullptr);
  EXPECT_FALSE(injected);
}

}  // namespace
}  // namespace tiara::broker
