#include "sim/distribution.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "sim/portable_math.hpp"
#include "sim/portable_math_inline.hpp"

namespace predrill::sim {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double nanoseconds(Duration d) {
  return static_cast<double>(d.count());
}

bool is_finite(double x) {
  return x > -infinity && x < infinity;
}

const std::string no_text;

std::string number(double value) {
  std::array<char, 40> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return std::string(digits.data(), end);
}

/// The standard normal value at a level; each tail from its own side.
double normal_at(double p, double q) {
  return std::copysign(portable::inlined::normal_quantile(p < q ? p : q), p - q);
}

Duration to_duration(double value) {
  if (!(value > 0)) return Duration{0};
  if (value >= 0x1p63) return Duration::max();
  const auto whole = static_cast<std::int64_t>(value);
  const bool up = value - static_cast<double>(whole) >= 0.5;  // no branch: it would be a coin toss
  return Duration{whole + std::int64_t{up}};
}

// ---- Gamma: log(value) as a function of the normal value z of the same level ----
//
// That function is smooth and nearly straight, so cubic interpolation between knots 1/16 apart is
// good to about 1e-6, and a sample costs one normal quantile and one exp.

constexpr double gamma_z_max = 8.5;  // beyond the smallest level of a draw, 2^-53
constexpr int gamma_steps_per_one = 16;
constexpr int gamma_knots = 2 * 136 + 1;  // 136 = 8.5 * 16

struct GammaKnot {
  double log_value, slope;  // the slope per knot
};

/// The unit gamma distribution at x = exp(t).
struct GammaTail {
  double log_density;   // of t
  double lower, upper;  // probabilities below and above, divided by the density of t
};
GammaTail gamma_tail(double shape, double log_gamma_shape, double t) {
  const double x = portable::exp(t);
  GammaTail tail{shape * t - x - log_gamma_shape, 0, 0};
  const auto other = [&](double side) { return portable::exp(-tail.log_density) - side; };
  if (x < shape + 1) {  // series, Abramowitz and Stegun 6.5.29
    double term = 1 / shape;
    for (double n = shape + 1; term > tail.lower * 1e-17; n += 1) {
      tail.lower += term;
      term *= x / n;
    }
    tail.upper = other(tail.lower);
  } else {  // continued fraction, Abramowitz and Stegun 6.5.31, by Lentz's method
    double b = x + 1 - shape, c = 1e300, d = 1 / b, h = d, change = 0;
    for (double n = 1; !(change > 1 - 1e-16 && change < 1 + 4e-16) && n < 1e6; n += 1) {
      const double a = n * (shape - n);
      b += 2;
      d = 1 / (a * d + b);
      c = b + a / c;
      change = c * d;
      h *= change;
    }
    tail.upper = h;
    tail.lower = other(tail.upper);
  }
  return tail;
}

/// Walks from knot to knot, each time solving log P(t) = log Phi(z) by Newton's method. Both tails
/// of the logarithm of a gamma value are log-concave, so the iteration converges from anywhere.
std::vector<GammaKnot> make_gamma_knots(double shape) {
  const double log_gamma_shape = portable::log_gamma(shape);
  const double log_gamma_half = 0.57236494292470008707;  // log(Gamma(1/2)) = log(pi) / 2
  const double log_root_two_pi = 0.91893853320467274178;
  std::vector<GammaKnot> knots(gamma_knots);
  const double start = shape >= 1 ? portable::log(shape)
                                  : (portable::log(0.5) + portable::log_gamma(shape + 1)) / shape;
  const auto solve = [&](int knot, double t) {
    const double z = static_cast<double>(knot) / gamma_steps_per_one - gamma_z_max;
    double log_tail = portable::log(0.5);  // of Phi(-|z|) = Q(1/2, z^2 / 2) / 2
    if (z != 0) {
      const GammaTail half = gamma_tail(0.5, log_gamma_half, portable::log(z * z / 2));
      log_tail += half.log_density + portable::log(half.upper);
    }
    GammaTail tail{};
    for (int i = 0; i < 200; ++i) {
      tail = gamma_tail(shape, log_gamma_shape, t);
      const double ratio = z <= 0 ? tail.lower : tail.upper;
      const double step = (tail.log_density + portable::log(ratio) - log_tail) * ratio;
      t += z <= 0 ? -step : step;
      if (std::abs(step) < 1e-13) break;
    }
    const double slope = portable::exp(-z * z / 2 - log_root_two_pi - tail.log_density);
    knots[static_cast<std::size_t>(knot)] = {t, slope / gamma_steps_per_one};
    return t;
  };
  const int middle = gamma_knots / 2;
  double t = solve(middle, start);
  for (int knot = middle - 1; knot >= 0; --knot) t = solve(knot, t);
  t = knots[static_cast<std::size_t>(middle)].log_value;
  for (int knot = middle + 1; knot < gamma_knots; ++knot) t = solve(knot, t);
  return knots;
}

double gamma_at(const std::vector<GammaKnot>& knots, double z) {
  const double at = (z + gamma_z_max) * gamma_steps_per_one;
  if (at < 0) return portable::exp(knots.front().log_value + at * knots.front().slope);
  const double beyond = at - (gamma_knots - 1);
  if (beyond >= 0) return portable::exp(knots.back().log_value + beyond * knots.back().slope);
  const auto cell = static_cast<std::size_t>(at);
  const GammaKnot& from = knots[cell];
  const GammaKnot& to = knots[cell + 1];
  const double x = at - static_cast<double>(cell);
  const double rise = to.log_value - from.log_value;
  const double c2 = 3 * rise - 2 * from.slope - to.slope;
  const double c3 = from.slope + to.slope - 2 * rise;
  return portable::exp(from.log_value + x * (from.slope + x * (c2 + x * c3)));
}

// ---- Searching ----

/// The smallest double in (0, 1/2] for which `above` holds, given that it holds at 1/2.
template <class Above>
double smallest(Above above) {
  std::uint64_t no = 0, yes = std::bit_cast<std::uint64_t>(0.5);
  while (yes - no > 1) {
    const std::uint64_t middle = no + (yes - no) / 2;
    (above(std::bit_cast<double>(middle)) ? yes : no) = middle;
  }
  return std::bit_cast<double>(yes);
}

}  // namespace

