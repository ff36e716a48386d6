#include <array>

#include "harness/input/document.hpp"
#include "harness/input/nearest.hpp"
#include "harness/input/overrides.hpp"
#include "harness/input/reader.hpp"
#include "harness/load/read_distribution.hpp"
#include "harness/runbook/runbook.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

using Kind = RunbookCommand::Kind;

class RunbookReader {
 public:
  explicit RunbookReader(RunbookSpec& spec) : spec_(spec) {}

  /// The file that several runbooks share: delays of the API and durations by name.
  void read_calibration(const Value& root) {
    Reader reader(root);
    assign(spec_.calibration, reader.required("description").text());
    read_aurora_timings(reader.optional("timings"), spec_.aurora.timings);
    for (const auto& [name, value] : reader.optional("durations").entries()) {
      if (auto length = read_distribution(value)) durations_[name] = std::move(*length);
    }
  }

  void read(Reader& root) {
    assign(spec_.title, root.required("name").text());
    read_aurora(root.required("aurora"), spec_.aurora);
    read_database_clients(root.optional("clients"), spec_.aurora.clients);
    const Value book = root.required("runbook");
    if (book.exists()) read_runbook(book);
    assign(spec_.calibrated_here, root.optional("calibrated_here").boolean());
    for (const Value& item : root.optional("observed").items()) read_observed(item);
    for (const Value& item : root.optional("remarks").items()) {
      if (auto remark = item.text()) spec_.remarks.push_back(std::move(*remark));
    }
  }

 private:
  // A name of the calibration, or a distribution of its own.
  void read_length(const Value& value, sim::Distribution& length) {
    if (!value.exists()) return;
    if (value.node()->is_scalar()) {
      const auto found = durations_.find(value.node()->text);
      if (found != durations_.end()) {
        length = found->second;
        return;
      }
      if (!sim::parse_duration(value.node()->text)) {
        std::vector<std::string> names;
        for (const auto& one : durations_) names.push_back(one.first);
        value.error(
            in_quotes(value.node()->text) + " is neither a time nor a duration of the calibration",
            did_you_mean(value.node()->text, names));
        return;
      }
    }
    read_into(length, value);
  }

  void read_runbook(const Value& value) {
    Reader reader(value);
    read_length(reader.optional("human"), spec_.human);
    read_length(reader.optional("cli_call"), spec_.cli.call);
    read_length(reader.optional("cloudformation"), spec_.cloudformation);
    const Value steps = reader.required("steps");
    for (const Value& item : steps.items()) read_step(item);
    if (steps.exists() && spec_.steps.empty()) steps.error("the list is empty");
  }

  void read_step(const Value& value) {
    Reader reader(value);
    RunbookStep step;
    assign(step.name, reader.required("step").text());
    assign(step.title, reader.optional("title").text());
    const Value before = reader.optional("before");
    if (before.exists()) {
      step.before.emplace();
      read_length(before, *step.before);
    }
    for (const RunbookStep& other : spec_.steps) {
      if (other.name == step.name) value.error("there are two steps " + in_quotes(step.name));
    }
    for (const Value& item : reader.required("do").items()) read_command(item, step);
    assign(step.attempts, reader.optional("attempts").integer(1, 1000));
    read_length(reader.optional("retry_after"), step.retry_pause);
    using Failure = RunbookStep::Failure;
    constexpr std::array<std::pair<std::string_view, Failure>, 2> choices = {
        {{"stop", Failure::stop}, {"go_on", Failure::go_on}}};
    assign(step.on_failure, reader.optional("on_failure").choice("what follows", choices));
    if (const auto share = reader.optional("no_go").ratio()) {
      step.no_go = static_cast<double>(share->numerator) / static_cast<double>(share->denominator);
    }
    spec_.steps.push_back(std::move(step));
  }

  void read_command(const Value& value, RunbookStep& step) {
    Reader reader(value);
    RunbookCommand command;
    assign(command.mark, reader.optional("mark").text());
    if (reader.has("run")) {
      read_aws(reader.required("run"), command);
    } else if (reader.has("takes")) {
      read_length(reader.required("takes"), command.takes);
      assign(command.text, reader.required("what").text());
      if (const auto share = reader.optional("fails").ratio()) {
        command.fails =
            static_cast<double>(share->numerator) / static_cast<double>(share->denominator);
      }
    } else if (reader.has("attach_parameters")) {
      read_parameters(reader, command);
    } else if (reader.has("cloudformation_reboot")) {
      command.kind = Kind::cloudformation_reboot;
      read_instance(reader.required("cloudformation_reboot"), command.instance);
      command.text = "CloudFormation reboots " + command.instance;
    } else if (reader.has("poll")) {
      read_poll(reader, command);
    } else if (reader.has("check_writer")) {
      command.kind = Kind::check_writer;
      read_instance(reader.required("check_writer"), command.instance);
      command.text = "check: the writer is " + command.instance;
    } else if (reader.has("check_parameter")) {
      command.kind = Kind::check_parameter;
      assign(command.parameter, reader.required("check_parameter").text());
      assign(command.value, reader.required("is").text());
      const Value instance = reader.optional("instance");
      if (instance.exists()) read_instance(instance, command.instance);
      command.text = "SHOW " + command.parameter + " is " + command.value;
    } else {
      value.error("nothing is done",
                  "one of run, takes, attach_parameters, cloudformation_reboot, poll, "
                  "check_writer, check_parameter");
    }
    step.commands.push_back(std::move(command));
  }

