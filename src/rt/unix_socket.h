// Streams between processes of this machine, by the name of a file. They cross network namespaces.
#pragma once

#include <memory>
#include <string>

#include "rt/network.h"

namespace sluice::rt {

// Replaces a file left there by a process that has died: the caller knows that nobody serves it.
// Only this user may connect. The file goes with the listener.
Result<std::unique_ptr<Listener>> listen_unix(Loop& loop, const std::string& path);

// kNotFound if nobody listens there. Does not wait.
Result<std::unique_ptr<Stream>> connect_unix(Loop& loop, const std::string& path);

}  // namespace sluice::rt
