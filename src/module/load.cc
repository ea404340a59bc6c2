#include "module/load.h"

#include <exception>
#include <optional>
#include <string>

#include "module/commands.h"
#include "module/node.h"

namespace sluice::module {

namespace {

constexpr int kModuleVersion = 1;
constexpr int kEncodingVersion = 1;
constexpr char kModuleName[] = "geo";
constexpr char kTypeName[] = "sluicegeo";  // nine characters, by the ABI
constexpr long long kTimerMs = 100;

// The server's callbacks: nothing may be thrown into it. What could be is lack of memory, with which the
// server does not go on either.
void on_filter(RedisModuleCommandFilterCtx* command) noexcept {
  node().filter(command);
}

int on_keyspace_event(Ctx* ctx, int type, const char* event, String* key) noexcept {
  node().observe(ctx, type, event, key);
  return kOk;
}

void on_loop(Ctx* ctx, ServerEvent /*event*/, std::uint64_t step, void* /*data*/) noexcept {
  if (step == kBeforeSleep) {
    node().before_sleep(ctx);
  } else if (step == kAfterSleep) {
    node().after_sleep();
  }
}

void on_role(Ctx* /*ctx*/, ServerEvent /*event*/, std::uint64_t step, void* /*data*/) noexcept {
  if (step == kNowMaster) {
    node().become_master();
  } else {
    node().become_replica();
  }
}

void on_replica(Ctx* /*ctx*/, ServerEvent /*event*/, std::uint64_t step, void* /*data*/) noexcept {
  if (step == kReplicaOnline) node().replica_is_online();
}

void on_loading(Ctx* ctx, ServerEvent /*event*/, std::uint64_t step, void* /*data*/) noexcept {
  node().loading(ctx, step);
}

void on_async_load(Ctx* /*ctx*/, ServerEvent /*event*/, std::uint64_t step,
                   void* /*data*/) noexcept {
  node().async_loading(step);
}

void on_modules(Ctx* ctx, ServerEvent /*event*/, std::uint64_t /*step*/, void* /*data*/) noexcept {
  node().commands_have_changed(ctx);
}

// Wakes the event loop: what is due happens before it sleeps again.
void on_timer(Ctx* ctx, void* /*data*/) noexcept {
  api::CreateTimer(ctx, kTimerMs, on_timer, nullptr);
}

// --- the RDB's part of ours --------------------------------------------------------------------------

// Two strings: the vector, for links (docs/protocol/geo.md), and what is ours. Behind the keys nothing: but it is read there.
void save(RedisModuleIO* io, int when) noexcept {
  if (when == kAuxAfterRdb) return;
  const std::string state = node().save();
  const std::string vector = node().vector_bytes();
  api::SaveStringBuffer(io, vector.data(), vector.size());
  api::SaveStringBuffer(io, state.data(), state.size());
}

int load_saved(RedisModuleIO* io, int version, int when) noexcept {
  if (version > kEncodingVersion) return kErr;
  if (when == kAuxAfterRdb) {
    node().preamble_is_loaded();
    return kOk;
  }
  for (const bool is_state : {false, true}) {
    std::size_t size = 0;
    char* bytes = api::LoadStringBuffer(io, &size);
    if (bytes == nullptr || api::IsIOError(io) != 0) return kErr;
    const auto loaded = is_state ? node().load({bytes, size}) : Result<void>();
    api::Free(bytes);
    if (!loaded) {
      api::Log(nullptr, "warning", "sluice-geo: %s", loaded.error().detail.c_str());
      return kErr;
    }
  }
  return kOk;
}

bool register_type(Ctx* ctx) {
  TypeMethods methods{};
  methods.version = 2;
  methods.aux_load = load_saved;
  methods.aux_save = save;
  methods.aux_save_triggers = kAuxBeforeRdb | kAuxAfterRdb;
  return api::CreateDataType(ctx, kTypeName, kEncodingVersion, &methods) != nullptr;
}

// --- configuration --------------------------------------------------------------------------------------

int allow_flush(const char* /*name*/, void* /*data*/) {
  return node().config().allow_flush ? 1 : 0;
}

int set_allow_flush(const char* /*name*/, int value, void* /*data*/, String** /*error*/) {
  node().config().allow_flush = value != 0;
  return kOk;
}

bool register_config(Ctx* ctx) {
  const int value = node().config().allow_flush ? 1 : 0;
  return api::RegisterBoolConfig(ctx, "allow-flush", value, 0, allow_flush, set_allow_flush,
                                 nullptr, nullptr) == kOk &&
         api::LoadConfigs(ctx) == kOk;
}

// What would make regions differ, or lose the state that keeps them equal.
bool is_server_fit(Ctx* ctx) {
  if (config_value(ctx, "maxmemory-policy").value_or("noeviction") != "noeviction") {
    api::Log(ctx, "warning",
             "sluice-geo: maxmemory-policy must be noeviction: an evicted key would be removed in "
             "every region");
    return false;
  }
  if (config_value(ctx, "appendonly").value_or("no") == "yes" &&
      config_value(ctx, "aof-use-rdb-preamble").value_or("yes") != "yes") {
    api::Log(
        ctx, "warning",
        "sluice-geo: aof-use-rdb-preamble must be yes: otherwise an AOF loses the module's state "
        "with every rewrite");
    return false;
  }
  return true;
}

bool subscribe(Ctx* ctx) {
  constexpr int kTypes = kNotifyGeneric | kNotifyString | kNotifyList | kNotifySet | kNotifyHash |
                         kNotifyZset | kNotifyExpired | kNotifyEvicted | kNotifyStream;
  return api::SubscribeToKeyspaceEvents(ctx, kTypes, on_keyspace_event) == kOk &&
         api::SubscribeToServerEvent(ctx, kEventModules, on_modules) == kOk &&
         api::SubscribeToServerEvent(ctx, kEventLoop, on_loop) == kOk &&
         api::SubscribeToServerEvent(ctx, kEventRole, on_role) == kOk &&
         api::SubscribeToServerEvent(ctx, kEventReplica, on_replica) == kOk &&
         api::SubscribeToServerEvent(ctx, kEventLoading, on_loading) == kOk &&
         api::SubscribeToServerEvent(ctx, kEventAsyncLoad, on_async_load) == kOk &&
         api::RegisterCommandFilter(ctx, on_filter, kFilterNoSelf) != nullptr;
}

int load_or_throw(Ctx* ctx, String** argv, int argc, ReadFile read_file) {
  if (const char* missing = api::bind(ctx)) {
    // Without the ABI there is no log either: the server says that the module could not be loaded.
    (void)missing;
    return kErr;
  }
  // The same file loaded again is the same memory: the node that runs must not be replaced.
  if (api::IsModuleNameBusy(kModuleName) != 0) {
    api::Log(ctx, "warning", "sluice-geo: it is loaded already");
    return kErr;
  }
  api::SetModuleAttribs(ctx, kModuleName, kModuleVersion, kApiVersion);
  std::vector<std::string_view> words;
  words.reserve(static_cast<std::size_t>(argc));
  for (int i = 0; i < argc; ++i) words.push_back(bytes_of(argv[i]));
  auto config = parse_config(words);
  if (!config) {
    api::Log(ctx, "warning", "sluice-geo: %s", config.error().detail.c_str());
    return kErr;
  }
  if (!is_server_fit(ctx)) return kErr;
  make_node(std::move(*config), read_file);
  if (!register_config(ctx) || !register_type(ctx) || !register_geo_commands(ctx) ||
      !register_replaced_commands(ctx) || !subscribe(ctx)) {
    api::Log(ctx, "warning", "sluice-geo: this server cannot have the module twice, or is too old");
    return kErr;
  }
  api::SetModuleOptions(ctx, kOptionIoErrors | kOptionNoImplicitSignal | kOptionAsyncLoad);
  api::CreateTimer(ctx, kTimerMs, on_timer, nullptr);
  node().commands_have_changed(ctx);
  node().begin(ctx);
  api::Log(ctx, "notice", "sluice-geo: region %s, id %d", node().config().region.c_str(),
           static_cast<int>(node().config().id));
  return kOk;
}

}  // namespace

int load(Ctx* ctx, String** argv, int argc, ReadFile read_file) noexcept {
  try {
    return load_or_throw(ctx, argv, argc, read_file);
  } catch (const std::exception&) {
    return kErr;
  }
}

}  // namespace sluice::module
