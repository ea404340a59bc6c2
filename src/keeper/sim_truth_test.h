// What really happened in a simulated replication: every stream that a master wrote, byte by byte,
// every snapshot, every acknowledgement. Readers are judged against it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "repl/position.h"
#include "sim/random.h"

namespace sluice::keeper {

// A data set has between kKeysUsual and kKeysMost keys, or fewer than kKeysFew and is quarantined.
inline constexpr std::uint64_t kKeysFew = 6;
inline constexpr std::uint64_t kKeysMin = 10;  // of the setting quarantine_keys_min
inline constexpr std::uint64_t kKeysUsual = 12;
inline constexpr std::uint64_t kKeysMost = 20;

// A stream under one replid. A promoted master's begins with a copy of what it inherited.
struct Line {
  repl::ReplId id;
  std::uint64_t begin = 0;
  std::string bytes;
  std::vector<std::uint64_t> marks;  // ends of transactions, in order; the first is `begin`
  std::uint32_t db = 0;              // selected at the end
  const Line* parent = nullptr;      // both are equal up to `parted`
  std::uint64_t parted = 0;
  std::uint64_t acked = 0;  // the most that the keeper acknowledged of it
  std::uint64_t keys = 0;   // of its data set, as its master counts them

  // Of a line without a parent, said of all its descendants:
  bool is_held_back = false;  // a data set that must be quarantined, and was not accepted yet
  bool is_rejected = false;   // the operator threw away what was acknowledged of it

  std::uint64_t end() const { return begin + bytes.size(); }
  std::uint64_t mark_at(std::uint64_t offset) const;  // the last one at or before it
  const Line& root() const;
  Line& root() { return const_cast<Line&>(std::as_const(*this).root()); }
};

std::string to_text(const repl::Position& at);

class Truth {
 public:
  explicit Truth(sim::Random& random) : random_(random) {}

  Line& start_line(std::uint64_t keys);
  Line& fork(const Line& parent, std::uint64_t at);
  const Line* find(std::string_view replid) const;
  const Line* find(const repl::ReplId& id) const { return find(id.text()); }
  const std::map<std::string, std::unique_ptr<Line>, std::less<>>& lines() const { return lines_; }

  // Up to where both streams are the same; absent if they never were.
  static std::optional<std::uint64_t> shared(const Line& a, const Line& b);

  // The data set at the end of a line, as its master saves it.
  const std::string& save(const Line& line);

  // Judges what a replica was given. A position is of a line, and within it.
  void judge_snapshot(const repl::Position& at, std::string_view rdb);
  void judge_stream(const repl::Position& at, std::string_view bytes);
  void judge_continued(const repl::Position& from, const repl::ReplId& now);
  // Judges where the keeper asks a master to go on; absent: it asks for everything.
  // On a slow link the request of a connection that the keeper gave up long ago may come after it has
  // acknowledged more on a later one, and is not judged: hence the numbers.
  std::uint64_t count_connection() { return ++connections_; }
  void note_acknowledging(std::uint64_t connection) {
    acknowledging_ = std::max(acknowledging_, connection);
  }
  void judge_asked(const Line& of, const std::optional<repl::Position>& from,
                   std::uint64_t connection);

  // The keeper has one place for what is in quarantine: another full copy of that data set takes it
  // as it begins, before it is whole.
  void begin_copy(const Line& of);
  // A power cut took what the keeper never promised to keep. An acknowledgement that was under way
  // then is of an epoch before, and counts no more.
  void forget_acknowledgements();
  std::uint64_t epoch() const { return epoch_; }
  // The operator answers what is in quarantine: whatever that is.
  void accept_all();
  void reject_all();

  void wrong(std::string what);
  const std::optional<std::string>& violation() const { return violation_; }

 private:
  struct Saved {
    const Line* line;
    std::string rdb;
  };

  repl::ReplId make_id();
  void judge_passed_on(const Line& line);

  sim::Random& random_;
  std::map<std::string, std::unique_ptr<Line>, std::less<>> lines_;
  std::multimap<std::uint64_t, Saved> saved_;
  std::optional<std::string> violation_;
  std::uint64_t epoch_ = 0;
  std::uint64_t connections_ = 0;
  std::uint64_t acknowledging_ = 0;  // the latest of them on which the keeper acknowledged anything
};

}  // namespace sluice::keeper
