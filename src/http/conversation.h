// What a client of the server sees, without the socket: bytes of requests in, bytes of answers out.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "http/request.h"

namespace sluice::http {

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Answers a GET or HEAD.
using Handler = std::function<Response(const Request&)>;
using Routes = std::map<std::string, Handler, std::less<>>;  // by exact path

class Conversation {
 public:
  // `routes` outlives this.
  Conversation(const Routes& routes, RequestLimits limits) : routes_(routes), reader_(limits) {}

  // Answers every request that is complete. Requests beyond a megabyte of answers are dropped and
  // the conversation ends, so that a client that pipelines but never reads costs little.
  std::string answer(std::string_view bytes);

  bool is_over() const { return is_over_; }  // send what was answered, then close

 private:
  Response respond(const Request& request) const;

  const Routes& routes_;
  RequestReader reader_;
  bool is_over_ = false;
};

}  // namespace sluice::http
