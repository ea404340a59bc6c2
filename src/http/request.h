// Reads HTTP/1.0 and 1.1 requests from bytes, in pieces of any size.
#pragma once

#include <cstdint>
#include <http_parser.h>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::http {

struct Request {
  std::string method;                          // "GET"
  std::string path;                            // as sent, without the query
  std::string query;                           // without the '?'
  std::map<std::string, std::string> headers;  // names in lower case; repeated ones joined by ", "
  std::string body;
  bool is_keep_alive = false;  // whether the client wants the connection kept
};

struct RequestLimits {
  std::size_t head_bytes_max = 16 * 1024;  // target and headers
  std::size_t body_bytes_max = 1024 * 1024;
};

// What was read is refused with this status, and the connection ends.
struct Refusal {
  int status;  // 400, 413 or 431
};

// One request after another of one connection. Not movable: the C parser points back at it.
class RequestReader {
 public:
  explicit RequestReader(RequestLimits limits);
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Takes bytes up to the end of one request at most, and returns how many. Call take() once
  // is_complete(), before the next feed(). After a refusal nothing more may be fed.
  tl::expected<std::size_t, Refusal> feed(std::string_view bytes);

  bool is_complete() const { return is_complete_; }
  Request take();

 private:
  friend struct Callbacks;

  bool grow_head(std::size_t by);
  void end_header();

  RequestLimits limits_;
  http_parser parser_{};
  Request request_;
  std::string target_;
  std::string header_name_;
  std::string header_value_;
  std::size_t head_bytes_ = 0;
  int refused_with_ = 0;
  bool is_in_value_ = false;
  bool is_complete_ = false;
};

}  // namespace sluice::http
