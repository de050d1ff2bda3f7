// The rooms of the query engine, from the top floor down. A room imports only from the floors below it.

import tap from 'tap'
import { testRooms } from '../../../test/room-map.ts'

testRooms(tap, {
  name: 'the query engine',
  testUrl: import.meta.url,
  floors: [
    ['index.ts'],
    ['detected-fields', 'formats'],
    ['engine', 'tenants'],
    ['leaf'],
    ['plan', 'syntax'],
    ['syntax-tree'],
    ['stages'],
    ['fields'],
    ['aggregation', 'tokens'],
    ['patterns', 'pipeline'],
    ['blocks', 'clock.ts', 'errors.ts', 'limits.ts', 'memory-meter.ts', 'pause.ts'],
  ],
})
