// The lab: a real Patroni cluster on this machine, each host in a network namespace of its own.
// Everything that exists is found through the plan on disk and the namespaces it names.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/live/lab_plan.hpp"
#include "harness/live/network_namespace.hpp"

namespace predrill::harness::live {

/// Holds a lab for this process; the lock goes with the process, whatever ends it.
class LabLock {
 public:
  /// Waits for nobody: check held().
  explicit LabLock(const std::string& name);
  ~LabLock();
  LabLock(const LabLock&) = delete;
  LabLock& operator=(const LabLock&) = delete;
  bool held() const { return file_ >= 0; }
  /// With the lab, its lock goes.
  void remove();

 private:
  std::string path_;
  int file_ = -1;
};

/// A member as Patroni's REST interface tells it.
struct MemberState {
  std::string name;
  std::string role;   // leader, sync_standby, replica
  std::string state;  // running, start failed, ...
  int timeline = 0;
};

struct LabState {
  std::vector<MemberState> members;  // empty: nobody answers
  std::string leader;
  std::string sync;                   // a synchronous standby; empty: none
  std::vector<std::string> problems;  // what keeps it from being steady
  bool steady() const { return problems.empty(); }
};

class Lab {
 public:
  explicit Lab(LabPlan plan) : plan_(std::move(plan)) {}
  /// The lab of that name on disk.
  static std::optional<Lab> find(const std::string& name);
  static std::vector<std::string> names();

  const LabPlan& plan() const { return plan_; }
  /// Makes everything and waits until it is steady. `tell` hears what is being done.
  Problem up(const std::function<void(const std::string&)>& tell);
  /// Ends every process in the lab's namespaces, removes them and the folder. Whatever is already
  /// gone is no problem.
  Problem down();
  LabState state() const;
  /// Waits until it is steady; the last state.
  LabState wait_steady(std::chrono::seconds limit) const;
  /// Undoes every disturbance: cables in, neighbours right, processes running or started anew.
  Problem heal();
  /// Has every standby that does not stream copied anew: a promotion that ended before its
  /// checkpoint leaves one on a timeline that the primary does not have, and pg_rewind (until
  /// PostgreSQL 15) does not see it. Takes away a /sync without a standby, which Patroni 3.0.2
  /// leaves as it is if it names another leader.
  void mend_replication(const LabState& state);

  // Disturbances. The proof of each is in what the kernel says afterwards.
  Problem cable(const LabHost& host, bool in);
  bool cable_in(const LabHost& host) const;
  /// From now on packets from one host to the others go to nobody; or find their way again.
  Problem cut(const LabHost& from, const std::vector<const LabHost*>& others, bool off);
  bool is_cut(const LabHost& from, const LabHost& to) const;
  Problem start(const LabHost& host);
  bool running(const LabHost& host) const;
  /// Patroni, etcd, ...: the process that was started; 0 if there is none.
  ProcessId main_process(const LabHost& host) const;
  /// 0 if there is none.
  ProcessId postmaster(const LabHost& host) const;

  /// Runs `work` in a thread of its own in the client's namespace and waits for it.
  void as_client(const std::function<void()>& work) const;

 private:
  Problem make_files() const;
  Problem make_network() const;
  Problem start_cluster(const std::function<void(const std::string&)>& tell);
  LabState ask() const;
  std::string write_through_every_path() const;

  LabPlan plan_;
};

/// Libpq's connection string: hosts, port, database; the user is postgres.
std::string connection_text(const std::vector<std::string>& hosts, int port,
                            const std::string& database, bool read_write);

}  // namespace predrill::harness::live
