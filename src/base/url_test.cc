#include "base/url.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice::base {
namespace {

TEST(RedisUrl, NamesPlaceLoginAndTls) {
  const RedisUrl whole{{"10.0.0.7", 7000}, "sluice", "p@ss/w:d", true};
  EXPECT_EQ(parse_redis_url("rediss://sluice:p%40ss%2Fw:d@10.0.0.7:7000"), whole);
  EXPECT_EQ(parse_redis_url("redis://localhost"), (RedisUrl{{"localhost", 6379}, "", "", false}));
  EXPECT_EQ(parse_redis_url("redis://:secret@[::1]:80/"),
            (RedisUrl{{"::1", 80}, "", "secret", false}));
  EXPECT_EQ(parse_redis_url("redis://[::1]"), (RedisUrl{{"::1", 6379}, "", "", false}));
}

TEST(RedisUrl, KeepsAnAtSignThatNobodyEncoded) {
  EXPECT_EQ(parse_redis_url("redis://u:a@b@host:1")->password, "a@b");
}

TEST(RedisUrl, IsRefusedWithoutRepeatingItsPassword) {
  for (const auto* text :
       {"", "host:6379", "http://u:hush@host:1", "redis://", "redis://u:hush@", "redis://hush@host",
        "redis://u:hush%4@host", "redis://u:hush%zz@host", "redis://u:hush%-1@host",
        "redis://u:hush@host:0", "redis://u:hush@host:65536", "redis://u:hush@host:x",
        "redis://u:hush@host/1", "redis://u:hush@host?x=1", "redis://u:hush@:6379", "redis://u:@h",
        "redis://u:hush@::1:6379", "redis://u:hush@ho st:1", "redis://u:hush@host\n:1"}) {
    const auto url = parse_redis_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().detail.find("hush"), std::string::npos) << url.error().detail;
  }
}

TEST(RedisUrl, HidesItsPasswordFromPeople) {
  const RedisUrl url{{"host", 1}, "us er", "hush", true};
  EXPECT_EQ(to_string(url), "rediss://us%20er:***@host:1");
  EXPECT_EQ(with_password(url), "rediss://us%20er:hush@host:1");
  EXPECT_EQ(to_string(RedisUrl{}), "");
}

RC_GTEST_PROP(RedisUrl, ComesBackWithAnyLogin,
              (std::string user, const std::string& password, std::uint16_t port, bool is_tls)) {
  RC_PRE(port != 0);
  if (password.empty()) user.clear();
  const RedisUrl url{{"db.example", port}, user, password, is_tls};
  RC_ASSERT(parse_redis_url(with_password(url)).value() == url);
}

}  // namespace
}  // namespace sluice::base
