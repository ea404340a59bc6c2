#include "base/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

namespace sluice::base {
namespace {

using Kind = Assignment::Kind;

std::string place(std::string_view file_name, const toml::source_region& source) {
  return fmt::format("{}:{}", file_name, source.begin.line);
}

tl::unexpected<Error> wrong(const std::string& where, std::string_view why) {
  std::string line = fmt::format("{}: {}", where, why);
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return fail(Errc::kRejected, std::move(line));
}

Result<> read_array(const toml::array& array, Assignment& given) {
  given.kind = Kind::kArray;
  for (const auto& item : array) {
    const auto* const text = item.as_string();
    if (text == nullptr) {
      return wrong(given.where, given.key + ": every element must be a string in quotes");
    }
    given.values.push_back(text->get());
  }
  return {};
}

Result<Assignment> read_value(const std::string& key, const toml::node& node, std::string where) {
  Assignment given{.key = key, .values = {}, .kind = Kind::kString, .where = std::move(where)};
  if (const auto* const text = node.as_string()) {
    given.values = {text->get()};
  } else if (const auto* const flag = node.as_boolean()) {
    given.kind = Kind::kBoolean;
    given.values = {Codec<bool>::write(flag->get())};
  } else if (const auto* const integer = node.as_integer()) {
    given.kind = Kind::kNumber;
    given.values = {std::to_string(integer->get())};
  } else if (const auto* const number = node.as_floating_point()) {
    given.kind = Kind::kNumber;
    given.values = {Codec<double>::write(number->get())};
  } else if (const auto* const array = node.as_array()) {
    TRY_VOID(read_array(*array, given));
  } else {
    return wrong(given.where, key + ": a date or time is not a value of any setting");
  }
  return given;
}

class Reader {
 public:
  Reader(std::string_view file_name, std::string_view table_name)
      : file_name_(file_name), table_name_(table_name) {}

  Result<ConfigFile> read(const toml::table& root) const {
    ConfigFile file;
    file.top.where = std::string(file_name_);
    for (const auto& [key, node] : root) {
      const bool is_tables = key.str() == table_name_ && node.is_array_of_tables();
      if (is_tables) {
        TRY_VOID(read_tables(*node.as_array(), file.tables));
      } else {
        TRY_VOID(read_assignment(key.str(), node, file.top));
      }
    }
    return file;
  }

 private:
  Result<> read_tables(const toml::array& array, std::vector<ConfigTable>& tables) const {
    for (const auto& item : array) {
      auto& table = tables.emplace_back();
      table.where = place(file_name_, item.source());
      for (const auto& [key, node] : *item.as_table()) {
        TRY_VOID(read_assignment(key.str(), node, table));
      }
    }
    return {};
  }

  Result<> read_assignment(std::string_view key, const toml::node& node, ConfigTable& into) const {
    const auto where = place(file_name_, node.source());
    if (key == table_name_) return wrong(where, fmt::format("write [[{}]]", table_name_));
    if (node.is_table() || node.is_array_of_tables()) {
      const auto allowed = table_name_.empty() ? "" : fmt::format("; only [[{}]] is", table_name_);
      return wrong(where, fmt::format("the table '{}' is not known here{}", key, allowed));
    }
    TRY(auto given, read_value(std::string(key), node, where));
    into.assignments.push_back(std::move(given));
    return {};
  }

  std::string_view file_name_;
  std::string_view table_name_;
};

// JSON's escapes are TOML's, but TOML also wants DEL escaped.
std::string toml_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (byte < ' ' || byte == 0x7f) {
      quoted += fmt::format("\\u{:04X}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string toml_value(const Setting& setting) {
  const auto values = setting.written();
  if (setting.shape == Shape::kFlag) return values.front();
  if (setting.shape != Shape::kList) {
    const bool is_bare = setting.shape == Shape::kNumber && !values.front().empty() &&
                         values.front().find_first_not_of("0123456789-") == std::string::npos;
    return is_bare ? values.front() : toml_quoted(values.front());
  }
  std::vector<std::string> quoted;
  quoted.reserve(values.size());
  for (const auto& value : values) quoted.push_back(toml_quoted(value));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

}  // namespace

Result<ConfigFile> parse_config_file(std::string_view text, std::string_view file_name,
                                     std::string_view table_name) {
  try {
    const auto root = toml::parse(text, file_name);
    return Reader(file_name, table_name).read(root);
  } catch (const toml::parse_error& error) {
    return wrong(place(file_name, error.source()), error.description());
  }
}

std::string to_toml(const Settings& settings) {
  std::string text;
  for (const auto& setting : settings.all()) {
    if (setting->is_default()) continue;
    text += fmt::format("{} = {}\n", setting->name, toml_value(*setting));
  }
  return text;
}

}  // namespace sluice::base
