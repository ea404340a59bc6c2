#include "keeper/key_count.h"

#include <array>
#include <charconv>
#include <functional>
#include <utility>

namespace sluice::keeper {
namespace {

constexpr std::string_view kName = "known-keys";
constexpr std::string_view kPartialName = "known-keys.partial";

std::uint64_t read_number(rt::Directory& folder) {
  const auto file = folder.open(kName, rt::OpenMode::kRead);
  std::array<char, 32> digits{};
  if (!file) return 0;
  const auto count = (*file)->read_at(0, digits);
  std::uint64_t value = 0;
  if (count) std::from_chars(digits.data(), digits.data() + *count, value);
  return value;
}

}  // namespace

KeyCount::KeyCount(rt::Host& host, std::unique_ptr<rt::Directory> folder)
    : host_(host), folder_(std::move(folder)) {
  if (folder_) value_ = written_ = read_number(*folder_);
}

rt::Task<Result<>> KeyCount::remember() {
  const auto change = value_ > written_ ? value_ - written_ : written_ - value_;
  if (!folder_ || change == 0 || change < written_ / 100) co_return Result<>{};
  const auto value = value_;
  Result<> outcome;
  std::function<void()> work = [&] { outcome = write(value); };
  co_await host_.disk().run(rt::Lane::kSync, std::move(work));
  written_ = outcome ? value : 0;  // unknown: to be written whatever the next value is
  co_return outcome;
}

Result<> KeyCount::write(std::uint64_t keys) const {
  TRY(const auto file, folder_->open(kPartialName, rt::OpenMode::kCreateEmpty));
  TRY_VOID(file->write_at(0, std::to_string(keys)));
  TRY_VOID(file->sync());
  TRY_VOID(folder_->rename(kPartialName, kName));
  return folder_->sync();
}

}  // namespace sluice::keeper
