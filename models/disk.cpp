#include "models/disk.hpp"

#include <string>

#include "models/wal.hpp"

namespace predrill::models {

Disk::Disk(sim::Host& host, std::string_view name, DiskTimings timings)
    : host_(host),
      entity_(host.simulation().trace().entity(name)),
      timings_(std::move(timings)),
      fsyncs_(host.simulation().stream(name, "fsync")),
      writes_(host.simulation().stream(name, "write")) {}

DiskResult Disk::state() const {
  if (failing_) return DiskResult::io_error;
  return full_ ? DiskResult::full : DiskResult::ok;
}

sim::Task<DiskResult> Disk::fsync() {
  co_await sim::sleep_for(fsync_time());
  while (stalled()) co_await moving_.wait();
  co_return state();
}

sim::Duration Disk::write_time(std::uint64_t bytes) {
  const double rate = timings_.write_bytes_per_second.sample(writes_);
  return time_for(bytes, rate < 1 ? 1 : static_cast<std::uint64_t>(rate));
}

sim::Task<DiskResult> Disk::write(std::uint64_t bytes) {
  while (stalled()) co_await moving_.wait();
  co_await sim::sleep_for(write_time(bytes));
  const DiskResult result = co_await fsync();
  co_return result;
}

void Disk::stall() {
  if (stalled()) return;
  moving_.shut();
  changed(disk_kinds::stalled);
}

void Disk::resume() {
  if (!stalled()) return;
  moving_.open();
  changed(disk_kinds::resumed);
}

void Disk::set_full(bool full) {
  if (full_ == full) return;
  full_ = full;
  changed(full ? disk_kinds::full : disk_kinds::space);
}

void Disk::set_failing(bool failing) {
  if (failing_ == failing) return;
  failing_ = failing;
  changed(failing ? disk_kinds::failing : disk_kinds::repaired);
}

void Disk::remove_user(DiskUser& user) {
  std::erase(users_, &user);
}

void Disk::changed(const sim::Kind& kind) {
  host_.simulation().trace().emit(host_.simulation().now(), entity_, kind);
  for (std::size_t i = 0; i < users_.size(); ++i) users_[i]->on_disk_change();
}

}  // namespace predrill::models
