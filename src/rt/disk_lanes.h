// The threads that do a process's blocking file work: one per lane, shared by all cores.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "rt/disk.h"
#include "rt/parked.h"

namespace sluice::rt {

class DiskLanes {
 public:
  DiskLanes();
  DiskLanes(const DiskLanes&) = delete;
  DiskLanes& operator=(const DiskLanes&) = delete;
  ~DiskLanes();  // runs what is queued; the loops waiting for it must still exist

  // The lanes as a core with `loop` uses them.
  Task<void> run(Loop& loop, Lane lane, std::function<void()> work);

 private:
  // Lives in the frame of the task that waits for it, so a queue is as long as there are callers.
  struct Job {
    Loop* loop = nullptr;
    std::function<void()> work;
    Parked caller;
  };

  struct Worker {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job*> jobs;
    bool stopping = false;
    std::thread thread;

    void push(Job* job);
    void work();
  };

  std::array<Worker, 3> workers_;
};

class AsioDisk : public Disk {
 public:
  AsioDisk(Loop& loop, DiskLanes& lanes) : loop_(loop), lanes_(lanes) {}

  Task<void> run(Lane lane, std::function<void()> work) override {
    return lanes_.run(loop_, lane, std::move(work));
  }

 private:
  Loop& loop_;
  DiskLanes& lanes_;
};

}  // namespace sluice::rt
