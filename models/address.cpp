#include "models/address.hpp"

#include <algorithm>

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

/// tcp_syn_retries 6: how long the kernel itself tries (ip-sysctl of the kernel documentation).
constexpr sim::Duration syn_limit = 127s;

}  // namespace

Address AddressBook::add(SqlListener& listener) {
  entries_.push_back({&listener, nullptr});
  return static_cast<Address>(entries_.size());
}

Address AddressBook::add(VirtualAddress& address) {
  entries_.push_back({nullptr, &address});
  return static_cast<Address>(entries_.size());
}

void AddressBook::retire(Address address) {
  const auto index = static_cast<std::size_t>(address);
  SIM_ASSERT(index > 0 && index <= entries_.size(), "an address of this book");
  entries_[index - 1] = {};
}

AddressBook::Route AddressBook::route(Address to, const sim::Host& from) const {
  const auto index = static_cast<std::size_t>(to);
  if (index == 0 || index > entries_.size()) return {};
  const Entry& entry = entries_[index - 1];
  if (entry.virtual_address == nullptr) return {entry.listener, false};
  const Address real = entry.virtual_address->translate(from);
  if (real == Address::none) return {nullptr, true};
  const auto real_index = static_cast<std::size_t>(real);
  SIM_ASSERT(real_index <= entries_.size(), "an address of this book");
  return {entries_[real_index - 1].listener, false};
}

sim::Task<sim::Result<SqlSocket>> connect_sql(sim::Group& from, AddressBook& book, Address to,
                                              sim::Duration timeout, sim::TcpOptions options) {
  const AddressBook::Route route = book.route(to, from.host());
  if (route.rejected) co_return sim::NetError::refused;
  if (route.listener == nullptr) {
    const sim::Duration wait = std::min<sim::Duration>(timeout, syn_limit);
    co_await sim::sleep_for(wait);
    co_return sim::NetError::timeout;
  }
  sim::Result<SqlSocket> socket = co_await sim::connect(from, *route.listener, timeout, options);
  co_return socket;
}

}  // namespace predrill::models
