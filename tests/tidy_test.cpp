// The house style, as far as a program can check it. A rule has a test of its own with texts that
// it must accept and texts that it must reject; then it reads the whole tree.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/tidy/rules.hpp"

namespace {

using namespace predrill::tidy;
using Rule = Findings (*)(const Source&);

const std::vector<Source>& tree() {
  static const auto sources = read_tree(PREDRILL_SOURCE_DIR);
  return sources;
}

void check_tree(Rule rule) {
  for (const auto& source : tree()) {
    for (const auto& finding : rule(source)) {
      FAIL_CHECK(source.path << ":" << finding.line << ": " << finding.message);
    }
  }
}

void accepts(Rule rule, const std::string& path, const std::string& text) {
  for (const auto& finding : rule(make_source(path, text))) {
    FAIL_CHECK("a good text was rejected:\n" << text << "\n" << finding.message);
  }
  SUCCEED();
}

// The text must be rejected, once, with the words in the message.
void rejects(Rule rule, const std::string& path, const std::string& text,
             const std::string& words) {
  const auto findings = rule(make_source(path, text));
  INFO(text);
  REQUIRE(findings.size() == 1);
  CHECK_THAT(findings.front().message, Catch::Contains(words));
}

// A line inside a coroutine.
std::string in_coroutine(const std::string& line) {
  return "Task<int> f() {\n  int x = 0;\n  " + line + "\n  co_return x;\n}\n";
}

}  // namespace

TEST_CASE("tidy: the tree is read") {
  CHECK(tree().size() > 10);
  const auto is_this = [](const Source& s) { return s.path == "tests/tidy_test.cpp"; };
  CHECK(std::count_if(tree().begin(), tree().end(), is_this) == 1);
}

TEST_CASE("tidy: comments and literals are not code") {
  const auto source = make_source(
      "sim/x.cpp",
      "int a = 1'000; // rand(\n/* rand( */ auto s = \"rand(\\\"\"; auto r = R\"x(rand()x\";\n");
  CHECK(source.code.size() == source.text.size());
  CHECK(source.code.find("rand") == std::string::npos);
  CHECK(source.code.find("1'000;") != std::string::npos);
  CHECK(source.code.find("auto r") != std::string::npos);
}

TEST_CASE("tidy: arrows run one way, harness to models to sim") {
  accepts(include_law, "sim/x.cpp", "#include \"sim/time.hpp\"\n// #include \"models/x.hpp\"\n");
  accepts(include_law, "models/x.hpp", "#include \"sim/time.hpp\"\n#include \"models/lsn.hpp\"\n");
  accepts(include_law, "tests/sim/x_test.cpp", "#include \"harness/run.hpp\"\n");
  rejects(include_law, "sim/x.cpp", "#include \"models/lsn.hpp\"\n", "only sim/");
  rejects(include_law, "models/x.hpp", "#include \"harness/run.hpp\"\n", "only models/, sim/");
  rejects(include_law, "sim/x.cpp", "#include \"time.hpp\"\n", "from the top of the tree");
  rejects(include_law, "bench/x.cpp", "#include \"tests/lab.hpp\"\n", "a file of bench/");
  check_tree(include_law);
}

TEST_CASE("tidy: third-party headers stay in .cpp files") {
  accepts(no_foreign_headers, "harness/x.hpp", "#include <vector>\n#include <cstdint>\n");
  accepts(no_foreign_headers, "harness/x.cpp", "#include <fmt/core.h>\n");
  rejects(no_foreign_headers, "harness/x.hpp", "#include <nlohmann/json.hpp>\n", ".cpp file");
  rejects(no_foreign_headers, "sim/x.hpp", "#include <stdint.h>\n", "<cstdint>");
  check_tree(no_foreign_headers);
}

TEST_CASE("tidy: no order that depends on the library or on addresses") {
  accepts(no_unstable_order, "sim/x.cpp", "std::map<int, Host*> m;\n");
  accepts(no_unstable_order, "harness/x.cpp", "std::unordered_map<int, int> m;\n");
  rejects(no_unstable_order, "models/x.cpp", "std::unordered_set<int> s;\n", "std::map");
  rejects(no_unstable_order, "sim/x.hpp", "std::set<const Host*> s;\n", "an index");
  rejects(no_unstable_order, "sim/x.hpp", "std::hash<int> h;\n", "a hash of sim/");
  check_tree(no_unstable_order);
}

