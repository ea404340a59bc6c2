#include "base/config.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/nearest.h"

namespace sluice::base {
namespace {

std::string with_underscores(std::string_view key) {
  std::string name(key);
  std::ranges::replace(name, '-', '_');
  return name;
}

// Sizes and times have a unit of their own, so they may be strings; everything else that is a
// string must be quoted, lest 1e5 become a password of 100000.
Result<> check_kind(const Assignment& given, const Setting& setting) {
  using Kind = Assignment::Kind;
  const auto expect = [&](std::string_view what) {
    return fail(Errc::kRejected, fmt::format("{} takes {}", setting.name, what));
  };
  if (given.kind == Kind::kWord) return {};
  switch (setting.shape) {
    case Shape::kFlag:
      if (given.kind == Kind::kBoolean || given.kind == Kind::kString) return {};
      return expect("true or false");
    case Shape::kNumber:
      if (given.kind == Kind::kNumber || given.kind == Kind::kString) return {};
      return expect("a number, or a string with a number and a unit");
    case Shape::kText:
      if (given.kind == Kind::kString) return {};
      return expect(fmt::format(R"(a string: write {} = "...")", setting.name));
    case Shape::kList:
      if (given.kind == Kind::kArray || given.kind == Kind::kString) return {};
      return expect(fmt::format(R"(strings: write {} = ["...", "..."])", setting.name));
  }
  return {};
}

}  // namespace

std::string joined(std::span<const std::string> values) {
  return fmt::format("{}", fmt::join(values, " "));
}

std::string unknown_key(std::string_view key, std::span<const std::string_view> known) {
  const auto name = with_underscores(key);
  const auto close = nearest(name, known);
  const auto advice = close.empty() ? "" : fmt::format("; did you mean '{}'?", close);
  return fmt::format("there is no setting '{}'{}", key, advice);
}

Setting* Settings::find(std::string_view key) const {
  const auto name = with_underscores(key);
  for (const auto& setting : all_) {
    if (setting->name == name) return setting.get();
  }
  return nullptr;
}

std::vector<std::string_view> Settings::names() const {
  std::vector<std::string_view> names;
  names.reserve(all_.size());
  for (const auto& setting : all_) names.push_back(setting->name);
  return names;
}

Result<> Settings::assign(const Assignment& given) {
  const auto at = [&](const std::string& why) {
    return fail(Errc::kRejected, given.where + ": " + why);
  };
  auto* const setting = find(given.key);
  if (setting == nullptr) return at(unknown_key(given.key, names()));
  if (const auto fits = check_kind(given, *setting); !fits) return at(fits.error().detail);
  if (const auto done = setting->assign(given.values); !done) return at(done.error().detail);
  return {};
}

Result<> Settings::assign_live(std::string_view key, const std::string& value) {
  auto* const setting = find(key);
  if (setting == nullptr) return fail(Errc::kNotFound, unknown_key(key, names()));
  if (setting->reload != Reload::kLive) {
    return fail(Errc::kRejected, fmt::format("{} changes at a restart only", setting->name));
  }
  return setting->assign(std::span(&value, 1));
}

Result<> Settings::check() const {
  for (const auto& setting : all_) TRY_VOID(setting->check());
  return {};
}

}  // namespace sluice::base
