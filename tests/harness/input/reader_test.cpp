#include "harness/input/reader.hpp"

#include <catch2/catch.hpp>

#include "tests/harness/input/input_test.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

enum class Fault { node_loss, pod_delete, freeze };
constexpr std::array<std::pair<std::string_view, Fault>, 3> faults = {
    {{"node_loss", Fault::node_loss},
     {"pod_delete", Fault::pod_delete},
     {"freeze", Fault::freeze}}};

// One value of a JSON document {"v": ...}, read by `read`; gives the messages.
template <class Read>
std::string problem(const std::string& json, Read read) {
  Input input("{\"v\": " + json + "}");
  REQUIRE(input.document.has_value());
  Reader reader(input.root());
  CHECK_FALSE(read(reader.required("v")).has_value());
  reader.finish();
  return input.text();
}

template <class T, class Read>
void check_value(const std::string& text, Format format, const T& expected, Read read) {
  INFO(text);
  Input input(text, format);
  REQUIRE(input.document.has_value());
  const Node* node = input.document->root().find("v");
  if (node == nullptr) node = input.document->root().find("s")->find("v");
  const auto value = read(node_value(*node, "v", input.diagnostics));
  INFO(input.text());
  REQUIRE(value.has_value());
  CHECK(*value == expected);
  CHECK(input.diagnostics.empty());
}

}  // namespace

TEST_CASE("reader: a scenario with several mistakes gets all of them at once", "[input]") {
  Input input(R"({
  "name": "drill",
  "faults": [
    {"at": 65, "inject": "node_lost"},
    {"att": "5s", "inject": "freeze"}
  ],
  "run_for": "300"
})");
  REQUIRE(input.document.has_value());
  {
    Reader scenario(input.root());
    CHECK(scenario.required("name").text() == "drill");
    for (const Value& item : scenario.required("faults").items()) {
      Reader fault(item);
      CHECK_FALSE(fault.required("at").duration().has_value());
      const auto kind = fault.required("inject").choice("a fault", faults);
      if (kind) CHECK(*kind == Fault::freeze);
    }
    scenario.optional("run_for").duration();
    CHECK_FALSE(scenario.required("system").exists());
  }
  CHECK(
      input.text() ==
      "x:1:1: error: the key \"system\" is missing\n"
      "x:4:12: error: faults[0].at: \"65\" has no unit; write \"65s\" for seconds or \"65ms\" for "
      "milliseconds\n"
      "x:4:26: error: faults[0].inject: \"node_lost\" is not a fault; did you mean "
      "\"node_loss\"? Allowed: node_loss, pod_delete, freeze\n"
      "x:5:6: error: faults[1].att: unknown key; did you mean \"at\"? Allowed: at, inject\n"
      "x:7:14: error: run_for: \"300\" has no unit; write \"300s\" for seconds or \"300ms\" for "
      "milliseconds\n");
}

