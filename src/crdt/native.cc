#include "crdt/native.h"

#include "base/check.h"
#include "crdt/effect_codec.h"
#include "crdt/number.h"

namespace sluice::crdt {

std::string stream_name(StreamId id) {
  Writer bytes;
  bytes.fixed(id.ms);
  bytes.fixed(id.seq);
  return bytes.take();
}

StreamId stream_id(std::string_view name) {
  Reader from(name);
  const auto ms = from.fixed();
  return {ms, from.fixed()};
}

std::string encoded_fields(const std::vector<Field>& fields) {
  Writer bytes;
  encode_fields(fields, bytes);
  return bytes.take();
}

std::optional<std::string> read_element(Keyspace& keyspace, const KeyName& key, ValueType type,
                                        std::string_view name) {
  if (type == ValueType::kOther || keyspace.type(key) != type) return std::nullopt;
  switch (type) {
    case ValueType::kString:
      return keyspace.string(key);
    case ValueType::kHash:
      return keyspace.field(key, name);
    case ValueType::kSet:
      return keyspace.contains(key, name) ? std::optional(std::string()) : std::nullopt;
    case ValueType::kZset: {
      const auto score = keyspace.score(key, name);
      return score ? std::optional(score_bytes(*score)) : std::nullopt;
    }
    case ValueType::kStream: {
      if (name.empty()) return "";  // the stream is there
      if (!keyspace.contains(key, stream_id(name))) return std::nullopt;
      return encoded_fields(keyspace.entry(key, stream_id(name)));
    }
    case ValueType::kNone:
    case ValueType::kList:
    case ValueType::kOther:
      return std::nullopt;
  }
  return std::nullopt;
}

namespace {

void write_empty_stream(Keyspace& keyspace, const KeyName& key) {
  if (keyspace.type(key) == ValueType::kStream) return;
  constexpr StreamId kFirst{0, 1};
  keyspace.add_entry(key, kFirst, {{"", ""}});
  keyspace.remove_entry(key, kFirst);
}

}  // namespace

void write_element(Keyspace& keyspace, const KeyName& key, ValueType type, std::string_view name,
                   const std::string& value) {
  switch (type) {
    case ValueType::kString:
      return keyspace.write_string(key, value);
    case ValueType::kHash:
      return keyspace.write_field(key, name, value);
    case ValueType::kSet:
      return keyspace.add_member(key, name);
    case ValueType::kZset:
      return keyspace.write_score(key, name, score_of(value));
    case ValueType::kStream: {
      if (name.empty()) return write_empty_stream(keyspace, key);
      const StreamId id = stream_id(name);
      if (const auto present = read_element(keyspace, key, type, name)) {
        if (*present == value) return;
        keyspace.remove_entry(key, id);  // a client chose the id that another one had
      }
      Reader from(value);
      return keyspace.add_entry(key, id, decode_fields(from));
    }
    case ValueType::kOther:  // a library
      return keyspace.write_library(key.name, value);
    case ValueType::kNone:
    case ValueType::kList:
      CHECK(false);
  }
}

void remove_element(Keyspace& keyspace, const KeyName& key, ValueType type, std::string_view name) {
  if (keyspace.type(key) != type) return;
  switch (type) {
    case ValueType::kString:
      return keyspace.remove(key);
    case ValueType::kHash:
      return keyspace.remove_field(key, name);
    case ValueType::kSet:
      return keyspace.remove_member(key, name);
    case ValueType::kZset:
      return keyspace.remove_score(key, name);
    case ValueType::kStream:
      if (!name.empty()) keyspace.remove_entry(key, stream_id(name));
      return;
    case ValueType::kNone:
    case ValueType::kList:
    case ValueType::kOther:
      CHECK(false);
  }
}

}  // namespace sluice::crdt