TEST_CASE("tidy: random numbers come from streams alone") {
  accepts(no_foreign_randomness, "sim/x.cpp",
          "stream.random(); operand(); std::ranges::sort(v);\n");
  rejects(no_foreign_randomness, "sim/x.cpp", "std::shuffle(a, b, g);\n", "sim/random.hpp");
  rejects(no_foreign_randomness, "sim/x.cpp", "std::normal_distribution<> d;\n", "a stream");
  rejects(no_foreign_randomness, "models/x.cpp", "std::random_device d;\n", "a stream");
  rejects(no_foreign_randomness, "models/x.cpp", "std::mt19937_64 g;\n", "a stream");
  rejects(no_foreign_randomness, "models/x.cpp", "int i = rand();\n", "a stream");
  rejects(no_foreign_randomness, "models/x.cpp", "int i = std::rand();\n", "a stream");
  check_tree(no_foreign_randomness);
}

TEST_CASE("tidy: a statement draws once") {
  const std::string words = "the compiler chooses";
  accepts(one_draw_a_statement, "models/x.cpp", "d = a.sample(s);\nd += b.sample(s);\n");
  accepts(one_draw_a_statement, "models/x.cpp", "d = c ? a.sample(s) : b.sample(s);\n");
  rejects(one_draw_a_statement, "models/x.cpp", "d = a.sample(s) + b.sample_duration(s);\n", words);
  rejects(one_draw_a_statement, "models/x.cpp", "f(s->below(3),\n  s.unit());\n", words);
  rejects(one_draw_a_statement, "harness/x.cpp", "d = n.delay(a, b) + n.delay(b, a);\n", words);
  check_tree(one_draw_a_statement);
}

TEST_CASE("tidy: a run sees neither wall clock nor environment") {
  accepts(no_outside_world, "sim/x.cpp", "Time t = sim.now();\n");
  accepts(no_outside_world, "harness/x.cpp", "std::chrono::steady_clock::now();\n");
  rejects(no_outside_world, "sim/x.cpp", "std::chrono::steady_clock::now();\n", "virtual time");
  rejects(no_outside_world, "sim/x.cpp", "std::chrono::system_clock::now();\n", "virtual time");
  rejects(no_outside_world, "models/x.cpp", "clock_gettime(id, &t);\n", "virtual time");
  rejects(no_outside_world, "models/x.cpp", "std::getenv(name);\n", "a setting");
  check_tree(no_outside_world);
}

TEST_CASE("tidy: no libm in what can influence a run") {
  accepts(no_libm, "sim/x.cpp",
          "std::sqrt(x); std::floor(x); sim::log(x); catalog(x); std::fma(a, b, c);\n");
  accepts(no_libm, "sim/x.cpp", "// libm: reports only\nstd::log(x);\n");
  accepts(no_libm, "harness/x.cpp", "std::log(x);\n");
  for (const char* call :
       {"log", "log1p", "log2", "exp", "expm1", "pow", "sin", "atan2", "tgamma"}) {
    rejects(no_libm, "models/x.cpp", std::string("std::") + call + "(x);\n", "portable arithmetic");
  }
  check_tree(no_libm);
}

TEST_CASE("tidy: threads in sim/parallel alone") {
  accepts(no_threads, "sim/parallel.cpp", "std::jthread t;\n");
  accepts(no_threads, "sim/x.cpp", "int thread_count;\n");
  rejects(no_threads, "sim/x.cpp", "std::atomic<int> a;\n", "sim/parallel.hpp");
  rejects(no_threads, "models/x.cpp", "std::jthread t;\n", "sim/parallel.hpp");
  rejects(no_threads, "models/x.cpp", "std::shared_mutex m;\n", "sim/parallel.hpp");
  rejects(no_threads, "sim/x.cpp", "thread_local int i;\n", "a member");
  check_tree(no_threads);
}

TEST_CASE("tidy: failures are values") {
  accepts(no_exceptions, "sim/x.cpp", "// never throws\nint throws;\n");
  rejects(no_exceptions, "sim/x.cpp", "throw 1;\n", "a value");
  check_tree(no_exceptions);
}

