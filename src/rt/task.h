// The one coroutine type: lazy, single-owner, run on the core that awaits it.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>

// g++ 12 takes the operator delete of Asio's coroutine frames for a mismatch of their operator new,
// in some optimized coroutines, wrongly.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace sluice::rt {

// The loop of a core. Naming its executor spares every task a type-erased one.
using Loop = asio::io_context;

template <typename T>
using Task =
    asio::awaitable<T,
                    Loop::executor_type>;  // [[nodiscard]]: a forgotten co_await does not compile

inline constexpr asio::use_awaitable_t<Loop::executor_type> use_task{};

}  // namespace sluice::rt
