// The program: tells the subcommands apart and turns their outcome into an exit status.
#include <cstdio>
#include <string_view>

namespace {

// What the process tells its caller; the full list of the statuses is in the help of the program.
constexpr int exit_ok = 0;
constexpr int exit_usage = 2;

constexpr const char* help =
    "predrill rehearses PostgreSQL failovers before anyone runs them.\n"
    "\n"
    "usage: predrill [--help] [--version]\n"
    "\n"
    "  -h, --help     show this text\n"
    "  -V, --version  show the version\n"
    "\n"
    "Exit status: 0 success, 2 wrong usage.\n";

}  // namespace

int main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "--help";
  if (first == "-h" || first == "--help") {
    std::fputs(help, stdout);
    return exit_ok;
  }
  if (first == "-V" || first == "--version") {
    std::puts("predrill " PREDRILL_VERSION);
    return exit_ok;
  }
  std::fprintf(stderr, "predrill: unknown argument '%s'; try 'predrill --help'\n", argv[1]);
  return exit_usage;
}
