#include "harness/input/nearest.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace predrill::harness {
namespace {

// Longer words are never keys; the bound keeps a file of junk from costing quadratic time.
constexpr std::size_t longest_word = 64;

char folded(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return c == '-' ? '_' : c;
}

}  // namespace

// The unrestricted distance (a swapped pair may also be edited in between), after Lowrance and
// Wagner, "An Extension of the String-to-String Correction Problem", 1975.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 2;
  const std::size_t unreachable = a.size() + b.size();
  std::vector<std::size_t> cells((a.size() + 2) * width, unreachable);
  const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& {
    return cells[i * width + j];
  };
  for (std::size_t i = 0; i <= a.size(); ++i) at(i + 1, 1) = i;
  for (std::size_t j = 0; j <= b.size(); ++j) at(1, j + 1) = j;
  std::array<std::size_t, 256> last_row{};  // where each byte was last seen in a
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t last_column = 0;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const char from = folded(a[i - 1]);
      const char to = folded(b[j - 1]);
      const std::size_t row = last_row[static_cast<unsigned char>(to)];
      const std::size_t column = last_column;
      if (from == to) last_column = j;
      const std::size_t replaced = at(i, j) + (from == to ? 0 : 1);
      const std::size_t inserted = std::min(at(i + 1, j), at(i, j + 1)) + 1;
      const std::size_t swapped = at(row, column) + (i - row - 1) + 1 + (j - column - 1);
      at(i + 1, j + 1) = std::min({replaced, inserted, swapped});
    }
    last_row[static_cast<unsigned char>(folded(a[i - 1]))] = i;
  }
  return at(a.size() + 1, b.size() + 1);
}

std::string nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > longest_word) return "";
  std::string_view best;
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  for (const std::string_view candidate : candidates) {
    if (candidate.empty() || candidate.size() > longest_word) continue;
    const std::size_t distance = edit_distance(word, candidate);
    const std::size_t allowed =
        std::max<std::size_t>(1, std::min(word.size(), candidate.size()) / 3);
    if (distance > allowed || distance >= best_distance) continue;
    // Two words of one or two letters have nothing in common after an edit.
    if (distance >= candidate.size() || distance >= word.size()) continue;
    best = candidate;
    best_distance = distance;
  }
  return std::string(best);
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  return nearest(word, std::span<const std::string_view>(views));
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string best = nearest(word, candidates);
  return best.empty() || best == word ? "" : "did you mean \"" + best + "\"?";
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  return did_you_mean(word, std::span<const std::string_view>(views));
}

}  // namespace predrill::harness
