// Errors as values. Every fallible function returns Result<T>; nothing here throws.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace sluice {

// One enumerator per *reaction*, not per cause: add one only when some caller branches on it.
enum class Errc : std::uint8_t {
  kProtocol,      // the peer broke RESP, RDB or PSYNC: drop the link
  kCorrupt,       // stored bytes fail their checksum: quarantine, never serve
  kDisconnected,  // the link is gone: reconnect with backoff
  kTimedOut,      // the deadline passed: as kDisconnected, but counted apart
  kBusy,          // a limit is reached: retry later
  kNotFound,      // the thing named does not exist
  kRejected,      // the caller asked for something invalid: tell the user
  kNoSpace,       // the disk is full: stop taking bytes, go on when there is room
  kDiskFailed,    // a read, write or sync failed: what was not yet durable is unknown
  kCancelled,     // we are shutting down: propagate without a log line
};

struct Error {
  Errc code;
  std::string detail;  // for a human's eye, never parsed
};

template <typename T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

inline tl::unexpected<Error> fail(Errc code, std::string detail) {
  return tl::unexpected<Error>(Error{code, std::move(detail)});
}

}  // namespace sluice

// TRY(auto x, f()) binds the value of f() or returns its error; CO_TRY does so in a coroutine.
// NOLINTBEGIN(cppcoreguidelines-macro-usage,bugprone-macro-parentheses)
#define SLUICE_CAT_(a, b) a##b
#define SLUICE_CAT(a, b) SLUICE_CAT_(a, b)
#define SLUICE_TRY(tmp, leave, decl, ...)                   \
  auto tmp = (__VA_ARGS__);                                 \
  if (!tmp) leave ::tl::unexpected(std::move(tmp).error()); \
  decl = *std::move(tmp)
#define TRY(decl, ...) SLUICE_TRY(SLUICE_CAT(try_, __LINE__), return, decl, __VA_ARGS__)
#define CO_TRY(decl, ...) SLUICE_TRY(SLUICE_CAT(try_, __LINE__), co_return, decl, __VA_ARGS__)
#define TRY_VOID(...) \
  if (auto result_ = (__VA_ARGS__); !result_) return ::tl::unexpected(std::move(result_).error())
#define CO_TRY_VOID(...) \
  if (auto result_ = (__VA_ARGS__); !result_) co_return ::tl::unexpected(std::move(result_).error())
// NOLINTEND(cppcoreguidelines-macro-usage,bugprone-macro-parentheses)
