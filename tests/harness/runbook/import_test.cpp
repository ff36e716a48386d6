// Importers: runbooks in Markdown, and what the AWS command line prints.
#include <catch2/catch.hpp>

#include <string>

#include "harness/aurora/aws_import.hpp"
#include "harness/rds/rds_spec.hpp"
#include "harness/runbook/aws_command.hpp"
#include "harness/runbook/markdown_import.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

AwsImport imported(const std::string& text, std::string* problems = nullptr) {
  Diagnostics diagnostics;
  const auto document = parse_document(text, "aws.json", Format::json, diagnostics);
  REQUIRE(document.has_value());
  AwsImport import;
  import_aws(*document, import, diagnostics);
  if (problems != nullptr) *problems = diagnostics.text();
  return import;
}

}  // namespace

TEST_CASE("aws command: words as a shell makes them", "[runbook]") {
  const auto words = shell_words("aws  rds wait \\\n \"two words\" 'a b' c");
  CHECK(words == std::vector<std::string>{"aws", "rds", "wait", "two words", "a b", "c"});
}

TEST_CASE("aws command: what is asked of RDS", "[runbook]") {
  std::string problem;
  std::string hint;
  const auto failover = parse_aws_command(
      "aws rds failover-db-cluster --db-cluster-identifier C --target-db-instance-identifier I "
      "--region us-east-1",
      problem, hint);
  REQUIRE(failover.has_value());
  CHECK(failover->verb == AwsVerb::failover_db_cluster);
  CHECK(failover->cluster == "C");
  CHECK(failover->instance == "I");
  CHECK(parse_aws_command("aws rds describe-db-clusters --query X", problem, hint)->verb ==
        AwsVerb::describe);
  CHECK_FALSE(parse_aws_command("aws rds reboot-db-instanc", problem, hint).has_value());
  CHECK_THAT(hint, Catch::Contains("reboot-db-instance"));
  CHECK_FALSE(
      parse_aws_command("aws rds reboot-db-instance --db-instance-identifer x", problem, hint));
  CHECK_THAT(hint, Catch::Contains("--db-instance-identifier"));
  CHECK_FALSE(parse_aws_command("kubectl get pods", problem, hint));
  CHECK_THAT(problem, Catch::Contains("aws rds"));
}

TEST_CASE("markdown: steps with fenced commands become a skeleton", "[runbook]") {
  const std::string text =
      "# Failover\n\nSome words.\n\n## Step 1 - Snapshot\n\n```bash\n# a comment\n"
      "aws rds create-db-cluster-snapshot \\\n  --db-cluster-identifier C \\\n"
      "  --db-cluster-snapshot-identifier S\n\n```\n\n### Step 5b: Deploy\n\n"
      "```\nhelm upgrade operations\n```\n## Rollback\n```\nhelm rollback\n```\n";
  const auto steps = read_markdown_steps(text);
  REQUIRE(steps.size() == 2);
  CHECK(steps[0].name == "1");
  CHECK(steps[0].title == "Snapshot");
  REQUIRE(steps[0].commands.size() == 1);
  CHECK(steps[0].commands[0] ==
        "aws rds create-db-cluster-snapshot --db-cluster-identifier C "
        "--db-cluster-snapshot-identifier S");
  CHECK(steps[1].name == "5b");
  const ImportedRunbook runbook = import_markdown_runbook(text, "x");
  CHECK_THAT(runbook.json, Catch::Contains("\"name\": \"Failover\""));
  CHECK_THAT(runbook.json, Catch::Contains("{ \"run\": \"aws rds create-db-cluster-snapshot"));
  REQUIRE(runbook.unfilled.size() == 2);
  CHECK_THAT(runbook.unfilled[0], Catch::Contains("helm upgrade operations"));
  Diagnostics diagnostics;
  CHECK(parse_document(runbook.json, "x.json", Format::json, diagnostics).has_value());
}

TEST_CASE("aws import: a cluster, its instances and what is pending", "[runbook]") {
  const AwsImport import = imported(R"({
    "DBClusters": [ { "DBClusterIdentifier": "prod", "Engine": "aurora-postgresql",
      "EngineVersion": "16.4", "Status": "available", "Endpoint": "x",
      "DBClusterMembers": [
        { "DBInstanceIdentifier": "r1", "IsClusterWriter": false, "PromotionTier": 0,
          "DBClusterParameterGroupStatus": "pending-reboot" },
        { "DBInstanceIdentifier": "w", "IsClusterWriter": true, "PromotionTier": 1,
          "DBClusterParameterGroupStatus": "in-sync" } ] } ],
    "DBInstances": [
      { "DBInstanceIdentifier": "w", "DBInstanceClass": "db.t3.medium", "DBInstanceStatus":
        "available", "AvailabilityZone": "us-east-1c", "DBClusterIdentifier": "prod",
        "PendingModifiedValues": { "DBInstanceClass": "db.r7g.large" } },
      { "DBInstanceIdentifier": "r1", "DBInstanceClass": "db.r7g.large", "DBInstanceStatus":
        "modifying", "AvailabilityZone": "us-east-1a", "DBClusterIdentifier": "prod" } ] })");
  const auto& instances = import.aurora.config.instances;
  REQUIRE(instances.size() == 2);
  CHECK(instances[0].name == "w");  // the writer first
  CHECK(instances[0].instance_class == "db.t3.medium");
  CHECK(instances[0].zone == 2);
  CHECK(instances[1].promotion_tier == 0);
  REQUIRE(import.notes.size() == 3);
  CHECK(import.notes[1] == "w: pending DBInstanceClass db.r7g.large");
  Diagnostics diagnostics;
  CHECK(parse_document(aws_json(import), "x", Format::json, diagnostics).has_value());
}

