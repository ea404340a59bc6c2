// Elements of every type behind one face: named, with a value as bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crdt/keyspace.h"

namespace sluice::crdt {

// A score is its 8 bytes, a member has the value "", an entry's fields are encoded. No element, or a key of
// another type: nullopt.
std::optional<std::string> read_element(Keyspace& keyspace, const KeyName& key, ValueType type,
                                        std::string_view name);
// Writing a string clears the key's deadline.
void write_element(Keyspace& keyspace, const KeyName& key, ValueType type, std::string_view name,
                   const std::string& value);
void remove_element(Keyspace& keyspace, const KeyName& key, ValueType type, std::string_view name);

std::string stream_name(StreamId id);
StreamId stream_id(std::string_view name);
std::string encoded_fields(const std::vector<Field>& fields);

}  // namespace sluice::crdt
