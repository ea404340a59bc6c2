// Random commands of every family, as the ops that a module derives from them.
#pragma once

#include <cstdint>
#include <vector>

#include "crdt/model_redis_test.h"

namespace sluice::crdt {

// The same numbers everywhere, a few cycles each.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {}
  std::uint64_t next() {  // SplitMix64
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EB;
    return z ^ (z >> 31U);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool chance(std::uint64_t percent) { return below(100) < percent; }
  template <typename T, std::size_t kSize>
  const T& any(const T (&of)[kSize]) {
    return of[below(kSize)];
  }

 private:
  std::uint64_t state_;
};

enum class Family : std::uint8_t {
  kString,
  kCounter,
  kHash,
  kSet,
  kZset,
  kList,
  kStream,
  kHll,
  kKey,    // DEL, deadlines, RENAME
  kWhole,  // FLUSHDB, FUNCTION
};
inline constexpr int kFamilies = static_cast<int>(Family::kWhole) + 1;

// Each effect of one command is executed on `redis`, then handed to `noted`, as the callbacks of a module are.
class Commands {
 public:
  using Noted = std::function<void(const Op&)>;
  // `region` makes the ids of stream entries unique.
  Commands(ModelRedis& redis, Dice& dice, std::uint64_t region, Noted noted)
      : redis_(redis), dice_(dice), region_(region), noted_(std::move(noted)) {}

  void run(std::uint64_t now_ms);  // of any family
  void run(Family family, std::uint64_t now_ms);

 private:
  void string_command();
  void counter_command();
  void hash_command();
  void set_command();
  void zset_command();
  void list_command();
  void stream_command(std::uint64_t now_ms);
  void hll_command();
  void key_command();
  void whole_command();

  void effect(const KeyName& key, Effect effect);
  void removal(const KeyName& key, Effect effect);  // and the key's, if that empties it
  bool fits(const KeyName& key, ValueType type) const;
  KeyName any_key();
  std::string any_name();
  std::string any_number();

  ModelRedis& redis_;
  Dice& dice_;
  std::uint64_t region_;
  Noted noted_;
};

}  // namespace sluice::crdt
