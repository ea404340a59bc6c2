#include "rdb/listpack.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "rdb/little_endian.h"

namespace sluice::rdb {
namespace {

constexpr std::size_t kHeaderBytes = 6;  // size in bytes, number of elements: little endian
constexpr char kEnd = '\xff';

// How many bytes say, behind an element, how long it is: seven bits in each, of which two and more never say the highest
// number (lpEncodeBacklen).
std::size_t back_length(std::size_t size) {
  if (size <= 127) return 1;
  std::size_t bytes = 2;
  while (bytes < 5 && size >= (std::size_t{1} << 7U * bytes) - 1) ++bytes;
  return bytes;
}

struct Header {
  std::size_t bytes = 1;  // of the header
  std::size_t body = 0;   // bytes behind it
  bool is_number = false;
  std::optional<std::int64_t> small{};  // the number that stands in the header
};

std::int64_t extended(std::uint64_t number, unsigned bits) {
  const unsigned unused = 64 - bits;
  return static_cast<std::int64_t>(number << unused) >> unused;
}

// Nothing: no element begins so, or it is cut off.
std::optional<Header> header_of(std::string_view bytes) {
  const auto first = static_cast<std::uint8_t>(bytes.front());
  const auto second = bytes.size() < 2 ? 0U : static_cast<std::uint8_t>(bytes[1]);
  if (first < 0x80) return Header{.is_number = true, .small = first};
  if (first < 0xc0) return Header{.body = first & 0x3fU};
  if (first < 0xe0)
    return Header{
        .bytes = 2, .is_number = true, .small = extended((first & 0x1fU) << 8U | second, 13)};
  if (first < 0xf0) return Header{.bytes = 2, .body = (first & 0x0fU) << 8U | second};
  switch (first) {
    case 0xf0:
      if (bytes.size() < 5) return std::nullopt;
      return Header{.bytes = 5,
                    .body = static_cast<std::size_t>(little_endian(bytes.substr(1, 4)))};
    case 0xf1:
    case 0xf2:
    case 0xf3:
      return Header{.body = first - 0xefU, .is_number = true};
    case 0xf4:
      return Header{.body = 8, .is_number = true};
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<std::vector<std::string>> listpack_elements(std::string_view bytes) {
  const auto broken = [] { return fail(Errc::kProtocol, "a listpack is broken"); };
  if (bytes.size() <= kHeaderBytes || little_endian(bytes.substr(0, 4)) != bytes.size())
    return broken();
  std::vector<std::string> elements;
  auto rest = bytes.substr(kHeaderBytes);
  while (rest.front() != kEnd) {
    const auto header = header_of(rest);
    if (!header) return broken();
    const auto size = header->bytes + header->body;
    const auto whole = size + back_length(size);
    if (rest.size() <= whole) return broken();  // the end is behind it
    const auto body = rest.substr(header->bytes, header->body);
    if (header->small) {
      elements.push_back(std::to_string(*header->small));
    } else if (header->is_number) {
      elements.push_back(
          std::to_string(extended(little_endian(body), 8 * static_cast<unsigned>(body.size()))));
    } else {
      elements.emplace_back(body);
    }
    rest.remove_prefix(whole);
  }
  if (rest.size() != 1) return broken();
  return elements;
}

}  // namespace sluice::rdb
