// YAML through yaml-cpp's event interface: its marks give the places, and the tree is built here,
// so that depth, values and the expansion of aliases are limited while the file is read. yaml-cpp
// reports problems by exceptions; they end in this file.
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <streambuf>

#include "harness/input/source_text.hpp"

namespace predrill::harness {
namespace {

// Thrown through yaml-cpp out of an event and caught below: there is no other way to stop it.
struct Stop {};

// Reads from memory that is already there; std::istringstream would copy it.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // never written: an input buffer only
    setg(begin, begin, begin + text.size());
  }
};

bool is_null(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(SourceText& source, const Limits& limits, Diagnostics& diagnostics,
              std::vector<Node>& parts)
      : source_(source),
        limits_(limits),
        diagnostics_(diagnostics),
        parts_(parts),
        budget_(limits.values),
        alias_budget_(limits.alias_values),
        anchor_budget_(limits.values) {}

  void OnDocumentStart(const YAML::Mark&) override {
    anchors_.clear();
    frames_.clear();
    path_.clear();
    root_ = Node();
  }

  void OnDocumentEnd() override {
    if (root_.kind != NodeKind::null) parts_.push_back(std::move(root_));
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node = scalar(mark, NodeKind::null, "");
    finish(std::move(node), anchor, 0);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const Place place = source_.place(offset(mark));
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) stop(place, "an alias stands inside the value that it repeats");
    const Anchored& original = found->second;
    if (frames_.size() + original.height > limits_.depth) stop(place, too_deep(limits_));
    if (!alias_budget_.take(original.values)) {
      stop(place, "aliases repeat more than " + std::to_string(limits_.alias_values) + " values");
    }
    if (!budget_.take(original.values)) stop(place, too_many_values(limits_));
    finish(Node(original.node), YAML::NullAnchor, original.height, original.values);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    // yaml-cpp: "!" is a quoted or block scalar, "?" an unquoted one.
    const bool is_text = tag == "!" || tag == "tag:yaml.org,2002:str";
    const bool is_null_word = tag == "?" && is_null(value);
    Node node = scalar(mark,
                       is_text        ? NodeKind::text
                       : is_null_word ? NodeKind::null
                                      : NodeKind::plain,
                       value);
    check_tag(tag, node.place);
    if (is_cut_off(offset(mark))) stop(node.place, "text without a closing quotation mark");
    finish(std::move(node), anchor, 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, NodeKind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, NodeKind::map);
  }
  void OnMapEnd() override { close(); }

  std::size_t offset(const YAML::Mark& mark) const {
    return mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos);
  }

 private:
  // A list or map that is being read.
  struct Frame {
    Node node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    std::size_t height = 1;  // levels of lists and maps, this one included
    std::size_t values = 1;  // this one included
    std::map<std::string, std::size_t> index;
    bool has_key = false;  // a map whose next value belongs to the key
    bool is_merge = false;
    std::string key;
    Place key_place;
    std::vector<Node> merged;  // values of the key <<
    std::size_t path_size = 0;
  };

  struct Anchored {
    Node node;
    std::size_t height = 0;
    std::size_t values = 1;
  };

  Node scalar(const YAML::Mark& mark, NodeKind kind, const std::string& value) {
    Node node;
    node.kind = kind;
    node.text = value;
    node.place = source_.place(offset(mark));
    if (!budget_.take()) stop(node.place, too_many_values(limits_));
    return node;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, NodeKind kind) {
    Frame frame;
    frame.node.kind = kind;
    frame.node.place = source_.place(offset(mark));
    frame.anchor = anchor;
    if (!budget_.take()) stop(frame.node.place, too_many_values(limits_));
    if (frames_.size() >= limits_.depth) stop(frame.node.place, too_deep(limits_));
    check_tag(tag, frame.node.place);
    frame.path_size = path_.size();
    if (!frames_.empty()) path_ = path_of_next();
    frames_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    for (Node& merged : frame.merged) merge(frame, merged);
    path_.resize(frame.path_size);
    finish(std::move(frame.node), frame.anchor, frame.height, frame.values);
  }

  // Puts a complete node where it belongs.
  void finish(Node node, YAML::anchor_t anchor, std::size_t height, std::size_t values = 1) {
    if (anchor != YAML::NullAnchor) {
      // Each anchor keeps a copy, and anchors may be nested.
      if (!anchor_budget_.take(values)) {
        stop(node.place, "anchors name more than " + std::to_string(limits_.values) + " values");
      }
      anchors_[anchor] = {node, height, values};
    }
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    frame.height = std::max(frame.height, height + 1);
    frame.values += values;
    if (frame.node.kind == NodeKind::list) {
      frame.node.items.push_back(std::move(node));
    } else if (frame.has_key) {
      add_member(frame, std::move(node));
    } else {
      take_key(frame, node);
    }
  }

  void take_key(Frame& frame, Node& node) {
    if (!node.is_scalar()) stop(node.place, "a list or map as a key", "keys are words");
    frame.has_key = true;
    frame.is_merge = node.kind == NodeKind::plain && node.text == "<<";
    frame.key = std::move(node.text);
    frame.key_place = node.place;
    if (node.kind == NodeKind::null && frame.key.empty()) {
      diagnostics_.error(node.place, path_, "a key is missing before the colon");
    }
  }

  void add_member(Frame& frame, Node node) {
    frame.has_key = false;
    if (frame.is_merge) {
      frame.merged.push_back(std::move(node));
      return;
    }
    const auto [entry, is_new] = frame.index.emplace(frame.key, frame.node.members.size());
    if (is_new) {
      frame.node.members.push_back({std::move(frame.key), frame.key_place, std::move(node)});
      return;
    }
    Member& member = frame.node.members[entry->second];
    // YAML forbids it; PyYAML (Patroni) takes the last one, kubectl refuses the file.
    diagnostics_.warning(
        frame.key_place, child_path(path_, frame.key), "the key is given twice",
        "the first is in line " + std::to_string(member.place.line) + "; the last one counts");
    member.place = frame.key_place;
    member.value = std::move(node);
  }

  // The key << of YAML 1.1 (PyYAML knows it): members that the map does not have itself.
  void merge(Frame& frame, Node& from) {
    if (from.is_list()) {
      for (Node& item : from.items) {
        if (item.is_list()) {
          diagnostics_.error(item.place, path_, "a list in a list behind <<",
                             "<< takes a map or a list of maps");
        } else {
          merge(frame, item);
        }
      }
      return;
    }
    if (!from.is_map()) {
      diagnostics_.error(from.place, path_,
                         "found " + std::string(kind_text(from.kind)) + " behind <<",
                         "<< takes a map or a list of maps");
      return;
    }
    for (Member& member : from.members) {
      const bool is_new = frame.index.emplace(member.key, frame.node.members.size()).second;
      if (is_new) frame.node.members.push_back(std::move(member));
    }
  }

  // yaml-cpp takes the end of the file for a closing quotation mark.
  bool is_cut_off(std::size_t at) const {
    const std::string_view text = source_.text();
    while (at < text.size() && (text[at] == '&' || text[at] == '!')) {  // properties come first
      at = text.find_first_not_of(" \t\r\n", text.find_first_of(" \t\r\n", at));
    }
    if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return false;
    const char quote = text[at];
    for (++at; at < text.size(); ++at) {
      // A backslash in double quotes and a doubled single quote stand for one character.
      const bool is_pair = quote == '"' ? text[at] == '\\' : text.substr(at, 2) == "''";
      if (is_pair) {
        ++at;
      } else if (text[at] == quote) {
        return false;
      }
    }
    return true;
  }

  void check_tag(const std::string& tag, const Place& place) {
    if (tag.empty() || tag == "!" || tag == "?" || tag.starts_with("tag:yaml.org,2002:")) return;
    diagnostics_.warning(place, frames_.empty() ? path_ : path_of_next(),
                         "the tag " + in_quotes(tag) + " is ignored");
  }

  std::string path_of_next() const {
    const Frame& frame = frames_.back();
    if (frame.node.kind == NodeKind::list) return child_path(path_, frame.node.items.size());
    return frame.has_key ? child_path(path_, frame.key) : path_;
  }

  [[noreturn]] void stop(const Place& place, std::string message, std::string hint = "") {
    diagnostics_.error(place, frames_.empty() ? path_ : path_of_next(), std::move(message),
                       std::move(hint));
    throw Stop();
  }

  SourceText& source_;
  const Limits& limits_;
  Diagnostics& diagnostics_;
  std::vector<Node>& parts_;
  Budget budget_, alias_budget_, anchor_budget_;
  Node root_;
  std::vector<Frame> frames_;
  std::string path_;  // of the innermost frame
  std::map<YAML::anchor_t, Anchored> anchors_;
};

}  // namespace

bool parse_yaml(SourceText& source, const Limits& limits, Diagnostics& diagnostics,
                std::vector<Node>& parts) {
  TreeBuilder builder(source, limits, diagnostics, parts);
  try {
    ViewBuffer buffer(source.text());
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    return true;
  } catch (const Stop&) {
    return false;  // already reported
  } catch (const YAML::Exception& e) {
    diagnostics.error(source.place(builder.offset(e.mark)), "", "YAML: " + printable(e.msg, 200));
  } catch (const std::exception& e) {
    diagnostics.error(source.whole(), "", "YAML: " + printable(e.what(), 200));
  }
  return false;
}

}  // namespace predrill::harness
