#include "http/conversation.h"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

class HttpConversation : public testing::Test {
 protected:
  static Response health(const Request&) {
    return {.status = 200, .content_type = "application/json", .body = "{}"};
  }

  const Routes routes_{{"/health", health}, {"/big", [](const Request&) {
                                               return Response{200, "text/plain",
                                                               std::string(600'000, 'x')};
                                             }}};
  Conversation conversation_{routes_, {}};
};

TEST_F(HttpConversation, AnswersAndKeepsTheConnection) {
  EXPECT_EQ(conversation_.answer("GET /health HTTP/1.1\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
            "Connection: keep-alive\r\n\r\n{}");
  EXPECT_FALSE(conversation_.is_over());
}

TEST_F(HttpConversation, AnswersHeadWithoutABody) {
  const auto answer = conversation_.answer("HEAD /health HTTP/1.1\r\n\r\n");
  EXPECT_NE(answer.find("Content-Length: 2\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpConversation, EndsWhenTheClientWantsItTo) {
  const auto answer = conversation_.answer("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(conversation_.is_over());
}

TEST_F(HttpConversation, SaysWhatItDoesNotHave) {
  EXPECT_TRUE(conversation_.answer("GET /none HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
  const auto post = conversation_.answer("POST /health HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(post.starts_with("HTTP/1.1 405 "));
  EXPECT_NE(post.find("Allow: GET, HEAD\r\n"), std::string::npos);
  EXPECT_FALSE(conversation_.is_over());
}

TEST_F(HttpConversation, EndsAfterBytesThatAreNotHttp) {
  EXPECT_TRUE(conversation_.answer("\x16\x03\x01").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(conversation_.is_over());
  EXPECT_EQ(conversation_.answer("GET /health HTTP/1.1\r\n\r\n"), "");
}

TEST_F(HttpConversation, AnswersPipelinedRequestsInOrder) {
  const std::string get = "GET /health HTTP/1.1\r\n\r\n";
  const auto answer = conversation_.answer(get + "GET /none HTTP/1.1\r\n\r\n" + get.substr(0, 9));
  EXPECT_LT(answer.find("200 OK"), answer.find("404 Not Found"));
  EXPECT_TRUE(conversation_.answer(get.substr(9)).starts_with("HTTP/1.1 200 OK"));
}

TEST_F(HttpConversation, EndsWithAClientThatPipelinesMoreThanItMay) {
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += "GET /big HTTP/1.1\r\n\r\n";
  EXPECT_LT(conversation_.answer(requests).size(), 1'300'000U);
  EXPECT_TRUE(conversation_.is_over());
}

}  // namespace
}  // namespace sluice::http
