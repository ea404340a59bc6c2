#include "relay/tunnel.h"

#include <algorithm>
#include <utility>

#include "rt/gate.h"

namespace sluice::relay {

rt::Task<Result<>> Pump::run(std::string early) {
  rt::Gate gate(host_);
  gate.spawn(carry_home());
  out_.bytes += early.size();
  out_.waiting = early.size();
  auto sent = co_await back_.write(early);
  out_.waiting = 0;
  early = std::string();
  if (sent) sent = co_await carry(front_, back_, out_);
  if (!sent) fail_both(sent.error());
  co_await gate.closed();
  co_return outcome_;
}

rt::Task<void> Pump::carry_home() {
  const auto carried = co_await carry(back_, front_, home_);
  if (!carried) fail_both(carried.error());
}

rt::Task<Result<>> Pump::carry(rt::Stream& from, rt::Stream& to, Flow& flow) {
  const auto shared = host_.read_buffer();
  const auto into = shared.first(std::min(shared.size(), piece_bytes_));
  for (;;) {
    CO_TRY(const auto got, co_await from.read_or_end(into));
    if (got == 0) break;
    flow.bytes += got;
    const std::string_view bytes(into.data(), got);
    CO_TRY(const auto taken, to.write_now(bytes));
    if (taken == got) continue;
    // Behind the next await the buffer is somebody else's.
    const std::string rest(bytes.substr(taken));
    flow.waiting = rest.size();
    const auto written = co_await to.write(rest);
    flow.waiting = 0;
    CO_TRY_VOID(Result<>(written));
  }
  co_return co_await to.end_writes();
}

void Pump::fail_both(const Error& why) {
  if (outcome_) outcome_ = tl::unexpected<Error>(why);
  front_.close(why.code);
  back_.close(why.code);
}

}  // namespace sluice::relay
