// A Redis for tests: native values in maps, and the native writes that ops are about.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "crdt/keyspace.h"

namespace sluice::crdt {

struct ModelValue {
  ValueType type = ValueType::kNone;
  std::string text = {};                             // of a string
  std::map<std::string, std::string> elements = {};  // by name, as in native.h
  std::vector<std::string> list = {};
  Deadline deadline = kNoDeadline;
  friend bool operator==(const ModelValue&, const ModelValue&) = default;
};

class ModelRedis : public Keyspace {
 public:
  static constexpr std::uint32_t kDbs = 2;

  // What the native command did, at its maker and on his replicas.
  void execute(const Op& op);

  std::map<KeyName, ModelValue> keys;
  std::map<std::string, std::string> libraries;
  friend bool operator==(const ModelRedis& a, const ModelRedis& b) {
    return a.keys == b.keys && a.libraries == b.libraries;
  }
  // What differs, for the message of a test that fails.
  static std::string difference(const ModelRedis& a, const ModelRedis& b);
  static std::string text_of(const Op& op);

  ValueType type(const KeyName& key) override;
  Deadline deadline(const KeyName& key) override;
  void set_deadline(const KeyName& key, Deadline deadline) override;
  void remove(const KeyName& key) override;
  std::string string(const KeyName& key) override;
  void write_string(const KeyName& key, std::string_view value) override;
  void add_to_hll(const KeyName& key, const std::vector<std::string>& elements) override;
  void merge_hll(const KeyName& key, std::string_view registers) override;
  std::optional<std::string> field(const KeyName& key, std::string_view name) override;
  void write_field(const KeyName& key, std::string_view name, std::string_view value) override;
  void remove_field(const KeyName& key, std::string_view name) override;
  bool contains(const KeyName& key, std::string_view member) override;
  void add_member(const KeyName& key, std::string_view member) override;
  void remove_member(const KeyName& key, std::string_view member) override;
  std::optional<double> score(const KeyName& key, std::string_view member) override;
  void write_score(const KeyName& key, std::string_view member, double score) override;
  void remove_score(const KeyName& key, std::string_view member) override;
  std::uint64_t list_length(const KeyName& key) override;
  std::vector<std::string> list_range(const KeyName& key, std::uint64_t at,
                                      std::uint64_t count) override;
  void insert_elements(const KeyName& key, std::uint64_t at,
                       const std::vector<std::string>& values) override;
  void remove_elements(const KeyName& key, std::uint64_t at, std::uint64_t count) override;
  bool contains(const KeyName& key, StreamId id) override;
  std::vector<Field> entry(const KeyName& key, StreamId id) override;
  void add_entry(const KeyName& key, StreamId id, const std::vector<Field>& fields) override;
  void remove_entry(const KeyName& key, StreamId id) override;
  void write_library(std::string_view name, std::string_view code) override;
  void for_each_element(
      const KeyName& key,
      const std::function<void(std::string_view, std::string_view)>& each) override;
  void for_each_key(std::uint32_t db, const std::function<void(const KeyName&)>& each) override;
  std::uint32_t db_count() override { return kDbs; }

 private:
  void execute_on_elements(const Op& op);
  ModelValue& of(const KeyName& key, ValueType type);  // made if absent
  const std::string* element(const KeyName& key, ValueType type, std::string_view name);
  void write_element(const KeyName& key, ValueType type, std::string_view name, std::string value);
  void remove_element(const KeyName& key, ValueType type, std::string_view name);
};

// A HyperLogLog of the model: exact, as text.
std::string hll_union(std::string_view a, const std::vector<std::string>& more);
bool is_hll(std::string_view text);

}  // namespace sluice::crdt
