// Keys of Loki's configuration, older versions included, that have no meaning in one process that
// keeps its lines in local files and in a bucket. They are accepted, because people's files contain them, and
// listed when the store starts.

import type { MeaninglessKeys } from './setting.ts'

/** Prefixes keys with their block. */
function of(block: string, ...keys: readonly string[]): readonly string[] {
  return keys.map(key => `${block}.${key}`)
}

/** All keys without meaning, grouped by reason. */
export const keysWithoutMeaning: readonly MeaninglessKeys[] = [
  {
    why: 'One process does everything. It has no ring, no peers and no internal requests.',
    keys: [
      ...[
        'compactor_client',
        'compactor_grpc_client',
        'distributor',
        'frontend',
        'frontend_worker',
      ],
      ...['index_gateway', 'ingester_client', 'internal_server', 'legacy-read-mode', 'memberlist'],
      ...['partition_ring', 'query_scheduler', 'shutdown_delay', 'ui'],
      ...of('querier', 'engine', 'engine_v2', 'extra_query_delay', 'max_concurrent'),
      ...of('querier', 'query_ingester_only', 'query_ingesters_within'),
      ...of('querier', 'query_partition_ingesters', 'query_store_only', 'query_timeout'),
      ...of('querier', 'tail_max_duration'),
      ...of('common', 'compactor_address', 'compactor_grpc_address', 'instance_addr'),
      ...of('common', 'instance_enable_ipv6', 'instance_interface_names', 'persist_tokens'),
      ...of('common', 'replication_factor', 'ring'),
      ...of('compactor', 'compactor_ring', 'horizontal_scaling_mode', 'jobs_config', 'run_once'),
      ...of('compactor', 'worker_config'),
      ...of('limits_config', 'index_gateway_max_capacity', 'index_gateway_shard_size'),
      ...of('limits_config', 'ingestion_partitions_tenant_shard_size'),
      ...of('limits_config', 'max_queriers_per_tenant', 'max_query_capacity', 'shard_streams'),
      ...of('limits_config', 'use_owned_stream_count'),
      ...of('pattern_ingester', 'client_config', 'connection_timeout', 'lifecycler', 'tee_config'),
    ],
  },
  {
    why: 'The store has no gRPC.',
    keys: of(
      'server',
      ...['grpc_collect_max_streams_by_conn', 'grpc_listen_address', 'grpc_listen_conn_limit'],
      ...['grpc_listen_network', 'grpc_listen_port', 'grpc_server_keepalive_time'],
      ...['grpc_server_keepalive_timeout', 'grpc_server_max_concurrent_streams'],
      ...['grpc_server_max_connection_age', 'grpc_server_max_connection_age_grace'],
      ...['grpc_server_max_connection_idle', 'grpc_server_max_recv_msg_size'],
      ...['grpc_server_max_send_msg_size', 'grpc_server_min_time_between_pings'],
      ...['grpc_server_num_workers', 'grpc_server_ping_without_stream_allowed'],
      ...['grpc_server_recv_buffer_pools_enabled', 'grpc_server_stats_tracking_enabled'],
      ...['grpc_tls_config', 'report_grpc_codes_in_instrumentation_label_enabled'],
    ),
  },
  {
    why: 'Skald does not log every request, and has no tracing.',
    keys: [
      ...['operational_config', 'profiling', 'tracing', 'use_buffered_logger', 'use_sync_logger'],
      ...of('server', 'create_new_traces', 'http_log_closed_connections_without_response_enabled'),
      ...of('server', 'log_request_at_info_level_enabled', 'log_request_headers'),
      ...of('server', 'log_request_exclude_headers_list', 'log_source_ips_enabled'),
      ...of('server', 'log_source_ips_full', 'log_source_ips_header', 'log_source_ips_regex'),
      ...of('server', 'trace_request_exclude_headers_list', 'trace_request_headers'),
    ],
  },
  {
    why: 'Skald sends no usage reports.',
    keys: ['analytics'],
  },
  {
    why: 'Queries end after limits_config.query_timeout, and a shutdown waits for requests in progress.',
    keys: of('server', 'graceful_shutdown_timeout', 'http_server_write_timeout'),
  },
  {
    why: 'Only requests between the parts of Loki carry the name of a cluster.',
    keys: of('server', 'cluster_validation'),
  },
  {
    why: 'Segments and their catalog are the only index and the only storage format.',
    keys: [
      ...['block_builder', 'block_scheduler', 'bloom_build', 'bloom_compactor', 'bloom_gateway'],
      ...['dataobj', 'dataobj_explorer', 'ingester', 'ingester_rf1', 'ingester_rf1_client'],
      ...['metastore', 'metastore_client', 'querier_rf1', 'schema_config'],
      ...of('storage_config', 'bloom_shipper', 'boltdb', 'boltdb_shipper', 'tsdb_shipper'),
      ...of('storage_config', 'disable_broad_index_queries', 'index_cache_validity'),
      ...of('storage_config', 'index_queries_cache_config', 'max_chunk_batch_size'),
      ...of('storage_config', 'max_parallel_get_chunk'),
      ...of('table_manager', 'chunk_tables_provisioning', 'creation_grace_period'),
      ...of('table_manager', 'index_tables_provisioning', 'poll_interval'),
      ...of('table_manager', 'throughput_updates_disabled'),
      ...of('limits_config', 'bloom_block_encoding', 'bloom_build_builder_response_timeout'),
      ...of('limits_config', 'bloom_build_max_builders', 'bloom_build_task_max_retries'),
      ...of('limits_config', 'bloom_compactor_enable_compaction', 'bloom_compactor_max_block_size'),
      ...of('limits_config', 'bloom_compactor_max_bloom_size', 'bloom_compactor_shard_size'),
      ...of('limits_config', 'bloom_creation_enabled', 'bloom_false_positive_rate'),
      ...of('limits_config', 'bloom_gateway_cache_key_interval'),
      ...of('limits_config', 'bloom_gateway_enable_filtering', 'bloom_gateway_shard_size'),
      ...of('limits_config', 'bloom_max_block_size', 'bloom_max_bloom_size', 'bloom_ngram_length'),
      ...of('limits_config', 'bloom_ngram_skip', 'bloom_planning_strategy'),
      ...of('limits_config', 'bloom_prefetch_blocks', 'bloom_split_series_keyspace_by'),
      ...of('limits_config', 'bloom_task_target_series_chunk_size', 'query_ready_index_num_days'),
      ...of('limits_config', 'max_chunks_per_query', 'unordered_writes', 'enforce_metric_name'),
    ],
  },
  {
    why: 'The client of the bucket decides on its own how many requests it sends, and in which form.',
    keys: [
      ...of('common.storage', 'congestion_control', 'filesystem.admin_api_directory', 'hedging'),
      ...of('storage_config', 'congestion_control', 'hedging'),
      ...['common.storage.s3', 'storage_config.aws'].map(block => `${block}.chunk_delimiter`),
      ...of('storage_config.aws', 'dynamodb'),
      ...['common.storage.object_store.s3', 'storage_config.object_store.s3'].flatMap(block => [
        ...of(block, 'list_objects_version', 'native_aws_auth_enabled', 'part_size'),
        ...of(block, 'send_content_md5', 'trace', 'http.tls_handshake_timeout'),
        ...of(block, 'http.expect_continue_timeout', 'http.max_idle_connections'),
        ...of(block, 'http.max_idle_connections_per_host'),
      ]),
    ],
  },
  {
    why: 'One bucket holds the lines of all tenants. Its encryption is set for all of them.',
    keys: of(
      'limits_config',
      ...['s3_sse_kms_encryption_context', 's3_sse_kms_key_id', 's3_sse_type'],
    ),
  },
  {
    why: 'Compaction decides on its own what to merge, when and where. Queries never return lines past their retention period.',
    keys: [
      ...['ballast_bytes'],
      ...of('common', 'scratch_path'),
      ...of('compactor', 'apply_retention_interval', 'backup_delete_request_store_db_type'),
      ...of('compactor', 'compaction_interval', 'delete_batch_size'),
      ...of('compactor', 'delete_request_store_db_type', 'delete_request_store_key_prefix'),
      ...of('compactor', 'deletion_marker_object_store_prefix', 'max_compaction_parallelism'),
      ...of('compactor', 'retention_backoff_config', 'retention_delete_worker_count'),
      ...of('compactor', 'retention_table_timeout'),
      ...of('compactor', 'shared_store_key_prefix', 'upload_parallelism', 'working_directory'),
    ],
  },
  {
    why: 'The store does not cache answers.',
    keys: [
      ...['query_range'],
      ...of('chunk_store_config', 'cache_lookups_older_than', 'chunk_cache_config'),
      ...of('chunk_store_config', 'chunk_cache_config_l2', 'l2_chunk_cache_handoff'),
      ...of('chunk_store_config', 'min_chunk_age', 'skip_query_writeback_cache_older_than'),
      ...of('chunk_store_config', 'write_dedupe_cache_config'),
      ...of('limits_config', 'engine_results_cache_time_bucket_interval'),
      ...of('limits_config', 'max_cache_freshness_per_query', 'max_metadata_cache_freshness'),
      ...of('limits_config', 'max_stats_cache_freshness'),
    ],
  },
  {
    why: 'The store plans and splits each query according to the data it finds.',
    keys: [
      ...['query_engine'],
      ...of('limits_config', 'debug_engine_streams', 'debug_engine_tasks'),
      ...of('limits_config', 'enable_multi_variant_queries', 'max_query_parallelism'),
      ...of('limits_config', 'max_scan_task_parallelism', 'min_sharding_lookback'),
      ...of('limits_config', 'recent_metadata_query_window', 'split_ingester_queries_by_interval'),
      ...of('limits_config', 'split_instant_metric_queries_by_interval'),
      ...of('limits_config', 'split_metadata_queries_by_interval'),
      ...of('limits_config', 'split_recent_metadata_queries_by_interval'),
      ...of('limits_config', 'tsdb_max_bytes_per_shard', 'tsdb_max_query_parallelism'),
      ...of('limits_config', 'tsdb_precompute_chunks', 'tsdb_sharding_strategy'),
    ],
  },
  {
    why: 'The store computes patterns and volumes at query time. It collects and writes nothing in addition to the lines.',
    keys: [
      ...of('limits_config', 'metric_aggregation_enabled', 'pattern_persistence_enabled'),
      ...of('limits_config', 'pattern_ingester_tokenizable_json_fields_append'),
      ...of('limits_config', 'pattern_ingester_tokenizable_json_fields_default'),
      ...of('limits_config', 'pattern_ingester_tokenizable_json_fields_delete'),
      ...of('limits_config', 'pattern_persistence_granularity', 'pattern_rate_threshold'),
      ...of('pattern_ingester', 'chunk_sample', 'concurrent_flushes', 'flush_check_period'),
      ...of('pattern_ingester', 'max_allowed_line_length', 'max_chunk_age', 'max_clusters'),
      ...of('pattern_ingester', 'max_eviction_ratio', 'metric_aggregation', 'pattern_persistence'),
      ...of('pattern_ingester', 'pattern_sample_interval', 'retain_for', 'volume_threshold'),
    ],
  },
  {
    why: 'They belong to features that are refused: Kafka, policies, and limits across several distributors.',
    keys: [
      ...['ingest_limits', 'ingest_limits_frontend', 'ingest_limits_frontend_client'],
      ...['kafka_config', 'kafka_ingester'],
      ...of('limits_config', 'policy_stream_mapping'),
    ],
  },
  {
    why: 'They change how a line looks or is found. Skald has a single way to do this.',
    keys: of(
      'limits_config',
      ...['discover_generic_fields', 'log_level_from_json_max_depth'],
      ...['max_line_size_truncate_identifier', 'simulated_push_latency'],
    ),
  },
  {
    why: 'Logs Drilldown always gets the same set of limits.',
    keys: ['tenant_limits_allow_publish'],
  },
  {
    why: 'The store evaluates rules itself, with threads that only rules use. There is no query frontend to ask.',
    keys: of('ruler', 'evaluation.mode', 'evaluation.max_jitter', 'evaluation.query_frontend'),
  },
  {
    why: 'The store keeps the state of rules in the catalog, and the samples for other servers below `remote-write` in the data directory; replicas keep both in PostgreSQL, where they also divide the groups among themselves.',
    keys: [
      ...of('ruler', 'enable_sharding'),
      ...of('ruler', 'flush_period', 'query_stats_enabled', 'ring', 'rule_path', 'ruler_client'),
      ...of(
        'ruler',
        'search_pending_for',
        'sharding_algo',
        'sharding_strategy',
        'wal',
        'wal_cleaner',
      ),
      ...of('ruler', 'enable_alertmanager_v2'),
      ...of('ruler', 'remote_write.config_refresh_period'),
      ...['azure', 'alibabacloud', 'gcs', 's3', 'bos', 'swift', 'cos'].flatMap(kind =>
        of('ruler', `storage.${kind}`),
      ),
      ...['azure', 'alibaba', 'gcs', 's3', 'bos', 'swift', 'cos', 'storage_prefix'].flatMap(kind =>
        of('ruler_storage', kind),
      ),
      ...of(
        'limits_config',
        ...['ruler_enable_wal_replay', 'ruler_evaluation_delay_duration'],
        ...['ruler_remote_evaluation_max_response_size', 'ruler_remote_evaluation_timeout'],
        ...['ruler_remote_write_queue_batch_send_deadline', 'ruler_tenant_shard_size'],
        ...['ruler_remote_write_queue_capacity', 'ruler_remote_write_queue_max_backoff'],
        ...['ruler_remote_write_queue_max_samples_per_send', 'ruler_remote_write_queue_max_shards'],
        ...['ruler_remote_write_queue_min_backoff', 'ruler_remote_write_queue_min_shards'],
        ...['ruler_remote_write_queue_retry_on_ratelimit'],
        ...['ruler_alertmanager_config.enable_alertmanager_v2'],
      ),
    ],
  },
]
