import { parseLabelSet } from '@skald/wire'
import { test } from 'tap'
import { coverStreams } from '../../src/import/selectors.ts'

test('coverStreams selects every stream once', async t => {
  t.same(coverStreams([]), [])
  t.same(coverStreams([{}]), [], 'a stream without labels cannot be selected')
  t.same(coverStreams([{ app: 'a' }, { app: 'b', pod: 'x' }]), ['{app=~".+"}'])
  const streams = [
    { job: 'varlogs', filename: 'a' },
    { job: 'varlogs', filename: 'b' },
    { namespace: 'shop', pod: 'p' },
    { namespace: 'shop', pod: 'q', job: 'shop/web' },
    { unit: 'ssh.service' },
  ]
  const selectors = coverStreams(streams)
  t.same(selectors, [
    '{job=~".+"}',
    '{job="", namespace=~".+"}',
    '{job="", namespace="", unit=~".+"}',
  ])
  for (const labels of streams) {
    const fitting = selectors.filter(selector => fits(labels, selector))
    t.equal(fitting.length, 1, JSON.stringify(labels))
  }
})

/** Whether labels fit a selector of the two forms that are made: `name=""` and `name=~".+"`. */
function fits(labels: Readonly<Record<string, string>>, selector: string): boolean {
  const matchers = parseLabelSet(selector.replaceAll('=~', '='))
  const wanted = new Map(matchers.map(({ name, value }) => [name, value]))
  const absent = [...selector.matchAll(/(\w+)=""/g)].map(([, name]) => name!)
  return (
    absent.every(name => !(name in labels)) &&
    [...wanted].every(
      ([name, value]) => value !== '.+' || (labels as Record<string, string>)[name] !== undefined,
    )
  )
}
