#include "rt/posix_process.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/check.h"
#include "rt/address.h"

namespace sluice::rt {

namespace {

// What the child needs, prepared before the fork: between fork and exec it may not allocate.
struct Plan {
  std::vector<char*> argv;
  UniqueFd input;
  UniqueFd output;
  UniqueFd report;  // carries errno to the parent, closed by a successful exec
  const char* working_directory = nullptr;
  pid_t parent = 0;
};

tl::unexpected<Error> rejected(const ProcessSpec& spec, const std::string& what) {
  return fail(Errc::kRejected, "starting " + spec.argv[0] + ": " + what + reason(errno));
}

// A file in memory, so that no length of input can block either side.
UniqueFd input_of(const std::string& bytes) {
  UniqueFd fd(::memfd_create("stdin", MFD_CLOEXEC));
  std::size_t done = 0;
  while (fd.is_open() && done < bytes.size()) {
    const auto taken = ::write(fd.get(), bytes.data() + done, bytes.size() - done);
    if (taken <= 0) return UniqueFd();
    done += static_cast<std::size_t>(taken);
  }
  if (fd.is_open() && ::lseek(fd.get(), 0, SEEK_SET) != 0) return UniqueFd();
  return fd;
}

UniqueFd output_to(const std::string& path) {
  if (path.empty()) return UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
}

[[noreturn]] void give_up(const Plan& plan) {
  const int number = errno;
  (void)!::write(plan.report.get(), &number, sizeof number);
  ::_exit(127);
}

// Runs in the child, where only async-signal-safe calls are allowed.
[[noreturn]] void become(const Plan& plan, const sigset_t& no_signals) {
  for (int number = 1; number < NSIG; ++number) {
    if (number != SIGKILL && number != SIGSTOP) ::signal(number, SIG_DFL);
  }
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(plan);
  if (::getppid() != plan.parent) ::_exit(127);  // the parent died before the line above
  if (::dup2(plan.input.get(), STDIN_FILENO) < 0 || ::dup2(plan.output.get(), STDOUT_FILENO) < 0 ||
      ::dup2(plan.output.get(), STDERR_FILENO) < 0) {
    give_up(plan);
  }
  if (plan.working_directory != nullptr && ::chdir(plan.working_directory) != 0) give_up(plan);
  ::sigprocmask(SIG_SETMASK, &no_signals, nullptr);
  ::execvp(plan.argv[0], plan.argv.data());
  give_up(plan);
}

// Signals are held meanwhile: the child would tell our loop of those that it gets.
pid_t fork_into(const Plan& plan) {
  sigset_t all;
  sigset_t before;
  sigset_t none;
  ::sigfillset(&all);
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) become(plan, none);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return pid;
}

void reap_now(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<std::unique_ptr<Process>> PosixProcess::start(Loop& loop, const ProcessSpec& spec) {
  CHECK(!spec.argv.empty());
  Plan plan;
  auto words = spec.argv;
  for (auto& word : words) plan.argv.push_back(word.data());
  plan.argv.push_back(nullptr);
  plan.parent = ::getpid();
  if (!spec.working_directory.empty()) plan.working_directory = spec.working_directory.c_str();
  plan.input = input_of(spec.standard_input);
  if (!plan.input.is_open()) return rejected(spec, "its input: ");
  plan.output = output_to(spec.output_file);
  if (!plan.output.is_open()) return rejected(spec, "output file " + spec.output_file + ": ");

  int report[2] = {-1, -1};
  if (::pipe2(report, O_CLOEXEC) != 0) return rejected(spec, "");
  const UniqueFd news(report[0]);
  plan.report = UniqueFd(report[1]);
  const pid_t pid = fork_into(plan);
  if (pid < 0) return rejected(spec, "");
  plan.report = UniqueFd();

  int number = 0;
  if (::read(news.get(), &number, sizeof number) == sizeof number) {
    reap_now(pid);
    errno = number;
    return rejected(spec, "");
  }
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.is_open()) {
    ::kill(pid, SIGKILL);
    reap_now(pid);
    return rejected(spec, "no pidfd: ");
  }
  return std::make_unique<PosixProcess>(loop, pid, std::move(pidfd));
}

PosixProcess::PosixProcess(Loop& loop, pid_t pid, UniqueFd pidfd)
    : pid_(pid), pidfd_(loop, std::move(pidfd)) {}

PosixProcess::~PosixProcess() {
  if (exit_code_) return;
  ::kill(pid_, SIGKILL);
  reap(0);
}

// Once reaped, the number may be another process's.
void PosixProcess::signal(int number) {
  if (!exit_code_ && !reap(WNOHANG)) ::kill(pid_, number);
}

bool PosixProcess::reap(int flags) {
  int status = 0;
  pid_t got = 0;
  do {
    got = ::waitpid(pid_, &status, flags);
  } while (got < 0 && errno == EINTR);
  if (got != pid_) return false;
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return true;
}

Task<int> PosixProcess::wait() {
  while (!exit_code_ && !reap(WNOHANG)) co_await pidfd_.readable();
  co_return *exit_code_;
}

}  // namespace sluice::rt
