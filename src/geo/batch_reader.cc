#include "geo/batch_reader.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::geo {
namespace {

constexpr std::size_t kNameBytesMax = 16;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_word(std::string_view text, std::string_view word) {
  return std::ranges::equal(text, word, [](char a, char b) { return lower(a) == b; });
}

}  // namespace

Result<std::optional<BatchReader::Found>> BatchReader::next() {
  using Event = repl::StreamFraming::Event;
  while (!fed_.empty()) {
    const auto before = fed_.size();
    auto step = framing_.next(fed_);
    at_ = at_ + (before - fed_.size());
    if (!step) return refuse(step.error().detail);
    switch (step->event) {
      case Event::kNone:
        break;
      case Event::kBlank:
        begin_ = at_;
        break;
      case Event::kCommand:
        command_ = Command::kOther;
        argument_ = 0;
        break;
      case Event::kArgument:
        TRY_VOID(begin_argument());
        break;
      case Event::kBody:
        if (is_kept_) kept_ += step->body;
        break;
      case Event::kArgumentEnd:
        end_argument();
        if (framing_.between_commands()) {
          TRY(auto found, end_command());
          if (found) return found;
        }
        break;
    }
  }
  return std::nullopt;
}

Result<> BatchReader::begin_argument() {
  const auto bytes = framing_.argument_bytes();
  const bool is_batch = command_ == Command::kOps || command_ == Command::kApply;
  is_kept_ =
      argument_ == 0 ? bytes <= kNameBytesMax : argument_ == 1 && command_ != Command::kOther;
  if (!is_kept_) return {};
  kept_.clear();
  if (argument_ == 0) return {};
  if (bytes > (is_batch ? crdt::kBatchBytesMax : kNameBytesMax)) {
    if (is_batch) return refuse("a batch of " + std::to_string(bytes) + " bytes");
    is_kept_ = false;
    return {};
  }
  kept_.reserve(bytes);
  return {};
}

void BatchReader::end_argument() {
  if (argument_ == 0 && is_kept_) {
    if (is_word(kept_, "geo.ops")) command_ = Command::kOps;
    if (is_word(kept_, "geo.apply")) command_ = Command::kApply;
    if (is_word(kept_, "replconf")) command_ = Command::kReplconf;
  }
  is_kept_ = false;
  ++argument_;
}

Result<std::optional<BatchReader::Found>> BatchReader::end_command() {
  const auto begin = std::exchange(begin_, at_);
  if (command_ == Command::kOther || argument_ < 2) return std::nullopt;
  if (command_ == Command::kReplconf) {
    if (!is_word(kept_, "getack")) return std::nullopt;
    return Found{Getack{}};
  }
  auto header = crdt::decode_header(kept_);
  if (!header) return refuse(header.error().detail);
  return Found{StreamBatch{.header = *std::move(header),
                           .bytes = std::exchange(kept_, {}),
                           .begin = begin,
                           .end = begin_,
                           .is_foreign = command_ == Command::kApply}};
}

tl::unexpected<Error> BatchReader::refuse(const std::string& what) const {
  return fail(Errc::kProtocol, "stream at " + std::to_string(at_.bytes()) + ": " + what);
}

}  // namespace sluice::geo
