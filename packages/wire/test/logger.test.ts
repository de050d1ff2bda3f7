import { test } from 'tap'
import type { LogFormat } from '../src/log-settings.ts'
import { createLogger } from '../src/logger.ts'

/** Creates a logger. Returns it with the lines it has written. */
function loggerOf(format: LogFormat) {
  const lines: string[] = []
  const logger = createLogger({
    level: 'info',
    format,
    destination: { write: text => lines.push(text) },
  })
  return { logger, lines }
}

test('logfmt: level, time and message first, quoted where a reader needs it', async t => {
  const { logger, lines } = loggerOf('logfmt')
  logger.info({ files: 3, path: '/a b', empty: '', none: null, list: ['x'] }, 'Agent started')
  logger.warn('null')
  logger.error({ 'a key': 'say "hi"\n' })
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
  t.match(lines[0], new RegExp(`^level=info ts=${time} msg="Agent started" files=3 path="/a b" `))
  t.match(lines[0], /empty= none=null list="\[\\"x\\"\]"\n$/)
  t.match(lines[1], new RegExp(`^level=warn ts=${time} msg="null"\n$`))
  t.match(lines[2], new RegExp(`^level=error ts=${time} a_key="say \\\\"hi\\\\"\\\\n"\n$`))
})

test('logfmt: an error is its message, with the stack after it', async t => {
  const { logger, lines } = loggerOf('logfmt')
  logger
    .child({ job: 'j' })
    .error({ err: Object.assign(new Error('no room'), { code: 'FULL' }) }, 'Cannot store')
  t.match(
    lines[0],
    /^level=error ts=\S+ msg="Cannot store" job=j err="no room" code=FULL stack="Error: no room\\n .*"\n$/,
  )
})

test('JSON: levels are words, the time is ISO', async t => {
  const { logger, lines } = loggerOf('json')
  logger.info({ files: 3 }, 'Agent started')
  logger.debug('not at this level')
  logger.level = 'debug'
  logger.debug('now it is')
  const [first, second, ...rest] = lines.map(line => JSON.parse(line))
  t.match(first, {
    level: 'info',
    ts: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
    msg: 'Agent started',
    files: 3,
  })
  t.same(Object.keys(first), ['level', 'ts', 'files', 'msg'])
  t.match(second, { level: 'debug', msg: 'now it is' })
  t.same(rest, [])
})
