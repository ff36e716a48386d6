#include "harness/measure/summary.hpp"

#include <algorithm>
#include <limits>
#include <span>

namespace predrill::harness {

using sim::Sample;

namespace {

constexpr std::int64_t mode_gap_min = 3'000'000'000;  // ns
constexpr std::size_t modes_max = 4;

std::int64_t as_count(std::uint64_t n) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(n, most));
}

template <class Key, class Value>
void merge_into(std::map<Key, Value>& into, const std::map<Key, Value>& from) {
  for (const auto& [key, value] : from) into[key].merge(value);
}

// With n values spread evenly between a fixed smallest and largest one there are n - 1 spacings,
// and P(the widest >= share) <= (n - 1) (1 - share)^(n - 2) (David & Nagaraja, Order Statistics,
// 3rd ed., 6.4).
bool is_unlikely_gap(double share, std::size_t n) {
  double probability = static_cast<double>(n - 1);
  for (std::size_t i = 2; i < n && probability >= 0.01; ++i) probability *= 1 - share;
  return probability < 0.01;
}

// Number of values before the gap that divides the cluster; 0 if none does. `values` ascending.
template <class Seeded>
std::size_t dividing_gap(std::span<const Seeded> values, std::size_t runs) {
  const std::size_t side_min = std::max<std::size_t>(2, (runs + 199) / 200);
  std::size_t at = 0;
  std::int64_t widest = 0;
  for (std::size_t i = side_min; i + side_min <= values.size(); ++i) {
    const std::int64_t gap = values[i].value - values[i - 1].value;
    if (gap > widest) {
      widest = gap;
      at = i;
    }
  }
  if (at == 0 || widest < mode_gap_min) return 0;
  const std::int64_t range = values.back().value - values.front().value;
  if (widest < range / 4 + (range % 4 != 0 ? 1 : 0)) return 0;
  const double share = static_cast<double>(widest) / static_cast<double>(range);
  return is_unlikely_gap(share, values.size()) ? at : 0;
}

}  // namespace

void Summary::add(const RunMeasures& run) {
  seeds_.push_back({run.seed, run.fingerprint});
  for (const Violation& violation : run.violations) {
    violations_[violation.text].merge({violation.explained, 1, {run.seed}});
  }
  if (!run.struck()) {
    ++without_fault_;
    return;
  }
  for (const PathRun& path : run.paths) add_path(path);
  if (const PathRun* path = run.find_path(path_)) {
    seeded_rtos_.push_back({path->measures.rto.count(), run.seed});
    for (std::size_t i = 0; i < stages; ++i) stages_[i].add(run.stages_of_path[i]);
  }
  for (const NamedTime& milestone : run.milestones) milestones_[milestone.name].add(milestone.at);
  for (const NamedValue& value : run.values) {
    ValueSummary& summary = values_[value.name];
    summary.unit = value.unit;
    summary.sample.add(value.value);
  }
  if (!run.of_database) {
    of_database_ = false;
    return;
  }
  rpo_rows_.add(as_count(run.loss.rows));
  rpo_bytes_.add(as_count(run.loss.bytes));
  rpo_age_.add(run.loss.age);
  dual_overlap_.add(run.dual_writers.overlap);
  dual_writes_.add(as_count(run.dual_writers.writes));
  failover_.add(!run.new_primary.empty());
  key_released_.add(run.key_released);
  if (!run.new_primary.empty()) ++new_primaries_[run.new_primary];
}

void Summary::add_path(const PathRun& run) {
  PathSummary& path = paths_[run.name];
  const PathMeasures& measures = run.measures;
  path.rto.add(measures.rto);
  if (measures.censored) path.censored.add(measures.rto);
  path.downtime.add(measures.downtime);
  if (measures.censored) path.downtime_censored.add(measures.downtime);
  path.failures.add(as_count(measures.failures));
  path.unknown.add(as_count(measures.unknown));
  path.staleness.add(measures.staleness_max);
  std::uint64_t given_up = 0;
  for (const ErrorCount& error : run.errors) {
    given_up += error.given_up;
    if (error.attempts > 0) path.errors[error.text].add(as_count(error.attempts));
  }
  path.given_up.add(as_count(given_up));
}

