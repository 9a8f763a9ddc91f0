// The promise of the hot path: no heap allocation per message once buffers have grown.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "dxl/json.hpp"
#include "dxl/message_codec.hpp"
#include "dxl/topic.hpp"

namespace {

thread_local std::size_t allocations = 0;

void* counted(std::size_t size) noexcept {
  ++allocations;
  return std::malloc(size);
}

void* counted_or_throw(std::size_t size) {
  if (void* memory = counted(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

// The whole family: sanitizers object to memory that changes hands between two allocators.
void* operator new(std::size_t size) { return counted_or_throw(size); }
void* operator new[](std::size_t size) { return counted_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace dxl {
namespace {

template <class F>
std::size_t allocations_of(F&& f) {
  f();  // lets buffers grow
  const std::size_t before = allocations;
  f();
  return allocations - before;
}

std::string encoded_request() {
  Request request;
  request.payload = std::string(200, 'p');
  request.reply_to_topic = "/mcafee/client/{c}";
  request.header.message_id = {"{11223344-5566-4788-99aa-bbccddeeff00}"};
  request.header.client_ids = {"a", "b"};
  request.header.other_fields = {{"key", "value"}};
  std::vector<std::string_view> scratch;
  std::string bytes;
  append_message(to_view(request, scratch), bytes);
  return bytes;
}

TEST(HotPath, CountsAllocations) {
  EXPECT_GT(allocations_of([] { std::string(100, 'x'); }), 0U);
}

TEST(HotPath, DecodingAndEncodingAllocateNothing) {
  const std::string bytes = encoded_request();
  std::string out;
  EXPECT_EQ(allocations_of([&] {
              out.clear();
              append_message(*decode_message(bytes), out);
            }),
            0U);
  EXPECT_EQ(out, bytes);
}

TEST(HotPath, TopicsAllocateNothing) {
  const std::string topic = "/mcafee/service/tie/file/reputation/and/a/long/tail";
  std::string buffer;
  EXPECT_EQ(allocations_of([&] {
              walk_parents(topic, buffer, [](std::string_view) { return true; });
              EXPECT_TRUE(is_valid_topic(topic) && filter_matches("/mcafee/#", topic));
            }),
            0U);
}

TEST(HotPath, ParsingAndReadingJsonAllocateNothing) {
  JsonDocument document;
  const std::string text =
      R"({"hashes":[{"type":"md5","value":"8se7isyX+S6Yei1Ah9AhsQ=="},{"type":"sha1","value":"x"}]})";
  EXPECT_EQ(allocations_of([&] {
              const auto value = document.parse(text);
              std::size_t members = 0;
              value->find("hashes")->for_each_element([&members](const JsonValue& hash) {
                hash.for_each_member([&members](std::string_view, const JsonValue&) {
                  ++members;
                  return true;
                });
                return true;
              });
              EXPECT_EQ(members, 4U);
            }),
            0U);
}

}  // namespace
}  // namespace dxl
