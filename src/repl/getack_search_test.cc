#include "repl/getack_search.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <string>
#include <vector>

namespace sluice::repl {
namespace {

const std::string kCommand = "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";

TEST(GetackSearch, FindsItAtEveryPlaceOfAStream) {
  for (std::size_t before = 0; before < 200; ++before) {
    GetackSearch search;
    EXPECT_TRUE(search.feed(std::string(before, 'G') + kCommand)) << before;
  }
}

TEST(GetackSearch, FindsItOnceHoweverItIsCut) {
  for (std::size_t cut = 0; cut <= kCommand.size(); ++cut) {
    GetackSearch search;
    const bool first = search.feed(std::string_view(kCommand).substr(0, cut));
    const bool second = search.feed(std::string_view(kCommand).substr(cut));
    EXPECT_NE(first, second) << cut;
  }
  GetackSearch search;
  int found = 0;
  for (const char byte : kCommand + std::string(100, 'x')) found += search.feed({&byte, 1}) ? 1 : 0;
  EXPECT_EQ(found, 1);
}

TEST(GetackSearch, IsNotTakenInByWordsLikeIt) {
  GetackSearch search;
  EXPECT_FALSE(search.feed("GETAC"));
  EXPECT_FALSE(search.feed("GETACGETAKG"));
  EXPECT_FALSE(search.feed(""));
  EXPECT_FALSE(search.feed(std::string(1000, 'G') + "xxxxK" + std::string(1000, 'K')));
}

RC_GTEST_PROP(GetackSearchProp, FindsWhatAPlainSearchOfTheWholeFinds, ()) {
  const auto letters = rc::gen::element('G', 'E', 'T', 'A', 'C', 'K');
  const auto word = rc::gen::element<std::string>("GETACK", "GETAC", "G", "K", "xxxxxxxxxxxxxxxx");
  std::string stream;
  for (const auto& each : *rc::gen::container<std::vector<std::string>>(word)) stream += each;
  stream += *rc::gen::container<std::string>(letters);
  GetackSearch search;
  bool is_found = false;
  for (std::size_t at = 0; at < stream.size();) {
    const auto count = *rc::gen::inRange<std::size_t>(1, 200);
    is_found |= search.feed(std::string_view(stream).substr(at, count));
    at += count;
  }
  RC_ASSERT(is_found == (stream.find("GETACK") != std::string::npos));
}

}  // namespace
}  // namespace sluice::repl
