import { test } from 'tap'
import { expandEnvironment } from '../src/expand-env.ts'

test('expandEnvironment knows the forms of envsubst', async t => {
  const env = { V: 'Hello.tar.gz', EMPTY: '' }
  const f = (text: string, want: string) => t.equal(expandEnvironment(text, env), want, text)
  f('a ${V} b', 'a Hello.tar.gz b')
  f('${NONE}', '')
  f('${NONE:-d}', 'd')
  f('${EMPTY-d}', 'd')
  f('${V:=d}', 'Hello.tar.gz')
  f('${NONE:-${V}}', 'Hello.tar.gz')
  f('${#V}', '12')
  f('${V^^}', 'HELLO.TAR.GZ')
  f('${V,}', 'hello.tar.gz')
  f('${V:6}', 'tar.gz')
  f('${V:6:3}', 'tar')
  f('${V#*.}', 'tar.gz')
  f('${V##*.}', 'gz')
  f('${V%.*}', 'Hello.tar')
  f('${V%%.*}', 'Hello')
  f('${V/l/L}', 'HeLlo.tar.gz')
  f('${V//l/L}', 'HeLLo.tar.gz')
  f('${V/#Hello/Bye}', 'Bye.tar.gz')
  f('${V/%gz/xz}', 'Hello.tar.xz')
  f('$V $1 $', '$V $1 $')
  f('$${V}', '${V}')
  f('${unclosed', '${unclosed')
})

test('expandEnvironment tells what it looks up', async t => {
  const seen: [string, number][] = []
  expandEnvironment('a ${1} $${2} ${V:-d}', {}, (body, at) => seen.push([body, at]))
  t.strictSame(seen, [
    ['1', 2],
    ['V:-d', 13],
  ])
})
