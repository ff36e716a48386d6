// From a draw to a value, and from a value back to its level.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "sim/distribution_detail.hpp"
#include "sim/portable_math.hpp"

namespace predrill::sim {

using distribution_detail::gamma_at;
using distribution_detail::infinity;
using distribution_detail::nanoseconds;
using distribution_detail::normal_at;
using distribution_detail::number;
using distribution_detail::to_duration;

namespace {

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

}  // namespace predrill::sim
