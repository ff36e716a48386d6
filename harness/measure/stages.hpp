// The stages of an RTO: cut at the milestones of the timeline, so that they add up to it exactly.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sim/time.hpp"

namespace predrill::harness {

enum class Stage : std::uint8_t {
  detection,     // fault -> the rest of the cluster knows (leader key gone; crash noticed)
  election,      // -> the next primary holds the leader key
  promotion,     // -> it accepts writes
  routing,       // -> the path leads there (service, HAProxy, DNS)
  reconnection,  // -> the path has a usable connection
  first_commit,  // -> the first answered write
};
constexpr std::size_t stages = 6;
constexpr std::array<std::string_view, stages> stage_names = {
    "detection", "election", "promotion", "routing", "reconnection", "first_commit"};

/// When each stage was over, since the start of the run; forever where it did not happen.
struct Milestones {
  sim::Duration fault = sim::forever;
  sim::Duration detected = sim::forever;
  sim::Duration elected = sim::forever;
  sim::Duration writable = sim::forever;
  sim::Duration routed = sim::forever;
  sim::Duration reconnected = sim::forever;
};

using Stages = std::array<sim::Duration, stages>;

/// Cuts [fault, fault + rto] at the milestones. A milestone that did not happen, or that lies
/// beyond a later one, ends where its successor ends: its stage gets no time of its own beyond
/// that. The stages are never negative and add up to `rto` to the nanosecond.
Stages cut(const Milestones& milestones, sim::Duration rto);

/// The longest stage; the earliest of equals.
Stage dominating(const Stages& stages_of_run);

}  // namespace predrill::harness
