// A program as a process of its own, for tests that look at its output and its exit status.
#pragma once

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
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace predrill::fixture {

class Process {
 public:
  /// `out`: where standard output goes, if not to output().
  Process(std::string program, std::vector<std::string> arguments, const char* out = nullptr)
      : program_(std::move(program)) {
    arguments.insert(arguments.begin(), program_);
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
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(out_pipe[1]);
    ::close(error_pipe[1]);
    if (instead >= 0) ::close(instead);
    output_ = out_pipe[0];
    errors_ = error_pipe[0];
  }
  ~Process() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(output_);
    ::close(errors_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Waits until it has installed its handler of SIGINT (SigCgt in /proc/PID/status).
  bool wait_for_handler() const {
    for (int i = 0; i < 2000; ++i) {
      // Between fork and exec it still has the handlers of this process.
      std::error_code error;
      const std::filesystem::path running =
          std::filesystem::read_symlink("/proc/" + std::to_string(pid_) + "/exe", error);
      const bool started = !error && running == std::filesystem::canonical(program_);
      std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
      std::string line;
      while (std::getline(status, line)) {
        if (line.rfind("SigCgt:", 0) != 0) continue;
        const auto caught = std::strtoull(line.c_str() + 7, nullptr, 16);
        if (started && (caught >> (SIGINT - 1) & 1U) != 0) return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
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
  std::string program_;
  pid_t pid_ = -1;
  int output_ = -1;
  int errors_ = -1;
};

}  // namespace predrill::fixture
