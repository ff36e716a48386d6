#include "models/wal.hpp"

#include <algorithm>

#include "sim/int128.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;
using sim::Uint128;

namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;
constexpr std::size_t points_max = 512;
constexpr Duration exact_past = 2s;
constexpr Duration coarse_step = 100ms;

}  // namespace

std::uint64_t bytes_in(std::uint64_t bytes_per_second, Duration duration) {
  if (duration <= Duration{}) return 0;
  const Uint128 product = Uint128{bytes_per_second} * static_cast<std::uint64_t>(duration.count());
  return static_cast<std::uint64_t>(product / nanoseconds_per_second);
}

Duration time_for(std::uint64_t bytes, std::uint64_t bytes_per_second) {
  if (bytes == 0) return Duration{};
  if (bytes_per_second == 0) return sim::forever;
  const Uint128 product = Uint128{bytes} * nanoseconds_per_second + (bytes_per_second - 1);
  const Uint128 count = product / bytes_per_second;
  if (count >= static_cast<Uint128>(sim::forever.count())) return sim::forever;
  return Duration(static_cast<std::int64_t>(count));
}

void WalCurve::reset(Time now, Lsn position) {
  points_.clear();
  points_.push_back({now, position, 0});
  last_jump_ = now;
}

void WalCurve::set_rate(Time now, std::uint64_t bytes_per_second, std::uint64_t record_bytes) {
  if (rate() == bytes_per_second) return;
  if (rate() != 0) last_jump_ = now;
  add({now, at(now), bytes_per_second});
  if (record_bytes != 0) record_bytes_ = record_bytes;
}

// A record of its own, between those of the steady load, one of which it may find half written.
void WalCurve::jump(Time now, std::uint64_t bytes) {
  last_jump_ = now;
  const Point& last = points_.back();
  const Lsn end = at(now);
  const std::uint64_t whole = record_bytes_ == 0 ? 1 : record_bytes_;
  add({now, end + bytes, rate(), (last.partial + (end - last.position)) % whole});
}

Lsn WalCurve::record_end(Lsn position) const {
  if (record_bytes_ == 0) return position;
  std::size_t i = points_.size() - 1;
  while (i > 0 && points_[i].position > position) --i;
  const Point& p = points_[i];
  const std::uint64_t beyond = position - p.position;
  return Lsn{position.value - std::min(beyond, (p.partial + beyond) % record_bytes_)};
}

void WalCurve::add(Point point) {
  if (points_.back().at == point.at && points_.size() > 1) {
    points_.back() = point;
    return;
  }
  if (points_.size() >= points_max) thin(point.at);
  points_.push_back(point);
}

// Keeps what is recent as it is, of the rest one point per step, and of that the newer half if it
// still is too much.
void WalCurve::thin(Time now) {
  std::vector<Point> kept;
  kept.reserve(points_max);
  for (const Point& p : points_) {
    const bool recent = now - p.at < exact_past;
    if (kept.empty() || recent || p.at - kept.back().at >= coarse_step) kept.push_back(p);
  }
  if (kept.size() > points_max * 3 / 4) {
    kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(kept.size() / 2));
  }
  points_.swap(kept);
}

Lsn WalCurve::at(Time t) const {
  std::size_t i = points_.size() - 1;
  while (i > 0 && points_[i].at > t) --i;
  const Point& p = points_[i];
  const Lsn position = p.position + bytes_in(p.rate, t - p.at);
  return i + 1 < points_.size() ? std::min(position, points_[i + 1].position) : position;
}

Time WalCurve::until(Lsn position) const {
  const auto beyond = std::upper_bound(points_.begin(), points_.end(), position,
                                       [](Lsn l, const Point& p) { return l < p.position; });
  if (beyond == points_.begin()) return points_.front().at;
  const Point& p = *(beyond - 1);
  const Duration wait = p.rate == 0 ? sim::forever : time_for(position - p.position + 1, p.rate);
  const Time alone = later(p.at, wait);
  return beyond == points_.end() ? alone : std::min(alone, beyond->at);
}

std::optional<Lsn> WalHistory::end_of(Branch branch, Lsn own_end) const {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].branch != branch) continue;
    if (i > 0 && entries_[i].begin > own_end) return std::nullopt;
    return i + 1 < entries_.size() ? std::min(entries_[i + 1].begin, own_end) : own_end;
  }
  return std::nullopt;
}

void WalHistory::trim(Lsn end) {
  while (entries_.size() > 1 && entries_.back().begin > end) entries_.pop_back();
}

namespace {

// The number of timelines at the start that two histories have in common.
std::size_t common_entries(const WalHistory& a, const WalHistory& b) {
  const auto& x = a.entries();
  const auto& y = b.entries();
  std::size_t n = 0;
  while (n < x.size() && n < y.size() && x[n].branch == y[n].branch && x[n].begin == y[n].begin) {
    ++n;
  }
  return n;
}

Lsn end_of_entry(const WalHistory& h, std::size_t i, Lsn own_end) {
  const auto& entries = h.entries();
  return i + 1 < entries.size() ? std::min(entries[i + 1].begin, own_end) : own_end;
}

}  // namespace

Lsn WalHistory::common_end(const WalHistory& a, Lsn a_end, const WalHistory& b, Lsn b_end) {
  const std::size_t n = common_entries(a, b);
  if (n == 0) return Lsn{};
  return std::min(end_of_entry(a, n - 1, a_end), end_of_entry(b, n - 1, b_end));
}

Follow can_follow(const WalHistory& standby, Lsn standby_end, const WalHistory& primary,
                  Lsn primary_end) {
  const Lsn common = WalHistory::common_end(standby, standby_end, primary, primary_end);
  if (standby_end <= common) return Follow::yes;
  if (standby.timeline() > primary.timeline()) return Follow::behind;
  const std::size_t n = common_entries(standby, primary);
  const bool same = n == standby.entries().size() && n == primary.entries().size();
  return same ? Follow::ahead : Follow::diverged;
}

}  // namespace predrill::models
