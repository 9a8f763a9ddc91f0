#include "net/tls.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <regex>

#include "base/regular_file.hpp"
#include "net/certificate_check.hpp"
#include "net/openssl.hpp"
#include "net/test_certificates.hpp"
#include "net/test_peer.hpp"
#include "net/test_sockets.hpp"
#include "net/tls_verify.hpp"

namespace tiara::net {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

std::shared_ptr<const TlsContext> server_context(const TlsContext::Files& files,
                                                 const TlsServerOptions& options = {}) {
  auto made = TlsContext::make_server(files, options);
  EXPECT_TRUE(made) << made.error().message;
  return made ? *made : nullptr;
}

std::shared_ptr<const TlsContext> client_context(const TlsContext::Files& files) {
  auto made = TlsContext::make_client(files);
  EXPECT_TRUE(made) << made.error().message;
  return made ? *made : nullptr;
}

// OpenSSL on a blocking socket, set up as foreign clients do.
class ForeignClient {
 public:
  explicit ForeignClient(const TlsContext::Files* files)
      : context_(SSL_CTX_new(TLS_client_method())) {
    if (files != nullptr) {
      SSL_CTX_use_certificate_chain_file(context_.get(), files->certificate.c_str());
      SSL_CTX_use_PrivateKey_file(context_.get(), files->private_key.c_str(), SSL_FILETYPE_PEM);
    }
  }
  SSL_CTX* context() { return context_.get(); }
  SSL* ssl() { return ssl_.get(); }

