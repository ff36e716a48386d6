// What etcd stores and what travels between it and its clients: the keys that Patroni uses, typed,
// and the state machine that every member applies in the same order (etcd: server/storage/mvcc,
// server/lease, server/etcdserver/apply.go of 3.5). No time, no network: models/etcd.hpp has those.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/dcs.hpp"
#include "models/lsn.hpp"

namespace predrill::models {

/// Keys below /service/<scope>/ (patroni/dcs/__init__.py, AbstractDCS).
enum class EtcdKey : std::uint8_t {
  leader,
  status,
  sync,
  failover,
  failsafe,
  history,
  config,
  member
};

struct EtcdName {
  EtcdKey key = EtcdKey::leader;
  MemberId member = nobody;  // of EtcdKey::member alone
};
constexpr std::size_t etcd_slots = 7 + members_max;
constexpr std::size_t slot_of(EtcdName name) {
  const auto key = static_cast<std::size_t>(name.key);
  return name.key == EtcdKey::member ? key + name.member : key;
}
constexpr EtcdName name_of(std::size_t slot) {
  if (slot < 7) return {static_cast<EtcdKey>(slot), nobody};
  return {EtcdKey::member, static_cast<MemberId>(slot - 7)};
}

/// The JSON or text that Patroni puts there; each key uses its own fields.
struct EtcdValue {
  MemberId holder = nobody;     // leader; also of /sync and /failover
  MemberId candidate = nobody;  // failover
  bool pause = false;           // config
  MemberSet members = 0;        // sync: the standbys; failsafe
  Timeline timeline = 0;        // history
  Lsn lsn;                      // status
  MemberData data;              // member
  friend bool operator==(const EtcdValue&, const EtcdValue&) = default;
};

using LeaseId = std::uint32_t;  // 0 = none
using ScopeId = std::uint8_t;   // one per Patroni cluster

enum class EtcdOp : std::uint8_t {
  range,           // every key of the scope, serializable
  watch,           // everything of the scope after `revision`
  get,             // one object; Kubernetes alone
  member_list,     // the endpoints; answered by any living member
  put,             // unconditional
  create,          // txn: create_revision == 0
  compare_put,     // txn: mod_revision == `revision` (0: absent)
  reput,           // txn: value == mine: put; else create if absent (Patroni 3.3.2 _update_leader)
  compare_delete,  // txn: value.holder == mine
  remove,          // unconditional
  lease_grant,
  lease_keepalive,
  lease_revoke,
  nothing,  // a new leader's first entry
};

enum class EtcdError : std::uint8_t {
  none,
  timed_out,        // "etcdserver: request timed out", gRPC Unavailable
  lease_not_found,  // "etcdserver: requested lease not found"
  no_space,         // "etcdserver: mvcc: database space exceeded"
};

struct EtcdRequest {
  EtcdOp op = EtcdOp::nothing;
  ScopeId scope = 0;
  EtcdName name;
  LeaseId lease = 0;
  std::int32_t ttl_s = 0;
  std::uint64_t revision = 0;
  EtcdValue value;
};

/// One key at one revision; also what a watch delivers.
struct EtcdEvent {
  std::uint64_t mod_revision = 0;  // 0 = the key does not exist
  LeaseId lease = 0;
  ScopeId scope = 0;
  EtcdName name;
  bool deleted = false;
  EtcdValue value;
};

struct EtcdReply {
  EtcdError error = EtcdError::none;
  bool succeeded = false;       // the condition held; the lease lives
  std::uint16_t following = 0;  // range: how many keys follow, one per message
  LeaseId lease = 0;
  std::uint64_t revision = 0;  // of the store
  EtcdEvent event;
};

/// The replicated state machine.
class EtcdStore {
 public:
  ScopeId add_scope();
  /// Executes one committed request; appends what changed to `events`. A lease's time-to-live is
  /// the leader's business (models/etcd.hpp).
  EtcdReply apply(const EtcdRequest& request, std::vector<EtcdEvent>& events);

  const EtcdEvent& get(ScopeId scope, EtcdName name) const { return keys_[scope][slot_of(name)]; }
  std::uint64_t revision() const { return revision_; }
  bool no_space() const { return no_space_; }
  void set_no_space(bool on) { no_space_ = on; }
  /// Zero if the lease does not exist.
  std::int32_t ttl_s(LeaseId lease) const { return lease < leases_.size() ? leases_[lease] : 0; }
  std::size_t leases() const { return leases_.size(); }

 private:
  bool holds(const EtcdRequest& request, const EtcdEvent& now) const;
  EtcdReply put(const EtcdRequest& request, std::vector<EtcdEvent>& events);
  void remove(ScopeId scope, std::size_t slot, std::vector<EtcdEvent>& events);

  std::vector<std::array<EtcdEvent, etcd_slots>> keys_;
  std::vector<std::int32_t> leases_{0};  // ttl by id; 0 = gone
  std::uint64_t revision_ = 1;
  bool no_space_ = false;
};

}  // namespace predrill::models
