#include "harness/report/progress.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

std::chrono::nanoseconds now{};
std::chrono::nanoseconds fake_clock() {
  return now;
}

// A terminal that the test reads.
struct Terminal {
  Terminal() {
    master = posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE(master >= 0);
    REQUIRE(grantpt(master) == 0);
    REQUIRE(unlockpt(master) == 0);
    slave = std::fopen(ptsname(master), "w");
    REQUIRE(slave != nullptr);
    REQUIRE(fcntl(master, F_SETFL, O_NONBLOCK) == 0);
  }
  ~Terminal() {
    std::fclose(slave);
    close(master);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  std::string read_all() {
    std::string text(4096, '\0');
    const ssize_t n = read(master, text.data(), text.size());
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }
  int master = -1;
  std::FILE* slave = nullptr;
};

}  // namespace

TEST_CASE("progress: done, share, rate, what is left", "[report]") {
  CHECK(progress_line("node_loss", 340, 1000, 2s, 80) ==
        "node_loss  340/1000  34 %  170/s  4 s left");
  CHECK(progress_line("hunt", 12345, 0, 1s, 80) == "hunt  12,345  12,345/s");
  CHECK(progress_line("drill", 3, 10, 60s, 80) == "drill  3/10  30 %  0.1/s  2 min left");
  CHECK(progress_line("x", 0, 10, 0s, 80) == "x  0/10  0 %");
  CHECK(progress_line("x", 10, 10, 1s, 80) == "x  10/10  100 %  10/s");
  CHECK(progress_line("größer", 1, 10, 1s, 5) == "größe");
}

TEST_CASE("progress: drawn on a terminal after a while, and erased", "[report]") {
  Terminal terminal;
  now = 5s;
  {
    Progress progress("runs", 100, terminal.slave, fake_clock);
    CHECK(progress.is_shown());
    progress.add(10);
    CHECK(terminal.read_all().empty());
    now = 6s;
    progress.add(10);
    CHECK(terminal.read_all() == "\r\x1b[Kruns  20/100  20 %  20/s  4 s left");
    now += 50ms;
    progress.add(10);
    CHECK(terminal.read_all().empty());
    now += 950ms;
    progress.add(10);
    CHECK(terminal.read_all() == "\r\x1b[Kruns  40/100  40 %  20/s  3 s left");
  }
  CHECK(terminal.read_all() == "\r\x1b[K");
}

TEST_CASE("progress: short work leaves the terminal alone", "[report]") {
  Terminal terminal;
  now = 0s;
  {
    Progress progress("runs", 2, terminal.slave, fake_clock);
    progress.add(2);
  }
  CHECK(terminal.read_all().empty());
}

TEST_CASE("progress: silent in a file", "[report]") {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  now = 0s;
  {
    Progress progress("runs", 2, file, fake_clock);
    now = 10s;
    progress.add(1);
    CHECK_FALSE(progress.is_shown());
  }
  CHECK(std::ftell(file) == 0);
  std::fclose(file);
}
