#include "geo/apply_command.h"

#include "resp/writer.h"

namespace sluice::geo {

bool ApplyCommand::takes(const Courier::Apply& next) const {
  if (batches_.empty()) return true;
  const auto& last = batches_.back();
  return !next.is_alone && !last.is_alone && last.actor == next.actor &&
         bytes_ + next.batch->size() <= kBytesMax;
}

void ApplyCommand::add(const Courier::Apply& next) {
  bytes_ += next.batch->size();
  batches_.push_back(next);
}

void ApplyCommand::append_to(std::string& text, std::string_view source, std::string_view replid) {
  const auto at = std::to_string(batches_.back().at.bytes());
  std::vector<std::string_view> words{"GEO.APPLY"};
  for (const auto& each : batches_) words.push_back(*each.batch);
  words.insert(words.end(), {"AT", source, replid, at});
  resp::append_command(text, words);
  batches_.clear();
  bytes_ = 0;
}

}  // namespace sluice::geo
