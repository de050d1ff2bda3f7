import { test } from 'tap'
import { JsonLines } from '../../src/discovery/json-lines.ts'

test('JsonLines joins lines across any chunk boundaries', async t => {
  const bytes = Buffer.from('{"a":"é"}\n\n{"b":[1,2]}\r\n{"c":"\\n"}\n{"rest":')
  const want = [{ a: 'é' }, { b: [1, 2] }, { c: '\n' }]
  for (let cut = 0; cut <= bytes.length; cut++) {
    for (const second of [cut, Math.min(cut + 1, bytes.length)]) {
      const lines = new JsonLines()
      const parts = [bytes.subarray(0, cut), bytes.subarray(cut, second), bytes.subarray(second)]
      const found = parts.flatMap(part => [...lines.push(part)])
      t.same(found, want, `cut at ${cut} and ${second}`)
      t.ok(lines.hasRest)
    }
  }
})

test('JsonLines rejects invalid JSON and endless lines', async t => {
  t.throws(() => [...new JsonLines().push(Buffer.from('<html>\n'))], { name: 'SyntaxError' })
  const lines = new JsonLines()
  const part = Buffer.alloc(8 * 1024 * 1024, 'x')
  t.throws(
    () => {
      for (let i = 0; i < 5; i++) t.same([...lines.push(part)], [])
    },
    { name: 'RangeError', message: /longer than 33554432 bytes/ },
  )
})
