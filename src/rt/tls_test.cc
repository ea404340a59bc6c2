#include "rt/tls.h"

#include <fstream>

#include "rt/core_test.h"
#include "rt/tls_contexts.h"

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
  static Task<void> accept_and_ask(Listener& at, std::optional<PeerIdentity>& seen) {
    auto stream = co_await at.accept();
    EXPECT_TRUE(stream);
    seen = (*stream)->identity();
    const std::string_view byte = "x";
    (void)co_await (*stream)->write(byte);
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

// More than the handshakes that a listener has under way at a time.
TEST_F(TlsTest, ManySilentClientsDoNotKeepOthersOut) {
  constexpr int kSilent = 300;
  int ended = 0;
  host.network().watch([&](const NetworkEvent& event) {
    if (event.detail.find("handshakes are under way") != std::string::npos) ++ended;
  });
  const auto listener = listen(server_files());
  const auto main = [](Host& h, Listener& at, ConnectOptions options) -> Task<void> {
    std::vector<std::unique_ptr<Stream>> silent;
    for (int n = 0; n < kSilent; ++n) {
      const ConnectOptions plain;
      auto one = co_await h.network().connect(at.local(), plain);
      EXPECT_TRUE(one);
      if (one) silent.push_back(*std::move(one));
    }
    co_await expect_echo(h, at, std::move(options), 1000);
  };
  gate.spawn(echo_one(*listener));
  run(main(host, *listener, trusting("ca.pem")));
  EXPECT_GT(ended, 0);
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

TEST_F(TlsTest, TellsWhoAVerifiedClientIs) {
  auto demanding = server_files();
  demanding.ca = files.file("ca.pem");
  const auto listener = listen(demanding);
  auto options = trusting("ca.pem");
  options.tls->cert = files.file("client.pem");
  options.tls->key = files.file("client.key");
  const auto main = [](Host& h, Listener& at, ConnectOptions how, Gate& g) -> Task<void> {
    std::optional<PeerIdentity> seen;
    g.spawn(accept_and_ask(at, seen));
    auto stream = co_await h.network().connect(at.local(), std::move(how));
    EXPECT_TRUE(stream) << stream.error().detail;
    std::array<char, 1> byte{};
    (void)co_await (*stream)->read_some(byte);
    const PeerIdentity expected{"client", {"localhost", "127.0.0.1"}};
    EXPECT_EQ(seen, expected);
    EXPECT_EQ((*stream)->identity()->common_name, "server");
  };
  run(main(host, *listener, options, gate));
}

TEST_F(TlsTest, AnUnverifiedClientIsNobody) {
  const auto listener = listen(server_files());
  const auto main = [](Host& h, Listener& at, ConnectOptions how, Gate& g) -> Task<void> {
    std::optional<PeerIdentity> seen = PeerIdentity{};
    g.spawn(accept_and_ask(at, seen));
    auto stream = co_await h.network().connect(at.local(), std::move(how));
    std::array<char, 1> byte{};
    (void)co_await (*stream)->read_some(byte);
    EXPECT_EQ(seen, std::nullopt);
  };
  run(main(host, *listener, trusting("ca.pem"), gate));
}

TEST_F(TlsTest, ReportsAHandshakeThatFailed) {
  std::vector<std::string> failures;
  host.network().watch([&failures](const NetworkEvent& event) {
    if (event.kind == NetworkEvent::Kind::kHandshakeFailed) failures.push_back(event.detail);
  });
  const auto listener = listen(server_files());
  const auto main = [](Host& h, Listener& at, Gate& g,
                       std::vector<std::string>& seen) -> Task<void> {
    const ConnectOptions plain;
    auto stream = co_await h.network().connect(at.local(), plain);
    const std::string_view hello = "PING\r\n";
    (void)co_await (*stream)->write(hello);
    std::array<char, 64> bytes{};
    for (;;) {
      const auto got = co_await (*stream)->read_some(bytes);
      if (!got) break;
    }
    while (seen.empty() && !g.is_closing()) co_await sleep(h, 1ms);
    at.close();
  };
  gate.spawn(echo_one(*listener));
  run(main(host, *listener, gate, failures));
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_NE(failures[0].find("wrong version number"), std::string::npos) << failures[0];
}

TEST_F(TlsTest, AServerThatWantsTls13RefusesOlder) {
  auto modern = server_files();
  modern.version_min = TlsVersion::k1_3;
  const auto listener = listen(modern);
  gate.spawn(echo_one(*listener));
  run(expect_echo(host, *listener, trusting("ca.pem"), 1000));
}

// Half-close: each side says when it has no more, and still hears the other.
TEST_F(TlsTest, EndsOneDirectionAndHearsTheOther) {
  const auto listener = listen(server_files());
  const auto answer_after_end = [](Listener& at) -> Task<void> {
    auto stream = co_await at.accept();
    std::string seen;
    std::array<char, 100> bytes{};
    for (;;) {
      const auto got = co_await (*stream)->read_or_end(bytes);
      EXPECT_TRUE(got);
      if (!got || *got == 0) break;
      seen.append(bytes.data(), *got);
    }
    EXPECT_TRUE(co_await (*stream)->write(seen));
  };
  const auto main = [](Host& h, Listener& at, ConnectOptions how) -> Task<void> {
    auto stream = co_await h.network().connect(at.local(), std::move(how));
    const std::string_view question = "question";
    EXPECT_TRUE(co_await (*stream)->write(question));
    EXPECT_TRUE(co_await (*stream)->end_writes());
    std::array<char, 100> bytes{};
    const auto got = co_await (*stream)->read_or_end(bytes);
    EXPECT_EQ(*got, question.size());
    const auto end = co_await (*stream)->read_or_end(bytes);
    EXPECT_EQ(*end, 0U);
  };
  gate.spawn(answer_after_end(*listener));
  run(main(host, *listener, trusting("ca.pem")));
}

// TLS inside a stream is the same TLS: its peer may as well have it on a socket.
TEST_F(TlsTest, SpeaksInsideAnotherStream) {
  const auto listener = listen(server_files());
  const auto main = [](Host& h, Listener& at, TlsFiles with) -> Task<void> {
    const ConnectOptions plain;
    auto outer = co_await h.network().connect(at.local(), plain);
    auto inner = co_await h.network().start_tls(*std::move(outer), std::move(with), 5s);
    EXPECT_TRUE(inner) << inner.error().detail;
    if (!inner) co_return;
    Gate writers(h);
    const std::string text(2'000'000, 'x');
    writers.spawn(write_all(**inner, text));
    std::size_t seen = 0;
    while (seen < text.size()) {
      const auto got = co_await (*inner)->read_some(h.read_buffer());
      EXPECT_TRUE(got) << got.error().detail;
      if (!got) break;
      seen += *got;
    }
    EXPECT_EQ(seen, text.size());
    co_await writers.closed();
  };
  auto with = *trusting("ca.pem").tls;
  with.server_name = "localhost";
  gate.spawn(echo_one(*listener));
  run(main(host, *listener, with));
}

TEST_F(TlsTest, InsideAnotherStreamItVerifiesToo) {
  const auto listener = listen(server_files());
  const auto main = [](Host& h, Listener& at, TlsFiles with) -> Task<void> {
    const ConnectOptions plain;
    auto outer = co_await h.network().connect(at.local(), plain);
    const auto inner = co_await h.network().start_tls(*std::move(outer), std::move(with), 5s);
    EXPECT_FALSE(inner);
    if (!inner) {
      EXPECT_NE(inner.error().detail.find("certificate verify failed"), std::string::npos);
    }
    at.close();
  };
  auto with = *trusting("ca.pem").tls;
  with.server_name = "elsewhere.example";
  gate.spawn(echo_one(*listener));
  run(main(host, *listener, with));
}

class TlsContextsTest : public TlsTest {
 protected:
  TempFolder folder;
  std::vector<NetworkEvent> events;
  struct StandingClock : Clock {
    Instant at{1s};
    Instant now() const override { return at; }
    std::int64_t wall_ms() const override { return 0; }
    TimerId call_at(Instant, std::function<void()>) override { return TimerId{0}; }
    void cancel(TimerId) override {}
  } clock;
  TlsContexts contexts{clock, [this](const NetworkEvent& event) { events.push_back(event); }};

  void put(const std::string& name, const std::string& as) {
    std::filesystem::copy_file(files.file(name), folder.path() + "/" + as,
                               std::filesystem::copy_options::overwrite_existing);
  }
  TlsFiles in_folder() {
    TlsFiles tls;
    tls.cert = folder.path() + "/cert.pem";
    tls.key = folder.path() + "/cert.key";
    return tls;
  }
  ssl_ctx_st* context_later() {
    clock.at = clock.at + TlsContexts::kLookInterval;
    return contexts.server(in_folder())->get();
  }
};

TEST_F(TlsContextsTest, TakesNewFilesAndKeepsTheOldOnesWhileTheNewAreBroken) {
  put("server.pem", "cert.pem");
  put("server.key", "cert.key");
  auto* const first = contexts.server(in_folder())->get();
  EXPECT_EQ(context_later(), first);

  put("client.pem", "cert.pem");  // whose key comes a moment later
  EXPECT_EQ(context_later(), first);
  EXPECT_EQ(context_later(), first);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, NetworkEvent::Kind::kCertificatesRefused);
  EXPECT_NE(events[0].detail.find("key"), std::string::npos);

  put("client.key", "cert.key");
  EXPECT_NE(context_later(), first);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].kind, NetworkEvent::Kind::kCertificatesTaken);
}

TEST_F(TlsContextsTest, FailsWhereNoContextWasEverMade) {
  EXPECT_EQ(contexts.server(in_folder()).error().code, Errc::kRejected);
}

}  // namespace
}  // namespace sluice::rt
