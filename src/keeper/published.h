// Passes on what the upstream's stream publishes, to the clients of a keeper that subscribed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "repl/stream_reader.h"
#include "replog/log.h"
#include "rt/host.h"

namespace sluice::keeper {

// Whether a PUBLISH may stand in these bytes of a stream: false is certain, true is not. Far cheaper
// than reading their commands.
bool may_publish(std::string_view bytes);

struct PublishedHooks {
  std::function<replog::Log*()> active_log;  // null while there is none
  std::function<bool()> is_wanted;           // whether anybody subscribes
  std::function<void(std::string_view channel, std::string_view message)> deliver;
};

// Reads the log's end like a replica, and only while somebody subscribes: the way of the stream to
// disk and to replicas costs nothing more. Memory: one chunk, and one message of at most
// kMessageBytesMax; longer ones are counted, not passed on.
//
//   searching --a PUBLISH may be here--> reading, from the last mark --at a mark again--> searching
//
// Searching follows the stream too, since what the log knows may be an old mark after a burst.
class Published {
 public:
  static constexpr std::size_t kMessageBytesMax = 1U << 20;

  // `lineage_changed` is notified when another log is active; it and what is hooked outlive this.
  Published(rt::Host& host, rt::Event& lineage_changed, PublishedHooks hooks);

  // Call it at the subscription: what is published in the stream from now on is passed on. True: run()
  // is to be started.
  bool begin();
  // Until nobody subscribes or stop() was called.
  rt::Task<void> run();
  void stop();

  std::uint64_t too_long() const { return too_long_; }

 private:
  void stand_at_end();
  void stand_at(replog::Log& log, repl::Mark mark);
  rt::Task<Result<>> follow();
  Result<> search(replog::Log& log, std::string_view bytes);
  Result<> read(replog::Log& log, std::string_view bytes);
  void pass_on(const repl::StreamCommand& command);

  rt::Host& host_;
  rt::Event& lineage_changed_;
  PublishedHooks hooks_;
  std::unique_ptr<replog::Reader> reader_;
  std::optional<repl::StreamReader> commands_;  // while reading
  std::optional<repl::StreamScanner> scanner_;  // while searching: it knows where to read from
  repl::Offset from_;                           // what ends after it is passed on
  std::string carry_;  // the last bytes searched: what is sought may be cut in two
  std::string chunk_;
  std::uint64_t too_long_ = 0;
  bool is_running_ = false;
  bool is_stopping_ = false;
};

}  // namespace sluice::keeper
