#include "module/replaced_strings.h"

#include <algorithm>

#include "module/command_table.h"
#include "module/node.h"

namespace sluice::module {

namespace {

using crdt::KeyName;

// --- floating point ------------------------------------------------------------------------------

// In the stream: SET and HSET of the sum.
template <const char* kName>
int increment_float(Ctx* ctx, String** argv, int argc) {
  const Replaced command(ctx, kName, argv, argc);
  const KeyName key = command.key();
  const bool creates = command.keyspace().type(key) == crdt::ValueType::kNone;
  const CallReply reply(command.run());
  if (!reply.failed()) {
    std::string by(bytes_of(argv[argc - 1]));
    if (argc == 3) {
      command.note(key, crdt::IncrementFloat{std::move(by), {}}, creates);
    } else {
      command.note(key,
                   crdt::IncrementFieldFloat{std::string(bytes_of(argv[2])), std::move(by), {}},
                   creates);
    }
    command.tell_now();
  }
  return command.answer(reply);
}

constexpr char kIncrbyfloat[] = "INCRBYFLOAT", kHincrbyfloat[] = "HINCRBYFLOAT";

// --- bits ------------------------------------------------------------------------------------------

std::size_t string_length(const Replaced& command, const KeyName& key) {
  const bool is_string = command.keyspace().type(key) == crdt::ValueType::kString;
  return is_string ? command.keyspace().string(key).size() : 0;
}

// Whether it wrote a bit: then its event has come, and the server tells its replicas. Of the operations GET has an
// answer, too, and OVERFLOW has none.
bool has_written(String** argv, int argc, RedisModuleCallReply* reply) {
  std::size_t which = 0;
  for (int at = 2; at < argc;) {
    const auto word = bytes_of(argv[at]);
    const bool is_overflow = is_word(word, "overflow"), is_get = is_word(word, "get");
    at += is_overflow ? 2 : is_get ? 3 : 4;
    if (is_overflow || which >= api::CallReplyLength(reply)) continue;
    const int type = api::CallReplyType(api::CallReplyArrayElement(reply, which++));
    if (!is_get && type == kReplyInteger) return true;
  }
  return false;
}

}  // namespace

int replaced_incrbyfloat(Ctx* ctx, String** argv, int argc) {
  return increment_float<kIncrbyfloat>(ctx, argv, argc);
}

int replaced_hincrbyfloat(Ctx* ctx, String** argv, int argc) {
  return increment_float<kHincrbyfloat>(ctx, argv, argc);
}

// What fails by OVERFLOW FAIL has made the string as long as it would have to be, or a new one, of which the server
// (7.0) tells nobody: neither its replicas, nor by an event. We do.
int replaced_bitfield(Ctx* ctx, String** argv, int argc) {
  const Replaced command(ctx, "BITFIELD", argv, argc);
  const KeyName key = command.key();
  const bool was_there = command.keyspace().type(key) != crdt::ValueType::kNone;
  const auto before = string_length(command, key);
  const CallReply reply(command.run());
  if (reply.failed()) return command.answer(reply);
  const auto after = string_length(command, key);
  const bool wrote = has_written(argv, argc, reply.get());
  const bool has_grown = after > before;
  if (wrote || has_grown)
    command.note(key, crdt::ChangeString{command.keyspace().string(key)}, !was_there);
  if (has_grown && !wrote && node().is_master())
    api::Replicate(ctx, "SETRANGE", "slb", argv[1], static_cast<long long>(after - 1), "",
                   std::size_t{1});
  return command.answer(reply);
}

}  // namespace sluice::module
