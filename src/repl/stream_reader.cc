#include "repl/stream_reader.h"

#include <algorithm>
#include <utility>

namespace sluice::repl {
namespace {

using Kind = StreamCommandKind;

// A SELECT must be understood whatever the caller's limits are.
constexpr std::size_t kArgumentsMin = 2;
constexpr std::size_t kArgumentBytesMin = 12;

}  // namespace

StreamReader::StreamReader(Mark from, Limits limits)
    : limits_{.argument_bytes = std::max(limits.argument_bytes, kArgumentBytesMin),
              .arguments = std::max(limits.arguments, kArgumentsMin),
              .command_bytes = std::max(limits.command_bytes, kArgumentsMin * kArgumentBytesMin)},
      at_(from.offset),
      db_(from.db) {}

Result<std::optional<StreamCommand>> StreamReader::next() {
  using Event = StreamFraming::Event;
  while (!fed_.empty()) {
    const bool begins = framing_.between_commands();
    if (begins) command_.begin = at_;
    const auto before = fed_.size();
    const auto step = framing_.next(fed_);
    at_ = at_ + (before - fed_.size());
    if (!step) return refuse(step.error().detail);
    switch (step->event) {
      case Event::kNone:
      case Event::kBlank:
        break;
      case Event::kCommand:
        command_.arguments_count = framing_.arguments();
        kept_bytes_ = 0;
        break;
      case Event::kArgument:
        if (command_.arguments.size() < limits_.arguments) {
          command_.arguments.push_back({.text = {}, .bytes = framing_.argument_bytes()});
        }
        break;
      case Event::kBody:
        keep(step->body);
        break;
      case Event::kArgumentEnd:
        TRY_VOID(argument_ended());
        if (framing_.arguments_left() == 0) return command_ended();
        break;
    }
  }
  return std::nullopt;
}

// The present argument, unless it is beyond the last one kept.
void StreamReader::keep(std::string_view piece) {
  const auto index = framing_.arguments() - framing_.arguments_left();
  if (index + 1 != command_.arguments.size()) return;
  auto& text = command_.arguments.back().text;
  const auto room =
      std::min(limits_.argument_bytes - text.size(), limits_.command_bytes - kept_bytes_);
  const auto count = std::min(piece.size(), room);
  text.append(piece.substr(0, count));
  kept_bytes_ += count;
}

Result<> StreamReader::argument_ended() {
  const auto ended = framing_.arguments() - framing_.arguments_left();
  if (ended > 2) return {};
  const auto& text = command_.arguments.back().text;
  if (ended == 1) kind_ = stream_command_kind(text, framing_.arguments());
  if (ended != 2 || kind_ != Kind::kSelect) return {};
  const auto db = parse_db(text);
  if (!db) return refuse(db.error().detail);
  db_ = *db;
  return {};
}

StreamCommand StreamReader::command_ended() {
  if (kind_ == Kind::kMulti) {
    if (!in_multi_) db_before_multi_ = db_;
    in_multi_ = true;
  }
  if (kind_ == Kind::kDiscard && in_multi_) db_ = db_before_multi_;
  command_.end = at_;
  command_.db = db_;
  command_.in_transaction = in_multi_;
  if (kind_ == Kind::kExec || kind_ == Kind::kDiscard) in_multi_ = false;
  return std::exchange(command_, {});
}

tl::unexpected<Error> StreamReader::refuse(const std::string& what) const {
  return fail(Errc::kProtocol, "offset " + std::to_string(at_.bytes()) + ": " + what);
}

}  // namespace sluice::repl