  void read_aws(const Value& value, RunbookCommand& command) {
    const auto text = value.text();
    if (!text) return;
    std::string problem;
    std::string hint;
    const auto aws = parse_aws_command(*text, problem, hint);
    if (!aws) {
      value.error(problem, hint);
      return;
    }
    command.kind = Kind::aws;
    command.text = *text;
    command.aws = *aws;
    if (!aws->instance.empty()) check_instance(value, aws->instance);
  }

  void read_parameters(Reader& reader, RunbookCommand& command) {
    command.kind = Kind::attach_parameters;
    command.text = "attach the cluster parameter group";
    for (const Value& item : reader.required("attach_parameters").items()) {
      Reader row(item);
      models::DbParameter one;
      assign(one.name, row.required("name").text());
      assign(one.value, row.required("value").text());
      assign(one.is_static, row.optional("static").boolean());
      command.parameters.push_back(std::move(one));
    }
    assign(command.apply_immediately, reader.optional("apply_immediately").boolean());
  }

  void read_poll(Reader& reader, RunbookCommand& command) {
    const Value poll = reader.required("poll");
    const auto what = poll.text();
    command.kind = Kind::poll_cluster;
    command.text = "poll until the cluster is available";
    if (what && *what != "cluster") {
      command.kind = Kind::poll_instance;
      read_instance(poll, command.instance);
      command.text = "poll until " + command.instance + " is available";
    }
    assign(command.every, reader.optional("every").duration(100ms, 10min));
    assign(command.limit, reader.optional("limit").duration(1s, 24h));
    const Value writer = reader.optional("until_writer");
    if (writer.exists() && command.kind == Kind::poll_cluster) {
      read_instance(writer, command.value);
      command.text += " and " + command.value + " is the writer";
    }
  }

  void check_instance(const Value& value, const std::string& name) {
    std::vector<std::string> names;
    for (const auto& one : spec_.aurora.config.instances) names.push_back(one.name);
    for (const std::string& known : names) {
      if (known == name) return;
    }
    if (names.empty()) return;  // said where they are missing
    value.error("there is no instance " + in_quotes(name), did_you_mean(name, names));
  }
  void read_instance(const Value& value, std::string& name) {
    if (assign(name, value.text())) check_instance(value, name);
  }

  void read_observed(const Value& value) {
    Reader reader(value);
    ObservedDuration row;
    assign(row.row, reader.required("row").text());
    assign(row.from, reader.required("from").text());
    assign(row.to, reader.required("to").text());
    assign(row.measured, reader.required("measured").duration());
    using Bound = ObservedDuration::Bound;
    constexpr std::array<std::pair<std::string_view, Bound>, 3> bounds = {
        {{"exact", Bound::exact}, {"at_most", Bound::at_most}, {"at_least", Bound::at_least}}};
    assign(row.bound, reader.optional("bound").choice("a bound", bounds));
    assign(row.remark, reader.optional("remark").text());
    spec_.observed.push_back(std::move(row));
  }

  RunbookSpec& spec_;
  std::map<std::string, sim::Distribution> durations_;
};

bool has_key(const std::filesystem::path& path, std::string_view key) {
  Diagnostics quiet;
  const auto document = load_document(path, quiet, Format::json);
  return document && document->root().is_map() && document->root().find(key) != nullptr;
}

}  // namespace

bool is_runbook_file(const std::filesystem::path& path) {
  return has_key(path, "runbook");
}

bool is_calibration_file(const std::filesystem::path& path) {
  return has_key(path, "durations");
}

void check_calibration(const std::filesystem::path& path, Diagnostics& diagnostics) {
  const auto document = load_document(path, diagnostics, Format::json);
  if (!document) return;
  RunbookSpec spec;
  RunbookReader(spec).read_calibration(root_value(*document, diagnostics));
}

Loaded<RunbookSpec> load_runbook(const std::filesystem::path& path,
                                 std::span<const std::string> settings, Diagnostics& diagnostics) {
  auto document = load_document(path, diagnostics, Format::json);
  if (!document) return std::nullopt;
  std::optional<Document> calibration;
  const Node* named = document->root().find("calibration");
  if (named != nullptr && named->is_scalar()) {
    const auto its_path = (path.parent_path() / named->text).lexically_normal();
    calibration = load_document(its_path, diagnostics, Format::json);
    if (!calibration) return std::nullopt;
  }
  std::vector<OverrideTarget> targets = {{"", &document->root()}};
  if (calibration) targets.push_back({"calibration", &calibration->root()});
  if (!apply_overrides(targets, settings, diagnostics)) return std::nullopt;
  RunbookSpec spec;
  spec.name = path.stem().string();
  spec.file = document->file;
  RunbookReader reader(spec);
  if (calibration) reader.read_calibration(root_value(*calibration, diagnostics));
  Reader root(root_value(*document, diagnostics));
  root.ignore("$schema");
  root.ignore("calibration");
  root.optional("description").text();
  reader.read(root);
  root.finish();
  if (diagnostics.has_errors()) return std::nullopt;
  return spec;
}

}  // namespace predrill::harness
