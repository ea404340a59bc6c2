// A network namespace: a host of its own, with its own addresses, ports and TCP settings.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "rt/descriptor.h"

namespace sluice::rt {

// Made without a name in the file system: the kernel removes it once no process is in it, no socket
// of it is open and no descriptor refers to it, however this process ends.
class NetNamespace {
 public:
  // A new one whose loopback is up. Needs root. Blocks.
  static Result<NetNamespace> make();
  // That of another process: "/proc/PID/fd/N" or "/proc/PID/ns/net".
  static Result<NetNamespace> open(const std::string& path);

  // By which other processes open it, while this one lives.
  std::string path() const;

  // Runs `work` with this thread inside. Sockets and devices that it makes stay there.
  Result<> run(const std::function<Result<>()>& work) const;

  // Writes /proc/sys/net/<key> of this namespace: set("ipv4/tcp_rmem", "4096 131072 67108864").
  Result<> set(std::string_view key, std::string_view value) const;

 private:
  explicit NetNamespace(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

// Replaces this process by a program in the namespace at `path`, looked up in PATH. Returns only if
// that fails.
Error become_in_namespace(const std::string& path, std::vector<std::string> argv);

}  // namespace sluice::rt
