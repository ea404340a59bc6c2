// One event on its way through the observer, and the readers of arguments that its parts share.
#pragma once

#include <optional>
#include <string_view>

#include "module/command_table.h"
#include "module/observer.h"

namespace sluice::module {

using Words = std::span<const std::string_view>;

struct Observer::Step {
  const crdt::KeyName& key;
  Words words;
  bool created;
  ObservedKeyspace& keyspace;
  Ops& ops;

  bool add(crdt::Effect effect) const {
    crdt::Op& op = ops.emplace_back();
    op.key.db = key.db;
    op.key.name = key.name;
    op.effect = std::move(effect);
    op.creates = created;
    return true;
  }
};

struct Observer::Rule {
  std::string_view event;
  bool (Observer::*derive)(const Step&);
  DeriveOne derive_one = nullptr;  // null: no form is of the commonest
};

// An empty stream is one that had an entry, before any that a server would choose.
template <typename Add>
void add_empty_stream(const Add& add) {
  constexpr crdt::StreamId kGone{0, 2};
  add(crdt::AddEntry{kGone, {{"", ""}}});
  add(crdt::RemoveEntries{{kGone}});
}

std::optional<std::int64_t> integer(std::string_view text);
std::optional<double> number(std::string_view text);
// 1-2, or 1 for 1-0.
std::optional<crdt::StreamId> stream_id(std::string_view text);

}  // namespace sluice::module
