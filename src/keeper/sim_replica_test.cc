#include "keeper/sim_replica_test.h"

#include <array>
#include <initializer_list>
#include <utility>
#include <variant>
#include <vector>

#include "keeper/call.h"
#include "repl/psync_reply.h"
#include "resp/writer.h"

namespace sluice::keeper {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr auto kSilenceMax = seconds(10);

std::string command(std::initializer_list<std::string_view> words) {
  std::string wire;
  resp::append_command(wire, words);
  return wire;
}

rt::Task<Result<std::unique_ptr<Wire>>> connect(rt::Host& host, base::Endpoint to) {
  CO_TRY(auto stream, co_await host.network().connect(to, {}));
  co_return std::make_unique<Wire>(host, std::move(stream));
}

}  // namespace

rt::Task<Result<>> Wire::say(std::string_view wire) {
  const std::string kept(wire);
  co_return co_await stream_->write(kept);
}

rt::Task<Result<>> Wire::read_more() {
  std::array<char, 8192> chunk{};
  CO_TRY(const auto count, co_await stream_->read_some(chunk));
  unread_.append(chunk.data(), count);
  last_heard_ = host_.clock().now();
  co_return Result<>{};
}

rt::Task<Result<std::string>> Wire::line() {
  for (;;) {
    const auto end = unread_.find('\n');
    if (end == std::string::npos) {
      CO_TRY_VOID(co_await read_more());
      continue;
    }
    auto found = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    if (!found.empty() && found.back() == '\r') found.pop_back();
    if (!found.empty()) co_return found;
  }
}

rt::Task<Result<std::string>> Wire::some(std::size_t bytes_max) {
  if (unread_.empty()) CO_TRY_VOID(co_await read_more());
  auto taken = unread_.substr(0, bytes_max);
  unread_.erase(0, taken.size());
  co_return taken;
}

rt::Task<Result<std::string>> ask_keeper(rt::Host& host, base::Endpoint keeper, std::string wire) {
  CO_TRY(const auto link, co_await connect(host, keeper));
  auto& to_close = *link;
  const auto give_up =
      host.clock().call_at(host.clock().now() + seconds(5), [&to_close] { to_close.close(); });
  auto answer = co_await link->say(wire);
  Result<std::string> first = std::string();
  if (answer) first = co_await link->line();
  host.clock().cancel(give_up);
  if (!answer) co_return tl::unexpected(answer.error());
  co_return first;
}

ModelReplica::ModelReplica(sim::Machine& machine, Truth& truth, base::Endpoint upstream,
                           bool expects_partial)
    : host_(machine.boot()),
      random_(machine.world().random()),
      truth_(truth),
      upstream_(std::move(upstream)),
      expects_partial_(expects_partial),
      gate_(host_) {
  gate_.spawn(run());
}

void ModelReplica::stop() {
  gate_.close();
  host_.machine().crash(sim::Crash::kProcess);
}

void ModelReplica::restart(bool has_saved) {
  if (!has_saved) saved_.reset();
  is_restarting_ = true;
  if (wire_ != nullptr) wire_->close();
}

std::optional<repl::Position> ModelReplica::position() const {
  if (!at_) return std::nullopt;
  const auto* const line = truth_.find(at_->id);
  if (line == nullptr) return std::nullopt;  // wrong already
  return repl::Position{at_->id, repl::Offset{line->mark_at(at_->offset.bytes())}};
}

rt::Task<void> ModelReplica::run() {
  while (!gate_.is_closing()) {
    (void)co_await follow();
    at_ = std::exchange(is_restarting_, false) ? saved_ : position();
    const rt::Duration pause(random_.below(rt::Duration(pause_max_).count()));
    (void)co_await gate_.sleep(pause);
  }
}

rt::Task<Result<>> ModelReplica::follow() {
  CO_TRY(const auto wire, co_await connect(host_, upstream_));
  wire_ = wire.get();
  rt::Gate gate(host_);
  phase_ = Phase::kAsking;
  gate.spawn(acknowledge_loop(*wire, gate));
  auto outcome = co_await stream(*wire);
  wire->close();
  wire_ = nullptr;
  gate.close();
  co_await gate.closed();
  co_return outcome;
}

