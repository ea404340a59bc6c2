// TLS inside a stream of any kind, such as a tunnel: its ends see nothing but ciphertext.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "rt/event.h"
#include "rt/host.h"
#include "rt/tls.h"

namespace sluice::rt {

// As TlsStream, but over another stream's reads and writes instead of a socket.
class TlsWithin : public Stream {
 public:
  TlsWithin(Loop& loop, Clock& clock, std::unique_ptr<Stream> outer, const TlsContext& context);
  ~TlsWithin() override;

  // Comes first.
  Task<Result<>> connect(const std::string& server_name, bool verify);

  Task<Result<std::size_t>> read_some(std::span<char> into) override;
  Task<Result<std::size_t>> read_or_end(std::span<char> into) override;
  Task<Result<>> write(std::string_view bytes) override;
  Result<std::size_t> write_now(std::string_view bytes) override;
  Task<Result<std::size_t>> send_file(const File& file, std::uint64_t at,
                                      std::size_t count) override;
  Task<Result<>> end_writes() override;
  void close(Errc why) override;
  std::string peer() const override { return outer_->peer(); }
  std::string local() const override { return outer_->local(); }
  std::uint64_t unsent_bytes() const override { return outer_->unsent_bytes(); }
  std::optional<TcpFigures> figures() const override { return outer_->figures(); }
  void put_off_probe() override { outer_->put_off_probe(); }
  void set_unsent_low(std::uint32_t bytes) override { outer_->set_unsent_low(bytes); }

 private:
  enum class AtEnd : std::uint8_t { kFail, kGiveZero };

  Task<Result<std::size_t>> read(std::span<char> into, AtEnd at_end);
  Task<Result<>> handshake();
  // Sends what TLS has to say. One task sends at a time; the others wait for it.
  Task<Result<>> flush();
  // Brings in more ciphertext.
  Task<Result<>> fetch();
  tl::unexpected<Error> end(std::string why);

  std::unique_ptr<Stream> outer_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  std::vector<char> ciphertext_;
  std::vector<char> file_bytes_;  // of send_file; empty until it is used
  std::optional<Error> closed_;
  bool is_flushing_ = false;
  Event flushed_;
};

}  // namespace sluice::rt
