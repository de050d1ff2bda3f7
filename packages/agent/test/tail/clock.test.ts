import { appendFileSync } from 'node:fs'
import { test } from 'tap'
import { configText, lines, startReceiver, startTestAgent, text } from '../harness.ts'

/** Moves the machine's time, as this process sees it. */
function moveTime(ms: number): () => void {
  const before = Date.now
  Date.now = () => before() + ms
  return () => {
    Date.now = before
  }
}

for (const hours of [-1, 1]) {
  test(`Agent goes on when the clock is set by ${hours} h`, async t => {
    const directory = t.testdir({ 'a.log': text(lines('n', 1, 2)) })
    const receiver = await startReceiver(t)
    const job = `    pipeline_stages:
      - limit: {rate: 1000, burst: 1000}
      - multiline: {firstline: "^n", max_wait_time: 100ms}
`
    const agent = await startTestAgent(t, configText({ directory, url: receiver.url, job }))
    await receiver.until(() => receiver.entries.length === 2)
    t.teardown(moveTime(hours * 3_600_000))
    for (let i = 3; i <= 6; i++) {
      appendFileSync(`${directory}/a.log`, `n ${i}\n`)
      await receiver.until(() => receiver.entries.length === i)
    }
    t.strictSame(
      receiver.entries.map(({ line }) => line),
      lines('n', 1, 6),
    )
    await agent.stop()
  })
}
