#include "rt/descriptor.h"

#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <unistd.h>

#include "base/check.h"

namespace sluice::rt {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (is_open()) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (is_open()) ::close(fd_);
}

Descriptor::Descriptor(Loop& loop, UniqueFd fd) : descriptor_(loop) {
  asio::error_code failure;
  descriptor_.assign(fd.release(), failure);
  CHECK(!failure);
  descriptor_.non_blocking(true, failure);
  CHECK(!failure);
}

Task<void> Descriptor::readable() {
  asio::error_code ignored;  // an aborted wait shows in is_open()
  co_await descriptor_.async_wait(Asio::wait_read, asio::redirect_error(use_task, ignored));
}

Task<void> Descriptor::writable() {
  asio::error_code ignored;
  co_await descriptor_.async_wait(Asio::wait_write, asio::redirect_error(use_task, ignored));
}

void Descriptor::close() {
  asio::error_code ignored;
  descriptor_.close(ignored);
}

Task<void> yield_to(Loop& loop) {
  return asio::post(loop, use_task);
}

}  // namespace sluice::rt
