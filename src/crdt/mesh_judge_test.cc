// What is wrong with a world in the end.
#include <algorithm>

#include "crdt/mesh_test.h"

namespace sluice::crdt {

std::string text_of(const VersionVector& vector) {
  std::string text;
  for (const Dot& dot : vector.entries())
    text += " " + std::to_string(dot.actor.region) + "." + std::to_string(dot.actor.incarnation) +
            ":" + std::to_string(dot.seq);
  return text;
}

std::string Mesh::heal_and_judge() {
  settle();
  if (wrong_.empty()) wrong_ = judge();
  if (wrong_.empty()) wrong_ = judge_sums();
  if (wrong_.empty() && !are_books_void_) wrong_ = judge_books();
  return wrong_;
}

std::string Mesh::judge_sums() {
  if (are_sums_void_) return "";
  ModelRedis& redis = sites_.front().master->redis;
  std::size_t held = 0;
  for (const auto& [name, must_be_there] : sums_) {
    const bool is_there = redis.contains(KeyName{0, "books"}, name);
    if (must_be_there && !is_there) return "lost what was added: " + name;
    held += is_there ? 1 : 0;
  }
  const auto sum = redis.type({0, "sum"}) == ValueType::kNone ? "0" : redis.string({0, "sum"});
  if (sum != std::to_string(held))
    return "counted " + sum + " times where it was " + std::to_string(held);
  return "";
}

// Each native write that was not lost is one op.
std::string Mesh::judge_books() {
  const VersionVector& vector = sites_.front().master->region.vector();
  const auto is_everywhere = [&](const Dot& dot) { return vector.covers(dot); };
  for (const auto& [write, ops] : books_)
    if (std::ranges::count_if(ops, is_everywhere) > 1)
      return "write " + std::to_string(write) + " counts twice";
  for (const Site& site : sites_)
    for (const Entry& entry : site.log)
      if (entry.native && std::ranges::none_of(books_[entry.number], is_everywhere))
        return "write " + std::to_string(entry.number) + " is lost";
  return "";
}

std::string Mesh::judge() {
  const VersionVector& vector = sites_.front().master->region.vector();
  const ModelRedis expected = history_.projection(vector);
  for (Site& site : sites_) {
    const std::string name = "region " + std::to_string(site.id) + " ";
    if (site.master->region.vector() != vector) return name + "lacks ops";
    if (!(site.master->redis == expected))
      return name + "differs from the definition:\n" +
             ModelRedis::difference(site.master->redis, expected);
    if (!(site.replica->redis == expected))
      return name + "'s replica differs from its master:\n" +
             ModelRedis::difference(site.replica->redis, expected);
    for (Server* const server : {site.master.get(), site.replica.get()}) {
      while (server->region.collect(5)) {
      }
      const auto stats = server->region.stats();
      if (stats.unstable_keys != 0)
        return name + "keeps " + std::to_string(stats.unstable_keys) + " keys for ever; stable is" +
               text_of(server->region.stable()) + " of" + text_of(vector);
      if (!(server->redis == expected)) return name + "changed by forgetting";
    }
    if (site.master->region.save() != site.replica->region.save())
      return name + "has other metadata than its replica";
  }
  return "";
}

}  // namespace sluice::crdt
