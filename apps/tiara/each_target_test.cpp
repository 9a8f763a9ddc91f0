#include "tiara/each_target.hpp"

#include <gtest/gtest.h>

namespace tiara::app {
namespace {

using dxl::ErrorCode;

const std::string kOne(32, '1'), kTwo(32, '2'), kThree(32, '3');

struct Printed {
  int code;
  std::string out, err;
};

Printed run(const std::vector<std::string>& arguments, bool json,
            const std::function<dxl::Result<TargetOutput>(const Target&)>& command) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = for_each_target(arguments, json, command);
  return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

dxl::Result<TargetOutput> name(const Target& target) {
  if (target.argument == kTwo) return dxl::fail(ErrorCode::kPeer, "no");
  const std::string digit = target.argument.substr(0, 1);
  return TargetOutput{0, digit + "\n", "{\"n\":" + digit + "}"};
}

TEST(EachTarget, PrintsTextAsItComes) {
  const Printed printed = run({kOne, kThree}, false, name);
  EXPECT_EQ(printed.code, 0);
  EXPECT_EQ(printed.out, "1\n3\n");
  EXPECT_EQ(printed.err, "");
}

TEST(EachTarget, JsonIsAnObjectOrAnArray) {
  EXPECT_EQ(run({kOne}, true, name).out, "{\"n\":1}\n");
  EXPECT_EQ(run({kOne, kThree}, true, name).out, "[{\"n\":1},\n {\"n\":3}]\n");
}

TEST(EachTarget, GoesOnAfterAFailureOfOne) {
  const Printed printed = run({kOne, kTwo, "missing", kThree}, false, name);
  EXPECT_EQ(printed.code, 7);
  EXPECT_EQ(printed.out, "1\n3\n");
  EXPECT_EQ(printed.err,
            "tiara: " + kTwo +
                ": no\ntiara: missing: no such file, and not a digest of 32, 40 or 64 hexadecimal "
                "digits\n");
}

TEST(EachTarget, AFailureOfTheOnlyOneLeavesStdoutEmpty) {
  const Printed printed = run({kTwo}, true, name);
  EXPECT_EQ(printed.code, 7);
  EXPECT_EQ(printed.out, "");
  EXPECT_EQ(printed.err, "tiara: no\n");
  EXPECT_EQ(run({"missing"}, true, name).code, 2);
}

TEST(EachTarget, StopsWhenNothingCanWork) {
  int calls = 0;
  const Printed printed = run({kOne, kTwo}, true, [&](const Target&) -> dxl::Result<TargetOutput> {
    ++calls;
    return dxl::fail(ErrorCode::kNotAuthorised, "not authorised");
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(printed.code, 5);
  EXPECT_EQ(printed.out, "[{\"argument\":\"" + kOne +
                             "\",\"error\":{\"code\":\"not_authorised\",\"message\":\"not "
                             "authorised\"}}]\n");
}

}  // namespace
}  // namespace tiara::app
