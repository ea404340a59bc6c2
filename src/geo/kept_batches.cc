#include "geo/kept_batches.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "crdt/batch.h"
#include "crdt/wire.h"

namespace sluice::geo {
namespace {

constexpr char kVersionMin = 2, kVersionMax = 3;

// 64 bits, little-endian, then as many bytes.
std::optional<std::string_view> take_text(std::string_view& bytes) {
  if (bytes.size() < sizeof(std::uint64_t)) return std::nullopt;
  crdt::Reader reader(bytes);
  const auto size = reader.fixed();
  bytes.remove_prefix(reader.at());
  if (size > bytes.size()) return std::nullopt;
  const auto text = bytes.substr(0, static_cast<std::size_t>(size));
  bytes.remove_prefix(text.size());
  return text;
}

std::optional<std::uint64_t> take_count(std::string_view& bytes) {
  if (bytes.size() < sizeof(std::uint64_t)) return std::nullopt;
  crdt::Reader reader(bytes);
  const auto count = reader.fixed();
  bytes.remove_prefix(reader.at());
  return count;
}

tl::unexpected<Error> no_state() {
  return fail(Errc::kProtocol, "snapshot: what the module saved does not add up");
}

}  // namespace

Result<std::vector<StreamBatch>> kept_batches(std::string_view saved, repl::Offset snapshot) {
  std::vector<StreamBatch> batches;
  if (saved.empty() || saved[0] < kVersionMin || saved[0] > kVersionMax) return batches;
  saved.remove_prefix(1);
  if (take_count(saved) != 1 || !take_text(saved)) return no_state();
  const auto count = take_count(saved);
  if (!count) return no_state();
  for (std::uint64_t at = 0; at < *count; ++at) {
    const auto bytes = take_text(saved);
    if (!bytes) return no_state();
    TRY(auto header, crdt::decode_header(*bytes));
    if (header.count == 0) continue;
    batches.push_back({.header = std::move(header),
                       .bytes = std::string(*bytes),
                       .begin = snapshot,
                       .end = snapshot});
  }
  return batches;
}

void KeptBatches::feed(std::string_view bytes) {
  if (!is_over_) is_over_ = !read(bytes).value_or(false);
}

Result<bool> KeptBatches::read(std::string_view bytes) {
  TRY_VOID(reader_.feed(bytes));
  for (;;) {
    TRY(const auto item, reader_.next());
    if (!item) return true;
    if (std::holds_alternative<SnapshotKey>(*item)) return false;
    if (const auto* const saved = std::get_if<SavedModule>(&*item)) {
      TRY(batches_, kept_batches(saved->state, snapshot_));
      return false;
    }
  }
}

}  // namespace sluice::geo
