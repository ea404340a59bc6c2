// The Log on disk: appends, syncs and changes of one lineage. See docs/design/log.md.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replog/log.h"
#include "replog/recovery.h"
#include "replog/retention.h"
#include "replog/segments.h"
#include "rt/event.h"
#include "rt/gate.h"

namespace sluice::replog {

enum class Access : std::uint8_t {
  kWrite,
  kReadOnly  // beside the keeper that writes it: nothing in the folder is changed
};

// Owned by the archive, and by each of its readers, which may outlive its time as the active log.
class DiskLog final : public Log, public std::enable_shared_from_this<DiskLog> {
 public:
  DiskLog(rt::Host& host, std::unique_ptr<rt::Directory> directory, RecoveredLineage found,
          LogOptions options, Access access = Access::kWrite);

  const repl::History& history() const override { return history_; }
  repl::Offset begin() const override { return history_.held.begin; }
  repl::Offset end() const override { return history_.held.end; }
  repl::Offset durable() const override;
  std::uint64_t bytes_on_disk() const override;
  repl::Mark known_mark() const override { return scanner_.boundary(); }
  rt::Task<Result<repl::Mark>> last_mark() override;
  rt::Task<Result<>> append(std::string_view bytes, ByteSource* source = nullptr) override;
  rt::Task<Result<>> sync() override;
  bool failed() const override { return failed_; }
  bool waits_for_room() const override { return waits_for_room_; }
  void stop_waiting() override;
  rt::Task<Result<>> switch_history(repl::ReplId id, repl::Offset at,
                                    std::optional<repl::Offset> predecessor_end = {}) override;
  std::unique_ptr<Reader> read_from(repl::Offset at) override;
  const std::vector<Snapshot>& snapshots() const override { return file_.snapshots; }
  rt::Task<Result<std::unique_ptr<SnapshotWriter>>> write_snapshot(repl::Position at) override;
  rt::Task<Result<std::unique_ptr<Reader>>> read_snapshot(const Snapshot& snapshot) override;
  rt::Task<Result<repl::Mark>> mark_at_time(std::int64_t wall_ms) override;
  rt::Task<Result<repl::Mark>> mark_at(repl::Offset at) override;
  rt::Task<void> close() override;

  // For the archive: as close(), and what is left of the readers' requests fails with kNotFound.
  rt::Task<void> retire();
  // For the archive: takes nothing more, as after a failed write.
  rt::Task<void> give_up() { return fail_for_good(); }
  // For the archive: what retention decides over, and its carrying out, unless a cut has come between
  // that leaves no snapshot to start from.
  std::vector<KeptSegment> kept_segments() const;
  rt::Task<Result<>> discard(repl::Offset begin, std::vector<std::string> snapshot_names);

 private:
  friend class LogReader;
  friend class SnapshotReader;
  friend class DiskSnapshotWriter;

  // One at a time changes lineage.json.
  class Turn {
   public:
    explicit Turn(DiskLog& log) : log_(log) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

   private:
    DiskLog& log_;
  };
  rt::Task<std::unique_ptr<Turn>> turn();
  rt::Task<Result<>> save(LineageFile changed);

  rt::Task<Result<>> append_now(std::string_view bytes, ByteSource* source);
  rt::Task<Result<>> open_tail();
  rt::Task<Result<>> roll();
  rt::Task<Result<>> write(std::string_view bytes, ByteSource* source);
  std::uint64_t may_follow();
  rt::Task<Result<>> follow_on();
  rt::Task<Result<>> sync_once();
  rt::Task<void> sync_rolled();
  rt::Task<void> quiesce_writes();
  rt::Task<void> stop(Errc reason);
  rt::Task<void> fail_for_good();
  void adopt(RecoveredLineage found);
  rt::Task<Result<RecoveredLineage>> until_there_is_room(
      std::function<Result<RecoveredLineage>()> change);
  rt::Task<Result<>> cut(repl::Offset at, LineageFile changed);
  rt::Task<Result<>> commit_snapshot(Snapshot snapshot, std::size_t cuts_seen);
  Result<> check_open() const;
  Result<> check_writable() const;

  // Readers may read up to here.
  repl::Offset readable() const { return failed_ ? durable() : end(); }
  // No longer rewritten: safe to check beside an append.
  StreamExtent settled_extent();

  rt::Host& host_;
  std::unique_ptr<rt::Directory> directory_;
  const LogOptions options_;
  const Access access_;

  LineageFile file_;
  Segments segments_;
  repl::StreamScanner scanner_;  // stands at the end, or before what was not followed
  Tail tail_;
  repl::History history_;
  repl::Offset synced_;
  std::map<std::string, Verified> verified_snapshots_;
  std::uint64_t other_bytes_ = 0;  // of diverged files

  std::shared_ptr<BlockFile> tail_file_;              // where appends go; null until the first
  std::vector<std::shared_ptr<BlockFile>> unsynced_;  // written since their last sync
  std::vector<repl::Offset> cuts_;                    // every offset the stream was cut back to
  bool names_unsynced_ = false;
  rt::Duration following_since_{};  // the second in which followed_ bytes were followed
  std::uint64_t followed_ = 0;
  bool following_ = false;  // what was not followed is read back now
  bool appending_ = false;
  bool writing_ = false;      // on the append lane now
  bool sync_is_due_ = false;  // a sync waits for the write on the lane, the next write for it
  bool syncing_ = false;
  bool changing_file_ = false;
  bool cutting_ = false;         // files lose their ends now: what is read from them means nothing
  bool cut_failed_ = false;      // for good: what is left of the files is known at the next start
  bool waits_for_room_ = false;  // to go on with a cut
  bool gives_up_waiting_ = false;  // the next start goes on with it
  bool failed_ = false;
  std::optional<Errc> stopped_;

  rt::Event grown_;     // for readers
  rt::Event progress_;  // for appends, syncs and turns that wait for each other
  rt::Gate gate_;
};

}  // namespace sluice::replog
