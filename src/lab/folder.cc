#include "lab/folder.h"

#include <array>
#include <fmt/format.h>
#include <utility>

namespace sluice::lab {

Folder::Folder(std::unique_ptr<rt::Directory> own, std::unique_ptr<rt::Directory> parent,
               std::string name)
    : own_(std::move(own)), parent_(std::move(parent)), name_(std::move(name)) {}

Result<Folder> Folder::make(rt::Host& host, const std::optional<std::string>& path) {
  if (path) {
    TRY(auto kept, host.directory(*path));
    return Folder(std::move(kept), nullptr, {});
  }
  TRY(auto parent, host.directory("/tmp"));
  std::string name = fmt::format("sluice-lab-{:016x}", host.random());
  TRY(auto own, parent->folder(name));
  return Folder(std::move(own), std::move(parent), std::move(name));
}

Folder::~Folder() {
  if (!parent_) return;
  own_.reset();
  (void)parent_->remove_folder(name_);  // left behind, it harms nobody
}

Result<> write_text(rt::Directory& directory, std::string_view name, std::string_view text) {
  TRY(auto file, directory.open(name, rt::OpenMode::kCreateEmpty));
  return file->write_at(0, text);
}

Result<std::string> read_text(rt::Directory& directory, std::string_view name) {
  TRY(auto file, directory.open(name, rt::OpenMode::kRead));
  std::string text;
  std::array<char, 4096> part{};
  for (;;) {
    TRY(const auto count, file->read_at(text.size(), part));
    if (count == 0) return text;
    text.append(part.data(), count);
  }
}

}  // namespace sluice::lab
