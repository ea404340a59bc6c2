#include "module/fsynced.h"

namespace sluice::module {

std::optional<crdt::VersionVector> Fsynced::observe(std::uint64_t now_ms, const AofFacts& facts,
                                                    const crdt::VersionVector& here) {
  if (!facts.is_begun) {
    written_.reset();
    return std::nullopt;
  }
  if (!facts.syncs_every_second) {
    written_.reset();
    return here;
  }
  if (facts.has_failed || facts.puts_off) {
    written_.reset();
    return std::nullopt;
  }
  if (facts.is_syncing) return std::nullopt;
  std::optional<crdt::VersionVector> synced;
  if (written_ && now_ms < written_->at_ms) written_.reset();  // the clock was set back
  if (written_ && now_ms < written_->at_ms + kAtLeastMs) return std::nullopt;
  if (written_) synced = written_->vector;
  written_ = {now_ms, here};
  return synced;
}

}  // namespace sluice::module
