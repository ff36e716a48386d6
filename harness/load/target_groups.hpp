// Target groups as the AWS CLI prints them: `aws elbv2 describe-target-groups` and
// `aws elbv2 describe-target-group-attributes`.
#pragma once

#include <optional>
#include <string_view>

#include "harness/load/load_context.hpp"
#include "models/target_group_config.hpp"

namespace predrill::harness {

/// The group of this name in TargetGroups; with an empty name the only one. What is not published
/// by AWS gets the defaults of its kind of load balancer. Paths are recorded as
/// "target_group.HealthCheckIntervalSeconds". nullopt if there is no such group, with an error.
std::optional<models::TargetGroupConfig> read_target_groups(const Document& document,
                                                            std::string_view name,
                                                            LoadContext& context);

/// Attributes, a list of {"Key": "...", "Value": "..."}, into the group.
void read_target_group_attributes(const Document& document, models::TargetGroupConfig& group,
                                  LoadContext& context);

/// Settings of a `target_group` section or of --set: fields and attributes by the same names, and
/// what AWS does not publish: schedule, checkers, quorum, initial_successes, registration_delay,
/// deregistration_propagation, health_propagation, passive_detection_delay.
void read_target_group_settings(const Node& map, models::TargetGroupConfig& group,
                                LoadContext& context);

/// What only the whole shows: rules between settings. To be called once, at the end.
void check_target_group(const models::TargetGroupConfig& group, LoadContext& context);

}  // namespace predrill::harness
