// Finds the batches of a region in its replication stream, and passes over everything else.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "crdt/batch.h"
#include "repl/position.h"
#include "repl/stream_framing.h"

namespace sluice::geo {

// A batch as it stands in the peer's stream.
struct StreamBatch {
  crdt::BatchHeader header;
  std::string bytes;
  repl::Offset begin;  // of its command
  repl::Offset end;
  bool is_foreign = false;  // another region's, which the peer had applied (geo.apply)
};

// The peer asks how far we are.
struct Getack {};

// Values of native commands are skipped by their length: memory is that of the batches of one command.
class BatchReader {
 public:
  using Found = std::variant<StreamBatch, Getack>;

  // `from` lies between two commands; it may be inside of a transaction.
  explicit BatchReader(repl::Offset from) : at_(from), begin_(from) {}

  // `bytes` must live until next() has found nothing more in them.
  void feed(std::string_view bytes) { fed_ = bytes; }

  // kProtocol names the offset of what no master sends, or of a batch that is none; it is final.
  Result<std::optional<Found>> next();

  // The end of the last whole command: the stream can be read on from here.
  repl::Offset boundary() const { return begin_; }

 private:
  enum class Command : std::uint8_t { kOther, kOps, kApply, kReplconf };

  Result<> begin_argument();
  Result<> end_argument();
  void end_command();
  tl::unexpected<Error> refuse(const std::string& what) const;

  std::string_view fed_;
  repl::StreamFraming framing_;
  repl::Offset at_;     // read so far
  repl::Offset begin_;  // of the present command
  Command command_ = Command::kOther;
  std::uint32_t argument_ = 0;  // index of the present one
  bool is_kept_ = false;
  std::string kept_;
  std::vector<StreamBatch> batches_;  // of the present command
  std::size_t batches_bytes_ = 0;
  bool is_getack_ = false;
  bool has_all_ = false;  // its batches: what follows tells how far its maker's link was
  std::deque<Found> found_;
};

}  // namespace sluice::geo
