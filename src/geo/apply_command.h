// A GEO.APPLY: batches that go to our master together. docs/protocol/geo.md
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "geo/courier.h"

namespace sluice::geo {

// Together goes what may be refused together, since it is sent again alone then: Courier::split().
class ApplyCommand {
 public:
  // One holds no more than this, or one batch: for so long our master does nothing else.
  static constexpr std::size_t kBytesMax = std::size_t{64} * 1024;

  bool takes(const Courier::Apply& next) const;
  void add(const Courier::Apply& next);

  std::size_t batches() const { return batches_.size(); }
  std::size_t bytes() const { return bytes_; }
  // With the position of `source` in the stream `replid`; and begins anew.
  void append_to(std::string& text, std::string_view source, std::string_view replid);

 private:
  std::vector<Courier::Apply> batches_;
  std::size_t bytes_ = 0;
};

}  // namespace sluice::geo
