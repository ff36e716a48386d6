// The program as a user runs it: what it prints where, and how it ends.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

const std::string system_folder = PREDRILL_SOURCE_DIR "/scenarios/systems/user-profile-db";
const std::string drill = PREDRILL_SOURCE_DIR "/scenarios/drills/node-loss.json";

class Program {
 public:
  /// `out`: where standard output goes, if not to output().
  explicit Program(std::vector<std::string> arguments, const char* out = nullptr) {
    arguments.insert(arguments.begin(), PREDRILL_PROGRAM);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int out_pipe[2], error_pipe[2];
    REQUIRE(::pipe2(out_pipe, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(error_pipe, O_CLOEXEC) == 0);
    const int instead = out == nullptr ? -1 : ::open(out, O_WRONLY | O_CLOEXEC);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::dup2(instead >= 0 ? instead : out_pipe[1], STDOUT_FILENO);
      ::dup2(error_pipe[1], STDERR_FILENO);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(out_pipe[1]);
    ::close(error_pipe[1]);
    if (instead >= 0) ::close(instead);
    output_ = out_pipe[0];
    errors_ = error_pipe[0];
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(output_);
    ::close(errors_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Waits until it has installed its handler of SIGINT (SigCgt in /proc/PID/status).
  bool wait_for_handler() const {
    for (int i = 0; i < 2000; ++i) {
      // Between fork and exec it still has the handlers of this process.
      std::error_code error;
      const fs::path running = fs::read_symlink("/proc/" + std::to_string(pid_) + "/exe", error);
      const bool started = !error && running == fs::canonical(PREDRILL_PROGRAM);
      std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
      std::string line;
      while (std::getline(status, line)) {
        if (line.rfind("SigCgt:", 0) != 0) continue;
        const auto caught = std::strtoull(line.c_str() + 7, nullptr, 16);
        if (started && (caught >> (SIGINT - 1) & 1U) != 0) return true;
      }
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  void interrupt() const { ::kill(pid_, SIGINT); }
  /// Exit status, or minus the signal that ended it.
  int wait() {
    pollfd both[2] = {{output_, POLLIN, 0}, {errors_, POLLIN, 0}};
    while (both[0].fd >= 0 || both[1].fd >= 0) {
      ::poll(both, 2, -1);
      for (int i = 0; i < 2; ++i) {
        if (both[i].fd < 0 || both[i].revents == 0) continue;
        char text[4096];
        const ssize_t n = ::read(both[i].fd, text, sizeof text);
        if (n <= 0) {
          both[i].fd = -1;
        } else {
          (i == 0 ? output : errors).append(text, static_cast<std::size_t>(n));
        }
      }
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string output, errors;

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  int errors_ = -1;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t lines(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::size_t n = 0;
  while (std::getline(in, line)) {
    ++n;
    REQUIRE_NOTHROW(Json::parse(line));
  }
  return n;
}

Json parsed(const fs::path& file) {
  std::ifstream in(file);
  return Json::parse(in);
}

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "predrill-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path path;
};

}  // namespace

TEST_CASE("program: Ctrl-C during a rehearsal prints what was finished", "[program]") {
  const bool json = GENERATE(false, true);
  std::vector<std::string> arguments = {"rehearse", system_folder, "--runs", "100000"};
  if (json) arguments.insert(arguments.end(), {"--format", "json"});
  Program program(arguments);
  REQUIRE(program.wait_for_handler());
  std::this_thread::sleep_for(500ms);  // it should have done something; nothing depends on it
  const auto asked = std::chrono::steady_clock::now();
  program.interrupt();
  CHECK(program.wait() == 130);
  // Less than a second where it has a processor; a hang is what must not be.
  CHECK(std::chrono::steady_clock::now() - asked < 60s);
  CHECK(contains(program.errors, "interrupted"));
  if (json) {
    const Json document = Json::parse(program.output);
    CHECK(document["command"] == "rehearse");
    CHECK(document["results"].size() == 1);
    CHECK(document["runs"] < 100000);
  } else {
    CHECK(contains(program.output, "pod_delete"));
    CHECK_FALSE(contains(program.output, "node_loss"));
  }
}

TEST_CASE("program: Ctrl-C during many runs of a scenario", "[program]") {
  Program program({"run", drill, "--runs", "1000000"});
  REQUIRE(program.wait_for_handler());
  program.interrupt();
  CHECK(program.wait() == 130);
  CHECK(contains(program.errors, "interrupted after"));
}

TEST_CASE("program: bad input ends with 2 and says so on standard error", "[program]") {
  const auto ends_with_2 = [](std::vector<std::string> arguments, const std::string& message) {
    Program program(std::move(arguments));
    CHECK(program.wait() == 2);
    CAPTURE(program.errors);
    CHECK(contains(program.errors, message));
    CHECK(program.output.empty());
  };
  ends_with_2({"run", "/nowhere/scenario.json"}, "/nowhere/scenario.json");
  ends_with_2({"run", drill, "--set", "patroni.tll=20"}, "ttl");
  ends_with_2({"run", drill, "--no-such-option"}, "--no-such-option");
  ends_with_2({"run", drill, "--format", "xml"}, "xml");
  ends_with_2({"run", drill, "--runs", "0"}, "runs");
  ends_with_2({"rehearse", system_folder, "--faults", "node_los"}, "did you mean \"node_loss\"?");
  ends_with_2({"rehearse", "/nowhere"}, "/nowhere");
  ends_with_2({"nonsense"}, "nonsense");
}

TEST_CASE("program: --format json prints one document and nothing else", "[program]") {
  Program one({"run", drill, "--format", "json"});
  one.wait();
  const Json single = Json::parse(one.output);
  CHECK(single["format"] == "predrill.result/1");
  CHECK(single["results"].size() == 1);
  CHECK(single["results"][0]["scenario"] == "node-loss");
  CHECK(single["timeline"].size() > 5);

  Program many({"rehearse", system_folder, "--runs", "2", "--format", "json"});
  many.wait();
  const Json table = Json::parse(many.output);
  CHECK(table["results"].size() >= 18);
  CHECK(table["runs"] == 2);
  CHECK_FALSE(table.contains("timeline"));
}

TEST_CASE("program: --out and --trace write whole files", "[program]") {
  const Folder folder;
  const std::string out = (folder.path / "results/one").string();
  const std::string trace = (folder.path / "trace.json").string();
  Program program({"run", drill, "--out", out, "--trace", trace});
  program.wait();
  INFO(program.errors);
  CHECK(parsed(out + "/result.json")["command"] == "run");
  CHECK(lines(out + "/journal.jsonl") > 100);
  CHECK(lines(out + "/events.jsonl") > 50);
  const Json events = parsed(trace);
  CHECK((events.is_array() ? events : events["traceEvents"]).size() > 50);
  CHECK(std::distance(fs::directory_iterator(out), fs::directory_iterator{}) == 3);
}

TEST_CASE("program: results that cannot be written are an error of its own", "[program]") {
  Program folder({"run", drill, "--out", "/proc/nowhere"});
  CHECK(folder.wait() == 70);
  CHECK(contains(folder.errors, "cannot write /proc/nowhere/"));
  Program full({"run", drill, "--format", "json"}, "/dev/full");
  CHECK(full.wait() == 70);
  CHECK(contains(full.errors, "could not be written"));
}
