// Lays out a small table for a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sluice::base {

// Columns are as wide as their widest cell. The first names the row and is set to the left, as are
// words; a column that holds a number is set to the right. Rows may be shorter than the header.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : header_(std::move(header)) {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;  // lines, each with its newline

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

// "1.4 GB", "310 MB", "17 B": decimal, as rates and sizes are quoted.
std::string bytes_text(double bytes);
// "0.25 ms", "36 ms", "2.5 s"
std::string duration_text(double seconds);
// "12 345 678"
std::string count_text(std::uint64_t count);

}  // namespace sluice::base
