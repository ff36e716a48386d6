#include "harness/input/document.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/harness/input/input_test.hpp"

using namespace predrill::harness;
namespace fs = std::filesystem;

namespace {

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "predrill-input-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// The problems of a file, its folder cut from their places.
std::string problems_of(const fs::path& path) {
  Diagnostics diagnostics;
  CHECK_FALSE(load_document(path, diagnostics).has_value());
  const auto sorted = diagnostics.sorted();
  REQUIRE(sorted.size() == 1);
  CHECK(*sorted[0].place.file == path.string());
  return sorted[0].message + (sorted[0].hint.empty() ? "" : "; " + sorted[0].hint);
}

}  // namespace

TEST_CASE("document: files are found by their name's end", "[input]") {
  Folder folder;
  Diagnostics diagnostics;
  const auto json = load_document(folder.write("a.json", "{\"b\": 1}"), diagnostics);
  REQUIRE(json.has_value());
  CHECK(json->root().find("b")->text == "1");
  CHECK(load_document(folder.write("a.yml", "b: 1"), diagnostics).has_value());
  CHECK(load_document(folder.write("a.cfg", "global"), diagnostics).has_value());
  CHECK(load_document(folder.write("a.ini", "[a]"), diagnostics).has_value());
  CHECK(load_document(folder.write("patroni", "b: 1"), diagnostics, Format::yaml).has_value());
  CHECK(diagnostics.empty());
}

TEST_CASE("document: files that cannot be read", "[input]") {
  Folder folder;
  folder.write("scenario.json", "{}");
  CHECK(problems_of(folder.path() / "scenaro.json") ==
        "there is no such file; did you mean \"scenario.json\"?");
  CHECK(problems_of(folder.path() / "other.json") == "there is no such file");
  CHECK(problems_of(folder.path() / "no" / "x.json") == "there is no such file; the folder \"" +
                                                            (folder.path() / "no").string() +
                                                            "\" cannot be read");
  fs::create_directory(folder.path() / "d.json");
  CHECK(problems_of(folder.path() / "d.json") == "is a folder; name a file in it");
  CHECK(problems_of(folder.write("x.txt", "")) ==
        "the end of the name says nothing about the format; known are .json, .jsonc, .yaml, .yml, "
        ".ini, .cfg");
  CHECK(problems_of(folder.write("empty.json", "")) == "the file is empty");
  Diagnostics diagnostics;
  CHECK_FALSE(load_document("/dev/zero", diagnostics, Format::json).has_value());
  CHECK(diagnostics.text() == "/dev/zero: error: is not a regular file\n");
}

TEST_CASE("document: a file of 100 MB is refused without being read", "[input]") {
  Folder folder;
  for (const char* name : {"junk.json", "junk.yaml", "junk.ini", "junk.cfg"}) {
    const fs::path path = folder.write(name, "[");
    fs::resize_file(path, 100'000'000);  // a hole: it takes no room on the disk
    CHECK(problems_of(path) == "the file has 95.3 MiB; at most 16.0 MiB are read");
  }
  Limits limits;
  limits.file_bytes = 5;
  CHECK(Input("{   }", Format::json, limits).diagnostics.empty());
  CHECK_FALSE(Input("{    }", Format::json, limits).document.has_value());
}

TEST_CASE("document: text that is no UTF-8 text is refused in every format", "[input]") {
  const auto format = GENERATE(Format::json, Format::yaml, Format::ini, Format::haproxy);
  const auto problem = [&](std::string_view text) {
    Input input(text, format);
    CHECK_FALSE(input.document.has_value());
    return input.text();
  };
  using namespace std::string_view_literals;
  CHECK(problem("{\n a\0b"sv) == "x:2:3: error: a NUL byte; is this a text file?\n");
  CHECK(problem("{\n a\x04") == "x:2:3: error: a control character; is this a text file?\n");
  for (const char* bad : {"a\n\xff", "a\n\xc3(", "a\n\xed\xa0\x80", "a\n\xf4\x90\x80\x80",
                          "a\n\xc0\xaf", "a\n\xe2\x82", "a\n\x80"}) {
    CHECK(problem(bad) == "x:2:1: error: a byte that is not UTF-8 text; save the file as UTF-8\n");
  }
  CHECK(problem("\xff\xfe{\0}\0"sv) == "x: error: is UTF-16 text; save it as UTF-8\n");
  CHECK(problem("\xef\xbb\xbf") == "x: error: the file is empty\n");
}

TEST_CASE("document: a byte order mark and CRLF change no place", "[input]") {
  Input json("\xef\xbb\xbf{\r\n  \"a\": 1\r\n}\r\n");
  REQUIRE(json.document.has_value());
  CHECK(json.document->root().find("a")->place.text() == "x:2:8");
  Input yaml(
      "\xef\xbb\xbf"
      "a: 1\r\nb:\r\n  c: \xc3\xa9 # x\r\n  d: 2\r\n",
      Format::yaml);
  REQUIRE(yaml.document.has_value());
  CHECK(yaml.document->root().find("a")->place.text() == "x:1:4");
  CHECK(yaml.document->root().find("b")->find("d")->place.text() == "x:4:6");
  CHECK(yaml.document->root().find("b")->find("c")->text == "\xc3\xa9");
}

TEST_CASE("diagnostics: sorted by place, errors first at one place, bounded", "[input]") {
  const auto file = [](const char* name, std::uint32_t line, std::uint32_t column) {
    return Place{std::make_shared<const std::string>(name), line, column};
  };
  Diagnostics diagnostics;
  diagnostics.warning(file("b", 1, 1), "", "w");
  diagnostics.error(file("a", 10, 1), "", "late");
  diagnostics.error(file("a", 2, 7), "k", "found", "fix");
  diagnostics.note(file("a", 2, 3), "", "n");
  diagnostics.error(file("b", 1, 1), "", "e");
  CHECK(diagnostics.text() ==
        "a:2:3: note: n\na:2:7: error: k: found; fix\na:10:1: error: late\nb:1:1: error: e\n"
        "b:1:1: warning: w\n");
  CHECK(diagnostics.text(3) ==
        "a:2:7: error: k: found; fix\na:10:1: error: late\nb:1:1: error: e\n... and 2 more\n");
  CHECK(diagnostics.errors() == 3);
  Diagnostics many;
  for (std::uint32_t i = 0; i < 50'000; ++i) many.warning(file("a", 1, 1), "", "w");
  many.error(file("z", 1, 1), "", "e");
  many.merge(many);
  CHECK(many.errors() == 2);
  CHECK(many.sorted().size() == Diagnostics::kept_max + 2);
  CHECK_THAT(many.text(), Catch::EndsWith("z:1:1: error: e\n... and 99902 more\n"));
}

TEST_CASE("diagnostics: found text is made safe and short", "[input]") {
  CHECK(printable("a\x1b[31m\n\xff") == "a?[31m??");
  CHECK(printable("\xc3\xa9\xc3\xa9", 3) == "\xc3\xa9...");
  CHECK(printable(std::string(100, 'x')).size() == 63);
}
