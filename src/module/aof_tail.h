// What an AOF ends with: the native writes that its last batch does not describe. No event tells their arguments while
// the AOF is loaded, so they are read before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crdt/dot.h"
#include "resp/command_reader.h"

namespace sluice::module {

struct AofCommand {
  std::uint32_t db = 0;
  std::vector<std::string_view> words;  // never empty; of the tail that gave them
};

// Of an AOF's commands, in their order: those before which batches have told of all native writes. Not so before
// GEO.POSITION, a batch that another one goes on with, and one that is sent again.
class TurnEnds {
 public:
  bool is_one(std::span<const std::string_view> words);

 private:
  crdt::Dot newest_;  // of the batches so far
};

// Reads the files of an AOF, one after the other, but for those that are RDBs. Commands and their transactions as
// loadSingleAppendOnlyFile() takes them (aof.c of 7.0).
class AofTail {
 public:
  // One turn's writes. Those of a longer one are known by their keys alone.
  static constexpr std::size_t kBytesMax = std::size_t{64} << 20U;

  explicit AofTail(std::size_t bytes_max = kBytesMax);

  void begin_file();
  // kProtocol: this is no AOF. The server ends then, too.
  Result<void> feed(std::string_view bytes);

  std::uint64_t turns() const { return turns_; }  // that have ended
  // What follows the last end, but for a command or a transaction that has none, which servers drop. Nothing: it is
  // longer than bytes_max.
  std::optional<std::vector<AofCommand>> commands() const;

 private:
  struct Head {
    std::uint32_t db = 0;
    std::size_t words = 0;
  };

  void add(resp::Command words);
  void keep(resp::Command words);
  void begin_turn(std::size_t heads_before);

  std::size_t bytes_max_;
  resp::CommandReader reader_;
  std::uint32_t db_ = 0;
  TurnEnds ends_;
  std::uint64_t turns_ = 0;

  // Flat, since nearly all of it is dropped with the next batch.
  std::vector<Head> heads_;
  std::vector<std::size_t> sizes_;  // of words
  std::string bytes_;
  bool is_too_long_ = false;

  // Of a transaction that is open: how many commands stand before it, turns that end in it, and how many commands stand before
  // the end of the last.
  std::optional<std::size_t> multi_at_;
  std::uint64_t multi_turns_ = 0;
  std::size_t multi_turn_at_ = 0;
};

}  // namespace sluice::module
