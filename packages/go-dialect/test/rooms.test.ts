// The rooms of Go's dialect, from the top floor down. A room imports only from the floors below it.

import tap from 'tap'
import { testRooms } from '../../../test/room-map.ts'

testRooms(tap, {
  name: "Go's dialect",
  testUrl: import.meta.url,
  floors: [
    ['index.ts'],
    ['go-flags.ts', 'template'],
    ['number'],
    ['regex', 'time'],
    ['errors.ts', 'limits.ts', 'text'],
  ],
})
