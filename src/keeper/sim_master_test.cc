#include "keeper/sim_master_test.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>
#include <vector>

#include "keeper/call.h"
#include "resp/writer.h"

namespace sluice::keeper {

using std::chrono::milliseconds;

// One connection; lives in the frame of its serve().
struct ModelMaster::Link {
  Link(rt::Host& host, rt::Stream& its, As port, std::uint64_t now)
      : stream(its), gate(host), as(port), epoch(now) {}

  rt::Stream& stream;
  rt::Gate gate;
  As as;
  std::uint64_t epoch;  // of the truth's, when it was made
  std::string reply;
  std::optional<std::uint64_t> sent;  // set: a replica's, which got the stream up to here
  std::string rdb;
  bool has_acked = false;
  std::uint64_t number = 0;  // of all connections to masters
};

ModelMaster::ModelMaster(sim::Machine& machine, Truth& truth, Line& line,
                         ModelMasterOptions options)
    : host_(machine.boot()),
      random_(machine.world().random()),
      truth_(truth),
      line_(line),
      options_(options),
      run_id_(line.id.text().rbegin(), line.id.text().rend()),
      grown_(host_.loop(), host_.clock()),
      gate_(host_) {
  listener_ = std::move(*host_.network().listen({"", kMasterPort}, std::nullopt));
  line_.db = ~0U;  // as Redis, which selects anew after a promotion (replicationUnsetMaster)
  saver_ = std::move(*host_.network().listen({"", kSaverPort}, std::nullopt));
  gate_.spawn(accept_loop(As::kMaster));
  gate_.spawn(accept_loop(As::kSaver));
  gate_.spawn(write_loop());
}

void ModelMaster::stop() {
  if (has_stopped()) return;
  gate_.close();
  if (host_.machine().host() == &host_) host_.machine().crash(sim::Crash::kProcess);
  grown_.notify_all();
}

rt::Task<void> ModelMaster::accept_loop(As as) {
  auto& listener = as == As::kMaster ? *listener_ : *saver_;
  for (;;) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    gate_.spawn(serve(*std::move(stream), as));
  }
}

rt::Task<void> ModelMaster::serve(std::unique_ptr<rt::Stream> stream, As as) {
  Link link(host_, *stream, as, truth_.epoch());
  link.number = truth_.count_connection();
  resp::CommandReader reader;
  std::array<char, 1024> chunk{};
  for (bool goes_on = true; goes_on;) {
    const auto count = co_await stream->read_some(chunk);
    if (!count) break;
    const std::string input(chunk.data(), *count);
    reader.feed(input);
    while (goes_on) {
      const auto command = reader.next();
      if (!command) truth_.wrong("the keeper sends its master what is not RESP");
      goes_on = command.has_value();
      if (!command || !*command) break;
      goes_on = co_await answer(link, **command);
    }
  }
  stream->close();
  link.gate.close();
  grown_.notify_all();
  co_await link.gate.closed();
}

rt::Task<bool> ModelMaster::answer(Link& link, resp::Command command) {
  const auto name = lower_case(command[0]);
  if (name == "replconf" && command.size() == 3 && lower_case(command[1]) == "ack") {
    const auto acked = parse_integer(command[2]);
    const bool is_sent = link.sent && acked && static_cast<std::uint64_t>(*acked) <= *link.sent;
    if (!is_sent) truth_.wrong("the keeper acknowledges what it was not sent");
    if (acked && link.epoch == truth_.epoch())
      line_.acked = std::max(line_.acked, static_cast<std::uint64_t>(*acked));
    link.has_acked = true;
    truth_.note_acknowledging(link.number);
    co_return true;
  }
  if (link.sent) co_return true;  // as Redis, which does not answer replicas
  std::string reply = "+OK\r\n";
  if (name == "ping") reply = "+PONG\r\n";
  if (name == "info") {
    reply.clear();
    resp::append_bulk(reply, info());
  }
  if (name == "psync" && !replicates_of_.empty()) {
    reply = "-NOMASTERLINK Can't SYNC while not connected with my master\r\n";
  } else if (name == "psync" && command.size() == 3) {
    start_replica(link, command[1], command[2]);
    co_return true;
  }
  const auto written = co_await link.stream.write(reply);
  co_return written.has_value();
}

bool ModelMaster::continues(const repl::Position& from) const {
  const auto& inherited = options_.inherited;
  const bool is_inherited =
      inherited && inherited->id == from.id && from.offset <= inherited->offset;
  if (from.id != line_.id && !is_inherited) return false;
  const auto end = line_.end();
  const auto held = std::min(options_.backlog_bytes, end - line_.begin);
  return from.offset.bytes() >= end - held && from.offset.bytes() <= end;
}

void ModelMaster::start_replica(Link& link, std::string_view replid, std::string_view next) {
  const auto request = repl::parse_psync(replid, next);
  if (!request) return truth_.wrong("the keeper asks with a broken PSYNC");
  if (link.as == As::kMaster) truth_.judge_asked(line_, request->from, link.number);
  if (request->from && continues(*request->from)) {
    ++partial_resyncs_;
    link.sent = request->from->offset.bytes();
    link.reply = "+CONTINUE " + std::string(line_.id.text()) + "\r\n";
  } else {
    ++(link.as == As::kMaster ? full_resyncs_ : snapshots_saved_);
    if (link.as == As::kMaster) truth_.begin_copy(line_);
    link.epoch = truth_.epoch();
    link.rdb = truth_.save(line_);
    line_.db = ~0U;
    link.sent = line_.end();
    link.reply =
        "+FULLRESYNC " + std::string(line_.id.text()) + " " + std::to_string(line_.end()) + "\r\n";
  }
  link.gate.spawn(send_all(link));
}

