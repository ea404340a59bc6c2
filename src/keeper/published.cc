#include "keeper/published.h"

#include <utility>

#include "keeper/call.h"

namespace sluice::keeper {
namespace {

constexpr std::size_t kChunkBytes = 256 * 1024;
constexpr auto kPauseAfterFailure = std::chrono::seconds(1);

// PUBLISH as an argument; Redis passes its name on as the client wrote it, in any case.
constexpr std::string_view kHead = "$7\r\n";
constexpr std::string_view kName = "publish";
constexpr std::size_t kSoughtBytes = kHead.size() + kName.size();

}  // namespace

bool may_publish(std::string_view bytes) {
  for (;;) {
    const auto found = bytes.find(kHead);
    if (found == std::string_view::npos) return false;
    bytes.remove_prefix(found + kHead.size());
    if (same_word(bytes.substr(0, kName.size()), kName)) return true;
  }
}

Published::Published(rt::Host& host, rt::Event& lineage_changed, PublishedHooks hooks)
    : host_(host), lineage_changed_(lineage_changed), hooks_(std::move(hooks)) {}

bool Published::begin() {
  if (is_running_ || is_stopping_) return false;
  is_running_ = true;
  stand_at_end();
  return true;
}

void Published::stop() {
  is_stopping_ = true;
  if (reader_) reader_->cancel();
}

// At a mark, not at the last byte: what is half there is published once it is whole.
void Published::stand_at_end() {
  reader_.reset();
  commands_.reset();
  carry_.clear();
  auto* const log = hooks_.active_log();
  if (log == nullptr) return;
  from_ = log->end();
  stand_at(*log, log->known_mark());
}

void Published::stand_at(replog::Log& log, repl::Mark mark) {
  scanner_.emplace(mark);
  if (!reader_ || reader_->offset() != mark.offset) reader_ = log.read_from(mark.offset);
}

rt::Task<void> Published::run() {
  chunk_.resize(kChunkBytes);
  while (!is_stopping_ && hooks_.is_wanted()) {
    if (!reader_) {
      co_await lineage_changed_.wait();
      if (!is_stopping_) stand_at_end();
      continue;
    }
    const auto followed = co_await follow();
    if (followed || is_stopping_) continue;
    // Another history, or bytes that retention took before they were read: go on at the end.
    reader_.reset();
    const auto until = host_.clock().now() + kPauseAfterFailure;
    (void)co_await lineage_changed_.wait_until(until);
    if (!is_stopping_) stand_at_end();
  }
  is_running_ = false;
  reader_.reset();
  commands_.reset();
  scanner_.reset();
  std::string().swap(chunk_);
}

// The next chunk that comes.
rt::Task<Result<>> Published::follow() {
  CO_TRY(const auto chunk, co_await reader_->next(kChunkBytes));
  // The chunk is in the page cache (replog::Reader), so this does not block.
  CO_TRY(const auto count, chunk.file->read_at(chunk.at, {chunk_.data(), chunk.count}));
  if (count == 0) co_return fail(Errc::kCorrupt, "the log ends within a chunk");
  reader_->advance(count);
  auto* const log = hooks_.active_log();
  if (log == nullptr) co_return fail(Errc::kNotFound, "there is no log");
  const auto bytes = std::string_view(chunk_).substr(0, count);
  co_return commands_ ? read(*log, bytes) : search(*log, bytes);
}

Result<> Published::search(replog::Log& log, std::string_view bytes) {
  const auto border = carry_ + std::string(bytes.substr(0, kSoughtBytes));
  const bool is_wanted = reader_->offset() > from_;
  if (is_wanted && (may_publish(bytes) || may_publish(border))) {
    const auto mark = scanner_->boundary();
    commands_.emplace(mark, repl::StreamReader::Limits{.argument_bytes = kMessageBytesMax,
                                                       .arguments = 3,
                                                       .command_bytes = 2 * kMessageBytesMax});
    stand_at(log, mark);
    carry_.clear();
    return {};
  }
  if (bytes.size() < kSoughtBytes) {
    carry_ = border;
  } else {
    carry_ = bytes.substr(bytes.size() - (kSoughtBytes - 1));
  }
  return scanner_->feed(bytes);
}

// Back to searching from the last command's end, what is left of the chunk included; but not within
// a transaction, of which messages have been passed on and only its begin is a mark.
Result<> Published::read(replog::Log& log, std::string_view bytes) {
  commands_->feed(bytes);
  std::optional<repl::Mark> mark;
  for (;;) {
    TRY(const auto command, commands_->next());
    if (!command) break;
    if (command->end > from_) pass_on(*command);
    const bool is_mark = !command->in_transaction || same_word(command->arguments[0].text, "exec");
    mark.reset();
    if (is_mark) mark = {command->end, command->db};
  }
  if (!mark) return {};
  commands_.reset();
  stand_at(log, *mark);
  return {};
}

void Published::pass_on(const repl::StreamCommand& command) {
  if (command.arguments_count != 3 || !same_word(command.arguments[0].text, kName)) return;
  const auto& channel = command.arguments[1];
  const auto& message = command.arguments[2];
  if (channel.is_cut() || message.is_cut()) {
    ++too_long_;
    return;
  }
  hooks_.deliver(channel.text, message.text);
}

}  // namespace sluice::keeper
