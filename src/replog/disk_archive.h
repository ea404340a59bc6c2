// The Archive on disk: switches of lineages, each decided by one replacement of archive.json.
#pragma once

#include <memory>
#include <string>

#include "replog/archive_file.h"
#include "replog/disk_log.h"
#include "rt/event.h"

namespace sluice::replog {

class DiskArchive final : public Archive {
 public:
  DiskArchive(rt::Host& host, std::unique_ptr<rt::Directory> directory, LogOptions options);

  // Blocking; called once.
  Result<> recover();

  const Recovery& recovery() const override { return recovery_; }
  std::string_view keeper_id() const override { return file_.keeper_id; }
  Log* active() override { return active_.get(); }
  Log* incoming() override { return incoming_.get(); }
  std::optional<std::string> quarantine_reason() const override;
  rt::Task<Result<Log*>> begin_incoming(repl::Position at) override;
  rt::Task<Result<>> quarantine_incoming(std::string reason) override;
  rt::Task<Result<>> promote_incoming() override;
  rt::Task<Result<>> drop_incoming() override;
  rt::Task<Result<>> enforce(const Retention& retention) override;
  std::uint64_t bytes_on_disk() const override;
  rt::Task<void> close() override;

 private:
  Result<> adopt_or_make_file();
  Result<std::shared_ptr<DiskLog>> open_log(const std::string& lineage);
  Result<> remove_strangers();
  Result<> weigh_retired();

  // One at a time changes archive.json: the link, an operator or retention.
  class Turn {
   public:
    explicit Turn(DiskArchive& archive) : archive_(archive) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

   private:
    DiskArchive& archive_;
  };
  rt::Task<std::unique_ptr<Turn>> turn();
  rt::Task<Result<>> drop_in_turn();
  rt::Task<Result<>> discard_retired(std::size_t count);
  rt::Task<Result<>> save(ArchiveFile changed);
  rt::Task<Result<>> remove_lineages(std::vector<std::string> names);

  rt::Host& host_;
  std::unique_ptr<rt::Directory> directory_;
  const LogOptions options_;
  std::unique_ptr<rt::File> lock_;
  ArchiveFile file_;
  Recovery recovery_;
  std::shared_ptr<DiskLog> active_;  // also owned by their readers
  std::shared_ptr<DiskLog> incoming_;
  std::vector<RetiredLineage> retired_;
  bool is_changing_ = false;
  rt::Event changed_;
};

}  // namespace sluice::replog
