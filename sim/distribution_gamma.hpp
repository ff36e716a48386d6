// The gamma distribution's quantiles: log(value) as a function of the normal value z of the same
// level.
#pragma once

#include <vector>

namespace predrill::sim::distribution_detail {

struct GammaKnot {
  double log_value, slope;  // the slope per knot
};

/// The table of one shape, 0.001 to 1e6.
std::vector<GammaKnot> make_gamma_knots(double shape);
/// The unit gamma value at the level of the normal value z.
double gamma_at(const std::vector<GammaKnot>& knots, double z);

}  // namespace predrill::sim::distribution_detail
