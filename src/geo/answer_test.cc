#include "geo/answer.h"

#include <gtest/gtest.h>

namespace sluice::geo {
namespace {

Answer to(std::string text, bool is_error = true) {
  return parse_answer({.kind = is_error ? resp::Reply::Kind::kError : resp::Reply::Kind::kSimple,
                       .text = std::move(text),
                       .elements = {}});
}

TEST(Answers, AreUnderstood) {
  EXPECT_EQ(to("OK", false).verdict, Verdict::kApplied);
  EXPECT_EQ(to("DUPLICATE", false).verdict, Verdict::kDuplicate);
  EXPECT_EQ(to("GEOBEHIND 1.2 3 not seen").verdict, Verdict::kBehind);
  EXPECT_EQ(to("GEOAHEAD 90000").verdict, Verdict::kAhead);
  EXPECT_EQ(to("GEODETACHED 3").verdict, Verdict::kDetached);
  EXPECT_EQ(to("READONLY You can't write against a read only replica.").verdict,
            Verdict::kNoMaster);
  EXPECT_EQ(to("OOM command not allowed").verdict, Verdict::kRefused);
}

TEST(Answers, NameWhatIsMissing) {
  EXPECT_EQ(to("GEOGAP 3.17 42").dot, (crdt::Dot{{3, 17}, 42}));
  EXPECT_EQ(to("GEOWAIT 16.1 1 bring this first").dot, (crdt::Dot{{16, 1}, 1}));
}

TEST(Answers, NameWhoBringsASnapshot) {
  const auto answer =
      to("GEOMERGING the us brings keeper brings a snapshot, which is being merged");
  EXPECT_EQ(answer.verdict, Verdict::kMerging);
  EXPECT_EQ(answer.source, "the us brings keeper");
  EXPECT_EQ(to("GEOMERGING nobody brings a snapshot").source, kNobodyMerges);
  EXPECT_EQ(to("GEOMERGING").verdict, Verdict::kMerging);
}

TEST(Answers, ThatNameNothingAreRefusals) {
  EXPECT_EQ(to("GEOGAP").verdict, Verdict::kRefused);
  EXPECT_EQ(to("GEOWAIT 99.1 1").verdict, Verdict::kRefused);
  EXPECT_EQ(to("GEOGAP 1.x 5").verdict, Verdict::kRefused);
  EXPECT_EQ(to("").verdict, Verdict::kRefused);
}

}  // namespace
}  // namespace sluice::geo
