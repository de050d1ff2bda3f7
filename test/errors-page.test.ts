// Checks that docs/errors.md, the error classes and the table of statuses agree.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { errorAnswers } from '../packages/store/src/http/error-status.ts'

const root = new URL('..', import.meta.url).pathname
const sources = execFileSync('git', ['ls-files', 'packages/*/src/*.ts'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter(name => name !== '' && existsSync(join(root, name)))
  .map(name => ({ name, text: readFileSync(join(root, name), 'utf8') }))
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')

interface Source {
  readonly name: string
  readonly text: string
}

/** Returns the error classes that callers may catch, with their possible codes. */
function errorClasses(files: readonly Source[]) {
  return files.flatMap(({ name, text }) =>
    [
      ...text.matchAll(
        /^export class (\w+) extends (\w*Error) \{([\s\S]*?)^\}|^export class (\w+) extends (\w*Error) \{\}/gm,
      ),
    ].map(([, full, parent, body = '', empty, emptyParent]) => {
      const declared = /^ {2}readonly code(?::| =)((?:\s*\|?\s*'[A-Z_]+')+)/m.exec(body)?.[1] ?? ''
      return {
        file: name,
        name: full ?? empty!,
        parent: parent ?? emptyParent!,
        codes: [...declared.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code!),
      }
    }),
  )
}

/**
 * Returns the rows of the page: the code, the status as written, and the cells with meaning and
 * remedy.
 */
function rowsOf(text: string) {
  return [...text.matchAll(/^\| `([A-Z_]+)` \| (.+?) \| (\S+) \| (.+) \|$/gm)].map(
    ([, code, meaning, status, remedy]) => ({ code: code!, meaning, status: status!, remedy }),
  )
}

/** Returns the differences between the page, the classes and the table. */
function disagreements(text: string, files: readonly Source[], answers: typeof errorAnswers) {
  const codes = new Set(errorClasses(files).flatMap(found => found.codes))
  const rows = rowsOf(text)
  const listed = rows.map(({ code }) => code)
  const ours = Object.keys(answers).filter(code => !code.startsWith('FST_'))
  return [
    ...[...codes].filter(code => !listed.includes(code)).map(code => `${code} has no row`),
    ...listed.filter(code => !codes.has(code)).map(code => `${code} is no error`),
    ...listed.filter((code, i) => listed.indexOf(code) !== i).map(code => `${code} has two rows`),
    ...ours.filter(code => !codes.has(code)).map(code => `${code} has a status and no class`),
    ...rows
      .filter(({ code, status }) => status !== String(answers[code]?.status ?? '–'))
      .map(({ code, status }) => `${code} is answered ${answers[code]?.status}, not ${status}`),
  ]
}

/** Errors that are caught within one room and never leave it. */
const withinRoom = new Set([
  'packages/query/src/pipeline/json-bytes.ts JsonTextError',
  'packages/store/src/receivers/elasticsearch/bulk-body.ts BulkSyntaxError',
  'packages/store/src/receivers/journal/journal-export.ts JournalSyntaxError',
  'packages/store/src/receivers/otlp-grpc/grpc-messages.ts GrpcError',
  'packages/store/src/receivers/splunk/events.ts HecEventError',
])

test('docs/errors.md has a row for each code, with the status that it is answered with', async t => {
  t.ok(rowsOf(page).length > 30)
  t.same(disagreements(page, sources, errorAnswers), [])
})

test('a code without a row, a row without a code and a wrong status are found', async t => {
  const text = `export class AError extends Error {
  readonly code = 'A'
}
export class BError extends SyntaxError {
  readonly code:
    | 'B_ONE'
    | 'B_TWO'
}
`
  const files = [{ name: 'a.ts', text }]
  const rows = ['| `A` | a | 400 | b |', '| `B_ONE` | a | – | b |', '| `C` | a | – | b |'].join(
    '\n',
  )
  t.same(disagreements(rows, files, { A: { status: 404 }, D: { status: 500 } }), [
    'B_TWO has no row',
    'C is no error',
    'D has a status and no class',
    'A is answered 404, not 400',
  ])
})

test('errors that somebody catches stand in errors.ts of their package and have a code', async t => {
  const classes = errorClasses(sources).filter(
    ({ file, name }) => !withinRoom.has(`${file} ${name}`),
  )
  const named = new Set(classes.map(({ name }) => name))
  t.same(
    classes.filter(({ file }) => !/^packages\/[^/]+\/src\/errors\.ts$/.test(file)),
    [],
  )
  t.same(
    classes.filter(({ codes, parent }) => codes.length === 0 && !named.has(parent)),
    [],
  )
})

/** Files of the store that set the status of an error themselves. */
function filesWithStatus(files: readonly Source[]): string[] {
  return files
    .filter(({ name }) => /^packages\/(store|wire|query)\/src\//.test(name))
    .filter(({ text }) => /Error\([^)]*\{[^}]*\bstatus:|\breadonly status = \d/.test(text))
    .map(({ name }) => name)
}

test('only the table at the rim knows statuses: errors carry codes', async t => {
  t.same(filesWithStatus(sources), [])
  const thrown = "throw new BadRequestError('no org id', {\n  status: 401 })"
  t.same(filesWithStatus([{ name: 'packages/store/src/a.ts', text: thrown }]), [
    'packages/store/src/a.ts',
  ])
})
