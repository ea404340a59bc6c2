#include "rt/tcp_stream.h"

#include <fcntl.h>
#include <set>

#include "rt/core_test.h"
#include "rt/posix_file.h"

namespace sluice::rt {
namespace {

using namespace std::chrono_literals;

// What a child would inherit of us.
std::set<int> inheritable() {
  std::set<int> found;
  for (int fd = 3; fd < 200; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) found.insert(fd);
  }
  return found;
}
const std::set<int> inheritable_at_start = inheritable();

class TcpStreamTest : public CoreTest {
 protected:
  std::unique_ptr<Listener> listener = *host.network().listen({"127.0.0.1", 0}, std::nullopt);

  static Task<void> echo_one(Host& h, Listener& at) {
    auto stream = co_await at.accept();
    EXPECT_TRUE(stream);
    for (;;) {
      const auto into = h.read_buffer();
      const auto got = co_await (*stream)->read_some(into);
      if (!got) co_return;
      // The echo needs the bytes past an await, and the buffer is everybody's.
      const std::string copy(into.data(), *got);
      const auto written = co_await (*stream)->write(copy);
      if (!written) co_return;
    }
  }
  static Task<void> read_exactly(Stream& stream, std::size_t count, std::string& seen) {
    std::array<char, 70'000> chunk{};
    while (seen.size() < count) {
      const auto got = co_await stream.read_some(chunk);
      EXPECT_TRUE(got) << got.error().detail;
      if (!got) co_return;
      seen.append(chunk.data(), *got);
    }
  }
};

TEST_F(TcpStreamTest, EchoesMoreThanTheKernelBuffers) {
  const auto write_all = [](Stream& stream, const std::string& text) -> Task<void> {
    EXPECT_TRUE(co_await stream.write(text));
  };
  const auto main = [](Host& h, Listener& at, Gate& g, auto write) -> Task<void> {
    const ConnectOptions options;
    auto stream = co_await h.network().connect(at.local(), options);
    EXPECT_TRUE(stream);
    EXPECT_EQ((*stream)->peer(), to_string(at.local()));
    std::string text;
    for (int i = 0; i < 3'000'000; ++i) text += static_cast<char>('a' + i % 26);
    g.spawn(write(**stream, text));
    std::string seen;
    co_await read_exactly(**stream, text.size(), seen);
    EXPECT_TRUE(seen == text);
    EXPECT_EQ((*stream)->unsent_bytes(), 0U);
  };
  gate.spawn(echo_one(host, *listener));
  run(main(host, *listener, gate, write_all));
}

// It never waits, and leaves what follows to the stream.
TEST_F(TcpStreamTest, LetsATapTakeWhatHasCome) {
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    const ConnectOptions options;
    auto stream = co_await h.network().connect(at.local(), options);
    EXPECT_TRUE(stream);
    const auto tap = tap_of(**stream);
    std::array<char, 10> into{};
    EXPECT_EQ(tap->read_now(into), 0U);
    EXPECT_TRUE(co_await (*stream)->write("ab"));
    EXPECT_TRUE(co_await (*stream)->read_some(std::span(into).first(1)));
    std::size_t tapped = 0;
    while (tapped == 0) tapped = tap->read_now(into);
    EXPECT_EQ(tapped, 1U);
    EXPECT_EQ(into[0], 'b');
    (*stream)->close();
    EXPECT_EQ(tap->read_now(into), 0U);
    EXPECT_EQ(tap_of(**stream), nullptr);
  };
  gate.spawn(echo_one(host, *listener));
  run(main(host, *listener));
}

