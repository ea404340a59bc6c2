#include "lab/session.h"

#include "rt/cores.h"

namespace sluice::lab {
namespace {

using Body = std::function<rt::Task<int>(rt::Host&, Wish&)>;

rt::Task<void> run(const Body& body, rt::Host& host, Wish& wish, int& code) {
  code = co_await body(host, wish);
}

}  // namespace

int run_session(const Body& body) {
  rt::Cores cores(1);
  Wish wish(cores.host(0));
  int code = 1;
  cores.on_stop_signal([&wish](int) { wish.close(); });
  cores.run_until_ended(run(body, cores.host(0), wish, code));
  return code;
}

}  // namespace sluice::lab
