// Random numbers of a run: counter-based streams, one per (seed, entity, purpose).
//
// Draw n of a stream is a pure function of the stream's key and n, so a draw added in one place
// shifts no other place, and two configurations compared under one seed differ only by what was
// changed (common random numbers). The bits come from Philox 4x32-10 (Salmon, Moraes, Dror, Shaw:
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011), taken from the Random123 library.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sim/int128.hpp"
#include "sim/time.hpp"

namespace predrill::sim {

/// Every bit of the result depends on every bit of the value; a bijection (the finaliser of
/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
constexpr std::uint64_t scramble(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

/// Joins two values; the order matters, and with either one fixed it is a bijection of the other.
constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  return scramble(scramble(a + 0x9e3779b97f4a7c15u) ^ (b * 0xd1342543de82ef95u));
}

/// A 64-bit hash of a text, the same on every machine and in every version: names of streams,
/// fingerprints, identifiers. FNV-1a over the bytes, then scrambled. Not for hostile input.
constexpr std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return scramble(hash);
}

/// A draw as a number in the open interval (0, 1): an odd multiple of 2^-53, so neither 0 nor 1,
/// symmetric about 1/2, and 1 - unit is exact too.
constexpr double to_unit(std::uint64_t draw) {
  return (static_cast<double>(static_cast<std::int64_t>(draw >> 12)) + 0.5) * 0x1p-52;
}

/// A sequence of 64-bit draws. A copy continues at the same position and yields the same draws.
class Stream {
 public:
  /// `salt`, where given, must outlive the stream and its copies. Its value takes part in every
  /// draw; when it changes (the run is forked), later draws change with it. 0 is the unforked run.
  Stream(std::uint64_t seed, std::string_view entity, std::string_view purpose,
         const std::uint64_t* salt = nullptr)
      : Stream(mix(mix(seed, stable_hash(entity)), stable_hash(purpose)), salt) {}

  /// The next draw: at(drawn()), then the stream moves on by one.
  std::uint64_t next() {
    if (position_ % group == 0 || *salt_ != buffered_salt_) refill();
    return buffer_[position_++ % group];
  }

  /// The draw with this index, counted from 0; does not move the stream. For "the third promotion
  /// always takes the same time, whatever happened before".
  std::uint64_t at(std::uint64_t index) const;

  /// How often next() was called, by whatever name.
  std::uint64_t drawn() const { return position_; }

  // Each of these takes exactly one draw.

  /// In the open interval (0, 1): see to_unit.
  double unit() { return to_unit(next()); }

  /// In [0, bound), and 0 if bound is 0. The multiplication gives some values a probability that
  /// differs from 1 / bound by less than 2^-64: a relative bias below bound * 2^-64.
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<Uint128>(next()) * bound) >> 64);
  }

  /// True with probability p; never for p <= 0 (or NaN), always for p >= 1.
  bool chance(double p) { return unit() < p; }

  /// Between low and high, both included; low if high < low. Integer arithmetic.
  Duration uniform(Duration low, Duration high);

  /// An independent stream of the same seed, for example one per connection of a pool. It does not
  /// depend on how far this stream has moved. It follows the same salt.
  Stream child(std::string_view purpose) const {
    return Stream(mix(key_, stable_hash(purpose)), salt_);
  }

 private:
  // Two Philox blocks are computed at a time: their rounds overlap in the processor.
  static constexpr std::size_t group = 4;
  static constexpr std::uint64_t unforked = 0;

  Stream(std::uint64_t key, const std::uint64_t* salt)
      : key_(key), salt_(salt ? salt : &unforked) {}
  void refill();

  std::uint64_t key_;
  const std::uint64_t* salt_;
  std::uint64_t position_ = 0;
  std::uint64_t buffered_salt_ = 0;
  std::array<std::uint64_t, group> buffer_{};  // of the group of position_, if that is under way
};

}  // namespace predrill::sim
