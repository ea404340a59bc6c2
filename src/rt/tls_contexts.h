// The TLS contexts of a core, made from files and made anew when a file changes.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "rt/network.h"
#include "rt/tls.h"

namespace sluice::rt {

// Each handshake asks for its context; its files are looked at once per kLookInterval. Connections
// keep the context that they began with. New files that are broken (half written, key and
// certificate of different pairs) are reported and left alone until they change again.
class TlsContexts {
 public:
  static constexpr Duration kLookInterval = std::chrono::milliseconds(500);

  TlsContexts(Clock& clock, std::function<void(const NetworkEvent&)> report)
      : clock_(clock), report_(std::move(report)) {}

  // kRejected if there is no context yet and the files give none.
  Result<TlsContext> client(const TlsFiles& files) { return context(files, Side::kClient); }
  Result<TlsContext> server(const TlsFiles& files) { return context(files, Side::kServer); }

 private:
  enum class Side : std::uint8_t { kClient, kServer };

  // Tells whether the file at a path is the one that was read.
  struct Stamp {
    std::uint64_t inode = 0;
    std::int64_t bytes = -1;  // -1: there is none
    std::int64_t changed_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  using Stamps = std::array<Stamp, 3>;

  struct Entry {
    TlsContext context;
    Stamps read;
    Instant looked;
  };

  static Stamp stamp_of(const std::string& path);
  static Stamps stamps_of(const TlsFiles& files);
  static Result<TlsContext> make(const TlsFiles& files, Side side);
  Result<TlsContext> context(const TlsFiles& files, Side side);
  void look_again(const TlsFiles& files, Side side, Entry& entry);

  Clock& clock_;
  std::function<void(const NetworkEvent&)> report_;
  std::map<std::pair<Side, TlsFiles>, Entry> entries_;  // as many as there are configurations
};

}  // namespace sluice::rt
