// Reads all of an archive and says what is damaged. Read-only; a keeper may be at work in it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "replog/archive_view.h"

namespace sluice::replog {

struct Finding {
  std::string file;     // with its lineage's folder; that of the whole archive if empty
  repl::Offset offset;  // in the stream, or in the snapshot
  std::string what;
};

struct Verdict {
  std::uint64_t files = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::vector<Finding> damage;     // at most kFindingsMax
  std::vector<std::string> notes;  // what recovery would do at the next start
};
inline constexpr std::size_t kFindingsMax = 100;

// kNotFound: there is no archive. Blocking; reads every byte.
Result<Verdict> verify(rt::Directory& directory);

}  // namespace sluice::replog
