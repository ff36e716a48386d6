// A source file as the style rules see it: the text as it is, and the code alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace predrill::tidy {

struct Source {
  std::string path;  // from the top of the tree: "sim/time.hpp"
  std::string text;
  std::string
      code;  // the text with comments and literals blanked out; every character keeps its place
};

Source make_source(std::string path, std::string text);

struct Finding {
  std::size_t line;  // counted from 1
  std::string message;
};
using Findings = std::vector<Finding>;

/// All readable files of the project under the folder: sources, scripts, build files, documents and
/// data, without build folders. In order of their paths.
std::vector<Source> read_tree(const std::string& folder);

bool is_cpp(const Source&);
bool is_header(const Source&);
/// Does the file lie in the folder ("sim", "tests/sim")?
bool is_in(const Source&, std::string_view folder);

std::size_t line_of(const Source&, std::size_t position);
std::vector<std::string_view> lines(std::string_view text);

struct Include {
  std::size_t line;
  std::string name;
  bool quoted;  // "sim/time.hpp" rather than <vector>
};
std::vector<Include> includes(const Source&);

/// Can the character be a part of an identifier?
bool is_word(char);

/// The position of the bracket that closes the one at the position; npos if none does.
std::size_t matching(std::string_view code, std::size_t open);

/// The position of the innermost bracket, ( [ or {, that is open at the position; npos if none is.
std::size_t enclosing(std::string_view code, std::size_t position);

/// The position of the next occurrence of a whole word at or after a position; npos if there is
/// none.
std::size_t find_word(std::string_view code, std::string_view word, std::size_t from = 0);

/// The word that ends right before the position, blanks between them ignored; empty if none does.
std::string_view word_before(std::string_view code, std::size_t position);

}  // namespace predrill::tidy
