#include "geo/snapshot_reader.h"

#include <gtest/gtest.h>
#include <map>

namespace sluice::geo {
namespace {

std::string of_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t at = 0; at < hex.size(); at += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16));
  return bytes;
}

std::map<std::string, std::string> values_of(std::string_view rdb, std::size_t piece) {
  SnapshotReader reader;
  std::map<std::string, std::string> values;
  for (std::size_t at = 0; at < rdb.size(); at += piece) {
    EXPECT_TRUE(reader.feed(rdb.substr(at, piece)));
    for (auto item = reader.next(); item && *item; item = reader.next())
      if (const auto* const key = std::get_if<SnapshotKey>(&**item)) values[key->name] = key->value;
  }
  EXPECT_TRUE(reader.finish());
  return values;
}

// Valkey 9.1: a packed set "s", and a stream "x" of two entries with a group of two consumers.
constexpr std::string_view kNewer =
    "56414c4b4559303830fa0a76616c6b65792d76657205392e312e32fa0a72656469732d62697473c040fa056374696d"
    "65c2c349046bfa08757365642d"
    "6d656dc208e41100fa08616f662d62617365c000fe00fb0200140173c34080540e1e0e1400000c00816102866d656d"
    "62657207dffb026401cfff02d0"
    "0002e04678e03c001248f1307503f200008004f30094357705f40100400008200009f08813000079e0ff00e0ff00e0"
    "ff00e0ff00e0ff00e0ff00e0ff"
    "00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ff00e0ee0002278dff150178011000"
    "00000000000001000000000000"
    "000128280000000f00020100010101816602000102010001000181760204010201010100018177020401ff02020101"
    "01000002010167010101010000"
    "00000000000100000000000000013022c008a2010000010201633022c008a20100003022c008a20100000100000000"
    "00000001000000000000000104"
    "69646c653022c008a2010000ffffffffffffffff00ff513a3d9be87c591a";

// The same stream without the times when consumers were active.
constexpr std::string_view kStream =
    "1301100000000000000001000000000000000128280000000f00020100010101816602000102010001000181760204"
    "010201010100018177020401ff"
    "020201010100000201016701010101000000000000000100000000000000013022c008a2010000010201633022c008"
    "a2010000010000000000000001"
    "00000000000000010469646c653022c008a20100000009002866d45c0e55ffcf";

std::string counted(std::string_view bytes) {
  std::string text = "\x81";
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(bytes.size() >> shift);
  return text.append(bytes);
}

TEST(SnapshotReader, GivesValuesOfNewerServersAsRedis70ReadsThem) {
  for (const std::size_t piece : {1, 1000}) {
    const auto values = values_of(of_hex(kNewer), piece);
    ASSERT_EQ(values.size(), 2U);
    const auto& set = values.at("s");
    std::string members = "a,member,-5,100,4095,-4096,30000,-8388608,2000000000,9007199254740993,";
    members += std::string(70, 'x') + ',' + std::string(5000, 'y') + ',';
    auto size = set.size() - 1 - 9 - 2 - 8;  // type; number of members; version; checksum
    EXPECT_EQ(set.substr(0, 10), ("\2\x81" + std::string(7, '\0')) + "\xc");
    for (std::size_t at = 0; at < members.size(); at = members.find(',', at) + 1) {
      const auto member = counted(members.substr(at, members.find(',', at) - at));
      EXPECT_NE(set.find(member), std::string::npos) << member;
      size -= member.size();
    }
    EXPECT_EQ(size, 0U);
    EXPECT_EQ(values.at("x"), of_hex(kStream));
  }
}

}  // namespace
}  // namespace sluice::geo
