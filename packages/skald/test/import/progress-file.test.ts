import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { loadProgress, saveProgress } from '../../src/import/progress-file.ts'

test('the progress of an import is kept, replaced, and told from other files', async t => {
  const path = join(t.testdir(), 'state.json')
  t.equal(loadProgress(path), undefined)
  const progress = {
    from: 'http://a',
    to: 'http://b',
    query: '',
    startNs: '1',
    endNs: '9',
    doneNs: '4',
    entries: 7,
  }
  saveProgress(path, progress)
  saveProgress(path, { ...progress, doneNs: '5' })
  t.same(loadProgress(path), { ...progress, doneNs: '5' })
  t.notOk(existsSync(`${path}.new`))
  for (const text of ['', '{}', '[1]', '{"startNs": "x"}']) {
    writeFileSync(path, text)
    t.throws(() => loadProgress(path), { code: 'IMPORT', message: /name another --state/ }, text)
  }
})
