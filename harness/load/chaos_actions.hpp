// What an activity of Chaos Toolkit does, in the words of the fault catalogue.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/input/document.hpp"

namespace predrill::harness {

/// Keys and values of a fault, "inject" first; values as in a scenario file.
using ChaosFault = std::vector<std::pair<std::string, std::string>>;

/// The fault that a provider of type "python" or "process" injects; nullopt if none is known to be
/// the same. The commands are those that people type: kubectl, patronictl, systemctl, pkill, tc,
/// iptables, reboot, behind sudo, ssh, bash -c and kubectl exec.
std::optional<ChaosFault> fault_of_provider(const Node& provider);

/// The same for the words of a command.
std::optional<ChaosFault> fault_of_command(std::vector<std::string> words);

}  // namespace predrill::harness
