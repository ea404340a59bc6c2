// The front of a region's snapshot: which ops are in it, and whether there are keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crdt/version_vector.h"

namespace sluice::geo {

// The data type under whose name sluice-geo.so saves its state in an RDB: docs/protocol/geo.md.
inline constexpr std::string_view kModuleType = "sluicegeo";
// Its id there: nine letters of six bits, then ten bits of version (Redis: moduleTypeEncodeId).
std::uint64_t module_type_id(std::string_view name);

// Reads an RDB as far as its first key. What is long is skipped, never held.
class SnapshotFront {
 public:
  static constexpr std::size_t kVectorBytesMax = 1U << 20;

  // Any piece, in order. kProtocol: this is no RDB, or no vector.
  Result<> feed(std::string_view bytes);

  bool is_known() const { return phase_ == Phase::kDone; }
  // Absent: the snapshot's maker has no module.
  const std::optional<crdt::VersionVector>& vector() const { return vector_; }
  bool has_keys() const { return has_keys_; }

 private:
  enum class Phase : std::uint8_t { kMagic, kOpcode, kModule, kModuleValue, kDone };
  struct Length {
    std::uint64_t value = 0;
    bool is_encoding = false;  // of a string: not its length but how it is packed
    std::size_t bytes = 0;
  };

  Result<bool> step();
  Result<bool> opcode(std::uint8_t byte);
  Result<bool> module_value();
  Result<bool> pass_string(bool is_wanted);
  Result<bool> pass_packed(const Length& encoding, bool is_wanted);
  bool pass(std::size_t bytes);
  Result<> read_vector(std::string_view bytes);
  std::optional<Length> length_at(std::size_t at) const;

  Phase phase_ = Phase::kMagic;
  std::string held_;
  std::uint64_t skip_ = 0;
  int strings_to_pass_ = 0;
  bool is_ours_ = false;  // the aux of the module being read
  std::uint64_t value_opcode_ = 0;
  std::optional<crdt::VersionVector> vector_;
  bool has_keys_ = false;
};

}  // namespace sluice::geo
