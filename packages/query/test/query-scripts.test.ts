import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { parseScript } from './query-script.ts'
import { answerCase } from './script-answer.ts'

const folder = join(import.meta.dirname, 'scripts')

test('each script begins with the rule it is about', async t => {
  const files = readdirSync(folder).filter(name => name.endsWith('.test'))
  t.ok(files.length >= 60, `${files.length} scripts`)
  for (const file of files) {
    t.match(readFileSync(join(folder, file), 'utf8'), /^# [^\n]+\.\n/, file)
  }
})

for (const file of readdirSync(folder).filter(name => name.endsWith('.test'))) {
  test(`Query script ${file}`, async t => {
    for (const one of parseScript(readFileSync(join(folder, file), 'utf8'))) {
      const actual = await answerCase(one.query, one.streams)
      t.same(actual, one.expected, `line ${one.lineNumber}: ${one.title}`)
    }
  })
}