TEST_CASE("reader: wrong kinds say what was found and what is wanted", "[input]") {
  const auto text = [](const Value& v) { return v.text(); };
  const auto duration = [](const Value& v) { return v.duration(); };
  const auto integer = [](const Value& v) { return v.integer(1, 16); };
  const auto number = [](const Value& v) { return v.number(0, 1); };
  const auto ratio = [](const Value& v) { return v.ratio(); };
  const auto boolean = [](const Value& v) { return v.boolean(); };
  const auto bytes = [](const Value& v) { return v.bytes(); };
  CHECK(problem("5", text) == "x:1:7: error: v: found 5 where text should stand; write \"5\"\n");
  CHECK(problem("[]", text) == "x:1:7: error: v: found a list where text should stand\n");
  CHECK(problem("null", text) ==
        "x:1:7: error: v: null where text should stand; leave the key out or give it a value\n");
  CHECK(problem("{}", duration) ==
        "x:1:7: error: v: found a map where a duration such as \"10s\" should stand\n");
  CHECK(problem("\"-5s\"", duration) ==
        "x:1:7: error: v: \"-5s\" is out of range; it must be at least 0s\n");
  CHECK(problem("\"5\"", integer) ==
        "x:1:7: error: v: found \"5\" where an integer should stand; write 5 without quotation "
        "marks\n");
  CHECK(problem("17", integer) ==
        "x:1:7: error: v: 17 is out of range; it must be between 1 and 16\n");
  CHECK(problem("1e999", integer) ==
        "x:1:7: error: v: 1e999 is out of range; it must be between 1 and 16\n");
  CHECK(problem("123456789012345678901234567890", integer) ==
        "x:1:7: error: v: 123456789012345678901234567890 is out of range; it must be between 1 and "
        "16\n");
  CHECK(problem("1.5", integer) ==
        "x:1:7: error: v: found \"1.5\" where an integer should stand\n");
  CHECK(problem("1e999", number) == "x:1:7: error: v: 1e999 is out of range\n");
  CHECK(problem("1.5", number) ==
        "x:1:7: error: v: 1.5 is out of range; it must be between 0 and 1\n");
  CHECK(problem("\"1\"", number) == "x:1:7: error: v: found \"1\" where a number should stand\n");
  CHECK(problem("\"3/0\"", ratio) ==
        "x:1:7: error: v: found \"3/0\" where a ratio should stand; write \"3%\", \"3/100\" or "
        "0.03\n");
  CHECK(problem("\"101%\"", ratio) ==
        "x:1:7: error: v: 101% is out of range; it must be between 0 and 1\n");
  CHECK(problem("-0.1", ratio) ==
        "x:1:7: error: v: -0.1 is out of range; it must be between 0 and 1\n");
  CHECK(problem("\"true\"", boolean) ==
        "x:1:7: error: v: found \"true\" where true or false should stand; write true without "
        "quotation marks\n");
  CHECK(problem("1", boolean) == "x:1:7: error: v: found 1 where true or false should stand\n");
  CHECK(problem("16", bytes) ==
        "x:1:7: error: v: 16 has no unit; write \"16B\" for bytes or \"16MB\" for megabytes\n");
  CHECK(problem("\"16mb\"", bytes) ==
        "x:1:7: error: v: found \"16mb\" where a size should stand; write a number and one of B, "
        "kB, MB, GB, TB, KiB, MiB, GiB, TiB\n");
  CHECK(problem("\"0.3B\"", bytes) == "x:1:7: error: v: \"0.3B\" is not a whole number of bytes\n");
  const auto below = [](const Value& v) { return v.duration(1s, 1min); };
  CHECK(problem("\"2m\"", below) ==
        "x:1:7: error: v: \"2m\" is out of range; it must be between 1s and 1m\n");
  const auto map = [](const Value& v) {
    return v.entries().empty() ? std::optional<int>() : std::optional<int>(1);
  };
  CHECK(problem("[1]", map) == "x:1:7: error: v: found a list where a map should stand\n");
}

TEST_CASE("reader: our own formats are read exactly", "[input]") {
  const auto json = [](const std::string& value, const auto& expected, auto read) {
    check_value("{\"v\": " + value + "}", Format::json, expected, read);
  };
  json("\"1m30s\"", sim::Duration{90s}, [](const Value& v) { return v.duration(); });
  json("-9223372036854775808", std::numeric_limits<std::int64_t>::min(),
       [](const Value& v) { return v.integer(); });
  json("1e3", std::int64_t{1000}, [](const Value& v) { return v.integer(); });
  json("0.1", 0.1, [](const Value& v) { return v.number(); });
  json("\"3/100\"", Ratio{3, 100}, [](const Value& v) { return v.ratio(); });
  json("\"0.5%\"", Ratio{1, 200}, [](const Value& v) { return v.ratio(); });
  json("0.03", Ratio{3, 100}, [](const Value& v) { return v.ratio(); });
  json("1", Ratio{1, 1}, [](const Value& v) { return v.ratio(); });
  json("\"150%\"", Ratio{3, 2}, [](const Value& v) { return v.ratio(10); });
  json("true", true, [](const Value& v) { return v.boolean(); });
  json("\"16MB\"", std::uint64_t{16 << 20}, [](const Value& v) { return v.bytes(); });
  json("\"1.5 kB\"", std::uint64_t{1536}, [](const Value& v) { return v.bytes(); });
}

