#include "repl/stream_scanner.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

#include "repl/stream_leap.h"

namespace sluice::repl {
namespace {

using Kind = StreamCommandKind;

bool equals_folded(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a | 0x20) : a) == b;
  });
}

}  // namespace

StreamCommandKind stream_command_kind(std::string_view name, std::uint32_t arguments) {
  if (arguments == 1 && equals_folded(name, "multi")) return Kind::kMulti;
  if (arguments == 1 && equals_folded(name, "exec")) return Kind::kExec;
  if (arguments == 1 && equals_folded(name, "discard")) return Kind::kDiscard;
  if (arguments == 2 && equals_folded(name, "select")) return Kind::kSelect;
  return Kind::kOther;
}

Result<std::uint32_t> parse_db(std::string_view text) {
  std::int32_t db = -1;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, db);
  const bool canonical = text.size() == 1 || !text.starts_with('0');
  if (error != std::errc{} || end != last || db < 0 || !canonical) {
    return fail(Errc::kProtocol, "SELECT without the number of a database");
  }
  return static_cast<std::uint32_t>(db);
}

Result<> StreamScanner::feed(std::string_view bytes) {
  StreamScanner next = *this;
  while (!bytes.empty()) {
    if (next.may_go_fast()) next.feed_fast(bytes);
    TRY_VOID(next.feed_slowly(bytes));
  }
  *this = next;
  return {};
}

// Between commands, or past the name of one that is of no interest.
bool StreamScanner::may_go_fast() const {
  if (framing_.between_commands()) return true;
  return framing_.between_arguments() && kind_ == Kind::kOther &&
         framing_.arguments_left() < framing_.arguments();
}

void StreamScanner::feed_fast(std::string_view& bytes) {
  const auto passed = leap(bytes, {.arguments = framing_.arguments(),
                                   .arguments_left = framing_.arguments_left(),
                                   .in_multi = in_multi_});
  if (passed.bytes == 0) return;
  // A leap passes no SELECT, so all that is in it happens in one database.
  if (passed.boundary > 0) boundary_ = {end_ + passed.boundary, db_};
  if (passed.in_multi && (!in_multi_ || passed.boundary > 0)) db_before_multi_ = db_;
  in_multi_ = passed.in_multi;
  kind_ = Kind::kOther;
  framing_.resume(passed.arguments, passed.arguments_left);
  commands_ += passed.commands;
  end_ = end_ + passed.bytes;
  bytes.remove_prefix(passed.bytes);
}

// Up to the end of the present argument or of the bytes.
Result<> StreamScanner::feed_slowly(std::string_view& bytes) {
  using Event = StreamFraming::Event;
  while (!bytes.empty()) {
    const auto before = bytes.size();
    const auto step = framing_.next(bytes);
    end_ = end_ + (before - bytes.size());
    if (!step) {
      return fail(Errc::kProtocol,
                  "offset " + std::to_string(end_.bytes()) + ": " + step.error().detail);
    }
    switch (step->event) {
      case Event::kNone:
        return {};
      case Event::kBlank:
        if (!in_multi_) boundary_ = {end_, db_};
        return {};
      case Event::kCommand:
        kind_ = Kind::kOther;
        break;
      case Event::kArgument:
        kept_bytes_ = 0;
        break;
      case Event::kBody:
        keep(step->body);
        break;
      case Event::kArgumentEnd:
        return argument_ended();
    }
  }
  return {};
}

// Longer arguments than we look for keep too many bytes to match anything.
void StreamScanner::keep(std::string_view piece) {
  const auto count = std::min(piece.size(), kept_.size() - kept_bytes_);
  std::copy_n(piece.data(), count, kept_.data() + kept_bytes_);
  kept_bytes_ = static_cast<std::uint8_t>(kept_bytes_ + count);
}

Result<> StreamScanner::argument_ended() {
  const std::string_view kept(kept_.data(), kept_bytes_);
  const auto ended = framing_.arguments() - framing_.arguments_left();
  if (ended == 1) kind_ = stream_command_kind(kept, framing_.arguments());
  if (ended == 2 && kind_ == Kind::kSelect) {
    auto db = parse_db(kept);
    if (!db) {
      return fail(Errc::kProtocol,
                  "offset " + std::to_string(end_.bytes()) + ": " + db.error().detail);
    }
    db_ = *db;
  }
  if (framing_.arguments_left() == 0) command_ended();
  return {};
}

void StreamScanner::command_ended() {
  ++commands_;
  if (kind_ == Kind::kMulti) {
    if (!in_multi_) db_before_multi_ = db_;
    in_multi_ = true;
  }
  if (kind_ == Kind::kDiscard && in_multi_) db_ = db_before_multi_;
  if (kind_ == Kind::kExec || kind_ == Kind::kDiscard) in_multi_ = false;
  if (!in_multi_) boundary_ = {end_, db_};
}

}  // namespace sluice::repl
