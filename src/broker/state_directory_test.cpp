#include "broker/state_directory.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "broker/testing_directory.hpp"

namespace tiara::broker {
namespace {

// A process that takes the lock, says so, and keeps it until it is killed.
class LockHolder {
 public:
  explicit LockHolder(const std::filesystem::path& file) {
    int ends[2];
    if (::pipe(ends) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      const auto lock = FileLock::try_acquire(file);
      const char answer = lock ? 'y' : 'n';
      if (::write(ends[1], &answer, 1) == 1)
        while (true) ::pause();
      ::_exit(1);
    }
    ::close(ends[1]);
    char answer = 'n';
    holds_ = ::read(ends[0], &answer, 1) == 1 && answer == 'y';
    ::close(ends[0]);
  }
  ~LockHolder() { kill(); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  bool holds() const { return holds_; }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  bool holds_ = false;
};

TEST(StateFiles, OnlyOldTemporaryFilesOfProcessesThatAreGoneAreRemoved) {
  const TemporaryDirectory directory;
  const pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(gone, nullptr, 0), gone);
  const std::string old_ones[] = {fmt::format("a.toml.{}-0.tmp", gone),
                                  fmt::format("a.toml.{}-0.tmp", ::getpid()),
                                  fmt::format("a.{}-x.tmp", gone),
                                  fmt::format("{}-1.tmp", gone),
                                  "a.tmp",
                                  fmt::format("a.{}-0.tmp~", gone),
                                  "a.0-0.tmp",
                                  "a.99999999999-0.tmp"};
  for (const std::string& name : old_ones) {
    ASSERT_TRUE(write_file_atomically(directory.path() / name, "x"));
    std::filesystem::last_write_time(
        directory.path() / name,
        std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  }
  const std::string fresh = fmt::format("b.toml.{}-0.tmp", gone);
  ASSERT_TRUE(write_file_atomically(directory.path() / fresh, "x"));
  remove_abandoned(directory.path());
  EXPECT_FALSE(is_there(directory.path() / old_ones[0]));
  EXPECT_TRUE(is_there(directory.path() / fresh));
  for (std::size_t i = 1; i < std::size(old_ones); ++i)
    EXPECT_TRUE(is_there(directory.path() / old_ones[i])) << old_ones[i];
  remove_abandoned("/nonexistent");
}

TEST(StateFiles, ALinkStaysAndItsTargetIsReplaced) {
  const TemporaryDirectory state, elsewhere;
  const auto file = elsewhere.path() / "real", link = state.path() / "link";
  ASSERT_TRUE(write_file_atomically(file, "first"));
  std::filesystem::create_symlink(file, link);
  ASSERT_TRUE(write_file_atomically(follow_link(link), "second"));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(*read_file(file), "second");
  EXPECT_EQ(follow_link(file), file);
  EXPECT_EQ(follow_link(state.path() / "none"), state.path() / "none");
}

TEST(FileLock, IsHeldOnceAndNamesTheHolder) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "lock";
  const auto first = FileLock::try_acquire(file);
  ASSERT_TRUE(first);
  const auto second = FileLock::try_acquire(file);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, dxl::ErrorCode::kInUse);
  EXPECT_EQ(second.error().message,
            fmt::format("{}: held by process {}", file.string(), ::getpid()));
  EXPECT_EQ(mode_of(file), 0600u);
}

TEST(FileLock, KeepsAnotherProcessOutUntilItDies) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "lock";
  LockHolder holder(file);
  ASSERT_TRUE(holder.holds());
  const auto refused = FileLock::try_acquire(file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            fmt::format("{}: held by process {}", file.string(), holder.pid()));
  holder.kill();
  EXPECT_TRUE(FileLock::try_acquire(file));
}

TEST(FileLock, WaitingEndsWhenTheHolderLetsGo) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "lock";
  std::optional<FileLock> held(*FileLock::try_acquire(file));
  std::thread waiter([&file] { EXPECT_TRUE(FileLock::acquire(file)); });
  held.reset();
  waiter.join();
}

TEST(FileLock, SaysWhyItCannotBeOpened) {
  const auto lock = FileLock::try_acquire("/nonexistent/lock");
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, dxl::ErrorCode::kStorage);
  EXPECT_EQ(lock.error().message,
            "/nonexistent/lock: cannot open the lock: No such file or directory");
}

TEST(WriteFile, ReplacesContentAndModeAndLeavesNothingBeside) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "file";
  ASSERT_TRUE(write_file_atomically(file, "a longer first text", 0644));
  EXPECT_EQ(mode_of(file), 0644u);
  ASSERT_TRUE(write_file_atomically(file, "second"));
  EXPECT_EQ(mode_of(file), 0600u);
  EXPECT_EQ(*read_file(file), "second");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST(WriteFile, LeavesNothingBehindWhenItCannotReplace) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "occupied";
  std::filesystem::create_directories(file / "child");
  const auto written = write_file_atomically(file, "text");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, dxl::ErrorCode::kStorage);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST(ReadFile, RefusesMoreThanItsLimit) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "file";
  ASSERT_TRUE(write_file_atomically(file, "12345"));
  EXPECT_EQ(*read_file(file, 5), "12345");
  const auto refused = read_file(file, 4);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, dxl::ErrorCode::kLimitExceeded);
}

TEST(PrivateDirectory, IsForTheOwnerOnlyAndKeepsAnExistingMode) {
  const TemporaryDirectory directory;
  const auto made = directory.path() / "a" / "b";
  ASSERT_TRUE(make_private_directory(made));
  EXPECT_EQ(mode_of(made), 0700u);
  std::filesystem::permissions(made, std::filesystem::perms(0750));
  ASSERT_TRUE(make_private_directory(made));
  EXPECT_EQ(mode_of(made), 0750u);
  ASSERT_TRUE(write_file_atomically(made / "file", ""));
  EXPECT_FALSE(make_private_directory(made / "file"));
}

TEST(Ports, ComeBackAsWritten) {
  const TemporaryDirectory directory;
  const StatePaths paths(directory.path());
  ASSERT_TRUE(make_private_directory(paths.run));
  ASSERT_TRUE(write_ports(paths, Ports{8883}));
  EXPECT_EQ(*read_file(paths.ports), "{\"mqtts\":8883}\n");
  EXPECT_EQ(read_ports(paths)->mqtts, 8883);
  ASSERT_TRUE(write_ports(paths, Ports{8883, 8884, 8443}));
  EXPECT_EQ(*read_file(paths.ports), "{\"mqtts\":8883,\"wss\":8884,\"https\":8443}\n");
  EXPECT_EQ(read_ports(paths)->https, 8443);
  ASSERT_TRUE(write_ports(paths, Ports{}));
  EXPECT_EQ(read_ports(paths)->mqtts, std::nullopt);
}

TEST(Ports, RefuseWhatIsNoPort) {
  const TemporaryDirectory directory;
  const StatePaths paths(directory.path());
  ASSERT_TRUE(make_private_directory(paths.run));
  for (const char* text : {"", "[]", "{\"mqtts\":0}", "{\"mqtts\":65536}", "{\"mqtts\":\"1\"}"}) {
    ASSERT_TRUE(write_file_atomically(paths.ports, text));
    const auto ports = read_ports(paths);
    ASSERT_FALSE(ports) << text;
    EXPECT_EQ(ports.error().code, dxl::ErrorCode::kMalformed) << text;
  }
}

}  // namespace
}  // namespace tiara::broker
