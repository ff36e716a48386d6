#include "models/dns.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;

bool AddressList::contains(Address a) const {
  return std::find(begin(), end(), a) != end();
}

std::vector<std::string> validate(DnsServerConfig& config) {
  std::vector<std::string> problems;
  if (config.cache_min > config.cache_max) {
    problems.emplace_back("cache_min is longer than cache_max: cache_max is used for both");
    config.cache_min = config.cache_max;
  }
  if (config.attempts < 1) {
    problems.emplace_back("attempts must be at least 1: 1 is used");
    config.attempts = 1;
  }
  if (config.attempts > 5) {  // resolv.conf(5): "the value for this option is silently capped to 5"
    problems.emplace_back("attempts is capped to 5");
    config.attempts = 5;
  }
  if (config.timeout > sim::Duration(30s)) {  // resolv.conf(5): capped to 30
    problems.emplace_back("timeout is capped to 30 s");
    config.timeout = 30s;
  }
  return problems;
}

DnsServer::DnsServer(sim::Group& group, DnsServerConfig config, sim::Distribution update_delay)
    : group_(group),
      config_(std::move(config)),
      update_delay_(std::move(update_delay)),
      updates_(group.simulation().stream(config_.name, "dns update")) {
  validate(config_);
}

void DnsServer::add(DnsName name, std::string text, sim::Duration ttl, const AddressList& addresses,
                    Answers answers) {
  SIM_ASSERT(name != DnsName::none && find(name) == nullptr, "one record per name");
  records_.push_back({name, std::move(text), ttl, addresses, answers});
}

void DnsServer::set(DnsName name, const AddressList& addresses) {
  Record* record = find(name);
  SIM_ASSERT(record != nullptr, "a record of this server");
  apply(*record);
  sim::Time at = group_.now() + update_delay_.sample_duration(updates_);
  if (!record->pending.empty()) at = std::max(at, record->pending.back().at);
  record->pending.push_back({at, addresses});
  sim::Trace& trace = group_.simulation().trace();
  trace.emit(group_.now(), trace.entity(config_.name), dns::record_changed,
             trace.name(record->text), addresses.count,
             static_cast<std::int64_t>(addresses.items[0]));
}

DnsServer::Record* DnsServer::find(DnsName name) {
  for (Record& record : records_) {
    if (record.name == name) return &record;
  }
  return nullptr;
}

// Changes need no event: they are taken over when somebody looks.
void DnsServer::apply(Record& record) {
  std::size_t due = 0;
  while (due < record.pending.size() && record.pending[due].at <= group_.now()) ++due;
  if (due == 0) return;
  record.addresses = record.pending[due - 1].addresses;
  record.pending.erase(record.pending.begin(),
                       record.pending.begin() + static_cast<std::ptrdiff_t>(due));
}

AddressList DnsServer::next_answer(Record& record) {
  if (record.answers == Answers::all || record.addresses.empty()) return record.addresses;
  AddressList one;
  one.add(record.addresses.items[record.turn++ % record.addresses.count]);
  return one;
}

AddressList DnsServer::current(DnsName name) {
  Record* record = find(name);
  if (record == nullptr) return {};
  apply(*record);
  return record->addresses;
}

bool DnsServer::reachable(const sim::Host& from) const {
  const sim::Network& network = group_.simulation().network();
  const sim::Host& host = group_.host();
  return network.reaches(from, host) && network.open(host, from) && !group_.frozen();
}

sim::Task<DnsAnswer> DnsServer::query(sim::Group& from, DnsName name, sim::Duration timeout,
                                      int attempts) {
  sim::Network& network = group_.simulation().network();
  sim::Host& client = from.host();
  for (int i = 0; i < attempts; ++i) {
    const sim::Time deadline = sim::later(from.now(), timeout);
    if (reachable(client)) {
      co_await sim::sleep_for(network.delay(client, group_.host()));
      if (reachable(client)) {
        DnsAnswer found = co_await answer(name);
        co_await sim::sleep_for(network.delay(group_.host(), client));
        if (from.now() <= deadline) co_return found;
      }
    }
    co_await sim::sleep_until(deadline);
  }
  co_return DnsAnswer{};
}

sim::Task<DnsAnswer> DnsServer::answer(DnsName name) {
  ++questions_;
  const sim::Time now = group_.now();
  if (config_.cache) {
    for (const Cached& entry : cache_) {
      if (entry.name != name || entry.expires <= now) continue;
      DnsAnswer found = entry.answer;
      found.ttl = entry.expires - now;
      co_return found;
    }
  }
  Record* record = find(name);
  if (record != nullptr) {
    apply(*record);
    DnsAnswer own;
    own.status = record->addresses.empty() ? DnsAnswer::Status::nxdomain : DnsAnswer::Status::ok;
    own.addresses = next_answer(*record);
    own.ttl = record->addresses.empty() ? config_.soa_minimum : record->ttl;
    co_return remember(name, own);
  }
  if (above_ == nullptr) {
    DnsAnswer none;
    none.status = DnsAnswer::Status::nxdomain;
    none.ttl = config_.soa_minimum;
    co_return remember(name, none);
  }
  const DnsAnswer found = co_await above_->query(group_, name, config_.timeout, config_.attempts);
  co_return remember(name, found);
}

DnsAnswer DnsServer::remember(DnsName name, DnsAnswer answer) {
  if (!config_.cache || answer.status == DnsAnswer::Status::failed) return answer;
  sim::Duration keep = answer.ttl;
  if (config_.fixed_ttl > 0s) {
    keep = config_.fixed_ttl;
  } else if (answer.status == DnsAnswer::Status::ok) {
    keep = std::clamp<sim::Duration>(keep, config_.cache_min, config_.cache_max);
  } else {
    keep = std::min<sim::Duration>(std::max<sim::Duration>(keep, config_.cache_min),
                                   config_.negative_cache_max);
  }
  answer.ttl = keep;
  const Cached entry{name, answer, group_.now() + keep};
  for (Cached& old : cache_) {
    if (old.name == name) {
      old = entry;
      return answer;
    }
  }
  cache_.push_back(entry);
  return answer;
}

}  // namespace predrill::models
