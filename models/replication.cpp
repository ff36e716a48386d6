#include "models/replication.hpp"

#include <algorithm>

#include "sim/int128.hpp"

namespace predrill::models {

using sim::Duration;
using sim::Time;

void StandbyFlow::reset(Time now, Lsn received, Lsn replayed,
                        std::uint64_t replay_bytes_per_second) {
  upstream_ = nullptr;
  replay_rate_ = std::max<std::uint64_t>(replay_bytes_per_second, 1);
  stalled_ = false;
  caught_up_ = false;
  since_ = now;
  received_ = flushed_ = whole_ = received;
  replayed_ = as_of_from_ = std::min(received, replayed);
}

void StandbyFlow::connect(Time now, const WalCurve& upstream, const Path& path) {
  settle(now);
  if (upstream_ == nullptr) {  // what there is of a record comes again, whole
    received_ = std::min(received_, whole_);
    flushed_ = std::min(flushed_, whole_);
    replayed_ = std::min(replayed_, whole_);
  }
  upstream_ = &upstream;
  path_ = path;
  caught_up_ = false;
}

void StandbyFlow::disconnect(Time now, bool receiver_lives) {
  if (upstream_ == nullptr) return;
  settle(now);
  if (receiver_lives) {
    Lsn on_the_wire = upstream_->at(now - path_.send);
    if (path_.bytes_per_second != 0) {
      on_the_wire =
          std::min(on_the_wire, received_ + bytes_in(path_.bytes_per_second, path_.travel));
    }
    received_ = std::max(received_, on_the_wire);
    if (!stalled_) flushed_ = received_;
  } else {
    received_ = flushed_;
  }
  whole_ = upstream_->record_end(received_);
  received_as_of_ = as_of(received_, now - path_.send);
  replayed_as_of_ = as_of(replayed_, now - path_.send);
  as_of_from_ = replayed_;
  upstream_ = nullptr;
}

void StandbyFlow::settle(Time now) {
  const Lsn received_now = received(now);
  const Lsn flushed_now = flushed(now);
  const Lsn replayed_now = replayed(now);
  received_ = received_now;
  flushed_ = flushed_now;
  replayed_ = replayed_now;
  since_ = now;
}

void StandbyFlow::set_travel(Time now, Duration travel) {
  settle(now);
  path_.travel = travel;
}

void StandbyFlow::set_bandwidth(Time now, std::uint64_t bytes_per_second) {
  settle(now);
  path_.bytes_per_second = bytes_per_second;
}

void StandbyFlow::set_replay_paused(Time now, bool paused) {
  settle(now);
  paused_ = paused;
}

void StandbyFlow::set_stalled(Time now, bool stalled) {
  settle(now);
  stalled_ = stalled;
  if (!stalled && upstream_ == nullptr) flushed_ = received_;
}

Lsn StandbyFlow::received(Time now) const {
  if (upstream_ == nullptr) return received_;
  Lsn position = upstream_->at(now - delay());
  if (path_.bytes_per_second != 0) {
    position = std::min(position, received_ + bytes_in(path_.bytes_per_second, now - since_));
  }
  return std::max(received_, position);
}

Lsn StandbyFlow::flushed(Time now) const {
  if (upstream_ == nullptr || stalled_) return flushed_;
  const Lsn position = std::min(received(now), upstream_->at(now - delay() - path_.flush));
  return std::max(flushed_, position);
}

Lsn StandbyFlow::whole_records(Time now) const {
  const Lsn position = flushed(now);
  return upstream_ != nullptr ? upstream_->record_end(position) : std::min(position, whole_);
}

Lsn StandbyFlow::replayed(Time now) const {
  if (paused_) return replayed_;
  const Lsn position = std::min(flushed(now), replayed_ + bytes_in(replay_rate_, now - since_));
  return std::max(replayed_, position);
}

// Of what the upstream had at `seen`, everything up to which instant is at or before the position.
Time StandbyFlow::as_of(Lsn position, Time seen) const {
  return std::min(upstream_->until(position), seen);
}

Time StandbyFlow::data_as_of(Time now) const {
  const Lsn position = replayed(now);
  if (upstream_ != nullptr) return as_of(position, now - delay() - path_.flush);
  if (position >= received_) return received_as_of_;
  if (position <= as_of_from_ || received_ <= as_of_from_) return replayed_as_of_;
  const auto length =
      static_cast<std::uint64_t>(std::max(received_as_of_ - replayed_as_of_, Duration{}).count());
  const sim::Uint128 share = sim::Uint128{position - as_of_from_} * length;
  return replayed_as_of_ + Duration(static_cast<std::int64_t>(share / (received_ - as_of_from_)));
}

bool StandbyFlow::caught_up(Time now) {
  if (upstream_ == nullptr) return false;
  if (!caught_up_) caught_up_ = received(now) >= upstream_->at(now - delay());
  return caught_up_;
}

}  // namespace predrill::models
