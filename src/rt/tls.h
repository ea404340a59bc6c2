// TLS on a connected socket, by OpenSSL.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rt/descriptor.h"
#include "rt/network.h"
#include "rt/stream.h"
#include "rt/tcp_stream.h"

struct ssl_ctx_st;
struct ssl_st;

namespace sluice::rt {

// Certificates and rules of one side, shared by its connections.
class TlsContext {
 public:
  // kRejected: a file cannot be read, or key and certificate do not match.
  static Result<TlsContext> client(const TlsFiles& files);
  static Result<TlsContext> server(const TlsFiles& files);

  ssl_ctx_st* get() const { return context_.get(); }

 private:
  explicit TlsContext(ssl_ctx_st* context);
  static Result<TlsContext> make(const TlsFiles& files, bool is_server);

  std::shared_ptr<ssl_ctx_st> context_;  // counted by OpenSSL too: an SSL keeps its context
};

// Says which server a client wants, and must see if it verifies.
void name_server(ssl_st& ssl, const std::string& name, bool verify);

// Why the last call on `ssl` failed, in words; the errors noted are taken.
std::string tls_failure(ssl_st& ssl);

class TlsStream : public Stream {
 public:
  // `fd` is a connected, non-blocking socket, tuned by whoever made it. connect() or accept() comes
  // first.
  TlsStream(Loop& loop, UniqueFd fd, const TlsContext& context);
  ~TlsStream() override;

  // A client names the server that it expects, if it verifies.
  Task<Result<>> connect(const std::string& server_name, bool verify);
  Task<Result<>> accept();

  Task<Result<std::size_t>> read_some(std::span<char> into) override;
  Task<Result<std::size_t>> read_or_end(std::span<char> into) override;
  Task<Result<>> write(std::string_view bytes) override;
  Result<std::size_t> write_now(std::string_view bytes) override;
  Task<Result<std::size_t>> send_file(const File& file, std::uint64_t at,
                                      std::size_t count) override;
  Task<Result<>> end_writes() override;
  void close(Errc why) override;
  std::string peer() const override { return peer_; }
  std::string local() const override { return local_; }
  std::uint64_t unsent_bytes() const override;
  std::optional<PeerIdentity> identity() const override;
  std::optional<TcpFigures> figures() const override;
  void put_off_probe() override;
  void set_unsent_low(std::uint32_t bytes) override;

 private:
  enum class AtEnd : std::uint8_t { kFail, kGiveZero };

  Task<Result<std::size_t>> read(std::span<char> into, AtEnd at_end);
  Task<Result<>> handshake();
  // After a call that returned `outcome`: waits until it may be repeated, or says why not.
  Task<Result<>> retry_after(int outcome, const char* what);
  tl::unexpected<Error> closed_error() const;
  tl::unexpected<Error> end(std::string why);

  Loop& loop_;
  mutable Descriptor socket_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  std::string peer_;
  std::string local_;
  std::optional<Error> closed_;
  std::vector<char> file_bytes_;  // of send_file; empty until it is used
  Turn reads_;
  Turn writes_;
};

}  // namespace sluice::rt
