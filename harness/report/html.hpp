// Results as one HTML file that needs nothing else: charts, tables and words, opened from a disk as
// well as from a server.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/input/diagnostics.hpp"

namespace predrill::harness {

/// `files`: result documents (.json) and journals of probers (.jsonl). `charts`: the text of Apache
/// ECharts. nullopt if a file is neither; why is in the diagnostics.
std::optional<std::string> html_report(std::span<const std::filesystem::path> files,
                                       std::string_view charts, Diagnostics&);

}  // namespace predrill::harness
