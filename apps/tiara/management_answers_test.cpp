#include "tiara/management_answers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tiara::app {
namespace {

using dxl::BrokerAddress;
using dxl::BrokerId;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

const BrokerAddress kOne{BrokerId{"{one}"}, "one.example.com", 8883, "10.0.0.1"};
const BrokerAddress kTwo{BrokerId{"{two}"}, "two.example.com", 443, ""};

template <class T>
std::string problem(const dxl::Result<T>& result) {
  return result ? "accepted" : result.error().message;
}

TEST(ManagementAnswers, ResultsAreOkAndAString) {
  for (const char* body :
       {"OK:\r\n\"a,b\\n\"\r\n", "OK:\n\"a,b\\n\"\n", "OK:\"a,b\\n\"", " OK :\n \"a,b\\u000a\" "}) {
    const auto result = parse_result(body);
    ASSERT_TRUE(result) << body;
    EXPECT_EQ(*result, "a,b\n");
  }
}

TEST(ManagementAnswers, EverythingElseIsSaidInWords) {
  EXPECT_THAT(problem(parse_result("")), HasSubstr("expected \"OK:\", found \"\""));
  EXPECT_THAT(problem(parse_result("OK")), HasSubstr("found \"OK\""));
  EXPECT_THAT(problem(parse_result("OK: 7")), HasSubstr("something else than a JSON string"));
  EXPECT_THAT(problem(parse_result("OK: \"")), HasSubstr("behind \"OK:\""));
  EXPECT_THAT(problem(parse_result("OK: \"a\" \"b\"")), HasSubstr("behind \"OK:\""));
  EXPECT_THAT(problem(parse_result("<html>login: please</html>")), HasSubstr("a web page"));
  EXPECT_THAT(problem(parse_result(std::string("\0\x1b[2J:", 6))),
              HasSubstr("expected \"OK:\", found"));
  const auto error = parse_result("ERROR 1:\r\nno such command\r\n");
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code, dxl::ErrorCode::kPeer);
  EXPECT_EQ(error.error().message, "the server refused: ERROR 1: no such command");
}

TEST(ManagementAnswers, PackagesHaveThreeOrFourParts) {
  const auto three = parse_package("ca,crt,{one}={one};8883;one.example.com;10.0.0.1\n");
  ASSERT_TRUE(three) << three.error().message;
  EXPECT_EQ(three->ca_bundle_pem, "ca");
  EXPECT_EQ(three->certificate_pem, "crt");
  EXPECT_THAT(three->lists.brokers, ElementsAre(kOne));
  EXPECT_EQ(three->lists.websocket_brokers, std::nullopt);
  const auto four = parse_package(
      "ca,crt,{one} = "
      "{one};8883;one.example.com;10.0.0.1\r\n\n,{two}={two};443;two.example.com;\n");
  ASSERT_TRUE(four) << four.error().message;
  EXPECT_THAT(four->lists.websocket_brokers, Optional(ElementsAre(kTwo)));
  EXPECT_THAT(problem(parse_package("ca,crt")), HasSubstr("3 or 4 parts between commas, found 2"));
  EXPECT_THAT(problem(parse_package("a,b,c,d,e")), HasSubstr("found 5"));
  EXPECT_THAT(problem(parse_package("ca,crt,\n,\n")), HasSubstr("names no broker"));
}

TEST(ManagementAnswers, OfOneIdentifierTheFirstBrokerCounts) {
  const auto package =
      parse_package("ca,crt,a=a;8883;one\na=a;8883;one\na=a;8883;other\nb=b;8883;one\n");
  ASSERT_TRUE(package) << package.error().message;
  EXPECT_EQ(package->lists.brokers.size(), 2U);
  EXPECT_THAT(package->lists.notes, ElementsAre(HasSubstr("brokers, line 3")));
}

TEST(ManagementAnswers, LinesThatWouldSaySomethingElseAreRefused) {
  const auto of = [](const std::string& line) { return problem(parse_package("a,b," + line)); };
  EXPECT_THAT(of("a"), HasSubstr("brokers, line 1: expected guid=guid;port;host;ip"));
  EXPECT_THAT(of("a=a;8883"), HasSubstr("expected guid=guid;port;host;ip"));
  EXPECT_THAT(of("a=b;8883;h"), HasSubstr("before and after '=' differ"));
  EXPECT_THAT(of("a=a;0;h"), HasSubstr("expected a port from 1 to 65535, found \"0\""));
  EXPECT_THAT(of("a=a;65536;h"), HasSubstr("expected a port"));
  EXPECT_THAT(of("a=a;8883x;h"), HasSubstr("expected a port"));
  EXPECT_THAT(of("a=a;8883;"), HasSubstr("the host name is missing"));
  EXPECT_THAT(of("a=a;8883;h h"), HasSubstr("is not a host name"));
  EXPECT_THAT(of("a=a;8883;h;x\x1b"), HasSubstr("is not a host name"));
  EXPECT_THAT(of("a=a;8883;" + std::string(254, 'h')), HasSubstr("is not a host name"));
  EXPECT_THAT(of("[Certs]=[Certs];8883;h"), HasSubstr("expected an identifier"));
  EXPECT_THAT(of("#a=#a;8883;h"), HasSubstr("expected an identifier"));
  EXPECT_THAT(of("8883=8883;8883;h"), HasSubstr("not a number"));
  EXPECT_THAT(of("=;8883;h"), HasSubstr("expected an identifier"));
  std::string many;
  for (std::size_t i = 0; i <= kMostBrokers; ++i) many += fmt::format("a{0}=a{0};1;h\n", i);
  EXPECT_THAT(of(many), HasSubstr("more than 1000 brokers"));
}

