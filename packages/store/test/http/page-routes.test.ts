import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { brotliDecompressSync } from 'node:zlib'
import { packUrl } from '@skald/page/pack-url'
import { test } from 'tap'
import { readPagePack } from '../../src/http/page-pack.ts'
import { startTestStore, type TestStore } from '../harness.ts'

const started = (yaml: string) => `auth_enabled: false\n${yaml}`
const get = (store: TestStore, url: string, headers: Record<string, string> = {}) =>
  store.app.inject({ url, headers })

test('the page is built', async t => {
  t.ok(existsSync(packUrl), 'node release/build-page.mjs builds it')
})

test('the page is at the root, and the browser asks for it each time', async t => {
  const store = await startTestStore(t, { yaml: started('') })
  const answer = await get(store, '/')
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    'content-security-policy': /^default-src 'self'; base-uri 'none'/,
  })
  t.notMatch(answer.headers['content-security-policy'], 'unsafe')
  t.match(answer.body, '<div id="app">')
  t.notMatch(answer.body, /<script(?![^>]* src=)|<style| on\w+=/, 'nothing is inline')
  const again = await get(store, '/', { 'if-none-match': String(answer.headers.etag) })
  t.equal(again.statusCode, 304)
  t.equal(again.body, '')
})

test('files with a hash in their name are kept for a year, and compressed as the browser likes', async t => {
  const store = await startTestStore(t, { yaml: started('') })
  const { body } = await get(store, '/')
  const links = [...body.matchAll(/(?:src|href)="\.(\/assets\/[^"]+)"/g)].map(([, path]) => path!)
  t.ok(links.length >= 2)
  for (const link of links) {
    const plain = await get(store, link)
    t.match(plain.headers['cache-control'], 'immutable')
    t.equal(plain.headers['content-encoding'], undefined)
    const brotli = await get(store, link, { 'accept-encoding': 'gzip, br' })
    t.equal(brotli.headers['content-encoding'], 'br')
    t.equal(brotliDecompressSync(brotli.rawPayload).toString(), plain.body)
    const gzip = await get(store, link, { 'accept-encoding': 'gzip, br;q=0' })
    t.equal(gzip.headers['content-encoding'], 'gzip')
    t.equal((await store.app.inject({ method: 'HEAD', url: link })).statusCode, 200)
  }
  t.equal((await get(store, '/assets/none.js')).statusCode, 404)
})

test('the page is below the prefix of the paths', async t => {
  const store = await startTestStore(t, { server: 'http_path_prefix: /logs' })
  const bare = await get(store, '/logs')
  t.equal(bare.statusCode, 301)
  t.equal(bare.headers.location, '/logs/')
  const { body } = await get(store, '/logs/')
  const link = /src="\.(\/[^"]+)"/.exec(body)![1]
  t.equal((await get(store, `/logs${link}`)).statusCode, 200)
  t.equal((await get(store, '/')).statusCode, 404)
})

test('page.enabled: false leaves a list of links', async t => {
  const store = await startTestStore(t, { yaml: started('page: {enabled: false}') })
  const { body } = await get(store, '/')
  t.match(body, '<h1>Skald')
  t.match(body, 'href="/metrics"')
})

test('a file with the page that is cut short or too large is refused, and a missing one is no page', async t => {
  const dir = t.testdir({ huge: '' })
  const whole = readFileSync(packUrl)
  writeFileSync(join(dir, 'short'), whole.subarray(0, whole.length - 1))
  writeFileSync(join(dir, 'huge'), Buffer.alloc(16 * 1024 * 1024 + 1))
  const read = (name: string) => readPagePack(pathToFileURL(join(dir, name)))
  t.throws(() => read('short'), /^Cannot read the page: .* ends early$/)
  t.throws(() => read('huge'), /at most 16777216 are allowed$/)
  t.same(read('missing'), [])
})

test('the page takes at most 250 KB of scripts, and 100 KB before the first lines', async t => {
  const scripts = readPagePack(packUrl).filter(({ path }) => path.endsWith('.js'))
  const { length: all } = Buffer.concat(scripts.map(({ gzip }) => gzip))
  const first = scripts.filter(({ path }) => path.includes('/index-'))
  t.equal(first.length, 1)
  t.comment(`${all} bytes, ${first[0]!.gzip.length} at first`)
  t.ok(all <= 250_000, `${all} bytes`)
  t.ok(first[0]!.gzip.length <= 100_000, `${first[0]!.gzip.length} bytes`)
})
