// Gives a file an External reputation and finds out what became of it, which the original's event
// alone does not tell.
//
//   verified_external CONFIG FILE
#include <iostream>

#include "start.hpp"
#include "tie/client.hpp"
#include "tie/file_facts.hpp"

namespace {

std::string outcome_of(const tie::VerifiedReport& report) {
  switch (report.verdict) {
    case tie::VerifiedReport::Verdict::kAccepted:
      return "Accepted";
    case tie::VerifiedReport::Verdict::kRefused:
      return "Refused: " + report.reason;
    case tie::VerifiedReport::Verdict::kCannotTell:
      break;
  }
  return "Cannot tell: " + report.reason;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cout << "usage: verified_external CONFIG FILE\n";
    return 2;
  }
  const auto file = tie::examine_file(argv[2]);
  if (!file) return sample::complain(file.error());
  const auto client = sample::connect(argv[1]);
  if (!client) return sample::complain(client.error());

  //! [report_and_verify]
  tie::Client tie_client(**client);
  const auto report =
      tie_client.report_and_verify({.hashes = file->hashes,
                                    .trust_level = tie::TrustLevel::kMightBeTrusted,
                                    .file_type = file->type,
                                    .filename = file->name,
                                    .comment = "External Reputation set via OpenDXL"});
  if (!report) return sample::complain(report.error());
  std::cout << outcome_of(*report) << '\n';
  //! [report_and_verify]
  return report->verdict == tie::VerifiedReport::Verdict::kAccepted ? 0 : 1;
}
