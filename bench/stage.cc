#include "stage.h"

#include <cstdio>
#include <filesystem>
#include <utility>

#include "rt/usage.h"

namespace sluice::bench {

std::string sluice_path() {
  return std::filesystem::path(rt::executable_path()).parent_path() / "sluice";
}

void say(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

Stage::Stage(rt::Host& host, lab::Wish& wish, lab::Folder folder)
    : host_(host),
      wish_(wish),
      world_(host, std::move(folder),
             {.dir = std::nullopt,
              .sluice = sluice_path(),
              .start_timeout = std::chrono::minutes(2),
              .call_timeout = std::chrono::minutes(5)}) {}

Result<std::unique_ptr<rt::Process>> Stage::worker(std::vector<std::string> words,
                                                   std::vector<std::string> run_by) {
  rt::ProcessSpec how;
  how.argv = std::move(run_by);
  how.argv.push_back(rt::executable_path());
  how.argv.emplace_back("worker");
  how.output_file = world_.folder().path() + "/workers.log";
  how.argv.insert(how.argv.end(), words.begin(), words.end());
  return host_.start(how);
}

rt::Task<Result<>> Stage::until(std::function<bool()> condition, rt::Duration timeout,
                                std::string what) {
  const auto deadline = host_.clock().now() + timeout;
  while (!condition()) {
    if (host_.clock().now() >= deadline) co_return fail(Errc::kTimedOut, what);
    CO_TRY_VOID(co_await pause(std::chrono::milliseconds(20)));
  }
  co_return Result<>();
}

rt::Task<Result<>> Stage::pause(rt::Duration time) {
  const bool may_go_on = co_await wish_.sleep(time);
  if (!may_go_on) co_return fail(Errc::kCancelled, "stopped by the user");
  co_return Result<>();
}

Result<double> Stage::cpu_seconds(int pid) {
  TRY(const auto usage, lab::usage_of(host_, pid));
  return usage.cpu_seconds;
}

}  // namespace sluice::bench
