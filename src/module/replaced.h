// A command of ours that stands in for a native one, and runs it inside.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/op.h"
#include "module/command_table.h"
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
  // For commands some of which need memory: the server refuses those if it has none left.
  RedisModuleCallReply* run_if_memory_allows() const;
  RedisModuleCallReply* run(const std::vector<String*>& words) const;
  void note(const crdt::KeyName& key, crdt::Effect effect, bool creates = false) const;
  // Of elements; with the key too, if they were its last.
  void note_removal(const crdt::KeyName& key, crdt::Effect effect) const;
  // What it has noted enters the stream in one transaction with what the native command has put there: that looks
  // otherwise, and a replica which had it alone would take it for something else.
  void tell_now() const;
  int answer(const CallReply& reply) const;

 private:
  RedisModuleCallReply* run_words(String* const* words, std::size_t count,
                                  const char* format) const;
  std::optional<std::string> denial(std::string_view error) const;

  Ctx* ctx_;
  const char* name_;
  String** argv_;
  std::size_t argc_;
  RedisKeyspace::Use use_;
};

}  // namespace sluice::module
