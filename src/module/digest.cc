#include "module/digest.h"

#include <bit>
#include <charconv>
#include <vector>

#include "crdt/hll.h"

namespace sluice::module {

namespace {

using crdt::KeyName;
using crdt::ValueType;

std::uint16_t crc16(std::string_view bytes) {
  std::uint16_t crc = 0;  // XMODEM: polynomial 0x1021
  for (const char c : bytes) {
    crc = static_cast<std::uint16_t>(crc ^ (static_cast<unsigned char>(c) << 8U));
    for (int bit = 0; bit < 8; ++bit) {
      crc = static_cast<std::uint16_t>((crc & 0x8000U) != 0 ? (crc << 1U) ^ 0x1021U : crc << 1U);
    }
  }
  return crc;
}

std::uint64_t mix(std::uint64_t x) {  // splitmix64's finaliser
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

// Two lanes of 64 bits over length-prefixed words.
class Hash {
 public:
  Hash& word(std::string_view bytes) {
    number(bytes.size());
    std::uint64_t part = 0;
    unsigned filled = 0;
    for (const char c : bytes) {
      part = part << 8U | static_cast<unsigned char>(c);
      if (++filled == 8) {
        number(part);
        part = filled = 0;
      }
    }
    if (filled > 0) number(part);
    return *this;
  }
  Hash& number(std::uint64_t value) {
    lanes_[0] = mix(lanes_[0] ^ value) + 0x9e3779b97f4a7c15U;
    lanes_[1] = mix(lanes_[1] + value) ^ (lanes_[1] << 7U);
    return *this;
  }
  const Digest& lanes() const { return lanes_; }

 private:
  Digest lanes_{0x243f6a8885a308d3U, 0x13198a2e03707344U};
};

void add(Digest& to, const Digest& one) {
  to[0] += one[0];
  to[1] += one[1];
}

Digest unordered_elements(ObservedKeyspace& keyspace, const KeyName& key, bool are_scores) {
  Digest sum{};
  keyspace.for_each_element(key, [&](std::string_view name, std::string_view value) {
    if (are_scores) {
      double score = 0;  // its text may differ with the encoding
      std::from_chars(value.data(), value.data() + value.size(), score);
      add(sum, Hash().word(name).number(std::bit_cast<std::uint64_t>(score)).lanes());
    } else {
      add(sum, Hash().word(name).word(value).lanes());
    }
  });
  return sum;
}

Digest key_digest(ObservedKeyspace& keyspace, const KeyName& key) {
  const ValueType type = keyspace.type(key);
  Hash hash;
  hash.number(key.db).word(key.name).number(static_cast<std::uint64_t>(type));
  hash.number(keyspace.deadline(key));
  switch (type) {
    case ValueType::kString: {
      const std::string value = keyspace.string(key);
      hash.word(crdt::hll_registers(value).value_or(value));
      break;
    }
    case ValueType::kList:
      for (const auto& value : keyspace.list_range(key, 0, keyspace.list_length(key))) {
        hash.word(value);
      }
      break;
    case ValueType::kStream:
      for (const auto& entry : keyspace.entries(key, {}, UINT64_MAX)) {
        hash.number(entry.id.ms).number(entry.id.seq).number(entry.fields.size());
        for (const auto& field : entry.fields) hash.word(field.name).word(field.value);
      }
      break;
    case ValueType::kHash:
    case ValueType::kSet:
    case ValueType::kZset: {
      const Digest sum = unordered_elements(keyspace, key, type == ValueType::kZset);
      hash.number(sum[0]).number(sum[1]);
      break;
    }
    case ValueType::kNone:
    case ValueType::kOther:
      break;
  }
  return hash.lanes();
}

}  // namespace

std::uint16_t slot_of(std::string_view key) {
  const auto open = key.find('{');
  if (open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return crc16(key) % kSlotCount;
}

std::map<std::uint16_t, Digest> slot_digests(ObservedKeyspace& keyspace,
                                             const std::set<std::uint16_t>& slots,
                                             std::uint64_t now_ms) {
  std::map<std::uint16_t, Digest> digests;
  const std::uint32_t dbs = keyspace.db_count();
  for (std::uint32_t db = 0; db < dbs; ++db) {
    std::vector<KeyName> keys;
    keyspace.for_each_key(db, [&](const KeyName& key) {
      if (slots.empty() || slots.contains(slot_of(key.name))) keys.push_back(key);
    });
    for (const auto& key : keys) {
      const auto deadline = keyspace.deadline(key);
      if (deadline <= now_ms || keyspace.type(key) == ValueType::kNone) continue;
      add(digests[slot_of(key.name)], key_digest(keyspace, key));
    }
  }
  return digests;
}

std::string hex(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint64_t lane : digest) {
    for (int shift = 60; shift >= 0; shift -= 4) text.push_back(kDigits[(lane >> shift) & 15U]);
  }
  return text;
}

}  // namespace sluice::module
