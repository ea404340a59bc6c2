// Ops whose native writes are done and which no batch has described yet, in the bytes of the batches to come.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crdt/batch.h"
#include "crdt/one_write.h"
#include "crdt/op.h"
#include "crdt/wire.h"

namespace sluice::crdt {

class NotedOps {
 public:
  explicit NotedOps(std::uint32_t batch_ops_max) : batch_ops_max_(batch_ops_max) {}

  void add(const Op& op, std::uint64_t now_ms);
  void add(const OneWrite& one, std::uint64_t now_ms);
  bool empty() const { return parts_.empty(); }
  std::uint64_t size() const;
  // When the newest was noted; 0 if there is none.
  std::uint64_t newest_ms() const { return newest_ms_; }

  // Of the next batch: what follows its header. 0 and nothing if there is none.
  std::uint32_t next_count() const { return parts_.empty() ? 0 : parts_.front().count; }
  std::string_view next_bytes() const;
  void pop_next();
  void clear();

  // All of them, as they were added.
  std::vector<Op> ops() const;

  void save(Writer& into) const;
  void load(Reader& from);

 private:
  // Bytes that grow at their end, without being set to anything first.
  struct Room {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0, capacity = 0;

    std::string_view view() const { return {bytes.get(), size}; }
    char* more(std::size_t at_most) {
      if (capacity - size < at_most) grow(at_most);
      return bytes.get() + size;
    }
    void grow(std::size_t by);
  };
  struct Part {
    std::uint32_t count = 0;
    bool is_full = false;  // of an op that is alone
    // The newest key: where it stands in `room`.
    std::uint32_t db = 0;
    std::size_t key_at = 0, key_bytes = 0;
    Room room = {};

    bool repeats(const KeyView& key) const {
      if (count == 0 || key_bytes != key.name.size() || db != key.db) return false;
      const char* const before = room.bytes.get() + key_at;
      // Names differ at their ends, if they do: no call then.
      if (key_bytes > 0 && before[key_bytes - 1] != key.name.back()) return false;
      return std::string_view(before, key_bytes) == key.name;
    }
  };
  Part& next_part() {
    const bool is_open = open_ != nullptr && open_->count < batch_ops_max_ && !open_->is_full &&
                         open_->room.size < kBatchBytesEnough;
    return is_open ? *open_ : begin_part();
  }
  Part& begin_part();
  void added(Part& part, const KeyView& key, std::size_t begin, std::uint64_t now_ms);

  std::uint32_t batch_ops_max_;
  std::uint64_t newest_ms_ = 0;
  std::deque<Part> parts_;  // of a batch each
  Part* open_ = nullptr;    // the last of them
  Room spare_;              // of a part that was, for its memory
};

}  // namespace sluice::crdt