constexpr const char* kEntry =
    R"({"guid":"{two}","hostName":"two.example.com","ipAddress":"","port":443})";

TEST(ManagementAnswers, TheSecondListHasEitherName) {
  for (const char* name : {"webSocketBrokers", "brokersWebSockets"}) {
    const auto lists = parse_broker_list(fmt::format(
        R"({{"brokers":[{{"guid":"{{one}}","hostName":"one.example.com","ipAddress":"10.0.0.1",)"
        R"("port":"8883"}}],"{}":[{}],"certVersion":0}})",
        name, kEntry));
    ASSERT_TRUE(lists) << lists.error().message;
    EXPECT_THAT(lists->brokers, ElementsAre(kOne));
    EXPECT_THAT(lists->websocket_brokers, Optional(ElementsAre(kTwo)));
  }
}

TEST(ManagementAnswers, OneNamesEmptyListDoesNotUndoTheOthers) {
  for (const char* text : {R"({{"brokers":[],"webSocketBrokers":[],"brokersWebSockets":[{}]}})",
                           R"({{"brokers":[],"brokersWebSockets":[],"webSocketBrokers":[{}]}})"}) {
    const auto lists = parse_broker_list(fmt::format(fmt::runtime(text), kEntry));
    ASSERT_TRUE(lists) << lists.error().message;
    EXPECT_THAT(lists->websocket_brokers, Optional(ElementsAre(kTwo)));
  }
}

TEST(ManagementAnswers, AListThatIsNotThereIsNotAnEmptyOne) {
  const auto with =
      parse_broker_list(fmt::format(R"({{"brokers":[{}],"webSocketBrokers":[]}})", kEntry));
  ASSERT_TRUE(with);
  EXPECT_THAT(with->websocket_brokers, Optional(IsEmpty()));
  const auto without = parse_broker_list(fmt::format(R"({{"brokers":[{}]}})", kEntry));
  ASSERT_TRUE(without);
  EXPECT_EQ(without->websocket_brokers, std::nullopt);
}

TEST(ManagementAnswers, BrokerListsAreCheckedLikeLines) {
  const auto of = [](const std::string& text) { return problem(parse_broker_list(text)); };
  EXPECT_THAT(of("[]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(of("{}"), HasSubstr("brokers is missing"));
  EXPECT_THAT(of("{\"brokers\":{}}"), HasSubstr("brokers: expected an array"));
  EXPECT_THAT(of("{\"brokers\":[7]}"), HasSubstr("brokers[0].port: expected 1 to 65535"));
  EXPECT_THAT(of("{\"brokers\":[]}"), HasSubstr("names no broker"));
  EXPECT_THAT(of(R"({"brokers":[{"guid":"a\n[Certs]","hostName":"h","port":1}]})"),
              HasSubstr("brokers[0]: expected an identifier"));
  EXPECT_THAT(of(R"({"brokers":[{"guid":"a","port":1}]})"), HasSubstr("the host name is missing"));
}

TEST(ManagementAnswers, EveryChangedByteIsAnErrorOrAnAnswerWithinTheRules) {
  const std::string package = "ca,crt,{one}={one};8883;one.example.com;10.0.0.1\n";
  const std::string list = fmt::format(R"({{"brokers":[{}],"webSocketBrokers":[]}})", kEntry);
  for (const std::string& text : {package, list}) {
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = text;
        changed[at] = static_cast<char>(byte);
        const auto lines = parse_package(changed);
        const auto entries = parse_broker_list(changed);
        for (const BrokerLists* lists :
             {lines ? &lines->lists : nullptr, entries ? &*entries : nullptr})
          for (const BrokerAddress& broker : lists ? lists->brokers : std::vector<BrokerAddress>())
            EXPECT_EQ((broker.id.value + broker.host + broker.ip).find_first_of("\r\n;=\"# "),
                      std::string::npos);
      }
    }
  }
}

TEST(ManagementAnswers, EveryBeginningOfAnAnswerIsAnError) {
  const std::string body = "OK:\"ca,crt,{one}={one};8883;one.example.com;10.0.0.1\\n\"";
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_FALSE(parse_result(body.substr(0, size))) << size;
}

}  // namespace
}  // namespace tiara::app
