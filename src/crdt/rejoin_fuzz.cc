// A peer's saved state and what follows it in its stream: a region that takes them over can save that, and load it again.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "crdt/region.h"

namespace sluice::crdt {
namespace {

// A Redis without keys.
class NoKeys : public Keyspace {
 public:
  ValueType type(const KeyName&) override { return ValueType::kNone; }
  Deadline deadline(const KeyName&) override { return kNoDeadline; }
  void set_deadline(const KeyName&, Deadline) override {}
  void remove(const KeyName&) override {}
  std::string string(const KeyName&) override { return {}; }
  void write_string(const KeyName&, std::string_view) override {}
  void add_to_hll(const KeyName&, const std::vector<std::string>&) override {}
  void merge_hll(const KeyName&, std::string_view) override {}
  std::optional<std::string> field(const KeyName&, std::string_view) override { return {}; }
  void write_field(const KeyName&, std::string_view, std::string_view) override {}
  void remove_field(const KeyName&, std::string_view) override {}
  bool contains(const KeyName&, std::string_view) override { return false; }
  void add_member(const KeyName&, std::string_view) override {}
  void remove_member(const KeyName&, std::string_view) override {}
  std::optional<double> score(const KeyName&, std::string_view) override { return {}; }
  void write_score(const KeyName&, std::string_view, double) override {}
  void remove_score(const KeyName&, std::string_view) override {}
  std::uint64_t list_length(const KeyName&) override { return 0; }
  std::vector<std::string> list_range(const KeyName&, std::uint64_t, std::uint64_t) override {
    return {};
  }
  void insert_elements(const KeyName&, std::uint64_t, const std::vector<std::string>&) override {}
  void remove_elements(const KeyName&, std::uint64_t, std::uint64_t) override {}
  bool contains(const KeyName&, StreamId) override { return false; }
  std::vector<Field> entry(const KeyName&, StreamId) override { return {}; }
  void add_entry(const KeyName&, StreamId, const std::vector<Field>&) override {}
  void remove_entry(const KeyName&, StreamId) override {}
  void write_library(std::string_view, std::string_view) override {}
  void for_each_element(const KeyName&,
                        const std::function<void(std::string_view, std::string_view)>&) override {}
  void for_each_key(std::uint32_t, const std::function<void(const KeyName&)>&) override {}
  std::uint32_t db_count() override { return 1; }
};

void merge(std::string_view saved, std::string_view batch) {
  constexpr RegionId kSelf = 16;
  constexpr std::uint64_t kNowMs = 1'000'000;
  NoKeys keyspace;
  Region region(kSelf, {});
  region.begin_incarnation(1);
  region.note({{0, "ours"}, WriteString{"7"}, true}, keyspace, kNowMs);
  (void)region.flush(kNowMs);
  if (!region.begin_merge(saved, {.keeps_plain = true, .is_unchecked = true})) return;
  region.merge_key({0, "theirs"}, [] {}, keyspace, kNowMs);
  (void)region.merge_stream(batch).has_value();
  region.merge_rest(keyspace, kNowMs);
  region.finish_merge(2);
  while (region.flush(kNowMs)) {
  }
  Region again(kSelf, {});
  CHECK(again.load(region.save()).has_value());
}

}  // namespace
}  // namespace sluice::crdt

// The length of the saved state in two bytes, that state, a batch.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLengthBytes = 2;
  if (size < kLengthBytes) return 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const std::string_view bytes(reinterpret_cast<const char*>(data) + kLengthBytes,
                               size - kLengthBytes);
  const std::size_t length = std::size_t{data[0]} * 256 + data[1];
  const auto saved = bytes.substr(0, length);
  sluice::crdt::merge(saved, bytes.substr(saved.size()));
  return 0;
}
