import { test } from 'tap'
import { loadKinds, loadReaders, parseYaml } from '../src/index.ts'

test('Only named kinds are loaded, each once', async t => {
  const loaded: string[] = []
  const kind = (name: string) => async () => {
    loaded.push(name)
    return name
  }
  const kinds = { a: kind('a'), b: kind('b'), c: kind('c') }
  t.same([...(await loadKinds(kinds, ['b', 'toString', 'b', 'none', 'a'])).values()], ['b', 'a'])
  t.same(loaded, ['b', 'a'])
})

test('There are readers for all keys, so that unknown keys can be detected', async t => {
  const readers = await loadReaders({ a: async () => () => 1, b: async () => () => 2 }, ['b'])
  t.same(Object.keys(readers), ['a', 'b'])
  t.equal(readers.b(parseYaml('x').root), 2)
})