TEST_CASE("tidy: no co_await in a condition") {
  const auto good = [](const char* line) {
    accepts(no_await_in_condition, "sim/x.cpp", in_coroutine(line));
  };
  const auto bad = [](const char* line) {
    rejects(no_await_in_condition, "sim/x.cpp", in_coroutine(line), "named variable");
  };
  good("if (x) co_await g();");
  good("if (x) { co_await g(); } else { co_await h(); }");
  good("while (x) { x = co_await g(); }");
  good("switch (x) { case 1: x = co_await g(); break; }");
  good("for (int i = 0; i < x; ++i) { co_await g(); }");
  bad("if (co_await g()) x = 1;");
  bad("if ((co_await g()).ok) { x = 1; }");
  bad("if (const auto y = co_await g(); y) { x = 1; }");
  bad("while (h(co_await g())) { x = 1; }");
  bad("do { x = 1; } while (co_await g());");
  bad("switch (co_await g()) { case 1: x = 1; }");
  bad("for (const auto y : co_await g()) { x = y; }");
  check_tree(no_await_in_condition);
}

TEST_CASE("tidy: no co_await within ?:, && or ||") {
  const auto good = [](const char* line) {
    accepts(no_await_in_operator, "sim/x.cpp", in_coroutine(line));
  };
  const auto bad = [](const char* line) {
    rejects(no_await_in_operator, "sim/x.cpp", in_coroutine(line), "named variable");
  };
  good("x = co_await g(a && b, c ? d : e);");
  good("auto&& y = co_await g();");
  good("const bool y = a && b; co_await g();");
  good("if (a && b) co_await g();");
  good("if (a || b) { co_await g(); }");
  bad("x = a && co_await g();");
  bad("x = co_await g() || b;");
  bad("x = (co_await g()).ok && b;");
  bad("x = a ? co_await g() : 0;");
  bad("x = a\n      ? co_await g() : 0;");
  bad("co_return (co_await g()) ? 1 : 2;");
  check_tree(no_await_in_operator);
}

TEST_CASE("tidy: no co_await as an argument") {
  const auto good = [](const char* line) {
    accepts(no_await_as_argument, "sim/x.cpp", in_coroutine(line));
  };
  const auto bad = [](const char* line) {
    rejects(no_await_as_argument, "sim/x.cpp", in_coroutine(line), "named variable");
  };
  good("x = co_await g(1, {2, 3});");
  good("x = (co_await g()).value;");
  good("co_return (co_await g()).value;");
  good("for (;;) { co_await g(); }");
  good("run([] { return 1; }); co_await g();");
  bad("h(co_await g());");
  bad("h(1 + (co_await g()));");
  bad("x = co_await h(co_await g());");
  bad("x = static_cast<int>(co_await g());");
  bad("const Message m{co_await g()};");
  bad("x = a[co_await g()];");
  check_tree(no_await_as_argument);
}

TEST_CASE("tidy: no coroutine lambdas") {
  accepts(no_coroutine_lambda, "sim/x.cpp", in_coroutine("run([&x](int y) { return x + y; });"));
  accepts(no_coroutine_lambda, "sim/x.cpp", in_coroutine("auto [a, b] = g(); { co_await h(); }"));
  accepts(no_coroutine_lambda, "sim/x.cpp", "[[nodiscard]] Task<int> f() { co_return 1; }\n");
  accepts(no_coroutine_lambda, "sim/x.cpp",
          "int a[3] = {1};\nTask<> f() { v[i] = 1; co_return; }\n");
  for (const char* lambda :
       {"auto f = [] { co_return; };", "auto f = [this](int x) -> Task<int> { co_return x; };",
        "spawn([=]() mutable -> Process { co_await g(); });",
        "auto f() { return [] { co_await g(); }; }"}) {
    rejects(no_coroutine_lambda, "models/x.cpp", lambda, "make it a function");
  }
  check_tree(no_coroutine_lambda);
}

