// A snapshot's file: received into one that nobody sees, read back block by verified block.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "replog/disk_log.h"

namespace sluice::replog {

class DiskSnapshotWriter final : public SnapshotWriter {
 public:
  static rt::Task<Result<std::unique_ptr<DiskSnapshotWriter>>> begin(std::shared_ptr<DiskLog> log,
                                                                     repl::Position at,
                                                                     std::string name);
  DiskSnapshotWriter(std::shared_ptr<DiskLog> log, repl::Position at, std::string name,
                     BlockFile file);
  ~DiskSnapshotWriter() override;

  rt::Task<Result<>> append(std::string_view bytes) override;
  std::uint64_t bytes() const override { return tail_.end.bytes(); }
  rt::Task<Result<>> commit(std::uint32_t db, std::uint64_t keys) override;

 private:
  rt::Task<Result<>> sync();

  std::shared_ptr<DiskLog> log_;
  const repl::Position at_;
  const std::string name_;
  BlockFile file_;
  Tail tail_;
  std::uint64_t unsynced_bytes_ = 0;
  std::size_t cuts_seen_;
  bool is_committed_ = false;
};

class SnapshotReader final : public Reader {
 public:
  static rt::Task<Result<std::unique_ptr<SnapshotReader>>> open(std::shared_ptr<DiskLog> log,
                                                                Snapshot snapshot);
  SnapshotReader(std::shared_ptr<DiskLog> log, Snapshot snapshot, BlockFile file,
                 std::uint64_t entries);

  // kNotFound at the end: a snapshot does not grow.
  rt::Task<Result<Chunk>> next(std::size_t bytes_max) override;
  void advance(std::size_t count) override { at_ = at_ + count; }
  repl::Offset offset() const override { return at_; }
  void cancel() override { cancelled_ = true; }

 private:
  std::shared_ptr<DiskLog> log_;
  const Snapshot snapshot_;
  BlockFile file_;
  const std::uint64_t entries_;
  repl::Offset at_;
  bool cancelled_ = false;
};

}  // namespace sluice::replog
