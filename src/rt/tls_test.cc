#include "rt/tls.h"

#include <fstream>

#include "rt/core_test.h"

namespace sluice::rt {
namespace {

using namespace std::chrono_literals;

// An authority, a server certificate for localhost and 127.0.0.1, a client certificate, and an
// authority that signed nothing; made once, by the openssl command.
class Certificates {
 public:
  static const Certificates& get() {
    static const Certificates made;
    return made;
  }
  std::string file(const std::string& name) const { return temp_.path() + "/" + name; }

 private:
  Certificates() {
    const std::string script = R"(
set -e; cd "$0"
ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
  -keyout $1.key -out $1.pem -subj /CN=$1; }
leaf() { openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -keyout $1.key -out $1.csr -subj /CN=$1
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' > $1.ext
  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $1.ext \
    -out $1.pem; }
ca ca; ca other; leaf server; leaf client
)";
    std::ofstream(temp_.path() + "/make.sh") << script;
    const auto command = "bash -c '. " + temp_.path() + "/make.sh' " + temp_.path() + " >" +
                         temp_.path() + "/log 2>&1";
    CHECK(std::system(command.c_str()) == 0);
  }
  TempFolder temp_;
};

class TlsTest : public CoreTest {
 protected:
  const Certificates& files = Certificates::get();

  TlsFiles server_files() {
    TlsFiles tls;
    tls.cert = files.file("server.pem");
    tls.key = files.file("server.key");
    return tls;
  }
  ConnectOptions trusting(const std::string& authority) {
    ConnectOptions options;
    options.tls = TlsFiles{};
    options.tls->ca = files.file(authority);
    return options;
  }
  std::unique_ptr<Listener> listen(const TlsFiles& tls) {
    return *host.network().listen({"127.0.0.1", 0}, tls);
  }

  static Task<void> echo_one(Listener& at) {
    auto stream = co_await at.accept();
    if (!stream) co_return;
    std::array<char, 10'000> chunk{};
    for (;;) {
      const auto got = co_await (*stream)->read_some(chunk);
      if (!got) co_return;
      const std::string copy(chunk.data(), *got);
      const auto written = co_await (*stream)->write(copy);
      if (!written) co_return;
    }
  }
  static Task<void> expect_echo(Host& h, Listener& at, ConnectOptions options, std::size_t bytes) {
    auto stream = co_await h.network().connect(at.local(), std::move(options));
    EXPECT_TRUE(stream) << stream.error().detail;
    if (!stream) {
      at.close();
      co_return;
    }
    Gate writers(h);
    std::string text;
    for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>('a' + i % 26);
    writers.spawn(write_all(**stream, text));
    std::string seen;
    while (seen.size() < text.size()) {
      const auto into = h.read_buffer();
      const auto got = co_await (*stream)->read_some(into);
      EXPECT_TRUE(got) << got.error().detail;
      if (!got) break;
      seen.append(into.data(), *got);
    }
    EXPECT_TRUE(seen == text);
    co_await writers.closed();
  }
  static Task<void> write_all(Stream& stream, const std::string& text) {
    EXPECT_TRUE(co_await stream.write(text));
  }
  static Task<void> expect_refusal(Host& h, Listener& at, ConnectOptions options, std::string why) {
    auto stream = co_await h.network().connect(at.local(), std::move(options));
    EXPECT_FALSE(stream);
    if (!stream) {
      EXPECT_EQ(stream.error().code, Errc::kDisconnected);
      EXPECT_NE(stream.error().detail.find(why), std::string::npos) << stream.error().detail;
    }
    at.close();
  }
};

TEST_F(TlsTest, EchoesWhatPassesBothWaysAtOnce) {
  const auto listener = listen(server_files());
  gate.spawn(echo_one(*listener));
  run(expect_echo(host, *listener, trusting("ca.pem"), 3'000'000));
}

