// The nearest right spelling of a misspelt word, for "did you mean".
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace predrill::harness {

/// Damerau-Levenshtein distance: insertions, deletions, replacements and swaps of neighbours that
/// turn one word into the other. Letter case and '-' against '_' cost nothing.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to the word, the first of equals; "" if none is near enough to be meant.
std::string nearest(std::string_view word, std::span<const std::string_view> candidates);
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// `did you mean "node_loss"?`, or "" where nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace predrill::harness
