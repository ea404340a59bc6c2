// A folder for one run: under the system's folder for temporary files and gone afterwards, or kept.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "rt/host.h"

namespace sluice::lab {

class Folder {
 public:
  // With a path: that folder, which is kept. Without: a new one, removed with all in it.
  static Result<Folder> make(rt::Host& host, const std::optional<std::string>& path);
  Folder(Folder&&) = default;
  Folder& operator=(Folder&&) = delete;
  ~Folder();

  std::string path() const { return own_->path(); }
  rt::Directory& directory() { return *own_; }

 private:
  Folder(std::unique_ptr<rt::Directory> own, std::unique_ptr<rt::Directory> parent,
         std::string name);

  std::unique_ptr<rt::Directory> own_;
  std::unique_ptr<rt::Directory> parent_;  // null if it is kept
  std::string name_;
};

// Makes or replaces a small text file. Blocks.
Result<> write_text(rt::Directory& directory, std::string_view name, std::string_view text);
// All of a file that cannot say how long it is, such as those of /proc. Blocks.
Result<std::string> read_text(rt::Directory& directory, std::string_view name);

}  // namespace sluice::lab
