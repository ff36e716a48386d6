#include "sim/distribution.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>

#include "sim/distribution_detail.hpp"
#include "sim/portable_math.hpp"

namespace predrill::sim {

using distribution_detail::infinity;
using distribution_detail::is_finite;
using distribution_detail::nanoseconds;
using distribution_detail::normal_at;
using distribution_detail::number;

namespace {
const std::string no_text;
}  // namespace

Distribution Distribution::make(Kind kind, bool is_duration, double a, double b, double c) {
  Distribution d;
  d.kind_ = kind;
  d.is_duration_ = is_duration;
  d.a_ = a;
  d.b_ = b;
  d.c_ = c;
  if (!is_finite(a) || !is_finite(b) || !is_finite(c)) return invalid("a parameter is not finite");
  return d;
}

Distribution Distribution::invalid(std::string problem) {
  Distribution d;
  d.kind_ = Kind::invalid;
  auto detail = std::make_shared<Detail>();
  detail->problem = std::move(problem);
  d.detail_ = std::move(detail);
  return d;
}

Distribution Distribution::constant(Duration value) {
  return make(Kind::constant, true, nanoseconds(value));
}
Distribution Distribution::constant(double value) {
  return make(Kind::constant, false, value);
}

Distribution Distribution::uniform(Duration low, Duration high) {
  Distribution d = uniform(nanoseconds(low), nanoseconds(high));
  d.is_duration_ = true;
  return d;
}
Distribution Distribution::uniform(double low, double high) {
  if (!(low <= high)) return invalid("uniform: low is above high");
  return make(Kind::uniform, false, low, high - low, high);
}

Distribution Distribution::exponential(Duration mean) {
  Distribution d = exponential(nanoseconds(mean));
  d.is_duration_ = true;
  return d;
}
Distribution Distribution::exponential(double mean) {
  if (!(mean >= 0)) return invalid("exponential: the mean is negative");
  return make(Kind::exponential, false, mean);
}

Distribution Distribution::normal(Duration mean, Duration deviation) {
  Distribution d = normal(nanoseconds(mean), nanoseconds(deviation));
  d.is_duration_ = true;
  return d;
}
Distribution Distribution::normal(double mean, double deviation) {
  if (!(deviation >= 0)) return invalid("normal: the deviation is negative");
  return make(Kind::normal, false, mean, deviation);
}

Distribution Distribution::lognormal(double mu, double sigma) {
  if (!(sigma >= 0)) return invalid("lognormal: sigma is negative");
  return make(Kind::lognormal, false, mu, sigma);
}
Distribution Distribution::lognormal_duration(double mu, double sigma) {
  Distribution d = lognormal(mu, sigma);
  d.is_duration_ = true;
  return d;
}
Distribution Distribution::lognormal_of(bool is_duration, double p1, double v1, double p2,
                                        double v2) {
  if (!(p1 > 0 && p1 < p2 && p2 < 1))
    return invalid("lognormal: the percentiles need 0 < p1 < p2 < 1");
  if (!(v1 > 0 && v1 <= v2)) return invalid("lognormal: the values need 0 < v1 <= v2");
  const double z1 = normal_at(p1, 1 - p1), z2 = normal_at(p2, 1 - p2);
  const double sigma = (portable::log(v2) - portable::log(v1)) / (z2 - z1);
  Distribution d = lognormal(portable::log(v1) - sigma * z1, sigma);
  d.is_duration_ = is_duration;
  return d;
}
Distribution Distribution::lognormal_percentiles(double p1, Duration v1, double p2, Duration v2) {
  return lognormal_of(true, p1, nanoseconds(v1), p2, nanoseconds(v2));
}
Distribution Distribution::lognormal_percentiles(double p1, double v1, double p2, double v2) {
  return lognormal_of(false, p1, v1, p2, v2);
}

Distribution Distribution::weibull(double shape, Duration scale) {
  Distribution d = weibull(shape, nanoseconds(scale));
  d.is_duration_ = true;
  return d;
}
Distribution Distribution::weibull(double shape, double scale) {
  if (!(shape > 0 && scale >= 0))
    return invalid("Weibull: the shape must be positive, the scale not negative");
  return make(Kind::weibull, false, scale, 1 / shape, shape);
}

Distribution Distribution::gamma_of(bool is_duration, double shape, double scale) {
  if (!(shape >= 1e-3 && shape <= 1e6 && scale >= 0))
    return invalid("gamma: the shape must lie in 0.001 to 1e6, the scale must not be negative");
  Distribution d = make(Kind::gamma, is_duration, scale, shape);
  if (d.kind_ == Kind::invalid) return d;
  auto detail = std::make_shared<Detail>();
  detail->knots = distribution_detail::make_gamma_knots(shape);
  d.detail_ = std::move(detail);
  return d;
}
Distribution Distribution::gamma(double shape, Duration scale) {
  return gamma_of(true, shape, nanoseconds(scale));
}
Distribution Distribution::gamma(double shape, double scale) {
  return gamma_of(false, shape, scale);
}

Distribution Distribution::pareto(double shape, Duration low) {
  Distribution d = pareto(shape, nanoseconds(low));
  d.is_duration_ = true;
  return d;
}
Distribution Distribution::pareto(double shape, double low) {
  if (!(shape > 0 && low > 0)) return invalid("Pareto: shape and low must be positive");
  return make(Kind::pareto, false, low, 1 / shape, shape);
}

Distribution Distribution::triangular(Duration low, Duration mode, Duration high) {
  Distribution d = triangular(nanoseconds(low), nanoseconds(mode), nanoseconds(high));
  d.is_duration_ = true;
  return d;
}
Distribution Distribution::triangular(double low, double mode, double high) {
  if (!(low <= mode && mode <= high)) return invalid("triangular: needs low <= mode <= high");
  return make(Kind::triangular, false, low, mode, high);
}

Distribution Distribution::empirical(const std::vector<Duration>& samples, Between between) {
  std::vector<double> values;
  values.reserve(samples.size());
  for (const Duration d : samples) values.push_back(nanoseconds(d));
  return empirical_of(true, std::move(values), between);
}
Distribution Distribution::empirical(const std::vector<double>& samples, Between between) {
  return empirical_of(false, samples, between);
}
Distribution Distribution::empirical_of(bool is_duration, std::vector<double> samples,
                                        Between between) {
  if (samples.empty()) return invalid("empirical: there are no samples");
  if (!std::all_of(samples.begin(), samples.end(), is_finite))
    return invalid("empirical: a sample is not finite");
  std::sort(samples.begin(), samples.end());
  const auto kind = between == Between::step || samples.size() == 1 ? Kind::step : Kind::table;
  const auto count = static_cast<double>(samples.size());
  if (kind == Kind::table) {
    std::vector<std::pair<double, double>> points;
    for (const double value : samples)
      points.emplace_back(static_cast<double>(points.size()) / (count - 1), value);
    Distribution d = quantiles_of(is_duration, std::move(points));
    d.a_ = count;
    return d;
  }
  Distribution d = make(kind, is_duration, count);
  auto detail = std::make_shared<Detail>();
  detail->value = std::move(samples);
  d.detail_ = std::move(detail);
  return d;
}

Distribution Distribution::quantiles(const std::vector<std::pair<double, Duration>>& points) {
  std::vector<std::pair<double, double>> numbers;
  numbers.reserve(points.size());
  for (const auto& [p, value] : points) numbers.emplace_back(p, nanoseconds(value));
  return quantiles_of(true, std::move(numbers));
}
Distribution Distribution::quantiles(const std::vector<std::pair<double, double>>& points) {
  return quantiles_of(false, points);
}
Distribution Distribution::quantiles_of(bool is_duration,
                                        std::vector<std::pair<double, double>> points) {
  if (points.empty()) return invalid("quantiles: there are no points");
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& [p, value] = points[i];
    if (!(p >= 0 && p <= 1)) return invalid("quantiles: p = " + number(p) + " is not in 0 to 1");
    if (!is_finite(value)) return invalid("quantiles: a value is not finite");
    if (i > 0 && !(points[i - 1].first < p))
      return invalid("quantiles: p = " + number(p) + " does not ascend");
    if (i > 0 && !(points[i - 1].second <= value))
      return invalid("quantiles: the value at p = " + number(p) + " is below the one before");
  }
  // The ends of the table are p = 0 and p = 1, so a look-up needs no special cases.
  if (points.front().first > 0) points.insert(points.begin(), {0.0, points.front().second});
  if (points.back().first < 1) points.emplace_back(1.0, points.back().second);
  auto detail = std::make_shared<Detail>();
  for (const auto& [p, value] : points) {
    detail->p.push_back(p);
    detail->value.push_back(value);
  }
  for (std::size_t i = 1; i < points.size(); ++i)
    detail->slope.push_back((points[i].second - points[i - 1].second) /
                            (points[i].first - points[i - 1].first));
  for (std::uint32_t i = 0, at = 0; i < 256; ++i) {
    while (at + 2 < points.size() && points[at + 1].first <= i / 256.0) ++at;
    detail->guide.push_back(at);
  }
  Distribution d = make(Kind::table, is_duration, 0);
  d.detail_ = std::move(detail);
  return d;
}

