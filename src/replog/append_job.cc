#include "replog/append_job.h"

namespace sluice::replog {

Result<> AppendJob::run(std::string_view bytes, ByteSource* source, repl::Offset durable) {
  while (!bytes.empty()) {
    TRY_VOID(take(bytes, durable));
    taken_ += bytes.size();
    const bool is_full = tail_.end - file_.start >= limits_.segment_bytes;
    if (source == nullptr || is_full || taken_ >= kBytesMax) break;
    bytes = source->more();
  }
  return {};
}

// Marks are needed at the ends of blocks, so the stream is followed in the pieces that it is stored
// in.
Result<> AppendJob::take(std::string_view bytes, repl::Offset durable) {
  const bool follows =
      scanner_.end() == tail_.end && bytes.size() <= limits_.follow_bytes - followed_;
  const std::int64_t wall_ms = clock_.wall_ms();
  auto pieces = split(tail_, bytes.size(), wall_ms);
  Draft draft = begin_draft(tail_, pieces);
  repl::StreamScanner scanner = scanner_;
  std::size_t at = 0;
  for (Piece& piece : pieces) {
    const auto part = bytes.substr(at, piece.count);
    if (follows) TRY_VOID(scanner.feed(part));
    piece.known_mark = scanner.boundary();
    add(draft, piece, part, wall_ms, durable);
    at += piece.count;
  }
  TRY_VOID(write(file_, tail_, draft, bytes));
  tail_ = draft.tail;
  scanner_ = scanner;
  if (follows) followed_ += bytes.size();
  return {};
}

}  // namespace sluice::replog
