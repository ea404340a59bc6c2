// What comes of an upstream's stream while it is being stored.
#pragma once

#include <cstdint>
#include <string_view>

#include "redis/upstream.h"
#include "repl/getack_search.h"
#include "replog/log.h"

namespace sluice::keeper {

// An append takes the bytes that were read, and on its lane those that have come meanwhile: one
// core then receives, checks and writes them, and a hand-over between two carries many reads. The
// core of the link looks at it before and after the append only.
class Arrivals : public replog::ByteSource {
 public:
  explicit Arrivals(redis::Upstream& upstream) : upstream_(upstream) {}

  // The next bytes, perhaps none, for the place `at` of the log.
  void begin(std::string_view bytes, repl::Offset at) {
    at_ = at;
    bytes_ = 0;
    take(bytes);
  }
  std::string_view more() override {
    take(upstream_.read_ahead());
    return last_;
  }

  std::uint64_t bytes() const { return bytes_; }  // since begin()
  // The piece that an append which failed has not taken.
  std::string_view last() const { return last_; }
  // The upstream wants to be told once the log is durable up to here; 0: it does not.
  repl::Offset getack() const { return getack_; }

 private:
  void take(std::string_view bytes) {
    last_ = bytes;
    bytes_ += bytes.size();
    if (search_.feed(bytes)) getack_ = at_ + bytes_;
  }

  redis::Upstream& upstream_;
  repl::GetackSearch search_;
  repl::Offset at_;
  repl::Offset getack_;
  std::uint64_t bytes_ = 0;
  std::string_view last_;
};

}  // namespace sluice::keeper
