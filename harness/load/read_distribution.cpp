#include "harness/load/read_distribution.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "harness/input/decimal.hpp"

namespace predrill::harness {

using sim::Distribution;

namespace {

constexpr std::size_t mixture_depth_max = 4;

class DistributionReader {
 public:
  DistributionReader(Quantity quantity, std::size_t depth) : quantity_(quantity), depth_(depth) {}

  std::optional<Distribution> read(const Value& value) {
    if (!value.exists()) return std::nullopt;
    if (value.node()->is_map()) return read_map(value);
    const std::optional<double> constant = number(value);
    if (!constant) return std::nullopt;
    return of([](auto v) { return Distribution::constant(v); }, *constant);
  }

 private:
  struct Family {
    std::string_view key;
    std::optional<Distribution> (DistributionReader::*read)(const Value&);
  };
  static constexpr std::size_t families = 11;
  static const std::array<Family, families>& table() {
    using R = DistributionReader;
    static constexpr std::array<Family, families> all = {{{"constant", &R::constant},
                                                          {"uniform", &R::uniform},
                                                          {"exponential", &R::exponential},
                                                          {"normal", &R::normal},
                                                          {"lognormal", &R::lognormal},
                                                          {"weibull", &R::weibull},
                                                          {"gamma", &R::gamma},
                                                          {"pareto", &R::pareto},
                                                          {"triangular", &R::triangular},
                                                          {"empirical", &R::empirical},
                                                          {"quantiles", &R::quantiles}}};
    return all;
  }

  std::optional<Distribution> read_map(const Value& value) {
    Reader reader(value);
    std::optional<Distribution> found;
    std::size_t named = 0;
    bool good = true;
    for (const Family& family : table()) {
      const Value member = reader.optional(family.key);
      if (!member.exists()) continue;
      ++named;
      found = (this->*family.read)(member);
    }
    const Value parts = reader.optional("mixture");
    if (parts.exists()) {
      ++named;
      found = mixture(parts);
    }
    // An unknown key is reported by itself.
    const bool has_other_keys =
        value.node()->members.size() > named + (reader.has("shifted") ? 1U : 0U) +
                                           (reader.has("truncated") ? 1U : 0U) +
                                           (reader.has("source") ? 1U : 0U);
    if (named > 1 || (named == 0 && !has_other_keys)) {
      value.error(named == 0 ? "no distribution is named" : "more than one distribution is named",
                  "write one of constant, uniform, exponential, normal, lognormal, weibull, gamma, "
                  "pareto, triangular, empirical, quantiles, mixture");
      good = false;
    }
    const Value shift = reader.optional("shifted");
    const std::optional<double> by = number(shift);
    if (found && by) found = found->shifted(*by);
    const Value bounds = reader.optional("truncated");
    if (bounds.exists()) {
      const auto pair = numbers(bounds, 2);
      if (found && pair) found = found->truncated((*pair)[0], (*pair)[1]);
    }
    const std::optional<std::string> source = reader.optional("source").text();
    reader.finish();
    if (!found || !good || (shift.exists() && !by)) return std::nullopt;
    if (!found->problem().empty()) {
      value.error(found->problem());
      return std::nullopt;
    }
    return source ? found->with_source(*source) : *found;
  }

  // Calls a maker with Durations or with numbers, so that values keep their unit.
  template <class Make, class... Numbers>
  Distribution of(Make make, Numbers... numbers) const {
    if (quantity_ == Quantity::duration) {
      return make(sim::Duration(static_cast<std::int64_t>(numbers))...);
    }
    return make(static_cast<double>(numbers)...);
  }

  std::optional<double> number(const Value& value) const {
    if (!value.exists()) return std::nullopt;
    if (quantity_ == Quantity::number) return value.number();
    if (quantity_ == Quantity::bytes) {
      const auto bytes = value.bytes();
      if (!bytes) return std::nullopt;
      return static_cast<double>(*bytes);
    }
    const auto duration = value.duration();
    if (!duration) return std::nullopt;
    return static_cast<double>(duration->count());
  }

  std::optional<std::vector<double>> numbers(const Value& value, std::size_t wanted) const {
    std::vector<double> out;
    bool good = true;
    for (const Value& item : value.items()) {
      const auto one = number(item);
      good = good && one.has_value();
      out.push_back(one.value_or(0));
    }
    if (!value.node()->is_list() || !good) return std::nullopt;
    if (wanted > 0 && out.size() != wanted) {
      value.error("the list has " + std::to_string(out.size()) + " values instead of " +
                  std::to_string(wanted));
      return std::nullopt;
    }
    return out;
  }

