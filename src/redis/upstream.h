// A connection to a Redis that we follow as a replica: the keeper's way in.
//
//   connect, AUTH -> peer() -> psync() --Continued------------------> read_stream() ...
//                                `-----FullResyncBegun -> read_snapshot() ... -> read_stream() ...
//
// The handshake is that of Redis' own replicas (replication.c, syncWithMaster), with INFO before
// it, because what a master says of itself decides whether and where it is followed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/url.h"
#include "redis/dial.h"
#include "repl/payload.h"
#include "repl/peer.h"
#include "repl/psync_reply.h"
#include "rt/host.h"
#include "rt/tap.h"

namespace sluice::redis {

struct UpstreamOptions {
  base::RedisUrl url;
  Dial dial{};       // empty: connects
  rt::TlsFiles tls;  // used if the URL is rediss://
  rt::Duration connect_timeout = std::chrono::seconds(5);
  rt::Duration silence_max = std::chrono::seconds(60);  // longer without a byte: kTimedOut
  base::Endpoint announced;  // what the master lists us as; port 0: says nothing
  // Read at once: enough that a call costs little, and a quarter of a second-level cache, out of which
  // it is then written. Memory is used as far as bytes ever came at once.
  std::size_t buffer_bytes = 512 * 1024;
};

// The first bytes of a keeper's snapshot, which a connection that broke has brought.
struct SnapshotPart {
  std::string name;
  std::uint64_t bytes = 0;
};

// What is asked of an upstream.
struct PsyncWish {
  std::optional<repl::Position> from;  // absent: everything
  bool is_of_keeper = false;           // it names its snapshots then, for a later SnapshotPart
  std::optional<SnapshotPart> held;    // a keeper that still has that snapshot sends the rest
};

// One reader and one writer of acknowledgements may be in flight. Every failure is final.
class Upstream {
 public:
  static rt::Task<Result<std::unique_ptr<Upstream>>> connect(rt::Host& host,
                                                             UpstreamOptions options);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // Empty where the upstream forbids INFO.
  rt::Task<Result<repl::Peer>> peer();

  // Announces us and asks. Newlines that the master sends
  // while it makes up its mind are skipped.
  rt::Task<Result<repl::PsyncReply>> psync(PsyncWish wish);

  // The next piece of the snapshot; empty once it has ended. Valid until the next call.
  rt::Task<Result<std::string_view>> read_snapshot();
  // Waits until the snapshot begins: only then is known what the next three say of it.
  rt::Task<Result<>> begin_snapshot();
  std::optional<std::uint64_t> snapshot_bytes() const { return payload_.length(); }
  std::uint64_t snapshot_skipped() const { return payload_.skipped(); }
  const std::string& snapshot_name() const { return payload_.name(); }

  // The next bytes of the stream, at least one. Valid until the next call.
  rt::Task<Result<std::string_view>> read_stream();

  // Further bytes of the stream that have come already, for whoever is through with the last ones;
  // none where that cannot be told. Also from a disk lane, while nothing else is read here. Valid
  // until anything is read again.
  std::string_view read_ahead();

  // Tells the master that all before `offset` is ours to keep.
  rt::Task<Result<>> acknowledge(repl::Offset offset);

  // What is in flight fails with `why`.
  void close(Errc why = Errc::kCancelled);

  rt::Instant last_heard() const { return last_heard_; }
  void set_silence_max(rt::Duration silence_max);
  std::string address() const;

 private:
  Upstream(rt::Host& host, UpstreamOptions options, std::unique_ptr<rt::Stream> stream);

  rt::Task<Result<>> authenticate();
  rt::Task<Result<>> read_more();
  rt::Task<Result<std::string>> read_line();
  rt::Task<Result<std::string>> read_bulk();
  rt::Task<Result<std::string>> ask(std::string request);
  std::string_view unread() const;
  void watch_silence();

  rt::Host& host_;
  UpstreamOptions options_;
  std::unique_ptr<rt::Stream> stream_;
  std::unique_ptr<rt::Tap> tap_;
  std::unique_ptr<char[]> memory_;  // not written before it is read into
  std::span<char> buffer_;
  std::size_t begin_ = 0;  // unread bytes: [begin_, end_) of buffer_
  std::size_t end_ = 0;
  repl::PayloadReader payload_;
  bool is_snapshot_complete_ = false;
  rt::Instant last_heard_;
  std::optional<rt::TimerId> silence_timer_;
};

}  // namespace sluice::redis
