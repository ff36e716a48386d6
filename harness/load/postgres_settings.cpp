#include "harness/load/postgres_settings.hpp"

#include <algorithm>

#include "harness/input/decimal.hpp"

namespace predrill::harness {

using models::PostgresConfig;
using models::SynchronousCommit;

namespace {

using Entry = Setting<SystemSpec>;

template <auto member, std::int64_t base_ns>
void time(const Value& value, SystemSpec& spec) {
  assign(spec.postgres.*member, value.postgres_duration(sim::Duration(base_ns)));
}
template <auto member, std::uint64_t base>
void bytes(const Value& value, SystemSpec& spec) {
  assign(spec.postgres.*member, value.postgres_bytes(base));
}
template <auto member>
void boolean(const Value& value, SystemSpec& spec) {
  assign(spec.postgres.*member, value.postgres_boolean());
}
template <auto member>
void integer(const Value& value, SystemSpec& spec) {
  assign(spec.postgres.*member, value.quoted_integer(INT32_MIN, INT32_MAX));
}

void completion_target(const Value& value, SystemSpec& spec) {
  const auto number = value.node()->is_scalar() ? parse_decimal(value.node()->text) : std::nullopt;
  const auto percent = number ? scaled(*number, 100) : std::nullopt;
  if (!percent || percent->value < -1'000'000 || percent->value > 1'000'000) {
    value.error("a number from 0 to 1 should stand here");
    return;
  }
  spec.postgres.checkpoint_completion_target_percent = static_cast<std::int32_t>(percent->value);
}

void restore_command(const Value& value, SystemSpec& spec) {
  const auto command = value.text();
  if (command) spec.postgres.restore_command = !command->empty();
}

void synchronous_commit(const Value& value, SystemSpec& spec) {
  // guc_tables: booleans are accepted too, true as on.
  static constexpr std::array<std::pair<std::string_view, SynchronousCommit>, 13> names = {
      {{"on", SynchronousCommit::on},
       {"off", SynchronousCommit::off},
       {"local", SynchronousCommit::local},
       {"remote_write", SynchronousCommit::remote_write},
       {"remote_apply", SynchronousCommit::remote_apply},
       {"true", SynchronousCommit::on},
       {"yes", SynchronousCommit::on},
       {"1", SynchronousCommit::on},
       {"false", SynchronousCommit::off},
       {"no", SynchronousCommit::off},
       {"0", SynchronousCommit::off},
       {"TRUE", SynchronousCommit::on},
       {"FALSE", SynchronousCommit::off}}};
  if (value.node()->kind == NodeKind::boolean) {
    spec.workload.synchronous_commit =
        value.node()->text == "true" ? SynchronousCommit::on : SynchronousCommit::off;
    return;
  }
  assign(spec.workload.synchronous_commit, value.choice("a value of synchronous_commit", names));
}

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t s = 1000 * ms;
constexpr std::uint64_t mb = std::uint64_t{1} << 20;

constexpr std::array<Entry, 18> table = {{
    {"max_connections", integer<&PostgresConfig::max_connections>},
    {"superuser_reserved_connections", integer<&PostgresConfig::superuser_reserved_connections>},
    {"wal_sender_timeout", time<&PostgresConfig::wal_sender_timeout, ms>},
    {"wal_receiver_timeout", time<&PostgresConfig::wal_receiver_timeout, ms>},
    {"wal_receiver_status_interval", time<&PostgresConfig::wal_receiver_status_interval, s>},
    {"wal_retrieve_retry_interval", time<&PostgresConfig::wal_retrieve_retry_interval, ms>},
    {"wal_writer_delay", time<&PostgresConfig::wal_writer_delay, ms>},
    {"checkpoint_timeout", time<&PostgresConfig::checkpoint_timeout, s>},
    {"checkpoint_completion_target", completion_target},
    {"max_wal_size", bytes<&PostgresConfig::max_wal_size, mb>},
    {"wal_keep_size", bytes<&PostgresConfig::wal_keep_size, mb>},
    {"shared_buffers", bytes<&PostgresConfig::shared_buffers, 8192>},
    {"hot_standby", boolean<&PostgresConfig::hot_standby>},
    {"restart_after_crash", boolean<&PostgresConfig::restart_after_crash>},
    {"authentication_timeout", time<&PostgresConfig::authentication_timeout, s>},
    {"restore_command", restore_command},
    {"synchronous_commit", synchronous_commit},
    {"version", [](const Value& v, SystemSpec&) { v.node(); }},
}};

// Settings of PostgreSQL 12 to 17 that neither the model nor a failover cares about.
constexpr std::string_view irrelevant_names =
    "allow_in_place_tablespaces allow_system_table_mods application_name archive_cleanup_command "
    "archive_command archive_library archive_mode archive_timeout array_nulls "
    "autovacuum autovacuum_analyze_scale_factor autovacuum_analyze_threshold "
    "autovacuum_freeze_max_age autovacuum_max_workers autovacuum_multixact_freeze_max_age "
    "autovacuum_naptime autovacuum_vacuum_cost_delay autovacuum_vacuum_cost_limit "
    "autovacuum_vacuum_insert_scale_factor autovacuum_vacuum_insert_threshold "
    "autovacuum_vacuum_scale_factor autovacuum_vacuum_threshold autovacuum_work_mem "
    "backend_flush_after backslash_quote backtrace_functions bgwriter_delay bgwriter_flush_after "
    "bgwriter_lru_maxpages bgwriter_lru_multiplier bonjour bonjour_name bytea_output "
    "check_function_bodies checkpoint_flush_after checkpoint_warning client_encoding "
    "client_min_messages cluster_name commit_delay commit_siblings compute_query_id config_file "
    "constraint_exclusion cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost "
    "createrole_self_grant cursor_tuple_fraction data_directory data_sync_retry datestyle "
    "deadlock_timeout debug_pretty_print default_statistics_target default_table_access_method "
    "default_tablespace default_text_search_config default_toast_compression "
    "default_transaction_deferrable default_transaction_isolation dynamic_library_path "
    "dynamic_shared_memory_type effective_cache_size effective_io_concurrency enable_async_append "
    "enable_bitmapscan enable_gathermerge enable_hashagg enable_hashjoin enable_incremental_sort "
    "enable_indexonlyscan enable_indexscan enable_material enable_memoize enable_mergejoin "
    "enable_nestloop enable_parallel_append enable_parallel_hash enable_partition_pruning "
    "enable_partitionwise_aggregate enable_partitionwise_join enable_seqscan enable_sort "
    "enable_tidscan escape_string_warning event_source event_triggers exit_on_error "
    "external_pid_file extra_float_digits from_collapse_limit full_page_writes geqo geqo_effort "
    "geqo_generations geqo_pool_size geqo_seed geqo_selection_bias geqo_threshold "
    "gin_fuzzy_search_limit gin_pending_list_limit hash_mem_multiplier hba_file "
    "hot_standby_feedback huge_page_size huge_pages icu_validation_level ident_file "
    "ignore_checksum_failure intervalstyle jit jit_above_cost jit_inline_above_cost "
    "jit_optimize_above_cost join_collapse_limit krb_caseins_users krb_server_keyfile lc_messages "
    "lc_monetary lc_numeric lc_time listen_addresses lo_compat_privileges local_preload_libraries "
    "log_autovacuum_min_duration log_checkpoints log_connections log_destination log_directory "
    "log_disconnections log_duration log_error_verbosity log_executor_stats log_file_mode "
    "log_filename log_hostname log_line_prefix log_lock_waits log_min_duration_sample "
    "log_min_duration_statement log_min_error_statement log_min_messages "
    "log_parameter_max_length log_parameter_max_length_on_error log_parser_stats log_planner_stats "
    "log_recovery_conflict_waits log_replication_commands log_rotation_age log_rotation_size "
    "log_startup_progress_interval log_statement log_statement_sample_rate log_statement_stats "
    "log_temp_files log_timezone log_transaction_sample_rate log_truncate_on_rotation "
    "logging_collector logical_decoding_work_mem maintenance_io_concurrency maintenance_work_mem "
    "max_files_per_process max_locks_per_transaction max_logical_replication_workers "
    "max_notify_queue_pages max_parallel_apply_workers_per_subscription "
    "max_parallel_maintenance_workers max_parallel_workers max_parallel_workers_per_gather "
    "max_pred_locks_per_page max_pred_locks_per_relation max_pred_locks_per_transaction "
    "max_prepared_transactions max_replication_slots max_stack_depth "
    "max_sync_workers_per_subscription max_wal_senders max_worker_processes "
    "min_dynamic_shared_memory "
    "min_parallel_index_scan_size min_parallel_table_scan_size min_wal_size "
    "old_snapshot_threshold parallel_leader_participation parallel_setup_cost parallel_tuple_cost "
    "password_encryption plan_cache_mode port quote_all_identifiers random_page_cost "
    "recovery_init_sync_method recovery_prefetch recursive_worktable_factor "
    "reserved_connections row_security scram_iterations search_path send_abort_for_crash "
    "send_abort_for_kill seq_page_cost session_preload_libraries session_replication_role "
    "shared_memory_type shared_preload_libraries ssl ssl_ca_file ssl_cert_file ssl_ciphers "
    "ssl_crl_dir ssl_crl_file ssl_dh_params_file ssl_ecdh_curve ssl_key_file "
    "ssl_max_protocol_version ssl_min_protocol_version ssl_passphrase_command "
    "ssl_passphrase_command_supports_reload ssl_prefer_server_ciphers standard_conforming_strings "
    "stats_fetch_consistency stats_temp_directory summarize_wal superuser_reserved_connections "
    "synchronize_seqscans syslog_facility syslog_ident syslog_sequence_numbers "
    "syslog_split_messages temp_buffers temp_file_limit temp_tablespaces timezone "
    "timezone_abbreviations trace_notify trace_sort track_activities track_activity_query_size "
    "track_commit_timestamp track_counts track_functions track_io_timing track_wal_io_timing "
    "transform_null_equals unix_socket_directories unix_socket_group unix_socket_permissions "
    "update_process_title vacuum_buffer_usage_limit vacuum_cost_delay vacuum_cost_limit "
    "vacuum_cost_page_dirty vacuum_cost_page_hit vacuum_cost_page_miss vacuum_defer_cleanup_age "
    "vacuum_failsafe_age vacuum_freeze_min_age vacuum_freeze_table_age "
    "vacuum_multixact_failsafe_age vacuum_multixact_freeze_min_age "
    "vacuum_multixact_freeze_table_age wal_buffers wal_compression wal_consistency_checking "
    "wal_decode_buffer_size wal_init_zero wal_level wal_log_hints wal_recycle "
    "wal_skip_threshold wal_summary_keep_time wal_sync_method wal_writer_flush_after work_mem "
    "xmlbinary xmloption";

// Would matter in some failovers.
constexpr std::array<std::string_view, 22> not_modelled = {"client_connection_check_interval",
                                                           "fsync",
                                                           "idle_in_transaction_session_timeout",
                                                           "idle_session_timeout",
                                                           "lock_timeout",
                                                           "max_slot_wal_keep_size",
                                                           "max_standby_archive_delay",
                                                           "max_standby_streaming_delay",
                                                           "primary_conninfo",
                                                           "primary_slot_name",
                                                           "promote_trigger_file",
                                                           "recovery_end_command",
                                                           "recovery_min_apply_delay",
                                                           "recovery_target_timeline",
                                                           "statement_timeout",
                                                           "synchronous_standby_names",
                                                           "tcp_keepalives_count",
                                                           "tcp_keepalives_idle",
                                                           "tcp_keepalives_interval",
                                                           "tcp_user_timeout",
                                                           "transaction_timeout",
                                                           "wal_receiver_create_temp_slot"};

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

void read_postgres_settings(const Node& map, SystemSpec& spec, LoadContext& context) {
  static const std::vector<std::string_view> irrelevant = words(irrelevant_names);
  // Names of settings know no letter case (guc.c: guc_name_compare).
  Node settings = empty_map(map.place);
  for (const Member& member : map.members) {
    Member copy = member;
    for (char& c : copy.key) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    const bool of_extension = copy.key.find('.') != std::string::npos;
    if (!of_extension) settings.members.push_back(std::move(copy));
  }
  const std::size_t errors = context.diagnostics.errors();
  const SettingGroup group{"postgresql", "PostgreSQL 12 to 17", irrelevant, not_modelled};
  read_settings(settings, group, table, spec, context);
  if (context.diagnostics.errors() > errors) return;
  context.report(validate(spec.postgres), "postgresql", Severity::error);
}

}  // namespace predrill::harness
