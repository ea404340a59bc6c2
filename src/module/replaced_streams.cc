#include "module/replaced_streams.h"

#include <algorithm>
#include <optional>

#include "module/command_table.h"
#include "module/node.h"
#include "module/observer_step.h"

namespace sluice::module {

namespace {

using crdt::KeyName;
using crdt::StreamId;

constexpr std::uint64_t kRegions = crdt::kRegionIdMax;

// [MAXLEN|MINID [=|~] threshold [LIMIT count]] and NOMKSTREAM, as XADD and XTRIM take them.
struct Options {
  std::optional<std::uint64_t> length_max;
  std::optional<StreamId> id_min;
  std::size_t next = 0;  // the word behind them
};

Options parse(Words words, std::size_t at) {
  Options options;
  while (at < words.size()) {
    const bool is_length = is_word(words[at], "maxlen");
    if (is_word(words[at], "nomkstream")) {
      ++at;
    } else if (is_word(words[at], "limit")) {
      at += 2;
    } else if (is_length || is_word(words[at], "minid")) {
      ++at;
      if (at < words.size() && (words[at] == "=" || words[at] == "~")) ++at;
      if (at >= words.size()) break;
      if (is_length) {
        options.length_max = static_cast<std::uint64_t>(integer(words[at]).value_or(0));
      } else {
        options.id_min = stream_id(words[at]);
      }
      ++at;
    } else {
      break;
    }
  }
  options.next = std::min(at, words.size());
  return options;
}

std::vector<std::string_view> words_of(String** argv, int argc) {
  std::vector<std::string_view> words;
  words.reserve(static_cast<std::size_t>(argc));
  for (int i = 0; i < argc; ++i) words.push_back(bytes_of(argv[i]));
  return words;
}

std::uint64_t stream_length(const Replaced& command) {
  const bool is_stream = command.keyspace().type(command.key()) == crdt::ValueType::kStream;
  return is_stream ? command.keyspace().length(command.key()) : 0;
}

// The entries that trimming may take: trimming goes from the oldest on.
std::vector<StreamId> candidates(const Replaced& command, const Options& options,
                                 std::uint64_t length_after_adding) {
  std::vector<StreamId> ids;
  std::uint64_t count = 0;
  if (options.length_max && length_after_adding > *options.length_max) {
    count = length_after_adding - *options.length_max;
  } else if (options.id_min) {
    count = length_after_adding;
  }
  if (count == 0) return ids;
  for (const auto& id : command.keyspace().entry_ids(command.key(), count)) {
    if (options.id_min && id >= *options.id_min) break;
    ids.push_back(id);
  }
  return ids;
}

// Of the candidates those that are gone: a beginning of them.
void note_trimmed(const Replaced& command, std::vector<StreamId> ids, std::uint64_t removed) {
  if (removed == 0) return;
  ids.resize(std::min<std::size_t>(ids.size(), removed));
  if (!ids.empty()) command.note(command.key(), crdt::RemoveEntries{std::move(ids)});
}

// Ids of different regions differ in their sequence number modulo the number of regions. This is the region's first from `least` on, of the same millisecond; none if its ids are used up.
std::optional<StreamId> own(StreamId least, crdt::RegionId region) {
  const std::uint64_t distance = (region % kRegions + kRegions - least.seq % kRegions) % kRegions;
  if (least.seq > UINT64_MAX - distance) return std::nullopt;
  return StreamId{least.ms, least.seq + distance};
}

StreamId newest(const Replaced& command, Ctx* ctx, String* key) {
  StreamId id;
  if (command.keyspace().type(command.key()) != crdt::ValueType::kStream) return id;
  command.keyspace().close_key();
  const CallReply reply(api::Call(ctx, "XINFO", "cs", "STREAM", key));
  if (reply.failed()) return id;
  for (std::size_t i = 0; i + 1 < api::CallReplyLength(reply.get()); i += 2) {
    if (bytes_of(api::CallReplyArrayElement(reply.get(), i)) == "last-generated-id") {
      return stream_id(bytes_of(api::CallReplyArrayElement(reply.get(), i + 1))).value_or(id);
    }
  }
  return id;
}

// The id for * or ms-*: this region's next above the newest. None, or the newest itself, where the server shall say that there is
// no such id.
std::optional<StreamId> next_id(StreamId last, std::string_view pattern) {
  const bool is_any = pattern == "*";
  StreamId from{static_cast<std::uint64_t>(api::Milliseconds()), 0};
  if (!is_any) {
    const auto asked = stream_id(pattern.substr(0, pattern.size() - 2));
    if (!asked || asked->ms < last.ms) return std::nullopt;
    from.ms = asked->ms;
  }
  if (from.ms <= last.ms) {
    if (last.seq < UINT64_MAX) {
      from = {last.ms, last.seq + 1};
    } else if (is_any && last.ms < UINT64_MAX) {
      from = {last.ms + 1, 0};
    } else {
      return std::nullopt;
    }
  }
  const auto region = node().config().id;
  auto id = own(from, region);
  if (!id && is_any && from.ms < UINT64_MAX) id = own({from.ms + 1, 0}, region);
  return id ? *id : last;
}

}  // namespace

int replaced_xadd(Ctx* ctx, String** argv, int argc) {
  const Replaced command(ctx, "XADD", argv, argc);
  const auto words = words_of(argv, argc);
  const Options options = parse(words, 2);
  const KeyName key = command.key();
  const bool is_new = command.keyspace().type(key) == crdt::ValueType::kNone;
  const std::uint64_t length = stream_length(command);
  auto trimmed = candidates(command, options, length + 1);

  std::vector<String*> arguments(argv + 1, argv + argc);
  std::optional<OwnedString> chosen;
  if (options.next < words.size() &&
      (words[options.next] == "*" || words[options.next].ends_with("-*"))) {
    if (const auto id = next_id(newest(command, ctx, argv[1]), words[options.next])) {
      chosen.emplace(std::to_string(id->ms) + "-" + std::to_string(id->seq));
      arguments[options.next - 1] = chosen->get();
    }
  }
  const CallReply reply(command.run(arguments));
  if (!reply.failed() && api::CallReplyType(reply.get()) == kReplyString) {
    crdt::AddEntry entry;
    entry.id = stream_id(bytes_of(reply.get())).value_or(StreamId{});
    for (std::size_t i = options.next + 1; i + 1 < words.size(); i += 2) {
      entry.fields.push_back({std::string(words[i]), std::string(words[i + 1])});
    }
    const StreamId added = entry.id;
    command.note(key, std::move(entry), is_new);
    if (options.length_max || options.id_min) {
      trimmed.push_back(added);  // MAXLEN 0 takes it too
      note_trimmed(command, std::move(trimmed), length + 1 - stream_length(command));
    }
  }
  return command.answer(reply);
}

int replaced_xtrim(Ctx* ctx, String** argv, int argc) {
  const Replaced command(ctx, "XTRIM", argv, argc);
  const Options options = parse(words_of(argv, argc), 2);
  auto trimmed = candidates(command, options, stream_length(command));
  const CallReply reply(command.run());
  if (!reply.failed() && api::CallReplyType(reply.get()) == kReplyInteger) {
    note_trimmed(command, std::move(trimmed),
                 static_cast<std::uint64_t>(api::CallReplyInteger(reply.get())));
  }
  return command.answer(reply);
}

}  // namespace sluice::module
