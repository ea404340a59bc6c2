#include "http/conversation.h"

#include <fmt/format.h>

namespace sluice::http {
namespace {

constexpr std::size_t kAnswerBytesMax = 1024 * 1024;

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Payload Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

struct Framing {
  bool is_last;
  bool is_head;  // the answer to HEAD has the length of a body, but no body
};

std::string wire(const Response& response, Framing framing) {
  auto text =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {}\r\n",
                  response.status, reason(response.status), response.content_type,
                  response.body.size(), framing.is_last ? "close" : "keep-alive");
  if (response.status == 405) text += "Allow: GET, HEAD\r\n";
  text += "\r\n";
  if (!framing.is_head) text += response.body;
  return text;
}

Response plain(int status) {
  Response response;
  response.status = status;
  response.body = fmt::format("{}\n", reason(status));
  return response;
}

}  // namespace

Response Conversation::respond(const Request& request) const {
  const auto route = routes_.find(request.path);
  if (route == routes_.end()) return plain(404);
  if (request.method != "GET" && request.method != "HEAD") return plain(405);
  return route->second(request);
}

std::string Conversation::answer(std::string_view bytes) {
  std::string answers;
  while (!is_over_ && !bytes.empty()) {
    const auto taken = reader_.feed(bytes);
    if (!taken) {
      is_over_ = true;
      return answers + wire(plain(taken.error().status), {.is_last = true, .is_head = false});
    }
    bytes.remove_prefix(*taken);
    if (!reader_.is_complete()) continue;
    const auto request = reader_.take();
    const auto response = respond(request);
    const bool is_too_much =
        answers.size() + response.body.size() > kAnswerBytesMax && !answers.empty();
    is_over_ = !request.is_keep_alive || is_too_much;
    answers += wire(response, {.is_last = is_over_, .is_head = request.method == "HEAD"});
  }
  return answers;
}

}  // namespace sluice::http
