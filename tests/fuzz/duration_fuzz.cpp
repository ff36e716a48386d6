#include "harness/input/decimal.hpp"
#include "sim/time.hpp"
#include "tests/fuzz/walk.hpp"

// What is read is written and read again; what is refused has a sentence that says why.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace predrill;
  const std::string_view text = fuzz::as_text(data, size);
  std::string problem;
  const auto value = sim::parse_duration(text, &problem);
  fuzz::require(value.has_value() == problem.empty());
  if (value) fuzz::require(sim::parse_duration(sim::to_exact_text(*value)) == value);
  if (size >= sizeof(std::int64_t)) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof bits; ++i) bits = bits << 8 | data[i];
    const sim::Duration any{static_cast<std::int64_t>(bits)};
    fuzz::require(sim::parse_duration(sim::to_exact_text(any)) == any);
    fuzz::require(!sim::to_text(any).empty());
  }
  if (const auto number = harness::parse_decimal(text)) {
    const auto whole = harness::scaled(*number, 1);
    if (whole && whole->exact) {
      fuzz::require(harness::scaled(*number, 0)->value == 0);
      const auto again = harness::parse_decimal(std::to_string(whole->value));
      fuzz::require(again && harness::scaled(*again, 1)->value == whole->value);
    }
  }
  return 0;
}
