// For benches and fuzz targets: a Redis that has no keys and takes everything.
#pragma once

#include "crdt/keyspace.h"

namespace sluice::crdt {

class NoKeyspace : public Keyspace {
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

}  // namespace sluice::crdt
