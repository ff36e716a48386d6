// The measures that a study can put into a column: a number of each run and what is made of many.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/measure/measures.hpp"
#include "sim/interval.hpp"
#include "sim/paired_sample.hpp"
#include "sim/sample.hpp"

namespace predrill::harness {

/// "rto.p99", "haproxy.downtime.mean", "detection.p50", "rpo.rows.max", "errors.p95", "waiting.max"
struct StudyMeasure {
  enum class What : std::uint8_t {
    rto,
    downtime,
    stage,
    rpo_rows,
    rpo_bytes,
    rpo_seconds,
    errors,    // that the client did not retry
    failures,  // failed attempts
    waiting,   // most clients waiting for a server connection of PgBouncer
    failover,  // 1 if another member became the primary
    own,       // one that only the kind of the system has: "own.tps_per_target.max.p99"
  };
  enum class Statistic : std::uint8_t { mean, quantile };
  std::string name;
  What what = What::rto;
  Stage stage = Stage::detection;
  std::string path;                     // empty: the path that the objectives judge
  std::string own;                      // name of one that only the kind of the system has
  std::optional<MeasureUnit> own_unit;  // as the kind says
  Statistic statistic = Statistic::quantile;
  double p = 0.5;

  /// Values of runs are nanoseconds; else counts, or thousandths.
  bool is_time() const {
    return what == What::rto || what == What::downtime || what == What::stage ||
           what == What::rpo_seconds || own_unit == MeasureUnit::time;
  }
  bool is_fixed_point() const { return own_unit == MeasureUnit::thousandth; }
};

/// A measure that no run has: no such path.
constexpr std::int64_t no_value = std::numeric_limits<std::int64_t>::min();

/// Without a statistic the median is meant. On a mistake nullopt and, in `problem`, a sentence.
std::optional<StudyMeasure> parse_measure(std::string_view text, std::string& problem);

/// What one run contributes; no_value if it has no such path.
std::int64_t value_of(const StudyMeasure& measure, const RunMeasures& run,
                      const std::string& judged_path);

/// In the unit of the runs' values (nanoseconds, counts); intervals are 95 %, nullopt where there
/// are too few runs or the statistic has none (a maximum).
struct StudyValue {
  std::optional<double> value;
  std::optional<sim::Interval<double>> interval;
};
StudyValue statistic_of(const StudyMeasure& measure, const sim::Sample& sample);

/// Variant minus baseline under common random numbers: of means with the paired t interval, of
/// quantiles with the bootstrap over pairs.
StudyValue difference_of(const StudyMeasure& measure, const sim::PairedSample& pairs);

/// "30.7", "12", "0.31": a value of this measure as people read it, without a unit.
std::string value_text(const StudyMeasure& measure, double value);

}  // namespace predrill::harness
