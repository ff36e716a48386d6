// Random quantities as files write them.
//
//   "10ms"                                                  always the same
//   {"uniform": ["60s", "70s"]}                             low, high
//   {"exponential": "5s"}                                   mean
//   {"normal": {"mean": "5s", "deviation": "1s"}}
//   {"lognormal": {"p50": "12ms", "p99": "80ms"}, "source": "..."}     any two quantiles
//   {"weibull": {"shape": 1.5, "scale": "2s"}}, {"gamma": {"shape": 2, "scale": "2s"}}
//   {"pareto": {"shape": 2.5, "low": "10ms"}}
//   {"triangular": ["1s", "2s", "5s"]}                      low, mode, high
//   {"empirical": ["1.2s", "0.9s", "1.4s"]}                 measured samples
//   {"quantiles": {"p0": "1s", "p50": "2s", "p100": "9s"}}
//   {"mixture": [{"weight": 9, "of": "1s"}, {"weight": 1, "of": {"exponential": "5s"}}]}
//
// "shifted" and "truncated": [low, high] may stand beside them, and "source" should.
#pragma once

#include <cstdint>
#include <optional>

#include "harness/input/reader.hpp"
#include "sim/distribution.hpp"

namespace predrill::harness {

/// What the numbers of a distribution are.
enum class Quantity : std::uint8_t {
  duration,  // "10ms"
  bytes,     // "100MB", of a size or a rate per second
  number,    // 3.5
};

/// nullopt where it is missing or wrong; a problem that only the whole shows (a low above a high)
/// is reported too.
std::optional<sim::Distribution> read_distribution(const Value&, Quantity = Quantity::duration);
/// Leaves `to` as it is then; says whether it was read.
bool read_into(sim::Distribution& to, const Value&, Quantity = Quantity::duration);

}  // namespace predrill::harness
