// The part of the Redis module ABI that this module uses, declared from Redis's documentation.
#pragma once

#include <cstddef>
#include <cstdint>

// Debian ships no such header. The ABI is a table of functions, looked up by name in whatever server
// loads us (docs: "Modules API reference", redis.io); Valkey answers to the same names.

extern "C" {
struct RedisModuleCtx;
struct RedisModuleKey;
struct RedisModuleString;
struct RedisModuleCallReply;
struct RedisModuleIO;
struct RedisModuleType;
struct RedisModuleCommand;
struct RedisModuleCommandFilter;
struct RedisModuleCommandFilterCtx;
struct RedisModuleScanCursor;
struct RedisModuleBlockedClient;
struct RedisModuleServerInfoData;
struct RedisModuleInfoCtx;
}

namespace sluice::module {

using Ctx = RedisModuleCtx;
using String = RedisModuleString;
using TimerId = std::uint64_t;

struct StreamIdAbi {
  std::uint64_t ms;
  std::uint64_t seq;
};
struct ServerEvent {
  std::uint64_t id;
  std::uint64_t version;
};

using CommandFunction = int (*)(Ctx*, String**, int);
using NotifyFunction = int (*)(Ctx*, int, const char*, String*);
using FilterFunction = void (*)(RedisModuleCommandFilterCtx*);
using EventFunction = void (*)(Ctx*, ServerEvent, std::uint64_t, void*);
using TimerFunction = void (*)(Ctx*, void*);
using OneShotFunction = void (*)(void*);
using ScanFunction = void (*)(Ctx*, String*, RedisModuleKey*, void*);
using ScanKeyFunction = void (*)(RedisModuleKey*, String*, String*, void*);
using FreeFunction = void (*)(Ctx*, void*);
using InfoFunction = void (*)(RedisModuleInfoCtx*, int);
using BoolGetter = int (*)(const char*, void*);
using BoolSetter = int (*)(const char*, int, void*, String**);
using ConfigApply = int (*)(Ctx*, void*, String**);

// Version 2 of the type methods, the first with auxiliary data; the server reads no further than the
// version says. Version 5 adds aux_save2, which writes nothing into the RDB when there is nothing.
struct TypeMethods {
  std::uint64_t version;
  void* (*rdb_load)(RedisModuleIO*, int);
  void (*rdb_save)(RedisModuleIO*, void*);
  void (*aof_rewrite)(RedisModuleIO*, String*, void*);
  std::size_t (*mem_usage)(const void*);
  void (*digest)(void*, void*);
  void (*free)(void*);
  int (*aux_load)(RedisModuleIO*, int, int);
  void (*aux_save)(RedisModuleIO*, int);
  int aux_save_triggers;
};

inline constexpr int kOk = 0;
inline constexpr int kErr = 1;
inline constexpr int kApiVersion = 1;

inline constexpr int kOpenRead = 1 << 0;
inline constexpr int kOpenWrite = 1 << 1;
inline constexpr int kOpenNoTouch = 1 << 16;
inline constexpr int kOpenNoExpire = 1 << 19;  // 7.2

inline constexpr int kKeyEmpty = 0, kKeyString = 1, kKeyList = 2, kKeyHash = 3, kKeySet = 4,
                     kKeyZset = 5, kKeyModule = 6, kKeyStream = 7;
inline constexpr int kReplyString = 0, kReplyError = 1, kReplyInteger = 2, kReplyArray = 3,
                     kReplyNull = 4, kReplyMap = 5, kReplySet = 6, kReplyDouble = 8;
inline constexpr long long kNoExpire = -1;
inline constexpr int kHashCountAll = 1 << 4, kHashNone = 0;
inline constexpr int kStreamExclusive = 1 << 0, kStreamReverse = 1 << 1;

inline constexpr int kFlagLua = 1 << 0, kFlagMulti = 1 << 1, kFlagMaster = 1 << 2,
                     kFlagAof = 1 << 6, kFlagEvict = 1 << 9, kFlagLoading = 1 << 13,
                     kFlagDenyBlocking = 1 << 21, kFlagReplicated = 1 << 12;

inline constexpr int kNotifyGeneric = 1 << 2, kNotifyString = 1 << 3, kNotifyList = 1 << 4,
                     kNotifySet = 1 << 5, kNotifyHash = 1 << 6, kNotifyZset = 1 << 7,
                     kNotifyExpired = 1 << 8, kNotifyEvicted = 1 << 9, kNotifyStream = 1 << 10;

inline constexpr std::uint64_t kReplicaOnline = 0;
inline constexpr ServerEvent kEventReplica{6, 1}, kEventRole{0, 1}, kEventFlush{2, 1},
    kEventLoading{3, 1}, kEventModules{9, 1}, kEventAsyncLoad{14, 1}, kEventLoop{15, 1};
inline constexpr std::uint64_t kNowMaster = 0, kNowReplica = 1;
inline constexpr std::uint64_t kLoadingRdb = 0, kLoadingAof = 1, kLoadingRepl = 2,
                               kLoadingEnded = 3, kLoadingFailed = 4;
inline constexpr std::uint64_t kAsyncLoadStarted = 0, kAsyncLoadAborted = 1,
                               kAsyncLoadCompleted = 2;
inline constexpr std::uint64_t kBeforeSleep = 0, kAfterSleep = 1;

inline constexpr int kFilterNoSelf = 1 << 0;
inline constexpr int kOptionIoErrors = 1 << 0, kOptionNoImplicitSignal = 1 << 1,
                     kOptionAsyncLoad = 1 << 2;
inline constexpr int kAuxBeforeRdb = 1 << 0, kAuxAfterRdb = 1 << 1;

// Every function of the ABI that is called: result, name, parameters.
// NOLINTBEGIN(bugprone-macro-parentheses,cppcoreguidelines-macro-usage,cppcoreguidelines-avoid-non-const-global-variables,readability-identifier-naming)
#define SLUICE_MODULE_FUNCTIONS(F)                                                           \
  F(void, SetModuleAttribs, (Ctx*, const char*, int, int))                                   \
  F(int, IsModuleNameBusy, (const char*))                                                    \
  F(int, CreateCommand, (Ctx*, const char*, CommandFunction, const char*, int, int, int))    \
  F(void, SetModuleOptions, (Ctx*, int))                                                     \
  F(int, WrongArity, (Ctx*))                                                                 \
  F(int, ReplyWithLongLong, (Ctx*, long long))                                               \
  F(int, ReplyWithError, (Ctx*, const char*))                                                \
  F(int, ReplyWithSimpleString, (Ctx*, const char*))                                         \
  F(int, ReplyWithArray, (Ctx*, long))                                                       \
  F(int, ReplyWithNullArray, (Ctx*))                                                         \
  F(int, ReplyWithStringBuffer, (Ctx*, const char*, std::size_t))                            \
  F(int, ReplyWithVerbatimString, (Ctx*, const char*, std::size_t))                          \
  F(int, ReplyWithCallReply, (Ctx*, RedisModuleCallReply*))                                  \
  F(unsigned long long, GetClientId, (Ctx*))                                                 \
  F(int, GetSelectedDb, (Ctx*))                                                              \
  F(int, SelectDb, (Ctx*, int))                                                              \
  F(int, GetServerVersion, ())                                                               \
  F(unsigned long long, DbSize, (Ctx*))                                                      \
  F(RedisModuleKey*, OpenKey, (Ctx*, String*, int))                                          \
  F(void, CloseKey, (RedisModuleKey*))                                                       \
  F(int, SignalModifiedKey, (Ctx*, String*))                                                 \
  F(int, KeyType, (RedisModuleKey*))                                                         \
  F(std::size_t, ValueLength, (RedisModuleKey*))                                             \
  F(int, GetLRU, (RedisModuleKey*, long long*))                                              \
  F(int, SetLRU, (RedisModuleKey*, long long))                                               \
  F(int, DeleteKey, (RedisModuleKey*))                                                       \
  F(int, StringSet, (RedisModuleKey*, String*))                                              \
  F(char*, StringDMA, (RedisModuleKey*, std::size_t*, int))                                  \
  F(long long, GetAbsExpire, (RedisModuleKey*))                                              \
  F(int, SetAbsExpire, (RedisModuleKey*, long long))                                         \
  F(int, ListInsert, (RedisModuleKey*, long, String*))                                       \
  F(int, ListDelete, (RedisModuleKey*, long))                                                \
  F(String*, ListGet, (RedisModuleKey*, long))                                               \
  F(int, HashGet, (RedisModuleKey*, int, ...))                                               \
  F(int, HashSet, (RedisModuleKey*, int, ...))                                               \
  F(int, ZsetAdd, (RedisModuleKey*, double, String*, int*))                                  \
  F(int, ZsetScore, (RedisModuleKey*, String*, double*))                                     \
  F(int, ZsetRem, (RedisModuleKey*, String*, int*))                                          \
  F(int, StreamIteratorStart, (RedisModuleKey*, int, StreamIdAbi*, StreamIdAbi*))            \
  F(int, StreamIteratorStop, (RedisModuleKey*))                                              \
  F(int, StreamIteratorNextID, (RedisModuleKey*, StreamIdAbi*, long*))                       \
  F(int, StreamIteratorNextField, (RedisModuleKey*, String**, String**))                     \
  F(int, StreamIteratorDelete, (RedisModuleKey*))                                            \
  F(int, StreamAdd, (RedisModuleKey*, int, StreamIdAbi*, String**, long))                    \
  F(long long, StreamTrimByLength, (RedisModuleKey*, int, long long))                        \
  F(RedisModuleCallReply*, Call, (Ctx*, const char*, const char*, ...))                      \
  F(void, FreeCallReply, (RedisModuleCallReply*))                                            \
  F(int, CallReplyType, (RedisModuleCallReply*))                                             \
  F(long long, CallReplyInteger, (RedisModuleCallReply*))                                    \
  F(std::size_t, CallReplyLength, (RedisModuleCallReply*))                                   \
  F(RedisModuleCallReply*, CallReplyArrayElement, (RedisModuleCallReply*, std::size_t))      \
  F(RedisModuleCallReply*, CallReplySetElement, (RedisModuleCallReply*, std::size_t))        \
  F(const char*, CallReplyStringPtr, (RedisModuleCallReply*, std::size_t*))                  \
  F(String*, CreateString, (Ctx*, const char*, std::size_t))                                 \
  F(void, FreeString, (Ctx*, String*))                                                       \
  F(String*, HoldString, (Ctx*, String*))                                                    \
  F(const char*, StringPtrLen, (const String*, std::size_t*))                                \
  F(int, Replicate, (Ctx*, const char*, const char*, ...))                                   \
  F(int, ReplicateVerbatim, (Ctx*))                                                          \
  F(int, AvoidReplicaTraffic, ())                                                            \
  F(int, GetContextFlags, (Ctx*))                                                            \
  F(long long, Milliseconds, ())                                                             \
  F(std::uint64_t, MonotonicMicroseconds, ())                                                \
  F(void, Log, (Ctx*, const char*, const char*, ...))                                        \
  F(RedisModuleType*, CreateDataType, (Ctx*, const char*, int, TypeMethods*))                \
  F(void, SaveStringBuffer, (RedisModuleIO*, const char*, std::size_t))                      \
  F(char*, LoadStringBuffer, (RedisModuleIO*, std::size_t*))                                 \
  F(int, IsIOError, (RedisModuleIO*))                                                        \
  F(void, Free, (void*))                                                                     \
  F(int, SubscribeToKeyspaceEvents, (Ctx*, int, NotifyFunction))                             \
  F(int, SubscribeToServerEvent, (Ctx*, ServerEvent, EventFunction))                         \
  F(RedisModuleCommandFilter*, RegisterCommandFilter, (Ctx*, FilterFunction, int))           \
  F(int, UnregisterCommandFilter, (Ctx*, RedisModuleCommandFilter*))                         \
  F(int, CommandFilterArgsCount, (RedisModuleCommandFilterCtx*))                             \
  F(String*, CommandFilterArgGet, (RedisModuleCommandFilterCtx*, int))                       \
  F(int, CommandFilterArgReplace, (RedisModuleCommandFilterCtx*, int, String*))              \
  F(int, CommandFilterArgInsert, (RedisModuleCommandFilterCtx*, int, String*))               \
  F(int, EventLoopAddOneShot, (OneShotFunction, void*))                                      \
  F(TimerId, CreateTimer, (Ctx*, long long, TimerFunction, void*))                           \
  F(RedisModuleScanCursor*, ScanCursorCreate, ())                                            \
  F(void, ScanCursorDestroy, (RedisModuleScanCursor*))                                       \
  F(int, Scan, (Ctx*, RedisModuleScanCursor*, ScanFunction, void*))                          \
  F(int, ScanKey, (RedisModuleKey*, RedisModuleScanCursor*, ScanKeyFunction, void*))         \
  F(RedisModuleBlockedClient*, BlockClientOnKeys,                                            \
    (Ctx*, CommandFunction, CommandFunction, FreeFunction, long long, String**, int, void*)) \
  F(String*, GetBlockedClientReadyKey, (Ctx*))                                               \
  F(int, IsKeysPositionRequest, (Ctx*))                                                      \
  F(void, KeyAtPos, (Ctx*, int))                                                             \
  F(RedisModuleServerInfoData*, GetServerInfo, (Ctx*, const char*))                          \
  F(void, FreeServerInfo, (Ctx*, RedisModuleServerInfoData*))                                \
  F(const char*, ServerInfoGetFieldC, (RedisModuleServerInfoData*, const char*))             \
  F(int, RegisterBoolConfig,                                                                 \
    (Ctx*, const char*, int, unsigned, BoolGetter, BoolSetter, ConfigApply, void*))          \
  F(int, LoadConfigs, (Ctx*))                                                                \
  F(int*, GetCommandKeys, (Ctx*, String**, int, int*))                                       \
  F(Ctx*, GetThreadSafeContext, (RedisModuleBlockedClient*))

// Those that older servers lack: null there.
#define SLUICE_MODULE_OPTIONAL_FUNCTIONS(F)       \
  F(int, GetOpenKeyModesAll, ())                  \
  F(int, GetDbIdFromModuleKey, (RedisModuleKey*)) \
  F(std::uint64_t, CachedMicroseconds, ())

namespace api {
// Hidden: so they are reached without a table in between.
#define SLUICE_DECLARE(result, name, parameters) \
  extern __attribute__((visibility("hidden"))) result(*name) parameters;
SLUICE_MODULE_FUNCTIONS(SLUICE_DECLARE)
SLUICE_MODULE_OPTIONAL_FUNCTIONS(SLUICE_DECLARE)
#undef SLUICE_DECLARE

// Looks up all of the above in the server that calls OnLoad with `ctx`; the name of the first that is
// missing, or null.
const char* bind(Ctx* ctx);
}  // namespace api
// NOLINTEND(bugprone-macro-parentheses,cppcoreguidelines-macro-usage,cppcoreguidelines-avoid-non-const-global-variables,readability-identifier-naming)

}  // namespace sluice::module