// A lane takes bytes while the core writes, and while it closes the stream; for the thread sanitizer.
TEST_F(TcpStreamTest, ATapIsReadOnALaneWhileItsCoreWritesAndCloses) {
  const auto write_all = [](Stream& to, std::string bytes) -> Task<void> {
    (void)co_await to.write(bytes);
  };
  const auto take_much = [](Host& h, Tap& tap, std::size_t& took) -> Task<void> {
    std::array<char, 4096> into{};
    const auto work = [&] {
      std::size_t sum = 0;
      for (int n = 0; n < 2000; ++n) sum += tap.read_now(into);
      return sum;
    };
    took += co_await on_disk(h.disk(), Lane::kAppend, work);
  };
  const auto main = [](Host& h, Listener& at, auto write, auto take) -> Task<void> {
    const ConnectOptions options;
    auto stream = co_await h.network().connect(at.local(), options);
    EXPECT_TRUE(stream);
    const auto tap = tap_of(**stream);
    Gate tasks(h);
    tasks.spawn(write(**stream, std::string(1'000'000, 'x')));
    std::size_t seen = 0;
    while (seen < 500'000) {
      const auto got = co_await (*stream)->read_some(h.read_buffer());
      EXPECT_TRUE(got);
      seen += *got;
      co_await take(h, *tap, seen);
    }
    tasks.spawn(take(h, *tap, seen));
    co_await yield_to(h.loop());
    (*stream)->close();
    co_await tasks.closed();
  };
  gate.spawn(echo_one(host, *listener));
  run(main(host, *listener, write_all, take_much));
}

// The other side sees the end, though the tap holds the socket.
TEST_F(TcpStreamTest, EndsAConnectionThatIsTapped) {
  const auto echo = [](Host& h, Listener& at, Event& ended) -> Task<void> {
    co_await echo_one(h, at);
    ended.notify_all();
  };
  const auto main = [](Host& h, Listener& at, Event& ended) -> Task<void> {
    const ConnectOptions options;
    auto stream = co_await h.network().connect(at.local(), options);
    EXPECT_TRUE(stream);
    const auto tap = tap_of(**stream);
    (*stream)->close();
    co_await ended.wait();
  };
  Event ended(host.loop(), host.clock());
  gate.spawn(echo(host, *listener, ended));
  run(main(host, *listener, ended));
}

TEST_F(TcpStreamTest, SendsAFile) {
  TempFolder temp;
  auto dir = *PosixDirectory::open_path(temp.path());
  auto file = *dir->open("f", OpenMode::kCreate);
  std::string text;
  for (int i = 0; i < 400'000; ++i) text += std::to_string(i);
  ASSERT_TRUE(file->write_at(0, text));

  const auto sender = [](Listener& at, File& from, std::size_t count) -> Task<void> {
    auto stream = co_await at.accept();
    std::size_t sent = 10;
    while (sent < count) {
      const auto more = co_await (*stream)->send_file(from, sent, count - sent);
      EXPECT_TRUE(more) << more.error().detail;
      if (!more) co_return;
      sent += *more;
    }
    const auto past = co_await (*stream)->send_file(from, count, 1);
    EXPECT_EQ(past.error().code, Errc::kCorrupt);
    EXPECT_TRUE(co_await (*stream)->write("still open"));
  };
  const auto main = [](Host& h, Listener& at, const std::string& expected) -> Task<void> {
    const ConnectOptions options;
    auto stream = co_await h.network().connect(at.local(), options);
    std::string seen;
    co_await read_exactly(**stream, expected.size(), seen);
    EXPECT_TRUE(seen == expected);
  };
  gate.spawn(sender(*listener, *file, text.size()));
  run(main(host, *listener, text.substr(10) + "still open"));
}

TEST_F(TcpStreamTest, CloseEndsWhatIsInFlight) {
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    const ConnectOptions options;
    auto client = co_await h.network().connect(at.local(), options);
    auto server = co_await at.accept();
    auto& stream = **client;
    h.clock().call_at(h.clock().now() + 1ms, [&stream] { stream.close(Errc::kTimedOut); });
    std::array<char, 8> chunk{};
    const auto got = co_await stream.read_some(chunk);
    EXPECT_EQ(got.error().code, Errc::kTimedOut);
    stream.close();
    const auto again = co_await stream.write("x");
    EXPECT_EQ(again.error().code, Errc::kTimedOut) << "the first reason stays";
    const auto ended = co_await (*server)->read_some(chunk);
    EXPECT_EQ(ended.error().code, Errc::kDisconnected);
  };
  run(main(host, *listener));
}

