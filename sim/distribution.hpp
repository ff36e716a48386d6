// Random quantities: how long something takes, how large something is.
//
// Every sample of every distribution takes exactly one 64-bit draw of its stream, so two runs whose
// distributions differ stay aligned draw by draw. Nearly all of them are monotone in that draw: a
// slower distribution under the same seed gives a slower sample, which is what makes paired
// comparisons sharp. (The exceptions are a mixture and a truncated mixture.) All arithmetic is
// portable: the same bits everywhere.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/random.hpp"
#include "sim/time.hpp"

namespace predrill::sim {

/// A value; copies share their tables. A maker takes Durations, or plain numbers for a quantity
/// that is not a time; inside, a duration is a number of nanoseconds (exact up to 2^53 ns = 104
/// days). A maker never fails: where its arguments make no sense, problem() says why in a
/// sentence, and sampling the result aborts the program.
class Distribution {
 public:
  enum class Between : std::uint8_t { linear, step };
  struct Part;

  /// Always zero.
  Distribution() = default;

  static Distribution constant(Duration value);
  static Distribution constant(double value);

  static Distribution uniform(Duration low, Duration high);
  static Distribution uniform(double low, double high);

  static Distribution exponential(Duration mean);
  static Distribution exponential(double mean);

  /// A duration that comes out negative is sampled as zero; use truncated() to redraw instead.
  static Distribution normal(Duration mean, Duration deviation);
  static Distribution normal(double mean, double deviation);

  /// mu and sigma belong to the natural logarithm of the value, of a duration in nanoseconds.
  static Distribution lognormal(double mu, double sigma);
  static Distribution lognormal_duration(double mu, double sigma);
  /// The lognormal with these two quantiles: (0.5, 12ms, 0.99, 80ms).
  static Distribution lognormal_percentiles(double p1, Duration v1, double p2, Duration v2);
  static Distribution lognormal_percentiles(double p1, double v1, double p2, double v2);

  static Distribution weibull(double shape, Duration scale);
  static Distribution weibull(double shape, double scale);

  /// Mean shape * scale; shape from 0.001 to 1e6. Quantiles are good to about 1e-6.
  static Distribution gamma(double shape, Duration scale);
  static Distribution gamma(double shape, double scale);

  /// Above `low`, with a tail that falls like value^-shape; the mean is infinite for shape <= 1.
  static Distribution pareto(double shape, Duration low);
  static Distribution pareto(double shape, double low);

  static Distribution triangular(Duration low, Duration mode, Duration high);
  static Distribution triangular(double low, double mode, double high);

  /// Measured samples, in any order. `step` repeats only what was measured; `linear` fills in
  /// between neighbours (the usual sample quantile, type 7 of Hyndman and Fan, 1996).
  static Distribution empirical(const std::vector<Duration>& samples, Between = Between::linear);
  static Distribution empirical(const std::vector<double>& samples, Between = Between::linear);

  /// Quantiles (p, value), p ascending, values not descending, linear in between. Below the first
  /// p and above the last one the value stays: give p = 0 and p = 1 where the extremes are known.
  static Distribution quantiles(const std::vector<std::pair<double, Duration>>& points);
  static Distribution quantiles(const std::vector<std::pair<double, double>>& points);

  /// One of the parts, with a probability in proportion to its weight.
  static Distribution mixture(const std::vector<Part>& parts);

  /// What these return keeps the source of the original.
  Distribution shifted(Duration by) const { return shifted(static_cast<double>(by.count())); }
  Distribution shifted(double by) const;
  Distribution scaled(double factor) const;  // factor >= 0
  /// The distribution given that the value lies in [low, high]. Where that is nearly impossible
  /// (less than 1e-300; less than 5 % for a mixture) problem() says so.
  Distribution truncated(Duration low, Duration high) const;
  Distribution truncated(double low, double high) const;

  /// Where the numbers come from: a seed log, a publication, a measurement of our own.
  Distribution with_source(std::string source) const;
  const std::string& source() const;

  /// Empty if the distribution can be sampled, else what is wrong with it.
  const std::string& problem() const;

  /// One draw of the stream. Durations in nanoseconds, not rounded.
  double sample(Stream& stream) const { return from_draw(stream.next()); }
  /// The same, rounded to nanoseconds; not below zero, not above Duration::max().
  Duration sample_duration(Stream& stream) const { return duration_from_draw(stream.next()); }
  /// The sample that belongs to a draw, for Stream::at.
  double from_draw(std::uint64_t draw) const;
  Duration duration_from_draw(std::uint64_t draw) const;

  // For reports and checks; each of them may be slow. Duration values in nanoseconds.

  /// Exact where there is a formula, else integrated to about six digits; may be infinite.
  double mean() const;
  /// The value that is not exceeded with probability p, 0 <= p <= 1.
  double quantile(double p) const;
  /// The probability of a value up to and including this one.
  double cdf(double value) const;
  double min() const { return quantile(0); }
  double max() const { return quantile(1); }

  /// "lognormal, p50 12 ms, p99 80 ms": the family, its parameters, what was done to it.
  std::string describe() const;

 private:
  enum class Kind : std::uint8_t {
    constant,
    uniform,
    exponential,
    normal,
    lognormal,
    weibull,
    gamma,
    pareto,
    triangular,
    step,
    table,
    mixture,
    truncated,
    truncated_mixture,
    invalid
  };
  struct Detail;
  /// A probability p and q = 1 - p, each with full relative precision.
  struct Level {
    double p, q;
  };

  static Distribution make(Kind kind, bool is_duration, double a, double b = 0, double c = 0);
  static Distribution invalid(std::string problem);
  static Distribution lognormal_of(bool is_duration, double p1, double v1, double p2, double v2);
  static Distribution empirical_of(bool is_duration, std::vector<double> samples, Between between);
  static Distribution quantiles_of(bool is_duration, std::vector<std::pair<double, double>> points);
  static Distribution gamma_of(bool is_duration, double shape, double scale);

  bool samples_by_inverse() const { return kind_ < Kind::mixture || kind_ == Kind::truncated; }
  // The inverse before scaling and shifting, and after.
  double base(Level level) const;
  double other_base(Level level) const;
  double inverse(Level level) const;
  double base_from_draw(std::uint64_t draw) const;
  double base_mean() const;
  template <class Above>
  Level level_where(Above above) const;
  std::string text(double value) const;

  Kind kind_ = Kind::constant;
  bool is_duration_ = true;
  double a_ = 0, b_ = 0, c_ = 0;  // parameters, by kind
  double offset_ = 0, factor_ = 1;
  std::shared_ptr<const Detail> detail_;
  std::shared_ptr<const std::string> source_;
};

struct Distribution::Part {
  double weight;
  Distribution distribution;
};

}  // namespace predrill::sim
