#include "rt/tls_within.h"

#include <algorithm>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <utility>

#include "base/check.h"

namespace sluice::rt {

namespace {

constexpr std::size_t kFetchBytes = 32 * 1024;
constexpr std::size_t kPieceBytes = 64 * 1024;  // encrypted at once, so that memory is bounded

int length(std::size_t bytes) {
  return static_cast<int>(std::min<std::size_t>(bytes, kPieceBytes));
}

}  // namespace

TlsWithin::TlsWithin(Loop& loop, Clock& clock, std::unique_ptr<Stream> outer,
                     const TlsContext& context)
    : outer_(std::move(outer)),
      ssl_(SSL_new(context.get()), SSL_free),
      ciphertext_(kFetchBytes),
      flushed_(loop, clock) {
  CHECK(ssl_ != nullptr);
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  CHECK(in != nullptr && out != nullptr);
  SSL_set_bio(ssl_.get(), in, out);  // which now owns them
}

TlsWithin::~TlsWithin() {
  close(Errc::kCancelled);
}

tl::unexpected<Error> TlsWithin::end(std::string why) {
  if (!closed_) closed_ = Error{Errc::kDisconnected, peer() + ": " + std::move(why)};
  outer_->close(closed_->code);
  return tl::unexpected<Error>(*closed_);
}

Task<Result<>> TlsWithin::connect(const std::string& server_name, bool verify) {
  name_server(*ssl_, server_name, verify);
  SSL_set_connect_state(ssl_.get());
  return handshake();
}

Task<Result<>> TlsWithin::handshake() {
  for (;;) {
    if (closed_) co_return tl::unexpected<Error>(*closed_);
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl_.get());
    const int state = SSL_get_error(ssl_.get(), outcome);
    auto told = tls_failure(*ssl_);
    CO_TRY_VOID(co_await flush());
    if (outcome == 1) co_return Result<>{};
    if (state != SSL_ERROR_WANT_READ) co_return end("TLS handshake: " + told);
    CO_TRY_VOID(co_await fetch());
  }
}

Task<Result<>> TlsWithin::flush() {
  while (is_flushing_) co_await flushed_.wait();
  is_flushing_ = true;
  Result<> outcome;
  std::string bytes;
  while (outcome && !closed_) {
    char* data = nullptr;
    const long count = BIO_get_mem_data(SSL_get_wbio(ssl_.get()), &data);
    if (count <= 0) break;
    bytes.assign(data, static_cast<std::size_t>(count));
    (void)BIO_reset(SSL_get_wbio(ssl_.get()));
    outcome = co_await outer_->write(bytes);
  }
  is_flushing_ = false;
  flushed_.notify_all();
  if (outcome && closed_) co_return tl::unexpected<Error>(*closed_);
  co_return outcome;
}

Task<Result<>> TlsWithin::fetch() {
  CO_TRY(const auto got, co_await outer_->read_some(ciphertext_));
  const int count = static_cast<int>(got);
  CHECK(BIO_write(SSL_get_rbio(ssl_.get()), ciphertext_.data(), count) == count);
  co_return Result<>{};
}

Task<Result<std::size_t>> TlsWithin::read_some(std::span<char> into) {
  return read(into, AtEnd::kFail);
}

Task<Result<std::size_t>> TlsWithin::read_or_end(std::span<char> into) {
  return read(into, AtEnd::kGiveZero);
}

Task<Result<std::size_t>> TlsWithin::read(std::span<char> into, AtEnd at_end) {
  CHECK(!into.empty());
  for (;;) {
    if (closed_) co_return tl::unexpected<Error>(*closed_);
    ERR_clear_error();
    std::size_t done = 0;
    int outcome = 0;
    do {
      outcome = SSL_read(ssl_.get(), into.data() + done, length(into.size() - done));
      if (outcome > 0) done += static_cast<std::size_t>(outcome);
    } while (outcome > 0 && done < into.size());
    if (done > 0) co_return done;
    const int state = SSL_get_error(ssl_.get(), outcome);
    if (state == SSL_ERROR_ZERO_RETURN) {
      if (at_end == AtEnd::kGiveZero) co_return std::size_t{0};
      co_return end("end of stream");
    }
    if (state != SSL_ERROR_WANT_READ) co_return end("TLS: " + tls_failure(*ssl_));
    if (BIO_pending(SSL_get_wbio(ssl_.get())) > 0) CO_TRY_VOID(co_await flush());
    CO_TRY_VOID(co_await fetch());
  }
}

Task<Result<>> TlsWithin::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (closed_) co_return tl::unexpected<Error>(*closed_);
    ERR_clear_error();
    const int taken = SSL_write(ssl_.get(), bytes.data(), length(bytes.size()));
    if (taken <= 0) co_return end("TLS: " + tls_failure(*ssl_));
    bytes.remove_prefix(static_cast<std::size_t>(taken));
    CO_TRY_VOID(co_await flush());
  }
  if (closed_) co_return tl::unexpected<Error>(*closed_);
  co_return Result<>{};
}

// What is encrypted has to be sent, and the outer stream may not take it at once.
Result<std::size_t> TlsWithin::write_now(std::string_view) {
  if (closed_) return tl::unexpected<Error>(*closed_);
  return std::size_t{0};
}

Task<Result<std::size_t>> TlsWithin::send_file(const File& file, std::uint64_t at,
                                               std::size_t count) {
  CHECK(count > 0);
  if (closed_) co_return tl::unexpected<Error>(*closed_);
  file_bytes_.resize(kPieceBytes);
  const auto piece = std::span(file_bytes_).first(std::min(count, kPieceBytes));
  CO_TRY(const auto got, file.read_at(at, piece));
  if (got == 0) co_return fail(Errc::kCorrupt, "file ends before byte " + std::to_string(at));
  const std::string_view bytes(piece.data(), got);
  CO_TRY_VOID(co_await write(bytes));
  co_return got;
}

Task<Result<>> TlsWithin::end_writes() {
  if (closed_) co_return tl::unexpected<Error>(*closed_);
  SSL_shutdown(ssl_.get());
  CO_TRY_VOID(co_await flush());
  co_return Result<>{};
}

void TlsWithin::close(Errc why) {
  if (!closed_) closed_ = Error{why, peer() + ": closed by us"};
  outer_->close(why);
}

}  // namespace sluice::rt
