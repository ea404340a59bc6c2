// The live ops of one element, by stamp, with what is asked of all of them kept at hand.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crdt/context.h"
#include "crdt/dot.h"
#include "crdt/version_vector.h"

namespace sluice::crdt {

enum class LiveKind : std::uint8_t { kWrite, kIncrement, kIncrementFloat, kAddToHll, kMergeHll };

// An op whose effect on the element nobody has observed and replaced.
struct Live {
  Stamp stamp = {};
  LiveKind kind = LiveKind::kWrite;
  bool creates = false;
  std::int64_t by = 0;  // kIncrement
  // Of a write: its value, where the native one is not just that. Of other kinds: what is added.
  std::optional<std::string> value = {};
  std::string result = {};  // kIncrementFloat: what its maker then had
};

// A counter that everybody increments has as many as come in a round trip, and while a region is away as many
// as came since: no question and no addition may look at each. So what comes late waits behind the others
// until somebody asks for their order.
class LiveOps {
 public:
  bool empty() const { return ops_.empty(); }
  std::size_t size() const { return ops_.size(); }
  auto begin() const { return sorted().begin(); }
  auto end() const { return sorted().end(); }
  auto rbegin() const { return sorted().rbegin(); }
  auto rend() const { return sorted().rend(); }
  const Live& front() const { return sorted().front(); }
  const Live& back() const { return sorted().back(); }
  const Live& operator[](std::size_t at) const { return sorted()[at]; }

  std::size_t count(LiveKind kind) const { return counts_[static_cast<std::size_t>(kind)]; }
  bool has(LiveKind kind) const { return count(kind) > 0; }
  std::int64_t sum() const { return sum_; }  // of kIncrement; it wraps
  std::uint64_t bytes() const { return ops_.size() * sizeof(Live) + text_bytes_; }
  bool covered_by(const Context& context) const;

  void add(Live op);
  void set_value(const Live& of, std::string value) {
    Live& op = ops_[static_cast<std::size_t>(&of - ops_.data())];
    text_bytes_ -= text_bytes(op);
    op.value = std::move(value);
    text_bytes_ += text_bytes(op);
  }
  void restamp(const Live& of, const Stamp& stamp) {
    ops_[static_cast<std::size_t>(&of - ops_.data())].stamp = stamp;
    std::ranges::sort(ops_, {}, &Live::stamp);
    sorted_ = ops_.size();
  }
  template <typename Predicate>
  std::size_t erase_if(Predicate is_gone) {
    sorted();
    const auto gone = std::erase_if(ops_, is_gone);
    sorted_ = ops_.size();
    if (gone > 0) recount();
    return gone;
  }
  void erase_first(std::size_t count);
  void clear() { *this = {}; }

 private:
  static std::uint64_t text_bytes(const Live& op) {
    return op.result.size() + (op.value ? op.value->size() : 0);
  }
  const std::vector<Live>& sorted() const {
    if (sorted_ < ops_.size()) sort();
    return ops_;
  }
  void sort() const;
  void count(const Live& op);
  void recount();

  mutable std::vector<Live> ops_;
  mutable std::size_t sorted_ = 0;         // so many are in order, the rest is late
  std::array<std::uint32_t, 5> counts_{};  // by kind
  std::int64_t sum_ = 0;
  std::uint64_t text_bytes_ = 0;
  std::unique_ptr<VersionVector> newest_;  // of many ops only
};

}  // namespace sluice::crdt
