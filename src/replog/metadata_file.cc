#include "replog/metadata_file.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "replog/crc32c.h"

namespace sluice::replog {
namespace {

using nlohmann::json;

constexpr std::string_view kHead = R"({"crc32c":")";
constexpr std::string_view kMiddle = R"(","body":)";
constexpr std::string_view kTail = "}\n";
constexpr std::size_t kCrcDigits = 8;

std::string crc_text(std::string_view body) {
  Crc32c crc;
  crc.extend(body);
  std::array<char, kCrcDigits + 1> text{};
  std::snprintf(text.data(), text.size(), "%08x", crc.value());
  return {text.data(), kCrcDigits};
}

Result<> write_whole(rt::Directory& directory, const std::string& name, std::string_view text) {
  TRY(auto file, directory.open(name, rt::OpenMode::kCreateEmpty));
  TRY_VOID(file->write_at(0, text));
  return file->sync();
}

Result<const json*> member(const json& object, const char* key) {
  if (object.is_object()) {
    if (const auto found = object.find(key); found != object.end()) return &*found;
  }
  return fail(Errc::kCorrupt, std::string("there is no \"") + key + "\"");
}

}  // namespace

std::string seal_metadata(const json& body) {
  const std::string text = body.dump(2, ' ', false, json::error_handler_t::replace);
  std::string sealed(kHead);
  sealed.append(crc_text(text)).append(kMiddle).append(text).append(kTail);
  return sealed;
}

Result<json> open_metadata(std::string_view text) {
  const std::size_t frame = kHead.size() + kCrcDigits + kMiddle.size() + kTail.size();
  const bool framed = text.size() >= frame && text.starts_with(kHead) && text.ends_with(kTail) &&
                      text.substr(kHead.size() + kCrcDigits).starts_with(kMiddle);
  if (!framed) return fail(Errc::kCorrupt, "it is cut short or damaged");
  const auto body = text.substr(frame - kTail.size(), text.size() - frame);
  if (text.substr(kHead.size(), kCrcDigits) != crc_text(body)) {
    return fail(Errc::kCorrupt, "its checksum differs");
  }
  json parsed = json::parse(body, nullptr, false);
  if (!parsed.is_object()) return fail(Errc::kCorrupt, "it is not a JSON object");
  return parsed;
}

Result<> save_metadata(rt::Directory& directory, std::string_view name, const json& body) {
  const std::string temporary = std::string(name) + ".tmp";
  TRY_VOID(write_whole(directory, temporary, seal_metadata(body)));
  TRY_VOID(directory.rename(temporary, name));
  return directory.sync();
}

Result<json> load_metadata(rt::Directory& directory, std::string_view name) {
  TRY(const auto file, directory.open(name, rt::OpenMode::kRead));
  TRY(const auto size, file->size());
  const std::string where = directory.path() + "/" + std::string(name) + ": ";
  if (size > kMetadataBytesMax) return fail(Errc::kCorrupt, where + "it is too large");
  std::string text(size, '\0');
  TRY(const auto count, file->read_at(0, text));
  auto body = open_metadata(std::string_view(text).substr(0, count));
  if (!body) return fail(body.error().code, where + body.error().detail);
  return body;
}

Result<std::uint64_t> number_in(const json& object, const char* key) {
  TRY(const json* value, member(object, key));
  if (!value->is_number_unsigned()) {
    return fail(Errc::kCorrupt, std::string("\"") + key + "\" is not a number");
  }
  return value->get<std::uint64_t>();
}

Result<std::string> string_in(const json& object, const char* key) {
  TRY(const json* value, member(object, key));
  if (!value->is_string()) {
    return fail(Errc::kCorrupt, std::string("\"") + key + "\" is not a string");
  }
  return value->get<std::string>();
}

Result<const json*> array_in(const json& object, const char* key) {
  TRY(const json* value, member(object, key));
  if (!value->is_array()) {
    return fail(Errc::kCorrupt, std::string("\"") + key + "\" is not an array");
  }
  return value;
}

}  // namespace sluice::replog
