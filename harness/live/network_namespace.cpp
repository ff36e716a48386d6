#include "harness/live/network_namespace.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

namespace predrill::harness::live {

namespace {

constexpr unsigned first_own = 3;  // file descriptor

std::string path_of(const std::string& name) {
  return "/run/netns/" + name;
}

Problem failure(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

// Looked up before the fork: the child of a program with threads may call nothing that locks.
struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;
};

Problem look_up(const std::string& name, Account& account) {
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) return "there is no user " + name;
  account.user = entry->pw_uid;
  account.group = entry->pw_gid;
  int count = 64;
  account.groups.resize(static_cast<std::size_t>(count));
  if (::getgrouplist(name.c_str(), entry->pw_gid, account.groups.data(), &count) < 0) count = 1;
  account.groups.resize(static_cast<std::size_t>(count));
  return std::nullopt;
}

struct Prepared {
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::string network;
  const Daemon* daemon = nullptr;
  Account account;
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// From here on, in children: only calls that are safe after a fork.

bool enter(const Prepared& p) {
  if (p.daemon->network.empty()) return true;
  const int file = ::open(p.network.c_str(), O_RDONLY | O_CLOEXEC);
  return file >= 0 && ::setns(file, CLONE_NEWNET) == 0;
}

// Returns if something fails.
void become(const Prepared& p) {
  const Daemon& d = *p.daemon;
  ::umask(0077);
  ::setpriority(PRIO_PROCESS, 0, d.nice);  // as far as it is allowed
  constexpr mode_t mode = 0644;
  const int null = ::open("/dev/null", O_RDONLY);
  const int log = ::open(d.log.c_str(), O_WRONLY | O_CREAT | O_APPEND, mode);
  if (null < 0 || log < 0) return;
  ::dup2(null, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  if (!d.user.empty()) {
    if (::fchown(log, p.account.user, p.account.group) != 0) return;
    if (::setgroups(p.account.groups.size(), p.account.groups.data()) != 0) return;
    if (::setgid(p.account.group) != 0 || ::setuid(p.account.user) != 0) return;
  }
  if (::chdir(d.folder.c_str()) != 0) return;
  for (int s = 1; s < NSIG; ++s) ::signal(s, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::close_range(first_own, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execve(p.argv[0], p.argv.data(), p.environment.data());
}

// What process 1 of a container is: it reaps whatever the program leaves behind, at once. Patroni
// takes a postmaster that nobody has reaped for a running one.
[[noreturn]] void be_init(const Prepared& p, int complaint) {
  ::setsid();
  for (const int s : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(s, SIG_IGN);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::prctl(PR_SET_NAME, "predrill-init", 0, 0, 0);
  const bool inside = enter(p);
  if (!inside || ::fork() == 0) {
    if (inside) become(p);
    const int error = errno;
    static_cast<void>(!::write(complaint, &error, sizeof error));
    ::_exit(1);
  }
  // Nothing of the parent stays open: its lock on the lab for one.
  ::close_range(0, ~0U, 0);
  while (::wait(nullptr) > 0 || errno == EINTR) {
  }
  ::_exit(0);
}

// The init belongs to process 1 of the machine, not to this program.
[[noreturn]] void leave(const Prepared& p, int complaint) {
  if (::fork() == 0) be_init(p, complaint);
  ::_exit(0);
}

}  // namespace

Problem namespaces_missing() {
  if (::geteuid() != 0)
    return "network namespaces need root; this is user " + std::to_string(::geteuid());
  const std::string trial = "predrill-trial-" + std::to_string(::getpid());
  if (Problem problem = must_run({"ip", "netns", "add", trial})) return problem;
  return must_run({"ip", "netns", "del", trial});
}

bool namespace_exists(const std::string& name) {
  struct stat info {};
  return ::stat(path_of(name).c_str(), &info) == 0;
}

std::vector<ProcessId> processes_in(const std::string& name) {
  std::vector<ProcessId> found;
  struct stat wanted {};
  if (::stat(path_of(name).c_str(), &wanted) != 0) return found;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return found;
  while (const dirent* entry = ::readdir(folder)) {
    const ProcessId process = std::atoi(entry->d_name);
    if (process <= 0) continue;
    struct stat info {};
    const std::string link = "/proc/" + std::string(entry->d_name) + "/ns/net";
    if (::stat(link.c_str(), &info) != 0) continue;
    if (info.st_ino != wanted.st_ino || info.st_dev != wanted.st_dev) continue;
    if (process != ::getpid()) found.push_back(process);
  }
  ::closedir(folder);
  std::sort(found.begin(), found.end());
  return found;
}

int signal_all(const std::string& name, int signal) {
  std::vector<ProcessId> told;
  for (bool more = true; more;) {
    more = false;
    for (const ProcessId process : processes_in(name)) {
      if (std::find(told.begin(), told.end(), process) != told.end()) continue;
      if (::kill(process, signal) == 0) more = true;
      told.push_back(process);
    }
  }
  return static_cast<int>(told.size());
}

bool empty_namespace(const std::string& name) {
  constexpr int tries = 500;
  for (int i = 0; i < tries; ++i) {
    if (processes_in(name).empty()) return true;
    signal_all(name, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

Problem enter_namespace(const std::string& name) {
  const int file = ::open(path_of(name).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failure(path_of(name));
  const int status = ::setns(file, CLONE_NEWNET);
  const Problem problem = status == 0 ? std::nullopt : failure("setns " + name);
  ::close(file);
  return problem;
}

Problem start_daemon(const Daemon& daemon) {
  Prepared p;
  p.daemon = &daemon;
  p.network = path_of(daemon.network);
  if (!daemon.user.empty()) {
    if (Problem problem = look_up(daemon.user, p.account)) return problem;
  }
  p.argv = pointers(daemon.argv);
  p.environment = pointers(daemon.environment);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failure("pipe");
  const ProcessId child = ::fork();
  if (child == 0) leave(p, ends[1]);
  ::close(ends[1]);
  int status = 0;
  if (child > 0) ::waitpid(child, &status, 0);
  int error = 0;
  // Ends without a word once the program has been started.
  const bool failed = child < 0 || ::read(ends[0], &error, sizeof error) == sizeof error;
  ::close(ends[0]);
  if (!failed) return std::nullopt;
  return "cannot start " + daemon.argv[0] + ": " + std::strerror(error);
}

unsigned long long start_ticks(ProcessId process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t end = text.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream rest(text.substr(end + 1));
  std::string field;
  constexpr int starttime = 22 - 2;  // proc(5): field 22, the second ends at ')'
  for (int i = 0; i < starttime; ++i) rest >> field;
  return std::strtoull(field.c_str(), nullptr, 10);
}

bool runs(std::string_view command_line, const Daemon& daemon) {
  std::string wanted;
  for (std::size_t i = 0; i < std::min<std::size_t>(2, daemon.argv.size()); ++i) {
    wanted += daemon.argv[i] + " ";
  }
  return !wanted.empty() && command_line.find(wanted) != std::string_view::npos;
}

std::string command_line(ProcessId process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/cmdline", std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

}  // namespace predrill::harness::live
