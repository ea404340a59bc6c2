#include "crdt/model_redis_test.h"

#include <set>
#include <sstream>

#include "base/check.h"
#include "base/overloaded.h"
#include "crdt/effect_codec.h"
#include "crdt/native.h"
#include "crdt/number.h"

namespace sluice::crdt {
namespace {

constexpr std::string_view kHll = "HYLL";

std::set<std::string> hll_elements(std::string_view text) {
  std::set<std::string> elements;
  for (Reader from(text.substr(kHll.size())); from.ok() && !from.at_end();)
    elements.emplace(from.text());
  return elements;
}

}  // namespace

bool is_hll(std::string_view text) {
  return text.starts_with(kHll);
}

std::string hll_union(std::string_view a, const std::vector<std::string>& more) {
  auto elements = a.empty() ? std::set<std::string>() : hll_elements(a);
  elements.insert(more.begin(), more.end());
  Writer into;
  into.raw(kHll);
  for (const auto& element : elements) into.text(element);
  return into.take();
}

ModelValue& ModelRedis::of(const KeyName& key, ValueType type) {
  ModelValue& value = keys[key];
  if (value.type == ValueType::kNone) value.type = type;
  CHECK(value.type == type);
  return value;
}

const std::string* ModelRedis::element(const KeyName& key, ValueType type, std::string_view name) {
  const auto found = keys.find(key);
  if (found == keys.end()) return nullptr;
  CHECK(found->second.type == type);
  const auto element = found->second.elements.find(std::string(name));
  return element == found->second.elements.end() ? nullptr : &element->second;
}

void ModelRedis::write_element(const KeyName& key, ValueType type, std::string_view name,
                               std::string value) {
  of(key, type).elements[std::string(name)] = std::move(value);
}

void ModelRedis::remove_element(const KeyName& key, ValueType type, std::string_view name) {
  const auto found = keys.find(key);
  if (found == keys.end()) return;
  CHECK(found->second.type == type);
  found->second.elements.erase(std::string(name));
  if (found->second.elements.empty() && type != ValueType::kStream) keys.erase(found);
}

ValueType ModelRedis::type(const KeyName& key) {
  const auto found = keys.find(key);
  return found == keys.end() ? ValueType::kNone : found->second.type;
}

Deadline ModelRedis::deadline(const KeyName& key) {
  const auto found = keys.find(key);
  return found == keys.end() ? kNoDeadline : found->second.deadline;
}

void ModelRedis::set_deadline(const KeyName& key, Deadline deadline) {
  const auto found = keys.find(key);
  if (found != keys.end()) found->second.deadline = deadline;
}

void ModelRedis::remove(const KeyName& key) {
  keys.erase(key);
}

std::string ModelRedis::string(const KeyName& key) {
  return of(key, ValueType::kString).text;
}

void ModelRedis::write_string(const KeyName& key, std::string_view value) {
  keys[key] = {.type = ValueType::kString, .text = std::string(value)};
}

void ModelRedis::add_to_hll(const KeyName& key, const std::vector<std::string>& elements) {
  ModelValue& value = of(key, ValueType::kString);
  if (value.text.empty() || is_hll(value.text)) value.text = hll_union(value.text, elements);
}

void ModelRedis::merge_hll(const KeyName& key, std::string_view registers) {
  if (!is_hll(registers)) return;
  const auto elements = hll_elements(registers);
  add_to_hll(key, {elements.begin(), elements.end()});
}

std::optional<std::string> ModelRedis::field(const KeyName& key, std::string_view name) {
  const auto* const value = element(key, ValueType::kHash, name);
  return value == nullptr ? std::nullopt : std::optional(*value);
}
void ModelRedis::write_field(const KeyName& key, std::string_view name, std::string_view value) {
  write_element(key, ValueType::kHash, name, std::string(value));
}
void ModelRedis::remove_field(const KeyName& key, std::string_view name) {
  remove_element(key, ValueType::kHash, name);
}

bool ModelRedis::contains(const KeyName& key, std::string_view member) {
  return element(key, ValueType::kSet, member) != nullptr;
}
void ModelRedis::add_member(const KeyName& key, std::string_view member) {
  write_element(key, ValueType::kSet, member, "");
}
void ModelRedis::remove_member(const KeyName& key, std::string_view member) {
  remove_element(key, ValueType::kSet, member);
}

std::optional<double> ModelRedis::score(const KeyName& key, std::string_view member) {
  const auto* const value = element(key, ValueType::kZset, member);
  return value == nullptr ? std::nullopt : std::optional(score_of(*value));
}
void ModelRedis::write_score(const KeyName& key, std::string_view member, double score) {
  write_element(key, ValueType::kZset, member, score_bytes(score));
}
void ModelRedis::remove_score(const KeyName& key, std::string_view member) {
  remove_element(key, ValueType::kZset, member);
}

std::uint64_t ModelRedis::list_length(const KeyName& key) {
  return keys.contains(key) ? of(key, ValueType::kList).list.size() : 0;
}
std::vector<std::string> ModelRedis::list_range(const KeyName& key, std::uint64_t at,
                                                std::uint64_t count) {
  const auto& list = of(key, ValueType::kList).list;
  CHECK(at + count <= list.size());
  const auto from = list.begin() + static_cast<std::ptrdiff_t>(at);
  return {from, from + static_cast<std::ptrdiff_t>(count)};
}
void ModelRedis::insert_elements(const KeyName& key, std::uint64_t at,
                                 const std::vector<std::string>& values) {
  if (values.empty()) return;
  auto& list = of(key, ValueType::kList).list;
  CHECK(at <= list.size());
  list.insert(list.begin() + static_cast<std::ptrdiff_t>(at), values.begin(), values.end());
}
void ModelRedis::remove_elements(const KeyName& key, std::uint64_t at, std::uint64_t count) {
  auto& list = of(key, ValueType::kList).list;
  CHECK(at + count <= list.size());
  const auto from = list.begin() + static_cast<std::ptrdiff_t>(at);
  list.erase(from, from + static_cast<std::ptrdiff_t>(count));
  if (list.empty()) keys.erase(key);
}

bool ModelRedis::contains(const KeyName& key, StreamId id) {
  return element(key, ValueType::kStream, stream_name(id)) != nullptr;
}
std::vector<Field> ModelRedis::entry(const KeyName& key, StreamId id) {
  const auto* const fields = element(key, ValueType::kStream, stream_name(id));
  if (fields == nullptr) return {};
  Reader from(*fields);
  return decode_fields(from);
}
void ModelRedis::add_entry(const KeyName& key, StreamId id, const std::vector<Field>& fields) {
  write_element(key, ValueType::kStream, stream_name(id), encoded_fields(fields));
}
void ModelRedis::remove_entry(const KeyName& key, StreamId id) {
  remove_element(key, ValueType::kStream, stream_name(id));
}

void ModelRedis::write_library(std::string_view name, std::string_view code) {
  if (code.empty()) {
    libraries.erase(std::string(name));
  } else {
    libraries[std::string(name)] = code;
  }
}

void ModelRedis::for_each_element(
    const KeyName& key, const std::function<void(std::string_view, std::string_view)>& each) {
  const auto found = keys.find(key);
  if (found == keys.end()) return;
  for (const auto& [name, value] : found->second.elements) each(name, value);
}

void ModelRedis::for_each_key(std::uint32_t db, const std::function<void(const KeyName&)>& each) {
  for (const auto& [key, value] : keys)
    if (key.db == db) each(key);
}

void ModelRedis::execute(const Op& op) {
  const KeyName& key = op.key;
  std::visit(Overloaded{[&](const RemoveKey&) { remove(key); },
                        [&](const SetDeadline& e) { set_deadline(key, e.deadline); },
                        [&](const WriteString& e) {
                          write_string(key, e.value);
                          set_deadline(key, e.deadline);
                        },
                        [&](const ChangeString& e) { of(key, ValueType::kString).text = e.value; },
                        [&](const Increment& e) {
                          auto& text = of(key, ValueType::kString).text;
                          text = incremented(text.empty() ? "0" : text, e.by);
                        },
                        [&](const IncrementFloat& e) {
                          auto& text = of(key, ValueType::kString).text;
                          text = incremented(text.empty() ? "0" : text, std::string_view(e.by));
                        },
                        [&](const AddToHll& e) { add_to_hll(key, e.elements); },
                        [&](const MergeHll& e) { merge_hll(key, e.registers); },
                        [&](const auto&) { execute_on_elements(op); }},
             op.effect);
}

void ModelRedis::execute_on_elements(const Op& op) {
  const KeyName& key = op.key;
  std::visit(
      Overloaded{
          [&](const WriteFields& e) {
            for (const Field& f : e.fields) write_field(key, f.name, f.value);
          },
          [&](const IncrementField& e) {
            write_field(key, e.name, incremented(field(key, e.name).value_or("0"), e.by));
          },
          [&](const IncrementFieldFloat& e) {
            write_field(key, e.name,
                        incremented(field(key, e.name).value_or("0"), std::string_view(e.by)));
          },
          [&](const RemoveFields& e) {
            for (const auto& name : e.names) remove_field(key, name);
          },
          [&](const AddMembers& e) {
            for (const auto& member : e.members) add_member(key, member);
          },
          [&](const RemoveMembers& e) {
            for (const auto& member : e.members) remove_member(key, member);
          },
          [&](const WriteScores& e) {
            for (const Score& s : e.scores) write_score(key, s.member, s.score);
          },
          [&](const IncrementScore& e) {
            write_score(key, e.member, score(key, e.member).value_or(0) + e.by);
          },
          [&](const RemoveScores& e) {
            for (const auto& member : e.members) remove_score(key, member);
          },
          [&](const InsertElements& e) {
            const auto length = static_cast<std::int64_t>(list_length(key));
            insert_elements(key, static_cast<std::uint64_t>(e.at < 0 ? length + 1 + e.at : e.at),
                            e.values);
          },
          [&](const RemoveElements& e) {
            const auto length = static_cast<std::int64_t>(list_length(key));
            remove_elements(key, static_cast<std::uint64_t>(e.at < 0 ? length + e.at : e.at),
                            e.count);
          },
          [&](const AddEntry& e) { add_entry(key, e.id, e.fields); },
          [&](const RemoveEntries& e) {
            for (const auto& id : e.ids) remove_entry(key, id);
          },
          [&](const Flush& e) {
            std::erase_if(keys, [&](const auto& keyed) {
              return e.db == kEveryDb || keyed.first.db == e.db;
            });
          },
          [&](const WriteLibrary& e) { write_library(e.name, e.code); }, [](const auto&) {}},
      op.effect);
}

namespace {

std::string shown(const std::map<KeyName, ModelValue>& keys, const KeyName& key) {
  const auto found = keys.find(key);
  if (found == keys.end()) return "absent";
  const ModelValue& value = found->second;
  std::ostringstream text;
  text << "type " << int(value.type) << " '" << value.text << "'";
  for (const auto& [name, element] : value.elements) {
    text << " [" << name << "]=";
    if (value.type == ValueType::kZset)
      text << score_of(element);
    else
      text << element;
  }
  for (const auto& element : value.list) text << " " << element;
  if (value.deadline != kNoDeadline) text << " until " << value.deadline;
  return text.str();
}

}  // namespace

std::string ModelRedis::text_of(const Op& op) {
  Writer bytes;
  encode_effect(op.effect, bytes);
  std::string text = std::to_string(op.key.db) + ":" + op.key.name +
                     (op.creates ? " creates" : "") + " kind " + std::to_string(op.effect.index()) +
                     " ";
  for (const char byte : bytes.bytes())
    text += byte >= ' ' && byte < 127 ? std::string(1, byte)
                                      : "." + std::to_string(static_cast<unsigned char>(byte));
  return text;
}

std::string ModelRedis::difference(const ModelRedis& a, const ModelRedis& b) {
  std::string text;
  const auto compare = [&](const KeyName& key) {
    const auto one = shown(a.keys, key);
    const auto other = shown(b.keys, key);
    if (one != other)
      text += "key " + std::to_string(key.db) + ":" + key.name + ": " + one + " / " + other + "\n";
  };
  for (const auto& [key, value] : a.keys) compare(key);
  for (const auto& [key, value] : b.keys)
    if (!a.keys.contains(key)) compare(key);
  const auto text_of_libraries = [](const ModelRedis& of) {
    std::string each;
    for (const auto& [name, code] : of.libraries)
      each.append(" ").append(name).append("=").append(code);
    return each;
  };
  if (a.libraries != b.libraries)
    text += "libraries:" + text_of_libraries(a) + " or" + text_of_libraries(b) + "\n";
  return text;
}

}  // namespace sluice::crdt
