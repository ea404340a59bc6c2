#include "module/replaced_strings.h"

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
  const auto events = node().quiet_events();
  const CallReply reply(command.run());
  if (reply.failed()) return command.answer(reply);
  const auto after = string_length(command, key);
  const bool wrote = node().quiet_events() != events;  // then the server tells its replicas
  const bool has_grown = after > before;
  if (wrote || has_grown)
    command.note(key, crdt::ChangeString{command.keyspace().string(key)}, !was_there);
  if (has_grown && !wrote && node().is_master())
    api::Replicate(ctx, "SETRANGE", "slb", argv[1], static_cast<long long>(after - 1), "",
                   std::size_t{1});
  return command.answer(reply);
}

}  // namespace sluice::module
