#include "harness/engine/run_store.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>
#include <type_traits>
#include <vector>

namespace predrill::harness {

namespace {

constexpr std::string_view magic = "predrill.runs/2\n";

// Both directions walk the fields in one order. Integers are 8 bytes, lowest first.
class Saver {
 public:
  template <class T>
  void operator()(const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      (*this)(static_cast<std::uint64_t>(value.size()));
      bytes += value;
    } else if constexpr (std::is_same_v<T, sim::Duration>) {
      (*this)(value.count());
    } else {
      static_assert(std::is_integral_v<T> || std::is_enum_v<T>);
      const auto word = static_cast<std::uint64_t>(value);
      for (int shift = 0; shift < 64; shift += 8) {
        bytes += static_cast<char>(word >> shift & 0xffU);
      }
    }
  }
  template <class T, class F>
  void list(std::vector<T>& values, F each) {
    (*this)(static_cast<std::uint64_t>(values.size()));
    for (T& value : values) each(value);
  }
  std::string bytes;
};

class Loader {
 public:
  explicit Loader(std::string_view from) : rest_(from) {}
  template <class T>
  void operator()(T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      const std::uint64_t size = word();
      if (size > rest_.size()) return fail();
      value = rest_.substr(0, size);
      rest_.remove_prefix(size);
    } else if constexpr (std::is_same_v<T, sim::Duration>) {
      value = sim::Duration(static_cast<std::int64_t>(word()));
    } else {
      value = static_cast<T>(word());
    }
  }
  template <class T, class F>
  void list(std::vector<T>& values, F each) {
    const std::uint64_t size = word();
    if (size > rest_.size()) return fail();  // each takes eight bytes or more
    values.resize(size);
    for (T& value : values) each(value);
  }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  void fail() {
    ok_ = false;
    rest_ = {};
  }
  std::uint64_t word() {
    if (rest_.size() < 8) {
      fail();
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;) value = value << 8 | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(8);
    return value;
  }
  std::string_view rest_;
  bool ok_ = true;
};

// Structured bindings: a field that is added and not written here does not compile.
template <class Archive>
void walk(Archive& archive, PathRun& run) {
  auto& [name, measures, errors] = run;
  auto& [outages, downtime, rto, censored, attempts, failures, unknown, staleness] = measures;
  archive(name);
  archive.list(outages, [&](Outage& outage) {
    auto& [begin, end, open] = outage;
    archive(begin), archive(end), archive(open);
  });
  archive(downtime), archive(rto), archive(censored), archive(attempts), archive(failures);
  archive(unknown), archive(staleness);
  archive.list(errors, [&](ErrorCount& error) {
    auto& [text, tries, given_up] = error;
    archive(text), archive(tries), archive(given_up);
  });
}

template <class Archive>
void walk(Archive& archive, StoredRun& stored) {
  auto& [run, problem] = stored;
  auto& [seed, fingerprint, fault, of_database, paths, stages_of_path, loss, dual, violations,
         new_primary, key_released, milestones, pool, values] = run;
  archive(problem), archive(seed), archive(fingerprint), archive(fault), archive(of_database);
  archive.list(paths, [&](PathRun& path) { walk(archive, path); });
  for (sim::Duration& stage : stages_of_path) archive(stage);
  auto& [rows, bytes, age] = loss;
  auto& [overlap, writes] = dual;
  archive(rows), archive(bytes), archive(age), archive(overlap), archive(writes);
  archive.list(violations, [&](Violation& violation) {
    auto& [text, explained] = violation;
    archive(text), archive(explained);
  });
  archive(new_primary), archive(key_released);
  archive.list(milestones, [&](NamedTime& time) {
    auto& [name, at] = time;
    archive(name), archive(at);
  });
  archive.list(values, [&](NamedValue& value) {
    auto& [name, unit, number] = value;
    archive(name), archive(unit), archive(number);
  });
  archive.list(pool, [&](PoolReading& reading) {
    auto& [at, cl_active, cl_waiting, sv_active, sv_idle] = reading;
    archive(at), archive(cl_active), archive(cl_waiting), archive(sv_active), archive(sv_idle);
  });
}

std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t digest = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : bytes) {
    digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return digest;
}

std::string header_of(std::uint64_t digest) {
  Saver saver;
  saver(digest);
  return std::string(magic) + saver.bytes;
}