rt::Task<Result<>> ModelReplica::shake_hands(Wire& wire) {
  const std::vector<std::string> requests{command({"PING"}),
                                          command({"REPLCONF", "listening-port", "6379"}),
                                          command({"REPLCONF", "capa", "eof", "capa", "psync2"})};
  for (const auto& request : requests) {
    CO_TRY_VOID(co_await wire.say(request));
    CO_TRY(const auto ok, co_await wire.line());
    if (ok[0] != '+') co_return fail(Errc::kBusy, ok);
  }
  co_return Result<>{};
}

rt::Task<Result<>> ModelReplica::stream(Wire& wire) {
  CO_TRY_VOID(co_await shake_hands(wire));
  const auto request = repl::psync_command(position());
  CO_TRY_VOID(co_await wire.say(request));
  CO_TRY(auto answer, co_await wire.line());
  CO_TRY_VOID(co_await adopt(wire, std::move(answer)));
  phase_ = Phase::kStreaming;
  while (!truth_.violation()) {
    CO_TRY(const auto bytes, co_await wire.some(8192));
    truth_.judge_stream(*at_, bytes);
    at_->offset = at_->offset + bytes.size();
  }
  co_return fail(Errc::kProtocol, "wrong bytes");
}

rt::Task<Result<>> ModelReplica::adopt(Wire& wire, std::string answer) {
  const auto held = position();
  CO_TRY(const auto reply, repl::parse_psync_reply(answer));
  if (const auto* const full = std::get_if<repl::FullResyncBegun>(&reply)) {
    if (held && expects_partial_) {
      truth_.wrong(host_.machine().name() + ", which holds " +
                   std::to_string(held->offset.bytes()) + " of " +
                   std::string(held->id.text().substr(0, 6)) + ", is told " + answer);
    }
    ++full_resyncs_;
    const auto snapshot = full->snapshot;
    co_return co_await load(wire, snapshot);
  }
  ++partial_resyncs_;
  const auto id = std::get<repl::Continued>(reply).id;
  if (!held) truth_.wrong("a replica without data was continued");
  if (!held || !id) co_return fail(Errc::kProtocol, "continued without data or replid");
  truth_.judge_continued(*held, *id);
  at_ = repl::Position{*id, held->offset};
  co_return Result<>{};
}

rt::Task<Result<>> ModelReplica::load(Wire& wire, repl::Position at) {
  at_.reset();
  phase_ = Phase::kLoading;
  CO_TRY(const auto header, co_await wire.line());
  const auto size =
      header[0] == '$' ? parse_integer(std::string_view(header).substr(1)) : std::nullopt;
  if (!size) {
    truth_.wrong("instead of a snapshot came " + header);
    co_return fail(Errc::kProtocol, header);
  }
  std::string rdb;
  while (rdb.size() < static_cast<std::size_t>(*size)) {
    CO_TRY(const auto bytes, co_await wire.some(static_cast<std::size_t>(*size) - rdb.size()));
    rdb += bytes;
  }
  truth_.judge_snapshot(at, rdb);
  at_ = at;
  co_return Result<>{};
}

// A replica that loads sends newlines instead (replication.c, replicationSendNewlineToMaster).
rt::Task<void> ModelReplica::acknowledge_loop(Wire& wire, rt::Gate& gate) {
  for (;;) {
    const bool goes_on = co_await gate.sleep(seconds(1));
    if (!goes_on) co_return;
    if (host_.clock().now() - wire.last_heard() > kSilenceMax) wire.close();
    if (phase_ == Phase::kAsking) continue;
    if (phase_ == Phase::kStreaming && random_.one_in(8)) saved_ = position();
    const auto said = phase_ == Phase::kLoading
                          ? std::string("\n")
                          : command({"REPLCONF", "ACK", std::to_string(at_->offset.bytes())});
    const auto told = co_await wire.say(said);
    if (!told) co_return;
  }
}

}  // namespace sluice::keeper
