#include "module/aof_files.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "module/command_table.h"
#include "resp/inline_command.h"

namespace sluice::module {

namespace {

bool is_rdb(std::string_view front) {
  return front.starts_with("REDIS") || front.starts_with("VALKEY");
}

// The value behind `name`; nothing if it is not there.
std::optional<std::string> value_of(const std::vector<std::string>& words, std::string_view name) {
  for (std::size_t at = 0; at + 1 < words.size(); at += 2)
    if (is_word(words[at], name)) return words[at + 1];
  return std::nullopt;
}

}  // namespace

Result<std::vector<std::string>> aof_files(std::string_view manifest) {
  std::vector<std::string> files;
  while (!manifest.empty()) {
    const auto line = manifest.substr(0, manifest.find('\n'));
    manifest.remove_prefix(std::min(line.size() + 1, manifest.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const auto words = resp::split_inline(line);
    const auto file = words ? value_of(*words, "file") : std::nullopt;
    const auto type = words ? value_of(*words, "type") : std::nullopt;
    if (!file || !type)
      return fail(Errc::kProtocol, "no line of an AOF manifest: " + std::string(line));
    if (*type != "h") files.push_back(*file);
  }
  return files;
}

Result<AofTail> read_aof_tail(ReadFile read, const std::string& folder,
                              const std::string& manifest) {
  std::string text;
  const auto append = [&](std::string_view piece) -> Result<bool> {
    text += piece;
    return true;
  };
  TRY_VOID(read(folder + "/" + manifest, append));
  TRY(const auto names, aof_files(text));
  AofTail tail;
  for (const auto& name : names) {
    tail.begin_file();
    bool is_first = true;
    const auto feed = [&](std::string_view piece) -> Result<bool> {
      if (std::exchange(is_first, false) && is_rdb(piece)) return false;
      TRY_VOID(tail.feed(piece));
      return true;
    };
    TRY_VOID(read(folder + "/" + name, feed));
  }
  return tail;
}

}  // namespace sluice::module
