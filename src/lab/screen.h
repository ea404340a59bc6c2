// What `sluice lab up` tells: lines that stay, and a status that a terminal shows in place.
#pragma once

#include <cstdio>
#include <string>

#include "lab/folder.h"
#include "lab/session.h"
#include "lab/up.h"

namespace sluice::lab {

inline void say(const std::string& text) {
  std::fputs((text + "\n").c_str(), stdout);
  std::fflush(stdout);
}

inline void show_status(const std::string& line, bool is_terminal) {
  if (!is_terminal) return say(line);
  std::fputs(("\r\033[K" + line).c_str(), stdout);
  std::fflush(stdout);
}

// The exit code of what has ended so; a failure is told.
inline int told(const Result<>& outcome) {
  if (outcome) {
    say("stopped");
    return 0;
  }
  std::fprintf(stderr, "sluice lab: %s\n", outcome.error().detail.c_str());
  return 1;
}

// Runs a Session(host, wish, folder, options) in its folder.
template <typename Session>
rt::Task<int> run_in_folder(rt::Host& host, Wish& wish, UpOptions options) {
  auto folder = Folder::make(host, options.dir);
  if (!folder) {
    const Result<> failure = tl::unexpected(folder.error());
    co_return told(failure);
  }
  Session session(host, wish, *std::move(folder), options);
  co_return co_await session.run();
}

}  // namespace sluice::lab
