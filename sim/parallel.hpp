// Many runs at once, one per thread. Threads exist here alone: a run is single-threaded and shares
// nothing, so results, stored by index, do not depend on how many threads there are.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <vector>

namespace predrill::sim {

struct ParallelOptions {
  std::size_t jobs = 0;                     // threads; 0: one per processor
  const std::atomic<bool>* stop = nullptr;  // once true, no further index is begun (Ctrl-C)
  /// Told after each index how many of how many are done; never by two threads at once.
  std::function<void(std::size_t done, std::size_t all)> progress{};
};

/// Calls f(i) for every i in [0, n), in ascending order as threads become free. Returns once all
/// that were begun have ended; false if it was stopped before the last one. If calls throw, no
/// further index is begun and the exception of the smallest index is rethrown: the same one
/// whatever the number of threads.
bool for_each_index(std::size_t n, const std::function<void(std::size_t)>& f,
                    const ParallelOptions& options = {});

/// The results of f(0) … f(n - 1), in this order; nothing for those that a stop left out.
template <class F>
auto parallel_results(std::size_t n, F f, const ParallelOptions& options = {}) {
  using Value = std::invoke_result_t<F&, std::size_t>;
  std::vector<std::optional<Value>> results(n);
  for_each_index(
      n, [&results, &f](std::size_t i) { results[i].emplace(f(i)); }, options);
  return results;
}

}  // namespace predrill::sim
