// Many runs of one scenario as distributions. Runs may be added in any order, and partial summaries
// merged in any order: every answer depends on the set of runs alone, to the last bit.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/measure/measures.hpp"
#include "sim/interval.hpp"
#include "sim/proportion.hpp"
#include "sim/sample.hpp"

namespace predrill::harness {

/// A distribution as people read it, in the unit of the sample. Quantiles are observed values;
/// intervals are distribution-free (order statistics), 95 %, nullopt with too few values.
struct Quantiles {
  std::int64_t n = 0;
  std::int64_t min = 0, p5 = 0, p50 = 0, p95 = 0, p99 = 0, max = 0;  // 0 if n is 0
  std::optional<sim::Interval<std::int64_t>> p50_ci, p95_ci, p99_ci;
};
Quantiles quantiles(const sim::Sample& sample);

/// One path over all runs; durations in nanoseconds.
struct PathSummary {
  sim::Sample rto;       // with the lower bounds of censored runs
  sim::Sample censored;  // those lower bounds alone: the path had not come back when the run ended
  sim::Sample downtime;
  sim::Sample downtime_censored;  // of censored runs: lower bounds too
  sim::Sample failures;           // failed attempts per run
  sim::Sample given_up;           // failures per run that the client did not retry
  sim::Sample unknown;            // writes of unknown fate per run
  sim::Sample staleness;
  std::map<std::string, sim::Sample> errors;  // attempts per run by text, runs without it left out

  /// Attempts per run that failed with this text; runs without it count as zero.
  sim::Sample errors_per_run(const std::string& text) const;
  /// True where a value of the RTO is only known to be at least this.
  bool is_lower_bound(std::int64_t value) const;
  void merge(const PathSummary& other);
  friend bool operator==(const PathSummary&, const PathSummary&) = default;
};

struct ValueSummary {
  MeasureUnit unit = MeasureUnit::count;
  sim::Sample sample;
  void merge(const ValueSummary& other);
  friend bool operator==(const ValueSummary&, const ValueSummary&) = default;
};

struct ViolationSummary {
  bool explained = true;  // in every run
  std::int64_t runs = 0;
  std::vector<std::uint64_t> seeds;  // the smallest few, ascending
  void merge(const ViolationSummary& other);
  friend bool operator==(const ViolationSummary&, const ViolationSummary&) = default;
};
constexpr std::size_t violation_seeds_max = 5;

/// One of several clusters of RTOs.
struct Mode {
  std::int64_t min = 0, median = 0, max = 0;  // nanoseconds
  std::int64_t runs = 0;
  double share = 0;
  sim::Interval<double> share_ci;  // Wilson, 95 %
  std::uint64_t seed = 0;          // of the run with the median
};

class Summary {
 public:
  /// `path`: the objective's, whose RTO is cut into stages and split into modes.
  explicit Summary(std::string path = "pgbouncer") : path_(std::move(path)) {}

  void add(const RunMeasures& run);
  /// Of the same path.
  void merge(const Summary& other);

  const std::string& path() const { return path_; }
  std::int64_t runs() const { return static_cast<std::int64_t>(seeds_.size()); }
  /// Runs in which no fault struck: they are in no distribution.
  std::int64_t without_fault() const { return without_fault_; }
  const std::map<std::string, PathSummary>& paths() const { return paths_; }
  /// The objective's path; empty samples if no run has it.
  const PathSummary& objective_path() const;
  const sim::Sample& rto() const { return objective_path().rto; }
  std::int64_t censored() const { return objective_path().censored.size(); }

  const std::array<sim::Sample, stages>& stage_samples() const { return stages_; }
  /// Share of each stage in the sum of all RTOs; all zero if that is zero.
  std::array<double, stages> stage_shares() const;
  /// The stage with the largest share; nullopt if there was no RTO to cut.
  std::optional<Stage> dominating_stage() const;

  const sim::Sample& rpo_rows() const { return rpo_rows_; }
  const sim::Sample& rpo_bytes() const { return rpo_bytes_; }
  const sim::Sample& rpo_age() const { return rpo_age_; }
  const sim::Sample& dual_writer_overlap() const { return dual_overlap_; }
  const sim::Sample& dual_writer_writes() const { return dual_writes_; }
  const std::map<std::string, ViolationSummary>& violations() const { return violations_; }
  bool has_unexplained_violation() const;
  const sim::Proportion& failover() const { return failover_; }
  const sim::Proportion& key_released() const { return key_released_; }
  /// How often each member became the new primary.
  const std::map<std::string, std::int64_t>& new_primaries() const { return new_primaries_; }
  /// Times since the fault, of the runs in which it happened.
  const std::map<std::string, sim::Sample>& milestones() const { return milestones_; }

  /// Measures of the system's kind, of the runs that have them.
  const std::map<std::string, ValueSummary>& values() const { return values_; }
  /// Losses and failovers mean something: the system has a database.
  bool of_database() const { return of_database_; }

  /// The clusters of the objective's RTO, ascending; one if they are not clearly apart. A gap
  /// divides a cluster if it is at least 3 s and a quarter of the cluster's range, leaves at least
  /// 0.5 % of all runs and two runs on each side, and would appear in less than 1 % of samples of
  /// this size that are spread evenly over the range. The widest such gap goes first; at most four.
  std::vector<Mode> modes() const;
  /// The run with the longest RTO; of equals the smallest seed.
  std::optional<std::uint64_t> worst_seed() const;
  /// Digest over the fingerprints of all runs in order of their seeds; of one run its own.
  std::uint64_t fingerprint() const;

  friend bool operator==(const Summary& a, const Summary& b);

 private:
  struct Seeded {
    std::int64_t value;
    std::uint64_t seed;
    friend auto operator<=>(const Seeded&, const Seeded&) = default;
  };
  struct Seed {
    std::uint64_t seed;
    std::uint64_t fingerprint;
    friend auto operator<=>(const Seed&, const Seed&) = default;
  };
  void add_path(const PathRun& run);

  std::string path_;
  std::vector<Seed> seeds_;          // of every run
  std::vector<Seeded> seeded_rtos_;  // of the objective's path
  std::int64_t without_fault_ = 0;
  std::map<std::string, PathSummary> paths_;
  std::array<sim::Sample, stages> stages_;
  sim::Sample rpo_rows_, rpo_bytes_, rpo_age_, dual_overlap_, dual_writes_;
  std::map<std::string, ViolationSummary> violations_;
  sim::Proportion failover_, key_released_;
  std::map<std::string, std::int64_t> new_primaries_;
  std::map<std::string, sim::Sample> milestones_;
  std::map<std::string, ValueSummary> values_;
  bool of_database_ = true;
};

}  // namespace predrill::harness
