// The rooms of the wire, from the top floor down. A room imports only from the floors below it.

import tap from 'tap'
import { testRooms } from '../../../test/room-map.ts'

testRooms(tap, {
  name: 'the wire',
  testUrl: import.meta.url,
  floors: [
    ['index.ts', 'otlp.ts'],
    ['json-push.ts', 'otlp-json.ts', 'otlp-value.ts', 'push-codec.ts'],
    ['entry.ts', 'otlp-mapping.ts', 'push-batch-encoder.ts', 'push-stream.ts'],
    ['directory-lock.ts', 'json-body.ts', 'labels.ts', 'protobuf-fields.ts', 'snappy.ts'],
    ['snappy-wasm.ts', 'syslog-connections.ts'],
    ['snappy-js.ts', 'syslog-frames.ts'],
    ['buffer-pool.ts', 'errors.ts', 'logger.ts', 'private-directory.ts', 'process-metrics.ts'],
    [
      'byte-queue.ts',
      'compile-matcher.ts',
      'csv-cell.ts',
      'file-modes.ts',
      'fs-native-extensions.d.ts',
      'gap-marker.ts',
      'json-escapes.ts',
      'limits.ts',
      'log-settings.ts',
      'logfmt-line.ts',
      'matcher.ts',
      'order.ts',
      'plain-address.ts',
      'snappyjs.d.ts',
      'syslog-message.ts',
      'system-errors.ts',
      'terminal-colours.ts',
      'token-bucket.ts',
      'varint.ts',
      'version.ts',
      'wasm-module.ts',
      'webassembly.d.ts',
      'within.ts',
    ],
  ],
})
