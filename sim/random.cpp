#include "sim/random.hpp"

#include <Random123/philox.h>

namespace predrill::sim {
namespace {

// The salt fills the upper half of the counter, not the key: for one key Philox is a bijection of
// the counter, so a forked stream cannot repeat a block of the unforked one.
std::array<std::uint64_t, 2> philox(std::uint64_t key, std::uint64_t salt, std::uint64_t block) {
  const auto low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
  const auto high = [](std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); };
  const r123::Philox4x32::ctr_type counter = {{low(block), high(block), low(salt), high(salt)}};
  const r123::Philox4x32::key_type philox_key = {{low(key), high(key)}};
  const auto out = r123::Philox4x32()(counter, philox_key);
  return {out.v[0] | std::uint64_t{out.v[1]} << 32, out.v[2] | std::uint64_t{out.v[3]} << 32};
}

}  // namespace

void Stream::refill() {
  static_assert(group == 4);
  buffered_salt_ = *salt_;
  const std::uint64_t block = position_ / group * 2;
  const auto first = philox(key_, buffered_salt_, block);
  const auto second = philox(key_, buffered_salt_, block + 1);
  buffer_ = {first[0], first[1], second[0], second[1]};
}

std::uint64_t Stream::at(std::uint64_t index) const {
  return philox(key_, *salt_, index / 2)[index % 2];
}

Duration Stream::uniform(Duration low, Duration high) {
  const auto from = static_cast<std::uint64_t>(low.count());
  const std::uint64_t span = high < low ? 0 : static_cast<std::uint64_t>(high.count()) - from;
  const std::uint64_t offset = span == UINT64_MAX ? next() : below(span + 1);
  return Duration(static_cast<std::int64_t>(from + offset));
}

}  // namespace predrill::sim
