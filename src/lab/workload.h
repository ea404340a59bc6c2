// What a busy cache is asked to do: a mix of writes over a bounded key space, from one seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::lab {

struct WorkloadOptions {
  std::uint64_t keys = 100'000;
  std::size_t value_bytes = 64;
  std::uint64_t seed = 1;
  bool has_expiring_keys = true;   // without them, keys that were there stay there
  bool has_random_values = false;  // of hexadecimal digits: they shrink to a half, not to nothing
};

class Workload {
 public:
  explicit Workload(WorkloadOptions options);

  // SET, SET with an expiry, HSET, INCR, ZADD, SADD, LPUSH + LTRIM in a transaction, DEL. Several
  // belong together and keep their order.
  std::vector<std::vector<std::string>> next();

 private:
  std::uint64_t random();
  void fill(std::string& value, std::size_t bytes);
  std::string key(const char* kind);

  WorkloadOptions options_;
  std::uint64_t state_;
  std::uint64_t made_ = 0;
};

}  // namespace sluice::lab
