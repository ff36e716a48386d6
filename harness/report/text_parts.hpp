// Pieces that reports of one run and of many share.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "harness/measure/stages.hpp"
#include "harness/report/table.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

/// "+27.4", "-1.2", "0"
std::string signed_seconds(sim::Duration at, int decimals);

/// As sim::to_text, but zero is "0 s".
std::string time_text(sim::Duration time);

std::string count_text(std::uint64_t n);

/// The text wrapped to the width, each line ended.
std::string paragraph(const std::string& text, const TextStyle& style);

/// Stage, time, share, bar. `lengths` in any one unit: shares and bars are cut so that they add up.
std::string stage_table(const std::array<double, stages>& lengths,
                        const std::array<std::string, stages>& times, const std::string& time_title,
                        const TextStyle& style);

}  // namespace predrill::harness
