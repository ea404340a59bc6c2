// The replication log of one lineage: a stream on disk, its snapshots, and who may read where.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "repl/psync.h"
#include "repl/stream_scanner.h"
#include "rt/host.h"

namespace sluice::replog {

// How durable bytes are before they are acknowledged upstream.
enum class Fsync : std::uint8_t {
  kAlways,    // each batch is synced, then acknowledged
  kEverySec,  // synced once a second; acknowledged then
  kOs         // acknowledged once the kernel has them: survives a crash of the keeper, not of power
};

struct LogOptions {
  base::ByteSize segment_bytes{256ULL << 20};
  Fsync fsync = Fsync::kEverySec;
  // Of the stream, whose commands are followed while they come: a quarter of a nanosecond for each.
  // What comes faster is followed when somebody asks for a mark.
  base::ByteSize followed_per_second{32ULL << 20};
};

// An RDB on disk and the point of the stream that it stands for.
struct Snapshot {
  repl::Position at;
  std::uint32_t db = 0;  // selected where its stream goes on (RDB aux field repl-stream-db)
  std::uint64_t bytes = 0;
  std::uint64_t keys = 0;
  std::int64_t wall_ms = 0;  // when it was complete
  std::string file_name;
};

class Log;

// Further bytes for an append. Asked on the append lane, once those before are written; none end the
// append. They stay valid until it is asked again.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::string_view more() = 0;
};

// Hands out the stream from some offset on, as pieces of files. Memory: O(1). One task at a time.
class Reader {
 public:
  struct Chunk {
    const rt::File* file;  // valid until the next call of next()
    std::uint64_t at;      // in the file
    std::size_t count;
  };

  virtual ~Reader() = default;

  // Waits until there are bytes at offset(), then names at most `bytes_max` of them, all of whose
  // blocks were verified since they were last read from the device. kNotFound: retention took
  // them. kCorrupt: a checksum differs, nothing from here on is served. kCancelled: cancel() was
  // called or the log is closed.
  virtual rt::Task<Result<Chunk>> next(std::size_t bytes_max) = 0;

  virtual void advance(std::size_t count) = 0;
  virtual repl::Offset offset() const = 0;
  virtual void cancel() = 0;  // a waiting next() returns now
};

// Receives one snapshot into a file that nobody sees until commit(). Dropped: the file goes.
class SnapshotWriter {
 public:
  virtual ~SnapshotWriter() = default;
  virtual rt::Task<Result<>> append(std::string_view bytes) = 0;
  virtual std::uint64_t bytes() const = 0;
  // Durable and visible once this returns. `db` is where the stream goes on after the snapshot: it
  // becomes the log's first mark if the log begins there and is still empty.
  virtual rt::Task<Result<>> commit(std::uint32_t db, std::uint64_t keys) = 0;
};

// Lives on one core. received >= end >= durable: three offsets, see docs/design/log.md.
class Log {
 public:
  virtual ~Log() = default;

  // Every replid of this lineage with the offset where it began, and the window that can be read.
  virtual const repl::History& history() const = 0;
  virtual repl::Offset begin() const = 0;
  virtual repl::Offset end() const = 0;      // readers may read up to here
  virtual repl::Offset durable() const = 0;  // survives what the fsync policy says it survives
  virtual std::uint64_t bytes_on_disk() const = 0;

  // A mark at or before end(): the last one that is known, which may be far back after a burst.
  virtual repl::Mark known_mark() const = 0;
  // The last mark at or before end(). What was not followed as it came is read back from the known
  // one on, once. kProtocol: it is not RESP.
  virtual rt::Task<Result<repl::Mark>> last_mark() = 0;

  // Appends stream bytes at end(), one call at a time. kProtocol: not RESP (where it is followed),
  // of the piece nothing was taken. kNoSpace: nor was it here, may be tried again. kDiskFailed: final,
  // see failed(). Pieces of `source` before the one that failed are in the log.
  // Under kAlways the bytes are durable on return, under kOs too (in that policy's sense).
  virtual rt::Task<Result<>> append(std::string_view bytes, ByteSource* source = nullptr) = 0;

  // Makes all that was appended before this call durable. Failing is final: see failed().
  virtual rt::Task<Result<>> sync() = 0;

  // After a failed write or sync: the log takes nothing more; what is durable is still served.
  virtual bool failed() const = 0;

  // switch_history() is decided, and goes on once the disk is no longer full; stop_waiting() makes
  // it fail instead, and the next start goes on with it. It also ends last_mark().
  virtual bool waits_for_room() const = 0;
  virtual void stop_waiting() = 0;

  // From `at` on (a mark at or before end()) the stream is called `id`. Bytes past `at` leave the
  // log and are kept beside it as a file `diverged-<replid>-<offset>`. Readers past `at` fail with
  // kNotFound. kRejected: there is no such place in the log, or no snapshot would be left.
  //
  // `predecessor_end`: the former replid's stream is ours up to there, which may be past `at` if we
  // had not received it all. A reader that did continues once we have.
  virtual rt::Task<Result<>> switch_history(repl::ReplId id, repl::Offset at,
                                            std::optional<repl::Offset> predecessor_end = {}) = 0;

  virtual std::unique_ptr<Reader> read_from(repl::Offset at) = 0;

  virtual const std::vector<Snapshot>& snapshots() const = 0;  // complete ones, oldest first
  virtual rt::Task<Result<std::unique_ptr<SnapshotWriter>>> write_snapshot(repl::Position at) = 0;
  // Opened for sending; verified as Reader does it; offsets count from the file's start, and past
  // its end next() is kNotFound. kNotFound if it was removed meanwhile.
  virtual rt::Task<Result<std::unique_ptr<Reader>>> read_snapshot(const Snapshot& snapshot) = 0;

  // The newest mark at or before `wall_ms` (by the time the bytes were received).
  virtual rt::Task<Result<repl::Mark>> mark_at_time(std::int64_t wall_ms) = 0;
  // The last mark at or before `at`.
  virtual rt::Task<Result<repl::Mark>> mark_at(repl::Offset at) = 0;

  // Wakes and fails all readers. No call is made after it but the destructor's.
  virtual rt::Task<void> close() = 0;
};

}  // namespace sluice::replog