TEST_F(TcpStreamTest, CloseEndsABlockedWriter) {
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    const ConnectOptions options;
    auto client = co_await h.network().connect(at.local(), options);
    auto server = co_await at.accept();
    auto& stream = **client;
    h.clock().call_at(h.clock().now() + 20ms, [&stream] { stream.close(); });
    const std::string text(50'000'000, 'x');
    const auto written = co_await stream.write(text);
    EXPECT_EQ(written.error().code, Errc::kCancelled);
  };
  run(main(host, *listener));
}

TEST_F(TcpStreamTest, SaysWhyItCannotConnect) {
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    const auto nobody = at.local();
    at.close();
    EXPECT_EQ((co_await at.accept()).error().code, Errc::kCancelled);
    const ConnectOptions options;
    const auto refused = co_await h.network().connect(nobody, options);
    EXPECT_EQ(refused.error().code, Errc::kDisconnected);
    EXPECT_EQ(refused.error().detail, to_string(nobody) + ": connection refused");
    const base::Endpoint unknown{"no-such-host.invalid", 1};
    const auto unresolved = co_await h.network().connect(unknown, options);
    EXPECT_NE(unresolved.error().detail.find("resolving no-such-host.invalid"), std::string::npos);
  };
  run(main(host, *listener));
}

TEST_F(TcpStreamTest, GivesUpOnAHandshakeThatDoesNotCome) {
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    ConnectOptions options;
    options.timeout = 20ms;
    options.tls = TlsFiles{};
    options.tls->verify_peer = false;
    const auto silent = co_await h.network().connect(at.local(), options);
    EXPECT_EQ(silent.error().code, Errc::kTimedOut) << silent.error().detail;
  };
  run(main(host, *listener));
}

TEST_F(TcpStreamTest, RefusesAnAddressInUse) {
  const auto second = host.network().listen(listener->local(), std::nullopt);
  EXPECT_EQ(second.error().code, Errc::kRejected);
  EXPECT_EQ(second.error().detail,
            "listening on " + to_string(listener->local()) + ": address already in use");
}

TEST_F(TcpStreamTest, ListensOnEveryAddress) {
  const auto everywhere = *host.network().listen({"", 0}, std::nullopt);
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    const ConnectOptions options;
    const base::Endpoint here{"localhost", at.local().port};
    auto client = co_await h.network().connect(here, options);
    EXPECT_TRUE(client) << client.error().detail;
    auto server = co_await at.accept();
    EXPECT_EQ((*server)->peer(), (*client)->local());
  };
  run(main(host, *everywhere));
}

TEST_F(TcpStreamTest, ChildrenInheritNothing) {
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    const ConnectOptions options;
    auto client = co_await h.network().connect(at.local(), options);
    auto server = co_await at.accept();
    EXPECT_EQ(inheritable(), inheritable_at_start);
  };
  run(main(host, *listener));
}

TEST_F(TcpStreamTest, EndsOneDirectionAndHearsTheOther) {
  const auto answer_after_end = [](Listener& at) -> Task<void> {
    auto stream = co_await at.accept();
    std::array<char, 100> bytes{};
    const auto got = co_await (*stream)->read_or_end(bytes);
    const std::string copy(bytes.data(), *got);
    const auto end = co_await (*stream)->read_or_end(bytes);
    EXPECT_EQ(*end, 0U);
    EXPECT_TRUE(co_await (*stream)->write(copy));
  };
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    const ConnectOptions options;
    auto stream = co_await h.network().connect(at.local(), options);
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
  run(main(host, *listener));
}

