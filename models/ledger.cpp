#include "models/ledger.hpp"

#include <algorithm>
#include <cstddef>

#include "sim/int128.hpp"

namespace predrill::models {

using sim::Duration;
using sim::Time;

namespace {

constexpr std::uint64_t nanoseconds_per_kilosecond = 1'000'000'000'000;

std::uint64_t rows_in(std::uint64_t rows_per_kilosecond, Duration duration) {
  if (duration <= Duration{}) return 0;
  const sim::Uint128 product =
      sim::Uint128{rows_per_kilosecond} * static_cast<std::uint64_t>(duration.count());
  return static_cast<std::uint64_t>(product / nanoseconds_per_kilosecond);
}

// Rows acknowledged after one instant and until another.
std::uint64_t rows_between(const AcknowledgedFlow& flow, Time from, Time to) {
  const std::uint64_t before = rows_in(flow.rows_per_kilosecond, from - flow.from);
  const std::uint64_t until = rows_in(flow.rows_per_kilosecond, std::min(to, flow.to) - flow.from);
  return until > before ? until - before : 0;
}

// When the first row after an instant was acknowledged.
Time next_row(const AcknowledgedFlow& flow, Time after) {
  const std::uint64_t number = rows_in(flow.rows_per_kilosecond, after - flow.from) + 1;
  const sim::Uint128 times = sim::Uint128{number} * nanoseconds_per_kilosecond;
  const sim::Uint128 elapsed = (times + (flow.rows_per_kilosecond - 1)) / flow.rows_per_kilosecond;
  return flow.from + Duration(static_cast<std::int64_t>(elapsed));
}

// The first instant at which the flow had passed a position: rounded down it would lie before a row
// that ends exactly there.
Time time_at(const AcknowledgedFlow& flow, Lsn position) {
  if (position <= flow.from_lsn) return flow.from;
  if (position >= flow.to_lsn) return flow.to;
  const auto length = static_cast<std::uint64_t>((flow.to - flow.from).count());
  const std::uint64_t bytes = flow.to_lsn - flow.from_lsn;
  const sim::Uint128 share = sim::Uint128{position - flow.from_lsn} * length + (bytes - 1);
  return flow.from + Duration(static_cast<std::int64_t>(share / bytes));
}

Lsn position_at(const AcknowledgedFlow& flow, Time t) {
  if (t <= flow.from) return flow.from_lsn;
  if (t >= flow.to) return flow.to_lsn;
  const auto length = static_cast<std::uint64_t>((flow.to - flow.from).count());
  const sim::Uint128 share = sim::Uint128{flow.to_lsn - flow.from_lsn} *
                             static_cast<std::uint64_t>((t - flow.from).count());
  return flow.from_lsn + static_cast<std::uint64_t>(share / length);
}

bool survives(const AcknowledgedWrite& write, const WalHistory& survivor, Lsn end) {
  const auto kept = survivor.end_of(write.branch, end);
  return kept && write.lsn <= *kept;
}

// Bytes of each branch between what survives of it and the last lost acknowledged position.
class LostBytes {
 public:
  void add(Branch branch, Lsn kept, Lsn lost_end) {
    for (Entry& e : entries_) {
      if (e.branch != branch) continue;
      e.end = std::max(e.end, lost_end);
      return;
    }
    entries_.push_back({branch, kept, lost_end});
  }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const Entry& e : entries_) sum += e.end - e.kept;
    return sum;
  }

 private:
  struct Entry {
    Branch branch;
    Lsn kept;
    Lsn end;
  };
  std::vector<Entry> entries_;
};

// A branch that the survivor lacks was lost from its beginning, which only its writes can tell.
Lsn first_position(const Ledger& ledger, Branch branch) {
  Lsn first{UINT64_MAX};
  for (const auto& w : ledger.writes()) {
    if (w.branch == branch) first = std::min(first, w.lsn);
  }
  for (const auto& f : ledger.flows()) {
    if (f.branch == branch) first = std::min(first, f.from_lsn);
  }
  return first;
}

}  // namespace

void Ledger::acknowledge(const AcknowledgedWrite& write) {
  writes_.push_back(write);
}

void Ledger::acknowledge(const AcknowledgedFlow& flow) {
  if (flow.to > flow.from && flow.rows_per_kilosecond != 0) flows_.push_back(flow);
}

std::uint64_t Ledger::acknowledged() const {
  std::uint64_t rows = 0;
  for (const auto& w : writes_) rows += w.rows;
  for (const auto& f : flows_) rows += rows_in(f.rows_per_kilosecond, f.to - f.from);
  return rows;
}

