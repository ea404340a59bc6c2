// An op: the effect of one write on one key, as it travels between regions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "crdt/dot.h"

namespace sluice::crdt {

struct KeyName {
  std::uint32_t db = 0;
  std::string name;
  friend auto operator<=>(const KeyName&, const KeyName&) = default;
};

// A key's name that somebody else keeps.
struct KeyView {
  std::uint32_t db = 0;
  std::string_view name = {};

  KeyView() = default;
  KeyView(std::uint32_t database, std::string_view key_name) : db(database), name(key_name) {}
  // NOLINTNEXTLINE(google-explicit-constructor): a view of it
  KeyView(const KeyName& key) : db(key.db), name(key.name) {}
  KeyName owned() const { return {db, std::string(name)}; }
  friend auto operator<=>(const KeyView&, const KeyView&) = default;
  friend bool operator==(const KeyView&, const KeyView&) = default;
};

// Unix time in milliseconds at which the key ends.
using Deadline = std::uint64_t;
inline constexpr Deadline kNoDeadline = UINT64_MAX;

// Every effect removes, of what it replaces, only what its maker had seen (its context): a concurrent
// write to the same element survives it.

// --- the whole key ----------------------------------------------------------------------------

// DEL, UNLINK, GETDEL, the source of RENAME and MOVE; `expired`: the deadline passed. Also whenever the removal
// of its last element ended a key (where Redis raises "del" after "srem"): its deadline ends with it.
struct RemoveKey {
  bool expired = false;
};
// EXPIRE*, PERSIST (kNoDeadline), GETEX. Concurrent: the latest counts.
struct SetDeadline {
  Deadline deadline = kNoDeadline;
};

// --- strings ----------------------------------------------------------------------------------

// A write of the whole value over whatever was there. The deadline is part of it (SET clears it).
struct WriteString {
  std::string value;
  Deadline deadline = kNoDeadline;
};
// A write that keeps the deadline: APPEND, SETRANGE, SETBIT, BITFIELD, SET KEEPTTL.
struct ChangeString {
  std::string value;
};
struct Increment {
  std::int64_t by = 0;
};
// `by` is decimal, as Redis parses a long double. `result` is what the maker then had: Region::note fills it in.
// It stands for the value before, which the maker cannot know once the native write is done.
struct IncrementFloat {
  std::string by;
  std::string result = {};
};
struct AddToHll {
  std::vector<std::string> elements;
};
struct MergeHll {
  std::string registers;
};  // PFMERGE: a whole HyperLogLog string, joined by maximum

// --- elements; several of one command travel together ------------------------------------------

struct Field {
  std::string name;
  std::string value;
};
struct WriteFields {
  std::vector<Field> fields;
};
struct IncrementField {
  std::string name;
  std::int64_t by = 0;
};
struct IncrementFieldFloat {
  std::string name;
  std::string by;
  std::string result = {};  // as IncrementFloat's
};
struct RemoveFields {
  std::vector<std::string> names;
};

struct AddMembers {
  std::vector<std::string> members;
};
struct RemoveMembers {
  std::vector<std::string> members;
};

struct Score {
  std::string member;
  double score = 0;
};
struct WriteScores {
  std::vector<Score> scores;
};
struct IncrementScore {
  std::string member;
  double by = 0;
  double result = 0;  // as IncrementFloat's
};
struct RemoveScores {
  std::vector<std::string> members;
};

// --- lists: positions count in the list as the maker saw it, before this effect; negative from the tail, as in Redis

// `values` in the order they stand in afterwards, the first at position `at` (0 = head, -1 = after the last).
// `length` is what the list had before: Region::note fills it in, where it is 0, by the list as it is then.
struct InsertElements {
  std::int64_t at = 0;
  std::vector<std::string> values;
  std::uint64_t length = 0;
};
struct RemoveElements {
  std::int64_t at = 0;
  std::uint64_t count = 0;
  std::uint64_t length = 0;
};

// --- streams ----------------------------------------------------------------------------------

struct StreamId {
  std::uint64_t ms = 0;
  std::uint64_t seq = 0;
  friend auto operator<=>(const StreamId&, const StreamId&) = default;
};
struct AddEntry {
  StreamId id;
  std::vector<Field> fields;
};
struct RemoveEntries {
  std::vector<StreamId> ids;
};

// --- everything ---------------------------------------------------------------------------------

inline constexpr std::uint32_t kEveryDb = UINT32_MAX;
struct Flush {
  std::uint32_t db = kEveryDb;
};  // FLUSHDB, FLUSHALL; the key's name is empty
struct WriteLibrary {
  std::string name;
  std::string code;
};  // FUNCTION LOAD; no code: deleted
// Nothing: the first op of an incarnation, which others have seen when they have seen it begin.
struct Begin {};
// In the place of Begin, where native writes of the incarnation before are here that no batch has described here. Somebody
// may have that batch, so they keep the names that they have in it: they are its ops `first` and following. All of
// them are stamped `base`, as the batch said of those that are not ordered by time. It is alone in its batch, and
// its context lacks what it describes.
struct TakeOver {
  std::uint32_t former = 0;  // incarnation
  Seq first = 1;
  Hlc base;
  std::string ops;  // as in a batch: see ops_of() in batch.h
};
// Who counts as a member: departure.h. `staying`: bit n for each region n that its maker then counted.
struct Leave {
  std::uint64_t region = 0;
  std::uint64_t staying = 0;
};
struct Return {
  std::uint64_t region = 0;
};

using Effect =
    std::variant<RemoveKey, SetDeadline, WriteString, ChangeString, Increment, IncrementFloat,
                 AddToHll, MergeHll, WriteFields, IncrementField, IncrementFieldFloat, RemoveFields,
                 AddMembers, RemoveMembers, WriteScores, IncrementScore, RemoveScores,
                 InsertElements, RemoveElements, AddEntry, RemoveEntries, Flush, WriteLibrary,
                 Begin, TakeOver, Leave, Return>;

struct Op {
  KeyName key;
  Effect effect;
  // The maker saw no such key before: this effect made it, and no older deadline applies to it. Of a RemoveKey: the
  // maker had removed all elements before, each by its own effect.
  bool creates = false;
};

}  // namespace sluice::crdt
