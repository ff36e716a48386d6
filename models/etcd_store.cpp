#include "models/etcd_store.hpp"

namespace predrill::models {

ScopeId EtcdStore::add_scope() {
  std::array<EtcdEvent, etcd_slots> empty;
  const auto id = static_cast<ScopeId>(keys_.size());
  for (std::size_t slot = 0; slot < etcd_slots; ++slot) {
    empty[slot].scope = id;
    empty[slot].name = name_of(slot);
  }
  keys_.push_back(empty);
  return id;
}

EtcdReply EtcdStore::apply(const EtcdRequest& request, std::vector<EtcdEvent>& events) {
  EtcdReply reply;
  switch (request.op) {
    case EtcdOp::put:
    case EtcdOp::create:
    case EtcdOp::compare_put:
    case EtcdOp::reput:
      reply = put(request, events);
      break;
    case EtcdOp::compare_delete:
    case EtcdOp::remove: {
      const EtcdEvent& now = get(request.scope, request.name);
      const bool exists = now.mod_revision != 0;
      reply.succeeded = request.op == EtcdOp::remove ? exists : holds(request, now);
      if (reply.succeeded) {
        ++revision_;
        remove(request.scope, slot_of(request.name), events);
      }
      break;
    }
    case EtcdOp::lease_grant:
      if (no_space_) {
        reply.error = EtcdError::no_space;  // applierV3Capped
        break;
      }
      reply.lease = static_cast<LeaseId>(leases_.size());
      reply.succeeded = true;
      leases_.push_back(request.ttl_s);
      break;
    case EtcdOp::lease_revoke:
      if (ttl_s(request.lease) == 0) {
        reply.error = EtcdError::lease_not_found;
        break;
      }
      leases_[request.lease] = 0;
      reply.succeeded = true;
      ++revision_;
      for (std::size_t scope = 0; scope < keys_.size(); ++scope) {
        for (std::size_t slot = 0; slot < etcd_slots; ++slot) {
          const EtcdEvent& key = keys_[scope][slot];
          if (key.mod_revision == 0 || key.lease != request.lease) continue;
          remove(static_cast<ScopeId>(scope), slot, events);
        }
      }
      break;
    case EtcdOp::range:
    case EtcdOp::watch:
    case EtcdOp::get:
    case EtcdOp::member_list:
    case EtcdOp::lease_keepalive:
    case EtcdOp::nothing:
      break;
  }
  reply.revision = revision_;
  return reply;
}

bool EtcdStore::holds(const EtcdRequest& request, const EtcdEvent& now) const {
  const bool exists = now.mod_revision != 0;
  const bool mine = exists && now.value.holder == request.value.holder;
  switch (request.op) {
    case EtcdOp::create:
      return !exists;
    case EtcdOp::compare_put:
      return now.mod_revision == request.revision;
    case EtcdOp::reput:
      return mine || !exists;
    case EtcdOp::compare_delete:
      return mine;
    default:
      return true;
  }
}

EtcdReply EtcdStore::put(const EtcdRequest& request, std::vector<EtcdEvent>& events) {
  EtcdReply reply;
  EtcdEvent& key = keys_[request.scope][slot_of(request.name)];
  if (no_space_) {
    reply.error = EtcdError::no_space;  // a txn with a put is refused whatever its condition
    return reply;
  }
  if (!holds(request, key)) return reply;
  if (request.lease != 0 && ttl_s(request.lease) == 0) {
    reply.error = EtcdError::lease_not_found;
    return reply;
  }
  key.mod_revision = ++revision_;
  key.lease = request.lease;
  key.deleted = false;
  key.value = request.value;
  events.push_back(key);
  reply.succeeded = true;
  return reply;
}

void EtcdStore::remove(ScopeId scope, std::size_t slot, std::vector<EtcdEvent>& events) {
  EtcdEvent& key = keys_[scope][slot];
  EtcdEvent gone = key;
  gone.mod_revision = revision_;
  gone.deleted = true;
  events.push_back(gone);
  key.mod_revision = 0;
  key.lease = 0;
  key.value = {};
}

}  // namespace predrill::models
