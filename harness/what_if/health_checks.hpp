// The closed forms beside a study of health checks: how long a target group needs to notice a
// failure, and how often it notices one that is none, from the settings of each configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "harness/report/table.hpp"
#include "harness/what_if/study.hpp"

namespace predrill::harness {

/// Of a target whose failure falls at a random time between two checks; seconds.
struct CheckForms {
  std::int32_t targets = 0;
  double least_refused = 0, mean_refused = 0, most_refused = 0;  // answered with RST
  double least_silent = 0, mean_silent = 0, most_silent = 0;     // nobody answers
  /// Mean time until one target is unhealthy by chance, if each check fails with probability p:
  /// I (p^-U - 1) / (1 - p).
  double false_alarm(double p) const;
  double interval = 0;
  std::int32_t unhealthy_threshold = 0;
};

/// With one checker; nullopt for a system without a target group.
std::optional<CheckForms> check_forms(const SystemSpec& system);

/// A row per configuration; empty where there is nothing to say.
std::string check_forms_text(const StudyPlan& plan, const TextStyle& style);

}  // namespace predrill::harness
