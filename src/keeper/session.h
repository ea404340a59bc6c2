// One client's connection to a keeper, as a state machine: a request in, an answer out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keeper/action.h"
#include "keeper/session_state.h"
#include "keeper/view.h"
#include "resp/command_reader.h"

namespace sluice::keeper {

// Part of an answer. With an action, carry it out and send answer_to(piece, outcome); without,
// send `reply`.
struct Piece {
  std::string reply;
  std::optional<Action> action;
  bool is_silent = false;  // to a replica, or after CLIENT REPLY OFF
};

struct Outcome {
  std::vector<Piece> pieces;  // in order; one, but for EXEC
  bool close = false;         // once they are sent
};

class Session {
 public:
  // `view` outlives the session.
  Session(const View& view, Peer peer, Moment at);

  // Never call it with an empty `argv`; pieces are answered before the next request is stepped.
  Outcome step(resp::Command argv, Moment at);

  // RESP of the piece's answer, given how its action went.
  std::string answer_to(const Piece& piece, const Result<Done>& outcome);

  // What this session is to be sent for a message published on `channel`; empty: nothing.
  std::string deliver(std::string_view channel, std::string_view message) const;

  // What the reader of its requests shall refuse before it allocates; changes with AUTH.
  resp::CommandLimits limits() const;
  ClientFacts facts() const;
  bool is_subscribed() const { return state_.subscriptions() > 0; }
  bool is_replica() const { return state_.is_replica; }
  const ReplicaFacts& replica() const { return state_.replica; }
  const std::set<std::string, std::less<>>& channels() const { return state_.channels; }
  const std::set<std::string, std::less<>>& patterns() const { return state_.patterns; }

 private:
  void answer(resp::Command argv, Moment at, Outcome& outcome);

  const View& view_;
  SessionState state_;
};

}  // namespace sluice::keeper