std::string why(const std::filesystem::path& file, const char* what) {
  return std::string("cannot ") + what + " " + file.string() + ": " +
         std::generic_category().message(errno);
}

}  // namespace

std::string to_bytes(const StoredRun& run) {
  StoredRun copy = run;
  std::vector<PoolReading>& pool = copy.measures.pool;
  const auto fullest = std::max_element(
      pool.begin(), pool.end(),
      [](const PoolReading& a, const PoolReading& b) { return a.cl_waiting < b.cl_waiting; });
  if (fullest != pool.end()) pool = {*fullest};
  Saver saver;
  walk(saver, copy);
  return std::move(saver.bytes);
}

std::optional<StoredRun> run_from_bytes(std::string_view bytes) {
  Loader loader(bytes);
  StoredRun run;
  walk(loader, run);
  return loader.done() ? std::optional(std::move(run)) : std::nullopt;
}

std::unique_ptr<RunStore> RunStore::open(const std::filesystem::path& file, std::uint64_t digest,
                                         bool resume, std::string& problem) {
  const std::string header = header_of(digest);
  std::map<RunKey, StoredRun> runs;
  std::string kept = header;
  if (resume && std::filesystem::exists(file)) {
    std::ifstream in(file, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!std::string_view(content).starts_with(magic)) {
      problem = file.string() + " holds no runs of a campaign";
      return nullptr;
    }
    if (!content.starts_with(header)) {
      problem = file.string() + " belongs to another campaign: scenario, system, settings or " +
                "version differ; leave --resume out to begin anew";
      return nullptr;
    }
    std::string_view rest = std::string_view(content).substr(header.size());
    while (rest.size() >= 16) {
      std::uint64_t size = 0, sum = 0;
      for (std::size_t i = 8; i-- > 0;) {
        size = size << 8 | static_cast<unsigned char>(rest[i]);
        sum = sum << 8 | static_cast<unsigned char>(rest[i + 8]);
      }
      if (rest.size() - 16 < size) break;
      const std::string_view record = rest.substr(16, size);
      if (record.size() < 16) break;
      RunKey key;
      for (std::size_t i = 8; i-- > 0;) {
        key.part = key.part << 8 | static_cast<unsigned char>(record[i]);
        key.seed = key.seed << 8 | static_cast<unsigned char>(record[i + 8]);
      }
      auto run = checksum(record) == sum ? run_from_bytes(record.substr(16)) : std::nullopt;
      if (!run) break;
      kept.append(rest.substr(0, 16 + size));
      rest.remove_prefix(16 + size);
      runs.insert_or_assign(key, std::move(*run));
    }
  }
  std::error_code ignored;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), ignored);
  // Anew, without what was cut off.
  const std::filesystem::path beside = file.string() + ".new";
  std::FILE* out = std::fopen(beside.c_str(), "wb");
  if (out == nullptr) {
    problem = why(file, "write");
    return nullptr;
  }
  const bool written = std::fwrite(kept.data(), 1, kept.size(), out) == kept.size() &&
                       std::fflush(out) == 0 && std::rename(beside.c_str(), file.c_str()) == 0;
  if (!written) {
    problem = why(file, "write");
    std::fclose(out);
    std::filesystem::remove(beside, ignored);
    return nullptr;
  }
  std::unique_ptr<RunStore> store(new RunStore(file, out));
  store->runs_ = std::move(runs);
  return store;
}

RunStore::~RunStore() {
  std::fclose(out_);
}

const StoredRun* RunStore::find(RunKey key) const {
  const auto found = runs_.find(key);
  return found == runs_.end() ? nullptr : &found->second;
}

void RunStore::add(RunKey key, const StoredRun& run) {
  Saver name;
  name(key.part), name(key.seed);
  std::string record = name.bytes + to_bytes(run);
  Saver frame;
  frame(static_cast<std::uint64_t>(record.size()));
  frame(checksum(record));
  record.insert(0, frame.bytes);
  const std::lock_guard lock(mutex_);
  if (!problem_.empty()) return;
  const bool written =
      std::fwrite(record.data(), 1, record.size(), out_) == record.size() && std::fflush(out_) == 0;
  if (!written) problem_ = why(file_, "write");
}

}  // namespace predrill::harness