Loss Ledger::lost(const WalHistory& survivor, Lsn survivor_end, Time from, Time to) const {
  Loss loss;
  LostBytes bytes;
  const auto kept_of = [&](Branch branch) {
    const auto kept = survivor.end_of(branch, survivor_end);
    return kept ? *kept : first_position(*this, branch);
  };
  for (const auto& w : writes_) {
    if (w.at < from || w.at > to || survives(w, survivor, survivor_end)) continue;
    loss.rows += w.rows;
    loss.oldest = std::min(loss.oldest, w.at);
    loss.newest = std::max(loss.newest, w.at);
    bytes.add(w.branch, kept_of(w.branch), w.lsn);
  }
  for (const auto& f : flows_) {
    const auto kept = survivor.end_of(f.branch, survivor_end);
    const Time lost_from = std::max(kept ? time_at(f, *kept) : f.from, from);
    const Time lost_to = std::min(f.to, to);
    if (lost_from >= lost_to) continue;
    const std::uint64_t rows = rows_between(f, lost_from, lost_to);
    if (rows == 0) continue;
    loss.rows += rows;
    loss.oldest = std::min(loss.oldest, next_row(f, lost_from));
    loss.newest = std::max(loss.newest, lost_to);
    bytes.add(f.branch, kept_of(f.branch), position_at(f, lost_to));
  }
  loss.bytes = bytes.total();
  return loss;
}

std::vector<std::uint64_t> Ledger::lost_tags(const WalHistory& survivor, Lsn survivor_end) const {
  std::vector<std::uint64_t> tags;
  for (const auto& w : writes_) {
    if (!survives(w, survivor, survivor_end)) tags.push_back(w.tag);
  }
  return tags;
}

namespace {

struct Stretch {
  MemberId member;
  Time from;
  Time to;
};

bool begins_before(const Stretch& a, const Stretch& b) {
  return a.from < b.from;
}

// In which stretches of time each member acknowledged, by their beginnings.
std::vector<Stretch> stretches(const Ledger& ledger, Duration gap) {
  std::vector<Stretch> all;
  all.reserve(ledger.writes().size() + ledger.flows().size());
  for (const auto& w : ledger.writes()) all.push_back({w.member, w.at, w.at});
  const auto writes = static_cast<std::ptrdiff_t>(all.size());
  for (const auto& f : ledger.flows()) all.push_back({f.member, f.from, f.to});
  const auto flows = all.begin() + writes;
  // Writes are many and come in as they happen; flows are few and come in when they end.
  if (!std::is_sorted(all.begin(), flows, begins_before)) {
    std::sort(all.begin(), flows, begins_before);
  }
  std::sort(flows, all.end(), begins_before);
  std::inplace_merge(all.begin(), flows, all.end(), begins_before);

  std::vector<Stretch> joined;
  std::vector<std::size_t> newest;  // by member: the place of its last stretch, counted from 1
  for (const Stretch& s : all) {
    if (s.member >= newest.size()) newest.resize(std::size_t{s.member} + 1);
    std::size_t& place = newest[s.member];
    if (place != 0 && s.from - joined[place - 1].to <= gap) {
      joined[place - 1].to = std::max(joined[place - 1].to, s.to);
    } else {
      joined.push_back(s);
      place = joined.size();
    }
  }
  return joined;
}

}  // namespace

DualWriters Ledger::dual_writers(Duration gap) const {
  const std::vector<Stretch> all = stretches(*this, gap);
  const bool several = std::any_of(
      all.begin(), all.end(), [&](const Stretch& s) { return s.member != all.front().member; });
  if (!several) return {};
  std::vector<std::pair<Time, Time>> windows;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i + 1; j < all.size() && all[j].from <= all[i].to; ++j) {
      if (all[i].member == all[j].member) continue;
      windows.emplace_back(all[j].from, std::min(all[i].to, all[j].to));
    }
  }
  std::sort(windows.begin(), windows.end());
  std::vector<std::pair<Time, Time>> joined;
  for (const auto& window : windows) {
    if (!joined.empty() && window.first <= joined.back().second) {
      joined.back().second = std::max(joined.back().second, window.second);
    } else {
      joined.push_back(window);
    }
  }
  DualWriters result;
  for (const auto& [from, to] : joined) {
    if (result.first == sim::time_max) result.first = from;
    result.overlap += to - from;
    for (const auto& w : writes_) {
      if (w.at >= from && w.at <= to) result.writes += w.rows;
    }
    for (const auto& f : flows_) {
      result.writes += rows_between(f, std::max(f.from, from), to);
    }
  }
  return result;
}

}  // namespace predrill::models
