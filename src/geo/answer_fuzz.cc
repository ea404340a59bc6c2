// What something that is no master of ours may say to a link.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "geo/answer.h"
#include "geo/region_state.h"
#include "resp/reply_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::resp::ReplyReader reader;
  reader.feed({reinterpret_cast<const char*>(data), size});
  for (;;) {
    const auto reply = reader.next();
    if (!reply || !*reply) return 0;
    const auto answer = sluice::geo::parse_answer(**reply);
    CHECK(static_cast<std::size_t>(answer.verdict) < sluice::geo::kVerdicts);
    CHECK(answer.dot.actor.region <= sluice::crdt::kRegionIdMax);
    const auto state = sluice::geo::parse_region_state(**reply);
    if (state) {
      CHECK(state->self.region >= 1 && state->self.region <= sluice::crdt::kRegionIdMax);
      (void)sluice::geo::to_string(state->vector);
    }
  }
}
