// The container runtime of a node as the kubelet meets it over CRI: it answers, hangs or is down.
//
// Real thing and version: containerd 1.7.18 with its CRI plugin.
// Modelled: the lock of one container's status that stops ListContainers (containerd issue 9770:
//   status.go, container_update_resources.go, container_list.go), a stuck container that stops only
//   its own ContainerStatus, a runtime that answers nothing, and a crash that systemd repairs after
//   5 s while shims and containers live on (containerd.service: Restart=always, KillMode=process).
//   A lock that comes from exits: the more containers exit at a time, the likelier.
// Simplified (diverges from the real thing): a lock lasts until the process is restarted or told to
//   let go; a call that hangs ends by the caller's time-out; a call that works takes no time.
// Ignored: images, events' requeueing, the sandbox controller.
// Calibrated from: the log of 2025-09-14 has one lock among 36 nodes; its rate is a setting.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

enum class CriFault : std::uint8_t { none, list_hang, inspect_hang, full_hang, crash };
std::string_view to_text(CriFault fault);

struct ContainerdConfig {
  sim::Duration restart = std::chrono::seconds(5);  // RestartSec of its unit
  /// Probability that an exit leaves a status lock behind, for each other container that exited
  /// within `exit_window`; 0: never.
  double lock_per_exit_pair = 0;
  sim::Duration exit_window = std::chrono::seconds(60);
};

namespace containerd_kinds {
inline constexpr sim::Kind fault{"containerd.fault", "{0:n}"};
inline constexpr sim::Kind released{"containerd.released", "answers again"};
}  // namespace containerd_kinds

class Containerd {
 public:
  Containerd(sim::Host& node, ContainerdConfig config);
  Containerd(const Containerd&) = delete;
  Containerd& operator=(const Containerd&) = delete;

  /// ListPodSandbox and ListContainers: true with an answer, false after `timeout` or an error.
  sim::Task<bool> list(const sim::Duration timeout);
  /// ContainerStatus of one pod; `pod` is the caller's number for it.
  sim::Task<bool> inspect(const std::uint32_t pod, const sim::Duration timeout);
  /// Status.
  sim::Task<bool> status(const sim::Duration timeout);
  /// RunPodSandbox, CreateContainer, StopContainer, …: anything that changes a container.
  sim::Task<bool> change(const std::uint32_t pod, const sim::Duration timeout);

  /// Makes it hang or crash. inspect_hang: `stuck` are the pods whose containers hang.
  void strike(CriFault fault, std::vector<std::uint32_t> stuck = {});
  /// A new process: every lock is gone. A reboot, systemctl restart.
  void restart_process();
  /// A container has exited; may leave a lock behind.
  void note_exit();
  CriFault fault() const { return fault_; }
  bool is_stuck(std::uint32_t pod) const;

 private:
  sim::Task<bool> answer(const bool hangs, const sim::Duration timeout);
  sim::Task<> come_back();

  sim::Host& node_;
  ContainerdConfig config_;
  CriFault fault_ = CriFault::none;
  std::vector<std::uint32_t> stuck_;
  std::vector<sim::Time> exits_;
  sim::Stream locks_;
  sim::Signal released_;
  sim::Group group_;
};

}  // namespace predrill::models
