// The connection to the region's master that batches are applied on.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/url.h"
#include "geo/region_state.h"
#include "redis/client.h"
#include "redis/info.h"
#include "resp/reply_reader.h"
#include "rt/host.h"

namespace sluice::geo {

// First asked one by one, then written to by one task and read from by another. Failures are final.
class Target {
 public:
  // The first of `urls` that answers as a master. Else the failure of each is in the detail.
  static rt::Task<Result<std::unique_ptr<Target>>> find_master(rt::Host& host,
                                                               std::vector<base::RedisUrl> urls,
                                                               redis::ClientOptions options);

  rt::Task<Result<RegionState>> state();
  rt::Task<Result<redis::Info>> info();  // GEO.INFO QUICK; kRejected with the server's words

  rt::Task<Result<>> write(std::string_view commands) { return stream_->write(commands); }
  // Where a write has failed with `why`: what the server said of it, if it is the server that ended the connection, and
  // told so. The only reader asks.
  rt::Task<Error> last_word(Error why);
  rt::Task<Result<resp::Reply>> read_reply();
  void close(Errc why = Errc::kCancelled) { stream_->close(why); }

  const base::RedisUrl& url() const { return url_; }

 private:
  Target(base::RedisUrl url, std::unique_ptr<rt::Stream> stream);

  static rt::Task<Result<std::unique_ptr<Target>>> connect(rt::Host& host, base::RedisUrl url,
                                                           redis::ClientOptions options);
  rt::Task<Result<>> greet();
  rt::Task<Result<resp::Reply>> ask(std::vector<std::string> words);

  const base::RedisUrl url_;
  std::unique_ptr<rt::Stream> stream_;
  resp::ReplyReader replies_;
  std::vector<char> read_;
};

}  // namespace sluice::geo
