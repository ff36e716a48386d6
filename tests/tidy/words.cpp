#include <algorithm>
#include <array>
#include <iterator>
#include <regex>
#include <string>

#include "tests/tidy/rules.hpp"

namespace predrill::tidy {
namespace {

bool in_a_run(const Source& source) {
  return is_cpp(source) && (is_in(source, "sim") || is_in(source, "models"));
}

struct Ban {
  const char* pattern;  // of a line of code
  const char* instead;
};

template <std::size_t N>
Findings banned(const Source& source, const std::array<Ban, N>& bans) {
  Findings findings;
  for (const auto& ban : bans) {
    const std::regex pattern(ban.pattern);
    std::size_t number = 0;
    for (const auto line : lines(source.code)) {
      ++number;
      std::cmatch match;
      if (std::regex_search(line.data(), line.data() + line.size(), match, pattern)) {
        findings.push_back({number, match.str() + ": " + ban.instead});
      }
    }
  }
  std::ranges::sort(findings, {}, &Finding::line);
  return findings;
}

// What a file of a folder may include of the project.
struct Floor {
  const char* folder;
  std::array<const char*, 4> may_include;
};
constexpr std::array<Floor, 5> floors = {{{"sim", {"sim"}},
                                          {"models", {"models", "sim"}},
                                          {"harness", {"harness", "models", "sim"}},
                                          {"bench", {"bench", "harness", "models", "sim"}},
                                          {"tests", {"tests", "harness", "models", "sim"}}}};

// Third-party headers that a header of ours may include, because its interface is about them.
struct Exception {
  const char* path;
  const char* header;
};
constexpr std::array<Exception, 0> foreign_headers = {};

}  // namespace

Findings include_law(const Source& source) {
  Findings findings;
  if (!is_cpp(source)) return findings;
  const auto floor =
      std::ranges::find_if(floors, [&](const Floor& f) { return is_in(source, f.folder); });
  if (floor == floors.end()) return findings;
  for (const auto& include : includes(source)) {
    if (!include.quoted) continue;
    const auto& may = floor->may_include;
    const bool allowed = std::ranges::any_of(may, [&](const char* folder) {
      return folder != nullptr && include.name.starts_with(std::string(folder) + "/");
    });
    if (allowed) continue;
    std::string list;
    for (const char* folder : may) {
      if (folder != nullptr) list += (list.empty() ? "" : ", ") + std::string(folder) + "/";
    }
    findings.push_back({include.line, "\"" + include.name + "\": a file of " + floor->folder +
                                          "/ includes only " + list +
                                          " of this project, written from the top of the tree"});
  }
  return findings;
}

Findings no_foreign_headers(const Source& source) {
  Findings findings;
  if (!is_header(source) || is_in(source, "tests")) return findings;
  for (const auto& include : includes(source)) {
    // The headers of the C++ standard library have neither a folder nor an ending.
    if (include.quoted || include.name.find_first_of("/.") == std::string::npos) continue;
    if (std::ranges::any_of(foreign_headers, [&](const Exception& e) {
          return source.path == e.path && include.name == e.header;
        })) {
      continue;
    }
    findings.push_back({include.line, "<" + include.name +
                                          ">: include it in the .cpp file, behind a declaration of "
                                          "our own; a C header in its C++ form, <cstdint>"});
  }
  return findings;
}

Findings no_unstable_order(const Source& source) {
  static constexpr std::array<Ban, 3> bans = {{
      {R"(std::unordered_\w+)", "its order differs between libraries; use std::map or a vector"},
      {R"(std::(multi)?(map|set)<[^,<>]*\*)", "addresses differ between runs; use an index as key"},
      {R"(std::hash\b)", "differs between libraries; use a hash of sim/"},
  }};
  return in_a_run(source) ? banned(source, bans) : Findings{};
}

Findings no_foreign_randomness(const Source& source) {
  static constexpr std::array<Ban, 4> bans = {{
      {R"(std::\w+_distribution\b)", "differs between libraries; draw from a stream of sim/"},
      {R"(std::(shuffle|sample|random_shuffle)\b)",
       "differs between libraries; use sim/random.hpp"},
      {R"(std::(random_device|mt19937\w*|minstd_rand0?|default_random_engine|ranlux\w+|knuth_b)\b)",
       "draw from a stream of sim/, keyed by seed, entity and purpose"},
      {R"((^|[^\w.>:]|std::|[^:]::)s?(rand|random|drand48|rand_r)\s*\()",
       "draw from a stream of sim/, keyed by seed, entity and purpose"},
  }};
  return in_a_run(source) ? banned(source, bans) : Findings{};
}

// g++ evaluates a.sample(s) + b.sample(s) from the right, clang++ from the left.
Findings one_draw_a_statement(const Source& source) {
  Findings findings;
  if (!in_a_run(source) && !is_in(source, "harness")) return findings;
  static const std::regex draw(
      R"((\.|->)(sample|sample_duration|below|unit|chance|uniform|delay)\()");
  std::size_t begin = 0;
  while (begin < source.code.size()) {
    const std::size_t end = std::min(source.code.find_first_of(";{}", begin), source.code.size());
    const std::string statement = source.code.substr(begin, end - begin);
    const auto draws = std::distance(std::sregex_iterator(statement.begin(), statement.end(), draw),
                                     std::sregex_iterator());
    // Of a choice one side alone is evaluated.
    if (draws > 1 && statement.find('?') == std::string::npos) {
      findings.push_back(
          {line_of(source, end), "two draws in one statement: the compiler chooses their order"});
    }
    begin = end + 1;
  }
  return findings;
}

Findings no_outside_world(const Source& source) {
  static constexpr std::array<Ban, 3> bans = {{
      {R"(\b(system_clock|steady_clock|high_resolution_clock|utc_clock)\b)",
       "a run knows virtual time alone: ask the simulation"},
      {R"(\b(clock_gettime|gettimeofday|localtime|gmtime|std::time|std::clock)\b)",
       "a run knows virtual time alone: ask the simulation"},
      {R"(\b(secure_)?getenv\b)", "a run depends on its scenario alone: make it a setting"},
  }};
  return in_a_run(source) ? banned(source, bans) : Findings{};
}

Findings no_libm(const Source& source) {
  // sqrt and the rounding functions are exact by IEEE 754.
  static constexpr std::array<Ban, 1> bans = {{
      {R"((std::|__builtin_)(exp[2m1]*|log(2|10|1p)?|pow|sin|cos|tan|a(sin|cos|tan2?)|(sin|cos|tan)h|a(sin|cos|tan)h|cbrt|hypot|[tl]gamma|erfc?|beta|riemann_zeta)[fl]?\s*\()",
       "its last bits depend on library and processor; use portable arithmetic of sim/, or, where "
       "no run can see the result, say so in a comment \"libm: why\""},
  }};
  const bool reasoned = source.text.find("// libm: ") != std::string::npos;
  return in_a_run(source) && !reasoned ? banned(source, bans) : Findings{};
}

Findings no_threads(const Source& source) {
  static constexpr std::array<Ban, 2> bans = {{
      {R"(std::(jthread|thread|(shared_|recursive_|timed_)*mutex|atomic\w*|condition_variable\w*|async|future|promise|barrier|latch|counting_semaphore|call_once|this_thread)\b)",
       "one run is single-threaded; runs go in parallel in sim/parallel.hpp alone"},
      {R"(\bthread_local\b)", "one run owns everything it uses; make it a member"},
  }};
  if (source.path.starts_with("sim/parallel")) return {};
  if (source.path.starts_with("sim/frame_pool")) return {};  // free memory, per thread by design
  if (source.path.starts_with("sim/assert")) return {};      // which run of which thread has failed
  return in_a_run(source) ? banned(source, bans) : Findings{};
}

Findings no_exceptions(const Source& source) {
  static constexpr std::array<Ban, 1> bans = {{
      {R"(\bthrow\b)", "an expected failure is a value, a programmer's error an assertion"},
  }};
  return in_a_run(source) ? banned(source, bans) : Findings{};
}

}  // namespace predrill::tidy
