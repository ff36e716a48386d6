#include "tests/tidy/source.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace predrill::tidy {
namespace {

constexpr auto npos = std::string::npos;

// The end of the literal or comment that starts at the position; the position itself if none does.
std::size_t end_of_blank(std::string_view text, std::size_t at) {
  const auto rest = text.substr(at);
  const auto end = [&](std::string_view mark, std::size_t from) {
    const auto found = text.find(mark, from);
    return found == npos ? text.size() : found + mark.size();
  };
  if (rest.starts_with("//")) return std::min(text.find('\n', at), text.size());
  if (rest.starts_with("/*")) return end("*/", at + 2);
  const char previous = at > 0 ? text[at - 1] : ' ';
  if (rest.starts_with("R\"") && !is_word(previous)) {
    const auto open = text.find('(', at);
    if (open == npos) return text.size();
    return end(")" + std::string(text.substr(at + 2, open - at - 2)) + "\"", open);
  }
  const char quote = rest.front();
  // A ' after a digit separates digits.
  if (quote != '"' && (quote != '\'' || is_word(previous))) return at;
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == quote || text[i] == '\n') {
      return i + 1;
    }
  }
  return text.size();
}

std::string code_of(std::string_view text) {
  std::string code(text);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = end_of_blank(text, at);
    for (auto i = at; i < end; ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
    // A literal still stands for a value.
    if (end > at && text[at] != '/') code[at] = '0';
    at = std::max(end, at + 1);
  }
  return code;
}

bool is_text(const std::filesystem::path& path) {
  static constexpr std::array<std::string_view, 16> endings = {
      ".cpp", ".hpp", ".cmake", ".md", ".json", ".yaml", ".yml", ".ini",
      ".cfg", ".sh",  ".in",    "",    ".txt",  ".csv",  ".py",  ".js"};
  if (path.filename().string().starts_with('.')) return path.extension().empty();
  return std::ranges::find(endings, path.extension().string()) != endings.end();
}

// The .git of a linked work tree is a file.
bool is_skipped(const std::filesystem::path& path) {
  const auto name = path.filename();
  return name == ".git" || name == "build" || name == "node_modules" || name == "third_party";
}

}  // namespace

Source make_source(std::string path, std::string text) {
  auto code = code_of(text);
  return {std::move(path), std::move(text), std::move(code)};
}

std::vector<Source> read_tree(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<Source> sources;
  for (fs::recursive_directory_iterator it(folder), end; it != end; ++it) {
    if (it->is_directory() && is_skipped(it->path())) it.disable_recursion_pending();
    if (!it->is_regular_file() || is_skipped(it->path()) || !is_text(it->path())) continue;
    std::ifstream file(it->path(), std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.find('\0') != npos) continue;
    sources.push_back(make_source(fs::relative(it->path(), folder).string(), std::move(text)));
  }
  std::ranges::sort(sources, {}, &Source::path);
  return sources;
}

bool is_cpp(const Source& source) {
  return is_header(source) || source.path.ends_with(".cpp");
}

bool is_header(const Source& source) {
  return source.path.ends_with(".hpp");
}

bool is_in(const Source& source, std::string_view folder) {
  return source.path.starts_with(folder) && source.path.size() > folder.size() &&
         source.path[folder.size()] == '/';
}

std::size_t line_of(const Source& source, std::size_t position) {
  const auto end = source.text.begin() + static_cast<std::ptrdiff_t>(position);
  return 1 + static_cast<std::size_t>(std::count(source.text.begin(), end, '\n'));
}

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    result.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::vector<Include> includes(const Source& source) {
  std::vector<Include> result;
  const auto code = lines(source.code);
  const auto text = lines(source.text);
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (!code[i].starts_with("#include")) continue;
    const auto open = text[i].find_first_of("<\"");
    const auto close = text[i].find_last_of(">\"");
    if (open == npos || close <= open) continue;
    result.push_back(
        {i + 1, std::string(text[i].substr(open + 1, close - open - 1)), text[i][open] == '"'});
  }
  return result;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::size_t matching(std::string_view code, std::size_t open) {
  int depth = 0;
  for (auto i = open; i < code.size(); ++i) {
    if (code[i] == '(' || code[i] == '[' || code[i] == '{') ++depth;
    if (code[i] == ')' || code[i] == ']' || code[i] == '}') --depth;
    if (depth == 0) return i;
  }
  return npos;
}

std::size_t enclosing(std::string_view code, std::size_t position) {
  int depth = 0;
  for (auto i = position; i-- > 0;) {
    if (code[i] == ')' || code[i] == ']' || code[i] == '}') ++depth;
    if (code[i] == '(' || code[i] == '[' || code[i] == '{') {
      if (depth == 0) return i;
      --depth;
    }
  }
  return npos;
}

std::size_t find_word(std::string_view code, std::string_view word, std::size_t from) {
  for (auto at = code.find(word, from); at != npos; at = code.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || !is_word(code[at - 1])) && (end >= code.size() || !is_word(code[end]))) {
      return at;
    }
  }
  return npos;
}

std::string_view word_before(std::string_view code, std::size_t position) {
  const auto last = code.substr(0, position).find_last_not_of(" \n\t");
  if (last == npos || !is_word(code[last])) return {};
  auto first = last;
  while (first > 0 && is_word(code[first - 1])) --first;
  return code.substr(first, last - first + 1);
}

}  // namespace predrill::tidy
