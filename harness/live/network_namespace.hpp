// Network namespaces as the machines of a lab: what runs in one is found through the kernel, so no
// list of processes can be stale or name a foreign one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/live/command.hpp"

namespace predrill::harness::live {

using ProcessId = std::int32_t;  // pid_t of Linux

/// Why this machine cannot have network namespaces of its own; nullopt: it can.
Problem namespaces_missing();

bool namespace_exists(const std::string& name);

/// The processes whose network is this namespace, ascending.
std::vector<ProcessId> processes_in(const std::string& name);

/// Sends a signal to each process in the namespace, again until no new one appears; their number.
int signal_all(const std::string& name, int signal);

/// SIGKILL to everything in it until it is empty (at most about 5 s); false if something stays.
bool empty_namespace(const std::string& name);

/// Moves the calling thread, and no other, into the namespace.
Problem enter_namespace(const std::string& name);

/// A program that goes on when this one ends.
struct Daemon {
  std::vector<std::string> argv;  // argv[0] is a path
  std::vector<std::string> environment;
  std::string network;  // namespace
  std::string user;     // empty: the caller's
  std::string folder;   // where it runs
  std::string log;      // appended to
  int nice = 0;
};
Problem start_daemon(const Daemon& daemon);

/// Whether a process with this command line runs the daemon's program: by its path and its first
/// argument, since the path alone may stand among the arguments of another command.
bool runs(std::string_view command_line, const Daemon& daemon);

/// Number of clock ticks after boot at which a process started: with its number it names one
/// process for ever. 0: there is none.
unsigned long long start_ticks(ProcessId process);

/// The command line of a process, with spaces; empty if there is none.
std::string command_line(ProcessId process);

}  // namespace predrill::harness::live