  // `session`: of an earlier connection, to be resumed.
  bool connect(std::uint16_t port, SSL_SESSION* session = nullptr) {
    if (!socket_.connect_to(port)) return false;
    const timeval patience{kPatience.count(), 0};
    (void)::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_.fd());
    if (session != nullptr) SSL_set_session(ssl_.get(), session);
    return SSL_connect(ssl_.get()) == 1;
  }
  bool write(std::string_view bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  std::string read(std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t at = 0;
    while (at < size) {
      const int count = SSL_read(ssl_.get(), bytes.data() + at, static_cast<int>(size - at));
      if (count <= 0) break;
      at += static_cast<std::size_t>(count);
    }
    bytes.resize(at);
    return bytes;
  }

 private:
  SslContextPtr context_;
  RawSocket socket_;
  SslPtr ssl_;
};

class Tls : public TwoLoops {
 protected:
  TestCa ca{"fabric CA"};
  TestCa other_ca{"other CA"};
};

TEST_F(Tls, ReportsTheVerifiedChainRootFirst) {
  const auto port = listen(server_context(ca.issue("server")), true);
  ASSERT_TRUE(connect(port, client_context(ca.issue("client"))));
  ASSERT_TRUE(client->wait_open());
  TestPeer* const server = wait_server();
  ASSERT_TRUE(server != nullptr && server->wait_open());
  const auto chain = server->chain();
  ASSERT_EQ(chain.size(), 2U);
  EXPECT_EQ(chain[0].subject, "CN=fabric CA");
  EXPECT_EQ(chain[1].subject, "CN=client");
  for (const PeerCertificate& certificate : chain) {
    EXPECT_TRUE(std::regex_match(certificate.sha1, std::regex("[0-9a-f]{40}")));
    EXPECT_TRUE(std::regex_match(certificate.sha256, std::regex("[0-9a-f]{64}")));
  }
  const auto of_client = client->chain();
  ASSERT_EQ(of_client.size(), 2U);
  EXPECT_EQ(of_client[0], chain[0]);
  EXPECT_EQ(of_client[1].subject, "CN=server");
}

TEST_F(Tls, AcceptsVersion1CertificatesWithoutExtensions) {
  const auto port = listen(server_context(ca.issue("server", CertificateForm::kVersion1)), true);
  ASSERT_TRUE(connect(port, client_context(ca.issue("client", CertificateForm::kVersion1))));
  client->send("hello");
  EXPECT_TRUE(client->wait_received(5)) << client->wait_closed().message;
}

TEST_F(Tls, TellsBothSidesWhenTheClientsCaIsUnknown) {
  const auto port = listen(server_context(ca.issue("server")), true);
  TlsContext::Files stranger = other_ca.issue("stranger");
  stranger.ca_bundle = ca.ca_file();
  ASSERT_TRUE(connect(port, client_context(stranger)));
  const dxl::Error at_client = client->wait_closed();
  EXPECT_EQ(at_client.code, dxl::ErrorCode::kTls);
  EXPECT_EQ(at_client.message,
            "the broker refused our certificate (tlsv1 alert unknown ca): it was issued by a CA "
            "this broker does not trust");
  const dxl::Error at_server = wait_refused();
  EXPECT_EQ(at_server.code, dxl::ErrorCode::kTls);
  EXPECT_EQ(at_server.message,
            "client certificate not trusted: unknown CA: CN=stranger was issued by CN=other CA; "
            "accepted are certificates of CN=fabric CA");
}

TEST_F(Tls, TellsWhyItWasRefusedEvenWhileSending) {
  const auto port = listen(server_context(ca.issue("server")), true);
  TlsContext::Files stranger = other_ca.issue("stranger");
  stranger.ca_bundle = ca.ca_file();
  ASSERT_TRUE(connect(port, client_context(stranger)));
  ASSERT_TRUE(client->wait_open());  // TLS 1.3: the refusal comes behind the handshake
  for (int i = 0; i < 50; ++i) client->send(std::string(10'000, 'x'));
  EXPECT_THAT(client->wait_closed().message, StartsWith("the broker refused our certificate"));
}

TEST_F(Tls, TellsBothSidesWhenTheBrokersCaIsUnknown) {
  TlsContext::Files broker = other_ca.issue("broker");
  broker.ca_bundle = ca.ca_file();
  const auto port = listen(server_context(broker), true);
  ASSERT_TRUE(connect(port, client_context(ca.issue("client"))));
  const dxl::Error at_client = client->wait_closed();
  EXPECT_EQ(at_client.code, dxl::ErrorCode::kTls);
  EXPECT_EQ(at_client.message,
            "broker certificate not trusted: unknown CA: CN=broker was issued by CN=other CA; "
            "accepted are certificates of CN=fabric CA");
  EXPECT_THAT(wait_refused().message,
              StartsWith("the client refused our certificate (tlsv1 alert unknown ca)"));
}

TEST_F(Tls, RefusesAnExpiredClientCertificate) {
  const auto port = listen(server_context(ca.issue("server")), true);
  ASSERT_TRUE(connect(port, client_context(ca.issue("late", CertificateForm::kExpired))));
  EXPECT_EQ(client->wait_closed().message,
            "the broker refused our certificate (sslv3 alert certificate expired): it has expired, "
            "or a CRL of the broker has: the broker's log tells");
  EXPECT_THAT(
      wait_refused().message,
      MatchesRegex("client certificate not trusted: it has expired: CN=late was valid until "
                   "20..-..-.. ..:.. UTC"));
}

TEST_F(Tls, RefusesAClientCertificateThatIsNotYetValid) {
  const auto port = listen(server_context(ca.issue("server")), true);
  ASSERT_TRUE(connect(port, client_context(ca.issue("early", CertificateForm::kNotYetValid))));
  EXPECT_THAT(client->wait_closed().message, StartsWith("the broker refused our certificate"));
  EXPECT_THAT(wait_refused().message,
              MatchesRegex("client certificate not trusted: it is not yet valid: CN=early is valid "
                           "from 20..-..-.. ..:.. UTC; compare the clocks"));
}

TEST_F(Tls, RefusesAChainThatIsTooLong) {
  const auto port = listen(server_context(ca.issue("server")), true);
  std::vector<std::unique_ptr<TestCa>> chain;
  for (int i = 0; i <= kMaxIntermediateCas; ++i)
    chain.push_back(
        std::make_unique<TestCa>("ca " + std::to_string(i), chain.empty() ? ca : *chain.back()));
  ASSERT_TRUE(connect(port, client_context(chain[kMaxIntermediateCas - 1]->issue("deep"))));
  TestPeer* const server = wait_server();
  ASSERT_TRUE(server != nullptr && server->wait_open());
  EXPECT_EQ(server->chain().size(), 2U + kMaxIntermediateCas);

  const TlsContext::Files deeper = chain.back()->issue("deeper");
  ForeignClient foreign(&deeper);
  if (foreign.connect(port)) {
    EXPECT_EQ(foreign.read(1), "");
  }
  EXPECT_THAT(wait_refused().message,
              StartsWith("client certificate not trusted: the chain is too long: more than 4 CAs "
                         "between CN="));
}

TEST_F(Tls, RefusesARevokedLeafARevokedIntermediateAndARevokedRoot) {
  TestCa branch("branch CA", ca);
  const TlsContext::Files files = branch.issue("leaf");
  std::string revoked;
  TlsServerOptions options;
  options.is_revoked = [&](const PeerCertificate& each) { return each.subject == revoked; };
  const auto port = listen(server_context(ca.issue("server"), options), true);
  std::size_t refused = 0;
  for (const char* const subject : {"CN=leaf", "CN=branch CA", "CN=fabric CA"}) {
    revoked = subject;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      ForeignClient foreign(&files);
      SSL_CTX_set_max_proto_version(foreign.context(), version);
      if (foreign.connect(port)) {
        EXPECT_EQ(foreign.read(1), "");
      }
      EXPECT_THAT(wait_refused(refused++).message,
                  MatchesRegex("client certificate not trusted: it is revoked: " + revoked +
                               " \\(sha1 [0-9a-f]{40}\\)"));
    }
  }
  revoked = "CN=nobody";
  ASSERT_TRUE(connect(port, client_context(files)));
  client->send("hello");
  EXPECT_TRUE(client->wait_received(5)) << client->wait_closed().message;
}

TEST_F(Tls, ChecksTheCasThatHaveACrl) {
  TestCa branch("branch CA", ca);
  const TlsContext::Files good = branch.issue("good"), bad = branch.issue("bad"),
                          other = ca.issue("other");
  const auto refusal = [&](const std::vector<std::filesystem::path>& crls,
                           const TlsContext::Files& files) {
    TlsServerOptions options;
    options.crls = crls;
    const auto port = listen(server_context(ca.issue("server"), options), true);
    const std::size_t before = refusals.size();
    ForeignClient foreign(&files);
    const bool in = foreign.connect(port) && foreign.write("x") && foreign.read(1) == "x";
    return in ? std::string("none") : wait_refused(before).message;
  };
  const auto root_crl = ca.revoke({branch.certificate()}), empty_crl = ca.revoke({}),
             old_crl = ca.revoke({}, true);
  EXPECT_EQ(refusal({empty_crl}, good), "none");  // branch CA has no CRL, and cannot have: unknown
  EXPECT_THAT(refusal({root_crl}, good),
              MatchesRegex("client certificate not trusted: it is revoked: CN=branch CA \\(sha1 "
                           "[0-9a-f]{40}\\), by the CRL of CN=fabric CA"));
  EXPECT_EQ(refusal({root_crl}, other), "none");
  EXPECT_EQ(
      refusal({old_crl}, other),
      "client certificate not trusted: the CRL of CN=fabric CA has expired; nobody of that CA "
      "gets in without a new one");
  EXPECT_EQ(refusal({branch.revoke({bad.certificate})}, bad), "none");  // of a CA not trusted here
}

TEST_F(Tls, NamesWhatACrlRevokesAsTheChainDoes) {
  const TlsContext::Files files = ca.issue("client");
  TlsServerOptions options;
  options.crls = {ca.revoke({files.certificate})};
  const auto context = server_context(ca.issue("server"), options);
  ASSERT_EQ(context->crls().size(), 1U);
  const Crl& crl = context->crls().front();
  EXPECT_EQ(crl.issuer, "CN=fabric CA");
  ASSERT_TRUE(crl.next_update.has_value());
  EXPECT_GT(*crl.next_update, std::chrono::system_clock::now());
  const auto port = listen(server_context(ca.issue("server2")), true);
  ASSERT_TRUE(connect(port, client_context(files)));
  TestPeer* const server = wait_server();
  ASSERT_TRUE(server != nullptr && server->wait_open());
  EXPECT_EQ(crl.issuer_serials, std::vector{server->chain().back().issuer_serial});
}

TEST_F(Tls, ACertificateIsCheckedAsAtTheHandshake) {
  const TlsContext::Files good = ca.issue("good"), bad = ca.issue("bad"), late = ca.issue("late"),
                          stranger = other_ca.issue("stranger");
  const auto sha1_of = [&](const TlsContext::Files& files) {
    const auto checked = check_client_certificate(
        *server_context(ca.issue("any")), *base::read_regular_file(files.certificate, 65536));
    return checked->certificate.sha1;
  };
  const auto check = [&](const TlsContext::Files& files, const TlsServerOptions& options) {
    const auto checked =
        check_client_certificate(*server_context(ca.issue("server"), options),
                                 *base::read_regular_file(files.certificate, 65536));
    return std::pair(checked->is_revoked, checked->refusal);
  };
  const std::string listed = sha1_of(late);
  TlsServerOptions options;
  options.crls = {ca.revoke({bad.certificate})};
  options.is_revoked = [&](const PeerCertificate& each) { return each.sha1 == listed; };
  EXPECT_EQ(check(good, options), std::pair(false, std::string()));
  EXPECT_THAT(check(bad, options), testing::Pair(true, StartsWith("it is revoked: CN=bad (sha1 ")));
  EXPECT_THAT(check(late, options), testing::Pair(true, StartsWith("it is revoked: CN=late ")));
  EXPECT_THAT(check(stranger, options),
              testing::Pair(false, StartsWith("unknown CA: CN=stranger")));
  // Refused for another reason first, it is revoked all the same.
  options.crls = {ca.revoke({bad.certificate}, true)};
  EXPECT_THAT(check(bad, options),
              testing::Pair(true, HasSubstr("the CRL of CN=fabric CA has exp")));
  EXPECT_THAT(check(late, options), testing::Pair(true, HasSubstr("has expired")));
  EXPECT_THAT(check(good, options), testing::Pair(false, HasSubstr("has expired")));
  EXPECT_FALSE(check_client_certificate(*server_context(ca.issue("server")), "nonsense"));
}

TEST_F(Tls, SaysWhatIsWrongWithACrl) {
  const auto message = [&](const std::filesystem::path& crl) {
    TlsServerOptions options;
    options.crls = {crl};
    const auto made = TlsContext::make_server(ca.issue("server"), options);
    return made ? std::string("made") : made.error().message;
  };
  const auto whole = ca.revoke({});
  EXPECT_EQ(message(whole), "made");
  EXPECT_THAT(message("/nowhere.crl"), StartsWith("/nowhere.crl: cannot open: "));
  EXPECT_THAT(message(ca.write("empty.crl", "")), HasSubstr("empty.crl: expected 1 to 16 CRLs"));
  EXPECT_THAT(message(ca.ca_file()), HasSubstr("expected 1 to 16 CRLs"));
  EXPECT_THAT(message(ca.write("cut.crl",
                               "-----BEGIN X509 CRL-----\nMAA=\n"
                               "-----END X509 CRL-----\n")),
              HasSubstr("cut.crl: expected 1 to 16 CRLs"));
}

TEST_F(Tls, NewHandshakesUseTheNewContextAndOldStreamsStay) {
  const auto port = listen(server_context(ca.issue("server")), true);
  ASSERT_TRUE(connect(port, client_context(ca.issue("client"))));
  client->send("hello");
  ASSERT_TRUE(client->wait_received(5));
  TlsContext::Files second = other_ca.issue("second");
  second.ca_bundle = ca.ca_file();
  door_loop.call([&] { listener->set_tls(server_context(second)); });

  const TlsContext::Files files = ca.issue("late");
  ForeignClient late(&files);
  ASSERT_TRUE(late.connect(port));
  const X509* const broker = SSL_get0_peer_certificate(late.ssl());
  ASSERT_NE(broker, nullptr);
  EXPECT_EQ(subject_of(broker), "CN=second");
  client->send("again");
  EXPECT_TRUE(client->wait_received(10));
}

TEST_F(Tls, NamesInMessagesHoldNoControlCharactersAndAreCut) {
  const auto port = listen(server_context(ca.issue("server")), true);
  TlsContext::Files stranger =
      other_ca.issue("evil\n2026-01-01 \x1b[2Jbroker stopped\r" + std::string(20, 'x'));
  stranger.ca_bundle = ca.ca_file();
  ASSERT_TRUE(connect(port, client_context(stranger)));
  const std::string message = wait_refused().message;
  EXPECT_THAT(message, HasSubstr("CN=evil\\0A2026-01-01 \\1B[2Jbroker stopped\\0D"));
  EXPECT_TRUE(std::none_of(message.begin(), message.end(),
                           [](unsigned char c) { return c < 0x20 || c == 0x7f; }));
}

TEST_F(Tls, RefusesAClientWithoutACertificate) {
  const auto port = listen(server_context(ca.issue("server")), true);
  ForeignClient client_without(nullptr);
  SSL_CTX_set_max_proto_version(client_without.context(), TLS1_2_VERSION);
  EXPECT_FALSE(client_without.connect(port));
  const dxl::Error error = wait_refused();
  EXPECT_EQ(error.code, dxl::ErrorCode::kTls);
  EXPECT_EQ(error.message, "client sent no certificate; this broker requires one");
}

TEST_F(Tls, RefusesPlainTextOnATlsPort) {
  const auto port = listen(server_context(ca.issue("server")), true);
  const RawSocket mqtt = RawSocket::connect(port);
  mqtt.send_some({"\x10\x0f\x00\x04MQTT\x04\x02\x07\x08\x00\x03{a}", 17});
  EXPECT_EQ(wait_refused().message,
            "the client does not speak TLS on this port (wrong version number)");
  const RawSocket http = RawSocket::connect(port);
  http.send_some("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(wait_refused(1).message, "the client does not speak TLS on this port (http request)");
}

TEST_F(Tls, SaysThatThePeerLeftDuringTheHandshake) {
  const auto port = listen(server_context(ca.issue("server")), true);
  RawSocket::connect(port);
  const dxl::Error error = wait_refused();
  EXPECT_EQ(error.code, dxl::ErrorCode::kTls);
  EXPECT_EQ(error.message, "the peer closed the connection during the TLS handshake");
}

TEST_F(Tls, GivesUpOnAHalfOpenHandshake) {
  ListenerOptions options;
  options.tls = server_context(ca.issue("server"));
  options.handshake_deadline = std::chrono::milliseconds(50);
  const auto port = listen(options, true);
  const RawSocket silent = RawSocket::connect(port);
  silent.send_some({"\x16\x03\x01\x02\x00", 5});
  const dxl::Error error = wait_refused();
  EXPECT_EQ(error.code, dxl::ErrorCode::kTimedOut);
  EXPECT_EQ(error.message, "the peer did not finish the handshake within 50 ms");
  EXPECT_TRUE(silent.wait(POLLIN, kPatience)) << "the socket stayed open";
}

TEST_F(Tls, ServesTheLegacyCipherOnlyWhenAsked) {
  const TlsContext::Files files = ca.issue("python");
  TlsServerOptions legacy;
  legacy.legacy_python_ciphers = true;
  const auto try_legacy = [&](std::uint16_t port) {
    ForeignClient python(&files);
    SSL_CTX_set_max_proto_version(python.context(), TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(python.context(), "AES128-SHA256");
    return python.connect(port) ? std::string(SSL_get_cipher_name(python.ssl())) : "none";
  };
  EXPECT_EQ(try_legacy(listen(server_context(ca.issue("server"), legacy), true)), "AES128-SHA256");
  EXPECT_EQ(try_legacy(listen(server_context(ca.issue("server")), true)), "none");
  EXPECT_THAT(wait_refused().message,
              testing::AllOf(StartsWith("no cipher suite in common"),
                             HasSubstr("tls.legacy_python_ciphers = true in tiara.toml")));
}

TEST_F(Tls, PrefersForwardSecrecyAndRefusesOldVersions) {
  const TlsContext::Files files = ca.issue("java");
  const auto port = listen(server_context(ca.issue("server")), true);
  ForeignClient java(&files);
  SSL_CTX_set_max_proto_version(java.context(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(java.context(), "AES128-SHA256:ECDHE-RSA-AES128-SHA256");
  ASSERT_TRUE(java.connect(port));
  EXPECT_STREQ(SSL_get_cipher_name(java.ssl()), "ECDHE-RSA-AES128-SHA256");

  ForeignClient old(&files);
  SSL_CTX_set_min_proto_version(old.context(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(old.context(), TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(old.context(), "ALL:@SECLEVEL=0");
  EXPECT_FALSE(old.connect(port));
  EXPECT_THAT(wait_refused().message, StartsWith("no TLS version in common"));
}

// Its arithmetic takes milliseconds of the door's thread, for a peer that has shown nothing yet.
TEST_F(Tls, ExchangesNoKeysOnFiniteFields) {
  const TlsContext::Files files = ca.issue("peer");
  const auto port = listen(server_context(ca.issue("server")), true);
  for (const auto& [group, is_offered] :
       {std::pair("ffdhe8192", false), std::pair("ffdhe2048", false), std::pair("P-521", true)}) {
    ForeignClient peer(&files);
    SSL_CTX_set1_groups_list(peer.context(), group);
    EXPECT_EQ(peer.connect(port), is_offered) << group;
  }
}

TEST_F(Tls, NeverResumesASession) {
  const TlsContext::Files files = ca.issue("java");
  const auto port = listen(server_context(ca.issue("server")), true);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ForeignClient first(&files), second(&files);
    for (ForeignClient* const each : {&first, &second}) {
      SSL_CTX_set_min_proto_version(each->context(), version);
      SSL_CTX_set_max_proto_version(each->context(), version);
    }
    ASSERT_TRUE(first.connect(port));
    ASSERT_TRUE(first.write("x"));
    ASSERT_EQ(first.read(1), "x");
    SSL_SESSION* const session = SSL_get1_session(first.ssl());
    EXPECT_EQ(SSL_SESSION_has_ticket(session), 0);
    EXPECT_EQ(SSL_SESSION_is_resumable(session), 0);
    ASSERT_TRUE(second.connect(port, session));
    SSL_SESSION_free(session);
    EXPECT_EQ(SSL_session_reused(second.ssl()), 0);
  }
}

TEST_F(Tls, AnswersKeyUpdatesInTheMiddleOfTraffic) {
  const TlsContext::Files files = ca.issue("rotating");
  const auto port = listen(server_context(ca.issue("server")), true);
  ForeignClient rotating(&files);
  ASSERT_TRUE(rotating.connect(port));
  const std::string message(20'000, 'k');
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(SSL_key_update(rotating.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_TRUE(rotating.write(message));
    ASSERT_EQ(rotating.read(message.size()), message);
  }
}

// A client that sends its first packet in one segment with its last handshake message: the bytes
// are read by the listener's loop and must come out on the other.
TEST_F(Tls, KeepsWhatComesWithTheLastHandshakeMessage) {
  const TlsContext::Files files = ca.issue("hasty");
  const auto port = listen(server_context(ca.issue("server")), true);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{3'000}, std::size_t{30'000}}) {
      const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
      SSL_CTX_set_max_proto_version(context.get(), version);
      SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str());
      SSL_CTX_use_PrivateKey_file(context.get(), files.private_key.c_str(), SSL_FILETYPE_PEM);
      const SslPtr ssl(SSL_new(context.get()));
      BIO* const input = BIO_new(BIO_s_mem());
      BIO* const output = BIO_new(BIO_s_mem());
      BIO_set_mem_eof_return(input, -1);
      SSL_set_bio(ssl.get(), input, output);
      SSL_set_connect_state(ssl.get());
      const RawSocket socket = RawSocket::connect(port);
      const auto flush = [&] {
        char* data = nullptr;
        const long waiting = BIO_get_mem_data(output, &data);
        ASSERT_EQ(socket.send_some({data, static_cast<std::size_t>(waiting)}),
                  static_cast<std::size_t>(waiting));
        BIO_reset(output);
      };
      const auto receive = [&] {
        ASSERT_TRUE(socket.wait(POLLIN, kPatience));
        const std::string bytes = socket.receive_some();
        ASSERT_FALSE(bytes.empty()) << "the server has closed";
        BIO_write(input, bytes.data(), static_cast<int>(bytes.size()));
      };
      while (SSL_do_handshake(ssl.get()) != 1) {
        ASSERT_NO_FATAL_FAILURE(flush());
        ASSERT_NO_FATAL_FAILURE(receive());
      }
      const std::string early(size, 'e');
      ASSERT_GT(SSL_write(ssl.get(), early.data(), static_cast<int>(size)), 0);
      ASSERT_NO_FATAL_FAILURE(flush());
      std::string answer;
      while (answer.size() < size) {
        std::string part(size, '\0');
        const int count = SSL_read(ssl.get(), part.data(), static_cast<int>(size));
        if (count > 0) {
          answer.append(part, 0, static_cast<std::size_t>(count));
        } else {
          ASSERT_NO_FATAL_FAILURE(receive());
        }
      }
      EXPECT_TRUE(answer == early) << version << " " << size;
    }
  }
}

TEST_F(Tls, SaysWhichFileIsWrong) {
  const TlsContext::Files good = ca.issue("server");
  const auto message = [](const TlsContext::Files& files) {
    const auto made = TlsContext::make_server(files);
    return made ? std::string("made") : made.error().message;
  };
  TlsContext::Files files = good;
  files.certificate = "/nowhere/server.crt";
  EXPECT_EQ(message(files),
            "certificate /nowhere/server.crt: cannot open: No such file or directory");
  EXPECT_EQ(TlsContext::make_server(files).error().code, dxl::ErrorCode::kConfiguration);
  // Without a look at what it is, this waits for ever.
  files = good;
  files.private_key = ca.write("pipe", "");
  std::filesystem::remove(files.private_key);
  ASSERT_EQ(::mkfifo(files.private_key.c_str(), 0600), 0);
  EXPECT_EQ(message(files),
            "private key " + files.private_key.string() + ": cannot read: not a regular file");
  TlsServerOptions with_crl;
  with_crl.crls = {files.private_key};
  EXPECT_EQ(TlsContext::make_server(good, with_crl).error().message,
            files.private_key.string() + ": cannot read: not a regular file");
  files = good;
  files.private_key = good.certificate;
  EXPECT_THAT(message(files), StartsWith("private key " + good.certificate.string() + ": "));
  files = good;
  files.ca_bundle = ca.write("empty.crt", "");
  EXPECT_THAT(message(files), StartsWith("CA bundle " + files.ca_bundle.string() + ": "));
  files = good;
  files.private_key = ca.write("locked.key",
                               "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
                               "-----END ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_THAT(message(files), StartsWith("private key "));
}

}  // namespace
}  // namespace tiara::net
