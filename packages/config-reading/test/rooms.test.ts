// The rooms of reading configurations, from the top floor down. A room imports only from the floors
// below it.

import tap from 'tap'
import { testRooms } from '../../../test/room-map.ts'

testRooms(tap, {
  name: 'reading configurations',
  testUrl: import.meta.url,
  floors: [
    ['index.ts'],
    ['relabel.ts', 'schema-reader.ts'],
    ['config-kind.ts', 'written-values.ts'],
    ['kinds.ts', 'readers.ts'],
    ['yaml-cursor.ts'],
    ['yaml-document.ts'],
    ['errors.ts', 'expand-env.ts'],
    ['config-problem.ts'],
    ['limits.ts', 'scalars.ts'],
  ],
})
