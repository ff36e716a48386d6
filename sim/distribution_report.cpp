// Means and descriptions, for reports.
#include <cstddef>
#include <limits>

#include "sim/distribution_detail.hpp"
#include "sim/portable_math.hpp"

namespace predrill::sim {

using distribution_detail::infinity;
using distribution_detail::number;
using distribution_detail::to_duration;

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