TEST_CASE("reader: foreign settings are read as their systems read them", "[input]") {
  const auto yaml = [](const std::string& value, const auto& expected, auto read) {
    check_value("v: " + value + "\n", Format::yaml, expected, read);
  };
  const auto ini = [](const std::string& value, const auto& expected, auto read) {
    check_value("[s]\nv = " + value + "\n", Format::ini, expected, read);
  };
  const auto ms_setting = [](const Value& v) { return v.postgres_duration(1ms); };
  yaml("\"1000\"", sim::Duration{1s}, ms_setting);
  yaml("1min", sim::Duration{1min}, ms_setting);
  yaml("1.5ms", sim::Duration{2ms}, ms_setting);
  yaml("2.5ms", sim::Duration{2ms}, ms_setting);
  yaml("-1", sim::Duration{-1ms}, ms_setting);
  yaml("30", sim::Duration{30s}, [](const Value& v) { return v.patroni_seconds(); });
  yaml("20s", sim::Duration{20s}, [](const Value& v) { return v.patroni_seconds(); });
  yaml("'1000 ms'", sim::Duration{1s}, [](const Value& v) { return v.patroni_seconds(); });
  ini("15", sim::Duration{15s}, [](const Value& v) { return v.pgbouncer_seconds(); });
  ini("0.5", sim::Duration{500ms}, [](const Value& v) { return v.pgbouncer_seconds(); });
  ini("0.0000019", sim::Duration{1us}, [](const Value& v) { return v.pgbouncer_seconds(); });
  yaml("500", sim::Duration{500ms}, [](const Value& v) { return v.haproxy_time(); });
  yaml("3s", sim::Duration{3s}, [](const Value& v) { return v.haproxy_time(); });
  yaml("16GB", std::uint64_t{16} << 30, [](const Value& v) { return v.postgres_bytes(8192); });
  yaml("2", std::uint64_t{16384}, [](const Value& v) { return v.postgres_bytes(8192); });
  yaml("\"400\"", std::int64_t{400}, [](const Value& v) { return v.quoted_integer(); });
  yaml("\"on\"", true, [](const Value& v) { return v.postgres_boolean(); });
  yaml("F", false, [](const Value& v) { return v.postgres_boolean(); });
  yaml("On", true, [](const Value& v) { return v.boolean(); });
  ini("0", false, [](const Value& v) { return v.boolean(); });
  yaml("500Gi", std::uint64_t{500} << 30, [](const Value& v) { return v.kubernetes_bytes(); });
  yaml("1500m", std::uint64_t{2}, [](const Value& v) { return v.kubernetes_bytes(); });
  yaml("100m", std::uint64_t{100}, [](const Value& v) { return v.kubernetes_thousandths(); });
  yaml("\"8\"", std::uint64_t{8000}, [](const Value& v) { return v.kubernetes_thousandths(); });
  yaml("0.0019", std::uint64_t{2}, [](const Value& v) { return v.kubernetes_thousandths(); });
}

TEST_CASE("reader: foreign settings that their systems refuse are errors", "[input]") {
  const auto bad = [](const std::string& value, auto read) {
    Input input("v: " + value + "\n", Format::yaml);
    REQUIRE(input.document.has_value());
    CHECK_FALSE(read(node_value(*input.document->root().find("v"), "v", input.diagnostics)));
    return input.text();
  };
  CHECK(
      bad("30 sec", [](const Value& v) { return v.patroni_seconds(); }) ==
      "x:1:4: error: v: found \"30 sec\" where a time should stand; write a number in units of 1s "
      "or with one of us, ms, s, min, h, d\n");
  CHECK(bad("15s", [](const Value& v) { return v.pgbouncer_seconds(); }) ==
        "x:1:4: error: v: found \"15s\" where a number of seconds should stand; PgBouncer knows no "
        "units here\n");
  CHECK(bad("1.5s", [](const Value& v) { return v.haproxy_time(); }) ==
        "x:1:4: error: v: found \"1.5s\" where a time should stand; write an integer, alone for "
        "units of 1ms or with one of us, ms, s, m, h, d\n");
  CHECK(
      bad("16gb", [](const Value& v) { return v.postgres_bytes(8192); }) ==
      "x:1:4: error: v: found \"16gb\" where a size should stand; write a number in units of 8192 "
      "bytes or with one of B, kB, MB, GB, TB\n");
  CHECK(bad("o", [](const Value& v) { return v.postgres_boolean(); }) ==
        "x:1:4: error: v: found \"o\" where on or off should stand\n");
  CHECK(bad("5Q", [](const Value& v) { return v.kubernetes_bytes(); }) ==
        "x:1:4: error: v: found \"5Q\" where a quantity should stand; write a number and one of m, "
        "k, M, G, T, Ki, Mi, Gi, Ti\n");
  CHECK_FALSE(
      bad("99999999999999999999d", [](const Value& v) { return v.postgres_duration(1s); }).empty());
  CHECK_FALSE(
      bad("9223372036854775807ns", [](const Value& v) { return v.postgres_duration(1s); }).empty());
}

TEST_CASE("reader: foreign keys that are not read are listed, never dropped", "[input]") {
  Input input("ttl: 30\nloop_wait: null\nlog:\n  level: INFO\ntll: 20\n", Format::yaml);
  REQUIRE(input.document.has_value());
  constexpr std::array<std::string_view, 2> known = {"log", "ttl"};
  {
    Reader patroni(input.root(), {"Patroni 3.3.2", known});
    CHECK(patroni.optional("ttl").patroni_seconds() == sim::Duration{30s});
    CHECK_FALSE(patroni.optional("loop_wait").exists());
  }
  CHECK(input.text() ==
        "x:3:1: warning: log: not modelled; it has no effect on the run\n"
        "x:5:1: warning: tll: unknown to Patroni 3.3.2; did you mean \"ttl\"?\n");
  CHECK_FALSE(input.diagnostics.has_errors());
}

TEST_CASE("reader: a value that is not a map is reported once", "[input]") {
  Input input("[1]");
  REQUIRE(input.document.has_value());
  {
    Reader reader(input.root());
    CHECK_FALSE(reader.required("name").text().has_value());
  }
  CHECK(input.text() == "x:1:1: error: found a list where a map should stand\n");
}
