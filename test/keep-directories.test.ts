import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'

const keep = join(import.meta.dirname, 'keep-directories.ts')

/** Returns whether a teardown of a test that Node runs directly finds the test's directory. */
function findsDirectory(dir: string, name: string, before: string): boolean {
  const text = `import { existsSync } from 'node:fs'
import { test } from 'tap'
${before}
test('a', async t => {
  const directory = t.testdir({ 'a.log': '1' })
  t.teardown(() => console.log('# found: ' + existsSync(directory)))
})
`
  writeFileSync(join(dir, name), text)
  const { TAP_SAVE_FIXTURE: _, ...env } = process.env
  const { stdout } = spawnSync(process.execPath, [join(dir, name)], { env, encoding: 'utf8' })
  const found = /# found: (true|false)/.exec(stdout)
  if (!found) throw new Error(stdout)
  return found[1] === 'true'
}

test('A teardown finds the directory of its test', async t => {
  const dir = t.testdir({})
  t.ok(findsDirectory(dir, 'kept.test.ts', `import '${keep}'`))
  t.notOk(findsDirectory(dir, 'gone.test.ts', ''), 'without it the directory is gone')
})
