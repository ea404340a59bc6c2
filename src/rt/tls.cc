#include "rt/tls.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <utility>

#include "base/check.h"
#include "rt/address.h"

namespace sluice::rt {

namespace {

constexpr std::size_t kFilePiece = 64 * 1024;

// The first error that OpenSSL noted on this thread; the queue is emptied.
std::string noted_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  const char* text = ERR_reason_error_string(code);
  return text != nullptr ? text : "error " + std::to_string(code);
}

int chunk(std::size_t bytes) {
  return static_cast<int>(std::min<std::size_t>(bytes, std::numeric_limits<int>::max()));
}

tl::unexpected<Error> rejected(const std::string& what) {
  return fail(Errc::kRejected, what + ": " + noted_error());
}

Result<> load_identity(SSL_CTX* context, const TlsFiles& files) {
  if (SSL_CTX_use_certificate_chain_file(context, files.cert.c_str()) != 1) {
    return rejected("certificate " + files.cert);
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return rejected("key " + files.key);
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return rejected("key " + files.key + " is not of certificate " + files.cert);
  }
  return {};
}

Result<> load_authorities(SSL_CTX* context, const TlsFiles& files, bool is_server) {
  if (!files.ca.empty()) {
    if (SSL_CTX_load_verify_locations(context, files.ca.c_str(), nullptr) != 1) {
      return rejected("certificate authority " + files.ca);
    }
    if (is_server) {
      SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(files.ca.c_str()));
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
  } else if (!is_server && SSL_CTX_set_default_verify_paths(context) != 1) {
    return rejected("the system's certificate authorities");
  }
  if (!is_server && files.verify_peer) SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return {};
}

std::string text_of(const ASN1_STRING* string) {
  unsigned char* utf8 = nullptr;
  const int length = string == nullptr ? -1 : ASN1_STRING_to_UTF8(&utf8, string);
  if (length < 0) return {};
  std::string text(utf8, utf8 + length);
  OPENSSL_free(utf8);
  // A zero in a name is a forgery: "good.example\0.evil.example".
  return text.find('\0') == std::string::npos ? text : std::string();
}

std::string common_name(X509& certificate) {
  X509_NAME* subject = X509_get_subject_name(&certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

std::string text_of_ip(const ASN1_OCTET_STRING& bytes) {
  const auto* first = ASN1_STRING_get0_data(&bytes);
  const int length = ASN1_STRING_length(&bytes);
  if (length == 4) {
    asio::ip::address_v4::bytes_type four{};
    std::copy_n(first, four.size(), four.begin());
    return asio::ip::address_v4(four).to_string();
  }
  asio::ip::address_v6::bytes_type sixteen{};
  if (length != static_cast<int>(sixteen.size())) return {};
  std::copy_n(first, sixteen.size(), sixteen.begin());
  return asio::ip::address_v6(sixteen).to_string();
}

std::vector<std::string> alternative_names(X509& certificate) {
  std::vector<std::string> names;
  auto* found = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(found); ++i) {
    const auto* name = sk_GENERAL_NAME_value(found, i);
    std::string text;
    if (name->type == GEN_DNS) text = text_of(name->d.dNSName);
    if (name->type == GEN_IPADD) text = text_of_ip(*name->d.iPAddress);
    if (!text.empty()) names.push_back(std::move(text));
  }
  GENERAL_NAMES_free(found);
  return names;
}

}  // namespace

TlsContext::TlsContext(ssl_ctx_st* context) : context_(context, SSL_CTX_free) {}

Result<TlsContext> TlsContext::client(const TlsFiles& files) {
  return make(files, false);
}
Result<TlsContext> TlsContext::server(const TlsFiles& files) {
  return make(files, true);
}

Result<TlsContext> TlsContext::make(const TlsFiles& files, bool is_server) {
  ERR_clear_error();
  TlsContext made(SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method()));
  SSL_CTX* context = made.get();
  CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(
      context, files.version_min == TlsVersion::k1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);  // else each record costs two system calls
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (is_server && (files.cert.empty() || files.key.empty())) {
    return fail(Errc::kRejected, "a TLS server needs a certificate and a key");
  }
  if (files.cert.empty() != files.key.empty()) {
    return fail(Errc::kRejected, "a TLS certificate and its key go together");
  }
  if (!files.cert.empty()) TRY_VOID(load_identity(context, files));
  TRY_VOID(load_authorities(context, files, is_server));
  return made;
}

