#include "rdb/lzf.h"

namespace sluice::rdb {
namespace {

constexpr std::size_t kLiteralsMax = 32;  // a control byte below this is a run of literals
constexpr std::size_t kLongMatch = 7;     // its length goes on in the next byte

struct Input {
  std::string_view rest;

  // 256 at the end.
  std::size_t take() {
    if (rest.empty()) return 256;
    const auto byte = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    return byte;
  }
};

// LLLDDDDD [LLLLLLLL] DDDDDDDD: copies L + 2 bytes from D + 1 bytes back; they may overlap.
bool unpack_match(std::size_t control, Input& in, std::string& out) {
  std::size_t count = control >> 5U;
  if (count == kLongMatch) {
    const auto more = in.take();
    if (more > 255) return false;
    count += more;
  }
  const auto low = in.take();
  const std::size_t distance = ((control & 31U) << 8U) + low + 1;
  if (low > 255 || distance > out.size()) return false;
  for (std::size_t i = 0; i < count + 2; ++i) out += out[out.size() - distance];
  return true;
}

}  // namespace

Result<std::string> lzf_unpack(std::string_view packed, std::size_t length) {
  std::string out;
  Input in{packed};
  while (!in.rest.empty() && out.size() <= length) {
    const auto control = in.take();
    if (control >= kLiteralsMax) {
      if (!unpack_match(control, in, out)) return fail(Errc::kProtocol, "LZF is damaged");
      continue;
    }
    if (in.rest.size() <= control) return fail(Errc::kProtocol, "LZF is damaged");
    out.append(in.rest.substr(0, control + 1));
    in.rest.remove_prefix(control + 1);
  }
  if (out.size() != length) return fail(Errc::kProtocol, "LZF unpacks to another length");
  return out;
}

}  // namespace sluice::rdb
