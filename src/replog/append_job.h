// What an append does on its lane: piece after piece is followed, checksummed and written.
#pragma once

#include "repl/stream_scanner.h"
#include "replog/block_writer.h"
#include "replog/log.h"

namespace sluice::replog {

struct AppendLimits {
  std::uint64_t segment_bytes = 0;  // no piece is asked for beyond it
  std::uint64_t follow_bytes = 0;   // of these, commands are followed; of the rest they are not
};

// Blocking. All of it on one core, so that it fetches the bytes into its cache once.
class AppendJob {
 public:
  // The lane is kept from others for as long as this takes.
  static constexpr std::uint64_t kBytesMax = 4ULL << 20;

  // `scanner` stands at the end of `tail`, or somewhere before it: then nothing is followed. `clock`
  // is asked for the time of day alone, which any thread may do.
  AppendJob(BlockFile& file, const Tail& tail, const repl::StreamScanner& scanner,
            const rt::Clock& clock, AppendLimits limits)
      : file_(file), tail_(tail), scanner_(scanner), clock_(clock), limits_(limits) {}

  // Failed: all but the piece that was given last has been taken.
  Result<> run(std::string_view bytes, ByteSource* source, repl::Offset durable);

  const Tail& tail() const { return tail_; }
  const repl::StreamScanner& scanner() const { return scanner_; }
  std::uint64_t followed() const { return followed_; }

 private:
  Result<> take(std::string_view bytes, repl::Offset durable);

  BlockFile& file_;
  Tail tail_;
  repl::StreamScanner scanner_;
  const rt::Clock& clock_;
  const AppendLimits limits_;
  std::uint64_t taken_ = 0;
  std::uint64_t followed_ = 0;
};

}  // namespace sluice::replog
