// Files and folders of the machine.
#pragma once

#include <memory>
#include <string>

#include "rt/descriptor.h"
#include "rt/file.h"

namespace sluice::rt {

// The error of a failed call: kNoSpace, kNotFound, kBusy or kDiskFailed with
// "<what>: <strerror(number)>".
Error disk_error(int number, const std::string& what);

class PosixFile : public File {
 public:
  PosixFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t at, std::span<char> into) const override;
  Result<> write_at(std::uint64_t at, std::string_view bytes) override;
  Result<> sync() override;
  Result<> truncate(std::uint64_t size) override;
  Result<std::uint64_t> size() const override;
  bool is_cached(std::uint64_t at, std::size_t count) const override;
  int descriptor() const override { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string path_;
};

// All calls go through the open folder, so they stay in it if it is moved.
class PosixDirectory : public Directory {
 public:
  // The folder at `path`, made with its parents if absent; those made are synced.
  static Result<std::unique_ptr<Directory>> open_path(std::string_view path);

  PosixDirectory(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override;
  Result<std::vector<std::string>> list() const override;
  Result<> remove(std::string_view name) override;
  Result<> rename(std::string_view from, std::string_view to) override;
  Result<> sync() override;
  Result<std::unique_ptr<Directory>> folder(std::string_view name) override;
  Result<> remove_folder(std::string_view name) override;
  Result<std::unique_ptr<File>> lock(std::string_view name) override;
  Result<std::uint64_t> free_bytes() const override;
  std::string path() const override { return path_; }

 private:
  Error error(const std::string& verb, std::string_view name) const;

  UniqueFd fd_;
  std::string path_;
};

}  // namespace sluice::rt
