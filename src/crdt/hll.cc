#include "crdt/hll.h"

#include <cstddef>
#include <cstdint>

namespace sluice::crdt {
namespace {

constexpr std::size_t kRegisters = 16384;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kDenseBytes = kRegisters * 6 / 8;
constexpr std::size_t kEncodingAt = 4;

std::uint32_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

// Six bits each, the lowest first.
std::string dense(std::string_view packed) {
  std::string registers;
  registers.reserve(kRegisters);
  for (std::size_t i = 0; i < kRegisters; ++i) {
    const std::size_t at = i * 6 / 8;
    const std::uint32_t next = at + 1 < packed.size() ? byte_at(packed, at + 1) : 0;
    registers.push_back(static_cast<char>((byte_at(packed, at) | next << 8U) >> (i * 6 % 8) & 63U));
  }
  return registers;
}

// Runs: 00xxxxxx zeros, 01xxxxxx yyyyyyyy many zeros, 1vvvvvxx of a value.
std::optional<std::string> sparse(std::string_view runs) {
  std::string registers;
  for (std::size_t at = 0; at < runs.size(); ++at) {
    const std::uint32_t first = byte_at(runs, at);
    std::size_t length = (first & 63U) + 1;
    char value = 0;
    if ((first & 0x80U) != 0) {
      length = (first & 3U) + 1;
      value = static_cast<char>((first >> 2U & 31U) + 1);
    } else if ((first & 0x40U) != 0) {
      if (++at == runs.size()) return std::nullopt;
      length = ((first & 63U) << 8U | byte_at(runs, at)) + 1;
    }
    if (registers.size() + length > kRegisters) return std::nullopt;
    registers.append(length, value);
  }
  return registers.size() == kRegisters ? std::optional(std::move(registers)) : std::nullopt;
}

}  // namespace

std::optional<std::string> hll_registers(std::string_view value) {
  if (value.size() < kHeaderBytes || !value.starts_with("HYLL")) return std::nullopt;
  const std::string_view rest = value.substr(kHeaderBytes);
  if (value[kEncodingAt] == 1) return sparse(rest);
  if (value[kEncodingAt] != 0 || rest.size() != kDenseBytes) return std::nullopt;
  return dense(rest);
}

}  // namespace sluice::crdt