// Who does not read what came and closes resets the connection.
TEST_F(TcpStreamTest, AWriteThatFailsLeavesWhatThePeerSaidToBeRead) {
  const auto refuse = [](Listener& at) -> Task<void> {
    auto stream = co_await at.accept();
    std::array<char, 10> bytes{};
    EXPECT_TRUE(co_await (*stream)->read_some(bytes));
    const std::string_view why = "too long";
    EXPECT_TRUE(co_await (*stream)->write(why));
    (*stream)->close(Errc::kCancelled);
  };
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    const ConnectOptions options;
    auto stream = co_await h.network().connect(at.local(), options);
    const std::string much(16 << 20, 'x');
    const auto written = co_await (*stream)->write(much);
    EXPECT_FALSE(written);
    if ((*stream)->write_now("x")) ADD_FAILURE() << "written after a failure";
    std::string seen;
    co_await read_exactly(**stream, 8, seen);
    EXPECT_EQ(seen, "too long");
    std::array<char, 10> bytes{};
    const auto end = co_await (*stream)->read_or_end(bytes);
    EXPECT_FALSE(end);
    EXPECT_EQ(end.error().detail, written.error().detail);
  };
  gate.spawn(refuse(*listener));
  run(main(host, *listener));
}

TEST_F(TcpStreamTest, AcceptedConnectionsInheritTheListenersTuning) {
  ListenOptions how;
  how.tuning.congestion_control = "reno";
  const auto tuned = *host.network().listen({"127.0.0.1", 0}, how);
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    ConnectOptions options;
    options.tuning.congestion_control = "cubic";
    auto stream = co_await h.network().connect(at.local(), options);
    auto accepted = co_await at.accept();
    EXPECT_EQ((*stream)->figures()->congestion_control, "cubic");
    EXPECT_EQ((*accepted)->figures()->congestion_control, "reno");
    EXPECT_GT((*stream)->figures()->cwnd_bytes, 0U);
    (*stream)->close();
    EXPECT_FALSE((*stream)->figures());
  };
  run(main(host, *tuned));
}

TEST_F(TcpStreamTest, PuttingOffAProbeLeavesTheCongestionControlAsItWas) {
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    for (const auto* const wanted : {"bbr", "cubic"}) {
      ConnectOptions options;
      options.tuning.congestion_control = wanted;
      auto stream = co_await h.network().connect(at.local(), options);
      const auto before = (*stream)->figures();
      (*stream)->put_off_probe();
      EXPECT_EQ((*stream)->figures()->congestion_control, before->congestion_control);
      EXPECT_EQ((*stream)->figures()->cwnd_bytes, before->cwnd_bytes);
      (*stream)->close();
      (*stream)->put_off_probe();
    }
  };
  run(main(host, *listener));
}

TEST_F(TcpStreamTest, AMissingCongestionControlIsReportedOnceAndBecomesCubic) {
  std::vector<std::string> missing;
  host.network().watch([&](const NetworkEvent& event) { missing.push_back(event.detail); });
  const auto main = [](Host& h, Listener& at) -> Task<void> {
    ConnectOptions options;
    options.tuning.congestion_control = "nosuch";
    auto first = co_await h.network().connect(at.local(), options);
    auto second = co_await h.network().connect(at.local(), options);
    EXPECT_EQ((*second)->figures()->congestion_control, "cubic");
  };
  run(main(host, *listener));
  EXPECT_EQ(missing, std::vector<std::string>{"nosuch"});
}

TEST_F(TcpStreamTest, ResolvesANumberToItself) {
  const auto main = [](Host& h) -> Task<void> {
    const base::Endpoint number{"127.0.0.1", 6379};
    const auto found = co_await h.network().resolve(number, 1s);
    EXPECT_EQ(*found, std::vector<base::Endpoint>{number});
    const base::Endpoint name{"localhost", 6379};
    const auto many = co_await h.network().resolve(name, 5s);
    EXPECT_EQ(many->front().port, 6379);
  };
  run(main(host));
}

}  // namespace
}  // namespace sluice::rt
