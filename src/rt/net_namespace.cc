#include "rt/net_namespace.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "rt/address.h"

namespace sluice::rt {
namespace {

constexpr const char* kOwn = "/proc/thread-self/ns/net";

tl::unexpected<Error> rejected(const std::string& what) {
  return fail(Errc::kRejected, what + ": " + reason(errno));
}

UniqueFd open_namespace(const char* path) {
  return UniqueFd(::open(path, O_RDONLY | O_CLOEXEC));
}

Result<> raise_loopback() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0) return {};
  return rejected("the loopback of a new network namespace");
}

}  // namespace

Result<NetNamespace> NetNamespace::make() {
  const auto before = open_namespace(kOwn);
  if (!before.is_open()) return rejected(kOwn);
  if (::unshare(CLONE_NEWNET) != 0) return rejected("a new network namespace (needs root)");
  NetNamespace made(open_namespace(kOwn));
  auto up = made.fd_.is_open() ? raise_loopback() : Result<>(rejected(kOwn));
  CHECK(::setns(before.get(), CLONE_NEWNET) == 0);
  TRY_VOID(std::move(up));
  return made;
}

Result<NetNamespace> NetNamespace::open(const std::string& path) {
  NetNamespace found(open_namespace(path.c_str()));
  if (!found.fd_.is_open()) return rejected("network namespace " + path);
  return found;
}

std::string NetNamespace::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
}

Result<> NetNamespace::run(const std::function<Result<>()>& work) const {
  const auto before = open_namespace(kOwn);
  if (!before.is_open()) return rejected(kOwn);
  if (::setns(fd_.get(), CLONE_NEWNET) != 0) return rejected("entering " + path());
  auto outcome = work();
  CHECK(::setns(before.get(), CLONE_NEWNET) == 0);
  return outcome;
}

// The kernel resolves /proc/sys/net by the namespace of the thread that opens it.
Result<> NetNamespace::set(std::string_view key, std::string_view value) const {
  const std::string file = "/proc/sys/net/" + std::string(key);
  return run([&]() -> Result<> {
    const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    const auto size = static_cast<ssize_t>(value.size());
    if (fd.is_open() && ::write(fd.get(), value.data(), value.size()) == size) return {};
    return rejected(file);
  });
}

Error become_in_namespace(const std::string& path, std::vector<std::string> argv) {
  CHECK(!argv.empty());
  const auto fd = open_namespace(path.c_str());
  if (!fd.is_open() || ::setns(fd.get(), CLONE_NEWNET) != 0) {
    return {Errc::kRejected, "network namespace " + path + ": " + reason(errno)};
  }
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (auto& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execvp(words[0], words.data());
  return {Errc::kNotFound, argv[0] + ": " + reason(errno)};
}

}  // namespace sluice::rt
