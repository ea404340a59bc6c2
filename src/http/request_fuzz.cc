#include <cstdint>

#include "base/check.h"
#include "http/conversation.h"

// Whatever arrives, in whatever pieces, is answered the same or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  using sluice::http::Conversation;
  const sluice::http::Routes routes{
      {"/", [](const auto&) { return sluice::http::Response{.body = "x"}; }}};
  const std::string_view text(reinterpret_cast<const char*>(bytes), count);
  Conversation whole(routes, {});
  const auto at_once = whole.answer(text);
  Conversation pieces(routes, {});
  std::string in_pieces;
  for (const char c : text) in_pieces += pieces.answer({&c, 1});
  CHECK(at_once == in_pieces || at_once.size() > 1024 * 1024);
  CHECK(whole.is_over() == pieces.is_over());
  return 0;
}
