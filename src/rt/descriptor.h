// A non-blocking file descriptor whose readiness a task can await.
#pragma once

#include <asio/posix/basic_stream_descriptor.hpp>
#include <utility>

#include "rt/task.h"

namespace sluice::rt {

// Owns an open descriptor, or none (-1).
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();

  bool is_open() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// Sockets, pidfds and the like. Regular files have no readiness and do not belong here.
class Descriptor {
 public:
  // `fd` must be open and non-blocking.
  Descriptor(Loop& loop, UniqueFd fd);

  int fd() { return descriptor_.native_handle(); }
  bool is_open() const { return descriptor_.is_open(); }

  // Return when a read or write would not block, or once closed: try, and look at is_open().
  Task<void> readable();
  Task<void> writable();

  // Wakes who waits. The number may be reused at once, so nobody may keep it.
  void close();

 private:
  using Asio = asio::posix::basic_stream_descriptor<Loop::executor_type>;
  Asio descriptor_;
};

// Lets the other tasks of this loop run first.
Task<void> yield_to(Loop& loop);

}  // namespace sluice::rt
