// A way to a server other than connecting to it: through relays, for one.
#pragma once

#include <functional>
#include <memory>

#include "rt/network.h"

namespace sluice::redis {

// With `tls` set in the options, the stream it brings speaks TLS with that server.
using Dial = std::function<rt::Task<Result<std::unique_ptr<rt::Stream>>>(base::Endpoint,
                                                                         rt::ConnectOptions)>;

}  // namespace sluice::redis