TlsStream::TlsStream(Loop& loop, UniqueFd fd, const TlsContext& context)
    : loop_(loop), socket_(loop, std::move(fd)), ssl_(SSL_new(context.get()), SSL_free) {
  CHECK(ssl_ != nullptr);
  peer_ = base::to_string(to_endpoint(peer_address(socket_.fd())));
  local_ = base::to_string(to_endpoint(local_address(socket_.fd())));
  CHECK(SSL_set_fd(ssl_.get(), socket_.fd()) == 1);
}

TlsStream::~TlsStream() {
  close(Errc::kCancelled);
}

tl::unexpected<Error> TlsStream::closed_error() const {
  return tl::unexpected<Error>(*closed_);
}

tl::unexpected<Error> TlsStream::end(std::string why) {
  if (!closed_) closed_ = Error{Errc::kDisconnected, peer_ + ": " + std::move(why)};
  socket_.close();
  return closed_error();
}

void name_server(ssl_st& ssl, const std::string& name, bool verify) {
  const bool is_number = numeric_address({name, 0}).has_value();
  if (!is_number) SSL_set_tlsext_host_name(&ssl, name.c_str());
  if (verify && is_number) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(&ssl), name.c_str());
  } else if (verify) {
    SSL_set1_host(&ssl, name.c_str());
  }
}

std::string tls_failure(ssl_st& ssl) {
  const long verdict = SSL_get_verify_result(&ssl);
  auto noted = noted_error();
  if (verdict == X509_V_OK) return noted;
  return std::string("certificate verify failed: ") + X509_verify_cert_error_string(verdict);
}

Task<Result<>> TlsStream::connect(const std::string& server_name, bool verify) {
  SSL_set_connect_state(ssl_.get());
  name_server(*ssl_, server_name, verify);
  return handshake();
}

Task<Result<>> TlsStream::accept() {
  SSL_set_accept_state(ssl_.get());
  return handshake();
}

Task<Result<>> TlsStream::handshake() {
  for (;;) {
    if (closed_) co_return closed_error();
    ERR_clear_error();
    errno = 0;
    const int outcome = SSL_do_handshake(ssl_.get());
    if (outcome == 1) co_return Result<>{};
    const long verdict = SSL_get_verify_result(ssl_.get());
    if (SSL_get_error(ssl_.get(), outcome) == SSL_ERROR_SSL && verdict != X509_V_OK) {
      ERR_clear_error();
      co_return end(std::string("certificate verify failed: ") +
                    X509_verify_cert_error_string(verdict));
    }
    CO_TRY_VOID(co_await retry_after(outcome, "TLS handshake"));
  }
}

Task<Result<>> TlsStream::retry_after(int outcome, const char* what) {
  const int number = errno;
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_WANT_READ:
      co_await socket_.readable();
      break;
    case SSL_ERROR_WANT_WRITE:
      co_await socket_.writable();
      break;
    case SSL_ERROR_ZERO_RETURN:
      co_return end("end of stream");
    case SSL_ERROR_SYSCALL:
      co_return end(std::string(what) + ": " + (number != 0 ? reason(number) : "end of stream"));
    default:
      co_return end(std::string(what) + ": " + noted_error());
  }
  co_return Result<>{};
}

Task<Result<std::size_t>> TlsStream::read_some(std::span<char> into) {
  return read(into, AtEnd::kFail);
}

Task<Result<std::size_t>> TlsStream::read_or_end(std::span<char> into) {
  return read(into, AtEnd::kGiveZero);
}