TEST_CASE("aws import: an RDS instance with its standby and replica is a system", "[runbook]") {
  const AwsImport import = imported(R"({ "DBInstances": [
      { "DBInstanceIdentifier": "sde-ro", "DBInstanceClass": "db.t3.medium", "Engine": "postgres",
        "AvailabilityZone": "us-east-1c", "DBInstanceStatus": "available",
        "ReadReplicaSourceDBInstanceIdentifier": "sde" },
      { "DBInstanceIdentifier": "sde", "DBInstanceClass": "db.r6g.large", "Engine": "postgres",
        "EngineVersion": "15.4", "DBInstanceStatus": "storage-optimization", "MultiAZ": true,
        "AvailabilityZone": "us-east-1a", "SecondaryAvailabilityZone": "us-east-1b",
        "AllocatedStorage": 100, "MaxAllocatedStorage": 200,
        "PendingModifiedValues": { "AllocatedStorage": 150 } } ] })");
  REQUIRE(import.notes.size() == 2);
  CHECK(import.notes[0] == "sde is storage-optimization");
  CHECK(import.notes[1] == "sde: pending AllocatedStorage 150");
  CHECK(unfilled_of(import).size() == 2);
  Diagnostics diagnostics;
  const auto document = parse_document(aws_json(import), "x", Format::json, diagnostics);
  REQUIRE(document.has_value());
  RdsSpec spec;
  read_rds(node_value(*document->root().find("rds"), "rds", diagnostics), spec);
  INFO(diagnostics.text());
  CHECK(diagnostics.empty());
  CHECK(spec.config.identifier == "sde");
  CHECK(spec.config.deployment == predrill::models::RdsDeployment::multi_az_instance);
  CHECK(spec.config.storage.max_allocated_storage == 200 * predrill::models::gibibyte);
  REQUIRE(spec.config.read_replicas.size() == 1);
  CHECK(spec.config.read_replicas[0].instance_class == "db.t3.medium");
  CHECK(spec.zones == std::vector<std::string>{"us-east-1a", "us-east-1b", "us-east-1c"});
}

TEST_CASE("aws import: a Multi-AZ DB cluster, its writer first", "[runbook]") {
  const AwsImport import = imported(R"({
    "DBClusters": [ { "DBClusterIdentifier": "c", "Engine": "postgres", "EngineVersion": "15.4",
      "DBClusterInstanceClass": "db.r6g.large", "AllocatedStorage": 400, "Status": "available",
      "DBClusterMembers": [
        { "DBInstanceIdentifier": "c-1", "IsClusterWriter": false },
        { "DBInstanceIdentifier": "c-2", "IsClusterWriter": true },
        { "DBInstanceIdentifier": "c-3", "IsClusterWriter": false } ] } ],
    "DBInstances": [ { "DBInstanceIdentifier": "c-2", "Engine": "postgres", "DBClusterIdentifier":
      "c", "DBInstanceClass": "db.r6g.large", "AvailabilityZone": "eu-west-1b" } ] })");
  Diagnostics diagnostics;
  const auto document = parse_document(aws_json(import), "x", Format::json, diagnostics);
  REQUIRE(document.has_value());
  RdsSpec spec;
  read_rds(node_value(*document->root().find("rds"), "rds", diagnostics), spec);
  INFO(diagnostics.text());
  CHECK(diagnostics.empty());
  REQUIRE(spec.config.members.size() == 3);
  CHECK(spec.config.members[0].name == "c-2");
  CHECK(spec.zones[0] == "eu-west-1b");
}

TEST_CASE("aws import: events in order, deployments, and what is no such file", "[runbook]") {
  const AwsImport import = imported(R"({
    "Events": [
      { "SourceIdentifier": "prod", "Message": "Completed failover to DB instance: r1",
        "Date": "2026-05-14T23:16:46.250000-07:00" },
      { "SourceIdentifier": "prod", "Message": "Started cross AZ failover to DB instance: r1",
        "Date": "2026-05-15T06:16:30Z" } ],
    "BlueGreenDeployments": [ { "BlueGreenDeploymentIdentifier": "bgd-1",
      "BlueGreenDeploymentName": "upgrade", "Source": "blue", "Target": "green",
      "Status": "SWITCHOVER_IN_PROGRESS",
      "SwitchoverDetails": [ { "SourceMember": "b", "TargetMember": "g", "Status":
        "SWITCHOVER_IN_PROGRESS" } ] } ] })");
  REQUIRE(import.events.size() == 2);
  CHECK(import.events[0].message == "Started cross AZ failover to DB instance: r1");
  CHECK(import.events[1].at == 16250ms);
  REQUIRE(import.deployments.size() == 1);
  CHECK(import.deployments[0].members.size() == 1);
  CHECK(import.notes.size() == 1);
  std::string problems;
  imported(R"({ "Reservations": [] })", &problems);
  CHECK_THAT(problems, Catch::Contains("DBClusters"));
}