void Summary::merge(const Summary& other) {
  if (&other == this) {
    const Summary copy = other;
    merge(copy);
    return;
  }
  seeds_.insert(seeds_.end(), other.seeds_.begin(), other.seeds_.end());
  seeded_rtos_.insert(seeded_rtos_.end(), other.seeded_rtos_.begin(), other.seeded_rtos_.end());
  without_fault_ += other.without_fault_;
  merge_into(paths_, other.paths_);
  for (std::size_t i = 0; i < stages; ++i) stages_[i].merge(other.stages_[i]);
  rpo_rows_.merge(other.rpo_rows_);
  rpo_bytes_.merge(other.rpo_bytes_);
  rpo_age_.merge(other.rpo_age_);
  dual_overlap_.merge(other.dual_overlap_);
  dual_writes_.merge(other.dual_writes_);
  merge_into(violations_, other.violations_);
  failover_.merge(other.failover_);
  key_released_.merge(other.key_released_);
  for (const auto& [name, count] : other.new_primaries_) new_primaries_[name] += count;
  merge_into(milestones_, other.milestones_);
  merge_into(values_, other.values_);
  of_database_ = of_database_ && other.of_database_;
}

const PathSummary& Summary::objective_path() const {
  static const PathSummary none;
  const auto found = paths_.find(path_);
  return found == paths_.end() ? none : found->second;
}

std::array<double, stages> Summary::stage_shares() const {
  sim::Int128 total = 0;
  for (const Sample& stage : stages_) total += stage.sum();
  std::array<double, stages> shares{};
  if (total <= 0) return shares;
  for (std::size_t i = 0; i < stages; ++i) {
    shares[i] = static_cast<double>(stages_[i].sum()) / static_cast<double>(total);
  }
  return shares;
}

std::optional<Stage> Summary::dominating_stage() const {
  const auto longest =
      std::max_element(stages_.begin(), stages_.end(),
                       [](const Sample& a, const Sample& b) { return a.sum() < b.sum(); });
  if (longest->sum() <= 0) return std::nullopt;
  return static_cast<Stage>(longest - stages_.begin());
}

bool Summary::has_unexplained_violation() const {
  return std::any_of(violations_.begin(), violations_.end(),
                     [](const auto& entry) { return !entry.second.explained; });
}

std::vector<Mode> Summary::modes() const {
  std::vector<Seeded> sorted = seeded_rtos_;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.empty()) return {};
  std::vector<std::span<const Seeded>> clusters{sorted};
  // A cluster without a dividing gap is never looked at again; at most modes_max are left.
  for (std::size_t i = 0; i < clusters.size();) {
    const std::size_t gap =
        clusters.size() < modes_max ? dividing_gap(clusters[i], sorted.size()) : 0;
    if (gap == 0) {
      ++i;
      continue;
    }
    const std::span<const Seeded> cluster = clusters[i];
    clusters[i] = cluster.first(gap);
    clusters.insert(clusters.begin() + static_cast<std::ptrdiff_t>(i) + 1, cluster.subspan(gap));
  }
  std::vector<Mode> found;
  const auto total = static_cast<std::int64_t>(sorted.size());
  for (const std::span<const Seeded> cluster : clusters) {
    const Seeded& median = cluster[(cluster.size() - 1) / 2];
    const auto runs = static_cast<std::int64_t>(cluster.size());
    const sim::Proportion share(runs, total);
    found.push_back({cluster.front().value, median.value, cluster.back().value, runs,
                     *share.value(), *share.wilson(), median.seed});
  }
  return found;
}