  std::optional<Distribution> constant(const Value& value) {
    const auto v = number(value);
    if (!v) return std::nullopt;
    return of([](auto x) { return Distribution::constant(x); }, *v);
  }
  std::optional<Distribution> uniform(const Value& value) {
    const auto v = numbers(value, 2);
    if (!v) return std::nullopt;
    return of([](auto a, auto b) { return Distribution::uniform(a, b); }, (*v)[0], (*v)[1]);
  }
  std::optional<Distribution> exponential(const Value& value) {
    const auto v = number(value);
    if (!v) return std::nullopt;
    return of([](auto x) { return Distribution::exponential(x); }, *v);
  }
  std::optional<Distribution> normal(const Value& value) {
    Reader reader(value);
    const auto mean = number(reader.required("mean"));
    const auto deviation = number(reader.required("deviation"));
    if (!mean || !deviation) return std::nullopt;
    return of([](auto a, auto b) { return Distribution::normal(a, b); }, *mean, *deviation);
  }
  std::optional<Distribution> triangular(const Value& value) {
    const auto v = numbers(value, 3);
    if (!v) return std::nullopt;
    return of([](auto a, auto b, auto c) { return Distribution::triangular(a, b, c); }, (*v)[0],
              (*v)[1], (*v)[2]);
  }

  // Shape, and a scale or a lower end.
  template <class Make>
  std::optional<Distribution> shaped(const Value& value, std::string_view second, Make make) {
    Reader reader(value);
    const auto shape = reader.required("shape").number();
    const auto scale = number(reader.required(second));
    if (!shape || !scale) return std::nullopt;
    return of([&](auto v) { return make(*shape, v); }, *scale);
  }
  std::optional<Distribution> weibull(const Value& value) {
    return shaped(value, "scale", [](double s, auto v) { return Distribution::weibull(s, v); });
  }
  std::optional<Distribution> gamma(const Value& value) {
    return shaped(value, "scale", [](double s, auto v) { return Distribution::gamma(s, v); });
  }
  std::optional<Distribution> pareto(const Value& value) {
    return shaped(value, "low", [](double s, auto v) { return Distribution::pareto(s, v); });
  }

  std::optional<Distribution> empirical(const Value& value) {
    const auto v = numbers(value, 0);
    if (!v) return std::nullopt;
    if (quantity_ != Quantity::duration) return Distribution::empirical(*v);
    std::vector<sim::Duration> durations;
    for (const double x : *v) durations.emplace_back(static_cast<std::int64_t>(x));
    return Distribution::empirical(durations);
  }

  // "p50": ..., "p99.9": ...; p as a probability.
  std::optional<std::vector<std::pair<double, double>>> points(const Value& value) const {
    std::vector<std::pair<double, double>> out;
    bool good = value.node()->is_map();
    for (const auto& [key, entry] : value.entries()) {
      const auto percent = key.size() > 1 && key[0] == 'p'
                               ? parse_decimal(std::string_view(key).substr(1))
                               : std::nullopt;
      const auto ppm = percent ? scaled(*percent, 10'000'000) : std::nullopt;
      if (!ppm || ppm->value < 0 || ppm->value > 1'000'000'000) {
        entry.error("the key is not a quantile", "write p50, p99 or p99.9");
        good = false;
        continue;
      }
      const auto v = number(entry);
      good = good && v.has_value();
      out.emplace_back(static_cast<double>(ppm->value) / 1e9, v.value_or(0));
    }
    if (!good) return std::nullopt;
    std::sort(out.begin(), out.end());
    return out;
  }
  std::optional<Distribution> lognormal(const Value& value) {
    const auto p = points(value);
    if (!p) return std::nullopt;
    if (p->size() != 2) {
      value.error("a lognormal distribution is given by two quantiles",
                  R"(write {"p50": ..., "p99": ...})");
      return std::nullopt;
    }
    const auto [p1, v1] = (*p)[0];
    const auto [p2, v2] = (*p)[1];
    return of([&](auto a, auto b) { return Distribution::lognormal_percentiles(p1, a, p2, b); }, v1,
              v2);
  }
  std::optional<Distribution> quantiles(const Value& value) {
    const auto p = points(value);
    if (!p) return std::nullopt;
    if (quantity_ != Quantity::duration) return Distribution::quantiles(*p);
    std::vector<std::pair<double, sim::Duration>> durations;
    for (const auto& [level, v] : *p) {
      durations.emplace_back(level, sim::Duration(static_cast<std::int64_t>(v)));
    }
    return Distribution::quantiles(durations);
  }

  std::optional<Distribution> mixture(const Value& value) {
    if (depth_ == mixture_depth_max) {
      value.error("mixtures are nested too deeply");
      return std::nullopt;
    }
    std::vector<Distribution::Part> parts;
    bool good = value.node()->is_list();
    for (const Value& item : value.items()) {
      Reader reader(item);
      const auto weight = reader.required("weight").number(0);
      const auto part = DistributionReader(quantity_, depth_ + 1).read(reader.required("of"));
      good = good && weight && part;
      if (weight && part) parts.push_back({*weight, *part});
    }
    if (!good) return std::nullopt;
    return Distribution::mixture(parts);
  }

  Quantity quantity_;
  std::size_t depth_;
};

}  // namespace

std::optional<Distribution> read_distribution(const Value& value, Quantity quantity) {
  return DistributionReader(quantity, 0).read(value);
}

bool read_into(sim::Distribution& to, const Value& value, Quantity quantity) {
  auto found = read_distribution(value, quantity);
  if (!found) return false;
  to = std::move(*found);
  return true;
}

}  // namespace predrill::harness
