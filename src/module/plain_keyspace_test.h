// A keyspace of maps, for tests of what only reads one.
#pragma once

#include <charconv>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "module/observer.h"

namespace sluice::module {

struct PlainValue {
  crdt::ValueType type = crdt::ValueType::kNone;
  crdt::Deadline deadline = crdt::kNoDeadline;
  std::string string;
  std::map<std::string, std::string> fields;  // of sets: the members
  std::map<std::string, double> scores;
  std::vector<std::string> list;
  std::vector<crdt::AddEntry> entries;
};

// As Redis shows a score: no digit is lost.
inline std::string shortest(double score) {
  char buffer[64];
  return {std::begin(buffer), std::to_chars(std::begin(buffer), std::end(buffer), score).ptr};
}

class PlainKeyspace final : public ObservedKeyspace {
 public:
  using KeyName = crdt::KeyName;
  using ValueType = crdt::ValueType;
  std::map<KeyName, PlainValue> values;
  crdt::Deadline now = 0;

  PlainValue& at(const std::string& name, ValueType type) {
    PlainValue& value = values[{0, name}];
    value.type = type;
    return value;
  }

  ValueType type(const KeyName& key) override {
    return values.contains(key) ? values[key].type : ValueType::kNone;
  }
  crdt::Deadline deadline(const KeyName& key) override {
    return values.contains(key) ? values[key].deadline : crdt::kNoDeadline;
  }
  void set_deadline(const KeyName& key, crdt::Deadline deadline) override {
    values[key].deadline = deadline;
  }
  void remove(const KeyName& key) override { values.erase(key); }
  bool expire_now(const KeyName& key) override {
    return deadline(key) <= now && values.erase(key) > 0;
  }
  std::string string(const KeyName& key) override { return values[key].string; }
  void write_string(const KeyName& key, std::string_view value) override {
    PlainValue& written = values[key] = PlainValue();
    written.type = ValueType::kString;
    written.string = value;
  }
  void add_to_hll(const KeyName& /*key*/, const std::vector<std::string>& /*all*/) override {}
  void merge_hll(const KeyName& /*key*/, std::string_view /*registers*/) override {}
  std::optional<std::string> field(const KeyName& key, std::string_view name) override {
    const auto& fields = values[key].fields;
    const auto found = fields.find(std::string(name));
    return found == fields.end() ? std::nullopt : std::optional(found->second);
  }
  void write_field(const KeyName& key, std::string_view name, std::string_view value) override {
    values[key].fields[std::string(name)] = value;
  }
  void remove_field(const KeyName& key, std::string_view name) override {
    values[key].fields.erase(std::string(name));
  }
  bool contains(const KeyName& key, std::string_view member) override {
    return values[key].fields.contains(std::string(member));
  }
  void add_member(const KeyName& key, std::string_view member) override {
    values[key].fields[std::string(member)] = "";
  }
  void remove_member(const KeyName& key, std::string_view member) override {
    values[key].fields.erase(std::string(member));
  }
  std::optional<double> score(const KeyName& key, std::string_view member) override {
    const auto& scores = values[key].scores;
    const auto found = scores.find(std::string(member));
    return found == scores.end() ? std::nullopt : std::optional(found->second);
  }
  void write_score(const KeyName& key, std::string_view member, double score) override {
    values[key].scores[std::string(member)] = score;
  }
  void remove_score(const KeyName& key, std::string_view member) override {
    values[key].scores.erase(std::string(member));
  }
  std::uint64_t list_length(const KeyName& key) override { return values[key].list.size(); }
  std::vector<std::string> list_range(const KeyName& key, std::uint64_t at,
                                      std::uint64_t count) override {
    const auto& list = values[key].list;
    std::vector<std::string> range;
    for (auto i = at; i < list.size() && i - at < count; ++i) range.push_back(list[i]);
    return range;
  }
  void insert_elements(const KeyName& key, std::uint64_t at,
                       const std::vector<std::string>& all) override {
    auto& list = values[key].list;
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(at), all.begin(), all.end());
  }
  void remove_elements(const KeyName& key, std::uint64_t at, std::uint64_t count) override {
    auto& list = values[key].list;
    const auto first = list.begin() + static_cast<std::ptrdiff_t>(at);
    list.erase(first, first + static_cast<std::ptrdiff_t>(count));
  }
  bool contains(const KeyName& key, crdt::StreamId id) override { return !entry(key, id).empty(); }
  std::vector<crdt::Field> entry(const KeyName& key, crdt::StreamId id) override {
    for (const auto& one : values[key].entries) {
      if (one.id == id) return one.fields;
    }
    return {};
  }
  void add_entry(const KeyName& key, crdt::StreamId id,
                 const std::vector<crdt::Field>& fields) override {
    values[key].entries.push_back({id, fields});
  }
  void remove_entry(const KeyName& key, crdt::StreamId id) override {
    std::erase_if(values[key].entries, [&](const auto& one) { return one.id == id; });
  }
  void write_library(std::string_view /*name*/, std::string_view /*code*/) override {}
  void for_each_element(
      const KeyName& key,
      const std::function<void(std::string_view, std::string_view)>& each) override {
    for (const auto& [name, value] : values[key].fields) each(name, value);
    for (const auto& [member, score] : values[key].scores) each(member, shortest(score));
  }
  void for_each_key(std::uint32_t db, const std::function<void(const KeyName&)>& each) override {
    for (const auto& [key, value] : values) {
      if (key.db == db) each(key);
    }
  }
  std::uint32_t db_count() override { return 16; }
  std::vector<crdt::AddEntry> entries(const KeyName& key, crdt::StreamId first,
                                      std::uint64_t count) override {
    std::vector<crdt::AddEntry> found;
    for (const auto& one : values[key].entries) {
      if (one.id >= first && found.size() < count) found.push_back(one);
    }
    return found;
  }
};

}  // namespace sluice::module
