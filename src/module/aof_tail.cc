#include "module/aof_tail.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "crdt/batch.h"
#include "module/command_table.h"
#include "resp/integer.h"

namespace sluice::module {

namespace {

// The server has loaded each of them once: its own limits were for clients.
resp::CommandLimits no_limits() {
  return {.query_bytes = std::numeric_limits<std::size_t>::max(),
          .line_bytes = std::size_t{64} << 10U,
          .bulk_bytes = std::numeric_limits<std::int64_t>::max() / 2,
          .arguments = std::numeric_limits<std::int32_t>::max()};
}

bool is_ours(std::string_view name) {
  constexpr std::string_view kPrefix = "geo.";
  return is_word(name.substr(0, kPrefix.size()), kPrefix);
}

// XACK and its like tell nothing, and others may read so for long. XSETID decides which ids may follow.
bool is_of_groups_alone(std::string_view name) {
  const CommandRule* const rule = find_rule(name);
  return rule != nullptr && rule->handling == Handling::kLocal && rule->name != "xsetid";
}

}  // namespace

bool TurnEnds::is_one(std::span<const std::string_view> words) {
  if (!is_word(words[0], "geo.ops")) {
    return is_word(words[0], "geo.apply") || is_word(words[0], "geo.merge") ||
           is_word(words[0], "geo.join");
  }
  if (words.size() != 2) return false;
  const auto header = crdt::decode_header(words[1]);
  if (!header || header->more) return false;
  if (header->count == 0) return true;
  const crdt::Dot last{header->actor, header->first + header->count - 1};
  const bool is_news = newest_ < last;
  newest_ = std::max(newest_, last);
  return is_news;
}

AofTail::AofTail(std::size_t bytes_max) : bytes_max_(bytes_max), reader_(no_limits()) {}

void AofTail::begin_file() {
  reader_ = resp::CommandReader(no_limits());
  db_ = 0;
  multi_at_.reset();
}

Result<void> AofTail::feed(std::string_view bytes) {
  reader_.feed(bytes);
  while (true) {
    TRY(const auto command, reader_.next());
    if (!command) return {};
    add(*command);
  }
}

void AofTail::add(resp::Command words) {
  const auto name = words[0];
  if (is_word(name, "select") && words.size() == 2) {
    db_ = static_cast<std::uint32_t>(resp::parse_integer(words[1]).value_or(0));
  } else if (is_word(name, "multi")) {
    multi_at_ = multi_turn_at_ = heads_.size();
    multi_turns_ = 0;
  } else if (is_word(name, "exec")) {
    if (multi_at_ && multi_turns_ > 0) begin_turn(multi_turn_at_);
    turns_ += std::exchange(multi_turns_, 0);
    multi_at_.reset();
  } else if (!ends_.is_one(words)) {
    if (!is_ours(name) && !is_of_groups_alone(name)) keep(words);
  } else if (multi_at_) {
    ++multi_turns_;
    multi_turn_at_ = heads_.size();
  } else {
    ++turns_;
    begin_turn(heads_.size());
  }
}

void AofTail::keep(resp::Command words) {
  const auto size = std::accumulate(words.begin(), words.end(), std::size_t{0},
                                    [](std::size_t sum, auto word) { return sum + word.size(); });
  is_too_long_ |= bytes_.size() + size + words.size() * sizeof(std::size_t) > bytes_max_;
  if (is_too_long_) return;
  heads_.push_back({db_, words.size()});
  for (const auto word : words) {
    sizes_.push_back(word.size());
    bytes_ += word;
  }
}

// The commands before that are told of.
void AofTail::begin_turn(std::size_t heads_before) {
  if (heads_before == heads_.size()) {
    heads_.clear();
    sizes_.clear();
    bytes_.clear();
    is_too_long_ = is_too_long_ && multi_at_;  // in which part of the transaction is not known
    return;
  }
  const auto end = heads_.begin() + static_cast<std::ptrdiff_t>(heads_before);
  const auto words = std::accumulate(heads_.begin(), end, std::size_t{0},
                                     [](std::size_t sum, Head head) { return sum + head.words; });
  const auto words_end = sizes_.begin() + static_cast<std::ptrdiff_t>(words);
  bytes_.erase(0, std::accumulate(sizes_.begin(), words_end, std::size_t{0}));
  sizes_.erase(sizes_.begin(), words_end);
  heads_.erase(heads_.begin(), end);
}

std::optional<std::vector<AofCommand>> AofTail::commands() const {
  if (is_too_long_) return std::nullopt;
  std::vector<AofCommand> commands;
  std::string_view rest = bytes_;
  auto size = sizes_.begin();
  for (const Head& head : std::span(heads_).first(multi_at_.value_or(heads_.size()))) {
    auto& command = commands.emplace_back();
    command.db = head.db;
    for (std::size_t word = 0; word < head.words; ++word, ++size) {
      command.words.push_back(rest.substr(0, *size));
      rest.remove_prefix(*size);
    }
  }
  return commands;
}

}  // namespace sluice::module
