// lineage.json and archive.json: read back as written, and refused when damaged.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include "replog/archive_file.h"
#include "replog/archive_world_test.h"
#include "replog/lineage_file.h"

namespace sluice::replog {
namespace {

using repl::Offset;

LineageFile lineage() {
  LineageFile file;
  file.begin = Offset{150};
  file.durable = Offset{900};
  file.first_db = 3;
  file.origins = {{replid('a'), Offset{100}}, {replid('b'), Offset{500}}};
  file.snapshots = {{.at = {replid('a'), Offset{200}},
                     .db = 9,
                     .bytes = 1ULL << 40,
                     .keys = 12,
                     .wall_ms = 1'700'000'000'000,
                     .file_name = "00000000000000000200-1.rdb"}};
  file.diverged = {"diverged-x"};
  file.next_snapshot = 2;
  file.cut = Cut{.at = Offset{300}, .segment = Offset{200}, .entries = 1, .last = {}};
  file.cut->last.offset = Offset{250};
  file.cut->last.length = 50;
  return file;
}

TEST(LineageFile, IsReadBackAsItWasWritten) {
  const auto written = seal_metadata(to_json(lineage()));
  const auto body = open_metadata(written);
  ASSERT_TRUE(body);
  const auto read = lineage_from_json(*body);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(seal_metadata(to_json(*read)), written);
  EXPECT_EQ(read->cut->last, lineage().cut->last);
  EXPECT_EQ(read->snapshots[0].keys, 12U);
}

TEST(LineageFile, RefusesOneFromANewerRelease) {
  auto body = to_json(lineage());
  body["format"] = LineageFile::kFormat + 1;
  EXPECT_EQ(lineage_from_json(body).error().code, Errc::kRejected);
}

TEST(LineageFile, RefusesWhatCannotBe) {
  const auto refuses = [](const auto& change) {
    auto body = to_json(lineage());
    change(body);
    const auto read = lineage_from_json(body);
    return !read && read.error().code == Errc::kCorrupt;
  };
  EXPECT_TRUE(refuses([](auto& b) { b.erase("begin"); }));
  EXPECT_TRUE(refuses([](auto& b) { b["begin"] = -1; }));
  EXPECT_TRUE(refuses([](auto& b) { b["begin"] = 99; }));
  EXPECT_TRUE(refuses([](auto& b) { b["origins"] = nlohmann::json::array(); }));
  EXPECT_TRUE(refuses([](auto& b) { b["origins"][1]["offset"] = 99; }));
  EXPECT_TRUE(refuses([](auto& b) { b["origins"][0]["replid"] = "xyz"; }));
  EXPECT_TRUE(refuses([](auto& b) { b["snapshots"][0]["file"] = "../../etc/passwd.rdb"; }));
  EXPECT_TRUE(refuses([](auto& b) { b["cut"]["offset"] = 301; }));
  EXPECT_TRUE(refuses([](auto& b) { b["cut"]["last"] = "00"; }));
}

TEST(ArchiveFile, IsReadBackAsItWasWritten) {
  ArchiveFile file;
  file.keeper_id = std::string(40, 'c');
  file.next_lineage = 9;
  file.active = "l0000000001";
  file.incoming = {.lineage = "l0000000008", .quarantine = "it shrank"};
  file.retired = {{"l0000000000", 5}};
  const auto written = seal_metadata(to_json(file));
  const auto read = archive_from_json(*open_metadata(written));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(seal_metadata(to_json(*read)), written);
  EXPECT_TRUE(read->names("l0000000008"));
  EXPECT_FALSE(read->names("l0000000002"));
}

TEST(ArchiveFile, RefusesNamesThatAreNoLineages) {
  ArchiveFile file;
  file.keeper_id = std::string(40, 'c');
  file.active = "../elsewhere";
  EXPECT_EQ(archive_from_json(to_json(file)).error().code, Errc::kCorrupt);
}

RC_GTEST_PROP(MetadataProp, NoticesAnyFlippedBitAndAnyTruncation, ()) {
  auto text = seal_metadata(to_json(lineage()));
  const auto bit = *rc::gen::inRange<std::size_t>(0, text.size() * 8);
  if (*rc::gen::arbitrary<bool>()) {
    text.resize(bit / 8);
  } else {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
  }
  const auto body = open_metadata(text);
  RC_ASSERT(!body);
  RC_ASSERT(body.error().code == Errc::kCorrupt);
}

}  // namespace
}  // namespace sluice::replog
