// Subjects that everybody knows, as the originals' samples use them.
#pragma once

#include "tie/hash.hpp"
#include "tie/reputation.hpp"

namespace sample {

// Notepad of an older Windows.
inline const tie::FileHashes kNotepad{
    .md5 = *tie::Md5::parse("f2c7bb8acc97f92e987a2d4087d021b1"),
    .sha1 = *tie::Sha1::parse("7eb0139d2175739b3ccb0d1110067820be6abd29"),
    .sha256 =
        *tie::Sha256::parse("142e1d688ef0568370c37187fd9f2351d7ddeda574f8bfa9b0fa4ef42db85aa2")};

// The test file that virus scanners report.
inline const tie::FileHashes kEicar{
    .md5 = *tie::Md5::parse("44d88612fea8a8f36de82e1278abb02f"),
    .sha1 = *tie::Sha1::parse("3395856ce81f2b7382dee72602f798b642f14140"),
    .sha256 =
        *tie::Sha256::parse("275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f")};

// The certificate of the originals' documentation.
inline const tie::Certificate kCertificate{
    .sha1 = *tie::Sha1::parse("6eae26db8c13182a7947982991b4321732cc3de2"),
    .public_key_sha1 = *tie::Sha1::parse("3b87a2d6f39770160364b79a152fcc73bae27adf")};

}  // namespace sample
