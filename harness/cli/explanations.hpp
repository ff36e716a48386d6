// What `predrill explain` knows: a short text for every fault, stage, measure, setting and model,
// with the place where it was learnt. Words only; what a run really does is decided in models/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/table.hpp"

namespace predrill::harness {

enum class Topic : std::uint8_t { fault, stage, measure, setting, model };
std::string_view to_text(Topic topic);

constexpr std::size_t related_max = 6;

struct Explanation {
  std::string_view name;
  Topic topic = Topic::fault;
  std::string_view owner;    // settings: "patroni", "pgbouncer", …: the first part of their path
  std::string_view summary;  // one line, without a full stop
  std::string_view key;      // faults: what becomes of the leader key; settings: the default
  std::string_view text;
  std::array<std::string_view, related_max> related{};  // names of other entries; "" = none
  std::string_view source;
};

/// Every entry: faults in the order of the catalogue, stages, measures, settings, models.
const std::vector<Explanation>& explanations();

/// The entry that a person means: letter case, '-', '_' and spaces do not matter, a setting may
/// have its owner in front ("patroni.ttl"), older and longer names are known. Null if there is
/// none.
const Explanation* find_explanation(std::string_view name);

/// Up to `most` names that may have been meant: the nearest spelling, then names that contain the
/// word.
std::vector<std::string> similar_explanations(std::string_view name, std::size_t most = 5);

/// The entry as lines for a terminal.
std::string text_of(const Explanation& explanation, const TextStyle& style);

/// The table behind `predrill list WHAT`, every table for "", nothing for an unknown word.
/// `scenario_folder`: where scenario files are looked for, "" if there is none.
std::optional<std::string> text_of_list(std::string_view what, const TextStyle& style,
                                        const std::string& scenario_folder);

}  // namespace predrill::harness
