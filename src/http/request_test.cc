#include "http/request.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <vector>

namespace sluice::http {
namespace {

// Every request in `bytes`, fed in pieces of `piece` bytes; ends early at a refusal.
struct Reading {
  std::vector<Request> requests;
  int refused_with = 0;
};

Reading read(std::string_view bytes, std::size_t piece, RequestLimits limits = {}) {
  Reading reading;
  RequestReader reader(limits);
  while (!bytes.empty()) {
    const auto taken = reader.feed(bytes.substr(0, piece));
    if (!taken) {
      reading.refused_with = taken.error().status;
      return reading;
    }
    bytes.remove_prefix(*taken);
    if (reader.is_complete()) reading.requests.push_back(reader.take());
  }
  return reading;
}

constexpr std::string_view kTwo =
    "GET /metrics?a=b HTTP/1.1\r\nHost: x\r\nX-Two: 1\r\nx-two: 2\r\n\r\n"
    "POST http://x/api HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc";

TEST(HttpRequest, IsTheSameHoweverItsBytesAreSplit) {
  for (std::size_t piece = 1; piece <= kTwo.size(); ++piece) {
    const auto [requests, refused_with] = read(kTwo, piece);
    ASSERT_EQ(refused_with, 0);
    ASSERT_EQ(requests.size(), 2U) << piece;
    EXPECT_EQ(requests[0].method, "GET");
    EXPECT_EQ(requests[0].path, "/metrics");
    EXPECT_EQ(requests[0].query, "a=b");
    EXPECT_EQ(requests[0].headers.at("x-two"), "1, 2");
    EXPECT_TRUE(requests[0].is_keep_alive);
    EXPECT_EQ(requests[1].method, "POST");
    EXPECT_EQ(requests[1].path, "/api");
    EXPECT_EQ(requests[1].body, "abc");
    EXPECT_FALSE(requests[1].is_keep_alive);
  }
}

TEST(HttpRequest, IsRefusedWhenItIsNotHttp) {
  EXPECT_EQ(read("*1\r\n$4\r\nPING\r\n", 100).refused_with, 400);
  EXPECT_EQ(read("GET / HTTP/9.9.9\r\n\r\n", 100).refused_with, 400);
  EXPECT_EQ(read("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 100).refused_with, 400);
  EXPECT_EQ(
      read("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 100).refused_with,
      400);
}

TEST(HttpRequest, IsRefusedBeyondEitherLimitAndTakenAtIt) {
  const RequestLimits limits{.head_bytes_max = 6, .body_bytes_max = 2};
  const auto status = [&](std::string_view text) { return read(text, 7, limits).refused_with; };
  EXPECT_EQ(status("GET /12345 HTTP/1.1\r\n\r\n"), 0);
  EXPECT_EQ(status("GET /123456 HTTP/1.1\r\n\r\n"), 431);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nab: cd\r\nef: g\r\n\r\n"), 431);
  EXPECT_EQ(read("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 7,
                 {.head_bytes_max = 100, .body_bytes_max = 2})
                .refused_with,
            413);
  EXPECT_EQ(read("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 7,
                 {.head_bytes_max = 100, .body_bytes_max = 2})
                .refused_with,
            413);
  EXPECT_EQ(read("POST / HTTP/1.1\r\nContent-Length: 1844674407370955160\r\n\r\n", 7).refused_with,
            413);
}

TEST(HttpRequest, CountsItsLimitsAnewForEachOfAConnection) {
  const RequestLimits limits{.head_bytes_max = 6, .body_bytes_max = 0};
  const std::string text = "GET /1234 HTTP/1.1\r\n\r\n";
  EXPECT_EQ(read(text + text + text, 5, limits).requests.size(), 3U);
}

RC_GTEST_PROP(HttpRequest, SurvivesAnyBytes, (const std::string& bytes, std::uint8_t piece)) {
  (void)read("GET /x HTTP/1.1\r\n" + bytes, 1U + piece);
  (void)read(bytes, 1U + piece);
}

}  // namespace
}  // namespace sluice::http
