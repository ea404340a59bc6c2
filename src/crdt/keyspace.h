// The native values that the ops are about: what a Redis holds, as merging needs to see and change it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/op.h"

namespace sluice::crdt {

enum class ValueType : std::uint8_t { kNone, kString, kList, kSet, kZset, kHash, kStream, kOther };

// Implemented over the module API by module/, and over maps by the simulation. Calls with a key of
// another type than the call is about are a defect of the caller (CHECK). Writing into an absent key
// creates it; removing the last element removes the key and its deadline, as in Redis.
// Keys whose deadline has passed but which are still there count as there.
class Keyspace {
 public:
  virtual ~Keyspace() = default;

  virtual ValueType type(const KeyName& key) = 0;
  virtual Deadline deadline(const KeyName& key) = 0;  // kNoDeadline if none, or no key
  virtual void set_deadline(const KeyName& key, Deadline deadline) = 0;  // no key: nothing
  virtual void remove(const KeyName& key) = 0;

  virtual std::string string(const KeyName& key) = 0;
  // Replaces a value of any type, and clears the deadline.
  virtual void write_string(const KeyName& key, std::string_view value) = 0;
  // On anything but a HyperLogLog or an absent key: nothing.
  virtual void add_to_hll(const KeyName& key, const std::vector<std::string>& elements) = 0;
  virtual void merge_hll(const KeyName& key, std::string_view registers) = 0;

  virtual std::optional<std::string> field(const KeyName& key, std::string_view name) = 0;
  virtual void write_field(const KeyName& key, std::string_view name, std::string_view value) = 0;
  virtual void remove_field(const KeyName& key, std::string_view name) = 0;

  virtual bool contains(const KeyName& key, std::string_view member) = 0;
  virtual void add_member(const KeyName& key, std::string_view member) = 0;
  virtual void remove_member(const KeyName& key, std::string_view member) = 0;

  virtual std::optional<double> score(const KeyName& key, std::string_view member) = 0;
  virtual void write_score(const KeyName& key, std::string_view member, double score) = 0;
  virtual void remove_score(const KeyName& key, std::string_view member) = 0;

  virtual std::uint64_t list_length(const KeyName& key) = 0;  // 0 without the key
  virtual std::vector<std::string> list_range(const KeyName& key, std::uint64_t at,
                                              std::uint64_t count) = 0;
  virtual void insert_elements(const KeyName& key, std::uint64_t at,
                               const std::vector<std::string>& values) = 0;
  virtual void remove_elements(const KeyName& key, std::uint64_t at, std::uint64_t count) = 0;

  virtual bool contains(const KeyName& key, StreamId id) = 0;
  virtual std::vector<Field> entry(const KeyName& key, StreamId id) = 0;  // none: empty
  // Also before entries that are there; creates the key.
  virtual void add_entry(const KeyName& key, StreamId id, const std::vector<Field>& fields) = 0;
  virtual void remove_entry(const KeyName& key, StreamId id) = 0;

  // Empty `code`: there is no such library any more.
  virtual void write_library(std::string_view name, std::string_view code) = 0;

  // Every element of a hash, set or zset (of a hash: name and value; of a set: member and ""; of a
  // zset: member and score as text), entry of a stream (stream_name(id) and ""), in no order. `each` writes
  // nothing.
  virtual void for_each_element(
      const KeyName& key, const std::function<void(std::string_view, std::string_view)>& each) = 0;
  virtual void for_each_key(std::uint32_t db, const std::function<void(const KeyName&)>& each) = 0;
  virtual std::uint32_t db_count() = 0;
};

}  // namespace sluice::crdt