Distribution Distribution::mixture(const std::vector<Part>& parts) {
  double total = 0;
  auto detail = std::make_shared<Detail>();
  Distribution d = make(Kind::mixture, false, 0);
  for (const Part& part : parts) {
    if (!(part.weight >= 0 && part.weight < infinity))
      return invalid("mixture: a weight is negative or not finite");
    if (!part.distribution.problem().empty()) return invalid(part.distribution.problem());
    if (part.weight == 0) continue;
    total += part.weight;
    detail->parts.push_back(part.distribution);
    detail->weight.push_back(part.weight);
    detail->up_to.push_back(total);
    d.is_duration_ = part.distribution.is_duration_;
  }
  if (!(total > 0 && total < infinity)) return invalid("mixture: the weights add up to nothing");
  for (double& weight : detail->weight) weight /= total;
  for (double& up_to : detail->up_to) up_to /= total;
  d.detail_ = std::move(detail);
  return d;
}

Distribution Distribution::shifted(double by) const {
  if (!is_finite(by)) return invalid("shifted: the shift is not finite");
  Distribution d = *this;
  d.offset_ += by;
  return d;
}

Distribution Distribution::scaled(double factor) const {
  if (!(factor >= 0 && factor < infinity))
    return invalid("scaled: the factor is negative or not finite");
  Distribution d = *this;
  d.offset_ *= factor;
  d.factor_ *= factor;
  return d;
}

Distribution Distribution::with_source(std::string source) const {
  Distribution d = *this;
  d.source_ = std::make_shared<const std::string>(std::move(source));
  return d;
}

const std::string& Distribution::source() const {
  return source_ ? *source_ : no_text;
}

const std::string& Distribution::problem() const {
  return kind_ == Kind::invalid ? detail_->problem : no_text;
}

}  // namespace predrill::sim
