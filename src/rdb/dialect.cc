#include "rdb/dialect.h"

#include <array>
#include <charconv>
#include <string>
#include <system_error>

namespace sluice::rdb {
namespace {

// Redis: rdbSaveObject and rdbLoadObject in rdb.c. 6 and 246 were never in a release.
constexpr std::array<const char*, 22> kSharedTypes = {
    "ss",     // 0 string
    "s[s]",   // 1 list
    "s[s]",   // 2 set
    "s[sd]",  // 3 sorted set, scores in text
    "s[ss]",  // 4 hash
    "s[s8]",  // 5 sorted set, binary scores
    nullptr,
    "slm",  // 7 module
    nullptr,
    "ss",    // 9 hash as zipmap
    "ss",    // 10 list as ziplist
    "ss",    // 11 set as intset
    "ss",    // 12 sorted set as ziplist
    "ss",    // 13 hash as ziplist
    "s[s]",  // 14 list as quicklist of ziplists
    // 15 stream: listpacks; length, last id; groups: name, last id, pending, consumers and theirs
    "s[ss]lll[sll[x8l][s8[x]]]",
    "ss",     // 16 hash as listpack
    "ss",     // 17 sorted set as listpack
    "s[ls]",  // 18 list as quicklist of listpacks
    // 19 adds first id, maximal deleted id, entries added; entries read by each group
    "s[ss]llllllll[slll[x8l][s8[x]]]",
    "ss",  // 20 set as listpack
    // 21 adds when each consumer was active
    "s[ss]llllllll[slll[x8l][s88[x]]]",
};

const char* redis_layout(std::uint8_t byte) {
  switch (byte) {
    case 24:
      return "s8[lss]";  // hash with fields that expire: soonest; time after it, field, value
    case 25:
      return "s8s";  // the same as a listpack
    default:
      return nullptr;
  }
}

const char* valkey_layout(std::uint8_t byte) {
  switch (byte) {
    case 22:
      return "s[ss8]";  // hash with fields that expire: field, value, time
    case kSlotImport:
      return "s[ll]";  // job; ranges of slots
    default:
      return nullptr;
  }
}

const char* opcode_layout(std::uint8_t byte) {
  switch (byte) {
    case kSlotSizes:
      return "lll";
    case kFunction:
      return "s";
    case kModuleAux:
      return "lllm";  // module; opcode and value of when it is to be loaded
    case kIdle:
      return "l";
    case kFrequency:
      return "1";
    case kAux:
      return "cc";
    case kResizeDb:
      return "ll";
    case kExpireMs:
      return "8";
    case kExpireSeconds:
      return "4";
    case kSelectDb:
      return "D";
    case kEof:
      return "";
    default:
      return nullptr;
  }
}

}  // namespace

Result<Dialect> parse_magic(std::string_view magic) {
  const bool is_valkey = magic.starts_with("VALKEY");
  const auto digits = magic.substr(is_valkey ? 6 : 5);
  std::uint32_t version = 0;
  const auto* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, version);
  const bool is_ours = is_valkey || magic.starts_with("REDIS");
  if (!is_ours || error != std::errc{} || end != last || version == 0) {
    return fail(Errc::kProtocol, "not an RDB: wrong magic");
  }
  if (is_valkey != (version >= 80)) {
    return fail(Errc::kProtocol, "RDB of an unknown kind: " + std::string(magic));
  }
  return Dialect{is_valkey ? Engine::kValkey : Engine::kRedis, version};
}

const char* layout(Dialect dialect, std::uint8_t byte) {
  if (byte < kSharedTypes.size()) return kSharedTypes.at(byte);
  if (byte >= kSlotSizes) return opcode_layout(byte);
  return dialect.engine == Engine::kValkey ? valkey_layout(byte) : redis_layout(byte);
}

}  // namespace sluice::rdb
