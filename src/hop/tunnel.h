// A tunnel between this process and the next Sluice: its connections, and the stream that it is.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rt/gate.h"
#include "rt/host.h"
#include "rt/stream.h"
#include "tunnel/session.h"

namespace sluice::hop {

// Moves bytes between a tunnel::Session and its connections. Its tasks run in `gate`, which outlives
// it. It may be destroyed once is_over().
class Tunnel {
 public:
  // What it asks of its owner; each may be empty.
  struct Hooks {
    std::function<void()> more_stripes{};     // dial one, then call adopt() or dial_failed()
    std::function<void()> silent{};           // again and again while is_silent()
    std::function<bool()> is_beside_small{};  // whether others on this path are is_small()
    std::function<void()> over{};             // is_over() now holds
  };

  Tunnel(rt::Host& host, rt::Gate& gate, tunnel::Side side, const tunnel::Limits& limits);
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;
  ~Tunnel();

  void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }

  // Takes a connection as a stripe; `rest` has been read from it already. One that comes too late is
  // closed.
  void adopt(std::unique_ptr<rt::Stream> connection, tunnel::StripeNumber number,
             std::string_view rest);

  // --- the stream (rt::Stream says what each does) ---
  rt::Task<Result<std::size_t>> read_some(std::span<char> into) { return read(into, AtEnd::kFail); }
  rt::Task<Result<std::size_t>> read_or_end(std::span<char> into) {
    return read(into, AtEnd::kGiveZero);
  }
  rt::Task<Result<>> write(std::string_view bytes);
  Result<std::size_t> write_now(std::string_view bytes);
  Result<> end_writes();
  rt::Task<Result<std::size_t>> send_file(const rt::File& file, std::uint64_t at,
                                          std::size_t count);
  // What was written still goes, for as long as Limits::linger; nothing more is read.
  void close(Errc why);
  // The stream is gone: nobody else calls any of these.
  void let_go();
  // Of all its connections together: rates and windows added, the longest round trip.
  std::optional<rt::TcpFigures> figures() const;
  std::string peer() const { return peer_; }
  std::string local() const { return local_; }

  // The acceptor's answer to ROUTE. If it is not ok the tunnel ends.
  void answer(const tunnel::Answer& answer);
  // The dialer's wait for it. Fails with the answer's error, or kTimedOut.
  rt::Task<Result<>> answered(rt::Instant deadline);

  // --- stripes, for who dials them ---
  // `is_refused`: there is nobody any more, rather than nothing coming back.
  void dial_failed(const Error& why, bool is_refused);
  tunnel::StripeNumber next_number() { return next_number_++; }

  // Ends it at once, telling the peer why if it can be told.
  void abort(const tunnel::Answer& why);

  // Nothing has come for a while though answers are due: worth to look for another way.
  bool is_silent() const;
  bool is_small() const { return session_.is_small(now()); }
  bool is_over() const { return is_over_; }
  tunnel::SessionStats stats() const { return session_.stats(); }

 private:
  struct Connection;
  enum class AtEnd : std::uint8_t { kFail, kGiveZero };

  rt::Task<Result<std::size_t>> read(std::span<char> into, AtEnd at_end);
  tunnel::Time now() const { return host_.clock().now().since_start; }
  // Does what the session asks for; after every call that may have changed it.
  void pump();
  void wake_writers(tunnel::Time now);
  void arm_timer(tunnel::Time now);
  void close_doomed(tunnel::Time now);
  void see_to_end(tunnel::Time now);
  bool wants_stripes() const;
  void ask_for_stripes(tunnel::Time now);
  void make_room(tunnel::Time now);
  void put_off_probes(tunnel::Time now);
  void renew_late(tunnel::Time now);
  void catch_up(tunnel::Time now);
  void begin_returned(tunnel::Time now);
  void put_off_if_idle(Connection& connection, tunnel::Time now);
  void fit_sockets(tunnel::Time now);
  std::uint32_t unsent_low() const;
  void drop(Connection& connection);
  void fail_if_unanswerable();
  void wait_to_dial();
  rt::Task<void> run_reader(Connection& connection);
  rt::Task<void> run_writer(Connection& connection);
  void task_ended(Connection& connection);
  tl::unexpected<Error> ended();

  rt::Host& host_;
  rt::Gate& gate_;
  const tunnel::Side side_;
  const tunnel::Limits& limits_;
  tunnel::Session session_;
  Hooks hooks_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t turn_ = 0;  // where the search for an idle writer begins
  rt::Event readable_;
  rt::Event writable_;
  rt::Event answered_;
  std::string peer_;
  std::string local_;
  std::optional<Error> closed_;  // here
  std::optional<tunnel::Time> end_by_{};
  std::optional<rt::TimerId> timer_;
  tunnel::Time timer_at_ = tunnel::Time::max();
  tunnel::StripeNumber next_number_ = 1;
  tunnel::Time room_due_{0};
  tunnel::Time catch_up_due_{0};
  tunnel::Time greedy_until_{0};
  bool has_deep_sockets_ = false;
  std::uint32_t unsent_low_ = 0;  // as its sockets have it
  std::size_t dials_ = 0;
  rt::Instant dial_after_{};
  int refused_in_row_ = 0;
  int served_ = 0;  // reads and writes without a wait
  bool is_let_go_ = false;
  bool is_over_ = false;
};

}  // namespace sluice::hop
