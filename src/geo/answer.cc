#include "geo/answer.h"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace sluice::geo {
namespace {

struct Word {
  std::string_view word;
  Verdict verdict;
};
constexpr std::array kWords{
    Word{"GEOGAP", Verdict::kGap},           Word{"GEOWAIT", Verdict::kWait},
    Word{"GEOBEHIND", Verdict::kBehind},     Word{"GEOAHEAD", Verdict::kAhead},
    Word{"GEODETACHED", Verdict::kDetached}, Word{"READONLY", Verdict::kNoMaster},
    Word{"GEOREJOIN", Verdict::kRejoin},     Word{"GEOMERGING", Verdict::kMerging},
};

// Behind the name of a source, which may be any.
constexpr std::string_view kMergingEnd = " brings ";

template <typename Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_byte(std::string_view& text, char byte) {
  if (!text.starts_with(byte)) return false;
  text.remove_prefix(1);
  return true;
}

// "region.incarnation seq"
std::optional<crdt::Dot> parse_dot(std::string_view text) {
  unsigned region = 0;
  crdt::Dot dot;
  const bool is_dot = take_byte(text, ' ') && take_number(text, region) && take_byte(text, '.') &&
                      take_number(text, dot.actor.incarnation) && take_byte(text, ' ') &&
                      take_number(text, dot.seq);
  if (!is_dot || region == 0 || region > crdt::kRegionIdMax) return std::nullopt;
  dot.actor.region = static_cast<crdt::RegionId>(region);
  return dot;
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  constexpr std::array<std::string_view, kVerdicts> kNames{
      "applied",  "duplicate", "gap",     "wait",      "behind", "ahead",
      "detached", "rejoin",    "merging", "no_master", "refused"};
  return kNames.at(static_cast<std::size_t>(verdict));
}

Answer parse_answer(const resp::Reply& reply) {
  if (!reply.is_error()) {
    const bool is_duplicate = reply.text == "DUPLICATE";
    return {
        .verdict = is_duplicate ? Verdict::kDuplicate : Verdict::kApplied, .dot = {}, .text = {}};
  }
  Answer answer{.verdict = Verdict::kRefused, .dot = {}, .text = reply.text};
  const std::string_view text = reply.text;
  const auto word = text.substr(0, text.find(' '));
  for (const auto& known : kWords) {
    if (known.word == word) answer.verdict = known.verdict;
  }
  if (answer.verdict == Verdict::kMerging && text.size() > word.size()) {
    const auto rest = text.substr(word.size() + 1);
    answer.source = rest.substr(0, rest.rfind(kMergingEnd));
  }
  if (answer.verdict != Verdict::kGap && answer.verdict != Verdict::kWait &&
      answer.verdict != Verdict::kRejoin) {
    return answer;
  }
  const auto dot = parse_dot(text.substr(word.size()));
  if (!dot) return {.verdict = Verdict::kRefused, .dot = {}, .text = reply.text};
  answer.dot = *dot;
  return answer;
}

}  // namespace sluice::geo
