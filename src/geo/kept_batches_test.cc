#include "geo/kept_batches.h"

#include <gtest/gtest.h>

#include "crdt/wire.h"

namespace sluice::geo {
namespace {

constexpr repl::Offset kAt{77};

std::string batch(crdt::Seq first, std::uint32_t count) {
  crdt::Batch made;
  made.header.actor = {1, 5};
  made.header.first = first;
  made.header.count = count;
  for (std::uint32_t i = 0; i < count; ++i)
    made.ops.push_back({.key = {0, "key"}, .effect = crdt::Increment{1}});
  return crdt::encode(made);
}

std::string list(const std::vector<std::string>& texts) {
  crdt::Writer out;
  out.fixed(texts.size());
  for (const auto& text : texts) {
    out.fixed(text.size());
    out.raw(text);
  }
  return out.take();
}

// As src/module/saved_state.h has it.
std::string saved(char version) {
  return version + list({"the region's own"}) + list({batch(3, 2), batch(5, 0), batch(5, 1)}) +
         list({}) + std::string(16, '\0');
}

TEST(KeptBatches, AreFoundInWhatTheModuleSaved) {
  for (const char version : {'\x02', '\x03'}) {
    const auto found = kept_batches(saved(version), kAt);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ(found->at(0).header.first, 3U);
    EXPECT_EQ(found->at(1).bytes, batch(5, 1));
    EXPECT_EQ(found->at(1).begin, kAt);
    EXPECT_FALSE(found->at(1).is_foreign);
  }
}

TEST(KeptBatches, AreNoneOfAnotherVersion) {
  EXPECT_TRUE(kept_batches("", kAt)->empty());
  EXPECT_TRUE(kept_batches(saved('\x01'), kAt)->empty());
  EXPECT_TRUE(kept_batches(saved('\x04'), kAt)->empty());
}

TEST(KeptBatches, AreRefusedWhereTheyEndEarlyOrAreNone) {
  const auto whole = saved('\x03');
  const auto kept = whole.size() - 8 - 16;  // before the positions
  for (std::size_t size = 1; size < kept; ++size)
    EXPECT_FALSE(kept_batches(std::string_view(whole).substr(0, size), kAt)) << size;
  EXPECT_FALSE(kept_batches("\x03" + list({"state"}) + list({"no batch"}), kAt));
}

}  // namespace
}  // namespace sluice::geo
