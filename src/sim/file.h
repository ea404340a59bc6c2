// Open files and folders of a simulated disk, by one process.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "sim/disk.h"

namespace sluice::sim {

class File : public rt::File {
 public:
  File(Disk& disk, std::shared_ptr<Inode> inode, std::string path, std::shared_ptr<const bool> life)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)), life_(std::move(life)) {}

  Result<std::size_t> read_at(std::uint64_t at, std::span<char> into) const override;
  Result<> write_at(std::uint64_t at, std::string_view bytes) override;
  Result<> sync() override;
  Result<> truncate(std::uint64_t size) override;
  Result<std::uint64_t> size() const override;
  bool is_cached(std::uint64_t, std::size_t) const override { return disk_.is_cached(); }
  int descriptor() const override { return -1; }

 protected:
  Disk& disk_;
  std::shared_ptr<Inode> inode_;
  std::string path_;
  std::shared_ptr<const bool> life_;
};

class Directory : public rt::Directory {
 public:
  Directory(Disk& disk, std::shared_ptr<Folder> folder, std::string path,
            std::shared_ptr<const bool> life)
      : disk_(disk), folder_(std::move(folder)), path_(std::move(path)), life_(std::move(life)) {}

  Result<std::unique_ptr<rt::File>> open(std::string_view name, rt::OpenMode mode) override;
  Result<std::vector<std::string>> list() const override;
  Result<> remove(std::string_view name) override;
  Result<> rename(std::string_view from, std::string_view to) override;
  Result<> sync() override;
  Result<std::unique_ptr<rt::Directory>> folder(std::string_view name) override;
  Result<> remove_folder(std::string_view name) override;
  Result<std::unique_ptr<rt::File>> lock(std::string_view name) override;
  Result<std::uint64_t> free_bytes() const override;
  std::string path() const override { return path_; }

 private:
  std::string describe(const char* verb, std::string_view name) const;
  Result<std::shared_ptr<Inode>> inode_of(std::string_view name, rt::OpenMode mode);

  Disk& disk_;
  std::shared_ptr<Folder> folder_;
  std::string path_;
  std::shared_ptr<const bool> life_;
};

}  // namespace sluice::sim
