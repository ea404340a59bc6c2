// How many keys the upstream was last seen with, remembered across restarts: a keeper that was
// attached to an empty master must notice, after a reboot of both, that the full one came back empty.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "rt/host.h"

namespace sluice::keeper {

class KeyCount {
 public:
  // Reads what was remembered in `folder`; blocks. What cannot be read counts as 0.
  KeyCount(rt::Host& host, std::unique_ptr<rt::Directory> folder);

  std::uint64_t value() const { return value_; }
  void note(std::uint64_t keys) { value_ = keys; }

  // Writes the value down if it changed by more than a hundredth since it last was. After a failure
  // the next start may read either.
  rt::Task<Result<>> remember();

 private:
  Result<> write(std::uint64_t keys) const;

  rt::Host& host_;
  std::unique_ptr<rt::Directory> folder_;  // null: nothing is remembered
  std::uint64_t value_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace sluice::keeper