Task<Result<std::size_t>> TlsStream::read(std::span<char> into, AtEnd at_end) {
  CHECK(!into.empty());
  if (reads_.is_over()) co_await yield_to(loop_);
  for (;;) {
    if (closed_) co_return closed_error();
    ERR_clear_error();
    errno = 0;
    // One record at most per call; what fits is collected, to hand out fewer and larger pieces.
    std::size_t done = 0;
    int outcome = 0;
    do {
      outcome = SSL_read(ssl_.get(), into.data() + done, chunk(into.size() - done));
      if (outcome > 0) done += static_cast<std::size_t>(outcome);
    } while (outcome > 0 && done < into.size());
    if (done > 0) co_return done;
    const bool is_end = SSL_get_error(ssl_.get(), outcome) == SSL_ERROR_ZERO_RETURN;
    if (is_end && at_end == AtEnd::kGiveZero) co_return std::size_t{0};
    reads_.begin();
    CO_TRY_VOID(co_await retry_after(outcome, "TLS"));
  }
}

Task<Result<>> TlsStream::write(std::string_view bytes) {
  if (writes_.is_over()) co_await yield_to(loop_);
  for (;;) {
    if (closed_) co_return closed_error();
    if (bytes.empty()) co_return Result<>{};
    ERR_clear_error();
    errno = 0;
    const int taken = SSL_write(ssl_.get(), bytes.data(), chunk(bytes.size()));
    if (taken > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(taken));
      continue;
    }
    writes_.begin();
    CO_TRY_VOID(co_await retry_after(taken, "TLS"));
  }
}

Result<std::size_t> TlsStream::write_now(std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    if (closed_) return closed_error();
    ERR_clear_error();
    errno = 0;
    const int taken = SSL_write(ssl_.get(), bytes.data() + done, chunk(bytes.size() - done));
    if (taken <= 0) {
      const int number = errno;
      const int why = SSL_get_error(ssl_.get(), taken);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) break;
      return end("TLS: " +
                 (why == SSL_ERROR_SYSCALL && number != 0 ? reason(number) : noted_error()));
    }
    done += static_cast<std::size_t>(taken);
  }
  return done;
}

Task<Result<std::size_t>> TlsStream::send_file(const File& file, std::uint64_t at,
                                               std::size_t count) {
  CHECK(count > 0);
  if (closed_) co_return closed_error();
  file_bytes_.resize(kFilePiece);
  const auto piece = std::span(file_bytes_).first(std::min(count, kFilePiece));
  CO_TRY(const auto got, file.read_at(at, piece));
  if (got == 0) co_return fail(Errc::kCorrupt, "file ends before byte " + std::to_string(at));
  const std::string_view bytes(piece.data(), got);
  CO_TRY_VOID(co_await write(bytes));
  co_return got;
}

Task<Result<>> TlsStream::end_writes() {
  for (;;) {
    if (closed_) co_return closed_error();
    ERR_clear_error();
    errno = 0;
    const int outcome = SSL_shutdown(ssl_.get());
    if (outcome >= 0) co_return Result<>{};  // 0: told the peer, whose own end is still to come
    CO_TRY_VOID(co_await retry_after(outcome, "TLS"));
  }
}

void TlsStream::close(Errc why) {
  if (!closed_) {
    closed_ = Error{why, peer_ + ": closed by us"};
    // Tells the peer that the end is orderly, if the socket takes it at once.
    if (SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  socket_.close();
}

std::optional<TcpFigures> TlsStream::figures() const {
  return closed_ ? std::nullopt : tcp_figures(socket_.fd());
}

void TlsStream::put_off_probe() {
  if (!closed_) rt::put_off_probe(socket_.fd());
}

void TlsStream::set_unsent_low(std::uint32_t bytes) {
  if (!closed_) rt::set_unsent_low(socket_.fd(), bytes);
}

std::optional<PeerIdentity> TlsStream::identity() const {
  const std::unique_ptr<X509, void (*)(X509*)> shown(SSL_get1_peer_certificate(ssl_.get()),
                                                     X509_free);
  const bool is_verified = SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE &&
                           SSL_get_verify_result(ssl_.get()) == X509_V_OK;
  if (!shown || !is_verified) return std::nullopt;
  return PeerIdentity{common_name(*shown), alternative_names(*shown)};
}

std::uint64_t TlsStream::unsent_bytes() const {
  return closed_ ? 0 : unacknowledged_bytes(socket_.fd());
}

}  // namespace sluice::rt
