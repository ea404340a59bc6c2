// The batches that a region keeps to be sent again, as its snapshot has them.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "geo/batch_reader.h"
#include "geo/snapshot_reader.h"

namespace sluice::geo {

// Of what the module saved (docs/protocol/geo.md): oldest first, as if they stood in the stream at `snapshot`. None of
// a version that is not known here. kProtocol: it is not what a module saves.
Result<std::vector<StreamBatch>> kept_batches(std::string_view saved, repl::Offset snapshot);

// Out of a snapshot as far as its first key. What cannot be read is not had: they may come in the stream yet.
class KeptBatches {
 public:
  explicit KeptBatches(repl::Offset snapshot) : snapshot_(snapshot) {}

  // Any piece, in order.
  void feed(std::string_view bytes);
  std::vector<StreamBatch> take() { return std::move(batches_); }

 private:
  // False: nothing more is to be found.
  Result<bool> read(std::string_view bytes);

  const repl::Offset snapshot_;
  SnapshotReader reader_;
  bool is_over_ = false;
  std::vector<StreamBatch> batches_;
};

}  // namespace sluice::geo
