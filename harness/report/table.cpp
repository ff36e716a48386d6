#include "harness/report/table.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "harness/input/utf8.hpp"

namespace predrill::harness {

namespace {

constexpr std::size_t gap = 2;        // columns between columns
constexpr std::size_t wrap_min = 16;  // what a wrapping column keeps at least

std::uint32_t code_point(std::string_view character) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(character[i]));
  };
  if (character.size() == 1) return byte(0);
  std::uint32_t value = byte(0) & (0xffU >> (character.size() + 1));
  for (std::size_t i = 1; i < character.size(); ++i) value = value << 6 | (byte(i) & 0x3fU);
  return value;
}

struct Range {
  std::uint32_t first, last;
};

// The blocks of combining marks, zero width and variation selectors (Unicode 15, Blocks.txt).
constexpr std::array<Range, 8> without_width = {{{0x0300, 0x036f},
                                                 {0x1ab0, 0x1aff},
                                                 {0x1dc0, 0x1dff},
                                                 {0x200b, 0x200f},
                                                 {0x20d0, 0x20ff},
                                                 {0xfe00, 0xfe0f},
                                                 {0xfe20, 0xfe2f},
                                                 {0xfeff, 0xfeff}}};
// The large blocks that are wide or full-width (Unicode 15, EastAsianWidth.txt).
constexpr std::array<Range, 8> twice_as_wide = {{{0x1100, 0x115f},
                                                 {0x2e80, 0x303e},
                                                 {0x3041, 0xa4cf},
                                                 {0xac00, 0xd7a3},
                                                 {0xf900, 0xfaff},
                                                 {0xff00, 0xff60},
                                                 {0x1f300, 0x1faff},
                                                 {0x20000, 0x3fffd}}};

template <std::size_t N>
bool is_in(std::uint32_t value, const std::array<Range, N>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(), [value](const Range& range) {
    return range.first <= value && value <= range.last;
  });
}

std::size_t width_of(std::uint32_t value) {
  if (value < 0x300) return 1;
  if (is_in(value, without_width)) return 0;
  return is_in(value, twice_as_wide) ? 2 : 1;
}

// Bytes of the first character; a byte that is not UTF-8 stands for itself.
std::size_t step(std::string_view text) {
  return std::max<std::size_t>(1, utf8_length(text));
}

// Bytes at the beginning of the text that fit; at least one character.
std::size_t fitting(std::string_view text, std::size_t width) {
  std::size_t bytes = 0;
  std::size_t used = 0;
  while (bytes < text.size()) {
    const std::size_t length = step(text.substr(bytes));
    used += display_width(text.substr(bytes, length));
    if (used > width && bytes > 0) break;
    bytes += length;
  }
  return bytes;
}

void wrap_line(std::string_view line, std::size_t width, std::vector<std::string>& lines) {
  std::string current;
  std::size_t used = 0;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(line.size(), end + 1));
    if (word.empty()) continue;
    if (!current.empty() && used + 1 + display_width(word) > width) {
      lines.push_back(std::move(current));
      current.clear();
      used = 0;
    }
    while (display_width(word) > width) {
      const std::size_t bytes = fitting(word, width);
      if (bytes == word.size()) break;
      lines.emplace_back(word.substr(0, bytes));
      word.remove_prefix(bytes);
    }
    if (!current.empty()) current += ' ';
    current += word;
    used = display_width(current);
  }
  lines.push_back(std::move(current));
}

}  // namespace

std::string coloured(std::string_view text, Colour colour, const TextStyle& style) {
  constexpr std::array<std::string_view, 6> codes = {"", "1", "2", "31", "32", "33"};
  if (!style.colour || colour == Colour::plain) return std::string(text);
  std::string out = "\x1b[";
  out += codes[static_cast<std::size_t>(colour)];
  out += 'm';
  out += text;
  out += "\x1b[0m";
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    width += length == 0 ? 1 : width_of(code_point(text.substr(0, length)));
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return width;
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  width = std::max<std::size_t>(1, width);
  std::vector<std::string> lines;
  for (;;) {
    const std::size_t end = text.find('\n');
    wrap_line(text.substr(0, end), width, lines);
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

std::string Table::text(const TextStyle& style, std::size_t indent) const {
  const std::vector<std::size_t> width = widths(style.width > indent ? style.width - indent : 0);
  std::string out;
  const auto print = [&](const std::vector<Cell>& row) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      cells.push_back(wrap(i < row.size() ? row[i].text : "", width[i]));
      height = std::max(height, cells.back().size());
    }
    for (std::size_t line = 0; line < height; ++line) {
      std::string printed;
      std::size_t owed = indent;  // spaces, held back so that no line ends with them
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (i > 0) owed += gap;
        const std::string text = line < cells[i].size() ? cells[i][line] : "";
        const std::size_t used = display_width(text);
        const std::size_t rest = width[i] > used ? width[i] - used : 0;
        if (text.empty()) {
          owed += rest;
          continue;
        }
        if (columns_[i].align == Align::right) owed += rest;
        printed += std::string(owed, ' ') + coloured(text, row[i].colour, style);
        owed = columns_[i].align == Align::right ? 0 : rest;
      }
      out += printed + "\n";
    }
  };
  const bool has_titles = std::any_of(columns_.begin(), columns_.end(),
                                      [](const Column& column) { return !column.title.empty(); });
  if (has_titles) {
    std::vector<Cell> titles;
    for (const Column& column : columns_) titles.emplace_back(column.title, Colour::bold);
    print(titles);
    const std::size_t total = std::accumulate(width.begin(), width.end(), std::size_t{0}) +
                              gap * (width.empty() ? 0 : width.size() - 1);
    std::string rule;
    for (std::size_t i = 0; i < total; ++i) rule += "─";
    out += std::string(indent, ' ') + coloured(rule, Colour::dim, style) + "\n";
  }
  for (const auto& row : rows_) print(row);
  return out;
}

std::vector<std::size_t> Table::widths(std::size_t available) const {
  std::vector<std::size_t> width;
  for (const Column& column : columns_) width.push_back(display_width(column.title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < std::min(row.size(), width.size()); ++i) {
      for (const std::string& line : wrap(row[i].text, row[i].text.size() + 1)) {
        width[i] = std::max(width[i], display_width(line));
      }
    }
  }
  std::size_t total = width.empty() ? 0 : gap * (width.size() - 1);
  total = std::accumulate(width.begin(), width.end(), total);
  // The widest wrapping column gives way, one column at a time, so that they end up alike.
  while (total > available) {
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].wraps && width[i] > wrap_min &&
          (widest == columns_.size() || width[i] > width[widest])) {
        widest = i;
      }
    }
    if (widest == columns_.size()) break;
    --width[widest];
    --total;
  }
  return width;
}

}  // namespace predrill::harness