TEST_CASE("tidy: a coroutine takes its parameters by value") {
  accepts(no_reference_parameter, "sim/x.hpp", "Task<int> f(Host& host, std::string name);\n");
  accepts(no_reference_parameter, "sim/x.hpp", "void spawn(Task<void> task, const Name& name);\n");
  accepts(no_reference_parameter, "sim/x.hpp", "Task(Task&& other) noexcept;\n");
  accepts(no_reference_parameter, "sim/x.hpp",
          "Task<> f(Host& host, const Request r, Lsn& lsn);\n");
  accepts(no_reference_parameter, "sim/x.hpp", "Process watch(const Simulation& simulation);\n");
  rejects(no_reference_parameter, "sim/x.hpp", "Task<int> f(const std::string& name);\n",
          "by value");
  rejects(no_reference_parameter, "models/x.cpp",
          "Task<std::vector<int>> Patroni::f(int a,\n    const Config& c) {}\n", "by value");
  rejects(no_reference_parameter, "sim/x.hpp", "Task<> f(const Network& n, const Config& c);\n",
          "by value");
  rejects(no_reference_parameter, "sim/x.hpp", "Process run(Config&& config);\n", "by value");
  check_tree(no_reference_parameter);
}

TEST_CASE("tidy: lines have at most 100 columns") {
  accepts(width, "sim/x.cpp", std::string(100, 'x') + "\n");
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "ä";
  accepts(width, "sim/x.cpp", umlauts);
  accepts(width, "README.md", std::string(300, 'x'));
  rejects(width, "sim/x.cpp", std::string(101, 'x'), "break it");
  check_tree(width);
}

TEST_CASE("tidy: files have at most 800 lines") {
  accepts(size, "sim/x.cpp", std::string(800, '\n'));
  rejects(size, "sim/x.cpp", std::string(801, '\n'), "split it");
  check_tree(size);
  for (const auto& source : tree()) {
    const auto count = lines(source.text).size();
    if (is_cpp(source) && count > 500) WARN(source.path << " has " << count << " lines");
  }
}

TEST_CASE("tidy: a header starts with a comment and is included once") {
  accepts(header_start, "sim/x.hpp", "// What.\n#pragma once\n");
  rejects(header_start, "sim/x.hpp", "#pragma once\n", "a comment");
  rejects(header_start, "sim/x.hpp", "// What. #pragma once\n", "add");
  check_tree(header_start);
}

TEST_CASE("tidy: two types do not share a name") {
  const auto in = [](const std::string& space, const std::string& type) {
    return "namespace " + space + "{\n" + type + "\n}\n";
  };
  const auto both = [&](const std::string& first, const std::string& second) {
    return types_defined_twice({make_source("sim/x.hpp", first), make_source("sim/y.cpp", second)});
  };
  const auto found = both(in("a ", "struct X {};"), in("a ", "class X final : Y<int> {\n};"));
  REQUIRE(found.size() == 1);
  CHECK_THAT(found.front(), Catch::Contains("sim/y.cpp:2") && Catch::Contains("sim/x.hpp:2"));
  CHECK(both(in("a ", "struct X {};"), in("", "struct X {};")).empty());
  CHECK(both(in("a ", "struct X {};"), in("b ", "struct X {};")).empty());
  CHECK(both(in("a ", "struct X {};"), in("a ", "struct X;\nstruct X::Y {};")).empty());
  CHECK(both(in("a ", "struct X {};"), in("a ", "template <>\nstruct X<int> {};")).empty());
  for (const auto& message : types_defined_twice(tree())) FAIL_CHECK(message);
}

TEST_CASE("tidy: nothing is left unfinished") {
  accepts(no_leftovers, "sim/x.cpp", "// to do this, that\n");
  rejects(no_leftovers, "sim/x.cpp",
          "// TO"
          "DO: more\n",
          "finish it");
  rejects(no_leftovers, "README.md",
          "FIX"
          "ME\n",
          "finish it");
  check_tree(no_leftovers);
}

TEST_CASE("tidy: no folder of somebody's machine") {
  accepts(no_machine_paths, ".ci/run",
          "cd /usr/share; x=/home/"
          "postgres/pgdata; framework/x\n");
  rejects(no_machine_paths, ".ci/run",
          "cd /ho"
          "me/somebody\n",
          "relative");
  rejects(no_machine_paths, "sim/x.cpp",
          "\"/wo"
          "rk/x\"\n",
          "relative");
  check_tree(no_machine_paths);
}
