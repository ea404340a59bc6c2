// A region's master as a link sees it: takes batches in causal order, each once. For tests.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "crdt/version_vector.h"
#include "geo/answer.h"
#include "geo/batch_reader.h"

namespace sluice::geo {

struct TargetModel {
  crdt::VersionVector vector;
  std::uint64_t position = 0;

  Answer apply(const crdt::BatchHeader& header, std::uint64_t at) {
    const auto have = vector.at(header.actor);
    const auto end = header.first + header.count;  // of the next op
    if (header.count > 0 && end - 1 <= have) return taken(Verdict::kDuplicate, at);
    if (header.first > have + 1) return refused(Verdict::kGap, {header.actor, have + 1});
    for (const auto& seen : header.context) {
      if (!vector.covers(seen)) return refused(Verdict::kWait, seen);
    }
    if (header.count > 0) vector.advance({header.actor, end - 1});
    return taken(Verdict::kApplied, at);
  }

  Answer taken(Verdict verdict, std::uint64_t at) {
    position = at;
    return {.verdict = verdict, .dot = {}, .text = {}};
  }
  static Answer refused(Verdict verdict, crdt::Dot dot) {
    return {.verdict = verdict, .dot = dot, .text = "refused"};
  }
};

inline StreamBatch batch_of(crdt::Actor actor, crdt::Seq first, std::uint32_t count,
                            std::vector<crdt::Dot> context, std::uint64_t begin) {
  StreamBatch batch{.header = {}, .bytes = "batch", .begin = {}, .end = {}};
  batch.header.actor = actor;
  batch.header.first = first;
  batch.header.count = count;
  batch.header.context = std::move(context);
  batch.begin = repl::Offset{begin};
  batch.end = repl::Offset{begin + 10};
  return batch;
}

}  // namespace sluice::geo
