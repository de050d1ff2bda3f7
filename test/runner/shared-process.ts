// Runs several test files in one process, one after the other: a process, tap and the modules that the files share start
// once. After each file comes a test whose name the runner (run-files.ts) knows, so that it can tell which file a result
// is from.

import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { t as root } from 'tap'
import { endOfFile } from './shared-files.ts'

const [, , rootDir = '', ...files] = process.argv
for (const file of files) {
  const path = resolve(rootDir, file)
  // As if it had a separate process, so that two files never share a directory.
  root.testdirName = resolve(rootDir, '.tap/fixtures', relative(rootDir, path).replaceAll('/', '-'))
  const failure = await import(pathToFileURL(path).href).then(
    () => undefined,
    (error: Error) => error,
  )
  await root.test(endOfFile(file), async t => {
    if (failure) throw failure
    t.pass()
  })
}
