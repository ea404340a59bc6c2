// A reader's place in a log. O(1) memory: it holds at most one segment open.
#pragma once

#include <memory>

#include "replog/disk_log.h"

namespace sluice::replog {

class LogReader final : public Reader {
 public:
  LogReader(std::shared_ptr<DiskLog> log, repl::Offset at);

  rt::Task<Result<Chunk>> next(std::size_t bytes_max) override;
  void advance(std::size_t count) override { at_ = at_ + count; }
  repl::Offset offset() const override { return at_; }
  void cancel() override;

 private:
  Result<> check_place() const;
  rt::Task<Result<>> wait_for_bytes();
  rt::Task<Result<>> open(repl::Offset start);
  rt::Task<Result<std::size_t>> verify(std::size_t count);

  std::shared_ptr<DiskLog> log_;
  std::shared_ptr<BlockFile> file_;  // that of the segment at_ lies in; also the archive's log's
  repl::Offset at_;
  std::size_t cuts_seen_;
  bool cancelled_ = false;
};

}  // namespace sluice::replog
