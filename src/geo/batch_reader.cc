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
  while (found_.empty() && !fed_.empty()) {
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
        batches_.clear();
        batches_bytes_ = 0;
        has_all_ = false;
        break;
      case Event::kArgument:
        TRY_VOID(begin_argument());
        break;
      case Event::kBody:
        if (is_kept_) kept_ += step->body;
        break;
      case Event::kArgumentEnd:
        TRY_VOID(end_argument());
        if (framing_.between_commands()) end_command();
        break;
    }
  }
  if (found_.empty()) return std::nullopt;
  auto found = std::move(found_.front());
  found_.pop_front();
  return found;
}

Result<> BatchReader::begin_argument() {
  const auto bytes = framing_.argument_bytes();
  const bool is_batch = command_ == Command::kOps || command_ == Command::kApply;
  const bool is_wanted =
      argument_ == 1 || (command_ == Command::kApply && !has_all_);  // GEO.APPLY has several
  is_kept_ = argument_ == 0 ? bytes <= kNameBytesMax : is_wanted && command_ != Command::kOther;
  if (!is_kept_) return {};
  kept_.clear();
  if (argument_ == 0) return {};
  if (is_batch) batches_bytes_ += bytes;
  if ((is_batch ? batches_bytes_ : bytes) > (is_batch ? crdt::kBatchBytesMax : kNameBytesMax)) {
    if (is_batch) return refuse("batches of " + std::to_string(batches_bytes_) + " bytes");
    is_kept_ = false;
    return {};
  }
  kept_.reserve(bytes);
  return {};
}

Result<> BatchReader::end_argument() {
  if (argument_ == 0 && is_kept_) {
    if (is_word(kept_, "geo.ops")) command_ = Command::kOps;
    if (is_word(kept_, "geo.apply")) command_ = Command::kApply;
    if (is_word(kept_, "replconf")) command_ = Command::kReplconf;
  }
  const bool is_batch = command_ == Command::kOps || command_ == Command::kApply;
  if (argument_ > 1 && is_kept_ && is_word(kept_, "at")) {
    has_all_ = true;
  } else if (argument_ > 0 && is_kept_ && is_batch) {
    auto header = crdt::decode_header(kept_);
    if (!header) return refuse(header.error().detail);
    batches_.push_back({.header = *std::move(header),
                        .bytes = std::exchange(kept_, {}),
                        .begin = begin_,
                        .end = {},
                        .is_foreign = command_ == Command::kApply});
  } else if (argument_ == 1 && is_kept_ && command_ == Command::kReplconf &&
             is_word(kept_, "getack")) {
    is_getack_ = true;
  }
  is_kept_ = false;
  ++argument_;
  return {};
}

void BatchReader::end_command() {
  begin_ = at_;
  for (auto& batch : batches_) {
    batch.end = at_;
    found_.emplace_back(std::move(batch));
  }
  batches_.clear();
  if (std::exchange(is_getack_, false)) found_.emplace_back(Getack{});
}

tl::unexpected<Error> BatchReader::refuse(const std::string& what) const {
  return fail(Errc::kProtocol, "stream at " + std::to_string(at_.bytes()) + ": " + what);
}

}  // namespace sluice::geo
