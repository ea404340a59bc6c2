#include "rt/disk_lanes.h"

#include <csignal>
#include <pthread.h>
#include <utility>

namespace sluice::rt {

namespace {

// Signals are for the cores: here they would interrupt file calls.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

constexpr std::array<const char*, 3> kThreadNames = {"disk-append", "disk-sync", "disk-read"};

}  // namespace

DiskLanes::DiskLanes() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i].thread = std::thread([this, i] {
      ::pthread_setname_np(::pthread_self(), kThreadNames[i]);
      block_signals();
      workers_[i].work();
    });
  }
}

DiskLanes::~DiskLanes() {
  for (auto& worker : workers_) {
    {
      const std::lock_guard lock(worker.mutex);
      worker.stopping = true;
    }
    worker.changed.notify_one();
    worker.thread.join();
  }
}

Task<void> DiskLanes::run(Loop& loop, Lane lane, std::function<void()> work) {
  Job job;
  job.loop = &loop;
  job.work = std::move(work);
  auto& worker = workers_[static_cast<std::size_t>(lane)];
  auto submit = [&worker, &job] { worker.push(&job); };
  co_await job.caller.park(std::move(submit));
}

void DiskLanes::Worker::push(Job* job) {
  bool was_idle = false;
  {
    const std::lock_guard lock(mutex);
    was_idle = jobs.empty();
    jobs.push_back(job);
  }
  if (was_idle) changed.notify_one();
}

void DiskLanes::Worker::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return stopping || !jobs.empty(); });
    if (jobs.empty()) return;
    Job* job = jobs.front();
    jobs.pop_front();
    lock.unlock();
    job->work();
    job->caller.resume(*job->loop);  // the job may be gone from here on
    lock.lock();
  }
}

}  // namespace sluice::rt
