#include "module/saved_state.h"

#include <charconv>
#include <cstring>
#include <utility>

namespace sluice::module {

namespace {

constexpr char kVersion = 3, kVersionWithoutUnsent = 2;

void put(std::string& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

void put(std::string& out, const std::vector<std::string>& list) {
  put(out, list.size());
  for (const auto& one : list) {
    put(out, one.size());
    out += one;
  }
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  Result<std::uint64_t> number() {
    if (rest_.size() < 8) return fail(Errc::kCorrupt, "the module's part of the RDB ends early");
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
    }
    rest_.remove_prefix(8);
    return value;
  }

  Result<std::vector<std::string>> list() {
    TRY(const std::uint64_t count, number());
    std::vector<std::string> found;
    for (std::uint64_t i = 0; i < count; ++i) {
      TRY(const std::uint64_t size, number());
      if (size > rest_.size()) {
        return fail(Errc::kCorrupt, "the module's part of the RDB ends early");
      }
      found.emplace_back(rest_.substr(0, size));
      rest_.remove_prefix(size);
    }
    return found;
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::string encode(const SavedState& state) {
  std::string out(1, kVersion);
  put(out, std::vector<std::string>{state.region});
  put(out, state.batches);
  std::vector<std::string> positions;
  for (const auto& [source, at] : state.positions) {
    positions.insert(positions.end(), {source, at.replid, std::to_string(at.offset)});
  }
  put(out, positions);
  put(out, state.has_plain_data ? 1 : 0);
  put(out, state.unsent);
  return out;
}

Result<SavedState> decode_saved_state(std::string_view bytes) {
  if (bytes.empty() || bytes[0] < kVersionWithoutUnsent || bytes[0] > kVersion) {
    return fail(Errc::kCorrupt, "the module's part of the RDB is of another version of sluice-geo");
  }
  Reader reader(bytes.substr(1));
  TRY(auto region, reader.list());
  TRY(auto batches, reader.list());
  TRY(auto positions, reader.list());
  if (region.size() != 1 || positions.size() % 3 != 0) {
    return fail(Errc::kCorrupt, "the module's part of the RDB does not add up");
  }
  TRY(const auto plain, reader.number());
  const bool has_unsent = bytes[0] > kVersionWithoutUnsent;
  TRY(const auto unsent, has_unsent ? reader.number() : Result<std::uint64_t>(0));
  if (unsent > batches.size())
    return fail(Errc::kCorrupt, "the module's part of the RDB does not add up");
  SavedState state{.region = std::move(region[0]),
                   .batches = std::move(batches),
                   .positions = {},
                   .has_plain_data = plain != 0,
                   .unsent = unsent};
  for (std::size_t i = 0; i < positions.size(); i += 3) {
    Position at{.replid = positions[i + 1], .offset = 0};
    const std::string& digits = positions[i + 2];
    std::from_chars(digits.data(), digits.data() + digits.size(), at.offset);
    state.positions.emplace(positions[i], std::move(at));
  }
  return state;
}

}  // namespace sluice::module
