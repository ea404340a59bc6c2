// A communications platform on several Redis regions, and its books: what it was told and may rely on.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lab/mesh.h"
#include "redis/client.h"
#include "rt/gate.h"

namespace sluice::cases {

// Per account, in a sliding window of `kLimitWindow`, a region lets so many calls through.
inline constexpr std::uint64_t kLimit = 5;
inline constexpr auto kLimitWindow = std::chrono::seconds(2);

// What was acknowledged by some region, and what it may have done without an answer.
class Books {
 public:
  struct Call {
    std::string state;    // the last that was acknowledged
    bool is_sure = true;  // no later change of state is without an answer
    bool was_queued = false;
  };
  struct Count {
    std::int64_t sure = 0;
    std::int64_t unsure = 0;
  };

  std::map<std::string, Call> calls;
  std::map<std::string, Count> counters;
  std::set<std::string> answered;  // calls that somebody took off a queue
  std::uint64_t answered_twice = 0;
  std::uint64_t refused = 0;                                  // by the limit
  std::map<std::string, std::vector<std::int64_t>> accepted;  // of an account: when, in Unix ms

  // The most calls of one account that were let through in one window.
  std::uint64_t busiest_window() const;
};

// The office of a region: serves users at a steady rate, on one master at a time.
class Office {
 public:
  struct Options {
    std::string home;  // whose users it serves at first
    double calls_per_second = 50;
    std::uint32_t accounts = 20;
    std::string total = "calls:total";  // the counter of all its calls
  };
  Office(lab::World& world, lab::Server& master, Options options, Books& books)
      : world_(world), master_(&master), options_(std::move(options)), books_(books) {
    homes_.insert(options_.home);
  }

  // Until `until` is closing; a master that is away is tried again.
  rt::Task<void> run(rt::Gate& until);

  // Serves that region's users, and answers the calls that wait in its queue.
  void take_over(const std::string& home) { homes_.insert(home); }
  void hand_back(const std::string& home) { homes_.erase(home); }
  // Its users go on there, as soon as their master refuses them or is gone.
  void move_to(lab::Server& master) { master_ = &master; }
  std::uint64_t calls() const { return made_; }
  // The longest that its users have waited from one call to the next, since this was asked last.
  double take_longest_wait() { return std::exchange(longest_wait_, 0); }

  // Answers every call that still waits in the queue of `home`, or was left on the desk by a master that died.
  rt::Task<Result<>> drain(std::string home);

 private:
  rt::Task<Result<>> serve(rt::Gate& until);
  rt::Task<Result<>> call(redis::Client& client, std::string home);
  rt::Task<Result<bool>> is_within_limit(redis::Client& client, std::string account,
                                         std::string id);
  rt::Task<Result<>> ring(redis::Client& client, std::string home, std::string account,
                          std::string id);
  rt::Task<Result<bool>> answer_one(redis::Client& client, std::string home);
  rt::Task<Result<>> answer(redis::Client& client, std::string home, std::string id);
  rt::Task<Result<>> change(redis::Client& client, std::string id, std::string state);

  lab::World& world_;
  lab::Server* master_;
  const Options options_;
  Books& books_;
  std::set<std::string> homes_;
  std::uint64_t made_ = 0;
  rt::Instant served_ = {};  // the last call
  double longest_wait_ = 0;  // seconds
};

// Reads all of it on one region, and says what is not as the books have it; empty if all is.
rt::Task<Result<std::vector<std::string>>> compare(lab::World& world, lab::Server& master,
                                                   const Books& books);

}  // namespace sluice::cases
