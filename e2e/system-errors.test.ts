// Errors of the disk on a real process: strace makes its system calls fail. Without strace, or where it may
// not trace, the test skips with one line.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { t as root, type Test, test } from 'tap'
import {
  loopbackHost,
  reservePort,
  skaldCommand,
  spawnProgram,
  waitUntilReady,
} from './skald-process.ts'

root.setTimeout(170_000)

/** Whether strace may make calls fail here. */
const mayInject =
  spawnSync('strace', ['-qq', '-e', 'inject=fsync:error=EIO', '-o', '/dev/null', 'true']).status ===
  0

interface Running {
  readonly url: string
  end(): Promise<void>
}

async function start(dir: string, inject: string | undefined): Promise<Running> {
  const port = await reservePort()
  const config = join(dir, 'store.yaml')
  mkdirSync(dir, { recursive: true })
  writeFileSync(
    config,
    `auth_enabled: false
server: {http_listen_address: ${loopbackHost}, http_listen_port: ${port}}
common: {path_prefix: ${JSON.stringify(join(dir, 'data'))}}
`,
  )
  const store = [skaldCommand, 'store', `-config.file=${config}`]
  // A thread counts its own calls, so the errors come at different moments.
  const traced = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${inject?.split(':')[0]}`]
  const command =
    inject === undefined ? store : ['strace', ...traced, '-e', `inject=${inject}`, ...store]
  const program = spawnProgram(command[0]!, {
    args: command.slice(1),
    outputFile: join(dir, 'store.log'),
  })
  const url = `http://${loopbackHost}:${port}`
  await waitUntilReady(program, `${url}/ready`, 60_000)
  return {
    url,
    end: async () => {
      // strace ends with its only process.
      const children = `/proc/${program.pid}/task/${program.pid}/children`
      const held = inject === undefined ? '' : readFileSync(children, 'utf8').trim()
      if (held !== '') process.kill(Number(held), 'SIGKILL')
      await program.end('SIGKILL')
    },
  }
}

async function push(url: string, number: number) {
  const values = [[`${Date.now()}${String(number).padStart(6, '0')}`, `line ${number}`]]
  return fetch(`${url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ streams: [{ stream: { app: 'x' }, values }] }),
  })
}

async function lines(url: string): Promise<string[]> {
  const query = new URLSearchParams({ query: '{app="x"}', limit: '1000' })
  const answer = await fetch(`${url}/loki/api/v1/query_range?${query}`)
  const { data } = (await answer.json()) as {
    data: { result: { values: [string, string][] }[] }
  }
  return data.result.flatMap(({ values }) => values.map(([, line]) => line))
}

for (const inject of ['fdatasync:error=EIO:when=8..9', 'fsync:error=ENOSPC:when=8..9']) {
  test(`a store answers 503 and heals when the system answers ${inject}`, async (t: Test) => {
    if (!mayInject) {
      t.comment('skipped: strace is not installed, or may not trace')
      return
    }
    const dir = t.testdir()
    const store = await start(dir, inject)
    const acknowledged: string[] = []
    const refused: string[] = []
    try {
      let inARow = 0
      for (let i = 0; i < 120 && (inARow < 12 || refused.length === 0); i++) {
        const answer = await push(store.url, i)
        if (answer.status === 204) {
          acknowledged.push(`line ${i}`)
          inARow++
          continue
        }
        t.equal(answer.status, 503)
        t.equal(answer.headers.get('retry-after'), '1')
        refused.push(`line ${i}`)
        inARow = 0
        t.same(
          (await lines(store.url)).filter(line => acknowledged.includes(line)).sort(),
          [...acknowledged].sort(),
        )
      }
      t.ok(refused.length > 0, `${refused.length} pushes are refused`)
      t.ok(inARow >= 12, 'pushes work again without a restart')
    } finally {
      await store.end()
    }
    const next = await start(dir, undefined)
    try {
      const found = await lines(next.url)
      t.same(
        acknowledged.filter(line => !found.includes(line)),
        [],
        'nothing is lost',
      )
      t.equal(new Set(found).size, found.length)
    } finally {
      await next.end()
    }
  })
}
