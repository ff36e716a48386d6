#include "sim/parallel.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>

namespace predrill::sim {

namespace {

class Runner {
 public:
  Runner(std::size_t n, const std::function<void(std::size_t)>& f, const ParallelOptions& options)
      : n_(n), f_(f), options_(options) {}

  void work() {
    // An index once taken is computed: so all below the one that fails are.
    while (!halted()) {
      const std::size_t i = next_.fetch_add(1);
      if (i >= n_) return;
      try {
        f_(i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (failed_ == nullptr || i < failed_at_) {
          failed_ = std::current_exception();
          failed_at_ = i;
        }
        failing_ = true;
        continue;
      }
      const std::lock_guard lock(mutex_);
      ++done_;
      if (options_.progress) options_.progress(done_, n_);
    }
  }

  bool finish() const {
    if (failed_ != nullptr) std::rethrow_exception(failed_);
    return done_ == n_;
  }

 private:
  bool halted() const {
    return failing_ || (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed));
  }

  std::size_t n_;
  const std::function<void(std::size_t)>& f_;
  const ParallelOptions& options_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> failing_ = false;
  std::mutex mutex_;  // guards what follows
  std::size_t done_ = 0;
  std::exception_ptr failed_;
  std::size_t failed_at_ = 0;
};

}  // namespace

bool for_each_index(std::size_t n, const std::function<void(std::size_t)>& f,
                    const ParallelOptions& options) {
  const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t jobs = std::min(n, options.jobs != 0 ? options.jobs : processors);
  Runner runner(n, f, options);
  {
    std::vector<std::jthread> others;
    for (std::size_t t = 1; t < jobs; ++t) others.emplace_back([&runner] { runner.work(); });
    runner.work();
  }
  return runner.finish();
}

}  // namespace predrill::sim
