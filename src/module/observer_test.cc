#include "module/observer.h"

#include <gtest/gtest.h>
#include <sstream>

#include "module/plain_keyspace_test.h"
#include "module/server_program.h"

namespace sluice::module {
namespace {

using crdt::KeyName;
using crdt::ValueType;

class ObserverOf : public testing::Test {
 protected:
  // The ops of one event about `key` that `command` raised; none known if it is empty.
  Observer::Ops observe(const std::string& event, const std::string& key,
                        const std::string& command = "", bool creates = false) {
    std::istringstream in(command);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    const std::vector<std::string_view> views(words.begin(), words.end());
    const KeyName name{0, key};
    Observer::Ops ops;
    observer.observe({event.c_str(), name, views, creates}, keyspace, ops);
    return ops;
  }

  template <typename E>
  E only(const Observer::Ops& ops) {
    EXPECT_EQ(ops.size(), 1U);
    if (ops.size() != 1 || !std::holds_alternative<E>(ops[0].effect)) {
      ADD_FAILURE() << "another effect, of kind " << (ops.empty() ? 99 : ops[0].effect.index());
      return {};
    }
    return std::get<E>(ops[0].effect);
  }

  Observer observer;
  PlainKeyspace keyspace;
};

TEST_F(ObserverOf, TakesTheValueOfASetFromItsArguments) {
  EXPECT_EQ(only<crdt::WriteString>(observe("set", "k", "SET k v")).value, "v");
  EXPECT_EQ(only<crdt::WriteString>(observe("set", "b", "mset a 1 b 2 b 3")).value, "3");
  EXPECT_EQ(only<crdt::ChangeString>(observe("set", "k", "SET k v KEEPTTL")).value, "v");
}

TEST_F(ObserverOf, ReadsTheValueWhenItDoesNotKnowTheCommand) {
  keyspace.write_string({0, "k"}, "read");
  keyspace.set_deadline({0, "k"}, 77);
  const auto written = only<crdt::WriteString>(observe("set", "k"));
  EXPECT_EQ(written.value, "read");
  EXPECT_EQ(written.deadline, 77U);
}

TEST_F(ObserverOf, JoinsASetToTheExpireThatFollowsIt) {
  keyspace.write_string({0, "k"}, "v");
  EXPECT_TRUE(observe("set", "k", "SET k v EX 10", true).empty());
  keyspace.set_deadline({0, "k"}, 1234);
  const auto ops = observe("expire", "k", "SET k v EX 10");
  const auto written = only<crdt::WriteString>(ops);
  EXPECT_EQ(written.value, "v");
  EXPECT_EQ(written.deadline, 1234U);
  EXPECT_TRUE(ops[0].creates);
}

TEST_F(ObserverOf, TakesNoValueThatASetComparesWithForAnOption) {
  const auto written = only<crdt::WriteString>(observe("set", "k", "SET k v IFEQ ex"));
  EXPECT_EQ(written.value, "v");
  EXPECT_EQ(written.deadline, crdt::kNoDeadline);
  EXPECT_EQ(only<crdt::WriteString>(observe("set", "k", "SET k v GET ifeq keepttl")).value, "v");
  EXPECT_EQ(only<crdt::ChangeString>(observe("set", "k", "SET k v IFEQ px KEEPTTL")).value, "v");
  EXPECT_TRUE(observe("set", "k", "SET k v IFEQ keepttl EX 5").empty());  // "expire" follows
}

TEST_F(ObserverOf, ReadsOfMsetexOnlyTheDeadline) {
  EXPECT_EQ(only<crdt::WriteString>(observe("set", "b", "MSETEX 2 a 1 b 2 NX")).value, "2");
  EXPECT_EQ(only<crdt::ChangeString>(observe("set", "a", "MSETEX 2 a 1 keepttl 2 KEEPTTL")).value,
            "1");
  keyspace.write_string({0, "a"}, "elsewhere");
  keyspace.set_deadline({0, "a"}, 77);
  const auto written = only<crdt::WriteString>(observe("set", "a", "MSETEX 1 a 1 PXAT 77"));
  EXPECT_EQ(written.value, "1");
  EXPECT_EQ(written.deadline, 77U);
  EXPECT_EQ(only<crdt::SetDeadline>(observe("expire", "a", "MSETEX 1 a 1 PXAT 77")).deadline, 77U);
}

TEST_F(ObserverOf, SaysWhatMadeAKey) {
  EXPECT_TRUE(observe("sadd", "k", "SADD k a", true)[0].creates);
  EXPECT_FALSE(observe("sadd", "k", "SADD k b")[0].creates);
}

TEST_F(ObserverOf, KnowsIncrementsByTheirCommands) {
  EXPECT_EQ(only<crdt::Increment>(observe("incrby", "k", "INCR k")).by, 1);
  EXPECT_EQ(only<crdt::Increment>(observe("incrby", "k", "DECRBY k 5")).by, -5);
  keyspace.write_string({0, "k"}, "12");
  EXPECT_EQ(only<crdt::ChangeString>(observe("incrby", "k")).value, "12");
}

TEST_F(ObserverOf, TakesTheLastOfAFieldThatIsGivenTwice) {
  const auto written = only<crdt::WriteFields>(observe("hset", "h", "HSET h a 1 b 2 a 3"));
  ASSERT_EQ(written.fields.size(), 2U);
  for (const auto& field : written.fields) EXPECT_EQ(field.value, field.name == "a" ? "3" : "2");
}

TEST_F(ObserverOf, LeavesOutMembersThatZaddDidNotTouch) {
  keyspace.at("z", ValueType::kZset).scores = {{"a", 9}, {"b", 2}};
  const auto written = only<crdt::WriteScores>(observe("zadd", "z", "ZADD z GT 5 a 2 b"));
  ASSERT_EQ(written.scores.size(), 1U);
  EXPECT_EQ(written.scores[0].member, "b");
}

TEST_F(ObserverOf, ReadsTheScoresOfPlaces) {
  keyspace.at("g", ValueType::kZset).scores = {{"here", 42}};
  const auto written = only<crdt::WriteScores>(observe("zadd", "g", "GEOADD g NX 1 2 here"));
  ASSERT_EQ(written.scores.size(), 1U);
  EXPECT_EQ(written.scores[0].score, 42);
}

TEST_F(ObserverOf, TurnsAPushAtTheHeadAround) {
  keyspace.at("l", ValueType::kList).list = {"2", "1", "0"};
  const auto pushed = only<crdt::InsertElements>(observe("lpush", "l", "LPUSH l 1 2"));
  EXPECT_EQ(pushed.at, 0);
  EXPECT_EQ(pushed.values, (std::vector<std::string>{"2", "1"}));
}

TEST_F(ObserverOf, RemovesBeforeItInsertsWhenAListIsRotated) {
  keyspace.at("l", ValueType::kList).list = {"c", "a", "b"};
  const auto ops = observe("lpush", "l", "RPOPLPUSH l l");
  ASSERT_EQ(ops.size(), 2U);
  EXPECT_EQ(std::get<crdt::RemoveElements>(ops[0].effect).at, -1);
  EXPECT_EQ(std::get<crdt::InsertElements>(ops[1].effect).values, std::vector<std::string>{"c"});
  EXPECT_TRUE(observe("rpop", "l", "RPOPLPUSH l l").empty());
}

TEST_F(ObserverOf, TellsARotationByAClientThatWaitedAsThatOfACommand) {
  keyspace.at("l", ValueType::kList).list = {"a", "b"};
  observe("rpush", "l", "RPUSH l a b");
  keyspace.at("l", ValueType::kList).list = {"b", "a"};
  EXPECT_TRUE(observe("lpush", "l").empty());
  const auto served = observe("rpop", "l", "RPUSH l a b");
  const auto told = observe("lpush", "l", "LMOVE l l RIGHT LEFT");
  ASSERT_EQ(served.size(), 2U);
  ASSERT_EQ(told.size(), 2U);
  for (const auto& ops : {served, told}) {
    const auto& removed = std::get<crdt::RemoveElements>(ops[0].effect);
    EXPECT_EQ(removed.at, -1);
    EXPECT_EQ(removed.length, 2U);
    const auto& inserted = std::get<crdt::InsertElements>(ops[1].effect);
    EXPECT_EQ(inserted.at, 0);
    EXPECT_EQ(inserted.length, 1U);
    EXPECT_EQ(inserted.values, std::vector<std::string>{"b"});
    EXPECT_FALSE(ops[1].creates);
  }
}

TEST_F(ObserverOf, TellsExpiredKeysOfACommandBeforeItsOthersAsTheStreamDoes) {
  keyspace.now = 100;
  for (const std::string command : {"DEL a b c", "UNLINK a b c", "MSET a 1 b 2 c 3"}) {
    keyspace.write_string({0, "c"}, "old");
    keyspace.set_deadline({0, "c"}, 99);
    keyspace.write_string({0, "b"}, "lives");
    keyspace.set_deadline({0, "b"}, 101);
    const auto ops = observe(command.starts_with('M') ? "set" : "del", "a", command);
    ASSERT_EQ(ops.size(), 2U) << command;
    EXPECT_EQ(ops[0].key.name, "c");
    EXPECT_TRUE(std::get<crdt::RemoveKey>(ops[0].effect).expired);
    EXPECT_EQ(ops[1].key.name, "a");
  }
}

TEST_F(ObserverOf, CountsWhatABlockedClientTookByTheLengthBefore) {
  keyspace.at("l", ValueType::kList).list = {"a", "b", "c", "d"};
  observe("rpush", "l", "RPUSH l a b c d");
  keyspace.at("l", ValueType::kList).list = {"d"};
  EXPECT_EQ(only<crdt::RemoveElements>(observe("lpop", "l")).count, 3U);
}

TEST_F(ObserverOf, LeavesAnEmptiedListToTheDelThatFollows) {
  keyspace.at("l", ValueType::kList).list = {};
  EXPECT_TRUE(observe("lpop", "l", "LPOP l 5").empty());
  only<crdt::RemoveKey>(observe("del", "l", "LPOP l 5"));
}

TEST_F(ObserverOf, FindsThePlaceOfAnInsertion) {
  auto& list = keyspace.at("l", ValueType::kList).list;
  list = {"a", "x", "p", "b"};
  EXPECT_EQ(only<crdt::InsertElements>(observe("linsert", "l", "LINSERT l BEFORE p x")).at, 1);
  list = {"a", "p", "x", "b"};
  EXPECT_EQ(only<crdt::InsertElements>(observe("linsert", "l", "LINSERT l AFTER p x")).at, 2);
  list = {"a", "p", "p", "b"};
  EXPECT_EQ(only<crdt::InsertElements>(observe("linsert", "l", "LINSERT l BEFORE p p")).at, 1);
}

TEST_F(ObserverOf, WritesWholeValuesOfWhatItHasNoRuleFor) {
  keyspace.at("s", ValueType::kSet).fields = {{"a", ""}, {"b", ""}};
  keyspace.set_deadline({0, "s"}, 99);
  const auto ops = observe("sunionstore", "s");
  ASSERT_EQ(ops.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<crdt::RemoveKey>(ops[0].effect));
  EXPECT_EQ(std::get<crdt::AddMembers>(ops[1].effect).members.size(), 2U);
  EXPECT_TRUE(ops[1].creates);
  EXPECT_EQ(std::get<crdt::SetDeadline>(ops[2].effect).deadline, 99U);
}

TEST_F(ObserverOf, IgnoresWhatIsLocalToARegion) {
  EXPECT_TRUE(observe("xgroup-create", "x").empty());
}

TEST_F(ObserverOf, MakesAStreamThatIsEmptyOfAnEntryThatIsGone) {
  keyspace.at("x", ValueType::kStream);
  for (const auto* event : {"xgroup-create", "rename_to"}) {
    const auto ops = observe(event, "x", "", true);
    ASSERT_GE(ops.size(), 2U) << event;
    const auto& added = ops[ops.size() - 2];
    EXPECT_TRUE(added.creates);
    EXPECT_EQ(std::get<crdt::RemoveEntries>(ops.back().effect).ids.at(0),
              std::get<crdt::AddEntry>(added.effect).id);
  }
}

TEST_F(ObserverOf, ReadsNumbersAsRedisDoes) {
  keyspace.at("z", ValueType::kZset).scores = {{"m", 5}};
  EXPECT_EQ(only<crdt::IncrementScore>(observe("zincr", "z", "ZINCRBY z +2 m")).by, 2);
  EXPECT_EQ(only<crdt::IncrementScore>(observe("zincr", "z", "ZINCRBY z 0x10 m")).by, 16);
  EXPECT_TRUE(observe("xsetid", "x").empty());
}

TEST_F(ObserverOf, TellsAnExpiryFromADeletion) {
  EXPECT_TRUE(only<crdt::RemoveKey>(observe("expired", "k")).expired);
  EXPECT_FALSE(only<crdt::RemoveKey>(observe("del", "k")).expired);
}

std::vector<crdt::OneKind> kinds_at_one_place(Observer& observer) {
  std::vector<crdt::OneKind> kinds;
  std::string event;
  const KeyName key{0, "k"};
  for (const std::string_view name : {"incrby", "set", "incrby"}) {
    event = name;  // short: where the one before was
    crdt::OneWrite one{.key = key};
    const std::vector<std::string_view> words = name == "set"
                                                    ? std::vector<std::string_view>{"set", "k", "v"}
                                                    : std::vector<std::string_view>{"incr", "k"};
    EXPECT_TRUE(observer.observe_one(event.c_str(), words, one));
    kinds.push_back(one.kind);
  }
  return kinds;
}

TEST(ObserverCache, FindsRulesByTheAddressOfNamesThatStay) {
  using enum crdt::OneKind;
  Observer of_any;
  EXPECT_EQ(kinds_at_one_place(of_any), (std::vector{kIncrement, kString, kIncrement}));
  Observer of_constants(is_constant_of_server);
  EXPECT_EQ(kinds_at_one_place(of_constants), (std::vector{kIncrement, kString, kIncrement}));

  static int asked = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
  Observer of_one([](const char*) { return ++asked > 0; });
  const KeyName key{0, "k"};
  const std::vector<std::string_view> words{"incr", "k"};
  for (int times = 0; times < 3; ++times) {
    crdt::OneWrite one{.key = key};
    EXPECT_TRUE(of_one.observe_one("incrby", words, one));
  }
  EXPECT_EQ(asked, 1);
}

TEST(ServerProgram, KnowsItsConstants) {
  static char written[] = "set";  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
  const std::string on_heap(100, 'x');
  EXPECT_TRUE(is_constant_of_server("incrby"));
  EXPECT_FALSE(is_constant_of_server(written));
  EXPECT_FALSE(is_constant_of_server(on_heap.c_str()));
  EXPECT_FALSE(is_constant_of_server(nullptr));
}

}  // namespace
}  // namespace sluice::module
