#include "crdt/element_ops.h"

#include "base/overloaded.h"
#include "crdt/native.h"
#include "crdt/number.h"
#include "crdt/wire.h"

namespace sluice::crdt {
namespace {

ElementOp written(const std::string& name, std::string value) {
  ElementOp op{name, true, true};
  op.op.value = std::move(value);
  return op;
}

ElementOp added(const std::string& name, LiveKind kind, std::string value) {
  ElementOp op{name, false, true};
  op.op.kind = kind;
  op.op.value = std::move(value);
  return op;
}

ElementOp added(const std::string& name, std::int64_t by) {
  ElementOp op{name, false, true};
  op.op.kind = LiveKind::kIncrement;
  op.op.by = by;
  return op;
}

ElementOp added(const std::string& name, std::string by, std::string result) {
  ElementOp op = added(name, LiveKind::kIncrementFloat, std::move(by));
  op.op.result = std::move(result);
  return op;
}

std::string joined(const std::vector<std::string>& elements) {
  Writer bytes;
  for (const auto& element : elements) bytes.text(element);
  return bytes.take();
}

template <typename Names>
std::vector<ElementOp> removed(const Names& names) {
  std::vector<ElementOp> ops;
  ops.reserve(names.size());
  for (const auto& name : names) ops.push_back({name});
  return ops;
}

}  // namespace

std::vector<ElementOp> element_ops(const Effect& effect) {
  using Ops = std::vector<ElementOp>;
  return std::visit(
      Overloaded{
          [](const WriteString& e) { return Ops{written("", e.value)}; },
          [](const ChangeString& e) { return Ops{written("", e.value)}; },
          [](const Increment& e) { return Ops{added("", e.by)}; },
          [](const IncrementFloat& e) { return Ops{added("", e.by, e.result)}; },
          [](const AddToHll& e) { return Ops{added("", LiveKind::kAddToHll, joined(e.elements))}; },
          [](const MergeHll& e) { return Ops{added("", LiveKind::kMergeHll, e.registers)}; },
          [](const WriteFields& e) {
            Ops ops;
            for (const Field& field : e.fields) ops.push_back(written(field.name, field.value));
            return ops;
          },
          [](const IncrementField& e) { return Ops{added(e.name, e.by)}; },
          [](const IncrementFieldFloat& e) { return Ops{added(e.name, e.by, e.result)}; },
          [](const RemoveFields& e) { return removed(e.names); },
          [](const AddMembers& e) {
            Ops ops;
            for (const auto& member : e.members) ops.push_back(written(member, ""));
            return ops;
          },
          [](const RemoveMembers& e) { return removed(e.members); },
          [](const WriteScores& e) {
            Ops ops;
            for (const Score& s : e.scores) ops.push_back(written(s.member, score_bytes(s.score)));
            return ops;
          },
          [](const IncrementScore& e) {
            return Ops{added(e.member, score_bytes(e.by), score_bytes(e.result))};
          },
          [](const RemoveScores& e) { return removed(e.members); },
          [](const AddEntry& e) {
            return Ops{written(stream_name(e.id), encoded_fields(e.fields)), written("", "")};
          },
          [](const RemoveEntries& e) {
            Ops ops;
            for (const StreamId id : e.ids) ops.push_back({stream_name(id)});
            return ops;
          },
          [](const WriteLibrary& e) { return Ops{written("", e.code)}; },
          [](const auto&) { return Ops{}; }},
      effect);
}

ValueType type_of(const Effect& effect) {
  return std::visit(Overloaded{[](const RemoveKey&) { return ValueType::kNone; },
                               [](const SetDeadline&) { return ValueType::kNone; },
                               [](const Flush&) { return ValueType::kNone; },
                               [](const Begin&) { return ValueType::kNone; },
                               [](const TakeOver&) { return ValueType::kNone; },
                               [](const Leave&) { return ValueType::kNone; },
                               [](const Return&) { return ValueType::kNone; },
                               [](const WriteLibrary&) { return ValueType::kOther; },
                               [](const WriteFields&) { return ValueType::kHash; },
                               [](const IncrementField&) { return ValueType::kHash; },
                               [](const IncrementFieldFloat&) { return ValueType::kHash; },
                               [](const RemoveFields&) { return ValueType::kHash; },
                               [](const AddMembers&) { return ValueType::kSet; },
                               [](const RemoveMembers&) { return ValueType::kSet; },
                               [](const WriteScores&) { return ValueType::kZset; },
                               [](const IncrementScore&) { return ValueType::kZset; },
                               [](const RemoveScores&) { return ValueType::kZset; },
                               [](const InsertElements&) { return ValueType::kList; },
                               [](const RemoveElements&) { return ValueType::kList; },
                               [](const AddEntry&) { return ValueType::kStream; },
                               [](const RemoveEntries&) { return ValueType::kStream; },
                               [](const auto&) { return ValueType::kString; }},
                    effect);
}

}  // namespace sluice::crdt
