#include <cstdint>
#include <gtest/gtest.h>
#include <map>
#include <rapidcheck/gtest.h>
#include <string>
#include <tuple>
#include <vector>

#include "base/steps_test.h"
#include "rdb/scanner.h"
#include "rdb/writer.h"

namespace sluice::rdb {
namespace {

using Pair = std::pair<std::string, std::string>;

// All that a scan can tell, so that two scans may be compared.
using Outcome = std::tuple<std::string, std::uint64_t, std::uint64_t, std::uint64_t,
                           std::map<std::string, std::string>>;

Outcome outcome(const Result<>& fed, const Scanner& scanner) {
  const auto keys = scanner.keys();
  if (!fed) return {fed.error().detail, 0, keys, 0, {}};
  const auto summary = scanner.finish();
  if (!summary) return {summary.error().detail, 0, keys, 0, {}};
  return {"", summary->bytes, summary->total.keys, summary->total.expires, summary->aux};
}

Outcome scan(const std::string& bytes, std::size_t step_max) {
  Scanner scanner;
  Steps steps(step_max);
  for (std::size_t at = 0; at < bytes.size();) {
    const auto step = steps.next();
    const std::string piece = bytes.substr(at, step);  // on its own, for ASan to watch
    if (const auto fed = scanner.feed(piece); !fed) return outcome(fed, scanner);
    at += step;
  }
  return outcome({}, scanner);
}

std::string written(const std::vector<Pair>& keys) {
  Writer writer;
  for (const auto& [name, value] : *rc::gen::arbitrary<std::vector<Pair>>()) {
    writer.aux(name, value);
  }
  for (const auto& [key, value] : keys) {
    if (*rc::gen::inRange(0, 4) == 0) writer.select(*rc::gen::inRange(0U, 100'000U));
    writer.set(key, value);
  }
  return writer.finish();
}

RC_GTEST_PROP(RdbScanner, FindsWhatWasWrittenHoweverItIsSplit, (const std::vector<Pair>& keys)) {
  const auto rdb = written(keys);
  const auto seen = scan(rdb, 40);
  RC_ASSERT(std::get<0>(seen).empty());
  RC_ASSERT(std::get<1>(seen) == rdb.size());
  RC_ASSERT(std::get<2>(seen) == keys.size());
}

RC_GTEST_PROP(RdbScanner, SaysTheSameOfAnyBytesHoweverTheyAreSplit, ()) {
  const auto interesting = rc::gen::element<char>(0, 1, 2, 3, 5, 7, 15, 18, 21, 24, '\x40', '\x80',
                                                  '\x81', '\xc0', '\xc3', '\xf7', '\xfa', '\xff');
  const auto bytes =
      "REDIS0012" + *rc::gen::container<std::string>(rc::gen::oneOf(
                        interesting, rc::gen::inRange<char>(0, 8), rc::gen::arbitrary<char>()));
  RC_ASSERT(scan(bytes, 3) == scan(bytes, 1'000'000));
}

}  // namespace
}  // namespace sluice::rdb
