// Positions in the write-ahead log. Knows nothing else.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace predrill::models {

/// A byte position in the write-ahead log; shown as 2A/4B8C9D08.
struct Lsn {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(const Lsn&, const Lsn&) = default;
  friend constexpr Lsn operator+(Lsn a, std::uint64_t bytes) { return {a.value + bytes}; }
  /// Bytes from b up to a; zero if a lies before b.
  friend constexpr std::uint64_t operator-(Lsn a, Lsn b) {
    return a.value > b.value ? a.value - b.value : 0;
  }
};

/// wal_segment_size, as initdb sets it.
constexpr std::uint64_t wal_segment_bytes = std::uint64_t{16} << 20;

/// Goes up by one at each promotion.
using Timeline = std::uint32_t;

/// Number of a cluster member (its place in the cluster's list); names are for people.
using MemberId = std::uint8_t;
constexpr MemberId nobody = 255;
constexpr std::size_t members_max = 16;

/// A set of members.
using MemberSet = std::uint16_t;
constexpr MemberSet only(MemberId id) {
  return id == nobody ? MemberSet{0} : static_cast<MemberSet>(1U << id);
}
constexpr bool contains(MemberSet set, MemberId id) {
  return (set & only(id)) != 0;
}

}  // namespace predrill::models
