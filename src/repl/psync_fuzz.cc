// PSYNC's two arguments as a hostile peer may send them: refused, or understood and answered.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "repl/psync.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  namespace repl = sluice::repl;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const std::string_view text{reinterpret_cast<const char*>(bytes), count};
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return 0;
  const auto request = repl::parse_psync(text.substr(0, space), text.substr(space + 1));
  if (!request) return 0;
  const auto id = repl::ReplId::parse("0123456789abcdef0123456789abcdef01234567");
  const auto old = repl::ReplId::parse("76543210fedcba9876543210fedcba9876543210");
  CHECK(id && old);
  const repl::History history{
      *id, {repl::Offset{100}, repl::Offset{200}}, {{*old, repl::Offset{150}}}};
  const repl::PsyncAnswer answered = repl::answer(history, *request);
  if (const auto* go = std::get_if<repl::Continue>(&answered)) {
    CHECK(history.held.contains(go->from.offset));
    CHECK(go->from.id == *id);
  }
  return 0;
}
