#include "tie/hash.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/hex.hpp"
#include "tie/file_facts.hpp"
#include "tie/payload_vectors.hpp"

namespace tie {
namespace {

class HashFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "hash_file_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& content) {
    const std::string path = folder_ / "file";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  std::filesystem::path folder_;
};

TEST(Digest, HexAndBytesNameTheSameDigest) {
  for (const Json& file : payload_fixtures().at("hashes")) {
    const auto md5 = Md5::parse(file["hex"]["md5"].get<std::string>());
    const auto sha1 = Sha1::parse(file["hex"]["sha1"].get<std::string>());
    const auto sha256 = Sha256::parse(file["hex"]["sha256"].get<std::string>());
    ASSERT_TRUE(md5 && sha1 && sha256) << file;
    EXPECT_EQ(md5->to_hex(), file["hex"]["md5"]);
    EXPECT_EQ(sha1->to_hex(), file["hex"]["sha1"]);
    EXPECT_EQ(sha256->to_hex(), file["hex"]["sha256"]);
    EXPECT_EQ(tiara::base::to_base64(md5->view()), file["base64"]["md5"]);
    EXPECT_EQ(tiara::base::to_base64(sha1->view()), file["base64"]["sha1"]);
    EXPECT_EQ(tiara::base::to_base64(sha256->view()), file["base64"]["sha256"]);
    EXPECT_EQ(Sha256::from_bytes(sha256->view()), *sha256);
  }
}

TEST(Digest, ReadsEitherCaseAndWritesLowerCase) {
  EXPECT_EQ(Md5::parse("F8D730D22827d2eb07BF4E4DC2328057").value().to_hex(),
            "f8d730d22827d2eb07bf4e4dc2328057");
}

TEST(Digest, RefusesWhatIsNoDigestAndSaysWhy) {
  const struct {
    std::string hex;
    std::string message;
  } cases[] = {
      {"", "md5: expected 32 hexadecimal digits, found 0 characters"},
      {std::string(31, 'a'), "md5: expected 32 hexadecimal digits, found 31 characters"},
      {std::string(40, 'a'), "md5: expected 32 hexadecimal digits, found 40 characters"},
      {std::string(30, 'a') + "g0", "md5: expected a hexadecimal digit at character 30"},
      {std::string(31, 'a') + " ", "md5: expected a hexadecimal digit at character 31"},
      {"0x" + std::string(30, 'a'), "md5: expected a hexadecimal digit at character 1"},
      {std::string(32, '\0'), "md5: expected a hexadecimal digit at character 0"},
  };
  for (const auto& c : cases) {
    const auto digest = Md5::parse(c.hex);
    ASSERT_FALSE(digest) << c.hex;
    EXPECT_EQ(digest.error().code, dxl::ErrorCode::kInvalidArgument);
    EXPECT_EQ(digest.error().message, c.message);
  }
}

TEST(Digest, TakesOnlyItsOwnNumberOfBytes) {
  EXPECT_FALSE(Md5::from_bytes(""));
  EXPECT_FALSE(Md5::from_bytes(std::string(15, 'x')));
  EXPECT_FALSE(Sha1::from_bytes(std::string(16, 'x')));
  EXPECT_FALSE(Sha256::from_bytes(std::string(33, 'x')));
}

TEST_F(HashFile, ComputesAllThreeDigests) {
  const struct {
    std::string content;
    FileHashes hashes;
  } cases[] = {
      {"",
       {Md5::parse("d41d8cd98f00b204e9800998ecf8427e").value(),
        Sha1::parse("da39a3ee5e6b4b0d3255bfef95601890afd80709").value(),
        Sha256::parse("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855").value()}},
      {"abc",
       {Md5::parse("900150983cd24fb0d6963f7d28e17f72").value(),
        Sha1::parse("a9993e364706816aba3e25717850c26c9cd0d89d").value(),
        Sha256::parse("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").value()}},
      // Longer than two blocks, and not a multiple of one.
      {std::string(3'000'000, 'a'),
       {Md5::parse("99ddc9a3a46ea62c95652bdf937a1fb8").value(),
        Sha1::parse("e8935af087fafce14bf157d50ab992c861688ffa").value(),
        Sha256::parse("2a152c894398719c0570f83fac34ac03a0f6e8e474b995c2403aa5434f7b9dd4").value()}},
  };
  for (const auto& c : cases) {
    const auto hashes = hash_file(write(c.content));
    ASSERT_TRUE(hashes) << hashes.error().message;
    EXPECT_EQ(*hashes, c.hashes) << c.content.size();
  }
}

TEST_F(HashFile, NamesPathAndReasonWhenItCannotRead) {
  const std::string missing = folder_ / "missing";
  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const struct {
    std::string path;
    std::string message;
  } cases[] = {
      {missing, missing + ": cannot open: No such file or directory"},
      {folder_.string(), folder_.string() + ": cannot read: Is a directory"},
      {pipe, pipe + ": cannot read: not a regular file"},
      {"", ": cannot open: No such file or directory"},
  };
  for (const auto& c : cases) {
    const auto hashes = hash_file(c.path);
    ASSERT_FALSE(hashes) << c.path;
    EXPECT_EQ(hashes.error().code, dxl::ErrorCode::kInvalidArgument);
    EXPECT_EQ(hashes.error().message, c.message);
  }
}

TEST_F(HashFile, ExaminesAFileInOnePass) {
  const std::string path = (folder_ / "run me.sh").string();
  const std::string content = "#!/bin/sh\n" + std::string(3'000'000, ' ');
  std::ofstream(path, std::ios::binary) << content;
  const auto facts = examine_file(path);
  ASSERT_TRUE(facts) << facts.error().message;
  const FileFacts expected{.hashes = hash_file(path).value(),
                           .size = content.size(),
                           .name = "run me.sh",
                           .type = FileType::kScript};
  EXPECT_EQ(*facts, expected);
}

TEST_F(HashFile, ExaminesAnEmptyFileAndRefusesWhatIsNone) {
  const auto empty = examine_file(write(""));
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->size, 0U);
  EXPECT_EQ(empty->type, FileType::kNone);
  const auto folder = examine_file(folder_.string());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().message, folder_.string() + ": cannot read: Is a directory");
}

}  // namespace
}  // namespace tie
