#include "crdt/commands_test.h"

#include "crdt/native.h"
#include "crdt/number.h"

namespace sluice::crdt {

void Commands::effect(const KeyName& key, Effect effect) {
  const Op op{key, std::move(effect), redis_.type(key) == ValueType::kNone};
  Op noted = op;
  if (std::holds_alternative<RemoveKey>(op.effect) ||
      std::holds_alternative<SetDeadline>(op.effect) || std::holds_alternative<Flush>(op.effect) ||
      std::holds_alternative<WriteLibrary>(op.effect))
    noted.creates = false;
  redis_.execute(noted);
  noted_(noted);
}

void Commands::removal(const KeyName& key, Effect of) {
  effect(key, std::move(of));
  if (redis_.type(key) == ValueType::kNone) effect(key, RemoveKey{});
}

bool Commands::fits(const KeyName& key, ValueType type) const {
  const auto now = redis_.type(key);
  return now == ValueType::kNone || now == type;
}

KeyName Commands::any_key() {
  static const char* const kNames[] = {"a", "b", "c"};
  return {dice_.chance(10) ? 1U : 0U, dice_.any(kNames)};
}

std::string Commands::any_name() {
  static const char* const kNames[] = {"x", "y", "z"};
  return dice_.any(kNames);
}

std::string Commands::any_number() {
  static const char* const kNumbers[] = {"0.1", "2.5", "-0.3", "1e3", "7", "1000000.0001"};
  return dice_.any(kNumbers);
}

void Commands::run(std::uint64_t now_ms) {
  // Of a hundred commands, by family.
  static constexpr std::uint64_t kShares[kFamilies] = {14, 14, 16, 10, 12, 10, 5, 5, 12, 2};
  auto left = dice_.below(100);
  int family = 0;
  while (left >= kShares[family]) left -= kShares[family++];
  run(static_cast<Family>(family), now_ms);
}

void Commands::run(Family family, std::uint64_t now_ms) {
  switch (family) {
    case Family::kString:
      return string_command();
    case Family::kCounter:
      return counter_command();
    case Family::kHash:
      return hash_command();
    case Family::kSet:
      return set_command();
    case Family::kZset:
      return zset_command();
    case Family::kList:
      return list_command();
    case Family::kStream:
      return stream_command(now_ms);
    case Family::kHll:
      return hll_command();
    case Family::kKey:
      return key_command();
    case Family::kWhole:
      return whole_command();
  }
}

void Commands::string_command() {
  const auto key = any_key();
  const auto value = dice_.chance(50) ? std::to_string(dice_.below(100))
                                      : "v" + std::to_string(dice_.next() % 1000);
  const bool may_change = fits(key, ValueType::kString);
  if (may_change && dice_.chance(30)) return effect(key, ChangeString{value});
  effect(key, WriteString{value, dice_.chance(20) ? 1000 + dice_.below(5) : kNoDeadline});
}

void Commands::counter_command() {
  const auto key = any_key();
  if (!fits(key, ValueType::kString)) return;
  const std::string now = redis_.type(key) == ValueType::kNone ? "0" : redis_.string(key);
  if (dice_.chance(70)) {
    if (parse_integer(now)) effect(key, Increment{static_cast<std::int64_t>(dice_.below(20)) - 5});
  } else if (parse_float(now)) {
    effect(key, IncrementFloat{any_number()});
  }
}

void Commands::hash_command() {
  const auto key = any_key();
  if (!fits(key, ValueType::kHash)) return;
  const bool exists = redis_.type(key) == ValueType::kHash;
  const auto name = any_name();
  const auto now = exists ? redis_.field(key, name) : std::nullopt;
  switch (dice_.below(4)) {
    case 0: {
      WriteFields write{{{name, std::to_string(dice_.below(50))}}};
      if (dice_.chance(30)) write.fields.push_back({"w", "words"});
      return effect(key, write);
    }
    case 1:
      if (now) removal(key, RemoveFields{{name}});
      return;
    case 2:
      if (parse_integer(now.value_or("0")))
        effect(key, IncrementField{name, static_cast<std::int64_t>(dice_.below(9)) + 1});
      return;
    default:
      if (parse_float(now.value_or("0"))) effect(key, IncrementFieldFloat{name, any_number()});
  }
}

void Commands::set_command() {
  const auto key = any_key();
  if (!fits(key, ValueType::kSet)) return;
  const auto name = any_name();
  if (redis_.type(key) == ValueType::kSet && redis_.contains(key, name)) {
    if (dice_.chance(60)) removal(key, RemoveMembers{{name}});
  } else {
    AddMembers add{{name}};
    if (dice_.chance(30) && name != "y") add.members.emplace_back("y");
    effect(key, add);
  }
}

void Commands::zset_command() {
  const auto key = any_key();
  if (!fits(key, ValueType::kZset)) return;
  const auto name = any_name();
  const bool exists = redis_.type(key) == ValueType::kZset && redis_.score(key, name).has_value();
  switch (dice_.below(3)) {
    case 0:
      return effect(key, WriteScores{{{name, static_cast<double>(dice_.below(100)) / 10}}});
    case 1:
      return effect(key, IncrementScore{name, static_cast<double>(dice_.below(100)) / 10 + 0.1});
    default:
      if (exists) removal(key, RemoveScores{{name}});
  }
}

void Commands::list_command() {
  const auto key = any_key();
  if (!fits(key, ValueType::kList)) return;
  const auto length = redis_.list_length(key);
  const auto value = [&] { return "e" + std::to_string(dice_.next() % 10000); };
  if (length == 0 || dice_.chance(50)) {
    InsertElements insert{0, {value()}};
    if (dice_.chance(30)) insert.values.push_back(value());
    if (dice_.chance(40))
      insert.at = -1;
    else if (dice_.chance(40))
      insert.at = static_cast<std::int64_t>(dice_.below(length + 1));
    return effect(key, insert);
  }
  const auto at = dice_.below(length);
  const auto count = 1 + dice_.below(std::min<std::uint64_t>(length - at, 3));
  if (dice_.chance(30)) return removal(key, RemoveElements{0, 1});
  if (dice_.chance(30)) return removal(key, RemoveElements{-1, 1});
  removal(key, RemoveElements{static_cast<std::int64_t>(at) -
                                  (dice_.chance(30) ? static_cast<std::int64_t>(length) : 0),
                              count});
}

void Commands::stream_command(std::uint64_t now_ms) {
  const auto key = any_key();
  if (!fits(key, ValueType::kStream)) return;
  if (dice_.chance(70))
    return effect(key, AddEntry{{now_ms, dice_.below(1000) * 16 + region_}, {{"f", "v"}}});
  std::vector<StreamId> ids;
  redis_.for_each_element(
      key, [&](std::string_view name, std::string_view) { ids.push_back(stream_id(name)); });
  if (!ids.empty()) effect(key, RemoveEntries{{ids[dice_.below(ids.size())]}});
}

void Commands::hll_command() {
  const auto key = any_key();
  if (!fits(key, ValueType::kString)) return;
  const std::string now = redis_.type(key) == ValueType::kNone ? "" : redis_.string(key);
  if (!now.empty() && !is_hll(now)) return;
  const auto element = std::to_string(dice_.below(100));
  if (dice_.chance(70)) return effect(key, AddToHll{{element}});
  effect(key, MergeHll{hll_union("", {element, "m"})});
}

void Commands::key_command() {
  const auto key = any_key();
  if (redis_.type(key) == ValueType::kNone) return;
  switch (dice_.below(5)) {
    case 0:
      return effect(key, RemoveKey{});
    case 1:
      return effect(key, RemoveKey{true});
    case 2:
      if (redis_.deadline(key) != kNoDeadline) effect(key, SetDeadline{kNoDeadline});
      return;
    case 3:
      return effect(key, SetDeadline{1000 + dice_.below(100)});
    default: {  // SUNIONSTORE: over whatever was there
      effect(key, RemoveKey{});
      effect(key, AddMembers{{any_name(), "u"}});
    }
  }
}

void Commands::whole_command() {
  if (dice_.chance(30)) return effect({}, Flush{dice_.chance(50) ? kEveryDb : 1U});
  effect({},
         WriteLibrary{any_name(), dice_.chance(30) ? "" : "code" + std::to_string(dice_.below(9))});
}

}  // namespace sluice::crdt
