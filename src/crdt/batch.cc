#include "crdt/batch.h"

#include <bit>

#include "base/overloaded.h"
#include "crdt/effect_codec.h"

namespace sluice::crdt {
namespace {

// Version 1 had no base: all its ops are stamped alike.
constexpr std::uint8_t kVersion = 2, kVersionWithoutBase = 1;
constexpr std::uint8_t kCreates = 1;

constexpr Seq kSeqMax = std::uint64_t{1} << 62U;

void encode_dots(const std::vector<Dot>& dots, Writer& into) {
  into.number(dots.size());
  for (const Dot& dot : dots) into.dot(dot);
}

std::vector<Dot> decode_dots(Reader& from) {
  std::vector<Dot> dots(from.count(3));
  for (Dot& dot : dots) {
    dot = from.dot();
    if (from.ok() && &dot != dots.data() && dot.actor <= (&dot)[-1].actor)
      from.defect("has a vector that is not in order");
  }
  return dots;
}

BatchHeader read_header(Reader& from) {
  BatchHeader header;
  const auto version = from.byte();
  if (version != kVersion && version != kVersionWithoutBase)
    from.defect("is of another version than 1 and 2");
  header.actor = from.actor();
  header.first = from.number();
  const auto count = from.number();
  header.count = static_cast<std::uint32_t>(count >> 1U);
  header.more = (count & 1U) != 0;
  header.hlc.bits = from.fixed();
  header.base = header.hlc;
  if (version == kVersion)
    header.base.bits -= from.number_up_to(header.hlc.bits, "is stamped before time began");
  header.context = decode_dots(from);
  header.promise = decode_dots(from);
  if (from.ok() && (count >> 1U > UINT32_MAX || header.first < 1 || header.first > kSeqMax))
    from.defect("has a sequence number or a count out of range");
  return header;
}

}  // namespace

void encode_header(const BatchHeader& header, Writer& into) {
  into.byte(kVersion);
  into.actor(header.actor);
  into.number(header.first);
  into.number(std::uint64_t{header.count} << 1U | (header.more ? 1U : 0U));
  into.fixed(header.hlc.bits);
  into.number(header.hlc.bits - header.base.bits);
  encode_dots(header.context, into);
  encode_dots(header.promise, into);
}

void encode_key(const KeyView& key, const std::optional<KeyView>& before, Writer& into) {
  if (before && *before == key) return into.number(0);
  into.number(std::uint64_t{key.db} + 1);
  into.text(key.name);
}

void encode_op(const Op& op, const std::optional<KeyView>& before, Writer& into) {
  encode_key(op.key, before, into);
  into.byte(static_cast<std::uint8_t>(op.effect.index()));
  into.byte(op.creates ? kCreates : 0);
  encode_effect(op.effect, into);
}

Op decode_op(const KeyName* before, Reader& from) {
  Op op;
  const auto db = from.number_up_to(std::uint64_t{UINT32_MAX} + 1, "names a database over 32 bits");
  if (db != 0) {
    op.key.db = static_cast<std::uint32_t>(db - 1);
    op.key.name = from.text();
    if (before != nullptr && *before == op.key) from.defect("repeats a key");
  } else if (before != nullptr) {
    op.key = *before;
  } else {
    from.defect("does not name its first key");
  }
  const auto kind = from.byte();
  const auto flags = from.byte();
  if (flags > kCreates) from.defect("has unknown flags");
  op.creates = (flags & kCreates) != 0;
  op.effect = decode_effect(kind, from);
  return op;
}

bool is_timed(const Effect& effect) {
  return std::visit(
      Overloaded{[](const WriteString&) { return true; }, [](const ChangeString&) { return true; },
                 [](const WriteFields&) { return true; }, [](const AddMembers&) { return true; },
                 [](const WriteScores&) { return true; }, [](const AddEntry&) { return true; },
                 [](const WriteLibrary&) { return true; }, [](const auto&) { return false; }},
      effect);
}

Stamp stamp_of(const BatchHeader& header, const Effect& effect, Dot dot) {
  return {is_timed(effect) ? header.hlc : header.base, dot};
}

std::vector<Op> ops_of(const TakeOver& take_over) {
  std::vector<Op> ops;
  for (Reader from(take_over.ops); from.ok() && !from.at_end();) {
    ops.push_back(decode_op(ops.empty() ? nullptr : &ops.back().key, from));
    if (!from.ok() || std::holds_alternative<TakeOver>(ops.back().effect)) return {};
  }
  return ops;
}

std::string encode(const Batch& batch) {
  Writer bytes;
  encode_header(batch.header, bytes);
  std::optional<KeyView> before;
  for (const Op& op : batch.ops) {
    encode_op(op, before, bytes);
    before = op.key;
  }
  return bytes.take();
}

Result<Batch> decode_batch(std::string_view bytes) {
  if (bytes.size() > kBatchBytesMax) return fail(Errc::kProtocol, "batch is longer than 1 GiB");
  Reader from(bytes);
  Batch batch{read_header(from), {}};
  constexpr std::size_t kOpBytesMin = 3;
  if (batch.header.count > (bytes.size() - from.at()) / kOpBytesMin)
    from.defect("counts more ops than its bytes can hold");
  if (from.ok()) batch.ops.reserve(batch.header.count);
  const KeyName* before = nullptr;
  for (std::uint32_t op = 0; op < batch.header.count && from.ok(); ++op) {
    batch.ops.push_back(decode_op(before, from));
    before = &batch.ops.back().key;
    const auto* const taken = std::get_if<TakeOver>(&batch.ops.back().effect);
    if (taken == nullptr || !from.ok()) continue;
    if (batch.header.count != 1) from.defect("has other ops beside one that takes over");
    if (taken->first < 1 || taken->first > kSeqMax || ops_of(*taken).empty())
      from.defect("takes over what are no ops");
  }
  TRY_VOID(from.finish("batch"));
  return batch;
}

Result<BatchHeader> decode_header(std::string_view bytes) {
  Reader from(bytes);
  auto header = read_header(from);
  TRY_VOID(from.check("batch"));
  return header;
}

}  // namespace sluice::crdt
