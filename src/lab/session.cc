#include "lab/session.h"

#include "rt/cores.h"

namespace sluice::lab {
namespace {

using Body = std::function<rt::Task<int>(rt::Host&, Wish&)>;

rt::Task<void> run(const Body& body, rt::Cores& cores, Wish& wish, int& code) {
  code = co_await body(cores.host(0), wish);
  cores.stop();
}

}  // namespace

int run_session(const Body& body) {
  rt::Cores cores(1);
  rt::Gate tasks(cores.host(0));
  Wish wish(cores.host(0));
  int code = 1;
  cores.on_stop_signal([&wish](int) { wish.close(); });
  tasks.spawn(run(body, cores, wish, code));
  cores.run();
  return code;
}

}  // namespace sluice::lab
