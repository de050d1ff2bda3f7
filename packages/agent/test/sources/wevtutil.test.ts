import { chmodSync } from 'node:fs'
import { test } from 'tap'
import { Wevtutil } from '../../src/sources/wevtutil.ts'

test('Wevtutil kills a program that does not end on its own', async t => {
  for (const script of ['sleep 30', 'echo "<Event>"; exec sleep 30', 'exec >&-; exec sleep 30']) {
    const directory = t.testdir({ wevtutil: `#!/bin/sh\n${script}\n` })
    chmodSync(`${directory}/wevtutil`, 0o755)
    const path = process.env.PATH
    process.env.PATH = `${directory}:${path}`
    const program = new Wevtutil(undefined, 300)
    const startedMs = performance.now()
    try {
      await t.rejects(program.recordAt('newest', 'System'), { message: /silent for 300ms/ }, script)
    } finally {
      process.env.PATH = path
      program.close()
    }
    t.ok(performance.now() - startedMs < 5_000, 'and its job goes on')
  }
})