struct Distribution::Detail {
  std::string problem;
  std::vector<double> p, value, slope;  // table: ascending; slope up to the next point
  std::vector<std::uint32_t> guide;     // table: where the points of each 1/256 of p begin
  std::vector<GammaKnot> knots;         // gamma
  std::vector<Distribution> parts;      // mixture; truncated: the one that is cut
  std::vector<double> weight, up_to;    // mixture: the weights, normalised, and their sums
  Level from{0, 1}, to{1, 0};           // truncated: the levels of the bounds
  double mass = 1, low = 0, high = 0;   // truncated: the probability between, the bounds
};

// ---- Makers ----

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
  detail->knots = make_gamma_knots(shape);
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

Distribution Distribution::truncated(Duration low, Duration high) const {
  return truncated(nanoseconds(low), nanoseconds(high));
}
Distribution Distribution::truncated(double low, double high) const {
  if (kind_ == Kind::invalid) return *this;
  if (!(low <= high)) return invalid("truncated: low is above high");
  auto detail = std::make_shared<Detail>();
  detail->low = low;
  detail->high = high;
  detail->parts.push_back(*this);
  Level& from = detail->from;
  Level& to = detail->to;
  from = level_where([&](double value) { return value >= low; });
  to = level_where([&](double value) { return value > high; });
  detail->mass = from.p < 0.5 ? to.p - from.p : from.q - to.q;
  const bool by_inverse = samples_by_inverse();
  if (!(detail->mass >= (by_inverse ? 1e-300 : 0.05)))
    return invalid("truncated: values between " + text(low) + " and " + text(high) +
                   " have probability " + number(detail->mass));
  Distribution d = make(by_inverse ? Kind::truncated : Kind::truncated_mixture, is_duration_, 0);
  d.detail_ = std::move(detail);
  d.source_ = source_;
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

// ---- Values ----

inline double Distribution::base(Level level) const {
  const auto [p, q] = level;
  switch (kind_) {  // the ones that are drawn most; the others are kept out of line
    case Kind::constant:
      return a_;
    case Kind::uniform:
      return a_ + b_ * p;
    case Kind::exponential:
      return -a_ * portable::inlined::log(q);
    case Kind::normal:
      return b_ == 0 ? a_ : a_ + b_ * normal_at(p, q);
    case Kind::lognormal:
      return portable::inlined::exp(b_ == 0 ? a_ : a_ + b_ * normal_at(p, q));
    default:
      return other_base(level);
  }
}

inline double Distribution::inverse(Level level) const {
  return offset_ + factor_ * base(level);
}

double Distribution::other_base(Level level) const {
  const auto [p, q] = level;
  switch (kind_) {
    case Kind::weibull:
      return a_ * portable::exp(b_ * portable::log(-portable::log(q)));
    case Kind::gamma:
      return a_ * gamma_at(detail_->knots, normal_at(p, q));
    case Kind::pareto:
      return a_ * portable::exp(-b_ * portable::log(q));
    case Kind::triangular: {
      const double width = c_ - a_;
      if (p * width < b_ - a_) return a_ + std::sqrt(p * width * (b_ - a_));
      return c_ - std::sqrt(q * width * (c_ - b_));
    }
    case Kind::step: {
      const auto at = static_cast<std::size_t>(p * a_);
      return detail_->value[std::min(at, detail_->value.size() - 1)];
    }
    case Kind::table: {
      const Detail& table = *detail_;
      std::size_t at = table.guide[std::min(static_cast<std::size_t>(p * 256), std::size_t{255})];
      while (p > table.p[at + 1]) ++at;
      return std::min(table.value[at] + (p - table.p[at]) * table.slope[at], table.value[at + 1]);
    }
    case Kind::mixture: {
      double low = infinity, high = -infinity;
      for (const Distribution& part : detail_->parts) {
        low = std::min(low, part.inverse(level));
        high = std::max(high, part.inverse(level));
      }
      for (int i = 0; i < 200 && low < high; ++i) {
        const double middle = low + (high - low) / 2;
        if (!(middle > low && middle < high)) break;
        double below = 0;
        for (std::size_t part = 0; part < detail_->parts.size(); ++part)
          below += detail_->weight[part] * detail_->parts[part].cdf(middle);
        (below >= p ? high : low) = middle;
      }
      return high;
    }
    case Kind::truncated:
    case Kind::truncated_mixture: {
      const Detail& cut = *detail_;
      const Level inner{cut.from.p + p * cut.mass, cut.to.q + q * cut.mass};
      return std::clamp(cut.parts.front().inverse(inner), cut.low, cut.high);
    }
    default:
      break;
  }
  std::fprintf(stderr, "predrill: an impossible distribution was sampled: %s\n",
               detail_->problem.c_str());
  std::abort();
}

double Distribution::base_from_draw(std::uint64_t draw) const {
  if (kind_ == Kind::mixture) {
    // The draw picks the part; the part's own draw is derived from it.
    const double u = to_unit(draw);
    std::size_t part = 0;
    while (part + 1 < detail_->parts.size() && u >= detail_->up_to[part]) ++part;
    return detail_->parts[part].from_draw(mix(draw, 1));
  }
  // Derived draws until one fits. At worst 5 % fit: 1 in 10^22 samples ends at a bound.
  const Detail& cut = *detail_;
  double value = 0;
  for (std::uint64_t attempt = 0; attempt < 1000; ++attempt) {
    value = cut.parts.front().from_draw(attempt == 0 ? draw : mix(draw, ~attempt));
    if (value >= cut.low && value <= cut.high) return value;
  }
  return std::clamp(value, cut.low, cut.high);
}

double Distribution::from_draw(std::uint64_t draw) const {
  const double u = to_unit(draw);
  if (kind_ == Kind::mixture || kind_ == Kind::truncated_mixture)
    return offset_ + factor_ * base_from_draw(draw);
  return inverse({u, 1 - u});
}

Duration Distribution::duration_from_draw(std::uint64_t draw) const {
  return to_duration(from_draw(draw));
}

// ---- For reports ----

double Distribution::quantile(double p) const {
  return inverse({std::clamp(p, 0.0, 1.0), std::clamp(1 - p, 0.0, 1.0)});
}

/// The lowest level whose value is `above`; p = 1 if there is none, p = 0 if all are.
template <class Above>
Distribution::Level Distribution::level_where(Above above) const {
  if (above(inverse({0, 1}))) return {0, 1};
  if (!above(inverse({1, 0}))) return {1, 0};
  if (above(inverse({0.5, 0.5}))) {
    const double p = smallest([&](double at) { return above(inverse({at, 1 - at})); });
    return {p, 1 - p};
  }
  const double q = smallest([&](double at) { return !above(inverse({1 - at, at})); });
  return {1 - q, q};
}

double Distribution::cdf(double value) const {
  if (kind_ != Kind::mixture || factor_ == 0)
    return level_where([&](double at) { return at > value; }).p;
  double below = 0;
  for (std::size_t part = 0; part < detail_->parts.size(); ++part)
    below += detail_->weight[part] * detail_->parts[part].cdf((value - offset_) / factor_);
  return below;
}

double Distribution::mean() const {
  return offset_ + (factor_ == 0 ? 0 : factor_ * base_mean());
}

double Distribution::base_mean() const {
  switch (kind_) {
    case Kind::constant:
    case Kind::exponential:
    case Kind::normal:
      return a_;
    case Kind::uniform:
      return a_ + b_ / 2;
    case Kind::lognormal:
      return portable::exp(a_ + b_ * b_ / 2);
    case Kind::weibull:
      return a_ * portable::exp(portable::log_gamma(1 + b_));
    case Kind::gamma:
      return a_ * b_;
    case Kind::pareto:
      return c_ > 1 ? a_ * c_ / (c_ - 1) : infinity;
    case Kind::triangular:
      return (a_ + b_ + c_) / 3;
    case Kind::step: {
      double sum = 0;
      for (const double value : detail_->value) sum += value;
      return sum / a_;
    }
    case Kind::table: {
      double sum = 0;
      for (std::size_t i = 1; i < detail_->p.size(); ++i)
        sum +=
            (detail_->p[i] - detail_->p[i - 1]) * (detail_->value[i] + detail_->value[i - 1]) / 2;
      return sum;
    }
    case Kind::mixture: {
      double sum = 0;
      for (std::size_t i = 0; i < detail_->parts.size(); ++i)
        sum += detail_->weight[i] * detail_->parts[i].mean();
      return sum;
    }
    case Kind::truncated:
    case Kind::truncated_mixture: {
      // The inverse integrated over the levels, substituted so that steep ends do no harm (Takahasi
      // and Mori, 1974): p = 1 / (1 + exp(-pi sinh t)).
      double sum = 0, weights = 0;
      for (int i = -200; i <= 200; ++i) {
        const double t = i / 50.0;
        const double e = portable::exp(t);
        const double s = 3.14159265358979 * (e - 1 / e) / 2;
        const double p = 1 / (1 + portable::exp(-s)), q = 1 / (1 + portable::exp(s));
        const double weight = p * q * (e + 1 / e);
        if (!(weight > 1e-30)) continue;
        sum += weight * base({p, q});
        weights += weight;
      }
      return sum / weights;
    }
    case Kind::invalid:
      break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

std::string Distribution::text(double value) const {
  if (!is_duration_) return number(value);
  return value < 0 ? "-" + to_text(to_duration(-value)) : to_text(to_duration(value));
}

std::string Distribution::describe() const {
  const auto quantile_text = [&](double p) {
    return "p" + number(p * 100) + " " + text(base({p, 1 - p}));
  };
  std::string result;
  switch (kind_) {
    case Kind::constant:
      result = "constant " + text(a_);
      break;
    case Kind::uniform:
      result = "uniform, " + text(a_) + " to " + text(c_);
      break;
    case Kind::exponential:
      result = "exponential, mean " + text(a_);
      break;
    case Kind::normal:
      result = "normal, mean " + text(a_) + ", deviation " + text(b_);
      break;
    case Kind::lognormal:
      result = "lognormal, " + quantile_text(0.5) + ", " + quantile_text(0.99);
      break;
    case Kind::weibull:
      result = "Weibull, shape " + number(c_) + ", scale " + text(a_);
      break;
    case Kind::gamma:
      result = "gamma, shape " + number(b_) + ", scale " + text(a_);
      break;
    case Kind::pareto:
      result = "Pareto, shape " + number(c_) + ", from " + text(a_);
      break;
    case Kind::triangular:
      result = "triangular, " + text(a_) + " to " + text(c_) + ", mode " + text(b_);
      break;
    case Kind::step:
    case Kind::table:
      result = a_ > 0 ? number(a_) + (a_ == 1 ? " sample, " : " samples, ") : "quantiles, ";
      result += quantile_text(0.5) + ", " + quantile_text(0.99);
      break;
    case Kind::mixture:
      for (std::size_t i = 0; i < detail_->parts.size(); ++i) {
        result += i == 0 ? "mixture of " : "; ";
        result += number(detail_->weight[i]) + " (" + detail_->parts[i].describe() + ")";
      }
      break;
    case Kind::truncated:
    case Kind::truncated_mixture:
      result = detail_->parts.front().describe() + ", cut to " + text(detail_->low) + " to " +
               text(detail_->high);
      break;
    case Kind::invalid:
      return "impossible: " + detail_->problem;
  }
  if (factor_ != 1) result += ", times " + number(factor_);
  if (offset_ != 0) result += ", plus " + text(offset_);
  return result;
}

}  // namespace predrill::sim
