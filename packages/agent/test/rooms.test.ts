// The rooms of the agent, from the top floor down. A room imports only from the floors below it.

import tap from 'tap'
import { readSources, testRooms } from '../../../test/room-map.ts'

testRooms(tap, {
  name: 'the agent',
  testUrl: import.meta.url,
  floors: [
    ['index.ts'],
    ['command.ts'],
    ['agent.ts'],
    ['lane.ts'],
    ['inspect', 'http', 'reload.ts'],
    ['config'],
    ['discovery', 'tail', 'sources'],
    ['pipeline', 'targets'],
    ['push', 'config-reading'],
    ['gaps'],
    ['line', 'files', 'net', 'metrics', 'state-lock.ts', 'config-watch.ts', 'repeated-task.ts'],
    ['clocks.ts', 'errors.ts', 'limits.ts'],
  ],
})

tap.test('The agent knows nothing of queries or of the store', t => {
  const named = Object.entries(readSources(import.meta.url)).filter(([, text]) =>
    /'@skald\/(query|store)/.test(text),
  )
  t.same(named, [])
  t.end()
})
