// Formats that are read line by line: pgbouncer.ini and haproxy.cfg.
#include <catch2/catch.hpp>

#include "tests/harness/input/input_test.hpp"

using namespace predrill::harness;

TEST_CASE("ini: pgbouncer.ini", "[input]") {
  Input input(
      ";; PgBouncer\n[databases]\nprofiles = host=10.0.0.1 port=5432\n* = host=any\n"
      "\"odd \"\"name\"\"\" = host=x\n\n[pgbouncer]\r\n  dns_max_ttl = 15 \r\n"
      "auth_query = SELECT 1 ; # not a comment\nempty =\n",
      Format::ini);
  REQUIRE(input.document.has_value());
  CHECK(input.diagnostics.empty());
  const Node& root = input.document->root();
  const Node* bouncer = root.find("pgbouncer");
  REQUIRE(bouncer != nullptr);
  CHECK(bouncer->find("dns_max_ttl")->text == "15");
  CHECK(bouncer->find("dns_max_ttl")->place.text() == "x:8:17");
  CHECK(bouncer->members[0].place.text() == "x:8:3");
  CHECK(bouncer->find("auth_query")->text == "SELECT 1 ; # not a comment");
  CHECK(bouncer->find("empty")->text.empty());
  CHECK(root.find("databases")->members[2].key == "odd \"name\"");
  CHECK(root.find("databases")->find("*")->text == "host=any");
}

TEST_CASE("ini: every bad line is reported and the rest is read", "[input]") {
  Input input(
      "early = 1\n[pgbouncer]\npool_mode session\n= 5\npool_mode = session\npool_mode = "
      "transaction\n%include more.ini\n[broken\n[users] x\n\"open = 1\n",
      Format::ini);
  REQUIRE(input.document.has_value());
  CHECK(input.text() ==
        "x:1:1: error: early: the setting stands before the first section; write [pgbouncer] above "
        "it\n"
        "x:3:1: error: pgbouncer: there is no = after \"pool_mode\"; a line is [section], key = "
        "value or a comment after ; or #\n"
        "x:4:1: error: pgbouncer: \"= 5\" is not a setting; a line is [section], key = value or a "
        "comment after ; or #\n"
        "x:6:1: warning: pgbouncer.pool_mode: the setting is given twice; the first is in line 5; "
        "the last one counts\n"
        "x:7:1: warning: %include is not followed: \"more.ini\"; its settings are missing from the "
        "run\n"
        "x:8:1: error: the section has no closing ]\n"
        "x:9:1: error: text after the section \"[users]\"\n"
        "x:10:1: error: users: \"\"open = 1\" is not a setting; a line is [section], key = value "
        "or a comment after ; or #\n");
  CHECK(input.document->root().find("pgbouncer")->find("pool_mode")->text == "transaction");
  CHECK(Input("; nothing\n", Format::ini).text() == "x: error: the file is empty\n");
}

TEST_CASE("ini: connection strings", "[input]") {
  Input input("[d]\nx = host=10.0.0.1  dbname='my ''db' port = 5432 host=b\n", Format::ini);
  REQUIRE(input.document.has_value());
  const Node& scalar = *input.document->root().find("d")->find("x");
  const Node words = parse_connection_string(scalar, "d.x", input.diagnostics);
  REQUIRE(words.members.size() == 3);
  CHECK(words.find("host")->text == "b");
  CHECK(words.find("dbname")->text == "my 'db");
  CHECK(words.members[1].place.text() == "x:2:20");
  CHECK(words.find("port")->text == "5432");
  CHECK(words.find("port")->place.text() == "x:2:44");
  CHECK(input.text() ==
        "x:2:49: warning: d.x.host: the word is given twice; the last one counts\n");
  const auto bad = [](const std::string& text) {
    Input lines("[d]\nx = " + text + "\n", Format::ini);
    const Node& value = *lines.document->root().find("d")->find("x");
    parse_connection_string(value, "d.x", lines.diagnostics);
    return lines.text();
  };
  CHECK(bad("host") == "x:2:5: error: d.x: \"host\" is not key=value\n");
  CHECK(bad("a=1 =2") == "x:2:9: error: d.x: \"=2\" is not key=value\n");
  CHECK(bad("a='x") == "x:2:7: error: d.x.a: the value has no closing '\n");
  CHECK(bad("a=").empty());
}

TEST_CASE("haproxy: sections, words, quotes", "[input]") {
  Input input(
      "global\n    maxconn 100 # comment\n\ndefaults\n    timeout connect 4s\n"
      "listen postgres_write\n    bind *:5000\n"
      "    server a\\ b 10.0.0.1:5432 check port 8008 \"x \\\" y\" 'z \\ w'\n",
      Format::haproxy);
  REQUIRE(input.document.has_value());
  CHECK(input.diagnostics.empty());
  const Node& root = input.document->root();
  REQUIRE(root.members.size() == 3);
  CHECK(root.members[0].value.items[0].items.size() == 2);
  const Member& listen = root.members[2];
  CHECK(listen.key == "listen postgres_write");
  CHECK(listen.place.text() == "x:6:1");
  REQUIRE(listen.value.items.size() == 2);
  const Node& server = listen.value.items[1];
  REQUIRE(server.items.size() == 8);
  CHECK(server.place.text() == "x:8:5");
  CHECK(server.items[1].text == "a b");
  CHECK(server.items[2].place.text() == "x:8:17");
  CHECK(server.items[6].text == "x \" y");
  CHECK(server.items[7].text == "z \\ w");
}

TEST_CASE("haproxy: every bad line is reported", "[input]") {
  Input input("globa\nbackend a\n  server \"open\n  end \\\n  env \"$HOME\"\n", Format::haproxy);
  REQUIRE(input.document.has_value());
  CHECK(input.text() ==
        "x:1:1: error: \"globa\" stands before the first section; did you mean \"global\"?\n"
        "x:3:10: error: \"backend a\": no closing \"\n"
        "x:4:7: error: \"backend a\": a backslash at the end of the line\n"
        "x:5:7: warning: \"backend a\": environment variables are not replaced\n");
  CHECK(Input("\n# nothing\n", Format::haproxy).text() == "x: error: the file is empty\n");
}

TEST_CASE("line formats: the number of values is limited", "[input]") {
  Limits limits;
  limits.values = 3;
  CHECK(Input("[a]\nb=1\nc=1\nd=1\n", Format::ini, limits).text() ==
        "x:4:1: error: the file has more than 3 values\n");
  CHECK_FALSE(Input("global\n a b c\n", Format::haproxy, limits).document.has_value());
}
