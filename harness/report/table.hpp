// Tables for terminals: aligned columns, wrapped to a width, in colour only where it is wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace predrill::harness {

struct TextStyle {
  std::size_t width = 100;  // columns of the terminal; text is wrapped to it
  bool colour = false;
};

enum class Colour : std::uint8_t { plain, bold, dim, red, green, yellow };

/// The text in that colour, or as it is.
std::string coloured(std::string_view text, Colour colour, const TextStyle& style);

/// Columns that a terminal needs for UTF-8 text: none for combining marks, two for East Asian wide
/// characters and emoji, one for each byte that is not UTF-8.
std::size_t display_width(std::string_view text);

/// Lines of at most `width` columns, divided at spaces; a word that is longer is divided anywhere.
/// Line feeds divide too. At least one line.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

class Table {
 public:
  enum class Align : std::uint8_t { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
    bool wraps = false;  // gives way where the table is too wide
  };
  struct Cell {
    Cell(std::string cell_text = "", Colour cell_colour = Colour::plain)  // NOLINT: cells are text
        : text(std::move(cell_text)), colour(cell_colour) {}
    Cell(const char* cell_text) : text(cell_text) {}  // NOLINT: cells are text
    std::string text;
    Colour colour = Colour::plain;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// Missing cells are empty.
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  /// Titles (unless all are empty), a rule, the rows; each line indented and ended by a line feed,
  /// without trailing spaces.
  std::string text(const TextStyle& style, std::size_t indent = 0) const;

 private:
  std::vector<std::size_t> widths(std::size_t available) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace predrill::harness