rt::Task<void> ModelMaster::send_all(Link& link) {
  const auto from = *link.sent;
  const std::string newline = "\n";
  for (auto newlines = random_.below(3); newlines > 0; --newlines) {
    (void)co_await link.stream.write(newline);
    const milliseconds pause(random_.below(300));
    (void)co_await link.gate.sleep(pause);
  }
  auto sent = co_await link.stream.write(link.reply);
  if (sent && !link.rdb.empty()) sent = co_await send_snapshot(link);
  if (sent) co_await send_from(link, from);
  link.stream.close();
}

// Diskless: the stream starts after the replica's first ACK (replication.c, Redis 7.0).
rt::Task<Result<>> ModelMaster::send_snapshot(Link& link) {
  const bool is_diskless = random_.one_in(2);
  std::string marker;
  while (marker.size() < 40) marker += static_cast<char>('a' + random_.below(26));
  std::string payload =
      is_diskless ? "$EOF:" + marker + "\r\n" : "$" + std::to_string(link.rdb.size()) + "\r\n";
  payload += link.rdb;
  if (is_diskless) payload += marker;
  const milliseconds pause_max(random_.one_in(4) ? 500 : 5);
  for (std::size_t at = 0; at < payload.size();) {
    const auto piece = payload.substr(at, random_.between(1, 8192));
    CO_TRY_VOID(co_await link.stream.write(piece));
    at += piece.size();
    const rt::Duration pause(random_.below(rt::Duration(pause_max).count() + 1));
    const bool goes_on = co_await link.gate.sleep(pause);
    if (!goes_on) co_return fail(Errc::kCancelled, "stopped");
  }
  while (is_diskless && !link.has_acked) {
    const bool goes_on = co_await link.gate.sleep(milliseconds(50));
    if (!goes_on) co_return fail(Errc::kCancelled, "stopped");
  }
  co_return Result<>{};
}

rt::Task<void> ModelMaster::send_from(Link& link, std::uint64_t from) {
  for (link.sent = from; !link.gate.is_closing() && !gate_.is_closing();) {
    if (*link.sent == line_.end()) {
      co_await grown_.wait();
      continue;
    }
    const auto piece = line_.bytes.substr(*link.sent - line_.begin, random_.between(1, 16'384));
    link.sent = *link.sent + piece.size();  // an ACK may be here before write() returns
    const auto written = co_await link.stream.write(piece);
    if (!written) co_return;
  }
}

rt::Task<void> ModelMaster::write_loop() {
  auto next_ping = host_.clock().now();
  for (;;) {
    const rt::Duration pause(random_.below(rt::Duration(options_.pause_max).count() + 1));
    const bool goes_on = co_await gate_.sleep(pause);
    if (!goes_on || !host_.is_alive()) co_return;
    if (!replicates_of_.empty()) continue;
    if (host_.clock().now() >= next_ping) {
      append({"PING"});
      mark();
      next_ping = host_.clock().now() + std::chrono::seconds(2);
    }
    if (!is_quiet_) emit();
    grown_.notify_all();
  }
}

void ModelMaster::emit() {
  for (auto commands = random_.between(1, random_.one_in(10) ? 40 : 4); commands > 0; --commands) {
    const auto db = static_cast<std::uint32_t>(random_.below(4));
    if (line_.db == ~0U || random_.one_in(20)) {
      append({"SELECT", std::to_string(db)});
      line_.db = db;
      mark();
    }
    if (random_.one_in(15)) {
      append({"REPLCONF", "GETACK", "*"});
    } else if (random_.one_in(8)) {
      append({"MULTI"});
      for (auto writes = random_.between(1, 5); writes > 0; --writes) emit_write();
      append({"EXEC"});
    } else {
      emit_write();
    }
    mark();
  }
}

void ModelMaster::emit_write() {
  const auto key = "key:" + std::to_string(random_.below(1000));
  const auto size = random_.one_in(30) ? random_.below(12'000) : random_.below(60);
  std::string value(size, ' ');
  for (auto& byte : value)
    byte = static_cast<char>(size > 100 ? 'a' + size % 26 : random_.below(256));
  append({"SET", key, value});
}

void ModelMaster::append(std::initializer_list<std::string_view> words) {
  resp::append_command(line_.bytes, words);
}

std::string ModelMaster::info() const {
  const auto& parted = options_.inherited;
  std::string text = "# Server\r\nredis_version:7.0.15\r\nrun_id:" + run_id_ +
                     "\r\nloading:0\r\n\r\n# Replication\r\nrole:";
  if (replicates_of_.empty()) {
    text += "master";
  } else {
    const auto port = replicates_of_ == name() ? kMasterPort : kKeeperPort;
    text += "slave\r\nmaster_host:" + replicates_of_ + "\r\nmaster_port:" + std::to_string(port) +
            "\r\nmaster_link_status:down";
  }
  text += "\r\nmaster_replid:";
  text += line_.id.text();
  text += "\r\nmaster_replid2:";
  text += parted ? std::string(parted->id.text()) : std::string(repl::ReplId::kLength, '0');
  text += "\r\nmaster_repl_offset:" + std::to_string(line_.end());
  text += "\r\nsecond_repl_offset:" +
          (parted ? std::to_string(parted->offset.bytes() + 1) : std::string("-1"));
  text += "\r\n\r\n# Keyspace\r\n";
  if (line_.keys == 0) return text;
  return text + "db0:keys=" + std::to_string(line_.keys) + ",expires=0,avg_ttl=0\r\n";
}

}  // namespace sluice::keeper
