// The composite reputation of records (TIE reference §6.2); the steps are in tie/composite.hpp.
// Never sent on the public topics.
#pragma once

#include "reputation/record.hpp"
#include "tie/codec.hpp"
#include "tie/composite.hpp"

namespace tiara::reputation {

using tie::Decision;

// Either may be null: unknown. The signer is the certificate of the file, if one is known and
// stored. Every step is listed, in order, with what it looked at; the first that matched decided.
// Step 0 is the External rule, which stands before the table because it looks at all of it. If
// none matched, the level is kNotSet and step 0 stands for nothing.
tie::Explanation explain_file(const FileRecord* file, const CertRecord* signer);
// The same decision without the steps.
Decision decide_file(const FileRecord* file, const CertRecord* signer);
// The steps that look at certificates: 2, 4 and 7.
tie::Explanation explain_certificate(const CertRecord* certificate);

}  // namespace tiara::reputation
