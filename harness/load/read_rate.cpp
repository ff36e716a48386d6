#include "harness/load/read_rate.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "harness/input/decimal.hpp"

namespace predrill::harness {

std::optional<double> read_rate(const Value& value) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 9> sizes = {
      {{"B", 1},
       {"kB", std::uint64_t{1} << 10},
       {"MB", std::uint64_t{1} << 20},
       {"GB", std::uint64_t{1} << 30},
       {"TB", std::uint64_t{1} << 40},
       {"KiB", std::uint64_t{1} << 10},
       {"MiB", std::uint64_t{1} << 20},
       {"GiB", std::uint64_t{1} << 30},
       {"TiB", std::uint64_t{1} << 40}}};
  constexpr std::array<std::pair<std::string_view, int>, 3> times = {
      {{"s", 1}, {"min", 60}, {"h", 3600}}};
  const auto text = value.text();
  if (!text) return std::nullopt;
  const std::string_view all = *text;
  const std::size_t slash = std::min(all.find('/'), all.size());
  const std::size_t unit = std::min(all.find_first_of("BkKMGT"), slash);
  const auto amount = parse_decimal(all.substr(0, unit));
  const auto size = std::find_if(sizes.begin(), sizes.end(), [&](const auto& s) {
    return s.first == all.substr(unit, slash - unit);
  });
  const auto time = std::find_if(times.begin(), times.end(), [&](const auto& t) {
    return slash < all.size() && t.first == all.substr(slash + 1);
  });
  const auto bytes = amount && !amount->negative && size != sizes.end()
                         ? scaled(*amount, size->second)
                         : std::nullopt;
  if (!bytes || time == times.end()) {
    value.error("found " + in_quotes(*text) + " where a rate should stand",
                R"(write "512kB/s", "30MB/min" or "1.8GB/h")");
    return std::nullopt;
  }
  return static_cast<double>(bytes->value) / time->second;
}

}  // namespace predrill::harness
