// What the bytes of an RDB mean: decided by its magic and version, for Redis and Valkey diverged.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace sluice::rdb {

enum class Engine : std::uint8_t { kRedis, kValkey };

struct Dialect {
  Engine engine = Engine::kRedis;
  std::uint32_t version = 0;

  bool has_checksum() const { return version >= 5; }
  friend bool operator==(const Dialect&, const Dialect&) = default;
};

inline constexpr std::size_t kMagicBytes = 9;

// "REDIS0010", "VALKEY080": Redis writes versions below 80, Valkey from 80 on under its own name.
Result<Dialect> parse_magic(std::string_view magic);

enum Opcode : std::uint8_t {
  kSlotImport = 243,  // Valkey's
  kSlotSizes = 244,
  kFunction = 245,
  kModuleAux = 247,
  kIdle = 248,
  kFrequency = 249,
  kAux = 250,
  kResizeDb = 251,
  kExpireMs = 252,
  kExpireSeconds = 253,
  kSelectDb = 254,
  kEof = 255
};

// What follows an opcode, or the type byte of a value: its key and the value.
//
//   s  a string            l  a length            1 4 8 x  1, 4, 8 or 16 raw bytes
//   c  a string to keep    D  the number of a db  d  a double in text, one length byte before it
//   [ ]  a length, then that many times what is between
//   m  values of a module, each after its opcode, up to an end
//
// Null if the dialect does not know the byte: what follows cannot be skipped.
const char* layout(Dialect dialect, std::uint8_t byte);

inline bool is_value_type(std::uint8_t byte) {
  return byte < 128;
}

}  // namespace sluice::rdb
