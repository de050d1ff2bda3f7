// The rooms of the page, from the top floor down. A room imports only from the floors below it.

import tap from 'tap'
import { testRooms } from '../../../test/room-map.ts'

testRooms(tap, {
  name: 'the page',
  testUrl: import.meta.url,
  floors: [
    ['main.tsx'],
    ['views'],
    ['parts'],
    ['editor'],
    ['state'],
    ['logql', 'texts'],
    ['line'],
    ['api'],
    ['errors.ts', 'limits.ts', 'pack-url.ts', 'styles'],
  ],
})
