// Reads an RDB as it passes by: is it whole and sound, and what is in it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "rdb/dialect.h"

namespace sluice::rdb {

struct KeyCount {
  std::uint64_t keys = 0;
  std::uint64_t expires = 0;  // of the keys, those with an expiry
  friend bool operator==(const KeyCount&, const KeyCount&) = default;
};

struct RdbSummary {
  Dialect dialect;
  std::uint64_t bytes = 0;
  KeyCount total;
  std::map<std::uint32_t, KeyCount> dbs;   // those that hold keys
  std::map<std::string, std::string> aux;  // "redis-ver", "repl-id", "repl-offset", "ctime", ...
  std::uint64_t functions = 0;             // libraries
  std::optional<std::uint32_t> stream_db;  // selected where the stream goes on
  bool is_checksummed = false;             // no: `rdbchecksum no`, or an ancient version
};

// Memory is O(1) but for the summary, whose size is bounded: values and hostile lengths are
// skipped, never held.
class Scanner {
 public:
  static constexpr std::size_t kAuxFieldsMax = 64;
  static constexpr std::size_t kAuxBytesMax = 1024;  // longer ones are left out
  static constexpr std::size_t kDbsMax = 65536;

  // Any piece, in order. kProtocol: not an RDB that we know, or bytes follow its end; the detail
  // names byte and offset. kCorrupt: the checksum differs. After a failure of no more use.
  Result<> feed(std::string_view bytes);

  bool is_complete() const { return phase_ == Phase::kDone; }
  // kProtocol if the RDB is cut short.
  Result<RdbSummary> finish() const;

  std::uint64_t keys() const { return summary_.total.keys + in_db_.keys; }  // so far

 private:
  enum class Phase : std::uint8_t { kMagic, kOpcode, kLayout, kTrailer, kDone };
  struct Loop {
    const char* begin = nullptr;
    std::uint64_t left = 0;
  };

  Result<> scan(std::string_view& rest);
  void scan_fast(std::string_view& rest);
  Result<> step_across(std::string_view& rest);
  Result<std::size_t> step(std::string_view in);
  Result<std::size_t> magic(std::string_view in);
  Result<std::size_t> opcode(std::uint8_t byte);
  bool begin(std::uint8_t byte);
  Result<std::size_t> element(char kind, std::string_view in);
  Result<std::size_t> string(bool keep, std::string_view in);
  Result<std::size_t> encoded_string(std::string_view in, std::uint64_t encoding);
  Result<std::size_t> packed_string(std::string_view in);
  Result<std::size_t> length(char kind, std::string_view in);
  Result<std::size_t> text_double(std::string_view in);
  void begin_loop(std::uint64_t count);
  void next_element();
  void settle();
  Result<> module_value(std::uint64_t opcode);
  Result<> skip(std::string_view& rest);
  Result<> kept(std::string text);
  Result<> select(std::uint64_t db);
  void close_db();
  Result<> trailer(std::string_view& rest);
  tl::unexpected<Error> refuse(std::string_view what) const;

  Phase phase_ = Phase::kMagic;
  RdbSummary summary_;
  std::uint64_t offset_ = 0;  // bytes taken
  std::uint64_t crc_ = 0;

  // The layout being followed.
  const char* at_ = nullptr;
  static constexpr char kNoElement = '\0';
  char module_element_ = kNoElement;  // to come before the next opcode of a module
  std::array<Loop, 3> loops_{};
  std::size_t depth_ = 0;

  std::uint64_t skip_ = 0;  // bytes of the present element yet to come
  bool keeping_ = false;    // and they go into kept_
  std::string kept_;
  std::size_t kept_unpacked_ = 0;  // the length of the string if it is packed, else 0
  std::optional<std::string> aux_name_;

  std::uint32_t db_ = 0;
  KeyCount in_db_;
  bool expires_ = false;  // the key to come

  std::array<char, 32> carry_{};  // the begin of an element that a piece cut off
  std::size_t carried_ = 0;
};

}  // namespace sluice::rdb
