#include "tiara/audit_text.hpp"
#include <vector>

#include <gtest/gtest.h>

#include "tiara/status.hpp"

namespace tiara::app {
namespace {

store::NumberedAuditEntry entry() {
  store::NumberedAuditEntry numbered;
  numbered.number = 7;
  numbered.entry.kind = store::AuditKind::kExternal;
  numbered.entry.time = 1'700'000'000;
  numbered.entry.hashes.md5 = *tie::Md5::parse(std::string(32, 'a'));
  numbered.entry.provider = tie::Provider::kExternal;
  numbered.entry.old_level = tie::TrustLevel::kNotSet;
  numbered.entry.new_level = tie::TrustLevel::kMightBeTrusted;
  numbered.entry.comment = "=1+1,\"x\"\x1b[2J";
  numbered.entry.actor = {std::string(64, 'c'), "scanner", "@id"};
  numbered.hash.back() = 0xff;
  return numbered;
}

const std::string kHash = std::string(62, '0') + "ff";

TEST(AuditText, JsonHasEveryFieldAndNoControlCharacter) {
  EXPECT_EQ(audit_json(entry()),
            "{\"number\":7,\"time\":1700000000,\"kind\":\"external\",\"type\":\"file\","
            "\"hashes\":{\"md5\":\"" +
                std::string(32, 'a') +
                "\"},\"providerId\":15,\"old\":0,\"new\":70,"
                "\"comment\":\"=1+1,\\\"x\\\"\\u001b[2J\",\"actor\":{\"certificate\":\"" +
                std::string(64, 'c') + "\",\"name\":\"scanner\",\"clientId\":\"@id\"},\"hash\":\"" +
                kHash + "\"}");
}

TEST(AuditText, CsvIsQuotedAndHoldsNoFormula) {
  EXPECT_EQ(audit_csv(entry()),
            "\"7\",\"1700000000\",\"external\",\"file\",\"" + std::string(32, 'a') +
                "\",\"\",\"\",\"15\",\"0\",\"70\",\"'=1+1,\"\"x\"\"\\x1b[2J\",\"" +
                std::string(64, 'c') + "\",\"scanner\",\"'@id\",\"" + kHash + "\"");
  const std::string head = audit_csv_head(), line = audit_csv(entry());
  EXPECT_EQ(head.substr(0, 16), "\"number\",\"time\",");
}

TEST(AuditText, AHeadIsReadAsItIsWritten) {
  store::AuditHead head{.count = 1200, .hash = {}};
  head.hash.front() = 0x9f;
  EXPECT_EQ(parse_audit_head(audit_head_text(head)), head);
  for (const std::string& text : std::vector<std::string>{
           "", ":", "1", "1:", "1:ff", "x:" + kHash, "-1:" + kHash, "1:" + kHash + "0",
           "1 :" + kHash, "1:" + std::string(64, 'g'), "99999999999999999999:" + kHash})
    EXPECT_FALSE(parse_audit_head(text)) << text;
}

}  // namespace
}  // namespace tiara::app
