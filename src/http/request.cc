#include "http/request.h"

#include <cctype>
#include <limits>
#include <utility>

#include "base/check.h"

namespace sluice::http {

// http_parser calls these with pieces; a non-zero return stops it.
struct Callbacks {
  static RequestReader& reader(http_parser* parser) {
    return *static_cast<RequestReader*>(parser->data);
  }

  static int on_target(http_parser* parser, const char* at, std::size_t count) {
    auto& self = reader(parser);
    self.target_.append(at, count);
    return self.grow_head(count) ? 0 : 1;
  }

  static int on_name(http_parser* parser, const char* at, std::size_t count) {
    auto& self = reader(parser);
    if (self.is_in_value_) self.end_header();
    for (std::size_t i = 0; i < count; ++i) {
      self.header_name_ += static_cast<char>(std::tolower(static_cast<unsigned char>(at[i])));
    }
    return self.grow_head(count) ? 0 : 1;
  }

  static int on_value(http_parser* parser, const char* at, std::size_t count) {
    auto& self = reader(parser);
    self.is_in_value_ = true;
    self.header_value_.append(at, count);
    return self.grow_head(count) ? 0 : 1;
  }

  static int on_head_end(http_parser* parser) {
    auto& self = reader(parser);
    if (self.is_in_value_) self.end_header();
    const auto length = parser->content_length;
    const bool has_length = length != std::numeric_limits<std::uint64_t>::max();
    if (!has_length || length <= self.limits_.body_bytes_max) return 0;
    self.refused_with_ = 413;
    return -1;
  }

  static int on_body(http_parser* parser, const char* at, std::size_t count) {
    auto& self = reader(parser);
    if (self.request_.body.size() + count > self.limits_.body_bytes_max) {
      self.refused_with_ = 413;
      return 1;
    }
    self.request_.body.append(at, count);
    return 0;
  }

  static int on_end(http_parser* parser) {
    auto& self = reader(parser);
    self.request_.is_keep_alive = http_should_keep_alive(parser) != 0 && parser->upgrade == 0;
    self.is_complete_ = true;
    http_parser_pause(parser, 1);
    return 0;
  }

  static http_parser_settings settings() {
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_url = on_target;
    settings.on_header_field = on_name;
    settings.on_header_value = on_value;
    settings.on_headers_complete = on_head_end;
    settings.on_body = on_body;
    settings.on_message_complete = on_end;
    return settings;
  }
};

namespace {

std::string part_of(const std::string& target, const http_parser_url& url, int field) {
  if ((url.field_set & (1U << static_cast<unsigned>(field))) == 0) return "";
  const auto& part = url.field_data[field];
  return target.substr(part.off, part.len);
}

}  // namespace

RequestReader::RequestReader(RequestLimits limits) : limits_(limits) {
  http_parser_init(&parser_, HTTP_REQUEST);
  parser_.data = this;
}

bool RequestReader::grow_head(std::size_t by) {
  head_bytes_ += by;
  if (head_bytes_ <= limits_.head_bytes_max) return true;
  refused_with_ = 431;
  return false;
}

void RequestReader::end_header() {
  auto& value = request_.headers[std::exchange(header_name_, {})];
  if (!value.empty()) value += ", ";
  value += std::exchange(header_value_, {});
  is_in_value_ = false;
}

tl::expected<std::size_t, Refusal> RequestReader::feed(std::string_view bytes) {
  CHECK(!is_complete_);
  static const auto settings = Callbacks::settings();
  const auto taken = http_parser_execute(&parser_, &settings, bytes.data(), bytes.size());
  if (is_complete_) {
    http_parser_pause(&parser_, 0);
    return taken;
  }
  if (refused_with_ != 0) return tl::unexpected(Refusal{refused_with_});
  if (HTTP_PARSER_ERRNO(&parser_) == HPE_HEADER_OVERFLOW) return tl::unexpected(Refusal{431});
  if (HTTP_PARSER_ERRNO(&parser_) != HPE_OK) return tl::unexpected(Refusal{400});
  return taken;
}

Request RequestReader::take() {
  CHECK(is_complete_);
  request_.method = http_method_str(static_cast<http_method>(parser_.method));
  http_parser_url url{};
  http_parser_url_init(&url);
  const int is_connect = parser_.method == HTTP_CONNECT ? 1 : 0;
  if (http_parser_parse_url(target_.data(), target_.size(), is_connect, &url) == 0) {
    request_.path = part_of(target_, url, UF_PATH);
    request_.query = part_of(target_, url, UF_QUERY);
  }
  is_complete_ = false;
  head_bytes_ = 0;
  target_.clear();
  return std::exchange(request_, {});
}

}  // namespace sluice::http
