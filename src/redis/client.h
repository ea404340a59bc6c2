// A connection to a Redis for commands: pipelined, with a deadline, gone after the first failure.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/url.h"
#include "redis/dial.h"
#include "resp/reply_reader.h"
#include "rt/host.h"

namespace sluice::redis {

using Words = std::vector<std::string>;  // a command: its name and arguments

struct ClientOptions {
  Dial dial{};                                             // empty: connects
  rt::TlsFiles tls;                                        // used if the URL is rediss://
  rt::Duration connect_timeout = std::chrono::seconds(5);  // with the TLS handshake
  rt::Duration timeout = std::chrono::seconds(10);         // of a call, until its last reply
  const rt::NetNamespace* inside = nullptr;                // as of rt::ConnectOptions
};

// Lives on one core. Any number of its tasks may call at once: their commands share the connection
// and are answered in the order in which they were called. Whoever wants to go on after a failure
// connects anew. It must outlive the calls made on it.
class Client {
 public:
  // kDisconnected, kTimedOut; kRejected if the server refuses the credentials.
  static rt::Task<Result<std::unique_ptr<Client>>> connect(rt::Host& host, base::RedisUrl url,
                                                           ClientOptions options);

  // The reply, which may be an error of Redis: that is a value, not a failure. Failures are final:
  // kDisconnected, kTimedOut, kProtocol.
  rt::Task<Result<resp::Reply>> call(Words words);

  // The replies of many commands in their order. All is sent before the first is read, so a server
  // that limits what it holds back for a client must allow for it.
  rt::Task<Result<std::vector<resp::Reply>>> pipeline(std::vector<Words> commands);

  // As call(), but an error of Redis is a failure too: kRejected with its text.
  rt::Task<Result<resp::Reply>> need(Words words);

  void close() { stream_->close(); }

 private:
  Client(rt::Host& host, std::unique_ptr<rt::Stream> stream, rt::Duration timeout);

  rt::Task<Result<>> greet(base::RedisUrl url);
  rt::Task<Result<>> flush();
  rt::Task<Result<resp::Reply>> read_reply();
  Error end(Error why);

  rt::Host& host_;
  std::unique_ptr<rt::Stream> stream_;
  const rt::Duration timeout_;
  rt::Event turn_;
  resp::ReplyReader replies_;
  std::vector<char> read_;  // what the reply reader looks at
  std::string unsent_;
  bool is_writing_ = false;
  std::uint64_t next_ticket_ = 0;  // of the next command to be sent
  std::uint64_t next_reply_ = 0;   // ticket of the next reply to be read
  std::optional<Error> ended_;
};

}  // namespace sluice::redis