TEST_F(TlsTest, RefusesAServerOfAnotherAuthority) {
  const auto listener = listen(server_files());
  gate.spawn(echo_one(*listener));
  run(expect_refusal(host, *listener, trusting("other.pem"), "certificate verify failed"));
}

TEST_F(TlsTest, RefusesAServerOfAnotherName) {
  const auto listener = listen(server_files());
  auto options = trusting("ca.pem");
  options.tls->server_name = "elsewhere.example";
  gate.spawn(echo_one(*listener));
  run(expect_refusal(host, *listener, options, "certificate verify failed: hostname mismatch"));
}

TEST_F(TlsTest, AsksAClientForItsCertificate) {
  auto demanding = server_files();
  demanding.ca = files.file("ca.pem");
  const auto listener = listen(demanding);
  auto options = trusting("ca.pem");
  options.tls->cert = files.file("client.pem");
  options.tls->key = files.file("client.key");
  gate.spawn(echo_one(*listener));
  run(expect_echo(host, *listener, options, 1000));
}

TEST_F(TlsTest, ANamelessClientDoesNotGetIn) {
  auto demanding = server_files();
  demanding.ca = files.file("ca.pem");
  const auto listener = listen(demanding);
  const auto main = [](Host& h, Listener& at, ConnectOptions options) -> Task<void> {
    // With TLS 1.3 a client hears of it at its first read.
    auto stream = co_await h.network().connect(at.local(), std::move(options));
    std::array<char, 8> chunk{};
    if (stream) {
      EXPECT_FALSE(co_await (*stream)->read_some(chunk));
    }
    at.close();
  };
  gate.spawn(echo_one(*listener));
  run(main(host, *listener, trusting("ca.pem")));
}

TEST_F(TlsTest, ASilentClientDoesNotHoldUpOthers) {
  const auto listener = listen(server_files());
  const auto main = [](Host& h, Listener& at, ConnectOptions options) -> Task<void> {
    const ConnectOptions plain;
    auto silent = co_await h.network().connect(at.local(), plain);
    EXPECT_TRUE(silent);
    co_await expect_echo(h, at, std::move(options), 1000);
  };
  gate.spawn(echo_one(*listener));
  run(main(host, *listener, trusting("ca.pem")));
}

TEST_F(TlsTest, SendsAFile) {
  TempFolder temp;
  auto dir = *host.directory(temp.path());
  auto file = *dir->open("f", OpenMode::kCreate);
  const std::string text(300'000, 'f');
  ASSERT_TRUE(file->write_at(0, text));
  const auto sender = [](Listener& at, File& from, std::size_t count) -> Task<void> {
    auto stream = co_await at.accept();
    std::size_t sent = 0;
    while (sent < count) {
      const auto more = co_await (*stream)->send_file(from, sent, count - sent);
      EXPECT_TRUE(more);
      if (!more) co_return;
      sent += *more;
    }
  };
  const auto main = [](Host& h, Listener& at, ConnectOptions options,
                       std::size_t count) -> Task<void> {
    auto stream = co_await h.network().connect(at.local(), std::move(options));
    std::size_t seen = 0;
    for (;;) {
      const auto got = co_await (*stream)->read_some(h.read_buffer());
      if (!got) break;
      seen += *got;
    }
    EXPECT_EQ(seen, count);
  };
  const auto listener = listen(server_files());
  gate.spawn(sender(*listener, *file, text.size()));
  run(main(host, *listener, trusting("ca.pem"), text.size()));
}

TEST_F(TlsTest, NamesTheFileThatIsWrong) {
  auto tls = server_files();
  tls.cert = "/no/such/file.pem";
  const auto listener = host.network().listen({"127.0.0.1", 0}, tls);
  EXPECT_EQ(listener.error().code, Errc::kRejected);
  EXPECT_NE(listener.error().detail.find("certificate /no/such/file.pem"), std::string::npos);
}

}  // namespace
}  // namespace sluice::rt
