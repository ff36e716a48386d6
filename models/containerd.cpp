#include "models/containerd.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using sim::Duration;
using sim::Task;

std::string_view to_text(CriFault fault) {
  switch (fault) {
    case CriFault::none:
      return "works";
    case CriFault::list_hang:
      return "a container status stays locked: ListContainers hangs";
    case CriFault::inspect_hang:
      return "ContainerStatus of single containers hangs";
    case CriFault::full_hang:
      return "every call hangs";
    case CriFault::crash:
      return "crashed";
  }
  return "?";
}

Containerd::Containerd(sim::Host& node, ContainerdConfig config)
    : node_(node),
      config_(config),
      locks_(node.stream("containerd.lock")),
      group_(node, "containerd") {}

Task<bool> Containerd::answer(const bool hangs, const Duration timeout) {
  if (fault_ == CriFault::crash) co_return false;  // the socket refuses
  if (!hangs) co_return true;
  co_await released_.wait_for(timeout);
  co_return false;
}

Task<bool> Containerd::list(const Duration timeout) {
  const bool hangs = fault_ == CriFault::list_hang || fault_ == CriFault::full_hang;
  const bool answered = co_await answer(hangs, timeout);
  co_return answered;
}

Task<bool> Containerd::inspect(const std::uint32_t pod, const Duration timeout) {
  const bool hangs = fault_ == CriFault::full_hang || is_stuck(pod);
  const bool answered = co_await answer(hangs, timeout);
  co_return answered;
}

Task<bool> Containerd::status(const Duration timeout) {
  const bool answered = co_await answer(fault_ == CriFault::full_hang, timeout);
  co_return answered;
}

Task<bool> Containerd::change(const std::uint32_t pod, const Duration timeout) {
  const bool hangs =
      fault_ == CriFault::full_hang || fault_ == CriFault::list_hang || is_stuck(pod);
  const bool answered = co_await answer(hangs, timeout);
  co_return answered;
}

bool Containerd::is_stuck(std::uint32_t pod) const {
  return fault_ == CriFault::inspect_hang &&
         std::find(stuck_.begin(), stuck_.end(), pod) != stuck_.end();
}

void Containerd::strike(CriFault fault, std::vector<std::uint32_t> stuck) {
  fault_ = fault;
  stuck_ = std::move(stuck);
  sim::Trace& trace = node_.simulation().trace();
  trace.emit(node_.simulation().now(), node_.entity(), containerd_kinds::fault,
             trace.name(to_text(fault)));
  if (fault == CriFault::crash) group_.spawn(come_back());
  if (fault == CriFault::crash || fault == CriFault::none) released_.notify_all();
}

Task<> Containerd::come_back() {
  co_await sim::sleep_for(config_.restart);
  restart_process();
}

void Containerd::restart_process() {
  if (fault_ == CriFault::none) return;
  fault_ = CriFault::none;
  stuck_.clear();
  node_.simulation().trace().emit(node_.simulation().now(), node_.entity(),
                                  containerd_kinds::released);
  released_.notify_all();
}

// The lock needs an exit whose shim is stuck in umount while others exit (issue 9770), so its rate
// grows with the square of the churn.
void Containerd::note_exit() {
  if (config_.lock_per_exit_pair <= 0) return;
  const sim::Time now = node_.simulation().now();
  std::erase_if(exits_, [&](sim::Time at) { return at + config_.exit_window < now; });
  const double probability = config_.lock_per_exit_pair * static_cast<double>(exits_.size());
  exits_.push_back(now);
  const bool locks = locks_.chance(probability);
  if (locks && fault_ == CriFault::none) strike(CriFault::list_hang);
}

}  // namespace predrill::models
