// A command that stands in for a native one, and those of them that are about streams.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crdt/op.h"
#include "module/keyspace.h"

namespace sluice::module {

// One run of such a command: the native one inside it, with the words behind its own name.
class Replaced {
 public:
  Replaced(Ctx* ctx, const char* name, String** argv, int argc);

  RedisKeyspace& keyspace() const;
  crdt::KeyName key() const;  // the first word
  crdt::KeyName key_named(std::string_view name) const;

  // Its events are not observed; it replicates as ever.
  RedisModuleCallReply* run() const;
  RedisModuleCallReply* run(const std::vector<String*>& words) const;
  void note(const crdt::KeyName& key, crdt::Effect effect, bool creates = false) const;
  // Of elements; with the key too, if they were its last.
  void note_removal(const crdt::KeyName& key, crdt::Effect effect) const;
  int answer(const CallReply& reply) const;

 private:
  Ctx* ctx_;
  const char* name_;
  String** argv_;
  std::size_t argc_;
  RedisKeyspace::Use use_;
};

int replaced_xadd(Ctx* ctx, String** argv, int argc);
int replaced_xtrim(Ctx* ctx, String** argv, int argc);

}  // namespace sluice::module
