#include "harness/kinds/capacity_watch.hpp"

#include <algorithm>

namespace predrill::harness {

sim::Task<> CapacityWatch::run() {
  for (;;) {
    const sim::Time now = sim_.now();
    for (Path& path : paths_) {
      const bool bad = path.bad();
      if (bad && !path.open) path.troubles.emplace_back(now, now);
      if (path.open || bad) path.troubles.back().second = now;
      path.open = bad;
    }
    co_await sim::sleep_for(interval);
  }
}

std::vector<PathRun> CapacityWatch::measure(sim::Time fault) {
  std::vector<PathRun> runs;
  for (const Path& path : paths_) {
    PathRun run{path.name, {}, {}};
    for (const auto& [begin, end] : path.troubles) {
      const bool lasts = path.open && &end == &path.troubles.back().second;
      const sim::Time to = lasts ? sim_.now() : end;
      if (to <= fault) continue;
      run.measures.outages.push_back({begin - sim::Time{}, to - sim::Time{}, lasts});
      run.measures.downtime += to - std::max(begin, fault);
      run.measures.rto = to - fault;
      run.measures.censored = lasts;
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace predrill::harness
