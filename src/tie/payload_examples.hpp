// A complete payload of each kind: every member the decoder knows is there. For tests only.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "tie/payload_vectors.hpp"

namespace tie {

inline std::string example_of(std::string_view kind) {
  constexpr std::string_view kHashes =
      R"([{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="},{"type":"sha1","value":"frATnSF1c5s8yw0REAZ4IL5qvSk="},)"
      R"({"type":"sha256","value":"FC4daI7wVoNww3GH/Z8jUdfd7aV0+L+psPpO9C24WqI="}])";
  constexpr std::string_view kCert =
      R"("hashes":[{"type":"sha1","value":"bq4m24wTGCp5R5gpkbQyFzLMPeI="}],"publicKeySha1":"O4ei1vOXcBYDZLeaFS/Mc7riet8=")";
  constexpr std::string_view kEntries =
      R"("reputations":[{"trustLevel":99,"providerId":4,"createDate":1700000000,"attributes":{"2109333":"0"},)"
      R"("overridden":{"files":[{"hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}]}],"truncated":1}}],)"
      R"("overridden":{"files":[{"hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}]}],"truncated":1})";
  constexpr std::string_view kSnapshots =
      R"("oldReputations":{"reputations":[{"trustLevel":0,"providerId":3,"createDate":1,"attributes":{"1":"2"}}],"props":{"serverTime":2}},)"
      R"("newReputations":{"reputations":[{"trustLevel":99,"providerId":3,"createDate":2,"attributes":{}}],"props":{"serverTime":2}},)"
      R"("updateTime":2,"changeId":7,"cause":{"providerId":3,"kind":"enterprise"})";
  static const std::string events =
      R"({"agentGuid":"{a}","hashes":)" + std::string(kHashes) + R"(,"name":"a.exe")";
  static const std::map<std::string_view, std::string> examples = {
      {"get file",
       R"({"hashes":)" + std::string(kHashes) +
           R"(,"scanType":3,"fileType":18,"agentGuid":"{a}",)"
           R"("certSha1":"bq4m24wTGCp5R5gpkbQyFzLMPeI=","certPublicKeySha1":"O4ei1vOXcBYDZLeaFS/Mc7riet8="})"},
      {"set file", R"({"trustLevel":99,"providerId":3,"filename":"a.exe","comment":"c","hashes":)" +
                       std::string(kHashes) + "}"},
      {"get cert",
       "{" + std::string(kCert) +
           R"(,"certPublicKeySha1":"O4ei1vOXcBYDZLeaFS/Mc7riet8=","scanType":3,"agentGuid":"{a}"})"},
      {"set cert", R"({"trustLevel":99,"providerId":4,"comment":"c",)" + std::string(kCert) + "}"},
      {"get file agents", R"({"queryLimit":5,"hashes":)" + std::string(kHashes) + "}"},
      {"get cert agents", R"({"queryLimit":5,)" + std::string(kCert) + "}"},
      {"get updates",
       R"({"sinceTime":1700000000,"queryLimit":300,"targeted":true,"targetTypes":{"file":"sha256","cert":"sha1"}})"},
      {"file metadata",
       R"({"hashes":)" + std::string(kHashes) +
           R"(,"agentGuid":"{a}","name":"a.exe","size":1,"path":"C:\\a.exe","version":"1","fileType":18,"signedBits":1,)"
           R"("companyName":"c","profilerFlags":"465:1","productName":"p","productVersion":"1.0","objectType":4,"localRep":85,)"
           R"("parentLocalRep":70,"prePromptLocalRep":50,"localRepRuleId":3,"parentSha1":"O4ei1vOXcBYDZLeaFS/Mc7riet8=",)"
           R"("actorLocalRep":15,"detectionName":"d","remediation":5,"certSha1":"bq4m24wTGCp5R5gpkbQyFzLMPeI=",)"
           R"("certPublicKeySha1":"O4ei1vOXcBYDZLeaFS/Mc7riet8=","actorSha1":"O4ei1vOXcBYDZLeaFS/Mc7riet8="})"},
      {"cert metadata",
       "{" + std::string(kCert) +
           R"(,"algorithm":"sha1RSA","issuerDN":"CN=i","issuerPublicKeySha1":"O4ei1vOXcBYDZLeaFS/Mc7riet8=",)"
           R"("serialNumber":"YRU0ZAAAAAAADA==","subjectName":"s","validFrom":-1,"validTo":1299535064,"subject":"CN=s",)"
           R"("issuer":"i","issuerSha1":"O4ei1vOXcBYDZLeaFS/Mc7riet8="})"},
      {"get file info",
       R"({"hashes":[)" + std::string(kHashes) + "," + std::string(kHashes) + "]}"},
      {"search files", R"({"searchString":"note","numberOfRows":10})"},
      {"batch get", R"({"items":[{"hashes":)" + std::string(kHashes) + R"(},{"type":"cert",)" +
                        std::string(kCert) + R"(}],"scanType":3})"},
      {"batch set",
       R"({"items":[{"type":"file","providerId":15,"trustLevel":99,"hashes":)" +
           std::string(kHashes) +
           R"(,"filename":"a.exe","fileType":18,"comment":"c"},{"type":"cert","providerId":4,"trustLevel":1,)" +
           std::string(kCert) + R"(,"comment":"d"}]})"},
      {"explain", R"({"type":"cert",)" + std::string(kCert) + "}"},
      {"history", R"({"hashes":)" + std::string(kHashes) + R"(,"limit":100})"},
      {"ask for outcome", R"({"messageId":"{a}"})"},
      {"external report", Json::parse(payload_of("ext/py/full")).dump()},
      {"sandbox report", payload_of("atd-report/shape")},
      {"reputations",
       "{" + std::string(kEntries) + R"(,"props":{"serverTime":1700000000,"submitMetaData":1}})"},
      {"file change", R"({"hashes":)" + std::string(kHashes) + "," + std::string(kSnapshots) +
                          R"(,"relationships":{"certificate":{)" + std::string(kCert) + "}}}"},
      {"cert change", "{" + std::string(kCert) + "," + std::string(kSnapshots) + "}"},
      {"first references", R"({"totalCount":3,"agents":[{"agentGuid":"{a}","date":1700000000}]})"},
      {"updates",
       R"({"fileHashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="}],"certificateHashes":[{"type":"sha1",)"
       R"("value":"bq4m24wTGCp5R5gpkbQyFzLMPeI="}],"latestUpdateTime":5,"props":{"serverTime":6,"queryLimitExceeded":true}})"},
      {"file infos", payload_of("file-info/resp")},
      {"first instance", events + "}"},
      {"prevalence",
       events + R"(,"agentFirstReference":1700000000,"enterpriseCount":5,"prevalent":true})"},
      {"detection",
       events + R"(,"detectionTime":1700000000,"localReputation":1,"remediationAction":5})"},
      {"batch reputations",
       R"({"results":[{)" + std::string(kEntries) +
           R"(,"props":{"serverTime":5,"submitMetaData":1}},{"error":{"code":2,"message":"m"}}],"props":{"serverTime":5}})"},
      {"batch outcomes", R"({"results":[{"outcome":"refused","reason":"hashes"}]})"},
      {"explanation",
       R"({"composite":{"trustLevel":99,"providerId":3,"step":1},"steps":[{"step":1,"rule":"r","matched":true,"detail":"d"}]})"},
      {"history entries",
       R"({"entries":[{"time":5,"providerId":3,"old":0,"new":99,"comment":"c","kind":"enterprise",)"
       R"("actor":{"certificate":"aa","name":"n","clientId":"{c}"}}]})"},
      {"outcome", R"({"outcome":"refused","reason":"hashes","time":1700000000})"},
  };
  const auto found = examples.find(kind);
  if (found != examples.end()) return found->second;
  ADD_FAILURE() << "no example of " << kind;
  return {};
}

}  // namespace tie
