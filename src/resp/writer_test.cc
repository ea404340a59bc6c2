#include "resp/writer.h"

#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <type_traits>

namespace sluice::resp {
namespace {

template <typename... Arguments>
std::string written(void (*append)(std::string&, Arguments...),
                    std::type_identity_t<Arguments>... arguments) {
  std::string out = "before ";
  append(out, arguments...);
  return out.substr(7);
}

TEST(Writer, WritesWhatBothProtocolsShare) {
  EXPECT_EQ(written(append_simple, "OK"), "+OK\r\n");
  EXPECT_EQ(written(append_error, "ERR no"), "-ERR no\r\n");
  EXPECT_EQ(written(append_integer, std::numeric_limits<std::int64_t>::min()),
            ":-9223372036854775808\r\n");
  EXPECT_EQ(written(append_bulk, "a\r\nb"), "$4\r\na\r\nb\r\n");
  EXPECT_EQ(written(append_array, 3), "*3\r\n");
}

TEST(Writer, KeepsLineBreaksOutOfLines) {
  EXPECT_EQ(written(append_error, "ERR a\r\n+OK"), "-ERR a  +OK\r\n");
}

TEST(Writer, SpeaksTheProtocolOfItsClient) {
  constexpr auto kTwo = Protocol::kResp2;
  constexpr auto kThree = Protocol::kResp3;
  EXPECT_EQ(written(append_null, kTwo) + written(append_null, kThree), "$-1\r\n_\r\n");
  EXPECT_EQ(written(append_null_array, kTwo) + written(append_null_array, kThree), "*-1\r\n_\r\n");
  EXPECT_EQ(written(append_boolean, true, kTwo) + written(append_boolean, false, kThree),
            ":1\r\n#f\r\n");
  EXPECT_EQ(written(append_double, 1.5, kTwo) + written(append_double, -0.1, kThree),
            "$3\r\n1.5\r\n,-0.1\r\n");
  EXPECT_EQ(written(append_text, "hi", kTwo) + written(append_text, "hi", kThree),
            "$2\r\nhi\r\n=6\r\ntxt:hi\r\n");
  EXPECT_EQ(written(append_map, 2, kTwo) + written(append_map, 2, kThree), "*4\r\n%2\r\n");
  EXPECT_EQ(written(append_set, 2, kTwo) + written(append_set, 2, kThree), "*2\r\n~2\r\n");
  EXPECT_EQ(written(append_push, 2, kTwo) + written(append_push, 2, kThree), "*2\r\n>2\r\n");
}

TEST(Writer, WritesCommands) {
  std::string out;
  append_command(out, {"SET", "k", ""});
  EXPECT_EQ(out, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
}

}  // namespace
}  // namespace sluice::resp
