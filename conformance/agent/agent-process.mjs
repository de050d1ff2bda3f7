// Starts and ends the agent under test, hands out loopback ports, and receives what agents push.

import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'

export const sleep = ms => new Promise(r => setTimeout(r, ms))
// For races: does not hold the process.
export const limit = ms => new Promise(r => setTimeout(r, ms).unref())
export const asList = v => (v === undefined ? [] : Array.isArray(v) ? v : [v])

const reserved = new Set()
const tryPort = port =>
  new Promise(done => {
    const s = createTcpServer()
    s.once('error', () => done(0))
    s.listen(port, '127.0.0.1', () => {
      const p = s.address().port
      s.close(() => done(p))
    })
  })

/** A free loopback port: any, or one of the range [from, to]. */
export async function takePort(range) {
  for (let round = 0; round < 600; round++) {
    for (let p = range ? range[0] : 0; p <= (range ? range[1] : 0); p++) {
      if (reserved.has(p)) continue
      if (range) reserved.add(p)
      const got = await tryPort(p)
      if (got && (range || !reserved.has(got))) {
        reserved.add(got)
        return got
      }
      if (range) reserved.delete(p)
    }
    await sleep(100)
  }
  throw new Error('no free port')
}
export const givePort = p => reserved.delete(p)

/** One HTTP server for all agents; the first part of the path says which process pushed. */
export async function startReceiver(port, decode) {
  const sinks = new Map()
  const server = createHttpServer((req, res) => {
    const chunks = []
    req.on('data', d => chunks.push(d))
    req.on('end', () => {
      const [, id, ...rest] = (req.url ?? '').split('?')[0].split('/')
      const sink = sinks.get(id)
      if (!sink) {
        res.statusCode = 404
        res.end()
        return
      }
      const status = sink.status()
      if (status >= 300) {
        res.statusCode = status
        res.end(`status ${status} as told\n`)
        sink.refused(req, status)
        return
      }
      try {
        if (req.method !== 'POST' || rest.join('/') !== 'loki/api/v1/push')
          throw new Error(`${req.method} ${req.url}`)
        const type = req.headers['content-type']
        if (type !== 'application/x-protobuf') throw new Error(`content type ${type}`)
        sink.push(decode(Buffer.concat(chunks)), req)
        res.statusCode = 204
      } catch (e) {
        sink.bad(e.message)
        res.statusCode = 400
      }
      res.end()
    })
  })
  await new Promise((ok, no) => {
    server.once('error', no)
    server.listen(port, '127.0.0.1', ok)
  })
  return {
    port: server.address().port,
    sinks,
    close: () =>
      new Promise(r => {
        server.close(r)
        server.closeAllConnections()
      }),
  }
}
const agentEnv = extra => {
  const env = {
    ...process.env,
    TZ: 'UTC',
    HOSTNAME: 'conformance-host',
    CONFORMANCE_VALUE: 'forty-two',
    ...extra,
  }
  for (const k of Object.keys(env)) if (k.startsWith('JAEGER_')) delete env[k]
  return env
}

const running = new Set()
// An agent runs in its own process group, so a wrapper in its command line gets the signals too.
const signalGroup = (agent, signal) => {
  try {
    process.kill(-agent.child.pid, signal)
  } catch {
    /* gone */
  }
}
process.once('exit', () => {
  for (const a of running) signalGroup(a, 'SIGKILL')
})
for (const s of ['SIGINT', 'SIGTERM']) process.once(s, () => process.exit(130))

/** Starts the command of --agent; output goes to a file. */
export function startAgent(command, configFile, outFile, args, env, cwd) {
  const quote = s => `'${String(s).replaceAll("'", "'\\''")}'`
  const line =
    command.replaceAll('{{CONFIG}}', quote(configFile)) +
    asList(args)
      .map(a => ` ${quote(a)}`)
      .join('')
  const fd = openSync(outFile, 'a')
  const child = spawn('/bin/sh', ['-c', `exec ${line}`], {
    stdio: ['ignore', fd, fd],
    env: agentEnv(env),
    cwd,
    detached: true,
  })
  closeSync(fd)
  const agent = { child, exit: undefined }
  running.add(agent)
  agent.done = new Promise(r => {
    const ended = exit => {
      agent.exit = exit
      running.delete(agent)
      r()
    }
    child.once('error', e => ended({ code: -1, signal: e.message }))
    child.once('exit', (code, signal) => ended({ code, signal }))
  })
  return agent
}

/** Signals the agent and waits; after the time limit it is killed. Returns false when it had to be killed. */
export async function stopAgent(agent, signal = 'SIGTERM', limitMs = 20000) {
  if (agent.exit) return true
  signalGroup(agent, signal)
  await Promise.race([agent.done, limit(limitMs)])
  if (agent.exit) return true
  signalGroup(agent, 'SIGKILL')
  await Promise.race([agent.done, limit(5000)])
  return false
}

/** Returns the end of a file. */
export const tail = (file, n = 600) => {
  try {
    const t = readFileSync(file, 'utf8').replace(/\s+$/, '')
    return t.length > n ? `...${t.slice(-n)}` : t
  } catch {
    return ''
  }
}