std::optional<std::uint64_t> Summary::worst_seed() const {
  const Seeded* worst = nullptr;
  for (const Seeded& run : seeded_rtos_) {
    if (worst == nullptr || run.value > worst->value ||
        (run.value == worst->value && run.seed < worst->seed)) {
      worst = &run;
    }
  }
  return worst == nullptr ? std::nullopt : std::optional(worst->seed);
}

std::uint64_t Summary::fingerprint() const {
  if (seeds_.size() == 1) return seeds_.front().fingerprint;
  std::vector<Seed> sorted = seeds_;
  std::sort(sorted.begin(), sorted.end());
  std::uint64_t digest = 0xcbf29ce484222325ULL;  // FNV-1a over the bytes, lowest first
  for (const Seed& run : sorted) {
    for (const std::uint64_t word : {run.seed, run.fingerprint}) {
      for (int shift = 0; shift < 64; shift += 8) {
        digest = (digest ^ ((word >> shift) & 0xffU)) * 0x100000001b3ULL;
      }
    }
  }
  return digest;
}

bool operator==(const Summary& a, const Summary& b) {
  const auto sorted = [](auto values) {
    std::sort(values.begin(), values.end());
    return values;
  };
  return a.path_ == b.path_ && sorted(a.seeds_) == sorted(b.seeds_) &&
         sorted(a.seeded_rtos_) == sorted(b.seeded_rtos_) && a.without_fault_ == b.without_fault_ &&
         a.paths_ == b.paths_ && a.stages_ == b.stages_ && a.rpo_rows_ == b.rpo_rows_ &&
         a.rpo_bytes_ == b.rpo_bytes_ && a.rpo_age_ == b.rpo_age_ &&
         a.dual_overlap_ == b.dual_overlap_ && a.dual_writes_ == b.dual_writes_ &&
         a.violations_ == b.violations_ && a.failover_ == b.failover_ &&
         a.key_released_ == b.key_released_ && a.new_primaries_ == b.new_primaries_ &&
         a.milestones_ == b.milestones_ && a.values_ == b.values_ &&
         a.of_database_ == b.of_database_;
}

Quantiles quantiles(const Sample& sample) {
  Quantiles q;
  q.n = sample.size();
  if (q.n == 0) return q;
  q.min = *sample.min();
  q.p5 = *sample.quantile(0.05);
  q.p50 = *sample.quantile(0.50);
  q.p95 = *sample.quantile(0.95);
  q.p99 = *sample.quantile(0.99);
  q.max = *sample.max();
  q.p50_ci = sample.quantile_interval(0.50);
  q.p95_ci = sample.quantile_interval(0.95);
  q.p99_ci = sample.quantile_interval(0.99);
  return q;
}

Sample PathSummary::errors_per_run(const std::string& text) const {
  Sample sample;
  const auto found = errors.find(text);
  if (found != errors.end()) sample = found->second;
  while (sample.size() < rto.size()) sample.add(std::int64_t{0});
  return sample;
}

bool PathSummary::is_lower_bound(std::int64_t value) const {
  return !censored.empty() && value >= *censored.min();
}

void PathSummary::merge(const PathSummary& other) {
  rto.merge(other.rto);
  censored.merge(other.censored);
  downtime_censored.merge(other.downtime_censored);
  downtime.merge(other.downtime);
  failures.merge(other.failures);
  given_up.merge(other.given_up);
  unknown.merge(other.unknown);
  staleness.merge(other.staleness);
  merge_into(errors, other.errors);
}

void ValueSummary::merge(const ValueSummary& other) {
  unit = other.unit;
  sample.merge(other.sample);
}

void ViolationSummary::merge(const ViolationSummary& other) {
  explained = explained && other.explained;
  runs += other.runs;
  std::vector<std::uint64_t> all = seeds;
  all.insert(all.end(), other.seeds.begin(), other.seeds.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (all.size() > violation_seeds_max) all.resize(violation_seeds_max);
  seeds = std::move(all);
}

}  // namespace predrill::harness
